import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import warnings

    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    import neurosim as ns

    warnings.simplefilter("ignore", ns.ApproximationWarning)  # `explain` tells what they say
    BLUE, RED, GREY = "#0072B2", "#D55E00", "#7F7F7F"
    return BLUE, GREY, LogisticRegression, RED, load_digits, mo, np, ns, plt


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 15. A classifier on integer hardware

    Neuromorphic chips compute with whole numbers: weights of 8 bits, potentials of 24, time
    constants in parts of 4,096. What becomes of a network there, and can one know before there is
    a chip? Here a small classifier of digits goes from its description to the integers of Intel's
    Loihi, and every rounding has a name and a bound.

    ## The classifier

    Logistic regression gives ten columns of weights. Pixels fire with a probability that is their
    ink, ten integrators add up what arrives, and the one that fires most is the answer. (A weight
    that is the same for all classes shifts all potentials alike: 0.1 more of it lets the
    integrators fire often enough to be compared.)
    """)
    return


@app.cell
def _(LogisticRegression, load_digits, np):
    images, labels = load_digits(return_X_y=True)
    regression = LogisticRegression(C=0.05, max_iter=500).fit(images[:1400] / 16, labels[:1400])
    weights = regression.coef_.T + 0.1
    STEPS = 32
    shown = np.random.default_rng(0).random((397, STEPS, 64)) < images[1400:, np.newaxis] / 16
    wanted = labels[1400:]
    return STEPS, shown, wanted, weights


@app.cell
def _(STEPS, np, ns, shown, weights):
    def classifier(weights):
        """Return the network."""
        net = ns.Network("classifier", dt=1.0)
        pixels = net.population("pixels", 64, ns.Input("spikes"))
        integrator = ns.PerfectIntegrator(synapses=ns.Delta(), V_th=8.0, reset="to")
        classes = net.population("classes", 10, integrator)
        net.project(pixels, classes, ns.FromMatrix(weights))
        net.record(classes, ["spikes", "V_m"])
        return net

    def runs(net, backend, pictures):
        """Yield the run of each picture, from the same start."""
        session = ns.compile(net, backend)
        for picture in pictures:
            session.reset()
            yield session.run(STEPS, inputs={"pixels": shown[picture]}, progress=False)

    def counts(net, backend):
        """Return the spikes of every class for every picture: (n_pictures, 10)."""
        return np.array([r.spikes["classes"].counts() for r in runs(net, backend, range(397))])

    net = classifier(weights)
    net
    return classifier, counts, net, runs


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What the chip will do with it

    `explain` runs nothing. It says of each part whether it passes, is approximated (how, and how
    far off it may be), or is refused (why, and what is nearest).
    """)
    return


@app.cell
def _(net, ns):
    print(ns.explain(net, "loihi"))
    return


@app.cell
def _(BLUE, GREY, net, ns, np, plt, weights):
    _chip = ns.compile(net, "loihi")
    on_chip = np.zeros_like(weights)
    _made = _chip.connections("pixels->classes")
    on_chip[_made.pre, _made.post] = _made.weight
    _figure, _axes = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
    _axes[0].plot(weights.ravel(), on_chip.ravel(), ".", color=BLUE, markersize=3)
    _axes[0].set(xlabel="weight as described [mV]", ylabel="weight on the chip [mV]")
    _axes[1].hist((on_chip - weights).ravel(), bins=40, color=GREY)
    _axes[1].set(xlabel="difference [mV]", ylabel="synapses")
    for _ax in _axes:
        _ax.spines[["top", "right"]].set_visible(False)
    _figure
    return (on_chip,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## In floating point, and in integers

    The backend `loihi` is our own core of these integers; it runs on any machine.
    """)
    return


@app.cell
def _(counts, net, np, wanted):
    described, chip = counts(net, "cpu"), counts(net, "loihi")
    accuracy = {
        name: float(np.mean(c.argmax(1) == wanted))
        for name, c in (("as described", described), ("in integers", chip))
    }
    changed = int(np.abs(described - chip).sum())
    for _name, _value in accuracy.items():
        print(f"{_name}: {100 * _value:.1f} % of 397 pictures")
    print(f"{changed} of {described.sum()} spikes differ")
    return accuracy, changed, chip, described


@app.cell
def _(BLUE, RED, net, np, plt, runs, wanted):
    _a = next(runs(net, "cpu", [0])).states["classes"]["V_m"].array
    _b = next(runs(net, "loihi", [0])).states["classes"]["V_m"].array
    _figure, _axes = plt.subplots(
        2, 1, figsize=(7, 3.6), layout="constrained", sharex=True, height_ratios=(2, 1)
    )
    _steps = np.arange(1, len(_a) + 1)
    _axes[0].step(_steps, _a[:, wanted[0]], color=BLUE, label="as described")
    _axes[0].step(_steps, _b[:, wanted[0]], "--", color=RED, label="in integers")
    _axes[0].set(ylabel="V_m [mV]", title=f"class {wanted[0]}, shown a {wanted[0]}")
    _axes[0].legend(frameon=False)
    _axes[1].plot(_steps, _b - _a, color="#BBBBBB", linewidth=0.8)
    _axes[1].set(xlabel="step", ylabel="difference [mV]")
    for _ax in _axes:
        _ax.spines[["top", "right"]].set_visible(False)
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Potentials differ by what the weights were rounded by, summed over the spikes that came in. A
    spike is gained or lost only where a potential passes near the threshold.

    ## How many bits does it take?

    Synapse memory is what a chip has least of. Rounding the weights to fewer bits, sign included,
    before the network is made shows how many this classifier needs.
    """)
    return


@app.cell
def _(classifier, counts, np, wanted, weights):
    def rounded(bits):
        """Return weights of so many bits, one of them the sign."""
        step = np.abs(weights).max() / max(2 ** (bits - 1) - 1, 0.5)
        return np.rint(weights / step) * step

    bits = np.arange(2, 9)
    by_bits = [
        float(np.mean(counts(classifier(rounded(b)), "loihi").argmax(1) == wanted)) for b in bits
    ]
    return bits, by_bits


@app.cell
def _(BLUE, GREY, accuracy, bits, by_bits, plt):
    _figure, _ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
    _ax.axhline(100 * accuracy["as described"], color=GREY, linestyle="--", label="as described")
    _ax.plot(bits, [100 * x for x in by_bits], "o-", color=BLUE, label="in integers")
    _ax.set(xlabel="bits of a weight", ylabel="accuracy [%]", ylim=(0, 100))
    _ax.spines[["top", "right"]].set_visible(False)
    _ax.legend(frameon=False)
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Leaks and time steps

    An integrator has no time constant. Give it one, and the chip keeps it as a decay in parts of
    4,096 per step: coarse, if steps are short.
    """)
    return


@app.cell
def _(ns):
    def told(dt):
        """Return what the chip makes of a time constant of 20 ms."""
        leaky = ns.Network("leaky", dt=dt)
        leaky.population("cells", 3, ns.LIF(tau_m=20, t_ref=0, synapses=ns.Delta()))
        lines = str(ns.explain(leaky, "loihi")).splitlines()
        return next(line.strip() for line in lines if "tau_m" in line)

    decays = {dt: told(dt) for dt in (0.1, 1.0)}
    for _dt, _line in decays.items():
        print(f"dt = {_dt} ms: {_line}")
    return (decays,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    What has no form on the chip is refused, not bent. A refractory time, for one:
    """)
    return


@app.cell
def _(ns):
    _wrong = ns.Network("refused", dt=1.0)
    _wrong.population("cells", 3, ns.LIF(t_ref=2))
    try:
        ns.run(_wrong, 10, backend="loihi")
    except ns.UnsupportedError as _error:
        refusal = str(_error)
        print(refusal)
    return (refusal,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Is that really what Lava does?

    Lava is Intel's own framework, with models that are the chip's to the bit. It needs a Python
    of its own: `neurosim backend install lava` makes an environment for it. Where it is there,
    the backend `lava` hands over the same integers, and the answer is not *nearly the same*.
    """)
    return


@app.cell
def _(net, ns, np, runs):
    try:
        in_lava = list(runs(net, "lava", [0, 1]))
    except ns.UnavailableError as _error:
        in_lava = None
        print(_error)
    if in_lava is not None:
        _ours = list(runs(net, "loihi", [0, 1]))
        same_bits = all(
            np.array_equal(a.states["classes"]["V_m"].array, b.states["classes"]["V_m"].array)
            and a.spikes["classes"].times.tolist() == b.spikes["classes"].times.tolist()
            for a, b in zip(_ours, in_lava, strict=True)
        )
        print(f"the same in every bit: {same_bits}")
    else:
        same_bits = None
    return (same_bits,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Take the trained network of lesson 12 to the chip. Its neurons leak: which time constant
       does the chip give them, and what does that cost?
    2. Multiply all weights and the threshold by 3. Which numbers on the chip change? (None. Why?)
    3. Make the weights of one class ten times as large. What happens to the others, whose exponent
       they share?
    4. Which of the 397 pictures does the chip get wrong that the description gets right? Look at
       the counts: how far apart were the first two?
    """)
    return


@app.cell
def test_weights_are_off_by_no_more_than_was_told(net, np, ns, on_chip, weights):
    told_bound = next(
        float(line.rsplit("up to ", 1)[1].split()[0])
        for line in str(ns.explain(net, "loihi")).splitlines()
        if "weights: integers" in line
    )
    assert 0.9 * told_bound <= np.abs(on_chip - weights).max() <= told_bound * 1.001
    return


@app.cell
def test_integers_classify_as_well(accuracy, changed, chip, described):
    assert accuracy["as described"] > 0.8
    assert abs(accuracy["in integers"] - accuracy["as described"]) < 0.01
    assert 0 < changed < 0.02 * described.sum()
    assert chip.shape == described.shape
    return


@app.cell
def test_few_bits_are_too_few(accuracy, by_bits):
    assert by_bits[0] < accuracy["as described"] - 0.1
    assert abs(by_bits[-1] - accuracy["as described"]) < 0.01
    return


@app.cell
def test_short_steps_make_coarse_decays(decays, refusal):
    off = {dt: float(line.rsplit("up to ", 1)[1].split()[0]) for dt, line in decays.items()}
    assert off[0.1] > 5 * off[1.0]
    assert "refractor" in refusal
    return


@app.cell
def test_lava_gives_the_same_bits(same_bits):
    assert same_bits in (True, None)
    return


if __name__ == "__main__":
    app.run()

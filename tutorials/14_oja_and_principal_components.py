import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA

    import neurosim as ns

    BLUE, RED, GREY = "#0072B2", "#D55E00", "#7F7F7F"
    return BLUE, GREY, PCA, RED, load_digits, mo, np, ns, plt


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 14. Oja's rule and the principal components of digits

    *What fires together wires together* is half a rule: weights that only grow have no end. Oja
    (1982, J. Math. Biol. 15:267) added the least that keeps them finite,

    $$\frac{dw}{dt} = \eta\, y\, (x - y\, w), \qquad y = w \cdot x,$$

    and found that a single linear neuron then computes what statisticians know as the first
    principal component of its inputs. Here it looks at 1,797 handwritten digits.

    ## A neuron that looks at pictures

    64 linear units repeat the pixels, and one unit adds them up through weights that learn. The
    pictures come through `Input("current")`, one every 5 ms, in random order. They have been freed
    of their mean, as for any principal component.
    """)
    return


@app.cell
def _(load_digits, np):
    digits, labels = load_digits(return_X_y=True)
    pictures = (digits - digits.mean(axis=0)) / digits.std()
    HOLD = 10  # steps of 0.5 ms for which a picture is shown

    def shown(pictures, seed):
        """Return pictures in random order, each held: (n_steps, 64)."""
        order = np.random.default_rng(seed).permutation(len(pictures))
        return np.repeat(pictures[order], HOLD, axis=0)

    return HOLD, labels, pictures, shown


@app.cell
def _(HOLD, ns, pictures, shown):
    def looking(rule):
        """Return a session of one neuron that learns by a rule."""
        net = ns.Network("looking at digits", seed=1, dt=0.5)
        given = net.population("given", 64, ns.Input("current"))
        pixels = net.population("pixels", 64, ns.LinearRate(tau=0.05))
        neuron = net.population("neuron", 1, ns.LinearRate(tau=0.05))
        net.project(given, pixels, ns.OneToOne())
        net.project(
            pixels, neuron, ns.AllToAll(), weight=ns.Uniform(-0.1, 0.1), source="r", receptor="r",
            plasticity=rule, name="weights",
        )  # fmt: skip
        return ns.compile(net)

    def learn(session, pictures, times):
        """Show all pictures several times; yield the weights after each."""
        for k in range(times):
            session.run(
                0.5 * HOLD * len(pictures), inputs={"given": shown(pictures, k)}, progress=False
            )
            yield session.get("weights", "w")

    ojas = list(learn(looking(ns.Oja(eta=2e-4)), pictures, 6))
    first = ojas[-1]
    return first, learn, looking, ojas


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Half a rule

    The same with plain Hebbian learning, dw/dt = η y x.
    """)
    return


@app.cell
def _(BLUE, GREY, RED, learn, looking, np, ns, ojas, pictures, plt):
    hebbs = list(learn(looking(ns.Hebb(eta=2e-4)), pictures, 6))
    lengths = {
        name: [float(np.linalg.norm(w)) for w in ws]
        for name, ws in (("Oja", ojas), ("Hebb", hebbs))
    }
    _figure, _ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
    _ax.axhline(0.9**0.5, color=GREY, linestyle="--", linewidth=1)
    _ax.semilogy(range(1, 7), lengths["Oja"], "o-", color=BLUE, label="Oja")
    _ax.semilogy(range(1, 7), lengths["Hebb"], "s-", color=RED, label="Hebb")
    _ax.set(xlabel="times all pictures were seen", ylabel="length of the weights")
    _ax.spines[["top", "right"]].set_visible(False)
    _ax.legend(frameon=False)
    _figure
    return (lengths,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Hebb's weights grow three thousandfold with every round. Oja's settle, at a length not of 1 but
    of 0.95, and the reason is in the time course: the neuron answers a step after the pixels have
    changed. Of the ten steps of a picture, one still pairs the old answer with the new picture.
    Its *y x* is as often positive as negative, its *y² w* is not, so that nine steps of growth hold
    ten of decay: w² = 0.9.

    ## A second neuron, for what the first has not explained

    What the first neuron answers is taken out of every picture, and a second neuron looks at the
    rest. (Sanger's rule does this within the network, by letting each neuron see only what those
    before it leave.)
    """)
    return


@app.cell
def _(first, learn, looking, np, ns, pictures):
    def unit(w):
        """Return a vector of length 1."""
        return w / np.linalg.norm(w)

    left = pictures - np.outer(pictures @ unit(first), unit(first))
    second = list(learn(looking(ns.Oja(eta=2e-4)), left, 6))[-1]
    return second, unit


@app.cell
def _(PCA, first, np, pictures, plt, second, unit):
    components = PCA(2, svd_solver="full").fit(pictures).components_
    cosines = [abs(float(unit(w) @ c)) for w, c in zip((first, second), components, strict=True)]
    _figure, _axes = plt.subplots(1, 4, figsize=(9, 2.5), layout="constrained")
    for _k, (_w, _c) in enumerate(zip((first, second), components, strict=True)):
        _sign = np.sign(_w @ _c)
        for _ax, _image, _name in (
            (_axes[2 * _k], unit(_w), f"neuron {_k + 1}"),
            (_axes[2 * _k + 1], _sign * _c, f"principal component {_k + 1}"),
        ):
            _ax.imshow(_image.reshape(8, 8), cmap="RdBu_r", vmin=-0.4, vmax=0.4)
            _ax.set(xticks=[], yticks=[], title=_name)
    print("cosines of the angle between them:", [round(x, 3) for x in cosines])
    _figure
    return (cosines,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What two numbers tell

    Two neurons that were never told what a digit is already set some of them apart.
    """)
    return


@app.cell
def _(first, labels, pictures, plt, second, unit):
    _figure, _ax = plt.subplots(figsize=(5.5, 4.2), layout="constrained")
    _points = _ax.scatter(
        pictures @ unit(first), pictures @ unit(second), c=labels, cmap="tab10", s=6, vmax=9.5,
        vmin=-0.5,
    )  # fmt: skip
    _figure.colorbar(_points, ax=_ax, ticks=range(10), label="digit")
    _ax.set(xlabel="neuron 1", ylabel="neuron 2")
    _ax.spines[["top", "right"]].set_visible(False)
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Ten times the learning rate: the weights jitter. How does the angle to the principal
       component grow with η?
    2. Leave the mean in the pictures. What does the first neuron find now, and why?
    3. Replace `ns.Oja` by `ns.BCM(eta=..., tau_theta=...)`. Which pictures does the neuron answer
       to in the end: all a little, or a few strongly?
    4. Write Oja's rule as a text (`ns.PlasticityRule`, see docs/plasticity.md), then change the
       exponent of y: does the length still settle at 1?
    """)
    return


@app.cell
def test_ojas_neurons_are_principal_components(cosines):
    assert cosines[0] > 0.98
    assert cosines[1] > 0.95
    return


@app.cell
def test_oja_keeps_the_length_and_hebb_does_not(lengths, np):
    assert all(abs(x**2 - 0.9) < 0.01 for x in lengths["Oja"])
    grown = np.diff(np.log10(lengths["Hebb"]))
    assert np.all(abs(grown - np.log10(3000)) < 0.15)
    return


if __name__ == "__main__":
    app.run()

import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np

    import neurosim as ns
    import neurosim_datasets as data

    BLUE, RED, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F"

    def panels(rows=1, columns=1, size=(8, 3), **options):
        """Return a figure and its axes, without the upper and right edges."""
        figure, axes = plt.subplots(
            rows, columns, figsize=size, layout="constrained", squeeze=False, **options
        )
        for ax in axes.flat:
            ax.spines[["top", "right"]].set_visible(False)
        return figure, axes.ravel()

    return BLUE, GREEN, GREY, PINK, RED, data, mo, np, ns, panels


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 2. Synapses and delays

    A spike that arrives at a synapse opens channels, and a current flows for a while. Its
    shape, its size and the time it takes to get there are what this lesson is about:

    - postsynaptic potentials of current and conductance synapses,
    - several receptors on one neuron; NMDA,
    - delays, and what can be computed with nothing else,
    - Poisson input: shared trains or trains of one's own,
    - gap junctions, unreliable release,
    - pictures as spikes.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## One spike, three shapes

    A population of **sources** emits spikes; `ns.SpikeTimes` emits those it is told. A
    **projection** takes them to the neurons: `net.project(pre, post, rule, weight=...,
    delay=...)`. The rule says who is connected with whom.

    Below, one spike leaves at 10 ms and arrives after 2 ms at three neurons. They differ in
    what the arriving weight $w$ does:

    | synapse | effect | unit of the weight |
    |---|---|---|
    | `ns.Delta()` | $V_m$ jumps by $w$ | mV |
    | `ns.ExpCurrent()` | a current jumps to $w$ and decays with $\tau$ | pA |
    | `ns.AlphaCurrent()` | a current $w\,(t/\tau)\,e^{1 - t/\tau}$, peak $w$ at $t = \tau$ | pA |

    Recorded are the membrane potential and the synaptic current: every state variable can be.
    """)
    return


@app.cell
def _(ns):
    shapes = ns.Network("shapes")
    source = shapes.population("source", 1, ns.SpikeTimes([[10.0]]))
    membrane = {"tau_m": 10, "C_m": 250, "E_L": -70}
    delta = shapes.population("delta", 1, ns.LIF(**membrane, synapses=ns.Delta()))
    exp = shapes.population("exp", 1, ns.LIF(**membrane, synapses=ns.ExpCurrent(exc=5, inh=10)))
    alpha = shapes.population("alpha", 1, ns.LIF(**membrane, synapses=ns.AlphaCurrent(exc=5)))

    shapes.project(source, delta, ns.AllToAll(), weight=1.0, delay=2)
    shapes.project(source, exp, ns.AllToAll(), weight=100, delay=2, receptor="exc")
    shapes.project(source, alpha, ns.AllToAll(), weight=100, delay=2, receptor="exc")
    shapes.record(delta + exp + alpha, "V_m", initial=True)
    shapes.record(exp + alpha, "I_exc", initial=True)
    shapes_run = ns.run(shapes, 60)
    shapes
    return (shapes_run,)


@app.cell
def _(BLUE, GREEN, RED, panels, shapes_run):
    _figure, (_left, _right) = panels(1, 2, (10, 3.2))
    for _name, _colour in (("delta", GREEN), ("exp", BLUE), ("alpha", RED)):
        _states = shapes_run.states[_name]
        if "I_exc" in _states:
            _I = _states["I_exc"]
            _left.plot(_I.times, _I.of(0), color=_colour, label=_name)
        _V = _states["V_m"]
        _right.plot(_V.times, _V.of(0) + 70, color=_colour, label=_name)
    _left.annotate("", (12, 0), (12, 115), arrowprops={"arrowstyle": "->", "color": GREEN})
    for _ax in (_left, _right):
        _ax.axvline(10, color="#BBBBBB", linewidth=0.8, linestyle=(0, (4, 3)))
        _ax.set(xlabel="time [ms] (dashed: the spike leaves)", xlim=(0, 60))
    _left.set(ylabel="synaptic current [pA]", ylim=(-4, 120))
    _right.set(ylabel="V_m above rest [mV]")
    _right.legend(frameon=False)
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The two currents have the same peak, but the alpha function carries $e$ times the charge.
    The membrane smooths both: the potential of the exponential synapse is the difference of two
    exponentials,

    $$V(t) = E_L + \frac{w}{C_m} \frac{\tau\, \tau_m}{\tau_m - \tau}
    \left(e^{-t/\tau_m} - e^{-t/\tau}\right),$$

    and since linear equations are advanced with their exact solution, the simulation agrees
    with it to rounding, whatever the step:
    """)
    return


@app.cell
def _(np, shapes_run):
    def test_the_potential_is_the_difference_of_two_exponentials():
        trace = shapes_run.states["exp"]["V_m"]
        t = np.maximum(trace.times - 12, 0)  # leaves at 10 ms, arrives 2 ms later
        formula = -70 + 100 / 250 * (5 * 10 / (10 - 5)) * (np.exp(-t / 10) - np.exp(-t / 5))
        assert np.max(np.abs(trace.of(0) - formula)) < 1e-12

    def test_the_alpha_current_peaks_at_the_weight():
        current = shapes_run.states["alpha"]["I_exc"]
        assert abs(current.of(0).max() - 100) < 1e-9
        assert current.times[np.argmax(current.of(0))] == 12 + 5

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Conductances

    Channels are conductances: the current they carry depends on how far the membrane is from
    their reversal potential, $I = g\,(E - V_m)$. The weight is the peak of $g$ in nS, and it is
    never negative: what makes a synapse inhibitory is its $E$.

    Left: the shapes of $g$ for `ns.ExpConductance`, `ns.AlphaConductance` and
    `ns.BetaConductance` (rise and decay apart). Right: the same excitatory and inhibitory
    synapses on 81 neurons that rest at different potentials. The effect of each vanishes and
    turns round at its reversal potential, 0 and -80 mV. NMDA receptors are the exception to the
    straight line: at rest magnesium blocks them, and depolarisation lets them go.
    """)
    return


@app.cell
def _(np, ns):
    rest = np.linspace(-100, 20, 81)
    passive = {"tau_m": 20, "C_m": 200, "V_th": 100, "V_reset": -100}
    receptors = ns.Receptors(
        ampa=ns.ExpConductance.receptor(tau=2, E=0),
        gaba=ns.AlphaConductance.receptor(tau=5, E=-80),
        slow=ns.BetaConductance.receptor(rise=2, decay=20, E=0),
        nmda=ns.NMDA(rise=2, decay=20),
    )
    battery = ns.Network("conductances")
    arrival = battery.population("arrival", 1, ns.SpikeTimes([[4.9]]))
    kinds = ("ampa", "gaba", "slow", "nmda")
    for _kind in kinds:
        _cells = battery.population(
            _kind, rest.size, ns.LIF(**passive, E_L=rest, synapses=receptors)
        )
        battery.project(arrival, _cells, ns.AllToAll(), weight=1, receptor=_kind)
        battery.record(_cells, "V_m", initial=True)
        battery.record(_cells[:1], f"g_{_kind}", initial=True)
    battery_run = ns.run(battery, 80)

    effect = {}  # the largest deflection of each neuron, up or down
    for _kind in kinds:
        _moved = battery_run.states[_kind]["V_m"].array - rest
        effect[_kind] = _moved[np.argmax(np.abs(_moved), axis=0), np.arange(rest.size)]
    battery
    return battery_run, effect, kinds, rest


@app.cell
def _(BLUE, GREEN, PINK, RED, battery_run, effect, kinds, panels, rest):
    _figure, (_left, _right) = panels(1, 2, (10, 3.6))
    for _kind, _colour in zip(kinds, (BLUE, RED, GREEN, PINK), strict=True):
        _g = battery_run.states[_kind][f"g_{_kind}"]
        _style = "-" if _kind != "nmda" else (0, (2, 2))
        _left.plot(_g.times, _g.array[:, 0], color=_colour, linestyle=_style, label=_kind)
        _right.plot(rest, effect[_kind], color=_colour, label=_kind)
    _left.set(xlabel="time [ms]", ylabel="conductance [nS]", ylim=(0, 1.05))
    _right.axhline(0, color="#BBBBBB", linewidth=0.8, zorder=0)
    _right.set(xlabel="resting potential [mV]", ylabel="largest deflection [mV]")
    _left.legend(frameon=False)
    _figure
    return


@app.cell
def _(effect, np, rest):
    def test_effects_turn_round_at_the_reversal_potential():
        for kind, reversal in (("ampa", 0), ("slow", 0), ("nmda", 0), ("gaba", -80)):
            below, above = rest < reversal - 0.1, rest > reversal + 0.1
            assert np.all(effect[kind][below] > 0)
            assert np.all(effect[kind][above] < 0)

    def test_magnesium_blocks_nmda_at_rest():
        at_rest, depolarised = np.searchsorted(rest, [-80, -30])
        free = effect["nmda"] / effect["slow"]
        assert free[at_rest] < 0.1
        assert free[depolarised] > 3 * free[at_rest]

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Delays

    A spike that leaves at $s$ arrives at $s + d$. A delay is at least one step; a shorter one
    is refused, not rounded up in silence. Like weights, delays may be one number, an array, or
    a distribution such as `ns.Normal(1.5, 0.75, clip=(0.1, 5))`.

    Delays alone can compute. In Jeffress' (1948) picture of how a barn owl hears where a mouse
    is, sound reaches the two ears at slightly different times. From each ear a *delay line*
    passes along a row of neurons, in opposite directions, and each neuron fires only if both
    spikes reach it together. Which one fires tells the difference in time. Move the mouse:
    """)
    return


@app.cell
def _(mo):
    lag = mo.ui.slider(
        -1.0, 1.0, value=0.4, step=0.1, label="right ear after the left [ms]", show_value=True
    )
    lag
    return (lag,)


@app.cell
def _(lag, np, ns):
    n_detectors = 21
    along = np.linspace(0.1, 1.1, n_detectors)  # delays along the line [ms]

    owl = ns.Network("Jeffress")
    ears = owl.population("ears", 2, ns.SpikeTimes([[5.0], [5.0 + lag.value]]))
    detectors = owl.population(
        "detectors",
        n_detectors,
        ns.LIF(tau_m=0.1, E_L=0, V_th=1.5, V_reset=0, t_ref=1, synapses=ns.Delta()),
    )
    owl.project(ears[:1], detectors, ns.AllToAll(), weight=1, delay=along[None, :])
    owl.project(ears[1:], detectors, ns.AllToAll(), weight=1, delay=along[None, ::-1])
    owl.record(detectors, ["spikes", "V_m"])
    owl_run = ns.run(owl, 10, dt=0.05)
    return along, owl_run


@app.cell
def _(BLUE, RED, along, lag, owl_run, panels):
    _figure, (_ax,) = panels(size=(7.5, 3.6))
    _V = owl_run.states["detectors"]["V_m"]
    _difference = along[:] - along[::-1]  # the lag that each detector stands for
    _mesh = _ax.pcolormesh(_V.times, _difference, _V.array.T, cmap="Greys", vmin=0, vmax=1.5)
    _ax.figure.colorbar(_mesh, ax=_ax, label="V_m [mV]")
    _fired = owl_run.spikes["detectors"]
    _ax.plot(
        _fired.times,
        _difference[_fired.ids],
        "o",
        color=RED,
        markersize=9,
        label="spike",
    )
    _ax.axhline(lag.value, color=BLUE, linewidth=1, linestyle=(0, (4, 3)), label="true lag")
    _ax.set(xlim=(4.5, 8), xlabel="time [ms]", ylabel="preferred lag [ms]")
    _ax.legend(frameon=False, loc="upper right")
    _figure
    return


@app.cell
def _(along, lag, owl_run):
    def test_the_detector_of_the_true_lag_fires_alone():
        fired = owl_run.spikes["detectors"].ids
        assert fired.size == 1
        assert abs((along - along[::-1])[fired[0]] - lag.value) < 1e-9

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Poisson input: of everyone, or of one's own

    The rest of the brain is often replaced by Poisson trains. There are two ways to write it,
    and they mean different things.

    - `net.population("background", 500, ns.Poisson(rate=10))` is a population: its trains exist
      once, can be recorded, and reach all neurons that they are projected to. Two targets that
      share a fraction $c$ of their inputs have potentials with the correlation $c$.
    - `net.drive(cells, ns.Poisson(rate=5000), weight=...)` gives every neuron a train of its
      own. Nothing is shared, no synapses are stored, and it costs far less.

    Here each cell gets on average 5,000 spikes per second in all cases. Where all trains are
    shared, the two lines lie on top of each other.
    """)
    return


@app.cell
def _(np, ns):
    poisson = ns.Network("input", seed=3)
    _model = ns.LIF(tau_m=20, C_m=200, E_L=-70, V_th=0, synapses=ns.Delta())
    for _name, _n, _k in (("all shared", 500, 500), ("half shared", 1000, 500)):
        _pool = poisson.population(f"pool of {_name}", _n, ns.Poisson(rate=10))
        _cells = poisson.population(_name, 20, _model)
        poisson.project(_pool, _cells, ns.FixedIndegree(_k, multapses=False), weight=0.1)
        poisson.record(_cells, "V_m", every=2.0)
    _own = poisson.population("own trains", 20, _model)
    poisson.drive(_own, ns.Poisson(rate=5000), weight=0.1)
    poisson.record(_own, "V_m", every=2.0)
    poisson_run = ns.run(poisson, 6000)

    correlation = {}
    for _name, _states in poisson_run.states.items():
        _late = _states["V_m"].between(200, 6000).array
        correlation[_name] = np.corrcoef(_late.T)[np.triu_indices(20, 1)].mean()
    poisson
    return correlation, poisson_run


@app.cell
def _(BLUE, GREY, correlation, panels, poisson_run):
    _figure, _axes = panels(3, 1, (9, 4.8), sharex=True, sharey=True)
    for _ax, (_name, _states) in zip(_axes, poisson_run.states.items(), strict=True):
        _V = _states["V_m"]
        for _k, _colour in ((1, GREY), (0, BLUE)):
            _ax.plot(_V.times, _V.of(_k), color=_colour, linewidth=1.2)
        _title = f"{_name}: correlation of the potentials {correlation[_name]:.2f}"
        _ax.set_title(_title, loc="left", fontsize=10)
        _ax.set(xlim=(0, 500), ylabel="V_m [mV]")
    _axes[-1].set_xlabel("time [ms] (two of 20 cells)")
    _figure
    return


@app.cell
def _(correlation):
    def test_potentials_are_correlated_as_far_as_inputs_are_shared():
        assert correlation["all shared"] > 1 - 1e-9
        assert abs(correlation["half shared"] - 0.5) < 0.1
        assert abs(correlation["own trains"]) < 0.1

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Electrical synapses

    A gap junction is no receptor of spikes but a resistor between two cells: $I_i = w\,(V_j -
    V_i)$. It is projected like everything else, saying which variable is read: `source="V_m"`,
    and in both directions. A steady current into the first cell moves the second by
    $g_{gap}/(g_{gap} + g_L)$ of what it moves the first.
    """)
    return


@app.cell
def _(mo):
    gap = mo.ui.slider(0, 30, value=10, step=1, label="junction [nS]", show_value=True)
    gap
    return (gap,)


@app.cell
def _(gap, ns):
    coupled = ns.Network("gap junction")
    pair = coupled.population(
        "pair", 2, ns.LIF(tau_m=20, C_m=200, E_L=-70, V_th=0, synapses=ns.GapJunction())
    )
    first, second = pair[:1], pair[1:]
    for _a, _b in ((first, second), (second, first)):
        coupled.project(_a, _b, ns.AllToAll(), weight=gap.value, source="V_m", receptor="gap")
    coupled.inject(first, ns.StepCurrent(times=[20, 220], amplitudes=[200, 0]))
    coupled.record(pair, "V_m", initial=True)
    coupled_run = ns.run(coupled, 300)
    return (coupled_run,)


@app.cell
def _(BLUE, RED, coupled_run, panels):
    _figure, (_ax,) = panels(size=(8, 2.8))
    _V = coupled_run.states["pair"]["V_m"]
    for _k, (_colour, _label) in enumerate(((BLUE, "current injected"), (RED, "coupled to it"))):
        _ax.plot(_V.times, _V.of(_k), color=_colour, label=_label)
    _ax.hlines(-72, 20, 220, color="#BBBBBB", linewidth=4)
    _ax.set(xlabel="time [ms] (bar: current on)", ylabel="V_m [mV]")
    _ax.legend(frameon=False)
    _figure
    return


@app.cell
def _(coupled_run, gap):
    def test_the_second_cell_follows_by_the_divider():
        moved = coupled_run.states["pair"]["V_m"].between(219, 219.5).array[0] + 70
        leak = 200 / 20  # C_m / tau_m [nS]
        assert abs(moved[1] / moved[0] - gap.value / (gap.value + leak)) < 1e-3

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Unreliable release

    A spike often releases nothing. With `release=0.4` each spike passes each synapse with that
    probability, independently. Ten synapses from one neuron: the number that pass is binomial,
    and so is the size of the response over 500 cells.
    """)
    return


@app.cell
def _(ns):
    quantal = ns.Network("release", seed=1)
    fibre = quantal.population("fibre", 1, ns.SpikeTimes([[5.0]]))
    targets = quantal.population("targets", 500, ns.LIF(E_L=-70, synapses=ns.Delta()))
    for _ in range(10):
        quantal.project(fibre, targets, ns.AllToAll(), weight=0.5, release=0.4)
    quantal.record(targets, "V_m", every=0.1)
    quantal_run = ns.run(quantal, 6)
    passed = ((quantal_run.states["targets"]["V_m"].between(5, 5.1).array[0] + 70) / 0.5).round()
    return (passed,)


@app.cell
def _(BLUE, GREY, np, panels, passed):
    from scipy.stats import binom

    _figure, (_ax,) = panels(size=(6, 3))
    _k = np.arange(11)
    _counts = np.bincount(passed.astype(int), minlength=11)
    _ax.bar(_k * 0.5, _counts, width=0.35, color=BLUE, alpha=0.5, label="500 cells")
    _ax.plot(_k * 0.5, 500 * binom.pmf(_k, 10, 0.4), "o-", color=GREY, label="binomial")
    _ax.set(xlabel="response [mV]", ylabel="cells")
    _ax.legend(frameon=False)
    _figure
    return


@app.cell
def _(passed):
    def test_the_number_released_is_binomial():
        assert abs(passed.mean() - 4) < 4 * (2.4 / 500) ** 0.5
        assert 1.9 < passed.var() < 2.9

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Pictures as spikes

    Before a network can see, numbers have to become spikes. Three codes come with the package:

    - `ns.encode_rate`: the brighter, the more spikes (Poisson),
    - `ns.encode_latency`: the brighter, the sooner, one spike each,
    - `ns.encode_delta`: events where something changes, as in event cameras.

    The digits are those of the UCI collection as scikit-learn carries them, 8 x 8 pixels.
    """)
    return


@app.cell
def _(data, mo):
    digits = data.digits()
    which = mo.ui.slider(0, 9, value=3, step=1, label="digit", show_value=True)
    mo.vstack([which, mo.plain_text(f"{digits!r}\n{digits.source}. Licence: {digits.licence}")])
    return digits, which


@app.cell
def _(digits, ns, which):
    image = digits.of(which.value)[0]

    seen = ns.Network("seen", seed=5)
    by_rate = seen.population("rate", image.shape, ns.encode_rate(image, max_rate=100))
    by_latency = seen.population(
        "latency", image.shape, ns.encode_latency(image, t_min=5, t_max=200, shape="linear")
    )
    seen.record(by_rate + by_latency, "spikes")
    seen_run = ns.run(seen, 250)
    return image, seen_run


@app.cell
def _(BLUE, RED, image, np, panels, seen_run):
    _figure, _axes = panels(1, 4, (11, 2.9), width_ratios=[1, 1.5, 1.5, 1])
    _rate, _latency = (seen_run.spikes[name] for name in ("rate", "latency"))
    _axes[0].imshow(image, cmap="gray_r")
    _axes[0].set_title("the image", fontsize=10)
    for _ax, _record, _colour in ((_axes[1], _rate, BLUE), (_axes[2], _latency, RED)):
        _ax.plot(_record.times, _record.ids, "o", markersize=2.5, color=_colour)
        _ax.set(xlabel="time [ms]", xlim=(0, 250), ylim=(64, -1))
    _axes[1].set(ylabel="pixel")
    _axes[1].set_title("rate code", fontsize=10)
    _axes[2].set_title("latency code", fontsize=10)
    _axes[3].imshow(_rate.counts().reshape(8, 8), cmap="gray_r")
    _axes[3].set_title("spikes counted", fontsize=10)
    for _ax in (_axes[0], _axes[3]):
        _ax.set_axis_off()
    _figure
    return


@app.cell
def _(ns, np):
    t = np.arange(0, 1000, 1.0)
    signal = np.sin(2 * np.pi * t / 500) + 0.3 * np.sin(2 * np.pi * t / 90)
    on, off = ns.encode_delta(signal, threshold=0.1, reference="last_event")
    rebuilt = signal[0] + 0.1 * np.cumsum(on.astype(int) - off.astype(int))
    return off, on, rebuilt, signal, t


@app.cell
def _(BLUE, GREY, RED, off, on, panels, rebuilt, signal, t):
    _figure, (_ax,) = panels(size=(8, 2.8))
    _ax.plot(t, signal, color=GREY, linewidth=2.5, alpha=0.6, label="signal")
    _ax.step(t, rebuilt, where="post", color="#333333", linewidth=0.8, label="from its events")
    for _events, _colour, _y in ((on, BLUE, -1.6), (off, RED, -1.85)):
        _ax.vlines(t[_events > 0], _y, _y + 0.18, color=_colour, linewidth=1)
    _ax.set(xlabel="time [ms] (bars: rises in blue, falls in red)", xlim=(0, 1000))
    _ax.legend(frameon=False, loc="upper right")
    _figure
    return


@app.cell
def _(image, np, rebuilt, seen_run, signal):
    def test_codes_keep_what_they_should():
        brightness = image.ravel()
        counts = seen_run.spikes["rate"].counts()
        assert np.corrcoef(brightness, counts)[0, 1] > 0.8
        latency = seen_run.spikes["latency"]
        assert np.all(np.diff(brightness[latency.ids]) <= 0)  # the brighter, the sooner
        assert np.max(np.abs(rebuilt - signal)) <= 0.1 + 1e-12

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. At which $\tau$ of the exponential synapse does its potential peak latest after the
       spike, $\tau < \tau_m$, $\tau = \tau_m$ or $\tau > \tau_m$? The formula above divides by
       zero at $\tau = \tau_m$. Does the simulation?
    2. Two excitatory spikes 5 ms apart, each of 2 mV alone. Is the second peak 4 mV for a
       current synapse? For a conductance synapse? Why not?
    3. Let an inhibitory synapse with $E$ at rest (*shunting* inhibition) arrive together with
       an excitatory one. What does it do on its own, and what to the other?
    4. Make the membrane of the owl's detectors slower, `tau_m=1`. How sharp is its ear now? And
       with `release=0.7`, over 50 spikes?
    5. How many Poisson neurons must a pool have for cells with 500 inputs each to be correlated
       by less than 0.05? Check it.
    6. Couple ten neurons in a chain by gap junctions and inject a current into the first. How
       does the potential fall along the chain? Compare with $e^{-x/\lambda}$.
    7. Project the rate-coded digits to a population of ten LIF neurons, with weights that are
       the mean image of each class. How often does the neuron of the right class fire most?

    Next: `03_balanced_network.py`.
    """)
    return


if __name__ == "__main__":
    app.run()

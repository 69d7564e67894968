import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import warnings

    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np

    import neurosim as ns

    warnings.simplefilter("ignore", ns.ApproximationWarning)  # `explain` tells what they say
    BLUE, RED, GREY = "#0072B2", "#D55E00", "#7F7F7F"
    return BLUE, GREY, RED, mo, np, ns, plt


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 16. Does it fit?

    A neuromorphic chip has a number of cores, and a core has room for so many neurons, so many
    inputs, so many bits of synapses. Which of these runs out first depends on the network, and one
    would like to know before there is a chip. `ns.check` lays a network out on the cores of four
    chips and says how full they are; nothing is simulated.

    ## A network that may go to a chip

    A thousand neurons, four fifths excitatory. Time goes in steps of 1 ms, as on most chips.
    """)
    return


@app.cell
def _(ns):
    def balanced(scale=1.0, dt=1.0, t_ref=2.0, delay=2.0):
        """Return the network; `scale` is that of its size and its in-degrees."""
        net = ns.Network("balanced", seed=4, dt=dt)
        currents = ns.ExpCurrent(exc=5, inh=5)
        lif = ns.LIF(tau_m=20, t_ref=t_ref, V_reset=-65, synapses=currents)
        n = round(200 * scale)
        exc, inh = net.population("exc", 4 * n, lif), net.population("inh", n, lif)
        net.initialise(exc + inh, V_m=ns.Uniform(-65, -56))
        net.project(exc, exc + inh, ns.FixedIndegree(n), weight=20, delay=delay, receptor="exc")
        net.project(inh, exc + inh, ns.FixedIndegree(n // 4), weight=-90, delay=delay,
                    receptor="inh")  # fmt: skip
        net.drive(exc, ns.Poisson(rate=150), weight=150, receptor="exc")
        net.record(exc + inh, "spikes")
        return net

    TARGETS = ("loihi1", "loihi2", "spinnaker1", "spinnaker2")
    fits = {target: ns.check(balanced(), target) for target in TARGETS}
    for _target, _fit in fits.items():
        print(f"{_target:11} fits: {_fit.fits}   cores: {len(_fit.cores):3}   chips: {_fit.chips}")
    return TARGETS, balanced, fits


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The same thousand neurons take different numbers of cores, for different reasons. A core of
    Loihi 1 has room for 1,024 neurons, so one might expect a single core; the report says why there
    are more.
    """)
    return


@app.cell
def _(fits):
    print(fits["loihi1"])
    return


@app.cell
def _(fits):
    fits["loihi1"].plot()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Cores are a fifth full of neurons and quite full of synapse memory: the next neuron would not
    have found room for its synapses. (`cores[0].bound_by` says so.) With fewer synapses, fewer
    cores do. A core of Loihi 2 has much more memory; both SpiNNakers have the same cores of 256
    neurons, and use some of them for sources.
    """)
    return


@app.cell
def _(BLUE, GREY, TARGETS, balanced, fits, ns, plt):
    scales = (0.25, 0.5, 1.0)
    nets = [balanced(s) for s in scales[:-1]]
    cores = {t: [*(len(ns.check(n, t).cores) for n in nets), len(fits[t].cores)] for t in TARGETS}
    _figure, _ax = plt.subplots(figsize=(6, 3), layout="constrained")
    _styles = zip(cores.items(), ("o-", "o--", "s-", "s--"), strict=True)
    for (_target, _n), _style in _styles:
        _colour = BLUE if _target.startswith("loihi") else GREY
        _ax.plot([1000 * s for s in scales], _n, _style, color=_colour, label=_target)
    _ax.set(xlabel="neurons (in-degree grows with them)", ylabel="cores", ylim=(0, None))
    _ax.spines[["top", "right"]].set_visible(False)
    _ax.legend(frameon=False)
    _figure
    return cores, scales


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What does not fit, and what makes it fit

    Finer steps make longer numbers of steps. A delay of 12 ms is 12 steps of 1 ms, but 120 of
    0.1 ms, and a synapse of Loihi holds a spike for at most 63. A refractory time of 9 ms has the
    same trouble. The report names both, and the step from which on they fit.
    """)
    return


@app.cell
def _(balanced, ns):
    late = balanced(0.25, dt=0.1, t_ref=9.0, delay=12.0)
    misfits = ns.check(late, "loihi1").misfits
    for _misfit in misfits:
        print(_misfit)
    mended = ns.check(late, "loihi1", dt=0.2)
    print("with dt = 0.2 ms it fits:", mended.fits)
    return late, mended, misfits


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Some things no change of a number mends: models a chip has no form of are refused by name, with
    the nearest that works.
    """)
    return


@app.cell
def _(TARGETS, ns):
    adaptive = ns.Network("adaptive", dt=1.0)
    adaptive.population("cells", 10, ns.AdEx(synapses=ns.ExpCurrent()))
    refused = {target: ns.check(adaptive, target).misfits for target in TARGETS}
    for _target in ("loihi1", "spinnaker1"):
        print(_target, "-", refused[_target][0])
    return (refused,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## SpiNNaker: time costs cores

    SpiNNaker's cores are small processors that have to be done with a step before the next begins.
    Steps of 1 ms leave time for neurons and synapses on one core; with steps of 0.1 ms sPyNNaker
    puts synapses on cores of their own.
    """)
    return


@app.cell
def _(BLUE, RED, balanced, ns, plt):
    _figure, _ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
    kinds = {}
    for _dt in (1.0, 0.1):
        _fit = ns.check(balanced(0.25, dt=_dt), "spinnaker1")
        _parts = [part.kind for core in _fit.cores for part in core.parts]
        kinds[_dt] = {kind: _parts.count(kind) for kind in ("neurons", "synapses", "source")}
    _left = [0, 0]
    for _kind, _colour in (("neurons", BLUE), ("synapses", RED), ("source", "#999999")):
        _n = [kinds[dt][_kind] for dt in kinds]
        _ax.barh([f"dt = {dt:g} ms" for dt in kinds], _n, left=_left, color=_colour, label=_kind)
        _left = [a + b for a, b in zip(_left, _n, strict=True)]
    _ax.set(xlabel="cores")
    _ax.spines[["top", "right"]].set_visible(False)
    _ax.legend(frameon=False)
    _figure
    return (kinds,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    These counts are predictions. sPyNNaker, the tool chain of the machine, can be asked itself:
    with `map=True` it places the network on a virtual board, in an environment of its own
    (`neurosim backend install spinnaker`), and tells cores, routes, memory, and by how much it
    rounds the weights, of which there are 16 bits with a scale for each receptor.
    """)
    return


@app.cell
def _(balanced, ns):
    try:
        mapped = ns.check(balanced(0.1), "spinnaker1", board=3, map=True)
        print(mapped)
    except ns.UnavailableError as _error:
        mapped = None
        print(_error)
    return (mapped,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A script for the machine

    SpiNNaker's users speak PyNN. `ns.export` writes the network in its words: standard cells in nA
    and nF, PyNN's connectors, and the simulator on the command line, so that the script runs on a
    laptop (`python script.py nest`) before it is taken to the machine
    (`python script.py spiNNaker`).
    """)
    return


@app.cell
def _(balanced, ns):
    script = ns.export(balanced(), "pynn", duration=300)
    print(script[: script.index('"""', 3) + 3])
    _start = script.index("# --- connections")
    print("...\n" + script[_start : script.index("# inh->")])
    return (script,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The script draws wiring and input by itself: it is the same network in distribution. To see
    what PyNN's words make of this very network, neuron by neuron, run it on the backend `pynn`:
    PyNN builds the cells and connections, its NEST advances them, and our random numbers are sent
    in.
    """)
    return


@app.cell
def _(balanced, np, ns):
    _net = balanced(0.1)
    ours = ns.run(_net, 100, progress=False).spikes["exc"]
    theirs = ns.run(_net, 100, backend="pynn", progress=False).spikes["exc"]
    same = np.array_equal(ours.times, theirs.times) and np.array_equal(ours.ids, theirs.ids)
    print(f"{len(ours)} spikes here, {len(theirs)} in PyNN's NEST; the same: {same}")
    return ours, same


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Make all weights the same on Loihi 1 (they are, for each projection), then draw them from
       `ns.Normal(20, 5)`. Do cores change? What does a synapse take now?
    2. How large may the balanced network be on one chip of Loihi 1 (`chips=1`)? Which limit is it?
    3. Give the inhibitory neurons delays of 100 ms and check them on SpiNNaker. Which cores are
       added, and what do they do?
    4. Add a projection of weight 0.01 pA beside the one of 20 pA. What does the script say about
       it, and why?
    """)
    return


@app.cell
def test_every_chip_has_room_and_reasons(cores, fits):
    assert all(fit.fits for fit in fits.values())
    assert len(fits["loihi1"].cores) > 1
    assert fits["loihi1"].cores[0].bound_by == "synapse_bits"
    assert all(n == sorted(n) for n in cores.values())
    return


@app.cell
def test_what_does_not_fit_is_named_and_mended(mended, misfits, refused):
    assert {m.field for m in misfits} == {"delay", "t_ref"}
    assert mended.fits
    assert all(refused.values())
    return


@app.cell
def test_short_steps_take_cores_for_synapses(kinds):
    assert kinds[1.0]["synapses"] == 0 < kinds[0.1]["synapses"]
    return


@app.cell
def test_spynnaker_has_as_many_cores_as_predicted(mapped):
    assert mapped is None or mapped.mapped.cores == len(mapped.cores)
    return


@app.cell
def test_pynn_has_the_same_spikes(ours, same, script):
    assert len(ours) > 20
    assert same
    assert "sim.FixedNumberPreConnector(200" in script
    return


if __name__ == "__main__":
    app.run()

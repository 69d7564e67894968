import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import time

    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np
    import psutil

    import neurosim as ns
    from neurosim_models import microcircuit, potjans_diesmann

    BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"

    def panels(rows=1, columns=1, size=(8, 3), **options):
        """Return a figure and its axes, without the upper and right edges."""
        figure, axes = plt.subplots(
            rows, columns, figsize=size, layout="constrained", squeeze=False, **options
        )
        for ax in axes.flat:
            ax.spines[["top", "right"]].set_visible(False)
        return figure, axes.ravel()

    return BLUE, GREEN, GREY, RED, microcircuit, mo, np, ns, panels, potjans_diesmann, psutil, time


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 5. Scale

    How large a network fits this machine, and how long will it run? Both have answers before
    anything is built:

    - memory: `net.estimate()`, and what a synapse is made of,
    - time: what a synaptic event costs, and what a neuron costs,
    - precision and synapse formats: what is rounded, and by how much,
    - threads: faster, and the same bits.

    The network is the cortical microcircuit of Potjans & Diesmann (2014), whose 77,169 neurons
    and 299 million synapses are the field's yardstick.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Memory, before building

    A synapse has a target and a weight; everything else (delay, source, receptor) follows from
    where it lies. A target takes 2 bytes. The weight is stored in one of three formats:

    | format | bytes per synapse | when |
    |---|---|---|
    | constant | 2 | all weights of a projection are equal: none is stored |
    | `fixed16` | 4 | whole multiples of a unit, in 16 bits |
    | `full` | 6 or 10 | as fine as the sums they enter, in single or double precision |

    `synapse_format="auto"` takes `constant` where it can. In single precision it takes `fixed16`
    wherever no weight is off by more than a thousandth; in double precision it never rounds
    unasked.
    """)
    return


@app.cell
def _(np, potjans_diesmann):
    scales = np.array([0.01, 0.03, 0.1, 0.3, 1.0])
    choices = {
        "double, full": {"precision": "double", "synapse_format": "full"},
        "single, full": {"precision": "single", "synapse_format": "full"},
        "single, auto": {"precision": "single"},
    }
    described = [potjans_diesmann(scale=float(scale)) for scale in scales]
    foretold = {
        name: [net.estimate(**options) for net in described] for name, options in choices.items()
    }
    return choices, described, foretold, scales


@app.cell
def _(BLUE, GREEN, GREY, RED, foretold, panels, psutil):
    memory_figure, (memory_axes,) = panels(size=(7, 3.2))
    for (choice, told), hue in zip(foretold.items(), (RED, BLUE, GREEN), strict=True):
        memory_axes.loglog(
            [e.synapses for e in told], [e.peak_bytes / 1e9 for e in told], "o-", color=hue,
            label=choice,
        )  # fmt: skip
    here = psutil.virtual_memory().total / 1e9
    memory_axes.axhline(here, color=GREY, ls="--")
    memory_axes.text(3e4, here * 0.8, "this machine", color=GREY, va="top")
    memory_axes.set(xlabel="synapses", ylabel="peak of the process [GB]")
    memory_axes.legend(frameon=False)
    memory_figure
    return


@app.cell(hide_code=True)
def _(foretold, mo):
    mo.md(f"""
    Small networks cost what Python and the libraries cost, some 0.2 GB. From a million synapses on
    the synapses decide. The whole microcircuit takes
    **{foretold["single, auto"][-1].peak_bytes / 1e9:.1f} GB** in single precision, and
    {foretold["double, full"][-1].peak_bytes / 1e9:.1f} GB with every weight at full width. What
    does not fit is refused before anything is allocated. The message has the numbers, and names
    the format that would fit, if there is one:
    """)
    return


@app.cell
def _(mo, ns):
    huge = ns.Network("huge")
    crowd = huge.population("crowd", 3_000_000, ns.LIF())
    huge.project(
        crowd, crowd, ns.FixedIndegree(100_000), weight=ns.Normal(1.0, 0.1), receptor="exc"
    )
    try:
        ns.compile(huge, precision="single")
        refusal = ""
    except ns.CapacityError as error:
        refusal = str(error)
    mo.md(f"> {refusal}")
    return (refusal,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Time: events and neurons

    A run costs so much per **synaptic event** (one spike at one synapse) and so much per
    **neuron and step**. Both can be measured in a second. Below, Poisson sources send their spikes
    to silent neurons through ever more synapses; the same network without synapses is subtracted.
    """)
    return


@app.cell
def _(ns, time):
    def senders(sources, synapses):
        """Sources of 20 Hz, each with the same number of synapses onto as many silent neurons."""
        net = ns.Network("senders", seed=1)
        pre = net.population("pre", sources, ns.Poisson(rate=20.0))
        post = net.population("post", sources, ns.LIF())
        if synapses:
            net.project(
                pre, post, ns.FixedOutdegree(synapses), weight=ns.Normal(1e-3, 1e-4),
                delay=ns.Normal(1.5, 0.5, redraw=(0.1, None)), receptor="exc",
            )  # fmt: skip
        net.record(pre, "spikes")
        return net

    def timed(net, duration):
        """Compile, warm up, run three times; return the last run and the least wall time [s]."""
        session = ns.compile(net, precision="single", threads=1)
        session.run(50, progress=False)
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            run = session.run(duration, progress=False)
            seconds.append(time.perf_counter() - start)
        return run, min(seconds)

    each = 1000
    sizes = (300, 1000, 3000, 6000)
    costs, bytes_each, neuron_costs = [], [], []
    for size in sizes:
        duration = min(1000.0, 3e8 / (size * each))
        full_run, full_seconds = timed(senders(size, each), duration)
        _, bare_seconds = timed(senders(size, 0), duration)
        events = len(full_run.spikes["pre"]) * each
        costs.append((full_seconds - bare_seconds) / events * 1e9)
        told_bytes = full_run.provenance
        bytes_each.append(told_bytes["synapse_bytes"] / told_bytes["synapses"])
        neuron_costs.append(bare_seconds / (2 * size * duration / 0.1) * 1e9)
    return bytes_each, costs, each, neuron_costs, sizes


@app.cell
def _(BLUE, GREEN, bytes_each, costs, each, panels, sizes):
    scaling_figure, (time_axes, bytes_axes) = panels(columns=2, size=(9, 3))
    n_synapses = [size * each for size in sizes]
    time_axes.semilogx(n_synapses, costs, "o-", color=BLUE)
    time_axes.set(
        xlabel="synapses", ylabel="ns per synaptic event", ylim=(0, 1.2 * max(costs)),
        title="time, one thread",
    )  # fmt: skip
    bytes_axes.semilogx(n_synapses, bytes_each, "o-", color=GREEN)
    bytes_axes.set(
        xlabel="synapses", ylabel="bytes per synapse", ylim=(0, 5), title="memory, fixed16"
    )
    scaling_figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    An event is one addition to a place in memory that nobody could foresee, after reading four
    bytes: it costs a few nanoseconds, more where synapses no longer fit the cache. A row of
    synapses lies in the order in which it is read, so the cost then stays what it is, up to
    hundreds of millions.

    That is enough to foretell a run. The microcircuit at a tenth of its size, one biological
    second, one thread:
    """)
    return


@app.cell
def _(costs, microcircuit, neuron_costs, np, potjans_diesmann, timed):
    tenth = potjans_diesmann(scale=0.1)
    tenth_run, tenth_seconds = timed(tenth, 1000)
    rates = np.array([tenth_run.rates()[name] for name in microcircuit.POPULATIONS])
    counts = microcircuit.sizes(0.1, 0.1, "poisson").synapses
    events_per_second = float(counts.sum(axis=0) @ rates)
    by_events = events_per_second * costs[-1] * 1e-9
    by_neurons = tenth.size * 10_000 * neuron_costs[-1] * 1e-9
    return by_events, by_neurons, counts, events_per_second, rates, tenth, tenth_run, tenth_seconds


@app.cell(hide_code=True)
def _(by_events, by_neurons, events_per_second, mo, tenth_seconds):
    mo.md(f"""
    | | |
    |---|---|
    | {events_per_second / 1e6:.0f} million events | {by_events:.2f} s |
    | 7,717 neurons, 10,000 steps | {by_neurons:.2f} s |
    | together | {by_events + by_neurons:.2f} s |
    | measured | {tenth_seconds:.2f} s |

    The Poisson numbers of its drive are not in the sum: they cost about as much again as the
    neurons. Times differ from run to run, the more the busier the machine is: the least of three is
    shown.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What is rounded, and by how much

    Single precision halves the memory of states, and twice as many numbers fit one vector
    instruction. Nothing of that happens silently: `run.provenance["approximations"]` has one
    entry for everything that is not as you wrote it, with a bound.
    """)
    return


@app.cell
def _(ns, potjans_diesmann):
    small = potjans_diesmann(scale=0.1)
    exact = ns.run(small, 2000, precision="double").between(500, 2000)
    compact = ns.run(small, 2000, precision="single", synapse_format="fixed16")
    compact = compact.between(500, 2000)
    other_seed = ns.run(potjans_diesmann(scale=0.1, seed=56), 2000).between(500, 2000)
    weights_told = [
        told for told in compact.provenance["approximations"] if told["part"].endswith("weights")
    ]
    return compact, exact, other_seed, weights_told


@app.cell(hide_code=True)
def _(mo, weights_told):
    _worst = max(weights_told, key=lambda told: told["bound"])
    mo.md(f"""
    Of {len(weights_told)} projections, the least exact is {_worst["part"]}: {_worst["how"]}, off
    by at most **{_worst["bound"]:.1e}** ({_worst["unit"]}). The weights themselves were drawn with
    a spread of 10 %. A chaotic network amplifies any difference, so single spikes part after a
    while, as they do when one number of the seed is changed. The rates stay within what seeds
    differ by:
    """)
    return


@app.cell
def _(BLUE, GREY, RED, compact, exact, microcircuit, np, other_seed, panels):
    rate_figure, (rate_axes,) = panels(size=(8, 2.8))
    positions = np.arange(8)
    for shift, (name, run, tint) in enumerate(
        (
            ("double", exact, GREY),
            ("single, 16-bit weights", compact, BLUE),
            ("double, another seed", other_seed, RED),
        )
    ):
        heights = [run.rates()[p] for p in microcircuit.POPULATIONS]
        rate_axes.bar(positions + 0.27 * (shift - 1), heights, 0.25, color=tint, label=name)
    rate_axes.set_xticks(positions, microcircuit.POPULATIONS)
    rate_axes.set_ylabel("rate [Hz]")
    rate_axes.legend(frameon=False)
    rate_figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Threads

    Neurons are dealt to threads in blocks, arrival slots in tiles, and what a synapse adds is a
    whole number: sums do not depend on their order. **The results are the same bits for any
    number of threads.** How many are used is measured while running, since on a busy machine
    more can be slower; the provenance tells.
    """)
    return


@app.cell
def _(ns, potjans_diesmann):
    shared = potjans_diesmann(scale=0.05)
    with_threads = {k: ns.run(shared, 200, precision="single", threads=k) for k in (1, 2, 4)}
    settled = {k: r.provenance["threads"] for k, r in with_threads.items()}
    settled
    return with_threads


@app.cell
def _(choices, described, foretold, ns, refusal, tenth_run, weights_told, with_threads):
    def test_the_estimate_is_what_is_built():
        built = ns.compile(described[2], **choices["single, auto"]).run(1).provenance
        assert abs(foretold["single, auto"][2].bytes / built["synapse_bytes"] - 1) < 0.3
        assert foretold["single, auto"][2].synapses == built["synapses"]

    def test_formats_take_what_the_table_says():
        whole = {name: told[-1] for name, told in foretold.items()}
        a, b, c = (whole[k].bytes / whole[k].synapses for k in choices)
        assert 10 < a < 13
        assert 6 < b < 8
        assert 4 < c < 4.6

    def test_what_does_not_fit_is_refused_with_numbers():
        assert "300,000,000,000" in refusal

    def test_weights_keep_to_a_thousandth():
        assert weights_told
        assert max(told["bound"] for told in weights_told) < 1e-3

    def test_threads_change_no_bit():
        assert with_threads[1].same_as(with_threads[2])
        assert with_threads[1].same_as(with_threads[4])

    def test_the_tenth_fires_like_the_whole():
        for name, rate in tenth_run.rates().items():
            assert rate > 0.3, name

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Give all weights of a projection one value instead of `ns.Normal(...)`. What does a synapse
       cost now, in bytes and in nanoseconds?
    2. Double the number of synapses per source in `senders`, and halve the sources. The number of
       synapses is the same: is the cost of an event?
    3. How many neurons with 10,000 synapses each fit this machine? Ask `estimate`, not the machine.
    4. If you have two gigabytes and a minute: `potjans_diesmann()`, `precision="single"`, one
       biological second.
    """)
    return


if __name__ == "__main__":
    app.run()

import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import tempfile
    from pathlib import Path

    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np

    import neurosim as ns
    from neurosim_models import brunel

    BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"

    def panels(rows=1, columns=1, size=(8, 3), **options):
        """Return a figure and its axes, without the upper and right edges."""
        figure, axes = plt.subplots(
            rows, columns, figsize=size, layout="constrained", squeeze=False, **options
        )
        for ax in axes.flat:
            ax.spines[["top", "right"]].set_visible(False)
        return figure, axes.ravel()

    return BLUE, GREEN, GREY, Path, RED, brunel, mo, np, ns, panels, tempfile


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 3. The balanced network

    A neuron in cortex receives thousands of spikes per second, yet it fires seldom and
    irregularly. Van Vreeswijk and Sompolinsky (1996) gave the reason: excitation and inhibition
    are both large and nearly cancel, and what is left over are the fluctuations. This lesson
    builds such a network, measures it, breaks its balance, shows that it is chaotic and yet
    repeats to the last bit, and ends with the four regimes of Brunel (2000).
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Four thousand neurons

    The network is the current-based benchmark of Vogels and Abbott (2005) in the form of Brette
    et al. (2007): 3,200 excitatory and 800 inhibitory neurons, each pair connected with a
    probability of 2 %. The resting potential of -49 mV lies above the threshold, so that every
    neuron would fire by itself; inhibition keeps it in check. There is no other input and, once
    it runs, no randomness.

    It stands in a function, as we shall need variants of it. Look at what it prints: expected
    numbers of synapses and the memory, before anything is built.
    """)
    return


@app.cell
def _(ns):
    def balanced(seed=42, inhibition=90.0):
        """Return the network; `inhibition` is the size of an inhibitory weight [pA]."""
        net = ns.Network("balanced", seed=seed)
        model = ns.LIF(
            tau_m=20, C_m=200, E_L=-49, V_th=-50, V_reset=-60, t_ref=5,
            synapses=ns.ExpCurrent(exc=5, inh=10),
        )  # fmt: skip
        exc = net.population("exc", 3200, model)
        inh = net.population("inh", 800, model)
        net.initialise(exc + inh, V_m=ns.Uniform(-60, -50))
        sparse = ns.FixedProbability(0.02)
        net.project(exc, exc + inh, sparse, weight=16.2, delay=0.1, receptor="exc")
        net.project(inh, exc + inh, sparse, weight=-inhibition, delay=0.1, receptor="inh")
        net.record(exc + inh, "spikes")
        net.record(exc[:8], ["V_m", "I_exc", "I_inh"])
        return net

    net = balanced()
    net
    return balanced, net


@app.cell
def _(net, ns):
    run = ns.run(net, 2000)
    run
    return (run,)


@app.cell
def _(run):
    run.plot()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## How irregular is it?

    Four numbers describe such activity. None of them needs the first 100 ms, in which the
    network finds its state.

    - **Rate**, and how it differs between neurons.
    - **CV of the inter-spike intervals**: 0 for a clock, 1 for a Poisson process.
    - **Fano factor**: variance over mean of the number of spikes in a window, here 100 ms; 1
      for a Poisson process.
    - **Correlation** of the spike counts of pairs of neurons: near 0 if the network is
      *asynchronous*. Where the spectrum of the population's rate has a peak there is a rhythm.
    """)
    return


@app.cell
def _(mo, ns, run):
    late = run.between(100, 2000)

    def statistics_of(record):
        """Return rate, CV, Fano factor and mean correlation of one population."""
        trains, start, stop = record.trains(), record.t_start, record.t_stop
        return {
            "rate [Hz]": record.mean_rate(),
            "CV": ns.analysis.isi_cv(trains, min_spikes=5).mean(),
            "Fano factor": ns.analysis.fano_factor(trains, start, stop, window=100, ddof=1).mean(),
            "correlation": ns.analysis.count_correlations(
                trains, start, stop, bin=10, n_neurons=400
            ).mean(),
        }

    measured = {name: statistics_of(record) for name, record in late.spikes.items()}
    mo.ui.table(
        [
            {"population": name, **{key: round(value, 4) for key, value in row.items()}}
            for name, row in measured.items()
        ],
        selection=None,
    )
    return late, measured, statistics_of


@app.cell
def _(BLUE, late, np, ns, panels):
    _figure, (_rates, _intervals, _spectrum) = panels(1, 3, (12, 3.2))
    _record = late.spikes["exc"]
    _rates.hist(_record.rates(), bins=np.arange(0, 41, 1), color=BLUE, alpha=0.6)
    _rates.set(xlabel="rate of a neuron [Hz]", ylabel="excitatory neurons")
    ns.plot.isi_histogram(ns.analysis.isis(_record.trains()), bins=100, ax=_intervals)
    _intervals.set_xlim(0, 600)
    ns.plot.power_spectrum(
        ns.analysis.rate_spectrum(_record.times, 3200, 100, 2000, bin=1, segment=500), ax=_spectrum
    )
    _spectrum.axhline(
        2 * _record.mean_rate() / 3200, color="#333333", linestyle=(0, (4, 3)), linewidth=1
    )
    _spectrum.set_title("dashed: independent Poisson neurons", fontsize=9)
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Rates are spread widely, although all neurons are alike: their numbers of inputs differ by
    chance. Intervals look almost like those of a Poisson process, except that short ones are
    missing: after a spike the membrane has to climb again. And the network is nearly
    asynchronous, but not quite: pairs of neurons are hardly correlated, yet 3,200 of them
    together show a rhythm near 23 Hz.
    """)
    return


@app.cell
def _(measured):
    def test_activity_is_irregular_and_asynchronous():
        for row in measured.values():
            assert 3 < row["rate [Hz]"] < 10
            assert 0.45 < row["CV"] < 1
            assert 0.2 < row["Fano factor"] < 1.5
            assert abs(row["correlation"]) < 0.05

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Balance

    Why is it irregular? Look at the currents into one neuron of middling rate. At the threshold
    the leak contributes $C_m (E_L - V_{th}) / \tau_m$ = 10 pA, which is nothing beside the
    synapses. Excitation alone would take the neuron far above the threshold, inhibition alone
    far below. Their sum, in black, goes up and down around zero; only where a fluctuation keeps
    it above zero for long enough does the neuron fire.
    """)
    return


@app.cell
def _(BLUE, RED, np, panels, run):
    _figure, (_ax, _v) = panels(2, 1, (9, 4.6), sharex=True, height_ratios=[2, 1])
    _states, _leak = run.states["exc"], 10.0
    _k = int(np.argsort(run.spikes["exc"].counts()[:8])[4])  # the median of those recorded
    _t = _states["I_exc"].times
    _exc, _inh = _states["I_exc"].of(_k), _states["I_inh"].of(_k)
    _ax.plot(_t, _exc, color=BLUE, linewidth=1, label="excitation")
    _ax.plot(_t, _inh, color=RED, linewidth=1, label="inhibition")
    _ax.plot(_t, _exc + _inh + _leak, color="#333333", linewidth=1, label="sum with leak")
    _ax.axhline(0, color="#BBBBBB", linewidth=0.8, zorder=0)
    _ax.set(ylabel="current [pA]", xlim=(200, 800))
    _ax.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    _v.plot(_t, _states["V_m"].of(_k), color=BLUE, linewidth=1)
    _spikes = run.spikes["exc"]
    _v.vlines(_spikes.times[_spikes.ids == _k], -50, -44, color="#333333", linewidth=1.2)
    _v.axhline(-50, color="#BBBBBB", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    _v.set(ylabel="V_m [mV]", xlabel="time [ms]")
    _figure.align_ylabels()
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    And if inhibition is weaker, or stronger? Every point is a network of its own.
    """)
    return


@app.cell
def _(balanced, ns):
    weights = [0, 15, 30, 60, 90, 200]
    sweep = []
    for _weight in weights:
        _record = ns.run(balanced(inhibition=_weight), 1000).between(100, 1000).spikes["exc"]
        sweep.append((_record.mean_rate(), ns.analysis.isi_cv(_record.trains()).mean()))
    return sweep, weights


@app.cell
def _(BLUE, GREEN, panels, sweep, weights):
    _figure, (_ax,) = panels(size=(7, 3.2))
    _ax.semilogy(weights, [rate for rate, _ in sweep], "o-", color=BLUE)
    _ax.set(xlabel="inhibitory weight [pA], negative", ylim=(3, 300))
    _ax.set_ylabel("rate [Hz]", color=BLUE)
    _other = _ax.twinx()
    _other.plot(weights, [cv for _, cv in sweep], "s-", color=GREEN)
    _other.set_ylabel("CV of the intervals", color=GREEN)
    _other.set_ylim(0, 1.2)
    _other.spines["top"].set_visible(False)
    _ax.axvline(90, color="#BBBBBB", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    _figure
    return


@app.cell
def _(sweep, weights):
    def test_inhibition_slows_and_scrambles():
        rates = [rate for rate, _ in sweep]
        assert rates == sorted(rates, reverse=True)
        assert sweep[0][1] < 0.1 < 0.4 < sweep[weights.index(90)][1]

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Without inhibition the neurons fire at more than 100 Hz, like clocks. With it they fire
    slowly and irregularly. Nothing has to be tuned for that: over a wide range of weights the
    network finds a rate at which inhibition holds excitation in check.

    ## One spike more

    The network is deterministic. How much does it depend on its past? Two copies run side by
    side; after 200 ms *one* of the 4,000 neurons is made to fire once in one of them. That
    takes a **session**: `ns.compile` makes one, `session.run` runs on, `session.get` and
    `session.set` look inside. (London, Roth, Beeren, Häusser & Latham did this in the cortex of
    rats: 2010, Nature 466:123-127.)
    """)
    return


@app.cell
def _(net, np, ns):
    one, two = ns.compile(net), ns.compile(net)
    before = [session.run(200) for session in (one, two)]

    two.set(net["exc"][:1], V_m=-49.5)  # above the threshold: it fires in the next step
    after = [session.run(300) for session in (one, two)]

    def keys_of(run):
        """Return a number for every spike that says who fired in which step."""
        record = run.spikes["exc"]
        return np.rint(record.times / 0.1).astype(np.int64) * record.size + record.ids

    differing = np.setxor1d(*(keys_of(run) for run in after)) // 3200 * 0.1  # times [ms]
    return after, before, differing


@app.cell
def _(BLUE, GREY, RED, after, before, differing, np, panels):
    _figure, (_raster, _apart) = panels(2, 1, (9, 5), sharex=True, height_ratios=[2, 1])
    for _k, _colour, _size in ((0, GREY, 5), (1, RED, 2.5)):
        _record = (before[_k] + after[_k]).spikes["exc"]
        _few = _record.ids < 150
        _raster.plot(
            _record.times[_few], _record.ids[_few], "o", markersize=_size, color=_colour,
            markeredgewidth=0,
        )  # fmt: skip
    _raster.set(ylabel="neuron", xlim=(150, 350), ylim=(-3, 150))
    _raster.set_title("grey: left alone, red: one spike more at 200 ms", loc="left", fontsize=10)
    _edges = np.arange(200, 501, 5)
    _all = sum(np.histogram(run.spikes["exc"].times, _edges)[0] for run in after)
    _part = np.histogram(differing, _edges)[0] / np.maximum(_all, 1)
    _apart.stairs(_part, _edges, color=BLUE, fill=True, alpha=0.6)
    _apart.set(ylabel="part of the spikes\nnot in the other", xlabel="time [ms]", ylim=(0, 1.05))
    for _ax in (_raster, _apart):
        _ax.axvline(200, color="#BBBBBB", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    _figure.align_ylabels()
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Until then the two agree in every spike; 50 ms later they have nothing in common but their
    statistics. So it matters that a simulation repeats *exactly*:

    - **`Network(seed=)`** fixes wiring, weights, delays and initial values. The same seed is
      the same network.
    - **`trial=`** (of `ns.run` and `ns.compile`) selects the realisation of drive and noise.
      This network has neither, so its trials are equal; that of Brunel, below, has a Poisson
      drive.
    - The number of **threads** changes nothing, nor does cutting a run into pieces.
    """)
    return


@app.cell
def _(after, balanced, before, brunel, differing, net, ns, run):
    def test_one_spike_changes_everything_after_it_and_nothing_before():
        assert before[0].same_as(before[1])
        total = len(after[0].spikes["exc"].between(400, 500)) * 2
        assert (differing > 400).sum() > 0.9 * total

    def test_threads_pieces_and_trials_give_the_same_bits():
        short = run.between(0, 300)
        session = ns.compile(net, threads=2)
        assert short.same_as(session.run(100) + session.run(0.1) + session.run(199.9))
        assert short.same_as(ns.run(net, 300, threads=1, trial=7))

    def test_seeds_are_networks_and_trials_are_realisations_of_noise():
        assert balanced(seed=1).content_hash() == balanced(seed=1).content_hash()
        assert balanced(seed=1).content_hash() != balanced(seed=2).content_hash()
        driven = brunel("D", scale=0.1)
        first, again, other = (ns.run(driven, 100, trial=trial) for trial in (0, 0, 1))
        assert first.same_as(again)
        assert not first.same_as(other)

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## An experiment in pieces

    A session can be stopped, changed and continued. Here the excitatory neurons get 20 pA more
    for a while; pieces are joined by `+`.
    """)
    return


@app.cell
def _(balanced, ns):
    session = ns.compile(balanced(seed=7))
    pieces = session.run(300)
    session.set("exc", I_e=20.0)
    pieces = pieces + session.run(300)
    session.set("exc", I_e=0.0)
    pieces = pieces + session.run(300)
    pieces
    return (pieces,)


@app.cell
def _(ns, panels, pieces):
    _figure, (_ax,) = panels(size=(9, 2.8))
    ns.plot.population_rates(pieces.spikes, bin=5, ax=_ax)
    _ax.axvspan(300, 600, color="#F0E442", alpha=0.3, linewidth=0, zorder=0)
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Keep it

    A run and a network are saved each in one file, and `ns.load` reads both. A run carries its
    *provenance*: the seed, the versions, the hash of the network, the time step, what was
    approximated.
    """)
    return


@app.cell
def _(Path, net, ns, run, tempfile):
    with tempfile.TemporaryDirectory() as _folder:
        net.save(Path(_folder) / "balanced.net")
        run.save(Path(_folder) / "balanced.h5")
        net_again = ns.load(Path(_folder) / "balanced.net")
        run_again = ns.load(Path(_folder) / "balanced.h5")
    run_again.provenance
    return net_again, run_again


@app.cell
def _(net, net_again, ns, pieces, run, run_again):
    def test_what_was_saved_is_what_is_read():
        assert run_again.same_as(run)
        assert net_again.content_hash() == net.content_hash()
        assert ns.run(net_again, 50).same_as(run.between(0, 50))

    def test_more_current_more_spikes():
        rates = [pieces.between(t, t + 250).spikes["exc"].mean_rate() for t in (50, 350, 650)]
        assert rates[1] > 1.1 * rates[0]
        assert rates[1] > 1.1 * rates[2]

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Four regimes

    Brunel (2000) asked which states such networks have. His has two knobs: $g$, how much
    stronger an inhibitory synapse is than an excitatory one, and $\eta$, the external rate
    relative to what it takes to reach the threshold. Published networks are functions in
    `neurosim_models`; this one is made a fifth of its size, each neuron with as many inputs as
    in the paper, which keeps the rates about where they were. The external input is a drive,
    1,000 sources for every neuron.

    | regime | $g$, $\eta$ | |
    |---|---|---|
    | A | 3, 2 | excitation wins: all fire together, as fast as they can |
    | B | 6, 4 | inhibition wins, strong drive: a fast rhythm; each neuron skips most beats |
    | C | 5, 2 | asynchronous and irregular |
    | D | 4.5, 0.9 | drive below threshold: slow waves, few spikes |
    """)
    return


@app.cell
def _(brunel, ns, statistics_of):
    regimes = {}
    for _name, _duration in (("A", 300), ("B", 400), ("C", 400), ("D", 1000)):
        _run = ns.run(brunel(_name, scale=0.2, seed=1), _duration)
        regimes[_name] = _run.between(100, _duration).spikes["exc"]
    regime_statistics = {name: statistics_of(record) for name, record in regimes.items()}
    return regime_statistics, regimes


@app.cell
def _(BLUE, GREY, np, panels, regime_statistics, regimes):
    from neurosim_models.brunel_2000 import REFERENCE_RATES

    _figure, _axes = panels(
        2, 4, (12, 4.6), sharex="col", height_ratios=[1.4, 1], gridspec_kw={"hspace": 0.05}
    )
    for _k, (_name, _record) in enumerate(regimes.items()):
        _top, _bottom = _axes[_k], _axes[_k + 4]
        _few = _record.ids < 50
        _top.plot(_record.times[_few], _record.ids[_few], "|", color=BLUE, markersize=4)
        _first, _last, _bin = (500, 1000, 4) if _name == "D" else (200, 300, 0.5)
        _counts, _edges = np.histogram(_record.times, np.arange(_first, _last + _bin, _bin))
        _bottom.stairs(_counts / (_record.size * _bin * 1e-3), _edges, color=GREY, fill=True)
        _row = regime_statistics[_name]
        _top.set_title(
            f"{_name}: {_row['rate [Hz]']:.1f} Hz, CV {_row['CV']:.2f}\n"
            f"(full size: {REFERENCE_RATES[_name]:g} Hz)",
            fontsize=10,
        )
        _bottom.set(xlabel="time [ms]", xlim=(_first, _last))
        _top.set(ylim=(-1, 50))
        _bottom.set_ylim(bottom=0)
    _axes[0].set_ylabel("neuron")
    _axes[4].set_ylabel("population rate [Hz]")
    _figure
    return


@app.cell
def _(regime_statistics):
    def test_regimes_are_told_apart_by_rate_and_regularity():
        rate = {name: row["rate [Hz]"] for name, row in regime_statistics.items()}
        cv = {name: row["CV"] for name, row in regime_statistics.items()}
        assert rate["A"] > 250 > 80 > rate["B"] > rate["C"] > 30 > 10 > rate["D"]
        assert cv["A"] < 0.1 < 0.3 < cv["C"] < cv["B"]

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Plot the rate of the balanced network against `I_e` of all neurons, from -20 to 60 pA. Is
       it curved like that of a single neuron, or straight? Van Vreeswijk and Sompolinsky
       predict straight.
    2. Measure the CV over 2, 5 and 10 s. Why does it grow? (Which intervals do not fit into 2
       s?) Does `ns.analysis.local_variation` grow, too?
    3. Move the potential of one neuron by 1e-6 mV instead of giving it a spike. Almost always
       *nothing* happens. Why? Think of what the time grid and the reset do to a small
       difference, and find how large the push has to be.
    4. Double the number of neurons and halve the connection probability. Which of the four
       statistics change? And with a quarter of the neurons, at the same number of inputs?
    5. Give the network delays, `delay=ns.Uniform(0.5, 3)`. What happens to the rhythm?
    6. Run `brunel("B")` at full size and find the frequency of its rhythm with
       `ns.analysis.rate_spectrum(...).peak(50)`. Brunel's theory relates it to the delay: what
       if you double the delay?
    7. Compare `precision="single"` with `"double"` for the balanced network: for how long do
       the spikes agree, and which statistics do?
    """)
    return


if __name__ == "__main__":
    app.run()

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
    from neurosim.backend import find_backend

    BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"

    def panels(rows=1, columns=1, size=(8, 3), **options):
        """Return a figure and its axes, without the upper and right edges."""
        figure, axes = plt.subplots(
            rows, columns, figsize=size, layout="constrained", squeeze=False, **options
        )
        for ax in axes.flat:
            ax.spines[["top", "right"]].set_visible(False)
        return figure, axes.ravel()

    return BLUE, GREEN, GREY, RED, find_backend, mo, np, ns, panels, warnings


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 4. Three simulators

    If a result depends on the simulator, it is not a result about the brain. But the same
    equations, typed into two simulators, seldom give the same spikes: wiring and input are drawn
    anew, a threshold is tested before or after the arrivals of a step, a refractory time lasts
    one step longer. Which of the two is then right, and does it matter?

    This lesson runs one description on neurosim's own core, on Brian2 and on NEST; asks before
    a run what a simulator can do; reads a certificate line by line; hides a mistake of 0.1 ms
    and lets it be found; and meets a difference that is no mistake of either side. It needs the
    extras `brian2` and `nest`: `pip install 'neurosim-snn[brian2,nest]'`, or what `make venv`
    installed.

    ## One description

    200 neurons, excitation and inhibition of 16 and 4 synapses each, and random input. As we
    shall need variants, it stands in a function.
    """)
    return


@app.cell
def _(ns):
    CURRENTS = ns.ExpCurrent(exc=2, inh=4)

    def balanced(synapses=CURRENTS, weights=(80, -600, 120), rate=800, method=None):
        """Return the network; `weights` of excitation, inhibition and input [pA or nS]."""
        exc_weight, inh_weight, input_weight = weights
        net = ns.Network("balanced", seed=1)
        model = ns.LIF(
            tau_m=20, C_m=200, E_L=-60, V_th=-50, V_reset=-60, t_ref=2,
            synapses=synapses, method=method,
        )  # fmt: skip
        exc = net.population("exc", 160, model)
        inh = net.population("inh", 40, model)
        net.initialise(exc + inh, V_m=ns.Uniform(-60, -50))
        sparse = ns.FixedProbability(0.1)
        net.project(exc, exc + inh, sparse, weight=exc_weight, delay=1.5, receptor="exc")
        net.project(inh, exc + inh, sparse, weight=inh_weight, delay=0.8, receptor="inh")
        net.drive(exc + inh, ns.Poisson(rate=rate), weight=input_weight, receptor="exc")
        net.record(exc + inh, "spikes")
        net.record(exc[:10], "V_m")
        return net

    net = balanced()
    net
    return balanced, net


@app.cell
def _(net, ns):
    runs = {name: ns.run(net, 100, backend=name) for name in ("cpu", "brian2", "nest")}
    runs["nest"]
    return (runs,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    `backend=` is all that changes. neurosim draws wiring, delays, initial values and the random
    input, and hands the *same numbers* to all; the neurons are advanced by Brian2's own state
    updaters, and by NEST's own `iaf_psc_exp`. What differs then is the simulator and nothing
    else.

    Below, each spike is drawn three times, large, middle and small. Then the potential of one
    neuron on our core, and how far from it the other two are.
    """)
    return


@app.cell
def _(BLUE, GREY, RED, np, panels, runs):
    _figure, (_raster, _v, _d) = panels(3, 1, (9, 6.4), sharex=True, height_ratios=[2, 1, 1])
    _styles = {"cpu": ("#C8C8C8", 10), "brian2": (BLUE, 6.5), "nest": (RED, 3)}
    for _name, (_colour, _size) in _styles.items():
        _record = runs[_name].spikes["exc"]
        _few = _record.ids < 20
        _raster.plot(
            _record.times[_few], _record.ids[_few], "o", color=_colour, markersize=_size,
            markeredgewidth=0, label=_name,
        )  # fmt: skip
    _raster.set(ylabel="excitatory neuron", ylim=(-1, 20), yticks=[0, 5, 10, 15])
    _raster.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    _traces = {name: run.states["exc"]["V_m"] for name, run in runs.items()}
    _k = int(np.argmax(runs["cpu"].spikes["exc"].counts()[:10]))  # the most active of those
    _t, _ours = _traces["cpu"].times, _traces["cpu"].of(_k)
    _v.plot(_t, _ours, color=GREY, linewidth=1)
    _v.set(ylabel=f"V_m of neuron {_k}\non cpu [mV]")
    for _name in ("brian2", "nest"):
        _far = np.abs(_traces[_name].of(_k) - _ours)
        _d.semilogy(_t[_far > 0], _far[_far > 0], ".", color=_styles[_name][0], markersize=3)
    _d.set(ylabel="distance\nfrom cpu [mV]", xlabel="time [ms]", xlim=(0, 100), ylim=(3e-15, 1e-11))
    _figure.align_ylabels()
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    All three agree in every spike. Their potentials do not: sums are taken in another order,
    exponentials come from another library, and so the last of the 16 digits differ. That is
    rounding, and no simulator is nearer to the truth. Every reset sets it back to nothing.
    """)
    return


@app.cell
def _(np, runs):
    def test_three_simulators_have_the_same_spikes():
        for name in ("brian2", "nest"):
            for population, record in runs["cpu"].spikes.items():
                theirs = runs[name].spikes[population]
                assert len(record) > 50
                assert np.array_equal(record.ids, theirs.ids)
                np.testing.assert_allclose(record.times, theirs.times, atol=1e-9)

    def test_potentials_differ_by_rounding_only():
        ours = runs["cpu"].states["exc"]["V_m"].array
        for name in ("brian2", "nest"):
            far = np.abs(runs[name].states["exc"]["V_m"].array - ours).max()
            assert 0 < far < 1e-10  # mV

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What will it do with my network?

    Not every simulator has a form of everything. `ns.explain` says what one will do, part by
    part, without running anything. Here synapses are conductances, and release with a
    probability of 0.8 only.
    """)
    return


@app.cell
def _(mo, ns):
    unreliable = ns.Network("unreliable", seed=1)
    _cells = unreliable.population("cells", 10, ns.LIF(synapses=ns.ExpConductance()))
    unreliable.project(_cells, _cells, ns.AllToAll(), weight=2, receptor="inh", release=0.8)

    explained = ns.explain(unreliable, "nest")
    mo.plain_text(str(explained))
    return explained, unreliable


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    - *passes*: as described.
    - *approximated*: done otherwise, and how. It runs, and the run says so, in a warning and in
      `run.provenance["approximations"]`.
    - *refused*: there is no form of it. Nothing is left out silently: `ns.run` raises the error
      below. Where there is a way out it is named; `approximate=["release"]` is your consent to
      it.
    """)
    return


@app.cell
def _(mo, ns, unreliable):
    try:
        ns.run(unreliable, 10, backend="nest")
    except ns.UnsupportedError as _error:
        refusal = str(_error)
    mo.plain_text(refusal)
    return (refusal,)


@app.cell
def _(explained, refusal):
    def test_what_is_explained_as_refused_is_refused():
        levels = {finding.feature: finding.level for finding in explained.findings}
        assert levels["neuron:LIF/ExpConductance"] == "approximated"
        assert "refused" in levels.values()
        assert "release" in refusal

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A certificate

    `ns.certify` does what we did above by hand, and more: it records *all* states of *all*
    neurons on both sides until a spike differs (of thousands of neurons for the first few 100 ms,
    then of some), asks how long spikes can agree at all, looks
    for the cause of what differs, and falls back on statistics where spikes are no longer the
    same.
    """)
    return


@app.cell
def _(net, ns):
    certificate = ns.certify(net, ["brian2", "nest"], 100)
    certificate
    return (certificate,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Read it from the top.

    - The **tier** of each population: *same spikes on the grid* means that every spike is in
      the same step of 0.1 ms. Better is only *bit-exact*, where all states have the same bits
      as well. Below come *statistically equivalent*, *undecided*, *different* and *refused*.
    - **States differ by at most**: over all neurons and steps, not only of the one that we
      plotted. Numbers near $10^{-13}$ mV are rounding.
    - **Horizon**: copies of the network on our core, started from states that differ in the
      last digit. When does the first spike differ? Two correct simulators round differently,
      so beyond the horizon nobody can expect the same spikes. Here no copy does within the run.
      This may surprise, for a spike too many upsets such a network within 50 ms (lesson 3). But a
      difference in the 16th digit must first move a spike to another step of the grid, and
      before it has grown the reset forgets it.

    There is no line on a cause, and no statistics: nothing differs that would need either.
    """)
    return


@app.cell
def _(certificate):
    def test_the_certificate_says_the_same():
        for name in ("brian2", "nest"):
            assert certificate.tier(name) == "same spikes on the grid"
            assert certificate.same_until[name] == 100
            assert certificate.cause[name] is None
        assert certificate.horizon.first is None

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A mistake of one step

    Now somebody else's simulator, with a mistake that is easily made: excitatory neurons are
    refractory for 21 steps instead of 20. (Is the step in which a neuron fires counted? Brian2
    and NEST answer differently.) To make one, we take NEST and change a parameter behind the
    back of the caller. A backend is a small thing: a name, what it can do, and `compile`.
    """)
    return


@app.cell
def _(find_backend):
    class Theirs:
        """NEST, with the refractory time of excitatory neurons one step too long."""

        name = "theirs"
        capabilities = find_backend("nest").capabilities

        def compile(self, network, options):
            session = find_backend("nest").compile(network, options)
            session.set(network["exc"], t_ref=2.1)
            return session

    return (Theirs,)


@app.cell
def _(Theirs, net, ns):
    suspect = ns.certify(net, Theirs(), 200)
    suspect
    return (suspect,)


@app.cell(hide_code=True)
def _(mo, suspect):
    _first = suspect.report("theirs").lockstep.first_spike
    mo.md(rf"""
    - **Same spikes on the grid until {suspect.same_until["theirs"]:g} ms**, while the horizon
      lies beyond 200 ms. So this is not rounding: something else must be the cause.
    - **First different spike**: neuron {_first.neuron} of `{_first.population}`. Its states
      *just before*, on both sides: the potential is off by far more than the last digits.
    - **Cause**: *{suspect.cause["theirs"].text}* How can it know? By experiment. Our core runs
      again with one thing changed: a parameter, a synapse, a delay, the comparison at the
      threshold, the order of the reset, the refractory time, the method of integration. A
      change is named only if with it our core agrees with the other side, and without it does
      not. What was run is listed below the cause.
    - **Statistics**: as spikes differ, both sides were run in further trials, with other input,
      and their rates, CVs and correlations compared. They see *nothing*: for that, five per
      cent more refractory time are too little.

    The last point is worth a thought. "The rates agree" is how simulators are usually compared,
    and it would not have found this mistake. Yet soon hardly a spike is where it was:
    """)
    return


@app.cell
def _(Theirs, net, np, ns):
    def differing(one, two, edges):
        """Return the part of the excitatory spikes in each bin that the other run has not."""
        steps = [np.rint(run.spikes["exc"].times / 0.1).astype(int) for run in (one, two)]
        keys = [s * 1000 + run.spikes["exc"].ids for s, run in zip(steps, (one, two), strict=True)]
        alone = np.setxor1d(*keys) // 1000 * 0.1
        total = sum(np.histogram(s * 0.1, edges)[0] for s in steps)
        return np.histogram(alone, edges)[0] / np.maximum(total, 1)

    edges = np.arange(0, 201, 10)
    apart = differing(ns.run(net, 200), ns.run(net, 200, backend=Theirs()), edges)
    return apart, differing, edges


@app.cell
def _(BLUE, apart, edges, panels, suspect):
    _figure, (_ax,) = panels(size=(9, 2.4))
    _ax.stairs(apart, edges, color=BLUE, fill=True, alpha=0.6)
    _ax.axvline(
        suspect.same_until["theirs"], color="#333333", linewidth=1, linestyle=(0, (4, 3)),
        label="same until here",
    )  # fmt: skip
    _ax.set(xlabel="time [ms]", ylabel="part of the spikes\nnot in the other")
    _ax.set(xlim=(0, 200), ylim=(0, 1.05))
    _ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(0.08, 1.1))
    _figure
    return


@app.cell
def _(apart, suspect):
    def test_the_mistake_is_named_and_statistics_do_not_see_it():
        cause = suspect.cause["theirs"]
        assert (cause.kind, cause.part) == ("refractory time", "Population 'exc'")
        assert "2.1 instead of 2 ms" in cause.text
        assert suspect.same_until["theirs"] < 50
        assert suspect.horizon.first is None
        assert suspect.tier("theirs") in ("statistically equivalent", "undecided")
        assert apart[-10:].mean() > 0.5

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Power

    *Statistically equivalent* is not the same as "no difference was seen". With few spikes
    nothing is ever seen. So the certificate says what it *would* have seen: the smallest shift
    of the rate that the test finds in 80 % of cases. Where this is more than 5 % (`resolution=`)
    the tier is **undecided**, and the row says how long a run decides.
    """)
    return


@app.cell
def _(mo, suspect):
    mo.ui.table(
        [
            {
                "population": row.population,
                "tier": row.tier.value,
                "rate, cpu [Hz]": round(row.statistics.rate, 2),
                "rate, theirs [Hz]": round(row.statistics.other_rate, 2),
                "smallest shift seen [%]": round(
                    100 * row.statistics.detectable / row.statistics.rate, 1
                ),
                "why": row.why,
            }
            for row in suspect.rows
        ],
        selection=None,
    )
    return


@app.cell
def _(suspect):
    def test_a_row_is_undecided_where_the_test_is_blind():
        for row in suspect.rows:
            seen = row.statistics.detectable / row.statistics.rate
            assert (row.tier == "statistically equivalent") == (seen <= suspect.resolution)

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A difference that is nobody's mistake

    With conductances the equation of the membrane is no longer linear with constant
    coefficients, and no simulator solves it exactly. Our core takes one step of exponential
    Euler per 0.1 ms, as Brian2 does if asked for that method: cheap, and off by the order of
    the step. NEST's `iaf_cond_exp` takes adaptive steps of Runge-Kutta-Fehlberg. Which is why
    `ns.explain` said *approximated*. Does it matter?
    """)
    return


@app.cell
def _(balanced, ns):
    CONDUCTANCES = ns.ExpConductance(exc=5, inh=10)

    def conductances(method=None):
        """Return the network with conductances; strong ones, so that steps matter."""
        return balanced(CONDUCTANCES, weights=(1, 12, 2), rate=500, method=method)

    coarse = ns.certify(conductances(), "nest", 200, statistics=False)
    coarse
    return coarse, conductances


@app.cell(hide_code=True)
def _(coarse, mo):
    mo.md(rf"""
    Spikes are the same until {coarse.same_until["nest"]:g} ms only. Whether the statistics are,
    we leave open (`statistics=False`): a sharper question follows. For the cause names the
    remedy. It is the integrator, and it is *ours* that is coarse, since our core comes near NEST
    as soon as it takes finer steps. So let us ask for a better method, `LIF(method="rk4")`.
    """)
    return


@app.cell
def _(conductances, ns):
    fine = ns.certify(conductances("rk4"), "nest", 100)
    fine
    return (fine,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Now every spike is the same, although NEST's integration is still not ours: states differ by
    some $10^{-7}$ mV, more than rounding, and the certificate says why.

    How much did exponential Euler cost? Both methods on our core, ten trials of 1 s. A trial has
    the same input with both, so that the difference of each pair (a dot on the right; bars are
    means) shows what separate runs would hide.
    """)
    return


@app.cell
def _(conductances, differing, edges, np, ns, warnings):
    def rates_of(method):
        """Return the rates of `exc` and `inh` in ten trials [Hz]."""
        network = conductances(method)
        trials = [ns.run(network, 1000, trial=trial).rates() for trial in range(10)]
        return np.array([[rates["exc"], rates["inh"]] for rates in trials])

    euler, rk4 = rates_of(None), rates_of("rk4")
    shift = 100 * (euler - rk4) / rk4.mean(axis=0)  # % of the rate

    parts = {}
    for _method in (None, "rk4"):
        _net = conductances(_method)
        with warnings.catch_warnings():  # told by the certificates already
            warnings.simplefilter("ignore", ns.ApproximationWarning)
            _theirs = ns.run(_net, 200, backend="nest")
        parts[_method] = differing(ns.run(_net, 200), _theirs, edges)
    return parts, shift


@app.cell
def _(BLUE, GREEN, GREY, RED, edges, np, panels, parts, shift):
    _figure, (_apart, _pairs) = panels(1, 2, (10, 3), width_ratios=[3, 2])
    for _method, _colour in ((None, BLUE), ("rk4", GREEN)):
        _label = _method or "exponential Euler"
        _apart.stairs(parts[_method], edges, color=_colour, linewidth=2, label=_label)
    _apart.set(xlabel="time [ms]", ylabel="part of the spikes\nnot in NEST's run")
    _apart.set(xlim=(0, 200), ylim=(-0.03, 1.05))
    _apart.legend(frameon=False, loc="center right")
    for _k, _colour in enumerate((BLUE, RED)):
        _pairs.plot(shift[:, _k], np.full(10, _k), "o", color=_colour, alpha=0.6)
        _pairs.plot(shift[:, _k].mean(), _k, "|", color="#333333", markersize=24)
    _pairs.axvline(0, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    _pairs.set(yticks=[0, 1], yticklabels=["exc", "inh"], ylim=(-0.6, 1.6))
    _pairs.set(xlabel="rate with exponential Euler\nagainst rk4, same input [%]")
    _figure
    return


@app.cell(hide_code=True)
def _(mo, shift):
    mo.md(rf"""
    Exponential Euler fires about {shift[:, 1].mean():.1f} % too often in this network. Whether
    that matters is for you to judge; that it is there, and where it comes from, you need not
    guess.
    """)
    return


@app.cell
def _(coarse, fine, shift):
    def test_the_integrator_is_named_and_a_finer_one_agrees():
        assert coarse.same_until["nest"] < 20
        assert coarse.cause["nest"].kind == "integrator"
        assert fine.tier("nest") == "same spikes on the grid"

    def test_exponential_euler_fires_too_often_and_pairs_show_it():
        mean, error = shift.mean(axis=0), shift.std(axis=0, ddof=1) / 10**0.5
        assert 0.5 < mean[1] < 2.5
        assert mean[1] > 3 * error[1]

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## To somebody without neurosim

    `ns.export` writes the network as a script in the words of another simulator: with its own
    rules, generators and random numbers. It runs without neurosim, and can be read, changed and
    handed on. It is the same network *in distribution*: another wiring and another input, not
    the same spikes.

    What it cannot be as described stands in its head, and `ns.explain(net, "nest", script=True)`
    tells it beforehand: a script is refused what a run is handed step by step, and has what
    cannot be replayed, such as synapses that fail.
    """)
    return


@app.cell
def _(mo, net, ns):
    script = ns.export(net, "nest", duration=500)
    mo.md(f"```python\n{script}\n```")
    return (script,)


@app.cell
def _(script):
    def test_the_script_is_readable_and_does_not_need_us():
        compile(script, "script.py", "exec")
        assert "import neurosim" not in script
        assert '{"rule": "pairwise_bernoulli", "p": 0.1}' in script

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The same in a terminal, for published networks (`neurosim list`) and your own:

        neurosim doctor
        neurosim explain cuba --backend nest
        neurosim certify cuba --backends brian2,nest --duration 500 --html cuba.html
        neurosim export cuba script.py --backend nest

    `docs/certificates.md` says how each number of a certificate is
    made, `docs/backends.md` what each backend can do.

    ## Exercises

    1. Hide another mistake in `Theirs`: `V_th=-49.99`, say, or `tau_m=20.1` of the inhibitory
       neurons. How small may it be and still be named? How long must the run be?
    2. Give somebody a `Theirs` without telling what is wrong in it. Can the certificate's first
       different spike tell them more than the rates?
    3. Certify the mistake of one step over 2 s. Do the statistics see it now? What does
       `resolution=0.01` ask for?
    4. Halve the time step of the network with conductances, `ns.certify(..., dt=0.05)`. By how
       much does the difference of states shrink, and what order does the method have?
    5. Export the network and run the script with five values of `SEED`. How far do the rates
       scatter, and do those of `runs` lie among them? Which part of the scatter is the wiring's?
    6. Write a `ns.NeuronModel` whose own dynamics amplify small differences, the Lorenz
       equations with a threshold, say, and certify a population of them on `brian2`. Where is
       the horizon, and is it near the time until which spikes are the same?
    """)
    return


if __name__ == "__main__":
    app.run()

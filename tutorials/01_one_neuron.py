import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np
    import pint

    import neurosim as ns

    BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
    return BLUE, GREEN, GREY, RED, mo, np, ns, pint, plt


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 1. One neuron

    A neuron integrates what it receives and fires when it has enough. This lesson takes the
    simplest model that does so, measures it, checks the measurement against a formula, and then
    makes the model richer: first by parameters, then by equations of your own.

    You will see

    - how a network is described, run and drawn,
    - the f-I curve of the leaky integrate-and-fire neuron, and what refractoriness does to it,
    - units, and what happens when you get them wrong,
    - the firing patterns of the adaptive exponential neuron,
    - a model that you type in yourself.

    Change any cell: everything that depends on it runs again.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A leaky integrator with a threshold

    The membrane is a capacitor $C_m$ with a leak. Left alone it returns to $E_L$ with the time
    constant $\tau_m$; a current $I$ moves it:

    $$\frac{dV_m}{dt} = \frac{E_L - V_m}{\tau_m} + \frac{I}{C_m}$$

    Where $V_m$ reaches $V_{th}$ the neuron *fires*: we note the time, set $V_m$ to $V_{reset}$
    and hold it there for the refractory time $t_{ref}$. That is the whole model (Lapicque,
    1907).

    A **network** is made of **populations**; each has a name, a size and a model. What you want
    to look at later has to be **recorded**. Move the slider to change the current.
    """)
    return


@app.cell
def _(mo):
    current = mo.ui.slider(0, 500, value=240, step=10, label="current I_e [pA]", show_value=True)
    current
    return (current,)


@app.cell
def _(current, ns):
    net = ns.Network("one neuron")
    neuron = net.population(
        "neuron",
        1,
        ns.LIF(
            tau_m=20, C_m=200, E_L=-70, V_th=-50, V_reset=-65, t_ref=3, I_e=float(current.value)
        ),
    )
    net.record(neuron, ["spikes", "V_m"])
    net
    return net, neuron


@app.cell
def _(net, ns):
    run = ns.run(net, 200)
    run
    return (run,)


@app.cell
def _(ns, run):
    ns.plot.traces(run.states["neuron"]["V_m"], spikes=run.spikes["neuron"], threshold=-50)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Spikes have no shape here: a spike is a time, marked by a triangle. `run.spikes["neuron"]`
    holds them as plain arrays, `.times` in ms and `.ids`, the number of the neuron that fired;
    `run.states["neuron"]["V_m"]` holds the trace.
    """)
    return


@app.cell
def _(run):
    run.spikes["neuron"].times, run.rates()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## How fast does it fire? The f-I curve

    With a constant current the time from reset to threshold follows from the equation. With
    $V_\infty = E_L + I \tau_m / C_m$, the potential that the leak and the current would settle
    on,

    $$T = t_{ref} + \tau_m \ln \frac{V_\infty - V_{reset}}{V_\infty - V_{th}}
    \qquad \text{if } V_\infty > V_{th}, \text{ else it never fires.}$$

    The smallest current that makes it fire, the *rheobase*, is $(V_{th} - E_L)\, C_m / \tau_m$,
    here 200 pA.

    To measure the whole curve takes one run: a parameter may be an array with one value per
    neuron. The population below is a table of 3 x 61 neurons, one row for each refractory time
    and one column for each current.
    """)
    return


@app.cell
def _(np, ns):
    currents, refractory = np.meshgrid(np.linspace(0, 1500, 61), [0.0, 2.0, 10.0])
    curve = ns.Network("f-I curve")
    cells = curve.population(
        "cells",
        currents.shape,
        ns.LIF(tau_m=20, C_m=200, E_L=-70, V_th=-50, V_reset=-65, t_ref=refractory, I_e=currents),
    )
    curve.record(cells, "spikes")
    curve_run = ns.run(curve, 2000)
    trains = curve_run.spikes["cells"].trains()
    return cells, currents, curve, curve_run, refractory, trains


@app.cell
def _(currents, np, refractory):
    def interval(current, t_ref):
        """Return the time from one spike to the next [ms]; inf where there is none."""
        target = -70 + current * 20 / 200
        with np.errstate(divide="ignore", invalid="ignore"):
            time = t_ref + 20 * np.log((target + 65) / (target + 50))
        return np.where(target > -50, time, np.inf)

    expected = interval(currents, refractory)
    return (expected,)


@app.cell
def _(BLUE, GREEN, RED, currents, curve_run, expected, plt, refractory):
    _figure, _ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    _measured = curve_run.spikes["cells"].rates().reshape(currents.shape)
    for _k, _colour in enumerate((BLUE, GREEN, RED)):
        _ax.plot(currents[_k], 1000 / expected[_k], color=_colour, linewidth=1.2)
        _ax.plot(
            currents[_k],
            _measured[_k],
            "o",
            color=_colour,
            markersize=3.5,
            label=f"{refractory[_k, 0]:g} ms",
        )
    _ax.axvline(200, color="#BBBBBB", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    _ax.text(188, 340, "rheobase", rotation=90, ha="right", va="top", color="#777777", fontsize=9)
    _ax.spines[["top", "right"]].set_visible(False)
    _ax.set(xlabel="current [pA]", ylabel="rate [Hz]", xlim=(0, 1500), ylim=(0, 350))
    _ax.legend(title="refractory time", frameon=False, loc="upper right")
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Points are simulated, lines are the formula. The curve starts steeply: just above the
    rheobase $V_m$ creeps towards the threshold and the interval is long. Far above it, the
    intervals shrink towards $t_{ref}$, so refractoriness caps the rate at $1/t_{ref}$: 100 Hz
    for 10 ms.

    The simulation has a grid of $dt$ = 0.1 ms. Between grid points the solution is exact, so
    the only difference is that a spike waits for the next grid point. The cell below checks
    just that; it is a test, which pytest runs too.
    """)
    return


@app.cell
def _(currents, curve_run, expected, np, trains):
    def test_intervals_follow_the_formula_to_one_step():
        for train, predicted in zip(trains, expected.ravel(), strict=True):
            late = np.diff(train) - predicted
            assert np.all(late > -1e-6)
            assert np.all(late < 0.1 + 1e-6)

    def test_only_currents_above_the_rheobase_make_it_fire():
        fired = curve_run.spikes["cells"].counts().reshape(currents.shape) > 0
        assert np.array_equal(fired, currents > 200)

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Units

    Numbers are in ms, mV, pA, pF, nS and GOhm; rates are in Hz. These fit each other: nS times
    mV is pA, pF times mV / ms is pA. If you would rather say it, say it: a text with a unit, or
    a quantity of pint, Brian or quantities, is checked and converted where you write it.
    """)
    return


@app.cell
def _(ns, pint):
    ureg = pint.UnitRegistry()

    plain = ns.LIF(tau_m=20, C_m=200, E_L=-70)
    spelled = ns.LIF(tau_m="0.02 s", C_m="0.2 nF", E_L="-70 mV")
    with_pint = ns.LIF(tau_m=20 * ureg.ms, C_m=200 * ureg.pF, E_L=-0.07 * ureg.volt)

    print(plain == spelled == with_pint)
    return plain, spelled, with_pint


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What mistakes look like

    A description is checked where it is written, not in the middle of a run. Every message
    names the place, the value, what was expected, and the remedy where there is one. Some of
    the ways to get it wrong:
    """)
    return


@app.cell
def _(ns):
    mistakes = {
        'ns.LIF(tau_m="20 mV")': lambda: ns.LIF(tau_m="20 mV"),
        "ns.LIF(tau_m=0)": lambda: ns.LIF(tau_m=0),
        "ns.LIF(E_L=float('nan'))": lambda: ns.LIF(E_L=float("nan")),
        "ns.LIF(tau_mem=20)": lambda: ns.LIF(tau_mem=20),
        "ns.LIF(V_th=-70, V_reset=-50)": lambda: ns.LIF(V_th=-70, V_reset=-50),
        "ns.Lif()": lambda: ns.Lif(),
    }
    return (mistakes,)


@app.cell
def _(mistakes, mo):
    def message_of(wrong):
        """Return what a wrong call says."""
        try:
            wrong()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return "no error"

    mo.plain_text("\n\n".join(f"{code}\n    {message_of(mistakes[code])}" for code in mistakes))
    return (message_of,)


@app.cell
def _(message_of, mistakes, plain, spelled, with_pint):
    def test_units_are_one_thing_and_mistakes_another():
        assert plain == spelled == with_pint
        messages = [message_of(wrong) for wrong in mistakes.values()]
        assert "no error" not in messages
        assert "Did you mean 'tau_m'" in messages[3]

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Firing patterns: the adaptive exponential neuron

    Real neurons answer a step of current in many ways. Two additions to the leaky integrator
    produce most of them: an upstroke that the neuron makes by itself, and a slow current $w$
    that grows with the potential (by $a$) and with every spike (by $b$):

    $$C_m \dot V_m = -g_L (V_m - E_L) + g_L \Delta_T e^{(V_m - V_T)/\Delta_T} - w + I
    \qquad \tau_w \dot w = a (V_m - E_L) - w$$

    The six rows below are sets of parameters of Naud, Marcille, Clopath & Gerstner (2008, Biol.
    Cybern. 99:335-347, table 1). Again one population holds them all: neuron $k$ takes the
    $k$-th value of each list. The step comes from `net.inject`.
    """)
    return


@app.cell
def _(np, ns):
    patterns = {
        #                       C_m  g_L  E_L   a   tau_w   b  V_reset   I
        "tonic": (200, 10, -70, 2, 30, 0, -58, 500),
        "adapting": (200, 12, -70, 2, 300, 60, -58, 500),
        "initial burst": (130, 18, -58, 4, 150, 120, -50, 400),
        "regular bursting": (200, 10, -58, 2, 120, 100, -46, 210),
        "accelerating": (200, 12, -70, -10, 300, 0, -58, 300),
        "transient": (100, 10, -65, 10, 90, 100, -47, 180),
    }
    C_m, g_L, E_L, a, tau_w, b, V_reset, step = np.array(list(patterns.values()), float).T

    zoo = ns.Network("firing patterns")
    adex = zoo.population(
        "adex",
        len(patterns),
        ns.AdEx(
            C_m=C_m, g_L=g_L, E_L=E_L, V_T=-50, Delta_T=2, a=a, tau_w=tau_w, b=b,
            V_reset=V_reset, V_peak=0,
        ),
    )  # fmt: skip
    zoo.inject(adex, ns.StepCurrent(times=[50, 450], amplitudes=[step, 0 * step]))
    zoo.record(adex, ["spikes", "V_m", "w"])
    zoo_run = ns.run(zoo, 500)
    return adex, patterns, zoo, zoo_run


@app.cell
def _(BLUE, GREY, patterns, plt, zoo_run):
    _figure, _axes = plt.subplots(
        3, 2, figsize=(9, 6), layout="constrained", sharex=True, sharey=True
    )
    _V, _trains = zoo_run.states["adex"]["V_m"], zoo_run.spikes["adex"].trains()
    for _k, (_name, _ax) in enumerate(zip(patterns, _axes.flat, strict=True)):
        _ax.plot(_V.times, _V.of(_k), color=BLUE, linewidth=1)
        _ax.vlines(_trains[_k], -45, 10, color=BLUE, linewidth=1)  # a spike lasts no time: draw it
        _ax.hlines(-88, 50, 450, color=GREY, linewidth=3)
        _ax.set_title(f"{_name}: {_trains[_k].size} spikes", loc="left", fontsize=10)
        _ax.spines[["top", "right"]].set_visible(False)
    for _ax in _axes[:, 0]:
        _ax.set_ylabel("V_m [mV]")
    for _ax in _axes[-1]:
        _ax.set_xlabel("time [ms] (bar: current on)")
    _figure
    return


@app.cell
def _(np, patterns, zoo_run):
    def test_patterns_deserve_their_names():
        intervals = {
            name: np.diff(train)
            for name, train in zip(patterns, zoo_run.spikes["adex"].trains(), strict=True)
        }
        tonic = intervals["tonic"][2:]
        assert np.ptp(tonic) < 0.05 * tonic.mean()
        assert intervals["adapting"][-1] > 3 * intervals["adapting"][0]
        assert intervals["accelerating"][-1] < 0.7 * intervals["accelerating"][0]
        bursting = intervals["regular bursting"]
        assert bursting.max() > 4 * bursting.min()
        assert zoo_run.spikes["adex"].between(250, 450).counts()[-1] == 0  # transient

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A model of your own

    Every model is equations; the built-in ones are too. Ask one for its text:
    """)
    return


@app.cell
def _(mo, ns):
    _text = ns.LIF(synapses=None).text()
    mo.plain_text(
        f"{_text.equations}\n\nthreshold   {_text.threshold}\nreset       {_text.reset}"
        f"\nrefractory  {_text.refractory}"
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Your own model is written the same way: one line per equation, the unit after the colon (`1`
    for plain numbers), time in the equation's own units. It is parsed, its units are checked,
    and it is compiled like every other.

    Here is an excitable system without a reset, the FitzHugh-Nagumo model, in which $v$ is fast
    and $w$ recovers slowly. Its state is a point in a plane and all it does can be seen there:
    on the grey curves one of the two variables stands still; where they cross, both do. If they
    cross on the left branch, the system rests there and a large enough push sends it on one
    round trip. On the middle branch the resting point is unstable, and the system goes round
    and round. Push it with the slider.
    """)
    return


@app.cell
def _(mo):
    drive = mo.ui.slider(-0.5, 2.0, value=0.5, step=0.05, label="current I", show_value=True)
    drive
    return (drive,)


@app.cell
def _(drive, ns):
    fitzhugh_nagumo = ns.NeuronModel(
        "FitzHugh-Nagumo",
        equations="""
            dv/dt = (v - v**3/3 - w + I)/ms : 1
            dw/dt = (v + a - b*w)/tau       : 1
            tau : ms                            # how slow the recovery is
        """,
        parameters={"a": 0.7, "b": 0.8, "I": float(drive.value), "tau": "12.5 ms"},
    )
    excitable = ns.Network("excitable")
    unit = excitable.population("unit", 3, fitzhugh_nagumo)
    excitable.initialise(unit, v=[-1.2, -0.6, 1.5], w=[-0.62, -0.62, 1.5])
    excitable.record(unit, ["v", "w"], initial=True)
    excitable_run = ns.run(excitable, 200)
    return excitable, excitable_run, fitzhugh_nagumo, unit


@app.cell
def _(BLUE, GREEN, GREY, RED, drive, excitable_run, np, plt):
    _figure, (_plane, _time) = plt.subplots(
        1, 2, figsize=(10, 3.8), layout="constrained", width_ratios=[1, 1.5]
    )
    _states = excitable_run.states["unit"]
    _v = np.linspace(-2.5, 2.5, 400)
    _plane.plot(_v, _v - _v**3 / 3 + drive.value, color=GREY, linewidth=2.5, alpha=0.6)
    _plane.plot(_v, (_v + 0.7) / 0.8, color=GREY, linewidth=2.5, alpha=0.6)
    for _k, _colour in enumerate((BLUE, GREEN, RED)):
        _plane.plot(_states["v"].of(_k), _states["w"].of(_k), color=_colour, linewidth=1)
        _plane.plot(_states["v"].of(_k)[0], _states["w"].of(_k)[0], "o", color=_colour)
        _time.plot(_states["v"].times, _states["v"].of(_k), color=_colour, linewidth=1.2)
    _plane.set(xlim=(-2.5, 2.5), ylim=(-1.4, 2.6), xlabel="v", ylabel="w")
    _time.set(xlabel="time [ms]", ylabel="v", xlim=(0, 200))
    for _ax in (_plane, _time):
        _ax.spines[["top", "right"]].set_visible(False)
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    A text with a mistake is refused with the place. Here the parenthesis is not closed, and
    there a current is added to a voltage:
    """)
    return


@app.cell
def _(message_of, mo, ns):
    typo = message_of(lambda: ns.NeuronModel("typo", equations="dv/dt = (I - v/tau : mV"))
    dimension = message_of(
        lambda: ns.NeuronModel(
            "dimension",
            equations="dv/dt = (E_L - v + I)/tau : mV\nE_L : mV\nI : pA\ntau : ms",
            parameters={"E_L": -70, "I": 10, "tau": 20},
        )
    )
    mo.plain_text(f"{typo}\n\n{dimension}")
    return dimension, typo


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    With a threshold and a reset a text becomes a spiking neuron. This is the model of
    Izhikevich (2003): two equations, the units of its parameters, and what a spike does. The
    same model is built in, as `ns.Izhikevich`; typed in or built in, it does the same, to the
    last bit.
    """)
    return


@app.cell
def _(ns):
    def izhikevich_run(model):
        """Return the spike times of one neuron under a constant input."""
        net = ns.Network("izhikevich")
        cell = net.population("cell", 1, model)
        net.inject(cell, ns.ConstantCurrent(amplitude=10))
        net.record(cell, ["spikes", "V_m"])
        return ns.run(net, 300)

    typed = ns.NeuronModel(
        "mine",
        equations="""
            dV_m/dt = (0.04*V_m**2/mV + 5*V_m + 140*mV - u + R*(I_e + I_injected))/ms : mV
            du/dt = a*(b*V_m - u) : mV
            a : 1/ms
            b : 1
            c : mV
            d : mV
            V_th : mV
            R : GOhm
            I_e : pA
        """,
        threshold="V_m >= V_th",
        reset="V_m = c; u += d",
        parameters={"a": 0.02, "b": 0.2, "c": -65, "d": 8, "V_th": 30, "R": 1, "I_e": 0},
        initial={"V_m": -65, "u": -13},
        method="euler",  # as in the paper
    )
    built_in = ns.Izhikevich(a=0.02, b=0.2, c=-65, d=8, synapses=None)

    of_typed, of_built_in = izhikevich_run(typed), izhikevich_run(built_in)
    of_typed.same_as(of_built_in)
    return of_built_in, of_typed


@app.cell
def _(dimension, drive, excitable_run, np, of_built_in, of_typed, typo):
    def test_typed_and_built_in_models_agree_to_the_last_bit():
        assert of_built_in.same_as(of_typed)
        assert len(of_typed.spikes["cell"]) > 3

    def test_the_middle_branch_oscillates():
        late = excitable_run.between(100, 200).states["unit"]["v"].array
        swing = np.ptp(late, axis=0)
        assert np.all(swing > 3) if 0.4 < drive.value < 1.3 else True

    def test_wrong_texts_are_refused_with_the_place():
        assert "^" in typo
        assert "pA" in dimension
        assert "mV" in dimension

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Set `V_reset=-80` in the first network. Which part of the f-I formula changes? Where is
       the effect large: near the rheobase or far above it?
    2. Run the f-I curve with `dt=1.0` (an argument of `ns.run`). By how much may the rate at
       400 pA differ now? Work out the bound first.
    3. Add noise, `curve.inject(cells, ns.NoiseCurrent(sd=100, tau=5))`, and draw the f-I curve
       again. What happens to its sharp corner? Does the neuron fire below the rheobase?
    4. In *regular bursting*, which parameter sets the number of spikes in a burst? And which
       the pause between two bursts?
    5. Find the current at which FitzHugh-Nagumo starts to oscillate: the resting point loses
       its stability where $1 - v^2 = b/\tau$. Compare with the slider.
    6. Write the quadratic integrate-and-fire neuron, $\dot v = v^2 + I$, as a `NeuronModel`
       that fires at $v = 30$ and restarts at $-30$. Its interval should approach $\pi / \sqrt
       I$. Does it?

    Next: `02_synapses_and_delays.py`.
    """)
    return


if __name__ == "__main__":
    app.run()

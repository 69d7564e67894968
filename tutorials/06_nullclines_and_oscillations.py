import marimo

__generated_with = "0.25.2"

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import matplotlib.pyplot as plt
    import numpy as np

    import neurosim as ns
    from neurosim.analysis import dynamics

    return dynamics, mo, np, ns, plt


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 6. Nullclines and oscillations

    Two populations, one excitatory and one inhibitory, and two equations for their activity: why do
    they rest, remember or oscillate? The answer can be seen in a plane. This lesson takes the
    model of Wilson and Cowan (1972) and finds

    - where each population stands still (the nullclines), and where both do (fixed points),
    - whether a fixed point attracts or repels, by the eigenvalues of its Jacobian,
    - the oscillation: its period, its size, how fast it is regained after a push,
    - for which input there is rest, bistability or oscillation (the bifurcation diagram).

    Move the sliders: everything that depends on them is computed again.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The model

    $E$ and $I$ are the parts of the two populations that are active. Those that are not refractory,
    $1 - E$ and $1 - I$, are excited according to a sigmoid of their input:

    $$\tau \dot E = -E + (1 - E)\, S(c_1 E - c_2 I + P;\ 1.3,\ 4)
    \qquad \tau \dot I = -I + (1 - I)\, S(c_3 E - c_4 I + Q;\ 2,\ 3.7)$$

    $$S(x; a, \theta) = \frac{1}{1 + e^{-a (x - \theta)}} - \frac{1}{1 + e^{a \theta}}$$

    so that no input is no activity, $S(0) = 0$. $P$ and $Q$ are inputs from outside. The four $c$
    say who excites whom how strongly; those below, 16, 12, 15 and 3, are the ones with which the
    paper finds its limit cycle (fig. 11). Typed in, it is a model like any other:
    """)
    return


@app.cell
def _(ns):
    wilson_cowan = ns.NeuronModel(
        "Wilson-Cowan",
        equations="""
            dE/dt = (-E + (1 - E)*S_E)/tau : 1
            dI/dt = (-I + (1 - I)*S_I)/tau : 1
            S_E = sigmoid(a_E*(c_1*E - c_2*I + P - theta_E)) - sigmoid(-a_E*theta_E) : 1
            S_I = sigmoid(a_I*(c_3*E - c_4*I + Q - theta_I)) - sigmoid(-a_I*theta_I) : 1
            tau : ms
        """,
        parameters={
            "c_1": 16, "c_2": 12, "c_3": 15, "c_4": 3,
            "a_E": 1.3, "theta_E": 4, "a_I": 2, "theta_I": 3.7,
            "P": 1.25, "Q": 0, "tau": "8 ms",
        },
    )  # fmt: skip
    field = ns.vector_field(wilson_cowan)
    field([0.1, 0.1]), field.jacobian([0.1, 0.1])
    return field, wilson_cowan


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    `ns.vector_field` makes of the model what is to the right of its equations: give it a state, and
    it tells where the state goes, in 1/ms. It knows the Jacobian, too, exactly, from the text.

    ## The plane

    On the blue curve $E$ stands still, on the red one $I$ does. Where they cross there is a fixed
    point: filled if it attracts, open if it repels, half filled for a saddle, which does both.
    """)
    return


@app.cell
def _(mo):
    drive = mo.ui.slider(0.0, 3.0, value=1.25, step=0.05, label="input P", show_value=True)
    inhibition = mo.ui.slider(4, 16, value=12, step=0.5, label="inhibition c_2", show_value=True)
    mo.hstack([drive, inhibition], justify="start", gap=2)
    return drive, inhibition


@app.cell
def _(drive, dynamics, field, inhibition, ns):
    box = {"E": (-0.02, 0.55), "I": (-0.02, 0.55)}
    now = field.at(P=float(drive.value), c_2=float(inhibition.value))
    points = dynamics.fixed_points(now, box)
    path = dynamics.trajectory(now, {"E": 0.4, "I": 0.05}, 160)
    try:
        cycles = [dynamics.limit_cycle(now, path.end, duration=400)]
    except ns.ConvergenceError as error:
        cycles, why_no_cycle = [], str(error)
    else:
        why_no_cycle = ""
    points
    return box, cycles, now, path, points, why_no_cycle


@app.cell
def _(box, cycles, ns, now, path, plt, points):
    _figure, (_plane, _time) = plt.subplots(
        1, 2, figsize=(11.5, 4.2), layout="constrained", width_ratios=[1.25, 1]
    )
    ns.plot.phase_portrait(now, box, points=points, cycles=cycles, trajectories=[path], ax=_plane)
    _time.plot(path.times, path["E"], color="#0072B2", label="E")
    _time.plot(path.times, path["I"], color="#D55E00", label="I")
    _time.set(xlabel="time [ms]", ylabel="active part", xlim=(0, 160), ylim=(0, 0.5))
    _time.spines[["top", "right"]].set_visible(False)
    _time.legend(frameon=False)
    _figure
    return


@app.cell
def _(cycles, mo, why_no_cycle):
    mo.plain_text(str(cycles[0]) if cycles else f"No cycle from here.\n{why_no_cycle}")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The blue curve is bent like an N: more excitation makes more excitation, until most cells are
    active. Where the red curve crosses its rising middle part, excitation runs away before
    inhibition follows, and both go round: $E$ rises, $I$ follows, $E$ is put down, $I$ decays.

    With weak inhibition (try $c_2 = 6$) activity stays up for good. With $P$ = 1 there are three
    fixed points; the dashed curve that ends in the saddle separates what comes back at once
    from what makes a detour.

    ## Attracting or repelling

    Close to a fixed point the field is linear, and its Jacobian tells all: perturbations are
    sums of $e^{\lambda t}$. Complex eigenvalues turn; positive real parts grow. In a plane it is
    enough to know trace and determinant: with a negative determinant it is a saddle, otherwise the
    sign of the trace decides on stability, and complex eigenvalues begin where
    $\mathrm{tr}^2 = 4 \det$.
    """)
    return


@app.cell
def _(mo, points):
    mo.plain_text(
        "\n".join(
            f"E = {p['E']:.4f}, I = {p['I']:.4f}: trace {p.trace:+.3f}/ms, determinant "
            f"{p.determinant:+.4f}, eigenvalues {p.eigenvalues.round(3)}: {p.kind}"
            for p in points
        )
    )
    return


@app.cell
def _(dynamics, field, np):
    def test_the_published_oscillation():
        """Period 5.003 tau, E between .1015 and .2715, I between .0214 and .1974."""
        cycle = dynamics.limit_cycle(field, {"E": 0.1, "I": 0.1})
        assert cycle.stable
        assert np.isclose(cycle.period / 8, 5.003, atol=5e-4)
        assert np.allclose(
            [cycle.minimum, cycle.maximum], [[0.1015, 0.0214], [0.2715, 0.1974]], atol=5e-5
        )

    def test_trace_and_determinant_tell_the_kind():
        for point in dynamics.fixed_points(field, [(0, 0.6), (0, 0.6)], P=1.0):
            if point.determinant < 0:
                assert point.kind == "saddle"
            else:
                assert point.stable == (point.trace < 0)

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The bifurcation diagram

    What happens on the way from one input to the next? `bifurcation_diagram` finds the fixed points
    at several values of $P$, follows each of them, round the bends too, and from every Hopf
    point follows the cycles. Solid is stable, dashed is not; of a cycle the largest and the
    smallest $E$ are drawn.
    """)
    return


@app.cell
def _(dynamics, field):
    diagram = dynamics.bifurcation_diagram(
        field, "P", (0.0, 3.0), {"E": (-0.05, 0.8), "I": (-0.05, 0.8)}, searches=3
    )
    diagram
    return (diagram,)


@app.cell
def _(diagram, ns, plt):
    _figure, (_states, _periods) = plt.subplots(2, 1, figsize=(8.2, 6), layout="constrained")
    ns.plot.bifurcation_diagram(diagram, "E", ax=_states)
    ns.plot.periods(diagram, ax=_periods)
    _periods.set(xlim=diagram.interval, ylim=(0, 150))
    _figure
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Read it from left to right. Below $P \approx 0.90$ the network rests. Between the two
    *saddle-nodes*, where the curve turns, there are three fixed points. From the right, beyond the
    *Hopf* point, the network rests again, at high activity. A pair of eigenvalues crosses the
    imaginary axis there; since it is *supercritical*, a small stable cycle appears at the side
    where the fixed point is unstable, and grows: the rhythm fades in.

    On the left it ends otherwise. The period grows without bound while the size does not
    shrink: the cycle comes to touch the saddle, on which time stands still (a *homoclinic* orbit).
    Between there and the saddle-node rest and rhythm are both stable, and the past decides.

    The first Lyapunov coefficient tells a supercritical Hopf point from a subcritical one, whose
    cycles are unstable, and where the rhythm jumps in at full size. FitzHugh-Nagumo and
    Morris-Lecar have such:
    """)
    return


@app.cell
def _(dynamics, ns):
    fitzhugh_nagumo = ns.vector_field(ns.FitzHughNagumo(synapses=None))
    excitable = dynamics.continue_fixed_points(
        fitzhugh_nagumo, "I_e", (0, 2), {"v": -1.2, "w": -0.6}, {"v": (-3, 3), "w": (-3, 3)}
    )
    excitable
    return (excitable,)


@app.cell
def _(diagram, excitable, np):
    def test_hopf_points_of_fitzhugh_nagumo_in_closed_form():
        v = np.array([-1, 1]) * np.sqrt(1 - 0.08 * 0.8)  # where the trace is 0
        expected = (v + 0.7) / 0.8 - v + v**3 / 3
        assert np.allclose([b.value for b in excitable.bifurcations], expected, atol=1e-9)
        assert {b.criticality for b in excitable.bifurcations} == {"subcritical"}

    def test_rest_and_rhythm_are_both_stable_in_between():
        kinds = [b.kind for b in diagram.bifurcations]
        assert kinds == ["saddle-node", "saddle-node", "Hopf"]
        turn, hopf = diagram.bifurcations[1], diagram.bifurcations[2]
        assert hopf.criticality == "supercritical"
        assert diagram.cycles[0].values.min() < turn.value

    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Exercises

    1. Give $I$ an input: `field.at(Q=1.0)`. Does it need more or less $P$ to oscillate?
    2. Leave out the refractory factors $(1 - E)$ and $(1 - I)$, as most do today. What becomes of
       the bifurcation diagram?
    3. At $P = 1.08$, find two starts with `dynamics.trajectory`, one that comes to rest and one
       that oscillates. Where is the border between them? (`dynamics.manifolds` of the saddle.)
    4. Draw the diagram of `ns.MorrisLecar(synapses=None)` over `I_e` from 60 to 250 pA. Where does
       it begin to fire if the current rises slowly, and where does it stop if it falls?
    5. Make $\tau$ of $I$ a parameter of its own. How slow may inhibition be before the rhythm is
       lost?
    """)
    return


if __name__ == "__main__":
    app.run()

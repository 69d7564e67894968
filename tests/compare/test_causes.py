"""Causes other than single faults: integrators, rounding, ties, drive, what cannot be recorded."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.backend import Options
from neurosim.capabilities import Case, refused
from neurosim.compare import inquiry as inquiry_module
from neurosim.compare import lockstep as lockstep_module
from neurosim.compare import observing, solvers, variants
from neurosim.compare.causes import diagnose
from neurosim.compare.diagnosis import Diagnosis
from neurosim.compare.horizon import make_engine, perturbed, spikes_only
from neurosim.compare.lockstep import compare_in_lockstep
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Plan
from neurosim_backends.cpu import CPU
from tests.compare.hidden_faults import Opaque, network_of_ties, two_populations


def diagnosed(
    net: ns.Network, change: Callable[[Plan], Plan], duration: float = 100.0, *,
    options: Options | None = None, theirs: Any = None,
) -> Diagnosis:  # fmt: skip
    options = options or Options()
    other = theirs or Opaque(change)
    lockstep = compare_in_lockstep(net, "cpu", other, duration, options)
    return diagnose(net, other, duration, options, lockstep)


def one_population(synapses: Any, **more: Any) -> ns.Network:
    net = ns.Network("one population", seed=1)
    cells = net.population("cells", 30, ns.LIF(I_e=420.0, synapses=synapses, **more))
    net.initialise(cells, V_m=ns.Uniform(-70, -55))
    weight = ns.Normal(2, 0.4) if "Conductance" in type(synapses).__name__ else ns.Normal(50, 10)
    net.project(cells, cells, ns.FixedProbability(0.2), weight=weight, delay=1.0, receptor="exc",
                name="p")  # fmt: skip
    return net


def test_another_method_is_named() -> None:
    found = diagnosed(
        one_population(ns.ExpCurrent()), lambda plan: variants.with_method(plan, 0, "euler")
    ).cause
    assert found is not None
    assert (found.kind, found.part, found.what) == ("integrator", "Population 'cells'", "euler")


def test_alpha_conductances_of_which_each_equation_is_advanced_alone_are_an_integrator() -> None:
    """What exponential Euler is to others, where ours takes the linear part exactly."""
    found = diagnosed(
        one_population(ns.AlphaConductance()),
        lambda plan: variants.with_method(plan, 0, variants.SEPARATE),
    ).cause
    assert found is not None
    assert (found.kind, found.what) == ("integrator", variants.SEPARATE)


def test_a_finer_integrator_than_any_of_ours_is_named_by_how_much_nearer_a_finer_step_comes() -> (
    None
):
    net = one_population(ns.ExpConductance())
    # A step so long that Runge-Kutta is not exact to rounding.
    options = Options(dt=0.5)
    diagnosis = diagnosed(
        net, lambda plan: variants.with_method(plan, 0, "rk4", 6), 50.0, options=options
    )
    found = diagnosis.cause
    assert found is not None, diagnosis.tried
    assert (found.kind, found.part) == ("integrator", "Population 'cells'")
    assert found.what == "rk4 in 4 parts of a step"
    assert found.size is not None
    assert found.size > 1000


def test_initial_values_are_a_cause_of_their_own() -> None:
    def change(plan: Plan) -> Plan:
        rows = np.array(plan.populations[1].initial["V_m"])
        rows[3] += 0.25
        return variants.with_initial(plan, 1, {"V_m": rows})

    net = two_populations("current", 5)
    diagnosis = diagnosed(net, change)
    found = diagnosis.cause
    assert found is not None
    assert (found.kind, found.part, found.what) == ("initial value", "Population 'inh'", "V_m")
    assert found.size == pytest.approx(0.25)
    # The change of the cause is that of the fault, in trials that start from elsewhere, too.
    assert diagnosis.change is not None
    plan = lower(net, 0.1)
    assert_same(diagnosis.change(plan), change(plan), 0.0)
    other = perturbed(plan, 1e-6, 1)
    assert_same(diagnosis.change(other), change(other), 1e-12)


def assert_same(ours: Plan, theirs: Plan, tolerance: float) -> None:
    for p, q in zip(ours.populations, theirs.populations, strict=True):
        for state, value in q.initial.items():
            np.testing.assert_allclose(p.initial[state], value, rtol=tolerance, atol=0)


def test_an_injected_current_that_comes_a_step_late_is_named() -> None:
    net = two_populations("current", 6)
    net.inject(net["exc"], ns.StepCurrent(times=[10.0, 50.0], amplitudes=[100.0, 0.0]))
    found = diagnosed(net, lambda plan: variants.with_current_shifted(plan, 0, 1) or plan).cause
    assert found is not None
    assert (found.kind, found.part) == ("injected current", "Population 'exc'")
    assert found.size == pytest.approx(0.1)


def test_the_weight_of_a_drive_is_told_from_that_of_a_projection() -> None:
    found = diagnosed(
        two_populations("current", 7), lambda plan: variants.with_drive_scaled(plan, 0, 1.02)
    ).cause
    assert found is not None
    assert (found.kind, found.part) == ("weight", "Drive of 'exc' + 'inh'")
    assert found.size == pytest.approx(1.02)
    assert found.alternatives == ()


def test_rounded_weights_are_quantisation_with_its_bits() -> None:
    found = diagnosed(
        one_population(ns.ExpCurrent()), lambda plan: variants.with_rounded_weights(plan, 0, 8)
    ).cause
    assert found is not None
    assert (found.kind, found.part, found.size) == ("quantisation", "Projection 'p'", 8.0)


def test_a_parameter_that_is_off_in_both_populations_is_one_cause() -> None:
    def change(plan: Plan) -> Plan:
        for index in (0, 1):
            plan = variants.with_parameter(plan, index, "tau_m", 21.0)
        return plan

    found = diagnosed(two_populations("current", 8), change).cause
    assert found is not None
    assert (found.kind, found.what) == ("parameter", "tau_m")
    assert found.part == "Population 'exc', Population 'inh'"
    assert found.size == pytest.approx(1.0)


def test_parameters_with_a_value_per_neuron_are_off_by_what_is_added_to_all() -> None:
    net = ns.Network("heterogeneous", seed=2)
    cells = net.population("cells", 30, ns.LIF(E_L=ns.Normal(-58, 1), V_th=-55, I_e=50))
    net.initialise(cells, V_m=ns.Uniform(-70, -55))

    def change(plan: Plan) -> Plan:
        value = np.asarray(plan.populations[0].parameters["E_L"]) + 0.3
        return variants.with_parameter(plan, 0, "E_L", value)

    found = diagnosed(net, change).cause
    assert found is not None
    said = {(c.what, round(c.size or 0, 6)) for c in (found, *found.alternatives)}
    assert ("E_L", 0.3) in said


def without(*variables: str) -> Any:
    case = Case(
        "record:state", "of some", refused("no"), lambda use: use.subject.variable in variables
    )
    return replace(CPU.capabilities, cases=(case,))


@pytest.mark.parametrize("fault", ["parameter", "receptor", "weight"])
def test_what_the_other_side_cannot_record_is_followed_by_our_own_equations(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alpha functions whose rise is hidden, as other simulators have them."""
    monkeypatch.setattr(observing, "PIECE", 5.0)
    change: Callable[[Plan], Plan] = {
        "parameter": lambda plan: variants.with_parameter(plan, 0, "tau_exc", 2.2),
        "receptor": lambda plan: variants.with_receptor(plan, 0, "inh"),
        "weight": lambda plan: variants.with_weights_scaled(plan, 0, 1.25),
    }[fault]
    theirs = Opaque(change, without("x_exc", "x_inh"))
    diagnosis = diagnosed(one_population(ns.AlphaCurrent()), change, 30.0, theirs=theirs)
    found = diagnosis.cause
    assert found is not None, diagnosis.tried
    expected = {"parameter": ("tau_exc", 0.2), "receptor": ("inh", None), "weight": ("all", 1.25)}
    what, size = expected[fault]
    assert (found.kind, found.what) == (fault, what)
    assert found.size == (None if size is None else pytest.approx(size, rel=1e-4))


def test_a_threshold_that_is_met_exactly_is_a_tie() -> None:
    """Whole numbers but for a last bit: every step is ours, and rounding decides who fires."""
    net = network_of_ties(3)
    diagnosis = diagnosed(net, lambda plan: perturbed(plan, 1e-15, 0))
    found = diagnosis.cause
    assert found is not None, diagnosis.tried
    assert (found.kind, found.what) == ("threshold tie", "V_th")
    assert found.size is not None
    assert found.size < 1e-14
    # The network is full of ties: this is the first.
    assert found.heading == "Cause in part (threshold tie)"
    at, again = re.findall(r"at ([\d.]+) ms", found.accounts)
    assert f"exactly at {at} ms" in found.text
    assert float(again) > float(at)


def chaotic() -> ns.Network:
    net = ns.Network("chaos")
    model = ns.NeuronModel(
        "lorenz",
        equations="""dx/dt = 10*(y - x)/tau : 1
                     dy/dt = (x*(28 - z) - y)/tau : 1
                     dz/dt = (x*y - 8*z/3)/tau : 1
                     tau : ms""",
        threshold="x >= 14", parameters={"tau": 10.0}, initial={"x": 1.0, "y": 1.0, "z": 20.0},
    )  # fmt: skip
    net.population("cells", 2, model)
    return net


def test_rounding_is_a_cause_where_our_own_copies_part_as_early() -> None:
    diagnosis = diagnosed(chaotic(), lambda plan: perturbed(plan, 1e-14, 0), 600.0)
    found = diagnosis.cause
    assert found is not None, diagnosis.tried
    assert (found.kind, found.unit) == ("rounding", "ulps")
    # The copy differs at the start, by 1e-14 of values of 1 to 20, not by what that has grown to.
    assert found.size is not None
    assert 20 < found.size < 60
    assert "first state to differ, at 0 ms" in found.text
    assert "Copies of our core" in found.evidence[1]
    rates = [float(t) for t in re.findall(r"every ([\d.]+) ms", found.evidence[2])]
    # Both as fast as the Lorenz system loses decimals: one in 2.5 of its time units, of 10 ms.
    assert rates == [pytest.approx(25, rel=0.3)] * 2


def test_states_that_rounding_alone_has_parted_are_explained_where_all_spikes_are_the_same() -> (
    None
):
    diagnosis = diagnosed(chaotic(), lambda plan: perturbed(plan, 1e-14, 0), 200.0)
    found = diagnosis.cause
    assert found is not None, diagnosis.tried
    assert found.kind == "rounding"
    grown = re.search(r"grows to (\S+) of the largest value of [xyz] of 'cells'", found.text)
    assert grown
    assert 1e-9 < float(grown[1]) < 1e-3
    assert found.text.endswith("and to no other spike.")
    assert "off by at most" in found.evidence[0]


def test_late_rounding_is_told_from_the_steps_of_the_neuron_that_differs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """States of all neurons are watched for 50 ms, those of the one that parts first to the end."""
    whole = diagnosed(chaotic(), lambda plan: perturbed(plan, 1e-14, 0), 600.0)
    monkeypatch.setattr(lockstep_module, "WATCHED", 500 * 6)
    watched: list[float] = []
    watch = inquiry_module.Inquiry.watch

    def counted(self: Any, until: float) -> None:
        watched.append(until)
        watch(self, until)

    monkeypatch.setattr(inquiry_module.Inquiry, "watch", counted)
    diagnosis = diagnosed(chaotic(), lambda plan: perturbed(plan, 1e-14, 0), 600.0)
    assert watched == [50.0]
    found = diagnosis.cause
    assert found is not None, diagnosis.tried
    assert whole.cause is not None
    assert found.text == whole.cause.text
    assert found.kind == "rounding"
    assert "own states: off" in whole.cause.evidence[0]
    assert "up to 50 ms, then those of neuron 1 of 'cells'): off by at most" in found.evidence[0]


def test_a_fault_that_acts_late_is_found_although_few_were_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The neuron that differs first does a step that is not ours: then all are watched so long."""
    monkeypatch.setattr(lockstep_module, "WATCHED", 200 * 150)
    net = two_populations("current", 6)
    net.inject(net["exc"], ns.StepCurrent(times=[40.0, 50.0], amplitudes=[100.0, 0.0]))
    found = diagnosed(net, lambda plan: variants.with_current_shifted(plan, 0, 1) or plan).cause
    assert found is not None
    assert (found.kind, found.part) == ("injected current", "Population 'exc'")
    assert found.size == pytest.approx(0.1)


@pytest.mark.parametrize("synapses", ["fail", "learn"])
def test_rounding_is_not_claimed_of_steps_that_nobody_can_do_again(synapses: str) -> None:
    """Synapses that fail, or have learnt: what arrives is not known."""
    more: dict[str, dict[str, Any]] = {
        "fail": {"release": 0.5},
        "learn": {"plasticity": ns.STDP(w_max=40, a_plus=0.4, a_minus=0.42)},
    }
    other: dict[str, dict[str, Any]] = {
        "fail": {"release": 0.6},
        "learn": {"plasticity": ns.STDP(w_max=40, a_plus=0.8, a_minus=0.1).plasticity_rule()},
    }
    net = two_populations("current", 2)
    net.project(net["exc"], net["inh"], ns.AllToAll(), weight=20.0, delay=1.0, receptor="exc",
                **more[synapses])  # fmt: skip

    def change(plan: Plan) -> Plan:
        *fixed, last = plan.projections
        return replace(plan, projections=(*fixed, replace(last, **other[synapses])))

    diagnosis = diagnosed(net, change)
    assert diagnosis.cause is None
    assert any("'inh' is not known step by step" in text for text in diagnosis.tried)


def test_a_search_that_takes_too_long_ends_and_tells_what_it_left() -> None:
    net = two_populations("current", 4)
    theirs = Opaque(lambda plan: variants.with_parameter(plan, 0, "tau_m", 20.6))
    lockstep = compare_in_lockstep(net, "cpu", theirs, 60.0, Options())
    found = diagnose(net, theirs, 60.0, Options(), lockstep, 0.0)
    assert found.cause is None
    spec = lower(net, 0.1).populations[0].spec
    assert spec is not None
    assert found.untried["parameter"] == len(spec.parameters) - 1  # t_ref has steps of its own
    assert found.untried["refractory time"] == 20  # up to ten steps more, and less
    assert found.untried["threshold comparison"] == 1
    assert found.untried["delay"] == 0  # not even listed
    assert "integrator" in found.untried
    assert not found.kinds
    whole = diagnose(net, theirs, 60.0, Options(), lockstep)
    assert whole.cause is not None
    assert whole.cause.what == "tau_m"
    assert not whole.untried


def test_nothing_is_claimed_where_nothing_is_confirmed() -> None:
    """A cubic term that the equations do not have: no hypothesis of ours."""
    net = chaotic()

    def change(plan: Plan) -> Plan:
        spec = plan.populations[0].spec
        assert spec is not None
        last = spec.program[-1]
        bent = replace(last, expression=last.expression - 1e-7 * last.expression**3)
        return variants.with_spec(plan, 0, program=(*spec.program[:-1], bent))

    diagnosis = diagnosed(net, change)
    assert diagnosis.cause is None
    assert any("tau of Population 'cells'" in text for text in diagnosis.tried)


def test_a_gap_junction_that_is_stronger_is_a_weight() -> None:
    net = ns.Network("gap", seed=3)
    cells = net.population("cells", 20, ns.LIF(I_e=400.0, synapses=ns.GapJunction()))
    net.initialise(cells, V_m=ns.Uniform(-70, -55))
    net.project(cells, cells, ns.FixedProbability(0.3), weight=1.0, source="V_m", receptor="gap",
                name="gaps")  # fmt: skip
    found = diagnosed(net, lambda plan: variants.with_coupling_scaled(plan, 0, 1.3)).cause
    assert found is not None
    assert (found.kind, found.part) == ("weight", "Projection 'gaps'")
    assert found.size == pytest.approx(1.3)


@pytest.mark.parametrize("fault", ["parameter", "weight", "delay"])
def test_a_fault_on_top_of_a_finer_integrator_is_named(fault: str) -> None:
    """As of a simulator that solves conductances adaptively, with a wrong number in its mapping."""
    change: Callable[[Plan], Plan] = {
        "parameter": lambda plan: variants.with_parameter(plan, 0, "tau_m", 20.6),
        "weight": lambda plan: variants.with_weights_scaled(plan, 0, 1.1),
        "delay": lambda plan: variants.with_delays_shifted(plan, 0, 1),
    }[fault]

    def both(plan: Plan) -> Plan:
        for index in (0, 1):
            plan = variants.with_method(plan, index, "rk4", 6)
        return change(plan)

    net, options = two_populations("conductance", 4), Options(dt=0.5)
    diagnosis = diagnosed(net, both, options=options)
    found = diagnosis.cause
    assert found is not None, diagnosis.tried
    part, size = {
        "parameter": ("Population 'exc'", 0.6),
        "weight": ("Projection 'from exc'", 1.1),
        "delay": ("Projection 'from exc'", 0.5),
    }[fault]
    assert (found.kind, found.part) == (fault, part)
    assert found.size == pytest.approx(size, rel=1e-3)
    assert "integrator as well" in found.evidence[-1]
    # What was confirmed is both.
    assert diagnosis.change is not None
    plan = diagnosis.change(spikes_only(lower(net, 0.5)))
    assert [p.spec.method for p in plan.populations if p.spec is not None] == [
        "rk4, 4 parts of a step"
    ] * 2
    ours, theirs = (
        make_engine(changed, options).run(200)
        for changed in (plan, both(spikes_only(lower(net, 0.5))))
    )
    np.testing.assert_array_equal(ours.labels, theirs.labels)


def adapting(n: int = 20) -> ns.Network:
    """Exponential neurons whose upstroke a step of 0.1 ms does not resolve."""
    net = ns.Network("adapting", seed=2)
    cells = net.population("cells", n, ns.AdEx(synapses=None, I_e=900.0, t_ref=1.0))
    net.initialise(cells, V_m=ns.Uniform(-70, -52))
    return net


def coarser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut steps into fewer parts than is the rule: programs are written and compiled sooner."""
    monkeypatch.setattr(solvers, "FINE", 2)
    monkeypatch.setattr(solvers, "FINER", 4)


def test_an_upstroke_solved_within_the_step_is_an_integrator_and_its_reset_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of a solver with adaptive steps, that resets at the substep in which V_peak is crossed."""
    monkeypatch.setattr(solvers, "FINER", 8)

    def change(plan: Plan) -> Plan:
        return variants.with_method(plan, 0, "rk4", 8, reset_within=True)

    diagnosis = diagnosed(adapting(), change, 60.0)
    found = diagnosis.cause
    assert found is not None, diagnosis.tried
    assert (found.kind, found.part) == ("integrator", "Population 'cells'")
    assert found.what.startswith("rk4 in ")
    assert found.what.endswith("parts of a step, threshold and reset after each part")
    assert "spikes fall into another step" in found.text
    # A whole run with it has the other side's spikes: it is the cause, not a part of it.
    assert (found.accounts, found.heading) == ("", "Cause (integrator)")
    assert "the same spikes up to" in found.evidence[1]
    assert "cut into 1, 4" in found.evidence[2]
    assert "after the part that crosses the threshold" in found.evidence[3]
    # Both runs are told over the stretch in which our core as it is has their spikes.
    label = re.search(r"a spike differs at ([\d.]+) ms", found.evidence[0])
    ours = re.search(r"states differ by up to ([\de.-]+) ", found.evidence[0])
    changed = re.search(r"; up to ([\d.]+) ms, .*states differ by up to (\S+) ", found.evidence[1])
    assert label is not None
    assert ours is not None
    assert changed is not None
    assert float(changed[1]) == pytest.approx(float(label[1]) - 0.1)
    assert float(changed[2]) < float(ours[1]) / 10
    assert "over the longer stretch by up to" in found.evidence[1]


def test_a_reset_at_the_end_of_the_step_is_not_called_one_within(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coarser(monkeypatch)
    diagnosis = diagnosed(adapting(), lambda plan: variants.with_method(plan, 0, "rk4", 6), 60.0)
    found = diagnosis.cause
    assert found is not None, diagnosis.tried
    assert found.kind == "integrator"
    assert "reset" not in found.what
    # So coarse a solver is not theirs: what it leaves is told, and how much later the two part.
    assert found.heading == "Cause in part (integrator)"
    accounted = re.match(
        r"It accounts for (\d+) of (\d+) spikes \((\d+) are ours without it\).*"
        r"still parts from the other side, at ([\d.]+) ms instead of ([\d.]+) ms\.$",
        found.accounts,
    )
    assert accounted is not None, found.accounts
    with_it, of, without = (int(n) for n in accounted.groups()[:3])
    assert without < with_it < of
    assert f"{of - with_it} of {of} spikes fall into another step" in found.text
    assert float(accounted[4]) > float(accounted[5])
    assert str(found).startswith("In part: ")


def test_a_reset_within_the_step_is_one_of_its_parts() -> None:
    """Cut into two halves, threshold and reset do what two steps of half the size do."""
    net = adapting(1)
    net.record(net["cells"], ["spikes", "V_m", "w"])
    plan = lower(net, 0.1)
    halves = variants.with_method(plan, 0, "rk4", 2, reset_within=True)
    engines = [make_engine(halves, Options()), make_engine(lower(net, 0.05), Options(dt=0.05))]
    ours, fine = engines[0].run(400), engines[1].run(800)
    n = ours.labels.size
    assert n > 1
    # Up to the first spike all is the same; from there the refractory time is cut otherwise.
    first = int(ours.labels[0])
    assert first == -(-int(fine.labels[0]) // 2)
    for number in (1, 2):
        np.testing.assert_allclose(
            ours.samples[number][:first], fine.samples[number][1::2][:first], rtol=1e-12
        )


def test_spikes_told_at_the_maximum_are_seen_beside_finer_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As simulators of Hodgkin-Huxley neurons do that wait for the potential to fall."""
    coarser(monkeypatch)
    net = ns.Network("maximum", seed=2)
    cells = net.population("cells", 10, ns.TraubMiles(I_e=400.0, synapses=None))
    net.initialise(cells, V_m=ns.Uniform(-65, -55))

    def change(plan: Plan) -> Plan:
        return variants.with_spike_at_maximum(variants.with_method(plan, 0, "rk4", 3), 0)

    diagnosis = diagnosed(net, change, 60.0)
    found = diagnosis.cause
    assert found is not None, diagnosis.tried
    assert found.what.startswith("rk4 in ")
    assert found.what.endswith("parts of a step, spikes at the maximum of V_m")


@pytest.mark.parametrize("fault", ["weight", "delay"])
def test_a_fault_is_named_though_a_solver_has_an_error_of_its_own(fault: str) -> None:
    """Upstrokes that our finer steps do not follow, and states that are off a little everywhere."""
    change: Callable[[Plan], Plan] = {
        "weight": lambda plan: variants.with_weights_scaled(plan, 0, 1.1),
        "delay": lambda plan: variants.with_delays_shifted(plan, 0, 1),
    }[fault]
    net = ns.Network("adapting, coupled", seed=2)
    model = ns.AdEx(synapses=ns.ExpConductance(), I_e=700.0, t_ref=1.0)
    cells = net.population("cells", 30, model)
    net.initialise(cells, V_m=ns.Uniform(-70, -52))
    net.project(cells, cells, ns.FixedProbability(0.2), weight=2.0, delay=1.0, receptor="exc",
                name="p")  # fmt: skip

    def both(plan: Plan) -> Plan:
        return change(variants.with_method(plan, 0, "rk4", 6, reset_within=True))

    diagnosis = diagnosed(net, both, 60.0)
    found = diagnosis.cause
    assert found is not None, diagnosis.tried
    assert (found.kind, found.part) == (fault, "Projection 'p'")
    assert found.size == pytest.approx({"weight": 1.1, "delay": 0.1}[fault], rel=1e-3)
    assert "integrator as well" in found.evidence[-1]

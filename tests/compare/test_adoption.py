"""The statistics with a cause put into our core: what vanishes, what remains, what is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import neurosim as ns
from neurosim.backend import Options
from neurosim.compare import adoption as module
from neurosim.compare import comparing, variants
from neurosim.compare.adoption import Adoption, adopt
from neurosim.compare.certify import certify
from neurosim.compare.diagnosis import Cause, Diagnosis
from neurosim.compare.statistics import Sample, sample
from neurosim.compare.trials import Ensemble, grid_spikes
from neurosim.compare.verdicts import Tier
from neurosim.errors import SimulationError
from neurosim.lower.plan import Plan
from tests.compare.hidden_faults import Opaque
from tests.compare.small_networks import Copy, chain, with_model

pytestmark = pytest.mark.compiled

DURATION = 100.0
TRIALS = (12, 4)


def two_chains() -> ns.Network:
    """Two driven populations that know nothing of each other."""
    net = ns.Network("two", seed=3)
    for name in ("first", "second"):
        cells = net.population(name, 20, ns.LIF())
        net.drive(cells, ns.Poisson(rate=9000), weight=60, receptor="exc")
    return net


def with_both(network: ns.Network) -> ns.Network:
    net = with_model("first", V_th=-56.0)(network)
    current = ns.StepCurrent(times=[60.0], amplitudes=[150.0])
    net.inject(net["second"], current)
    return net


def test_a_second_fault_that_acts_later_remains() -> None:
    """The search looks at what happens around the first other spike; the statistics at all."""
    c = certify(two_chains(), Copy(network=with_both), DURATION, trials=TRIALS)
    cause = c.cause["copy"]
    assert cause is not None
    assert (cause.kind, cause.what, cause.part) == ("parameter", "V_th", "Population 'first'")
    assert {r.tier for r in c.rows} == {Tier.DIFFERENT}
    found = c.report("copy").adoption
    assert found is not None
    assert (found.vanished, found.remaining, found.arising) == (("first",), ("second",), ())
    assert not found.explains_all
    assert "it is not all that the two sides do otherwise" in str(c).replace("\n", " ")
    assert ns.Certificate.from_json(c.to_json()) == c


def ensemble(net: ns.Network) -> Ensemble:
    return Ensemble(network=net, duration=DURATION, options=Options(), size=0.0, driven=True)


def adopted(change: Callable[[Plan], Plan], different: tuple[str, ...] = ("second",),
            seconds: float = 1e9) -> Adoption:  # fmt: skip
    """Adopt a change where the other side is our core as it is."""
    trials = ensemble(chain())
    theirs: dict[str, list[Sample]] = {"first": [], "second": []}
    for k in range(12, 16):
        run = trials.run_changed(lambda plan: plan, k)
        for name, samples in theirs.items():
            samples.append(sample(run.spikes[name]))
    return adopt(
        change, trials, 12, theirs, different, level=0.01, resolution=0.1, seconds=seconds,
        say=lambda text: None,
    )  # fmt: skip


def test_a_population_that_differs_with_the_cause_only_is_told() -> None:
    found = adopted(lambda plan: variants.with_parameter(plan, 0, "V_th", -57.0), ("second",))
    assert "first" in found.arising
    assert not found.explains_all
    none = adopted(lambda plan: plan)
    assert (none.vanished, none.arising, none.remaining) == (("second",), (), ())
    assert none.explains_all


def test_a_changed_run_of_a_trial_is_that_of_a_backend_with_the_change() -> None:
    """The plan is changed, the trial is the same one; perturbed initial states included."""

    def change(plan: Plan) -> Plan:
        return variants.with_parameter(plan, 1, "tau_m", 12.0)

    for trials in (ensemble(chain()), replace(ensemble(chain()), size=1e-3)):
        ours = trials.run_changed(change, 3).spikes["second"]
        theirs = trials.run(Opaque(change), 3).spikes["second"]
        assert len(ours) > 0
        for one, two in zip(grid_spikes(ours, 0.1), grid_spikes(theirs, 0.1), strict=True):
            assert (one == two).all()


def test_it_is_left_where_it_would_take_much_longer_than_all_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    found = adopted(lambda plan: plan, seconds=1e-9)
    assert "12 trials with it would take about" in found.problem
    assert not found.statistics
    assert not found.explains_all


def test_what_our_core_does_not_run_is_told() -> None:
    def broken(plan: Plan) -> Plan:
        raise SimulationError("it left the finite numbers")

    assert "left the finite numbers" in adopted(broken).problem


def test_a_cause_that_is_no_change_of_the_network_is_not_put_into_our_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cause = Cause(kind="rounding", part="Population 'second'", what="V_m", size=1.0, unit="ulps",
                  text="Every single step is ours.")  # fmt: skip
    monkeypatch.setattr(comparing, "diagnose", lambda *args: Diagnosis(cause=cause))
    c = certify(chain(), Copy(network=with_model("second", V_th=-52.0)), DURATION, trials=TRIALS)
    assert c.tier("copy", "second") == Tier.DIFFERENT
    found = c.report("copy").adoption
    assert found is not None
    assert found.problem == "rounding is no change of the network that our core could run with"
    assert "not repeated with this cause in our core: rounding is no change" in str(c)
    monkeypatch.setattr(comparing, "diagnose", lambda *args: Diagnosis())
    c = certify(chain(), Copy(network=with_model("second", V_th=-52.0)), DURATION, trials=TRIALS)
    assert c.report("copy").adoption is None

"""The builder: what it stores, and what it refuses in the line that wrote it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from neurosim.describe.currents import ConstantCurrent, StepCurrent
from neurosim.describe.distributions import FunctionOfDistance, Normal, Uniform
from neurosim.describe.explicit import DistanceDependent, FromList, FromMatrix
from neurosim.describe.learning import STDP
from neurosim.describe.network import Network
from neurosim.describe.neurons import LIF
from neurosim.describe.positions import Grid
from neurosim.describe.rules import AllToAll, FixedProbability, OneToOne
from neurosim.describe.sources import Input, Poisson, SpikeTimes
from neurosim.describe.synapses import Delta, ExpCurrent
from neurosim.errors import DescriptionError, NeurosimError, UnknownNameError
from tests.describe.builders import balanced, conductances


def small() -> Network:
    """exc of 6, inh of 4, both LIF with receptors exc and inh, and a source of 6."""
    net = Network("small", seed=1)
    lif = LIF(synapses=ExpCurrent(exc=5, inh=10))
    net.population("exc", (2, 3), lif, positions=Grid())
    net.population("inh", 4, lif)
    net.population("in", 6, Poisson(rate=10))
    return net


def test_populations_are_numbered_through() -> None:
    net = small()
    assert [(p.name, p.index, p.offset, p.size) for p in net.populations.values()] == [
        ("exc", 0, 0, 6),
        ("inh", 1, 6, 4),
        ("in", 2, 10, 6),
    ]
    assert net.size == 16
    assert net["inh"] is net.populations["inh"]
    with pytest.raises(TypeError):
        net.populations["x"] = net["inh"]  # type: ignore[index]


def test_projections_are_stored_in_units_and_know_where_they_were_written() -> None:
    net = small()
    exc, inh = net["exc"], net["inh"]
    p = net.project(exc, inh, AllToAll(), weight="0.1 nA", delay="1.5 ms", receptor="exc")
    assert (p.weight, p.delay, p.unit, p.receptor, p.source) == (100.0, 1.5, "pA", "exc", None)
    assert p.where.rpartition(":")[0] == __file__
    assert p.name == "exc->inh"
    assert net.project(exc, inh, AllToAll(), receptor="exc").name == "exc->inh#2"
    assert net.project(exc, inh, AllToAll(), receptor="exc").name == "exc->inh#3"
    assert net.project(exc[:1], exc + inh, AllToAll(), receptor="exc").name == "exc[...]->exc+inh"
    assert net.project(exc, inh, AllToAll(), receptor="inh", name="mine") is net["mine"]
    drawn = net.project(exc, inh, AllToAll(), weight=Normal("1 nA", "10 pA"), receptor="exc")
    assert drawn.weight == Normal(1000, 10)
    listed = net.project(exc, inh, FromList([(0, 1)], weight=["1 nA"], delay=[2]), receptor="exc")
    assert listed.weight is None
    assert listed.delay is None
    assert isinstance(listed.rule, FromList)
    assert listed.rule.weight.tolist() == [1000]


def test_one_receptor_needs_no_name() -> None:
    net = Network("delta")
    a = net.population("a", 3, LIF(synapses=Delta()))
    p = net.project(a, a, AllToAll(), weight="100 uV")
    assert p.weight == pytest.approx(0.1)
    assert p.unit == "mV"


def test_initial_values_are_split_by_population() -> None:
    net = small()
    exc, inh = net["exc"], net["inh"]
    net.initialise(exc + inh, V_m=np.arange(10.0), I_exc=Uniform(0, "1 nA"))
    found = [(i.population.name, i.state, i.value) for i in net.initial_values]
    assert [f[:2] for f in found] == [
        ("exc", "V_m"), ("inh", "V_m"), ("exc", "I_exc"), ("inh", "I_exc")
    ]  # fmt: skip
    np.testing.assert_array_equal(found[0][2], range(6))
    np.testing.assert_array_equal(found[1][2], range(6, 10))
    assert found[2][2] == Uniform(0, 1000)
    net.initialise(exc, V_m=np.zeros((2, 3)))
    net.initialise(exc[0, 1], V_m="-65 mV")
    assert net.initial_values[-1].value == -65
    assert net.initial_values[-1].indices.tolist() == [1]


def test_recorders_are_one_per_variable_and_population() -> None:
    net = small()
    exc, inh = net["exc"], net["inh"]
    made = net.record(inh[[3, 1]] + exc, ["V_m", "I_exc"], every="1 ms", initial=True)
    assert [(r.label.removesuffix("[...]"), r.variable, r.indices.tolist()) for r in made] == [
        ("inh", "V_m", [1, 3]), ("exc", "V_m", [0, 1, 2, 3, 4, 5]),
        ("inh", "I_exc", [1, 3]), ("exc", "I_exc", [0, 1, 2, 3, 4, 5]),
    ]  # fmt: skip
    assert made[0].every == 1.0
    net.record(exc, "V_m", every=1, initial=True)  # the same again
    net.record(exc, "V_m", reduce="mean")  # the average beside it
    assert len(net.recorders) == 5
    with pytest.raises(DescriptionError, match=r"since .*test_network.py:\d+"):
        net.record(exc, "V_m")


def test_currents_and_continuous_sources() -> None:
    net = small()
    image = net.population("image", 6, Input("current"))
    p = net.project(image, net["exc"], OneToOne(), weight=2)
    assert (p.source, p.receptor, p.unit) == ("current", "I_e", "1")
    net.inject(net["exc"], ConstantCurrent(amplitude=np.arange(6.0)))
    assert net.injections[0].target.ids.tolist() == list(range(6))


def test_arrays_of_parameters_and_sources_fit_the_size() -> None:
    net = Network("sizes")
    made = net.population("a", (2, 2), LIF(tau_m=[10, 20, 30, 40]))
    np.testing.assert_array_equal(made.parameters["tau_m"], [10, 20, 30, 40])
    drawn = net.population("d", 3, LIF(E_L=Normal("-0.07 V", "1 mV")))
    assert drawn.parameters["E_L"] == Normal(-70, 1)
    with pytest.raises(DescriptionError, match="Population 'b': tau_m"):
        net.population("b", 5, LIF(tau_m=[10, 20, 30, 40]))
    with pytest.raises(DescriptionError, match="Population 'b': size"):
        net.population("b", 5, SpikeTimes([[1.0], [2.0]]))
    assert list(net.populations) == ["a", "d"]  # nothing is half added


REFUSED: dict[str, tuple[Any, str]] = {
    "name is taken": (lambda n: n.population("exc", 1, LIF()), "Population.name"),
    "name with arrow": (lambda n: n.population("a->b", 1, LIF()), "Population.name"),
    "empty name": (lambda n: n.population("", 1, LIF()), "Population.name"),
    "no name": (lambda n: n.population(None, 1, LIF()), "Population.name"),
    "size 0": (lambda n: n.population("x", 0, LIF()), "'x': size"),
    "size -1": (lambda n: n.population("x", (2, -1), LIF()), "'x': size"),
    "size 1.5": (lambda n: n.population("x", 1.5, LIF()), "'x': size"),
    "size True": (lambda n: n.population("x", True, LIF()), "'x': size"),
    "no axes": (lambda n: n.population("x", (), LIF()), "'x': size"),
    "model class": (lambda n: n.population("x", 1, LIF), r"LIF\(...\)"),
    "no model": (lambda n: n.population("x", 1, "LIF"), "'x': model"),
    "positions": (lambda n: n.population("x", 3, LIF(), positions=np.zeros((2, 2))), "3 points"),
    "unknown": (lambda n: n["exk"], "Did you mean 'exc'"),
    "not a key": (lambda n: n[0], "Network 'small'"),
    "state": (lambda n: n.initialise(n["exc"], V_M=0), "Did you mean 'V_m'"),
    "state unit": (lambda n: n.initialise(n["exc"], V_m="1 ms"), "a voltage in mV"),
    "state nan": (lambda n: n.initialise(n["exc"], V_m=math.nan), "initial value of V_m"),
    "state shape": (lambda n: n.initialise(n["exc"], V_m=[1, 2]), "6, one per neuron"),
    "state class": (lambda n: n.initialise(n["exc"], V_m=Uniform), r"Uniform\(...\)"),
    "state of source": (lambda n: n.initialise(n["in"], V_m=0), "sources have no states"),
    "target": (lambda n: n.initialise("exc", V_m=0), "initialise: target"),
    "nothing": (lambda n: n.record(n["exc"][:0], "V_m"), "at least one neuron"),
    "variable": (lambda n: n.record(n["exc"], "spike"), "Did you mean 'spikes'"),
    "variable of source": (lambda n: n.record(n["in"], "V_m"), "one of 'spikes'"),
    "no variable": (lambda n: n.record(n["exc"], []), "at least one variable"),
    "weight of neurons": (lambda n: n.record(n["exc"], "weight"), "variable"),
    "every 0": (lambda n: n.record(n["exc"], "V_m", every=0), "every"),
    "every of spikes": (lambda n: n.record(n["exc"], "spikes", every=1), "every"),
    "mean of spikes": (lambda n: n.record(n["exc"], "spikes", reduce="mean"), "reduce"),
    "reduce": (lambda n: n.record(n["exc"], "V_m", reduce="men"), "Did you mean 'mean'"),
    "initial": (lambda n: n.record(n["exc"], "V_m", initial=1), "initial"),
    "drive no source": (lambda n: n.drive(n["exc"], LIF(), receptor="exc"), "source"),
    "drive class": (lambda n: n.drive(n["exc"], Poisson, receptor="exc"), "source"),
    "drive input": (lambda n: n.drive(n["exc"], Input("current"), receptor="exc"), "source"),
    "drive receptor": (lambda n: n.drive(n["exc"], Poisson(rate=1)), "several"),
    "drive unknown": (lambda n: n.drive(n["exc"], Poisson(rate=1), receptor="ex"), "Did you mean"),
    "drive weight": (
        lambda n: n.drive(n["exc"], Poisson(rate=1), receptor="exc", weight="1 mV"), "weight"),
    "drive drawn": (
        lambda n: n.drive(n["exc"], Poisson(rate=1), receptor="exc", weight=Normal(1, 1)), "drawn"),
    "drive sizes": (
        lambda n: n.drive(n["exc"], Poisson(rate=[1, 2]), receptor="exc"), "6 neurons"),
    "drive of source": (lambda n: n.drive(n["in"], Poisson(rate=1)), "receive nothing"),
    "inject number": (lambda n: n.inject(n["exc"], 100.0), "StepCurrent"),
    "inject sizes": (
        lambda n: n.inject(n["exc"], ConstantCurrent(amplitude=[1, 2])), "6 neurons"),
    "inject source": (lambda n: n.inject(n["in"], ConstantCurrent(amplitude=1)), "a place for"),
    "foreign": (lambda n: n.record(small()["exc"], "V_m"), "a population of this network"),
    "foreign projection": (lambda n: n.record(balanced()["near"], "weight"), "of this network"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    net = small()
    act, words = REFUSED[case]
    before = net.content_hash()
    with pytest.raises(DescriptionError, match=words):
        act(net)
    assert net.content_hash() == before, "a refused line leaves no trace"


PROJECTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "no rule": ({"rule": "all"}, "rule"),
    "rule class": ({"rule": AllToAll}, r"AllToAll\(...\)"),
    "receptor left out": ({"receptor": None}, "'exc', 'inh'"),
    "receptor": ({"receptor": "exk"}, "Did you mean 'exc'"),
    "receptor number": ({"receptor": 1}, "name of a receptor"),
    "weight unit": ({"weight": "1 mV"}, "a current in pA. It is a voltage"),
    "weight nan": ({"weight": math.nan}, "weight"),
    "weight None": ({"weight": None}, "weight"),
    "weight bool": ({"weight": True}, "weight"),
    "weight text": ({"weight": "strong"}, "weight"),
    "weight class": ({"weight": Normal}, r"Normal\(...\)"),
    "weight transposed": ({"weight": np.ones((4, 6))}, "transposed"),
    "weight shape": ({"weight": np.ones(4)}, "FromList"),
    "weight place": ({"weight": FunctionOfDistance("d")}, "positions of 'inh'"),
    "weight inf": ({"weight": np.full((6, 4), np.inf)}, r"weight\[\(0, 0\)\]"),
    "delay 0": ({"delay": 0}, "above 0"),
    "delay -1": ({"delay": -1}, "above 0"),
    "delay unit": ({"delay": "1 Hz"}, "a time in ms. It is a rate"),
    "delay negative array": ({"delay": np.full((6, 4), -1)}, "at least 0"),
    "delay zero array": ({"delay": np.zeros((6, 4))}, "above 0"),
    "delay drawn below 0": ({"delay": Uniform(-2, -1)}, "above 0"),
    "release": ({"release": 1.5}, "at most 1"),
    "release nan": ({"release": math.nan}, "release"),
    "name taken": ({"name": "exc"}, "not taken"),
    "name": ({"name": "a/b"}, "Projection.name"),
    "name number": ({"name": 3}, "Projection.name"),
    "source": ({"source": "V_m"}, "leave out source="),
    "both weights": ({"rule": FromMatrix(np.ones((6, 4))), "weight": 2.0}, "its own weights"),
    "both delays": (
        {"rule": FromList([(0, 0)], delay=[1]), "delay": 2.0}, "its own delays"),
    "shape": ({"rule": FromMatrix(np.ones((4, 6)))}, "transposed"),
    "positions": ({"rule": DistanceDependent("1")}, "positions of 'inh'"),
    "plasticity": ({"plasticity": object()}, "a rule such as STDP"),
    "plasticity class": ({"plasticity": STDP}, r"STDP\(\.\.\.\)"),
    "weights out of bounds": (
        {"plasticity": STDP(w_max=1), "weight": 2}, "values from w_min to w_max, 0 to 1",
    ),
    "weights drawn out of bounds": (
        {"plasticity": STDP(w_max=1), "weight": Uniform(0, 2)}, "values from w_min to w_max",
    ),
    "plasticity that fails": ({"plasticity": STDP(w_max=2), "release": 0.5}, "cannot learn yet"),
}  # fmt: skip


@pytest.mark.parametrize("case", PROJECTIONS)
def test_refused_projections(case: str) -> None:
    net = small()
    given, words = PROJECTIONS[case]
    options: dict[str, Any] = {"rule": AllToAll(), "receptor": "exc", **given}
    with pytest.raises(NeurosimError, match=words) as caught:
        net.project(net["exc"], net["inh"], options.pop("rule"), **options)
    assert not net.projections
    if not case.startswith("name"):
        assert str(caught.value).startswith("Projection 'exc->inh'")


def test_projecting_onto_and_from_the_wrong_things() -> None:
    net = small()
    with pytest.raises(DescriptionError, match="receive nothing"):
        net.project(net["exc"], net["in"], AllToAll())
    with pytest.raises(DescriptionError, match="source"):
        net.project(net["in"], net["exc"], AllToAll(), source="V_m", receptor="exc")
    with pytest.raises(DescriptionError, match="project: pre"):
        net.project("in", net["exc"], AllToAll())  # type: ignore[arg-type]
    with pytest.raises(DescriptionError, match="a population of this network"):
        net.project(small()["exc"], net["exc"], AllToAll(), receptor="exc")


def test_conductances_carry_no_sign() -> None:
    net = conductances()
    a, b = net["a"], net["b"]
    for weight in (-1, -np.eye(4, 3), Uniform(-1, 1), Normal(-1, 0.1, clip=(None, 0))):
        with pytest.raises(DescriptionError, match="at least 0"):
            net.project(a, b, AllToAll(), weight=weight, receptor="inh")
    with pytest.raises(DescriptionError, match="at least 0"):
        net.project(a, b, FromMatrix(-np.eye(4, 3)), receptor="inh")
    with pytest.raises(DescriptionError, match="at least 0"):
        net.drive(a, Poisson(rate=1), weight=-1, receptor="exc")
    net.project(a, b, AllToAll(), weight=Normal(1, 0.1), receptor="inh")  # seen when drawn


def test_receptors_of_a_union_agree() -> None:
    net = small()
    delta = net.population("delta", 2, LIF(synapses=Delta()))
    cond = conductances()["a"].model
    net.population("cond", 2, cond)
    with pytest.raises(UnknownNameError, match=r"receptor \(of 'delta'\)"):
        net.project(net["exc"], net["inh"] + delta, AllToAll(), receptor="exc")
    with pytest.raises(DescriptionError, match="as elsewhere"):
        net.project(net["exc"], net["inh"] + net["cond"], AllToAll(), receptor="exc")


def test_delays_of_missing_connections_may_be_anything_from_0() -> None:
    net = small()
    delays = np.zeros((6, 4))
    net.project(net["exc"], net["inh"], FixedProbability(0.5), delay=delays, receptor="exc")
    net.project(net["exc"], net["inh"], FromMatrix(np.eye(6, 4)), delay=delays + 1, receptor="exc")


@pytest.mark.parametrize(
    ("name", "seed"), [("", 0), (3, 0), ("a", -1), ("a", 0.5), ("a", True), ("a", None), ("a", "1")]
)
def test_refused_networks(name: Any, seed: Any) -> None:
    with pytest.raises(DescriptionError, match=r"Network\.(name|seed)"):
        Network(name, seed=seed)


def test_currents_as_steps() -> None:
    net = small()
    net.inject(net["inh"][1:], StepCurrent(times=[0.0], amplitudes=[10.0]))
    assert net.injections[0].target.ids.tolist() == [7, 8, 9]

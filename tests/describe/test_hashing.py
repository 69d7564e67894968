"""The content hash changes exactly when the meaning changes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.describe.distributions import Normal, Uniform
from neurosim.describe.explicit import FromList, FromMatrix
from neurosim.describe.hashing import digest
from neurosim.describe.network import Network
from neurosim.describe.neurons import LIF
from neurosim.describe.positions import Coordinates, Grid
from neurosim.describe.rules import AllToAll, FixedIndegree, FixedProbability, OneToOne
from neurosim.describe.sources import Poisson
from neurosim.describe.synapses import Delta
from neurosim.equations.model import NeuronModel
from tests.describe.builders import balanced

SAME: dict[str, dict[str, Any]] = {
    "again": {},
    "name of the network": {"name": "other"},
    "text": {"weight": "16.2 pA", "delay": "100 us", "tau_m": "0.02 s", "rate": "12.8 kHz"},
    "int and float": {"tau_m": 20.0, "rate": 12_800.0, "every": 1},
    "numpy scalars": {"tau_m": np.float32(20), "weight": np.float64(16.2), "every": np.int8(1)},
}
OTHER: dict[str, dict[str, Any]] = {
    "seed": {"seed": 43},
    "weight": {"weight": np.nextafter(16.2, 17)},
    "delay": {"delay": None},
    "parameter": {"tau_m": 21},
    "recorder": {"every": 2.0},
    "drive": {"rate": 12_801},
    "drawn": {"weight": Normal(16.2, 0)},
    "array": {"tau_m": [20.0] * 20},
}


def test_same_meaning() -> None:
    assert {balanced(**change).content_hash() for change in SAME.values()} == {
        balanced().content_hash()
    }


def test_other_meanings() -> None:
    hashes = [balanced().content_hash()]
    for case, change in OTHER.items():
        if case == "array":
            net = Network("arrays", seed=42)
            net.population("exc", 20, LIF(**change))
            hashes.append(net.content_hash())
        else:
            hashes.append(balanced(**change).content_hash())
    assert len(set(hashes)) == len(hashes)


def base(build: Callable[[Any], Any] | None = None) -> str:
    """The hash of two populations of 4 (delta synapses), with something added."""
    net = Network("base")
    model = LIF(synapses=Delta())
    net.population("a", 4, model)
    net.population("b", 4, model)
    if build is not None:
        build(net)
    return net.content_hash()


EQUAL: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "all of a population": (
        lambda n: n.project(n["a"], n["b"], OneToOne()),
        lambda n: n.project(n["a"][:], n["b"][[0, 1, 2, 3]], OneToOne(), name="a->b"),
    ),
    "dense and sparse": (
        lambda n: n.project(n["a"], n["b"], FromMatrix(np.eye(4))),
        lambda n: n.project(n["a"], n["b"], FromMatrix(_sparse(np.eye(4)))),
    ),
    "list and array": (
        lambda n: n.project(n["a"], n["b"], FromList([(0, 1)], weight=[2], delay=["1 ms"])),
        lambda n: n.project(n["a"], n["b"], FromList(np.array([[0, 1, 2.0, 1.0]]))),
    ),
    "order of recorders": (
        lambda n: (n.record(n["a"], "spikes"), n.record(n["b"], "V_m")),
        lambda n: (n.record(n["b"], "V_m"), n.record(n["a"], "spikes")),
    ),
    "a recorder twice": (
        lambda n: n.record(n["a"], "spikes"),
        lambda n: (n.record(n["a"], "spikes"), n.record(n["a"], "spikes")),
    ),
    "replaced initial values": (
        lambda n: n.initialise(n["a"], V_m=-60),
        lambda n: (n.initialise(n["a"][1:], V_m=-50), n.initialise(n["a"], V_m="-60 mV")),
    ),
    "initial values of a union": (
        lambda n: n.initialise(n["a"] + n["b"], V_m=Uniform(-60, -50)),
        lambda n: (n.initialise(n["b"], V_m=Uniform(-60, -50)),
                   n.initialise(n["a"], V_m=Uniform("-60 mV", "-50 mV"))),
    ),
    "kinds of statements": (
        lambda n: (n.record(n["a"], "V_m"), n.drive(n["a"], Poisson(rate=1))),
        lambda n: (n.drive(n["a"], Poisson(rate=1)), n.record(n["a"], "V_m")),
    ),
    "positions by rule and by array": (
        lambda n: n.population("c", (2, 2), LIF(), positions=Grid()),
        lambda n: n.population("c", (2, 2), LIF(), positions=[[0, 0], [0, 1], [1, 0], [1, 1]]),
    ),
    "defaults": (
        lambda n: n.project(n["a"], n["b"], FixedIndegree(2), weight=1, release=1),
        lambda n: n.project(n["a"], n["b"], FixedIndegree(2, multapses=True), receptor="delta"),
    ),
}  # fmt: skip


def _sparse(matrix: np.ndarray) -> Any:
    from scipy.sparse import csc_array

    return csc_array(matrix)


@pytest.mark.parametrize("case", EQUAL)
def test_equal(case: str) -> None:
    one, other = EQUAL[case]
    assert base(one) == base(other)
    assert base(one) != base()


DIFFERENT: list[Callable[[Any], Any]] = [
    lambda n: n.project(n["a"], n["b"], OneToOne()),
    lambda n: n.project(n["b"], n["a"], OneToOne()),
    lambda n: n.project(n["a"], n["b"], OneToOne(), name="x"),
    lambda n: n.project(n["a"], n["b"][::-1], OneToOne(), name="a->b"),
    lambda n: n.project(n["a"], n["b"], OneToOne(), release=0.5),
    lambda n: n.project(n["a"], n["b"], AllToAll()),
    lambda n: n.project(n["a"], n["b"], AllToAll(autapses=False)),
    lambda n: n.project(n["a"], n["b"], FixedProbability(1.0)),
    lambda n: n.project(n["a"], n["b"], FixedIndegree(1)),
    lambda n: n.project(n["a"], n["b"], FixedIndegree(1, multapses=False)),
    lambda n: n.project(n["a"], n["b"], FixedIndegree([1, 1, 1, 1])),
    lambda n: n.project(n["a"], n["b"], AllToAll(), weight=np.ones((4, 4))),
    lambda n: n.project(n["a"], n["b"], AllToAll(), weight=np.eye(4)),
    lambda n: n.project(n["a"], n["b"], FromMatrix(np.eye(4))),
    lambda n: n.project(n["a"], n["b"], FromList([(0, 1), (1, 0)])),
    lambda n: n.project(n["a"], n["b"], FromList([(1, 0), (0, 1)])),
    lambda n: n.initialise(n["a"], V_m=-60),
    lambda n: n.initialise(n["b"], V_m=-60),
    lambda n: n.initialise(n["a"][:1], V_m=-60),
    lambda n: n.record(n["a"], "V_m"),
    lambda n: n.record(n["a"], "V_m", initial=True),
    lambda n: n.record(n["a"], "V_m", reduce="mean"),
    lambda n: n.record(n["a"][1:], "V_m"),
    lambda n: n.drive(n["a"], Poisson(rate=1)),
    lambda n: n.drive(n["a"], Poisson(rate=1), weight=2),
    lambda n: n.population("c", 4, LIF()),
    lambda n: n.population("d", 4, LIF()),
    lambda n: n.population("c", (2, 2), LIF()),
    lambda n: n.population("c", (2, 2), LIF(), positions=Grid()),
    lambda n: n.population("c", (2, 2), LIF(), positions=Grid(periodic=True)),
    lambda n: n.population("c", (2, 2), LIF(), positions=Grid(2)),
    lambda n: n.population("c", 4, LIF(V_th=-54)),
    lambda n: n.population("c", 4, LIF(synapses=Delta())),
]


def test_different() -> None:
    hashes = [base(), *(base(build) for build in DIFFERENT)]
    assert len(set(hashes)) == len(hashes)


def test_models_from_text() -> None:
    def hashed(**changes: Any) -> str:
        given = {"equations": "dv/dt = (a - v)/ms : 1", "parameters": {"a": 1.0}, **changes}
        net = Network("text")
        net.population("p", 2, NeuronModel("m", **given))
        return net.content_hash()

    assert hashed() == hashed(parameters={"a": 1})
    others = [
        hashed(equations="dv/dt = (a - v)/(2*ms) : 1"),
        hashed(parameters={"a": 2}),
        hashed(initial={"v": 1.0}),
        hashed(threshold="v >= 1", reset="v = 0"),
        hashed(method="rk4"),
    ]
    assert len({hashed(), *others}) == 6


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)


def canonical(value: Any) -> Any:
    """An obvious canonical form: numbers by value, with a tag for their kind; -0.0 is 0."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__, value
    if isinstance(value, (int, float)):
        exact = isinstance(value, int) and abs(value) > 2**53
        return ("integer", value) if exact else ("number", float(value) + 0.0)
    if isinstance(value, dict):
        return "mapping", tuple(sorted((k, canonical(v)) for k, v in value.items()))
    return "sequence", tuple(canonical(v) for v in value)


@given(values, values)
def test_digests_agree_exactly_where_values_do(a: Any, b: Any) -> None:
    assert (digest(a) == digest(b)) == (repr(canonical(a)) == repr(canonical(b)))


@given(values)
def test_digests_do_not_depend_on_the_order_of_mappings(value: Any) -> None:
    one = {"a": value, "b": 1, "c": [value]}
    other = dict(reversed(one.items()))
    assert digest(one) == digest(other)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_lists_are_arrays(numbers: list[float]) -> None:
    assert digest(numbers) == digest(np.array(numbers)) == digest(tuple(numbers))
    assert digest(np.array([numbers])) != digest(np.array(numbers))


def test_minus_zero_is_zero() -> None:
    assert digest(-0.0) == digest(0)
    assert digest([1.0, -0.0]) == digest(np.array([1, 0]))


def test_the_same_in_another_process() -> None:
    code = "from tests.describe.builders import balanced; print(balanced().content_hash())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == balanced().content_hash()


def test_coordinates_count_by_value() -> None:
    assert digest(Coordinates([[0.0]])) == digest(Coordinates([0]))

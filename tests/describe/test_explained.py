"""What is misspelt, missing, set or read in vain says what is known and what to do instead."""

# mypy: disable-error-code="call-arg, arg-type, misc"

from __future__ import annotations

import copy
import inspect
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.describe.distributions import Normal
from neurosim.describe.explicit import FromList
from neurosim.describe.network import Network
from neurosim.describe.neurons import LIF
from neurosim.describe.positions import Grid
from neurosim.describe.rules import AllToAll, FixedIndegree, FixedProbability
from neurosim.describe.sources import Poisson
from neurosim.describe.synapses import NMDA, ExpConductance, ExpCurrent, GapJunction, Receptors
from neurosim.errors import DescriptionError, FrozenError, NeurosimError, brief


def two() -> tuple[Network, Any, Any]:
    net = Network("two")
    coupled = LIF(synapses=Receptors(ExpCurrent(), gap=GapJunction()))
    return net, net.population("exc", 100, LIF()), net.population("inh", 10, coupled)


NET, EXC, INH = two()

CALLS: dict[str, tuple[Callable[..., Any], str]] = {
    "rule": (lambda: FixedProbability(p=0.1), "'probability'"),
    "rule, none": (lambda: FixedProbability(), "probability is missing"),
    "rule, too many": (lambda: FixedIndegree(3, True, False, 4), "at most 3 arguments"),
    "rule, twice": (lambda: FixedIndegree(3, number=4), "given by place, too"),
    "distribution": (lambda: Normal(0.5, std=1), "Did you mean 'sd'"),
    "distribution, none": (lambda: Normal(), "mean is missing"),
    "list": (lambda: FromList([(0, 1)], weights=[1]), "Did you mean 'weight'"),
    "list, none": (lambda: FromList(), "pairs is missing"),
    "positions": (lambda: Grid(spacng=2), "Did you mean 'spacing'"),
    "network": (lambda: Network("n", sed=3), "Did you mean 'seed'"),
    "network, none": (lambda: Network(), "name is missing"),
    "project": (lambda: NET.project(EXC, EXC, AllToAll(), weights=3), "Did you mean 'weight'"),
    "project, none": (lambda: NET.project(EXC, EXC), "net.project: rule is missing"),
    "project, place": (lambda: NET.project(EXC, EXC, AllToAll(), 3), r"net\.project\(weight="),
    "population": (lambda: NET.population("x", 3), "model is missing"),
    "record": (lambda: NET.record(EXC, "V_m", evry=1), "Did you mean 'every'"),
    "drive": (lambda: NET.drive(EXC, Poisson(rate=3), wieght=3), "Did you mean 'weight'"),
    "inject": (lambda: NET.inject(EXC), "current is missing"),
    "initialise": (lambda: NET.initialise(V_m=3), "target is missing"),
}


@pytest.mark.parametrize("case", CALLS)
def test_wrong_arguments(case: str) -> None:
    call, words = CALLS[case]
    with pytest.raises(DescriptionError, match=words):
        call()


def test_signatures_stay() -> None:
    assert list(inspect.signature(FixedProbability).parameters) == ["probability", "autapses"]
    assert "weight" in inspect.signature(Network.project).parameters


def test_an_error_within_a_call_is_not_taken_for_a_wrong_call() -> None:
    with pytest.raises(DescriptionError, match="a connection rule"):
        NET.project(EXC, EXC, 3)


SETTINGS: dict[str, tuple[Any, str, str]] = {
    "state": (EXC, "V_m", r"Population 'exc': V_m is 3; .*net\.initialise\(exc, V_m=3\)"),
    "state of a view": (EXC[:3], "V_m", r"net\.initialise\(exc\[0:3\], V_m=3\)"),
    "parameter": (EXC, "tau_m", "a parameter of the model"),
    "population": (EXC, "name", "do not change"),
    "model": (LIF(), "tau_m", r"LIF: tau_m is 3.*dataclasses\.replace"),
    "distribution": (Normal(0, 1), "mean", r"dataclasses\.replace"),
    "projection": (
        NET.project(EXC, EXC, AllToAll(), weight=1, receptor="exc"), "weight", "'exc->exc': we"),
    "recorder": (NET.record(EXC, "V_m")[0], "every", "Recorder 'exc'"),
    "synapses": (Receptors(NMDA()), "named", "do not change"),
}  # fmt: skip


@pytest.mark.parametrize("case", SETTINGS)
def test_nothing_can_be_set(case: str) -> None:
    owner, name, words = SETTINGS[case]
    with pytest.raises(FrozenError, match=words):
        setattr(owner, name, 3)
    with pytest.raises(FrozenError):
        delattr(owner, name)


@pytest.mark.parametrize(
    ("owner", "name", "words"),
    [
        (EXC, "V_m", r"Population 'exc' has no attribute 'V_m'.*session\.get\(exc, 'V_m'\)"),
        (EXC, "tau_m", r"exc\.parameters\['tau_m'\]"),
        (EXC, "sise", "Did you mean 'size'"),
        (LIF(), "taum", "Did you mean 'tau_m'"),
    ],
)
def test_unknown_attributes(owner: Any, name: str, words: str) -> None:
    assert not hasattr(owner, name)
    with pytest.raises(AttributeError, match=words):
        getattr(owner, name)


@pytest.mark.parametrize("value", [LIF(tau_m=3), Normal(0, 1), AllToAll(), Grid(2.0)])
def test_values_are_copied_and_pickled(value: Any) -> None:
    assert repr(copy.deepcopy(value)) == repr(pickle.loads(pickle.dumps(value))) == repr(value)


@pytest.mark.parametrize("end", [math.inf, np.inf, np.float64("inf")])
@pytest.mark.parametrize("bounds", ["clip", "redraw"])
def test_an_infinite_bound_is_none(bounds: str, end: float) -> None:
    hashes = set()
    for low, high in ((0.1, None), (0.1, end)):
        assert repr(Normal(0.5, 1, **{bounds: (low, high)})).endswith("=(0.1, None))")
        net, exc, _ = two()
        delay = Normal(0.5, 1, **{bounds: (low, high)})
        net.project(exc, exc, AllToAll(), weight=1, receptor="exc", delay=delay)
        hashes.add(net.content_hash())
    assert len(hashes) == 1
    assert Normal(0.5, 1, **{bounds: (-end, 3)}) == Normal(0.5, 1, **{bounds: (None, 3)})
    for wrong in ((end, end), (-end, -end), (-end, end)):
        with pytest.raises(DescriptionError):
            Normal(0.5, 1, **{bounds: wrong})


def test_files_in_folders_that_do_not_exist(tmp_path: Path) -> None:
    for wrong in (tmp_path / "nope" / "x.h5", tmp_path):
        with pytest.raises(DescriptionError, match="save: path"):
            NET.save(wrong)


def test_a_coupling_asks_for_its_source() -> None:
    with pytest.raises(DescriptionError, match=r"'gap' is a coupling.*say source='V_m'"):
        NET.project(INH, INH, AllToAll(), weight=1, receptor="gap")


@pytest.mark.parametrize(
    "make",
    [
        lambda: LIF(synapses=[ExpConductance(), NMDA()]),
        lambda: LIF(synapses={"nmda": NMDA()}),
        lambda: ExpConductance() + NMDA(),
        lambda: Receptors(NMDA()) + ExpConductance(),
    ],
)
def test_several_synapses(make: Callable[[], Any]) -> None:
    with pytest.raises(DescriptionError, match=r"ns\.Receptors\("):
        make()


def test_networks_are_not_mixed() -> None:
    _, exc, inh = two()
    for other in (exc, exc[:3]):
        with pytest.raises(DescriptionError, match="another network"):
            EXC + other
    with pytest.raises(DescriptionError, match="another network"):
        NET.initialise(EXC + inh, V_m=3)
    with pytest.raises(DescriptionError, match="It occurs twice"):
        EXC + EXC


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.array(0.02), "0.02"),
        (np.int64(-1), "-1"),
        ((np.int64(-1), np.float64(0.5), [np.True_]), "(-1, 0.5, [True])"),
        (np.array([1.0, math.nan, 3.0]), "an array of shape (3,) from 1 to 3, 1 NaN"),
        (np.array([math.nan]), "an array of shape (1,) of NaN"),
        (np.array([1j]), "an array of shape (1,), dtype complex128"),
    ],
)
def test_values_in_messages(value: Any, shown: str) -> None:
    assert brief(value) == shown


def test_selections_as_they_could_be_written() -> None:
    for key, shown in (
        (slice(0, 3), "exc[0:3]"),
        (slice(None, None, -1), "exc[::-1]"),
        (slice(None, None, 2), "exc[::2]"),
        (slice(5, 50, 5), "exc[5:46:5]"),
        (slice(50, 10, -2), "exc[50:11:-2]"),
        (slice(98, None, -1), "exc[98::-1]"),
        (slice(None, 0, -1), "exc[:0:-1]"),
        ([1, 5, 3], "exc[3 of 100]"),
        (3, "exc[3]"),
        (slice(None), "exc"),
    ):
        assert EXC[key].shown == shown
        if "of" not in shown:
            assert eval(shown, {"exc": EXC}).ids.tolist() == EXC[key].ids.tolist()
    assert (EXC[:3] + INH).shown == "exc[0:3]+inh"
    assert repr(EXC[3]) == "<View of exc[3]: 1 neuron>"


def test_errors_are_of_both_kinds() -> None:
    assert issubclass(FrozenError, NeurosimError)
    assert issubclass(FrozenError, AttributeError)

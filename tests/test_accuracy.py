"""Accuracies side by side: the answers of sessions, counted by hand."""

from __future__ import annotations

from itertools import product
from math import comb
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim_backends.loihi import Loihi

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.filterwarnings("ignore::neurosim.errors.ApproximationWarning"),
]


def classifier() -> ns.Network:
    """Return two classes that add up what arrives."""
    net = ns.Network("classifier", dt=1.0)
    pixels = net.population("pixels", 3, ns.Input("spikes"))
    integrator = ns.PerfectIntegrator(synapses=ns.Delta(), V_th=4.0, reset="to")
    classes = net.population("classes", 2, integrator)
    net.project(pixels, classes, ns.FromMatrix(np.array([[2.0, 0.0], [0.0, 2.0], [0.0, 1.0]])))
    net.record(classes, "spikes")
    return net


SAMPLES = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0], [0, 0, 1]], float)
LABELS = np.array([0, 1, 1, 0, 1])


def test_answers_are_those_of_single_runs() -> None:
    net = classifier()
    told = ns.compare_accuracy(
        net, ["cpu", "loihi"], SAMPLES, LABELS, into="pixels", shown=12, decode="classes"
    )
    by_hand = [
        ns.run(net, 12, inputs={"pixels": s}).spikes["classes"].counts() for s in SAMPLES
    ]  # fmt: skip
    expected = [int(c.argmax()) if c.any() else -1 for c in by_hand]
    assert expected == [0, 1, 0, -1, 1]
    assert told.answers["cpu"].tolist() == told.answers["loihi"].tolist() == expected
    assert told.accuracy == {"cpu": 0.6, "loihi": 0.6}
    assert told.agreement["loihi"] == 1.0
    assert "60.00 %" in str(told)
    full = np.repeat(SAMPLES[:, np.newaxis], 12, axis=1)
    again = ns.compare_accuracy(
        net, {"a": "cpu", "b": Loihi(calibrate={"pixels": full[0]})}, full, LABELS, into="pixels",
        shown=12, decode=lambda run: int(run.spikes["classes"].counts()[0] == 0),
    )  # fmt: skip
    assert again.answers["a"].tolist() == again.answers["b"].tolist() == [0, 1, 0, 1, 1]


def test_the_p_value_is_that_of_coins() -> None:
    """Against all outcomes of fair coins, one by one."""
    labels = np.zeros(7, np.int64)
    first, other = np.array([0, 0, 1, 1, 1, 1, 1]), np.array([0, 1, 0, 0, 0, 0, 1])
    told = ns.Accuracies(labels=labels, answers={"first": first, "other": other})
    assert told.differing("other").tolist() == [1, 2, 3, 4, 5]
    assert told.agreement["other"] == pytest.approx(2 / 7)
    outcomes = [sum(coins) for coins in product((0, 1), repeat=5)]
    likely = {k: comb(5, k) for k in range(6)}
    expected = np.mean([likely[k] <= likely[4] for k in outcomes])
    assert told.p_value("other") == pytest.approx(expected)
    assert told.p_value("first") == 1.0
    with pytest.raises(ns.UnknownNameError, match="Accuracies"):
        told.p_value("third")


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"backends": "cpu"}, "a list of backends"),
        ({"backends": ["loihi", Loihi()]}, "name them"),
        ({"backends": []}, "at least one"),
        ({"samples": np.ones((5, 2))}, "numbers of shape"),
        ({"samples": np.ones(3)}, "an axis of samples"),
        ({"labels": [0, 1]}, "5 whole numbers"),
        ({"into": "pixel"}, "Did you mean 'pixels'"),
        ({"decode": "clases"}, "Did you mean 'classes'"),
        ({"shown": 0.3}, "a multiple of the time step"),
        ({"samples": [[1, 0, 0], [1]]}, "samples of one shape"),
        ({"labels": [[0], [1, 2]]}, "labels is .*expected whole numbers"),
        ({"labels": [0, 1, 7, -5, 0]}, "labels is 7; expected neurons of `decode`, 0 to 1"),
        ({"labels": [0, 1, 1, -5, 0]}, "labels is -5"),
        ({"labels": np.full(5, 2**63, np.uint64), "decode": lambda run: 0}, r"below 2\*\*63"),
        ({"into": ["pixels"]}, r"into is \['pixels'\]"),
        ({"decode": ["classes"]}, r"decode is \['classes'\]"),
        ({"decode": lambda run: None}, "decode is None; expected a function that returns"),
        ({"decode": lambda run: np.zeros(2)}, "decode is an array"),
        ({"decode": lambda run: 1.9}, r"decode is 1\.9"),
        ({"foo": 3}, "compare_accuracy: option is 'foo'"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, Any], match: str) -> None:
    given: dict[str, Any] = {
        "backends": ["cpu"], "samples": SAMPLES, "labels": LABELS, "into": "pixels", "shown": 3,
        "decode": "classes", **changed,
    }  # fmt: skip
    with pytest.raises(ns.DescriptionError, match=match):
        ns.compare_accuracy(classifier(), **given)


def test_of_a_part_no_answer_is_read() -> None:
    """The place in a recorder is no class, and what was not recorded may have won."""
    net = ns.Network("part", dt=1.0)
    i = net.population("i", 3, ns.Input("spikes"))
    model = ns.PerfectIntegrator(synapses=ns.Delta(), V_th=1.0, reset="to")
    c = net.population("c", 3, model)
    net.project(i, c, ns.OneToOne(), weight=2.0)
    net.record(c[1:], "spikes")
    given: dict[str, Any] = {
        "samples": np.eye(3), "labels": [0, 1, 2], "into": "i", "shown": 5,
    }  # fmt: skip
    with pytest.raises(ns.DescriptionError, match=r"all of its 3 neurons recorded.* Of 2 spikes"):
        ns.compare_accuracy(net, ["cpu"], decode="c", **given)
    told = ns.compare_accuracy(
        net, ["cpu"], decode=lambda run: run.spikes["c"].counts()[0] == 0, **given
    )
    assert told.answers["cpu"].tolist() == [1, 0, 1]

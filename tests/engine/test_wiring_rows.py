"""Rows against the reference enumeration, for any bundle, any tiles, any number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.engine import rows as rows_module
from neurosim.engine.rows import DEEPEST
from neurosim.engine.wiring import enumerate_connections, fill, measure
from neurosim.errors import CapacityError, DescriptionError
from neurosim.lower.plan import Draw, Floats, Ints, PlanProjection
from tests.engine.wiring_cases import DT, projection, projections, unpack

UNIT = 2.0**-20


@st.composite
def bundles(draw: Any) -> list[PlanProjection]:
    first = draw(projections(index=0))
    others = [draw(projections(pre=first.pre, index=k + 1)) for k in range(draw(st.integers(0, 2)))]
    return [first, *others]


def some_slots(bundle: list[PlanProjection], spread: int) -> tuple[list[Ints], int]:
    """Slots that overlap between projections, and are not all consecutive."""
    slots, at = [], 0
    for j, p in enumerate(bundle):
        block = np.arange(p.post.size) * (1 + j % 2) * spread + at
        slots.append(block if j % 3 < 2 else block[::-1].copy())
        at += block.size // 2
    return slots, max(int(s.max()) for s in slots) + 1 + spread


def reference(bundle: list[PlanProjection], slots: list[Ints], units: list[Floats]) -> Any:
    lists = []
    for p, s, unit in zip(bundle, slots, units, strict=True):
        c = enumerate_connections(p, 7, DT)
        weight = np.rint(c.weight / unit[c.post_position]).astype(np.int64)
        lists.append(np.stack([c.pre_position, c.delay_steps, s[c.post_position], weight]))
    return np.concatenate(lists, axis=1)


def sorted_columns(table: Any) -> Any:
    return table[:, np.lexsort(table[::-1])]


@settings(max_examples=60)
@given(
    bundles(), st.lists(st.floats(0, 1), max_size=3), st.sampled_from([1, 700]),
    st.sampled_from(["full", "full32", "fixed16"]), st.sampled_from([1, 2]),
    st.sampled_from([1, 40, 1 << 16]), st.sampled_from([1, 3, 50, DEEPEST]),
)  # fmt: skip
def test_rows_hold_exactly_the_enumerated_connections(
    bundle: list[PlanProjection],
    cuts: list[float],
    spread: int,
    form: str,
    threads: int,
    chunk: int,
    depth: int,
) -> None:
    """Same pairs, delays and weights, whatever the tiles, threads, chunks and format."""
    slots, n_slots = some_slots(bundle, spread)
    tiles = np.unique([0, *(int(c * n_slots) for c in cuts), n_slots])
    big = 2.0**-10 if form == "fixed16" else UNIT
    units = [np.full(p.post.size, big) for p in bundle]
    if form != "fixed16":
        units[0] = units[0] * 2.0 ** (np.arange(units[0].size) % 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "CHUNK", chunk)
        patch.setattr(rows_module, "BLOCK", 4 * chunk)
        measured = measure(bundle, 7, DT, slots, n_slots, tiles, threads)
        accumulator = np.int32 if form == "full32" else np.int64
        rows = fill(measured, units, form.removesuffix("32"), accumulator, depth)
    expected = reference(bundle, slots, units)
    found = unpack(rows, tiles)
    np.testing.assert_array_equal(sorted_columns(found), sorted_columns(expected))
    for j, p in enumerate(bundle):
        c = enumerate_connections(p, 7, DT)
        assert measured.n_connections[j] == c.weight.size
        counts = np.bincount(c.post_position, minlength=p.post.size)
        np.testing.assert_array_equal(measured.slot_counts(j), counts)
        size = np.abs(c.weight)
        assert measured.max_abs_weight[j] == size.max(initial=0.0)
        assert measured.min_abs_weight[j] == size[size > 0].min(initial=np.inf)
        assert measured.min_weight[j] == c.weight.min(initial=np.inf)
        assert measured.max_weight[j] == c.weight.max(initial=-np.inf)
    assert measured.max_delay == expected[1].max(initial=1)
    assert measured.min_delay == expected[1].min(initial=2**31 if expected.size else 1)
    if form.startswith("full"):
        dtype = np.int32 if form == "full32" else np.int64
        assert all(w.dtype == dtype for w in rows.weight)


def test_ties_stand_in_order_of_drawing() -> None:
    """Synapses of one pair with one delay keep the order of the list."""
    weight = np.array([3.0, 1.0, 2.0, 5.0, 4.0])
    p = projection(
        "explicit", 2, 1, weight=weight, delay_steps=np.full(5, 4),
        explicit_pre=np.array([1, 1, 0, 1, 0]), explicit_post=np.zeros(5, np.int64),
    )  # fmt: skip
    c = enumerate_connections(p, 0, DT)
    np.testing.assert_array_equal(c.weight, [2, 4, 3, 1, 5])
    tiles = np.array([0, 1])
    measured = measure([p], 0, DT, [np.zeros(1, np.int64)], 1, tiles, 1)
    rows = fill(measured, [np.ones(1)], "full", np.int64, 9)
    np.testing.assert_array_equal(unpack(rows, tiles)[3], [2, 4, 3, 1, 5])


@pytest.mark.parametrize(
    ("n_post", "inner"),
    [
        (70_000, [65_536]),
        (200_000, [65_536, 131_072, 196_608]),
        (70_000, [*range(7, 70_000, 997)]),
    ],
)
def test_more_targets_than_one_tile_holds(n_post: int, inner: list[int]) -> None:
    """Targets beyond 65,536 slots, in tiles that end anywhere, from rows long and short."""
    numbers = np.array([0, 30_000, 1, 5, 9000])
    p = projection("fixed_outdegree", 5, n_post, number=numbers, delay_steps=Draw(1, 0.1, 300.0))
    tiles = np.array([0, *inner, n_post])
    slots = [np.arange(n_post)]
    found = []
    for threads in (1, 2):
        measured = measure([p], 7, DT, slots, n_post, tiles, threads)
        rows = fill(measured, [np.full(n_post, UNIT)], "full", np.int64, 7)
        found.append(unpack(rows, tiles))
        assert measured.row_counts.sum(axis=0).tolist() == numbers.tolist()
    np.testing.assert_array_equal(found[0], found[1])
    expected = reference([p], slots, [np.full(n_post, UNIT)])
    np.testing.assert_array_equal(sorted_columns(found[0]), sorted_columns(expected))


def test_a_constant_weight_is_stored_once() -> None:
    """All rows carry no weight; a second value is refused."""
    bundle = [
        projection("fixed_outdegree", number=7, weight=Draw(0, -1.5), index=k) for k in (0, 1)
    ]
    tiles = np.array([0, 70])
    measured = measure(bundle, 7, DT, [np.arange(70)] * 2, 70, tiles, 1)
    rows = fill(measured, [np.full(70, 0.25)] * 2, "constant", np.int64, 9)
    assert rows.constant == -6
    assert all(w.size == 0 for w in rows.weight)
    assert unpack(rows, tiles).shape[1] == 2 * 50 * 7
    with pytest.raises(CapacityError, match="not one integer"):
        fill(measured, [np.full(70, 0.25), np.full(70, 0.5)], "constant", np.int64, 9)


@pytest.mark.parametrize(("form", "accumulator"), [("fixed16", np.int64), ("full", np.int32)])
def test_weights_that_do_not_fit_are_refused(form: str, accumulator: Any) -> None:
    """An integer too large for its place stops the build by name; the largest that fits passes."""
    largest = 2**15 - 1 if form == "fixed16" else 2**31 - 1
    for weight, fits in ((largest, True), (-largest, True), (largest + 1, False)):
        p = projection("all_to_all", 2, 3, weight=np.full((2, 3), float(weight)))
        measured = measure([p], 7, DT, [np.arange(3)], 3, np.array([0, 3]), 1)
        if fits:
            rows = fill(measured, [np.ones(3)], form, accumulator, 9)
            assert set(unpack(rows, np.array([0, 3]))[3]) == {weight}
        else:
            with pytest.raises(CapacityError, match="'a->b'"):
                fill(measured, [np.ones(3)], form, accumulator, 9)


@pytest.mark.parametrize("rule", ["fixed_probability", "fixed_outdegree", "fixed_indegree"])
def test_a_delay_below_one_step_is_refused_where_it_exists(rule: str) -> None:
    """Drawn delays that round to nothing name the projection and the remedy."""
    changes: dict[str, Any] = {"number": 5, "probability": 0.3, "delay_steps": Draw(2, 0.5, 0.5)}
    p = projection(rule, **changes)
    for build in (
        lambda: enumerate_connections(p, 7, DT),
        lambda: measure([p], 7, DT, [np.arange(70)], 70, np.array([0, 70]), 2),
    ):
        with pytest.raises(DescriptionError, match=r"'a->b': delay.*clip=.*redraw="):
            build()


def test_only_existing_connections_are_checked() -> None:
    """A zero delay and a NaN weight in matrices are refused only where a connection is."""
    delay, weight = np.ones((2, 3), np.int64), np.ones((2, 3))
    delay[0, 0], weight[1, 1] = 0, np.nan
    p = projection("all_to_all", 2, 3, autapses=False, delay_steps=delay, weight=weight)
    assert enumerate_connections(p, 0, DT).weight.tolist() == [1.0] * 4
    measured = measure([p], 0, DT, [np.arange(3)], 3, np.array([0, 3]), 1)
    assert measured.n_connections == [4]
    for field, message in (("delay_steps", "delay"), ("weight", "weight")):
        bad = projection(
            "all_to_all", 2, 3, **{field: {"weight": weight, "delay_steps": delay}[field]}
        )
        for build in (
            lambda bad=bad: enumerate_connections(bad, 0, DT),
            lambda bad=bad: measure([bad], 0, DT, [np.arange(3)], 3, np.array([0, 3]), 1),
        ):
            with pytest.raises(DescriptionError, match=f"'a->b': {message}"):
                build()


SCRIPT = """
import json, sys, warnings
warnings.simplefilter("error")
import numpy as np
from neurosim.engine.wiring import enumerate_connections, fill, measure
from neurosim.kernels.jit import JIT
from tests.engine.wiring_cases import DT, projection, unpack
lists = []
for rule, change in (
    ("all_to_all", {}), ("fixed_probability", {"probability": 0.3}),
    ("fixed_outdegree", {"number": 4}),
    ("fixed_indegree", {"number": 3, "multapses": False}), ("fixed_total_number", {"number": 20}),
    ("fixed_total_number", {"number": 20, "multapses": False}),
):
    p = projection(rule, 6, 8, autapses=False, **change)
    tiles = np.array([0, 3, 8])
    measured = measure([p], 7, DT, [np.arange(8)], 8, tiles, 2)
    rows = fill(measured, [np.full(8, 2.0**-12)], "fixed16", np.int64, 9)
    c = enumerate_connections(p, 7, DT)
    lists.append([unpack(rows, tiles).tolist(), c.post_position.tolist(), c.delay_steps.tolist()])
print(json.dumps([JIT, lists]))
"""


def test_the_same_rows_without_the_jit() -> None:
    """Plain Python builds the same rows, without a warning."""
    results = []
    for disabled in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": disabled, "PYTHONPATH": os.getcwd()}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
    (with_jit, compiled), (without, plain) = results
    assert (with_jit, without) == (True, False)
    assert compiled == plain

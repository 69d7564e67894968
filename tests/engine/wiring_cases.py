"""Projections for tests, and rows read back as lists."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from neurosim.engine.wiring import Rows
from neurosim.lower.plan import Draw, Ints, PlanProjection

DT = 0.1


def projection(rule: str, n_pre: int = 50, n_post: int = 70, **changes: Any) -> PlanProjection:
    """A projection among the first neurons of one network, positions and ids agreeing."""
    fields: dict[str, Any] = {
        "index": 3,
        "name": "a->b",
        "pre": np.arange(n_pre),
        "post": np.arange(n_post),
        "receptor": "exc",
        "rule": rule,
        "weight": Draw(2, 1.0, 0.5),
        "delay_steps": Draw(2, 1.5, 0.7, 0.1, np.inf, 2),
    }
    fields.update(changes)
    fields.setdefault("post_receptor", np.zeros(fields["post"].size, np.int64))
    return PlanProjection(**fields)


WEIGHTS = [
    Draw(0, -0.5),
    Draw(1, -1.0, 2.0),
    Draw(2, 1.0, 0.5),
    Draw(2, -1.0, 0.5, -np.inf, 0.0, 2),
    Draw(2, 0.2, 0.5, 0.0, 1.0, 1),
    Draw(2, -2.0, 1.0, 0.5, 3.0, 2),
    Draw(3, 0.0, 0.4),
    Draw(4, 0.1, 0.5),
]
DELAYS = [
    Draw(0, 0.1),
    Draw(0, 100.0),
    Draw(1, 0.1, 0.5),
    Draw(2, 1.5, 0.75, 0.1, np.inf, 2),
    Draw(2, 0.5, 0.5, 0.1, 1.0, 1),
    Draw(4, 0.1, 10.0),
    Draw(1, 1.0, 2000.0),
]


@st.composite
def projections(
    draw: Any, pre: Ints | None = None, rules: Sequence[str] | None = None, index: int = 0
) -> PlanProjection:
    """Any projection that is allowed, small."""
    if pre is None:
        first = draw(st.integers(0, 5))
        pre = np.arange(first, first + draw(st.integers(1, 12)))
    first = draw(st.integers(0, 8))
    post = np.arange(first, first + draw(st.integers(1, 30)))
    if draw(st.booleans()):
        post = post[::-1].copy()
    n_pre, n_post = pre.size, post.size
    known = [
        "all_to_all", "fixed_probability", "fixed_indegree", "fixed_outdegree",
        "fixed_total_number", "explicit",
    ]  # fmt: skip
    rule = draw(st.sampled_from(rules or known))
    autapses, multapses = draw(st.booleans()), draw(st.booleans())
    changes: dict[str, Any] = {"autapses": autapses, "multapses": multapses}
    shape: tuple[int, ...] = (n_pre, n_post)
    own = 0 if autapses else 1
    if rule == "fixed_probability":
        changes["probability"] = draw(st.sampled_from([0.0, 1e-300, 0.05, 0.5, 0.999, 1.0]))
    elif rule == "fixed_indegree":
        most = n_pre - own if not multapses or n_pre == own else 40
        changes["number"] = draw(st.integers(0, most))
    elif rule == "fixed_outdegree":
        most = n_post - own if not multapses or n_post == own else 40
        number = st.integers(0, most)
        changes["number"] = np.array([draw(number) for _ in range(n_pre)])
    elif rule == "fixed_total_number":
        pairs = n_pre * n_post - (0 if autapses else np.isin(pre, post).sum())
        most = int(pairs) if not multapses or pairs == 0 else 300
        changes["number"] = draw(st.integers(0, most))
    elif rule == "explicit":
        n = draw(st.integers(0, 40))
        seed = draw(st.integers(0, 1000))
        rng = np.random.default_rng(seed)
        changes["explicit_pre"] = rng.integers(0, n_pre, n)
        changes["explicit_post"] = rng.integers(0, n_post, n)
        shape = (n,)
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    weight = draw(st.sampled_from([*WEIGHTS, None]))
    changes["weight"] = rng.normal(size=shape) if weight is None else weight
    delay = draw(st.sampled_from([*DELAYS, None]))
    changes["delay_steps"] = rng.integers(1, 1200, shape) if delay is None else delay
    return projection(rule, pre=pre, post=post, index=index, name=f"p{index}", **changes)


def unpack(rows: Rows, tile_bounds: Ints) -> np.ndarray[Any, Any]:
    """Rows as a list: (4, n) of pre position, delay, slot, weight, in the order they stand.

    Checks on the way what delivery relies on.
    """
    found = [np.zeros((4, 0), np.int64)]
    packed = rows.format == "fixed16"
    for t in range(tile_bounds.size - 1):
        starts, stream = rows.wave_start[t].astype(np.int64), rows.stream[t]
        assert starts[-1] == stream.size
        for place, (at, end) in enumerate(pairwise(starts.tolist())):
            row, wave = divmod(place, rows.n_waves)
            delays = []
            while at < end:
                delay, count = int(stream[at]), int(stream[at + 1])
                if not packed:
                    count |= int(stream[at + 2]) << 16
                at += 2 if packed else 3
                assert 1 <= delay <= rows.depth
                assert count > 0
                delays.append(delay)
                part = slice(at, at + count)
                target: Any
                weight: Any
                if packed:
                    word = stream[part]
                    target, weight = word & 0xFFFF, word.view(np.int32) >> 16
                else:
                    target = stream[part]
                    full = rows.format == "full"
                    weight = rows.weight[t][part] if full else np.full(count, rows.constant)
                at += count
                slot = target.astype(np.int64) + tile_bounds[t]
                assert np.all(np.diff(slot) >= 0)
                assert np.all(slot < tile_bounds[t + 1])
                same = np.full(count, row), np.full(count, delay + wave * rows.depth)
                found.append(np.stack([*same, slot, weight.astype(np.int64)]))
            assert at == end
            assert np.all(np.diff(delays) > 0)
    return np.concatenate(found, axis=1)

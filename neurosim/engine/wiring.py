"""Connections of a projection as lists, and as the rows that delivery reads.

`enumerate_connections` is the reference: what a projection means, in a fixed order, for any
backend. `measure` and `fill` build the rows of the core from the same generators without ever
holding a list: the first counts, so that the second writes every synapse to its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurosim.engine.rows import Measure, Rows, fill, measure
from neurosim.engine.rules import Block, Generator, Work, count_rows
from neurosim.lower.plan import Floats, Ints, PlanProjection

__all__ = ["Connections", "Measure", "Rows", "enumerate_connections", "fill", "measure"]

_ENUMERATED_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """All connections of a projection, sorted by (pre, post, delay, order of drawing).

    Attributes
    ----------
    pre_position, post_position : (n,) int64
        Positions within the projection's `pre` and `post`.
    weight : (n,) float64
        As drawn, in the unit of the receptor.
    delay_steps : (n,) int64
    """

    pre_position: Ints
    post_position: Ints
    weight: Floats
    delay_steps: Ints


def enumerate_connections(projection: PlanProjection, seed: int, dt: float) -> Connections:
    """List the connections of a projection.

    Parameters
    ----------
    projection : PlanProjection
    seed : int
        Of the network.
    dt : float
        Time step [ms], to which drawn delays are rounded.

    Raises
    ------
    DescriptionError
        If the rule cannot be met, a weight is not finite or a delay is below one step.
    """
    g = Generator(projection, seed, dt)
    if g.by_column:
        g.row_counts = count_rows(g, [(0, g.n_post)])
        block = Block(g, 0, g.n_pre)
        block.place(g, 0, g.n_pre)
        g.blocks = [block]
    per_row = g.expected_per_row()
    work = Work()
    pre: list[Ints] = []
    post: list[Ints] = []
    weights: list[Floats] = []
    delays: list[Ints] = []
    lo = 0
    while lo < g.n_pre:
        length = int(np.searchsorted(np.cumsum(per_row[lo:]), _ENUMERATED_AT_ONCE))
        hi = min(g.n_pre, lo + max(1, length))
        starts = g.generate(lo, hi, work, 0)
        n = int(starts[-1])
        g.write_delays(lo, starts, work, 0)
        g.write_weights(lo, starts, work, 0)
        pre.append(np.repeat(np.arange(lo, hi), np.diff(starts)))
        post.append(work.partners[:n].astype(np.int64))
        weights.append(work.values[:n].copy())
        delays.append(work.delays[:n].astype(np.int64))
        lo = hi
    none = np.empty(0, np.int64)
    all_pre, all_post = np.concatenate([none, *pre]), np.concatenate([none, *post])
    all_delays = np.concatenate([none, *delays])
    all_weights = np.concatenate([np.empty(0), *weights])
    g.check_delays(int(all_delays.min(initial=1)))
    g.check_weights(all_weights)
    order = np.lexsort((all_delays, all_post, all_pre))
    return Connections(
        pre_position=all_pre[order],
        post_position=all_post[order],
        weight=all_weights[order],
        delay_steps=all_delays[order],
    )

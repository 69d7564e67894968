"""Random networks of integers, within the ranges that Lava documents, and how they are run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim_backends.loihi.chip import (
    Compartments,
    Generators,
    Given,
    Group,
    IntegerNetwork,
    Ints,
)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A network, and the spikes that its generators are given."""

    network: IntegerNetwork
    given: Given
    n_steps: int

    @property
    def watched(self) -> Ints:
        """All compartments."""
        n = self.network
        return np.concatenate(
            [
                np.arange(n.offsets[k], n.offsets[k + 1])
                for k, p in enumerate(n.populations)
                if isinstance(p, Compartments)
            ]
        )


def random_trial(seed: int) -> Trial:
    """Draw a network: every seed has its own mixture of registers, bits, delays and signs."""
    draw = np.random.default_rng(seed)
    sizes = draw.integers(1, 14, size=draw.choice([1, 1, 2]))
    n_generators = int(draw.integers(1, 8))
    populations: list[Any] = [Generators(name="given", size=n_generators)]
    populations += [_compartments(draw, f"p{k}", int(n)) for k, n in enumerate(sizes)]
    groups = []
    for post in range(1, len(populations)):
        groups.append(_group(draw, 0, post, populations))
        for pre in range(1, len(populations)):
            if draw.random() < 0.5:
                groups.append(_group(draw, pre, post, populations))
    n_steps = int(draw.integers(66, 80))
    fires = draw.random((n_steps, n_generators)) < draw.uniform(0.02, 0.5)
    step, neuron = np.nonzero(fires)
    if any(g.graded for g in groups):
        repeated = draw.integers(1, 9, step.size)
        step, neuron = np.repeat(step, repeated), np.repeat(neuron, repeated)
    return Trial(
        network=IntegerNetwork(populations=tuple(populations), groups=tuple(groups)),
        given=Given.of(step, neuron),
        n_steps=n_steps,
    )


def _compartments(draw: np.random.Generator, name: str, n: int) -> Compartments:
    high = 1 << 23
    wild = draw.random() < 0.4  # states from end to end, and biases that saturate
    return Compartments(
        name=name,
        du=int(draw.choice(np.array([0, 1, 4095, draw.integers(4096)]))),
        dv=int(draw.choice(np.array([0, 1, 4095, draw.integers(4096)]))),
        vth=int(
            draw.choice(np.array([0, 1, 131071, draw.integers(1, 3000), draw.integers(131072)]))
        ),
        bias_mant=draw.integers(-4096, 4096, n) if wild else draw.integers(-60, 200, n),
        bias_exp=draw.integers(0, 8, n),
        u=draw.integers(1 - high, high, n) if wild else draw.integers(-500, 500, n),
        v=draw.integers(1 - high, high, n) if wild else draw.integers(-500, 500, n),
    )


def _group(draw: np.random.Generator, pre: int, post: int, populations: list[Any]) -> Group:
    n_pre, n_post = populations[pre].size, populations[post].size
    chosen = np.flatnonzero(draw.random(n_pre * n_post) < draw.choice([0.2, 0.7, 1.0]))
    if not chosen.size:
        chosen = np.array([0])
    longest = int(draw.choice([0, 1, 7, 63]))
    low, high = [(-256, 255), (-300, 300), (0, 255), (-255, 0), (-20, 20)][draw.integers(5)]
    return Group(
        name=f"{pre}->{post}",
        pre=pre,
        post=post,
        pre_id=chosen % n_pre,
        post_id=chosen // n_pre,
        weight=draw.integers(low, high + 1, chosen.size),
        slot=draw.integers(0, longest + 1, chosen.size),
        exponent=int(draw.integers(-8, 8)),
        bits=int(draw.integers(1, 9)),
        sign=["mixed", "mixed", "excitatory", "inhibitory"][draw.integers(4)],  # type: ignore[arg-type]
        graded=pre == 0 and post % 2 == 1,
    )

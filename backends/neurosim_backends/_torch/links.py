"""Projections as modules: weights that can be trained, and how spikes pass them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from neurosim.lower.plan import Floats, Ints
from neurosim_backends._torch.products import Delivered

DENSE = 0.1
"""Where more of the pairs than this are connected, a matrix product is faster than a list."""


LISTED = 1 << 24
"""Products of a list of connections that are held at once."""


@dataclass(frozen=True)
class Wiring:
    """The connections of a projection, in the order in which a session shows them.

    Attributes
    ----------
    name : str
    n_pre, n_post : int
        Sizes of its views.
    pre_position, post_position : (n,) int64
        Within the views.
    pre, post : (n,) int64
        Global ids.
    weight : (n,) float64
    delay : (n,) int64
        In steps; 0 for what is read at t.
    """

    name: str
    n_pre: int
    n_post: int
    pre_position: Ints
    post_position: Ints
    pre: Ints
    post: Ints
    weight: Floats
    delay: Ints

    @property
    def is_complete(self) -> bool:
        """Whether every pair is connected once, row by row."""
        n = self.n_pre * self.n_post
        return self.weight.size == n and bool(
            np.all(self.pre_position * self.n_post + self.post_position == np.arange(n))
        )


class Projection(torch.nn.Module):  # type: ignore[misc]
    """The weights of a projection.

    Attributes
    ----------
    weight : Parameter
        (n_pre, n_post) where all are connected to all, else (n_connections,) in the order of
        ``session.connections``.
    """

    def __init__(self, wiring: Wiring) -> None:
        super().__init__()
        self.wiring = wiring
        start = torch.tensor(wiring.weight)
        if wiring.is_complete:
            start = start.view(wiring.n_pre, wiring.n_post)
        self.weight = torch.nn.Parameter(start)

    def extra_repr(self) -> str:
        """Return what a module shows of itself."""
        w = self.wiring
        return f"{w.name!r}, {w.n_pre} to {w.n_post}, {w.weight.size} synapses"


class Part(torch.nn.Module):  # type: ignore[misc]
    """The connections of a projection between two populations.

    Attributes
    ----------
    pre, post : int
        Indices of the populations.
    delay : int or None
        In steps, where all connections have the same; else None.
    longest : int
        The longest delay in steps.
    """

    index: torch.Tensor
    source: torch.Tensor
    target: torch.Tensor

    def __init__(
        self, projection: Projection, chosen: Ints, pre: tuple[int, int, int],
        post: tuple[int, int, int], *, listed: bool = False,
    ) -> None:  # fmt: skip
        """Take the connections `chosen`; `pre` and `post` are index, offset and size.

        With `listed` they stay a list, however many they are.
        """
        super().__init__()
        w = projection.wiring
        self._projection = [projection]  # in a list: it is registered elsewhere
        self.pre, pre_offset, self.n_pre = pre
        self.post, post_offset, self.n_post = post
        source, target = w.pre[chosen] - pre_offset, w.post[chosen] - post_offset
        delay = w.delay[chosen]
        self.longest = int(delay.max())
        self.delay = self.longest if np.all(delay == self.longest) else None
        pairs = self.n_pre * self.n_post
        self.dense = self.delay is not None and chosen.size > DENSE * pairs and not listed
        place = source * self.n_post + target
        self.whole = self.dense and chosen.size == w.weight.size == pairs and w.is_complete
        self.whole = self.whole and bool(np.all(place == np.arange(pairs)))
        self.all = chosen.size == w.weight.size
        self.register_buffer("index", torch.tensor(chosen), persistent=False)
        if self.dense:
            target = place
        elif self.delay is None:
            # Row d of what is under way arrives d steps after the next.
            target = (delay - 1) * self.n_post + target
        self.register_buffer("source", torch.tensor(source), persistent=False)
        self.register_buffer("target", torch.tensor(target), persistent=False)

    def weights(self) -> torch.Tensor:
        """Return (n_pre, n_post) where it is dense, else (n_connections,): once for a run."""
        weight = self._projection[0].weight
        if self.whole:
            return weight
        weight = weight.reshape(-1)
        if not self.all:
            weight = weight[self.index]
        if not self.dense:
            return weight
        matrix = weight.new_zeros(self.n_pre * self.n_post)
        return matrix.index_add(0, self.target, weight).view(self.n_pre, self.n_post)

    def spread(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return what (..., n_pre) brings: (..., n_post); (..., longest * n_post) by delay."""
        if self.dense:
            return x @ weights
        rows = self.n_post if self.delay is not None else self.n_post * self.longest
        made = x.new_zeros((*x.shape[:-1], rows))
        return made.index_add(-1, self.target, x[..., self.source] * weights)

    # What is under way is (batch, delay, n_pre) of spikes where all have the same delay, the
    # oldest first, else (batch, longest * n_post) of weights, the next first.

    def start(self, batch: int) -> torch.Tensor:
        """Return what is under way at the start: nothing."""
        shape = (batch, self.n_post * self.longest)
        if self.delay is not None:
            shape = (batch, self.delay * self.n_pre)
        made = self._projection[0].weight.new_zeros(shape)
        return made.view(batch, -1, self.n_pre) if self.delay is not None else made

    def arrive(self, under_way: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return what arrives in this step: (batch, n_post)."""
        if self.delay is not None:
            return self.spread(under_way[:, 0], weights)
        return under_way[:, : self.n_post]

    def send(
        self, under_way: torch.Tensor, spikes: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """Return what is under way after a step in which `spikes` (batch, n_pre) were emitted."""
        if self.delay == 1:
            return spikes[:, None]
        if self.delay is not None:
            return torch.cat([under_way[:, 1:], spikes[:, None]], 1)
        rest = torch.nn.functional.pad(under_way[:, self.n_post :], (0, self.n_post))
        return rest + self.spread(spikes, weights)

    def arrive_all(
        self, under_way: torch.Tensor, spikes: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what known spikes (time, batch, n_pre) bring in every step, in one product.

        Returns
        -------
        arrived : (time, batch, n_post) tensor
        under_way : tensor
            Afterwards.
        """
        if self.delay is not None:
            past = under_way.transpose(0, 1)
            n = spikes.shape[0]
            rest = spikes[n - self.delay :] if n >= self.delay else torch.cat([past[n:], spikes])
            if self.dense:
                return Delivered.apply(spikes, past, weights), rest.transpose(0, 1)
            sent = torch.cat([past, spikes])[:n]
            step = max(1, LISTED // max(1, self.target.numel() * spikes.shape[1]))
            brought = [self.spread(sent[k : k + step], weights) for k in range(0, n, step)]
            return torch.cat(brought), rest.transpose(0, 1)
        rows = []
        for now in spikes:
            rows.append(self.arrive(under_way, weights))
            under_way = self.send(under_way, now, weights)
        return torch.stack(rows), under_way

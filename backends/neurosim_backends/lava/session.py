"""Running a quantised network in Lava."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Options
from neurosim.describe.network import Network
from neurosim.lower.plan import Ints
from neurosim.results import Run
from neurosim.sessions import run_of
from neurosim_backends.lava.client import Worker
from neurosim_backends.lava.floating import FloatCompartments, describe, run_floats
from neurosim_backends.lava.jobs import run_in_lava
from neurosim_backends.lava.workers import shared_worker
from neurosim_backends.loihi.calibration import Wish
from neurosim_backends.loihi.chip import NOTHING, Chip, Given, Seen
from neurosim_backends.loihi.session import IntegerSession


class LavaSession(IntegerSession):
    """A network in Lava.

    Lava's synapses cannot be given what is under way in them, so that a run that goes on is made
    again from its start: a session of many pieces takes long.
    """

    def __init__(
        self, network: Network, options: Options, approximations: list[dict[str, Any]],
        epoch: int, timeout: float, wish: Wish | None = None,
    ) -> None:  # fmt: skip
        super().__init__(network, options, approximations, epoch, wish)
        self._timeout = timeout
        self._past = NOTHING
        self._seen: Seen | None = None
        self._weights = self._start_weights()
        self._is_built()

    def _run(
        self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]], progress: bool | None
    ) -> Run:
        self._check_recording(n_steps)
        started = time.perf_counter()
        first = self._step
        given, label, neuron = self._given(self._replay.next(n_steps), inputs)
        past = Given(
            step=np.concatenate([self._past.step, given.step + first]),
            neuron=np.concatenate([self._past.neuron, given.neuron]),
            many=np.concatenate([self._past.many, given.many]),
        )
        worker = shared_worker()
        # Everything is watched: what is asked for between runs, too. One step more than was asked
        # for tells the currents that V_m reads next.
        everyone = np.arange(self.quantised.network.size)
        stops = self._weight_steps(n_steps)
        after = sorted({*stops, n_steps})
        try:
            seen = self._simulate(
                worker, first + n_steps + 1, past, everyone, [first + k for k in after]
            )  # fmt: skip
        except BaseException:
            self._rewind(first)
            raise
        self._past, self._seen, self._step = past, seen, first + n_steps
        watched = self._watched()
        v = np.concatenate([self._start_v()[None], seen.v - seen.residue])[
            first : first + n_steps + 1, watched
        ]
        u = seen.u[first : first + n_steps + 1, watched]
        told_u = self._sums(everyone, seen.u, seen.v)
        sums = np.concatenate([np.zeros_like(told_u[:1]), told_u])
        sums = sums[first : first + n_steps + 1, watched]
        new = (seen.step >= first) & (seen.step < first + n_steps)
        learned: dict[int, Mapping[int, Ints]] = {
            k: {g: rows[row] for g, rows in seen.weights.items()} for row, k in enumerate(after)
        }
        recorded_weights = {0: self._weights, **{k: learned[k] for k in stops}}
        self._weights = learned[n_steps]
        samples = self._samples(watched, v, u, sums) | self._weight_samples(recorded_weights)
        told = self._provenance(
            "lava", time.perf_counter() - started, (), interrupted=False,
            worker={"pid": worker.hello["pid"], "executable": worker.hello["executable"]},
            versions={
                name if name != "python" else "python of the worker": version
                for name, version in worker.hello["versions"].items()
            },
        )  # fmt: skip
        recorded = self._recorded(
            first, [label, seen.step[new] + 1], [neuron, seen.neuron[new]], samples
        )
        return run_of(self.plan, recorded, told)

    def _simulate(
        self, worker: Worker, n_steps: int, given: Given, watched: Ints, weights_after: list[int]
    ) -> Seen:
        """Run the network in Lava from its start."""
        return run_in_lava(
            worker, self.quantised.network, n_steps, given, watched,
            weights_after=weights_after, timeout=self._timeout,
        )  # fmt: skip

    def _rewind(self, step: int) -> None:
        """Go back to where the session was before a run that failed."""
        self._replay.reset()
        if step:
            self._replay.next(step)

    def _start_v(self) -> Ints:
        """Return v of all neurons at the start; only compartments have one other than 0."""
        parts = [
            getattr(p, "v", np.zeros(p.size, np.int64)) for p in self.quantised.network.populations
        ]
        return np.concatenate(parts)

    def _start_weights(self) -> Mapping[int, Ints]:
        parts = [part for found in self.quantised.learned.values() for part in found]
        return {p.group: self.quantised.network.groups[p.group].stored for p in parts}

    def _present_weights(self) -> Mapping[int, Ints]:
        return self._weights

    def _present_v(self) -> Ints:
        if self._seen is None:
            return self._start_v()
        found: Ints = self._seen.v[self._step - 1] - self._seen.residue[self._step - 1]
        return found

    def _present_sums(self) -> Ints:
        if self._seen is None:
            return np.zeros(self.quantised.network.size, np.int64)
        u, v = self._seen.u[self._step - 1], self._seen.v[self._step - 1]
        return self._sums(np.arange(u.size), u, v)

    def _next_u(self) -> Ints:
        if self._seen is not None:
            found: Ints = self._seen.u[self._step]
            return found
        # Nothing arrives in the first step.
        chip = Chip(self.quantised.network)
        return chip.next_current(np.arange(self.quantised.network.size))

    def reset(self) -> None:
        """Go back to t = 0 and the initial state."""
        super().reset()
        self._past, self._seen = NOTHING, None
        self._weights = self._start_weights()


class LavaFloatSession(LavaSession):
    """A network in Lava's floating-point models."""

    def _quantise(self, epoch: int) -> Any:
        return describe(self.plan)

    def _simulate(
        self, worker: Worker, n_steps: int, given: Given, watched: Ints, weights_after: list[int]
    ) -> Seen:
        network = self.quantised.network
        return run_floats(worker, network, n_steps, given, timeout=self._timeout)

    def _next_u(self) -> Any:
        if self._seen is not None:
            return self._seen.u[self._step]
        parts = [
            (1.0 - p.du) * p.u if isinstance(p, FloatCompartments) else np.zeros(p.size)
            for p in self.quantised.network.populations
        ]
        return np.concatenate(parts)

"""Running a network in Loihi's integers, and looking at it in millivolts and picoamperes."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Connections, Options
from neurosim.describe.network import Network
from neurosim.describe.population import Selectable
from neurosim.describe.projection import Projection
from neurosim.engine.clock import Recorded
from neurosim.engine.progress import interruptible, reporter
from neurosim.engine.replay import Chunk, Replay
from neurosim.engine.taps import check_recording, n_samples
from neurosim.errors import UnsupportedError, warn
from neurosim.lower.plan import Floats, Ints, PlanRecorder
from neurosim.results import Run
from neurosim.sessions import PlanSession, input_train, run_of
from neurosim_backends.loihi.calibration import Wish
from neurosim_backends.loihi.chip import Chip, Given
from neurosim_backends.loihi.messages import INPUT, Encoders, SigmaDeltas, require_within
from neurosim_backends.loihi.quantise import Meaning, quantise

CHUNK_STEPS = 500
"""Steps between two looks at progress and Ctrl-C."""

NO_WRITING = "registers are written when a chip is loaded"


class IntegerSession(PlanSession):
    """What sessions on a quantised network share, whoever runs it.

    Attributes
    ----------
    quantised : Quantised
        The network in integers, and what they mean.
    """

    def __init__(
        self, network: Network, options: Options, approximations: list[dict[str, Any]],
        epoch: int, wish: Wish | None = None,
    ) -> None:  # fmt: skip
        super().__init__(network, options)
        self._wish = wish
        self.quantised = self._quantise(epoch)
        self._approximations += [*approximations, *self.quantised.approximations]
        self._replay = Replay(self.plan, options.trial)
        self._step = 0

    def _quantise(self, epoch: int) -> Any:
        """Return the network in integers."""
        return quantise(self.plan, epoch, self._wish)

    def _sums(self, ids: Ints, u: Ints, v: Ints) -> Ints:
        """Return `a` of neurons that send numbers, in their units: encoders have it as activation.

        Of other neurons, whatever; `u` and `v` are (n_steps, n_ids).
        """
        network = self.quantised.network
        places = np.searchsorted(network.offsets, ids, side="right") - 1
        encoders = [isinstance(p, Encoders) for p in network.populations]
        bias = np.concatenate(
            [
                p.bias << p.spike_exp + p.state_exp
                if isinstance(p, SigmaDeltas)
                else np.zeros(p.size, np.int64)
                for p in network.populations
            ]
        )
        return np.where(np.array(encoders, bool)[places], v, u + bias[ids])

    @property
    def time(self) -> float:
        """Where the session stands [ms]."""
        return self._step * self.dt

    @property
    def approximations(self) -> list[dict[str, Any]]:
        """What is not as described, as in ``provenance["approximations"]``."""
        return list(self._approximations)

    # --- running ------------------------------------------------------------------------------

    def given(self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]]) -> Given:
        """Return the spikes of generators in the next steps; the session itself stays behind."""
        return self._given(self._replay.next(n_steps), inputs)[0]

    def _given(
        self, chunk: Chunk, inputs: Mapping[str, npt.NDArray[Any]]
    ) -> tuple[Given, Ints, Ints]:
        """Return spikes of generators and numbers for encoders; labels and ids of source spikes."""
        labels: list[Ints] = [np.empty(0, np.int64)]
        ids: list[Ints] = [np.empty(0, np.int64)]
        offsets = self.quantised.network.offsets
        trains = dict(chunk.trains)
        numbers: list[Given] = []
        for name, counts in inputs.items():
            index = self.network.populations[name].index
            if not self.network.populations[name].model.emits_spikes:
                numbers += self._numbers(index, counts)
                continue
            trains[index] = input_train(counts, chunk.first_step)
        for index, (label, neuron) in trains.items():
            labels.append(label)
            ids.append(neuron + offsets[index])
        of_sources = np.concatenate(labels), np.concatenate(ids)
        for (number, index), generators in self.quantised.drives.items():
            counts = chunk.counts[number][:, self.quantised.drive_targets[number, index]]
            label, neuron = input_train(counts, chunk.first_step)
            labels.append(label)
            ids.append(neuron + offsets[generators])
        step = np.concatenate(labels) - 1 - chunk.first_step
        spikes = Given.of(step, np.concatenate(ids))
        return (Given.gathered([spikes, *numbers]) if numbers else spikes), *of_sources

    def _numbers(self, index: int, values: npt.NDArray[Any]) -> list[Given]:
        """Return what encoders are given of numbers that were handed over: (n_steps, n)."""
        found = []
        for goes in self.quantised.inputs.get(index, ()):
            whole = np.rint(values.reshape(len(values), -1) * goes.scale).astype(np.int64)
            place = f"Input {self.plan.populations[index].name!r}"
            require_within(f"{place}, in units of messages", whole, *INPUT)
            step, neuron = np.nonzero(whole)
            first = self.quantised.network.offsets[goes.encoder]
            found.append(Given(step=step, neuron=neuron + first, many=whole[step, neuron]))
        return found

    def _watched(self) -> Ints:
        """Return the ids whose states are recorded."""
        wanted = [
            r.ids
            for r in self.plan.recorders
            if r.variable not in ("spikes", "weight")
        ]  # fmt: skip
        return np.unique(np.concatenate([np.empty(0, np.int64), *wanted]))

    def _samples(self, watched: Ints, v: Ints, u: Ints, sums: Ints) -> dict[int, Floats]:
        """Return what recorders see of states: rows of every step, the one of the start first.

        `v` is without the residue of neurons that send numbers; `sums` is u after each step, `u`
        what V_m reads after it.
        """
        found: dict[int, Floats] = {}
        n_steps = len(v) - 1
        for r in self.plan.recorders:
            if r.variable in ("spikes", "weight"):
                continue
            places = np.searchsorted(watched, r.ids)
            rows = np.arange(0, n_steps + 1, r.every_steps)[0 if r.initial else 1 :]
            if r.population in self.quantised.scales:
                known = (sums if r.variable == "a" else v)[rows][:, places]
                values = self._told(r.population, known)
            elif r.variable == "V_m":
                values = self.quantised.meanings[r.population].potential(v[rows][:, places])
            else:
                values = self.quantised.meanings[r.population].current(u[rows][:, places])
            if r.reduce == "mean":
                values = values.mean(axis=1, keepdims=True)
            assert len(values) == n_samples(r, n_steps)
            found[r.index] = values
        return found

    def _told(self, population: int, values: Any) -> Floats:
        """Return states of neurons that send numbers in the units of the description."""
        scale = self.quantised.scales[population]
        return np.asarray(values / scale.states, np.float64)

    def _recorded(
        self, first: int, labels: list[Ints], ids: list[Ints], samples: dict[int, Floats]
    ) -> Recorded:
        label = np.concatenate([np.empty(0, np.int64), *labels])
        neuron = np.concatenate([np.empty(0, np.int64), *ids])
        order = np.lexsort((neuron, label))
        return Recorded(first, self._step, label[order], neuron[order], dict(samples))

    def _check_recording(self, n_steps: int) -> None:
        counts = {
            r.projection: len(self.connections(self.plan.projections[r.projection].name))
            for r in self.plan.recorders
            if r.projection is not None
        }
        check_recording(self.plan, n_steps, counts)

    # --- weights that learn -------------------------------------------------------------------

    def _weight_recorders(self) -> list[PlanRecorder]:
        """Return the recorders of weights that change."""
        return [r for r in self.plan.recorders if r.projection in self.quantised.learned]

    def _weight_steps(self, n_steps: int) -> list[int]:
        """Return after how many steps of a run weights are recorded, the start apart."""
        found = {
            k
            for r in self._weight_recorders()
            for k in range(r.every_steps, n_steps + 1, r.every_steps)
        }
        return sorted(found)

    def _weight_samples(self, rows: Mapping[int, Mapping[int, Ints]]) -> dict[int, Floats]:
        """Return what recorders see of weights: `rows` are groups' after some steps, 0 the start.

        The steps of a recorder that are not there were not made.
        """
        return {
            r.index: np.array(
                [
                    self._described(r.projection, rows[k])
                    for k in sorted(rows)
                    if k % r.every_steps == 0 and (k or r.initial)
                ]
            )
            for r in self._weight_recorders()
            if r.projection is not None
        }

    def _described(self, projection: int, weights: Mapping[int, Ints]) -> Floats:
        """Return integers of groups as the weights of a projection, in the order of connections."""
        parts = self.quantised.stored[projection]
        found = np.zeros(sum(part.places.size for part in parts))
        for part in parts:
            integers = part.weight if part.weight is not None else weights[part.group]
            found[part.places] = integers * part.unit
        return found

    @abstractmethod
    def _present_weights(self) -> Mapping[int, Ints]:
        """Return the weights of the groups that learn."""

    def _synaptic(self, projection: int, name: str) -> Floats:
        return self._described(projection, self._present_weights())  # all that a rule has is w

    def _connections(self, projection: str | Projection) -> Connections:
        """Return the connections of a projection, with weights as the chip was given them."""
        found = super()._connections(projection)
        name = projection.name if isinstance(projection, Projection) else projection
        index = next(p.index for p in self.plan.projections if p.name == name)
        if index not in self.quantised.stored:
            return found  # there are none, or they are in floating point
        kept = {k: group.stored for k, group in enumerate(self.quantised.network.groups)}
        return replace(found, weight=self._described(index, kept))

    # --- between runs -------------------------------------------------------------------------

    def set(self, view: Selectable | str | Projection, **values: Any) -> None:
        """Set states or parameters of some neurons: refused, as registers are written once."""
        learning = self._learning_of(view)
        if learning is not None:
            name = self.plan.projections[learning].name
            raise UnsupportedError(
                f"Projection {name!r}: weights, set between runs", NO_WRITING,
                "a new session of a changed network",
            )  # fmt: skip
        super().set(view, **values)

    def _write(self, population: int, name: str, value: Any, where: Ints) -> None:
        part = f"Population {self.plan.populations[population].name!r}: {name}"
        raise UnsupportedError(
            f"{part}, set between runs", NO_WRITING, "a new session of a changed network"
        )

    def _read(self, population: int, name: str, where: Ints) -> Floats:
        p = self.plan.populations[population]
        if population in self.quantised.scales and name in ("a", "sent"):
            known = self._present_sums() if name == "a" else self._present_v()
            return self._told(population, known[p.offset + where])
        if population in self.quantised.scales:
            return np.asarray(np.broadcast_to(p.parameters[name], p.size)[where], np.float64)
        meaning: Meaning = self.quantised.meanings[population]
        if name == "V_m":
            return meaning.potential(self._present_v()[p.offset + where])
        assert p.spec is not None
        if name in p.spec.states:
            if name != meaning.receptor:
                raise UnsupportedError(
                    f"Population {p.name!r}: {name}",
                    "a compartment has one current for all its receptors", "V_m",
                )  # fmt: skip
            return meaning.current(self._next_u()[p.offset + where])
        return np.asarray(np.broadcast_to(p.parameters[name], p.size)[where], np.float64)

    @abstractmethod
    def _present_v(self) -> Ints:
        """Return v of all neurons, without the residue of those that send numbers."""

    @abstractmethod
    def _present_sums(self) -> Ints:
        """Return `_sums` of all neurons."""

    @abstractmethod
    def _next_u(self) -> Ints:
        """Return u of all neurons as V_m will read it in the next step: our currents at t."""

    def reset(self) -> None:
        """Go back to t = 0 and the initial state."""
        self._replay.reset()
        self._step = 0


class LoihiSession(IntegerSession):
    """A network on our own core of integers.

    Attributes
    ----------
    chip : Chip
    """

    def __init__(
        self, network: Network, options: Options, approximations: list[dict[str, Any]],
        epoch: int, wish: Wish | None = None,
    ) -> None:  # fmt: skip
        super().__init__(network, options, approximations, epoch, wish)
        self.chip = Chip(self.quantised.network)
        self._is_built()

    def _run(
        self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]], progress: bool | None
    ) -> Run:
        self._check_recording(n_steps)
        started = time.perf_counter()
        first, goal = self._step, self._step + n_steps
        watched = self._watched()
        labels: list[Ints] = []
        ids: list[Ints] = []
        rows_v, rows_u = [self._present_v()[watched][None]], []
        sums = [self._present_sums()[watched][None]]
        wraps, clips, beyond = self.chip.wraps, self.chip.clips, self.chip.beyond
        weights = {0: self._present_weights()}
        stops = np.array(self._weight_steps(n_steps), np.int64)
        with interruptible() as pressed, reporter(self.dt, progress) as report:
            while self._step < goal and not pressed.is_set():
                n = min(goal - self._step, CHUNK_STEPS, self.chip.most_steps)
                at = self._step - first
                part = {name: array[at : at + n] for name, array in inputs.items()}
                given, label, neuron = self._given(self._replay.next(n), part)
                mine = stops[(stops > at) & (stops <= at + n)]
                seen = self.chip.run(n, given, watched, weights_after=mine - at)
                for row, stop in enumerate(mine):
                    weights[int(stop)] = {g: rows[row] for g, rows in seen.weights.items()}
                labels += [label, seen.step + 1]
                ids += [neuron, seen.neuron]
                rows_v.append(seen.v - seen.residue)
                rows_u.append(seen.u)
                sums.append(self._sums(watched, seen.u, seen.v))
                self._step += n
                if report is not None:
                    report(self._step - first, n_steps)
        interrupted = self._step < goal
        if interrupted:
            self._tell_of_interrupt()
        rows_u.append(self.chip.next_current(watched)[None])
        joined = [np.concatenate(rows) for rows in (rows_v, rows_u, sums)]
        samples = self._samples(watched, *joined)
        samples |= self._weight_samples(weights)
        self._warn_of_limits(
            self.chip.wraps - wraps, self.chip.clips - clips, self.chip.beyond - beyond
        )
        told = self._provenance(
            "loihi", time.perf_counter() - started, ("numba", "llvmlite"),
            interrupted=interrupted, wraps=self.chip.wraps, clips=self.chip.clips,
            beyond=self.chip.beyond,
        )  # fmt: skip
        return run_of(self.plan, self._recorded(first, labels, ids, samples), told)

    @staticmethod
    def _warn_of_limits(wraps: int, clips: int, beyond: int) -> None:
        if beyond:
            warn(
                f"Sums of convolutions or states of sigma-delta neurons were beyond 24 bits "
                f"{beyond} times. A larger theta keeps them within."
            )
        if wraps:
            warn(
                f"Currents left their 24 bits {wraps} times, and wrapped around: they changed "
                f"sign. Smaller weights keep them within."
            )
        if clips:
            warn(
                f"Potentials were kept from falling below what 24 bits hold {clips} times. Weaker "
                f"inhibition keeps them within."
            )

    def _present_v(self) -> Ints:
        return self.chip.v.astype(np.int64) - self.chip.residue

    def _present_sums(self) -> Ints:
        everyone = np.arange(self.chip.network.size)
        if not self.chip.step:
            return np.zeros_like(everyone)
        return self._sums(everyone, self.chip.u.astype(np.int64), self.chip.v.astype(np.int64))

    def _present_weights(self) -> Mapping[int, Ints]:
        groups = enumerate(self.quantised.network.groups)
        return {k: self.chip.weights(k) for k, g in groups if g.learning and g.weight.size}

    def _next_u(self) -> Ints:
        return self.chip.next_current(np.arange(self.chip.network.size))

    def reset(self) -> None:
        """Go back to t = 0 and the initial state."""
        super().reset()
        self.chip.reset()

"""Running a network in NEST, and looking at it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Options
from neurosim.describe.network import Network
from neurosim.describe.population import Selectable
from neurosim.describe.projection import INJECTED, Projection
from neurosim.engine.clock import Recorded
from neurosim.engine.progress import interruptible, reporter
from neurosim.engine.taps import check_recording, n_samples
from neurosim.errors import (
    SimulationError,
    UnsupportedError,
    warn,
)
from neurosim.lower.plan import Floats, Ints
from neurosim.results import Run
from neurosim.sessions import PlanSession, input_train, run_of
from neurosim_backends.nest import kernel
from neurosim_backends.nest.building import Built, Parameters, within
from neurosim_backends.nest.declared import CAPABILITIES, SET_AT_START
from neurosim_backends.nest.devices import CURRENT_LAG, WARM_UP, is_constant
from neurosim_backends.nest.recording import Samples, Spikes, StateTap
from neurosim_backends.nest.status import put

PIECE_BYTES = 1 << 26
"""What the replay of one piece of a run may take."""

PIECE_SECONDS = 1.0
"""Wall time of a piece that is aimed at: between pieces Ctrl-C and the progress bar have a say."""

FIRST_PIECE = 100
"""Steps of the first piece of a session."""


class NestSession(PlanSession):
    """A network in NEST.

    Parameters
    ----------
    network : Network
    options : Options
    approximations : list of dict
        What was found out before, for the provenance.
    """

    backend = "nest"
    """Name of the backend, for messages and the provenance."""
    make = Built

    def __init__(
        self, network: Network, options: Options, approximations: list[dict[str, Any]]
    ) -> None:
        super().__init__(network, options)
        self._approximations += approximations
        self._parameters: Parameters = {
            p.index: dict(p.parameters) for p in self.plan.populations if p.spec is not None
        }
        self._piece = FIRST_PIECE
        self._weights: dict[int, Floats] = {}
        self._build()
        for part, (how, bound) in self._built.clipped.items():
            entry = {"part": part, "how": how, "bound": bound, "unit": "nS"}
            self._approximations.append(entry)
            warn(f"Backend {self.backend!r}, {part}: {how} (off by up to {bound:.3g} nS).")
        self._is_built()

    def _build(self) -> None:
        self._built = self.make(
            self, self.network, self.plan, self._parameters, self._weights,
            trial=self.options.trial, threads=self.options.threads or 1,
        )  # fmt: skip
        self._step = 0
        self._recent = Spikes()
        self._in_force: dict[int, bytes] = {}
        self._failure: SimulationError | None = None

    @property
    def time(self) -> float:
        """Where the session stands [ms]."""
        return self._step * self.dt

    def _run(
        self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]], progress: bool | None
    ) -> Run:
        nest = self._alive()
        if self._failure is not None:
            raise SimulationError(f"{self._failure} Go back with session.reset().")
        check_recording(self.plan, n_steps, self._built.n_connections)
        started = time.perf_counter()
        first = self._step
        of_states = [r for tap in self._built.state_taps.values() for r in tap.recorders]
        samples = Samples(self.plan, of_states, first, n_steps)
        for tap in self._built.state_taps.values():
            for r in tap.recorders:
                if r.initial:
                    samples.put_initial(tap, r, self._now(tap, r.variable))
        spikes = Spikes()
        with interruptible() as pressed, reporter(self.dt, progress) as report:
            goal = first + n_steps
            while self._step < goal and not pressed.is_set():
                n = min(goal - self._step, self._piece_steps())
                start = self._step - first
                piece = {name: array[start : start + n] for name, array in inputs.items()}
                before = time.perf_counter()
                spikes = spikes.joined(self._advance(nest, n, piece, samples))
                self._learn(n, time.perf_counter() - before)
                if report is not None:
                    report(self._step - first, n_steps)
        interrupted = self._step < goal
        if interrupted:
            self._tell_of_interrupt()
        self._last_samples(samples)
        self._check_finite()
        seconds = time.perf_counter() - started
        # An interrupt leaves the places of later samples unused.
        counts = {r.index: n_samples(r, self._step - first) for r in self.plan.recorders}
        recorded = Recorded(
            first, self._step, spikes.labels, spikes.ids,
            {k: array[: counts[k]] for k, array in samples.arrays.items()},
        )  # fmt: skip
        return run_of(self.plan, recorded, self._told(interrupted, seconds))

    def _told(self, interrupted: bool, seconds: float) -> dict[str, Any]:
        return self._provenance(
            self.backend,
            seconds,
            (),
            threads=self.options.threads or 1,
            interrupted=interrupted,
            synapses=sum(self._built.n_connections.values()),
            models=self._models(),
            versions=self._versions(),
        )

    def _models(self) -> dict[str, str]:
        """Return what populations of neurons became, by name."""
        found = self._built.bindings.items()
        return {self.plan.populations[k].name: b.row.model for k, b in found}

    def _versions(self) -> dict[str, str]:
        """Return the versions of what computed it."""
        # A conda or source build of NEST has no distribution of that name.
        return {"nest-simulator": str(kernel.load().__version__)}

    def _piece_steps(self) -> int:
        per_step = 64 + sum(16 * d.ids.size for d in self.plan.drives)
        per_step += sum(8 * len(c.targets) for c in self._built.currents.values())
        for tap in self._built.state_taps.values():
            per_step += 24 * tap.local.size * max(1, len(tap.variables))
        return max(1, min(self._piece, PIECE_BYTES // per_step))

    def _learn(self, n_steps: int, seconds: float) -> None:
        fitting = int(n_steps * PIECE_SECONDS / max(seconds, 1e-6))
        self._piece = max(CURRENT_LAG + 1, min(fitting, 4 * self._piece))

    def _advance(
        self, nest: Any, n: int, inputs: Mapping[str, npt.NDArray[Any]], samples: Samples
    ) -> Spikes:
        """Run `n` steps; return all spikes of the piece."""
        chunk, ahead = self._built.ahead.next(n)
        first = self._step
        found = [self._send_trains(chunk.trains, inputs, first)]
        self._built.send_drives(ahead.counts, first + 2)
        self._built.send_relays(ahead.trains)
        self._run_with_currents(nest, n, self._injected(chunk.injected, inputs, n))
        self._step += n
        for carried in self._built.carried.values():
            carried.collect(self._step)
        if self._built.spike_tap is not None:
            found.append(self._built.spike_tap.collect())
        spikes = Spikes.sorted(
            np.concatenate([s.labels for s in found]), np.concatenate([s.ids for s in found])
        )
        longest = self._built.tail.longest
        self._recent = self._recent.joined(spikes).since(self._step - longest - 2)
        for tap in self._built.state_taps.values():
            ours = self._parameters[tap.binding.population.index]
            for label, found_samples in tap.collect(ours):
                samples.put(tap, label, found_samples)
        return spikes

    def _send_trains(
        self, trains: Mapping[int, tuple[Ints, Ints]], inputs: Mapping[str, Any], first: int
    ) -> Spikes:
        """Hand the spikes of sources to their generators."""
        labels: list[Ints] = []
        ids: list[Ints] = []
        for k, senders in self._built.trains.items():
            p = self.plan.populations[k]
            if p.name in inputs:
                if p.source is not None and p.source.kind != "spikes":
                    continue
                mine = input_train(inputs[p.name], first)
            else:
                mine = trains[k]
            senders.send(*mine)
            labels.append(mine[0])
            ids.append(mine[1] + p.offset)
        if not labels:
            return Spikes()
        return Spikes(np.concatenate(labels), np.concatenate(ids))

    def _injected(
        self, replayed: Mapping[int, Floats], inputs: Mapping[str, Any], n: int
    ) -> dict[int, Floats]:
        """Return the injected currents of a piece in NEST's unit: (n, size)."""
        found: dict[int, Floats] = {}
        for k in self._built.currents:
            p = self.plan.populations[k]
            total = replayed[k].copy() if k in replayed else np.zeros((n, p.size))
            for c in self.plan.couplings:
                here = within(c.post, p)
                if c.coupling != INJECTED or not np.any(here):
                    continue
                for source in self._built.reached(c.pre[here]):
                    mine = here & within(c.pre, source)
                    given = inputs[source.name].astype(np.float64)
                    np.add.at(
                        total.T, c.post[mine] - p.offset,
                        (c.weight[mine] * given[:, c.pre[mine] - source.offset]).T,
                    )  # fmt: skip
            factor = self._built.bindings[k].current_factor(self._parameters[k])
            found[k] = total * factor
        return found

    def _run_with_currents(self, nest: Any, n: int, injected: Mapping[int, Floats]) -> None:
        changing = {k for k, rows in injected.items() if n > 1 and not is_constant(rows)}
        lead = min(n, CURRENT_LAG) if changing else n
        for k in changing:
            if n > CURRENT_LAG:
                self._built.currents[k].send(injected[k], self._step)
        for j in range(lead if changing else 1):
            for k, rows in injected.items():
                self._add_current(k, rows[j])
            self._simulate(nest, 1 if changing else n)
        if n > lead:
            for k in changing:
                self._add_current(k, np.zeros(injected[k].shape[1]))
            for k in injected.keys() - changing:
                self._add_current(k, injected[k][0])
            self._simulate(nest, n - lead)

    def _add_current(self, population: int, added: Floats) -> None:
        """Set the neurons' I_e to what it is plus an injected current [NEST's unit]."""
        base = self._built.bindings[population].parameters(self._parameters[population])["I_e"]
        total = base + added
        if self._in_force.get(population) != total.tobytes():
            self._in_force[population] = total.tobytes()
            name = self.plan.populations[population].name
            with kernel.explained(f"Injection into {name!r}"):
                put(self._built.nodes[population], {"I_e": total})

    def _simulate(self, nest: Any, n_steps: int) -> None:
        try:
            with kernel.explained(
                f"Network {self.plan.name!r} at t = {self.time:g} ms", running=True
            ):
                nest.Simulate(n_steps * self.dt)
        except SimulationError as error:
            self._failure = error
            raise

    # --- states ------------------------------------------------------------------------------

    def _alive(self) -> Any:
        """Return the module `nest`, if the kernel still holds this session's network."""
        return kernel.require(self, self.plan.name, (self._step + WARM_UP) * self.dt)

    def _now(self, tap: StateTap, variable: str) -> Floats:
        """Return the present value of a recorded state: (n_recorded,)."""
        if tap.binding.is_shown(variable):
            return self._built.status(tap.binding.population.index, variable, tap.local)
        return tap.history[variable][self._step]

    def _last_samples(self, samples: Samples) -> None:
        """Fill in the samples of the last step, which NEST would hand over with the next."""
        label, tail = self._step, self._built.tail
        for k, tap in self._built.state_taps.items():
            ours = self._parameters[k]
            known = (ours, label, self._recent, self._built.driven)
            for variable in (*tap.measured, *tap.seconds):
                shown = tap.binding.is_shown(variable)
                if variable in tap.seconds:
                    before, value = tail.second(tap, variable, *known)
                    samples.put(tap, label - 1, {variable: before[None, :]})
                    if shown:
                        value = self._built.status(k, variable, tap.local)
                elif shown:
                    value = self._built.status(k, variable, tap.local)
                elif label in tap.history[variable]:
                    value = tap.history[variable][label]
                else:
                    value = tail.first(tap, variable, *known)
                tap.keep(label, variable, value)
                samples.put(tap, label, {variable: value[None, :]})

    def _check_finite(self) -> None:
        """Stop where a state has left the finite numbers."""
        for k, binding in self._built.bindings.items():
            p = self.plan.populations[k]
            for state in binding.row.states:
                values = self._built.status(k, state, np.arange(p.size))
                if not np.all(np.isfinite(values)):
                    neuron = int(np.flatnonzero(~np.isfinite(values))[0])
                    self._failure = SimulationError(
                        f"Population {p.name!r}: {state} of neuron {neuron} is "
                        f"{values[neuron]} at t = {self.time:g} ms."
                    )
                    raise self._failure

    def set(self, view: Selectable | str | Projection, **values: Any) -> None:
        """Set states or parameters of some neurons."""
        self._alive()
        super().set(view, **values)

    def _write(self, population: int, name: str, value: Any, where: Ints) -> None:
        k, p, binding = (
            population,
            self.plan.populations[population],
            self._built.bindings[population],
        )
        place = f"session.set: {name} of {p.name!r}"
        if name in self._parameters[k]:
            old = self._parameters[k][name]
            row = np.array(np.broadcast_to(old, p.size), np.float64)
            row[where] = value
            self._parameters[k][name] = float(row[0]) if np.all(row == row[0]) else row
            try:
                self._built.put_parameters(k, where)
            except Exception:
                self._parameters[k][name] = old
                self._built.put_parameters(k, where)
                raise
            self._in_force.clear()
            return
        synaptic = binding.synaptic.get(name)
        if name not in binding.row.states and not (synaptic is not None and synaptic.settable):
            nearest = "net.initialise" if self._built.is_kicked(binding, name) else None
            raise UnsupportedError(
                place, f"{SET_AT_START}, those of {binding.row.model} too", nearest
            )
        if synaptic is not None and synaptic.unsigned and len(synaptic.status) == 1:
            sign = synaptic.status[0][1]
            if np.any(sign * np.asarray(value) < 0):
                raise UnsupportedError(place, f"{binding.row.model} takes no such sign", "0")
        new = np.broadcast_to(np.asarray(value, np.float64), where.size)
        states = {name: new}
        # The second state is written with the first, and moves with it.
        pair = {name, synaptic.partner} if synaptic is not None and synaptic.partner else {name}
        pair |= {s.state for s in binding.synaptic.values() if s.partner == name and s.settable}
        for other in pair - {name}:
            states[other] = self._built.status(k, other, where)
        status = binding.to_status(states, self._parameters[k], where)
        with kernel.explained(place):
            put(self._built.nodes[k], status, where)
        tap = self._built.state_taps.get(k)
        for state in tap.history if tap is not None else ():
            if tap is not None and binding.is_shown(state):
                tap.keep(self._step, state, self._built.status(k, state, tap.local))

    def get(self, view: Selectable | str | Projection, name: str) -> npt.NDArray[np.float64]:
        """Return the present value of a state or parameter: shape (len(view),)."""
        self._alive()
        return super().get(view, name)

    def _synaptic(self, projection: int, name: str) -> Floats:
        self._alive()
        p = self.plan.projections[projection]
        assert p.plasticity is not None
        if name != "w":
            raise UnsupportedError(
                f"session.get: {p.name!r}: {name}",
                "NEST's synapses tell it at presynaptic spikes only", "the weight 'w'",
            )  # fmt: skip
        if p.plasticity.program.changes_weight and self._step:
            told = CAPABILITIES.declared("session:weights")
            where = f"Backend {self.backend!r}, Projection {p.name!r}"
            warn(f"{where}: {told.how} (off by {told.bound}).")
        return self._built.learnt(projection)

    def _read(self, population: int, name: str, where: Ints) -> Floats:
        k, p = population, self.plan.populations[population]
        if name in self._parameters[k]:
            row = np.broadcast_to(self._parameters[k][name], p.size)
            return np.asarray(row, np.float64)[where]
        binding = self._built.bindings[k]
        if binding.is_shown(name):
            return self._built.status(k, name, where)
        if self._step == 0:
            row = np.broadcast_to(p.initial[name], p.size)
            return np.asarray(row, np.float64)[where]
        tap = self._built.state_taps.get(k)
        if tap is not None and name in tap.variables and np.all(np.isin(where, tap.local)):
            return tap.history[name][self._step][np.searchsorted(tap.local, where)]
        raise UnsupportedError(
            f"session.get: {p.name!r}: {name}",
            f"{binding.row.model} shows it to recorders only",
            f'net.record(net["{p.name}"], "{name}") before the session is made'
            if binding.recordable(name)
            else None,
        )

    def reset(self) -> None:
        """Go back to t = 0 and the initial state."""
        if self._failure is None:
            self._weights = {
                k: self._built.learnt(k)
                for k, p in enumerate(self.plan.projections)
                if p.plasticity is not None
            }
        self._build()

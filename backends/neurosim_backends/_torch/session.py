"""Running a network as a torch module, and looking at it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from neurosim.backend import Connections, Options
from neurosim.describe.network import Network
from neurosim.describe.projection import Projection
from neurosim.engine.clock import Recorded
from neurosim.engine.progress import interruptible, reporter
from neurosim.engine.taps import check_recording, n_samples
from neurosim.errors import DescriptionError, SimulationError, UnsupportedError
from neurosim.lower.plan import Floats, Ints, PlanRecorder
from neurosim.results import Run
from neurosim.sessions import PlanSession, connections_of, run_of
from neurosim_backends._torch.cells import CellState
from neurosim_backends._torch.events import EventModule
from neurosim_backends._torch.module import Course, MakeCell, NetworkState, PlanModule

CHUNK_BYTES = 1 << 26
"""Memory for what is known of a piece of a run beforehand."""

CHUNK_STEPS = 500
"""Steps between two looks at progress, Ctrl-C and whether states are still numbers."""


class TorchSession(PlanSession):
    """A network as a torch module.

    Attributes
    ----------
    module : PlanModule
        The network, to be trained. What is trained counts in the runs of this session.
    """

    def __init__(
        self, network: Network, options: Options, approximations: list[dict[str, Any]],
        make_cell: MakeCell, device: str, backend: str, packages: tuple[str, ...],
    ) -> None:  # fmt: skip
        super().__init__(network, options)
        self._approximations += approximations
        self._backend, self._packages = backend, packages
        single = options.precision == "single"
        self.module = PlanModule(self.plan, make_cell, options.trial, single).to(
            device_of(device, backend)
        )
        self._state = self.module.start()
        self._failure: SimulationError | None = None
        self._is_built()

    @property
    def time(self) -> float:
        """Where the session stands [ms]."""
        return float(self._state.step * self.dt)

    def _run(
        self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]], progress: bool | None
    ) -> Run:
        if self._failure is not None:
            raise SimulationError(f"{self._failure} Go back with session.reset().")
        counts = {
            r.projection: self.module.weights_of(
                self.plan.projections[r.projection].name
            ).wiring.weight.size
            for r in self.plan.recorders
            if r.projection is not None
        }
        check_recording(self.plan, n_steps, counts)
        started = time.perf_counter()
        record = _Recording(self.plan.recorders, self, n_steps)
        first, goal = self._state.step, self._state.step + n_steps
        with (
            torch.no_grad(),
            _threads(self.options.threads),
            interruptible() as pressed,
            reporter(self.dt, progress) as report,
        ):
            while self._state.step < goal and not pressed.is_set():
                n = min(goal - self._state.step, self._chunk_steps())
                at = self._state.step - first
                self._piece(n, {name: a[at : at + n] for name, a in inputs.items()}, record)
                if report is not None:
                    report(self._state.step - first, n_steps)
        interrupted = self._state.step < goal
        if interrupted:
            self._tell_of_interrupt()
        labels, ids = record.spikes()
        recorded = Recorded(first, self._state.step, labels, ids, record.samples(self._state.step))
        run = run_of(self.plan, recorded, self._told(interrupted, time.perf_counter() - started))
        weights = {}
        for name, trace in run.weights.items():
            present = self.connections(name).weight
            weights[name] = replace(trace, array=np.tile(present, (len(trace.times), 1)))
        return replace(run, weights=weights)

    def _chunk_steps(self) -> int:
        fitting = CHUNK_BYTES // max(1, self.module.bytes_per_step)
        return int(max(1, min(CHUNK_STEPS, fitting)))

    def _piece(self, n: int, inputs: Mapping[str, npt.NDArray[Any]], record: _Recording) -> None:
        module = self.module
        by_name = {p.name: p.index for p in self.plan.populations}
        given = {
            by_name[name]: torch.tensor(np.asarray(a, np.float64)).to(module.like)[:, None]
            for name, a in inputs.items()
        }
        course, state = module.open(self._state, module.replayed(self._state.step, n), given, 1)
        record.sources(course, state.step)
        watched = {
            k: [torch.zeros_like(value) for value in c.values] for k, c in state.cells.items()
        }
        for j in range(n):
            spikes, before = module.advance(j, course, state)
            for k, values in before.items():
                for total, value in zip(watched[k], values, strict=True):
                    total.add_(value - value)  # 0, but for what is no number
            record.step(state, spikes)
        self._state = state
        for k, totals in watched.items():
            self._check_finite(k, totals)

    def _check_finite(self, population: int, totals: list[torch.Tensor]) -> None:
        p = self.plan.populations[population]
        assert p.spec is not None
        for name, total in zip(p.spec.states, totals, strict=True):
            bad = np.flatnonzero(_array(total)[0] != 0)
            if bad.size:
                self._failure = SimulationError(
                    f"Population {p.name!r}, variable {name}, neuron {bad[0]}: the value left the "
                    f"finite numbers by t = {self.time:g} ms. A smaller dt, or a bounded input, "
                    f"keeps the equations finite."
                )
                raise self._failure

    def _told(self, interrupted: bool, seconds: float) -> dict[str, Any]:
        cells = {
            p.name: self.module.cell(p.index).layer
            for p in self.plan.populations
            if p.spec is not None
        }
        return self._provenance(
            self._backend, seconds, self._packages, interrupted=interrupted, layers=cells,
            device=str(self.module.like.device),
        )  # fmt: skip

    # --- between runs -------------------------------------------------------------------------

    def connections(self, projection: str | Projection) -> Connections:
        """Return the connections of a projection, with its weights as they are now."""
        found = connections_of(self.plan, projection)
        name = projection.name if isinstance(projection, Projection) else projection
        weight = _array(self.module.weights_of(name).weight).reshape(-1)
        return Connections(pre=found.pre, post=found.post, weight=weight, delay=found.delay)

    def weights(self) -> dict[str, Connections]:
        """Return the connections of every projection, for ``net.with_weights``."""
        names = [p.name for p in self.plan.projections] + [c.name for c in self.plan.couplings]
        return {name: self.connections(name) for name in names}

    def learned(self) -> dict[str, dict[str, Any]]:
        """Return the trained parameters of neurons, for ``net.with_parameters``."""
        cells = {
            p.name: self.module.cell(p.index) for p in self.plan.populations if p.spec is not None
        }
        return {
            name: {n: raw.told() for n, raw in cell.learned.items()}
            for name, cell in cells.items()
            if cell.learned
        }

    def event_module(self) -> EventModule:
        """Return the network as a module of spike times, with exact gradients; see there.

        Raises
        ------
        UnsupportedError
            For anything but feed-forward `LIF` neurons with exponential currents.
        """
        return EventModule(self.module, self.network)

    def _values(self, population: int) -> tuple[tuple[str, ...], CellState]:
        spec = self.plan.populations[population].spec
        assert spec is not None
        return spec.states, self._state.cells[population]

    def _read(self, population: int, name: str, where: Ints) -> Floats:
        states, cell = self._values(population)
        if name in states:
            found: Floats = _array(cell.values[states.index(name)])[0][where]
            return found
        size = self.plan.populations[population].size
        row = np.broadcast_to(self.module.cell(population).values_now()[name], size)
        return np.asarray(row, np.float64)[where]

    def _write(self, population: int, name: str, value: Any, where: Ints) -> None:
        states, cell = self._values(population)
        row = self._read(population, name, np.arange(self.plan.populations[population].size))
        row = row.copy()
        row[where] = value
        parameters = dict(self.module.cell(population).values_now())
        if self.module.cell(population).learned and name not in states:
            raise UnsupportedError(
                f"Population {self.plan.populations[population].name!r}: {name}",
                "parameters of a population of which some are trained are not set between runs",
                "net.with_parameters before ns.compile",
            )
        if name in states:
            values = list(cell.values)
            values[states.index(name)] = torch.tensor(row).to(self.module.like)[None]
            self._state.cells[population] = cell._replace(values=tuple(values))
        else:
            parameters[name] = float(row[0]) if np.all(row == row[0]) else row
        if self.module.cell(population).learned:
            return  # made anew it would forget what it learned
        now = {
            s: _array(v)[0]
            for s, v in zip(states, self._state.cells[population].values, strict=True)
        }
        self.module.renew(population, parameters, now)

    def reset(self) -> None:
        """Go back to t = 0 and the initial state."""
        self._failure = None
        self._state = self.module.start()


class _Recording:
    """What the recorders of a plan see of a run."""

    def __init__(
        self, recorders: tuple[PlanRecorder, ...], session: TorchSession, n_steps: int
    ) -> None:
        self._plan = session.plan
        self._first = session._state.step
        self._spiking = {r.population for r in recorders if r.variable == "spikes"}
        self._labels: list[npt.NDArray[Any]] = []
        self._ids: list[npt.NDArray[Any]] = []
        self._rows: list[tuple[PlanRecorder, int, torch.Tensor, list[torch.Tensor]]] = []
        for r in recorders:
            if r.variable in ("spikes", "weight"):
                continue
            p = self._plan.populations[r.population]
            assert p.spec is not None
            local = torch.tensor(r.ids - p.offset).to(session.module.like.device)
            rows: list[torch.Tensor] = []
            place = p.spec.states.index(r.variable)
            self._rows.append((r, place, local, rows))
            if r.initial:
                rows.append(self._sample(r, place, local, session._state))

    @staticmethod
    def _sample(
        r: PlanRecorder, place: int, local: torch.Tensor, state: NetworkState
    ) -> torch.Tensor:
        values = state.cells[r.population].values[place][0, local]
        return values.double().mean()[None] if r.reduce == "mean" else values

    def sources(self, course: Course, first: int) -> None:
        """Take note of what sources emit in a piece."""
        for k in self._spiking & course.outside.keys():
            self._note(k, _array(course.outside[k][:, 0]), first)

    def step(self, state: NetworkState, spikes: Mapping[int, torch.Tensor]) -> None:
        """Take note of a step."""
        for k in self._spiking & spikes.keys():
            fired = spikes[k][0]
            if bool(fired.any()):
                self._note(k, _array(fired)[None], state.step - 1)
        for r, place, local, rows in self._rows:
            if (state.step - self._first) % r.every_steps == 0:
                rows.append(self._sample(r, place, local, state))

    def _note(self, population: int, counts: npt.NDArray[Any], first: int) -> None:
        step, neuron = np.nonzero(counts)
        many = np.rint(counts[step, neuron]).astype(np.int64)
        self._labels.append(np.repeat(first + 1 + step, many))
        self._ids.append(np.repeat(neuron + self._plan.populations[population].offset, many))

    def spikes(self) -> tuple[Ints, Ints]:
        """Return labels and global ids in the order of (label, id)."""
        labels = np.concatenate([np.empty(0, np.int64), *self._labels])
        ids = np.concatenate([np.empty(0, np.int64), *self._ids])
        order = np.lexsort((ids, labels))
        return labels[order], ids[order]

    def samples(self, step: int) -> dict[int, npt.NDArray[Any]]:
        """Return what was sampled, by recorder."""
        found = {}
        for r, _, local, rows in self._rows:
            width = 1 if r.reduce == "mean" else local.numel()
            table = np.empty((n_samples(r, step - self._first), width))
            if rows:
                table[:] = _array(torch.stack(rows))
            found[r.index] = table
        return found


@contextmanager
def _threads(wanted: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if wanted is not None:
        torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device_of(name: Any, backend: str) -> torch.device:
    """Return a device.

    Raises
    ------
    DescriptionError
        If there is none of that name here.
    """
    try:
        device = torch.device(name)
        if device.type != "meta":
            torch.zeros((), device=device)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        said = str(error).splitlines()[0]
        raise DescriptionError(
            f"Backend {backend!r}: device", name, "a device of this machine", said
        ) from None
    return device


def _array(tensor: torch.Tensor) -> npt.NDArray[np.float64]:
    """Return what a run hands to its recorders."""
    found: npt.NDArray[np.float64] = tensor.detach().double().cpu().numpy()
    return found.copy()

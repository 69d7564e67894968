"""Brian2 as a C++ program: written, compiled and run in a temporary folder, which is removed.

A program runs from the start. A session that runs on writes a new one, which goes through all that
happened before, and returns what came last; of its parts only those are compiled that changed. The
folder goes with the session.
"""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from neurosim.engine.clock import Recorded
from neurosim.engine.replay import Chunk, Replay
from neurosim.errors import CapacityError, SimulationError
from neurosim.lower.plan import PlanRecorder
from neurosim.lower.values import LONGEST_HOLD, nearest_steps
from neurosim.sessions import input_train
from neurosim_backends.brian2.binding import brian2, settings
from neurosim_backends.brian2.equations import Feed
from neurosim_backends.brian2.learning import most_at_once, most_on_the_way
from neurosim_backends.brian2.network import SPIKES, Brian2Network, Room, Train, layered
from neurosim_backends.brian2.runtime import emitted, fed, longest_delay
from neurosim_backends.brian2.session import Brian2Base

FLAGS = ("-w", "-O3", "-std=c++11")
"""Of the compiler: without -ffast-math, Brian2's default, which takes NaN for impossible."""

HEADERS = (
    "algorithm", "climits", "cmath", "ctime", "fstream", "iostream", "map", "random", "set",
    "string", "vector", "stdint.h", "stdlib.h",
)  # fmt: skip
"""Of the standard library, in every file that Brian2 writes."""


@dataclass
class Piece:
    """One call of `Session.run`, and what was set before it."""

    n_steps: int
    inputs: Mapping[int, npt.NDArray[Any]]
    writes: list[tuple[int, str, Any, npt.NDArray[np.int64]]] = field(default_factory=list)


class Brian2CppSession(Brian2Base):
    """A network as a C++ program of Brian2."""

    def _build(self) -> None:
        self._pieces: list[Piece] = []
        self._writes: list[tuple[int, str, Any, npt.NDArray[np.int64]]] = []
        self._present = self.plan
        self._values: dict[tuple[int, str], npt.NDArray[np.float64]] = {}
        self._of_synapses: dict[tuple[int, str], npt.NDArray[np.float64]] = {}
        self._failure: SimulationError | None = None
        self._methods: dict[str, str] = {}
        self._folder = ""
        self._device: Any = None
        self._forget()

    def _forget(self) -> None:
        """Take the initial values for the present ones."""
        for p in self._present.populations:
            if p.spec is not None:
                for name, value in {**p.parameters, **p.initial}.items():
                    row = np.array(np.broadcast_to(value, p.size), np.float64)
                    self._values[p.index, name] = row
        for place, projection in enumerate(self.plan.projections):
            rule = projection.plasticity
            if rule is None:
                continue
            wired = self._connections(projection.name)
            self._of_synapses.setdefault((place, "w"), np.array(wired.weight, np.float64))
            for name in rule.program.variables["synapse"]:
                self._of_synapses[place, name] = np.full(len(wired), rule.initial[name])
        self._weights = {k: w for (k, name), w in self._of_synapses.items() if name == "w"}

    def _settings(self) -> Any:
        brian2()
        from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

        # A device of its own: a program that the user is writing stays as it is.
        self._device = CPPStandaloneDevice()
        single = self.options.precision == "single"
        threads = self.options.threads or 1
        return settings(
            self._device,
            {
                "core.default_float_dtype": np.float32 if single else np.float64,
                "codegen.cpp.extra_compile_args_gcc": [*FLAGS, *self._headers(threads)],
                "devices.cpp_standalone.openmp_threads": threads if threads > 1 else 0,
                # Brian2 starts a compiler for every file at once, of a quarter of a GB each.
                "devices.cpp_standalone.extra_make_args_unix": [f"-j{os.cpu_count() or 1}"],
            },
            build_on_run=False,
        )

    def _headers(self, threads: int) -> list[str]:
        """Return flags that have GCC read the standard headers once, not for each of the files.

        Brian2 writes about ten files for a population, and GCC takes two thirds of the time of each
        for the headers. With another compiler, or where this fails, there are no such flags.
        """
        header = Path(self._folder) / "standard.h"
        flags = [f"-include{header}"]  # one word: Brian2 tries each of them by itself
        if header.exists():
            return flags
        compiler = os.environ.get("CXX", "g++")
        parallel = ["-fopenmp"] if threads > 1 else []
        text = "".join(f"#include <{name}>\n" for name in HEADERS)
        try:
            about = subprocess.run([compiler, "--version"], capture_output=True, text=True)
            if "Free Software Foundation" not in about.stdout:
                return []
            header.write_text(text)
            made = subprocess.run(
                [compiler, *FLAGS, *parallel, "-x", "c++-header", header.name],
                cwd=self._folder, capture_output=True,
            )  # fmt: skip
        except OSError:
            return []
        return flags if made.returncode == 0 else []

    @property
    def time(self) -> float:
        """Where the session stands [ms]."""
        return self._step * self.dt

    @property
    def _step(self) -> int:
        return sum(piece.n_steps for piece in self._pieces)

    # --- running ------------------------------------------------------------------------------

    def _advance(
        self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]], progress: bool | None
    ) -> Recorded:
        if self._failure is not None:
            raise SimulationError(f"{self._failure} Go back with session.reset().")
        by_name = {p.name: p.index for p in self.plan.populations}
        given = {by_name[name]: array for name, array in inputs.items()}
        self._pieces.append(Piece(n_steps, given, self._writes))
        try:
            recorded = self._simulate()
        except BaseException as error:
            if isinstance(error, SimulationError):
                self._failure = error
            else:
                self._pieces.pop()
            raise
        self._writes = []
        return recorded

    def _simulate(self) -> Recorded:
        replay = Replay(self.plan, self.options.trial)
        total = self._step
        self._check_memory(replay.bytes_per_step * total)
        chunk = replay.next(total)
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="neurosim-brian2-")
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        # Objects of the program before give their names back, so that files stay the same.
        self._device = None
        gc.collect()
        with self._settings():
            built = Brian2Network(
                self._present, _Tables(self, chunk), self._trains(chunk), room=self._room(chunk),
                weights=self._weights,
            )  # fmt: skip
            self._methods = built.methods
            for changed in built.replaced():
                self._tell_method(*changed)
            b = brian2()
            samplers = self._monitors(built, total - self._pieces[-1].n_steps)
            weights = self._weight_monitors(built, total - self._pieces[-1].n_steps)
            for n_steps, writes in self._stretches():
                for index, name, value, where in writes:
                    self._put(built, index, name, value, where)
                built.network.run(n_steps * built.step_seconds * b.second, namespace={})
            _keep_last_events(self._device)
            self._device.build(directory=self._folder, with_output=False)
            return self._collect(built, chunk, samplers, weights)

    def _stretches(self) -> list[tuple[int, list[Any]]]:
        """Return what is simulated at a stretch, with what is set before: all, if nothing is.

        Brian2 writes and compiles the code of every stretch anew.
        """
        found: list[tuple[int, list[Any]]] = []
        for piece in self._pieces:
            if piece.writes or not found:
                found.append((piece.n_steps, piece.writes))
            else:
                n_steps, writes = found[-1]
                found[-1] = (n_steps + piece.n_steps, writes)
        return found

    def _check_memory(self, needed: int) -> None:
        available = int(psutil.virtual_memory().available)
        if 4 * needed > available > 0 and needed > 1 << 28:
            raise CapacityError(
                f"A program for {self.time:g} ms needs tables of {needed / 1e9:.3g} GB for what is "
                f"random; {available / 1e9:.3g} GB of memory are available. Use "
                f"backend='brian2', which draws it piece by piece."
            )

    def _trains(self, chunk: Chunk) -> dict[int, list[Train]]:
        found = {}
        for index, (labels, ids) in self._all_trains(chunk).items():
            found[index] = layered(labels, ids, self.plan.populations[index].size)
        return found

    def _all_trains(self, chunk: Chunk) -> dict[int, Train]:
        """Return the spikes of all sources, those handed over included."""
        trains = dict(chunk.trains)
        for index in trains:
            parts, first = [], 0
            for piece in self._pieces:
                if index in piece.inputs:
                    parts.append(input_train(piece.inputs[index], first))
                first += piece.n_steps
            if parts:
                labels, ids = zip(*parts, strict=True)
                trains[index] = (np.concatenate(labels), np.concatenate(ids))
        return trains

    def _room(self, chunk: Chunk) -> dict[int, Room]:
        """Return what plastic synapses have to have room for, by population of sources."""
        longest = longest_delay(self.plan)
        return {
            index: Room(most_at_once(*train), most_on_the_way(*train, longest))
            for index, train in self._all_trains(chunk).items()
        }

    def table(self, chunk: Chunk, index: int, feed: Feed) -> npt.NDArray[np.float64]:
        """Return what is fed to a population from the start: (n_steps, size)."""
        if feed == SPIKES:
            size = self.plan.populations[index].size
            return emitted(*self._all_trains(chunk)[index], chunk, size).astype(np.float64)
        if feed != ("current",):
            return fed(chunk, index, feed)
        return np.concatenate([np.asarray(p.inputs[index], np.float64) for p in self._pieces])

    def _put(self, built: Brian2Network, index: int, name: str, value: Any, where: Any) -> None:
        group = built.groups[index]
        p = self._present.populations[index]
        assert p.spec is not None
        variable = built.models[index].variables[name]
        if name in p.spec.states or np.ndim(p.parameters[name]):
            getattr(group, variable)[where.tolist()] = np.broadcast_to(value, where.shape)
        else:
            setattr(group, variable, float(np.ravel(value)[0]))
        if name == p.spec.refractory:
            held = built.models[index].hold
            steps = nearest_steps(value, self.dt, f"Population {p.name!r}: {name}", LONGEST_HOLD)
            seconds = (steps + 1) * built.step_seconds
            getattr(group, str(held))[where.tolist()] = np.broadcast_to(seconds, where.shape) * (
                brian2().second
            )

    def _monitors(self, built: Brian2Network, first: int) -> list[tuple[PlanRecorder, Any]]:
        """Record states at the start of steps; `first` is where the last piece begins."""
        b = brian2()
        found = []
        for recorder in self.plan.recorders:
            if recorder.variable in ("spikes", "weight"):
                continue
            group = built.groups[recorder.population]
            name = built.models[recorder.population].variables[recorder.variable]
            local = recorder.ids - self.plan.populations[recorder.population].offset
            timing: dict[str, Any] = {"clock": built.clock}
            if recorder.every_steps > 1 and first % recorder.every_steps == 0:
                timing = {"dt": recorder.every_steps * built.step_seconds * b.second}
            monitor = b.StateMonitor(
                group, name, record=local, when="start", order=-1000, name="neurosim_states*",
                **timing,
            )  # fmt: skip
            found.append((recorder, built.add(monitor)))
        return found

    def _weight_monitors(
        self, built: Brian2Network, first: int
    ) -> list[tuple[PlanRecorder, list[Any]]]:
        """Record weights that learn, in every step: see `_monitors`."""
        b = brian2()
        found = []
        for recorder in self.plan.recorders:
            monitors = []
            for learnt in built.learning.get(-1 if (k := recorder.projection) is None else k, []):
                timing: dict[str, Any] = {"clock": built.clock}
                if recorder.every_steps > 1 and first % recorder.every_steps == 0:
                    timing = {"dt": recorder.every_steps * built.step_seconds * b.second}
                monitor = b.StateMonitor(
                    learnt.synapses, learnt.learner.weight, record=True, when="start",
                    order=-1000, name="neurosim_weights*", **timing,
                )  # fmt: skip
                monitors.append(built.add(monitor))
            if monitors:
                found.append((recorder, monitors))
        return found

    def _weight_samples(
        self, recorder: PlanRecorder, monitors: list[Any], built: Brian2Network, first: int,
        last: int,
    ) -> npt.NDArray[np.float64]:  # fmt: skip
        assert recorder.projection is not None
        final = self._of_synapses[recorder.projection, "w"]
        several = built.learning[recorder.projection]
        steps = np.rint(np.asarray(monitors[0].t_) / built.step_seconds).astype(np.int64)
        table = np.empty((steps.size, final.size))
        for learnt, monitor in zip(several, monitors, strict=True):
            found = getattr(monitor, f"{learnt.learner.weight}_")
            table[:, learnt.pair.where] = np.asarray(found, np.float64).T
        return wanted_rows(recorder, steps, table, final, first, last)

    def _collect(
        self, built: Brian2Network, chunk: Chunk, samplers: list[tuple[PlanRecorder, Any]],
        weights: list[tuple[PlanRecorder, list[Any]]],
    ) -> Recorded:  # fmt: skip
        first, last = self._step - self._pieces[-1].n_steps, self._step
        for p in self.plan.populations:
            if p.spec is None:
                continue
            for name in (*p.spec.states, *p.spec.parameters):
                value = built.variable(p.index, name).get_value()
                row = np.array(np.broadcast_to(value, p.size), np.float64)
                self._values[p.index, name] = row
            lost = built.groups[p.index].variables[built.models[p.index].lost].get_value()
            bad = np.flatnonzero(lost)
            if bad.size:
                raise self._explain(p.index, int(bad[np.argmin(lost[bad])]), lost)
        overload = self._overload(built.overloaded())
        if overload is not None:
            raise overload
        for place, name in self._of_synapses:
            self._of_synapses[place, name] = built.synaptic(place, name, last)
        labels, ids = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for index in built.monitors:
            label, neuron = built.spikes(index)
            labels.append(label)
            ids.append(neuron + self.plan.populations[index].offset)
        trains = self._all_trains(chunk)
        for index in {r.population for r in self.plan.recorders if r.variable == "spikes"}:
            if index in trains and index in built.sources:
                labels.append(trains[index][0])
                ids.append(trains[index][1] + self.plan.populations[index].offset)
        all_labels, all_ids = np.concatenate(labels), np.concatenate(ids)
        now = (all_labels > first) & (all_labels <= last)
        all_labels, all_ids = all_labels[now], all_ids[now]
        order = np.lexsort((all_ids, all_labels))
        return Recorded(
            first, last, all_labels[order], all_ids[order],
            {
                **{r.index: self._samples(r, m, built, first, last) for r, m in samplers},
                **{r.index: self._weight_samples(r, m, built, first, last) for r, m in weights},
            },
        )  # fmt: skip

    def _samples(
        self, recorder: PlanRecorder, monitor: Any, built: Brian2Network, first: int, last: int
    ) -> npt.NDArray[np.float64]:
        name = built.models[recorder.population].variables[recorder.variable]
        steps = np.rint(np.asarray(monitor.t_) / built.step_seconds).astype(np.int64)
        table = np.asarray(getattr(monitor, f"{name}_"), np.float64).T
        local = recorder.ids - self.plan.populations[recorder.population].offset
        final = self._values[recorder.population, recorder.variable][local]
        table = wanted_rows(recorder, steps, table, final, first, last)
        samples: npt.NDArray[np.float64] = (
            table.mean(axis=1, keepdims=True) if recorder.reduce == "mean" else table
        )
        return samples

    # --- between runs -------------------------------------------------------------------------

    def _synaptic(self, projection: int, name: str) -> npt.NDArray[np.float64]:
        return self._of_synapses[projection, name].copy()

    def _row(self, population: int, name: str) -> npt.NDArray[np.float64]:
        return self._values[population, name].copy()

    def _write(self, population: int, name: str, value: Any, where: npt.NDArray[np.int64]) -> None:
        p = self._present.populations[population]
        assert p.spec is not None
        row = self._row(population, name)
        row[where] = value
        self._check_growth(population, name, row)
        self._writes.append((population, name, value, where))
        self._values[population, name] = row
        if name in p.spec.states or np.ndim(p.parameters[name]) or np.all(row == row[0]):
            return
        # One value per neuron from the start, so that they can differ later.
        each = np.full(p.size, float(p.parameters[name]))
        changed = replace(p, parameters={**p.parameters, name: each})
        populations = list(self._present.populations)
        populations[population] = changed
        self._present = replace(self._present, populations=tuple(populations))

    def reset(self) -> None:
        """Go back to t = 0 and the initial state."""
        populations = list(self._present.populations)
        for p in self._present.populations:
            if p.spec is not None:
                kept: dict[str, Any] = {}
                for name in p.spec.parameters:
                    row = self._values[p.index, name]
                    whole = np.ndim(p.parameters[name]) == 0 and bool(np.all(row == row[0]))
                    kept[name] = float(row[0]) if whole else row
                steps = p.refractory_steps
                if p.spec.refractory is not None:
                    place = f"Population {p.name!r}: {p.spec.refractory}"
                    held = kept[p.spec.refractory]
                    steps = nearest_steps(held, self.dt, place, LONGEST_HOLD)
                populations[p.index] = replace(p, parameters=kept, refractory_steps=steps)
        self._present = replace(self._present, populations=tuple(populations))
        self._pieces, self._writes, self._failure = [], [], None
        self._forget()

    @property
    def _facts(self) -> dict[str, Any]:
        return {
            "codegen_target": "cpp_standalone",
            "threads": self.options.threads or 1,
            "methods": self._methods,
        }


def wanted_rows(
    recorder: PlanRecorder, steps: npt.NDArray[np.int64], table: npt.NDArray[np.float64],
    final: npt.NDArray[np.float64], first: int, last: int,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Return those of the samples at the starts of steps, and of the last, that were asked for."""
    steps, table = np.append(steps, last), np.concatenate([table, final[None]])
    wanted = (steps - first) % recorder.every_steps == 0
    wanted &= (steps > first) | (recorder.initial & (steps == first))
    rows: npt.NDArray[np.float64] = table[wanted]
    return rows


class _Tables:
    """Declares what is fed as a table that is read by time and neuron."""

    def __init__(self, session: Brian2CppSession, chunk: Chunk) -> None:
        self._session = session
        self._chunk = chunk

    def __call__(self, index: int, feed: Feed, name: str) -> tuple[str, Mapping[str, Any]]:
        b = brian2()
        values = self._session.table(self._chunk, index, feed)
        seconds = self._session.dt * 1e-3
        table = b.TimedArray(values, dt=seconds * b.second, name="neurosim_table*")
        return f"{name} = table_of_{name}(t, i) : 1", {f"table_of_{name}": table}


def _keep_last_events(device: Any) -> None:
    """Let the spikes of the last step of a run reach the first step of the next."""
    device.main_queue[:] = [
        entry
        for entry in device.main_queue
        if not (entry[0] == "after_run_code_object" and "thresholder" in entry[1][0].name)
    ]

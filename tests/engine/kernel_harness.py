"""Runs a generated kernel on arrays of our own, without the engine's loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurosim.engine.generate import generate
from neurosim.engine.layout import BLOCK_NEURONS
from neurosim.engine.module_cache import load
from neurosim.equations.spec import ModelSpec


def values_of(spec: ModelSpec, dt: float = 0.1, **changes: Any) -> dict[str, Any]:
    """Return default parameters, initial states, constants and refractory steps of a model."""
    parameters = {**spec.defaults, **{k: v for k, v in changes.items() if k in spec.parameters}}
    states = {
        state: parameters[first] if isinstance(first, str) else first
        for state, first in spec.initial.items()
    }
    constants = spec.constants(parameters, dt)
    held = np.rint(parameters[spec.refractory] / dt) if spec.refractory else 0.0
    return {"dt": dt, "refractory_steps": held, **parameters, **states, **constants, **changes}


_LOADED: dict[Any, Any] = {}  # holds on to the spec, so that its id stays its own


class Bench:
    """A population of one generated model, stepped by hand.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    n : int
        Number of neurons.
    values : mapping
        Initial states, parameters, constants, couplings, "refractory_steps", "dt": float or (n,).
    """

    def __init__(
        self,
        spec: ModelSpec,
        n: int,
        values: Mapping[str, Any],
        *,
        precision: Any = "double",
        driven: tuple[str, ...] = (),
        injected: bool = False,
        max_multiplicity: int = 1,
        first_id: int = 1000,
        rows: int = 3,
        key: tuple[int, int] = (11, 22),
    ) -> None:
        single = precision == "single"
        self.spec, self.n = spec, n
        self.real: Any = np.float32 if single else np.float64
        self.integer: Any = np.int32 if single else np.int64
        arrays = frozenset(name for name, value in values.items() if np.ndim(value))
        choice = (id(spec), precision, arrays, driven, injected)
        if choice not in _LOADED:
            kernel = generate(
                spec, precision=precision, arrays=arrays, driven=driven, injected=injected
            )
            _LOADED[choice] = spec, kernel, load(kernel)
        _, self.kernel, self.loaded = _LOADED[choice]
        self.state = {s: self._row(values[s]) for s in spec.states}
        self.drive = {r: self._row(0.0) for r in driven}
        self.injected = self._row(values.get("I_injected", 0.0))
        self.couplings = {c.name: self._row(values[c.name]) for c in spec.couplings}
        self.refractory = self._row(0.0)
        self.flags = np.full(n, 77, np.int16)
        self.spikes = np.full(n * max_multiplicity, -5, np.int32)
        self.slots = {r.name: 3 + i * (n + 2) for i, r in enumerate(spec.receptors)}
        self.acc = np.zeros((rows, 3 + len(spec.receptors) * (n + 2)), self.integer)
        self.scale = {r.name: float(values.get("scale_" + r.name, 0.125)) for r in spec.receptors}
        self.max_multiplicity, self.first_id = max_multiplicity, first_id
        self._keep: list[Any] = []
        self.words = np.zeros(len(self.kernel.layout), np.int64)
        bits = self.words.view(np.float64)
        for word, field in enumerate(self.kernel.layout):
            kind, name = field.kind, field.name
            if field.array and kind in ("parameter", "constant", "refractory_steps"):
                self.words[word] = self._address(self._row(values[name or kind]))
            elif kind in ("parameter", "constant", "refractory_steps", "dt"):
                bits[word] = values[name or kind]
            elif kind == "scale":
                bits[word] = self.scale[name]
            elif kind in ("state", "drive", "coupling"):
                arrays_of = {"state": self.state, "drive": self.drive, "coupling": self.couplings}
                self.words[word] = self._address(arrays_of[kind][name])
            elif kind == "arrivals":
                blocks = np.arange(0, max(n, 1), BLOCK_NEURONS) + self.slots[name]
                self.words[word] = self._address(blocks)
            else:
                self.words[word] = {
                    "acc": self._address(self.acc),
                    "acc_stride": self.acc.shape[1],
                    "acc_rows": len(self.acc),
                    "first_id": first_id,
                    "flags": self._address(self.flags),
                    "spikes": self._address(self.spikes),
                    "max_multiplicity": max_multiplicity,
                    "key0": key[0],
                    "key1": key[1],
                    "injected": self._address(self.injected),
                    "refractory": self._address(self.refractory),
                }[kind]

    def _row(self, value: Any) -> Any:
        return np.ascontiguousarray(np.broadcast_to(np.asarray(value, self.real), (self.n,)).copy())

    def _address(self, array: Any) -> int:
        self._keep.append(array)
        return int(array.ctypes.data)

    def arrive(self, receptor: str, step: int, counts: Any) -> None:
        """Let integer `counts` be due in this step."""
        at = self.slots[receptor]
        self.acc[(step + 1) % len(self.acc), at : at + self.n] += np.asarray(counts, self.integer)

    def step(self, step: int, blocks: tuple[int, ...] = ()) -> Any:
        """Do one step, in blocks that end at `blocks` and n; return the ids or a negative code."""
        found = []
        lo = 0
        for hi in (*blocks, self.n):
            with np.errstate(all="ignore"):
                count = int(self.loaded.function(int(self.words.ctypes.data), lo, hi, step))
            if count < 0:
                return count
            start = lo * self.max_multiplicity
            found.append(self.spikes[start : start + count].copy())
            lo = hi
        return np.concatenate(found)

    def snapshot(self) -> bytes:
        """Return all that a step writes, as bytes."""
        rows = [*self.state.values(), *self.drive.values(), self.refractory, self.acc]
        return b"".join(row.tobytes() for row in rows)

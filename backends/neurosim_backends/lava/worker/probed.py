"""Lava's LIF process that also keeps what it does: current, potential and spikes of every step.

The arithmetic is Lava's own (`PyLifModelBitAcc`): nothing of it is repeated
here. Lava's Monitor would cost 10 ms a step, and reading a large variable from a running process a
message for each number; a file is written once. This module has a folder of its own because Lava
imports every file beside a process when it looks for its models.

Runs in Lava's interpreter, Python 3.10.
"""

from typing import Any

import numpy as np
from lava.proc.lif.models import PyLifModelBitAcc
from lava.proc.lif.process import LIF


class ProbedLIF(LIF):  # type: ignore[misc]
    """LIF that writes ``u``, ``v`` and ``spikes`` of `n_steps` steps to the file `path` (npz)."""

    def __init__(self, *, path: Any, n_steps: Any, watched: Any, **facts: Any) -> None:
        super().__init__(path=path, n_steps=n_steps, watched=watched, **facts)


class _Probe:
    """What a model of Lava's does besides."""

    u: Any
    v: Any
    s_out_buff: Any
    time_step: Any

    def _open(self, proc_params: Any) -> None:
        self._path = proc_params["path"]
        self._n_steps = proc_params["n_steps"]
        self._watched = proc_params["watched"]
        self._seen: Any = {"u": [], "v": [], "spikes": []}

    def _keep(self) -> None:
        self._seen["u"].append(self.u[self._watched].copy())
        self._seen["v"].append(self.v[self._watched].copy())
        self._seen["spikes"].append(np.array(self.s_out_buff, bool))
        if self.time_step == self._n_steps:
            found: Any = {name: np.array(rows) for name, rows in self._seen.items()}
            np.savez(self._path, **found)


class ProbedFixed(_Probe, PyLifModelBitAcc):  # type: ignore[misc]
    """Bit-accurate."""

    implements_process = ProbedLIF  # the rest is inherited: protocol, resources, tags

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._open(proc_params)

    def run_spk(self) -> None:
        """Let Lava make the step, and keep what came of it."""
        super().run_spk()
        self._keep()

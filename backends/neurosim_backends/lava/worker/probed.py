"""Processes of Lava that also keep what they do: states and spikes, weights and traces.

The arithmetic is Lava's own (`PyLifModelBitAcc`, `PyLifModelFloat`,
`PyLearningDenseModelBitApproximate`): nothing of it is repeated here. Lava's Monitor would cost 10
ms a step, and reading a large variable from a running process a message for each number; a file is
written once. This module has a folder of its own because Lava imports every file beside a process
when it looks for its models.

Runs in Lava's interpreter, Python 3.10.
"""

from typing import Any

import numpy as np
from lava.proc.dense.models import PyLearningDenseModelBitApproximate
from lava.proc.dense.process import LearningDense
from lava.proc.lif.models import PyLifModelBitAcc, PyLifModelFloat
from lava.proc.lif.process import LIF
from lava.proc.sdn.models import PyDeltaModelFixed, PySigmaDeltaModelFixed
from lava.proc.sdn.process import Delta, SigmaDelta
from lava.proc.sparse.models import PyLearningSparseModelBitApproximate
from lava.proc.sparse.process import LearningSparse
from lava.utils.weightutils import SignMode


class ProbedLIF(LIF):  # type: ignore[misc]
    """LIF that writes ``u``, ``v`` and ``spikes`` of `n_steps` steps to the file `path` (npz)."""

    def __init__(self, *, path: Any, n_steps: Any, watched: Any, **facts: Any) -> None:
        super().__init__(path=path, n_steps=n_steps, watched=watched, **facts)


class ProbedDelta(Delta):  # type: ignore[misc]
    """Delta that writes ``u``, ``v``, ``residue`` and ``spikes``, the messages, to a file."""

    def __init__(self, *, path: Any, n_steps: Any, watched: Any, **facts: Any) -> None:
        super().__init__(**facts)
        for key, value in (("path", path), ("n_steps", n_steps), ("watched", watched)):
            self.proc_params[key] = value


class ProbedSigmaDelta(SigmaDelta):  # type: ignore[misc]
    """The same of SigmaDelta."""

    def __init__(self, *, path: Any, n_steps: Any, watched: Any, **facts: Any) -> None:
        super().__init__(path=path, n_steps=n_steps, watched=watched, **facts)


class _Watching:
    """Does after each step of a model of Lava's what `_keep` says."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)  # type: ignore[call-arg]
        self._open(proc_params)

    def run_spk(self) -> None:
        """Let Lava make the step, and keep what came of it."""
        super().run_spk()  # type: ignore[misc]
        self._keep()

    def _open(self, proc_params: Any) -> None:
        raise NotImplementedError

    def _keep(self) -> None:
        raise NotImplementedError


class _Probe(_Watching):
    """What a model of Lava's neurons does besides."""

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


class ProbedFloat(_Probe, PyLifModelFloat):  # type: ignore[misc]
    """Floating-point."""

    implements_process = ProbedLIF


class _MessageProbe(_Watching):
    """What a model of neurons that send numbers does besides."""

    _listens: bool
    sigma: Any
    act: Any
    residue: Any
    s_out: Any
    time_step: Any

    def run_spk(self) -> None:
        """Let Lava make the step, and overhear what it sends."""
        if not self._listens:
            send = self.s_out.send

            def overheard(data: Any) -> None:
                self._seen["spikes"].append(np.array(data))
                send(data)

            self.s_out.send = overheard
            self._listens = True
        super().run_spk()

    def _open(self, proc_params: Any) -> None:
        self._path = proc_params["path"]
        self._n_steps = proc_params["n_steps"]
        self._watched = proc_params["watched"]
        self._seen: Any = {"u": [], "v": [], "residue": [], "spikes": []}
        self._listens = False

    def _keep(self) -> None:
        for name, state in (("u", self.sigma), ("v", self.act), ("residue", self.residue)):
            self._seen[name].append(state[self._watched].copy())
        if self.time_step == self._n_steps:
            found: Any = {name: np.array(rows) for name, rows in self._seen.items()}
            np.savez(self._path, **found)


class ProbedDeltaFixed(_MessageProbe, PyDeltaModelFixed):  # type: ignore[misc]
    """Integers."""

    implements_process = ProbedDelta


class ProbedSigmaDeltaFixed(_MessageProbe, PySigmaDeltaModelFixed):  # type: ignore[misc]
    """Integers."""

    implements_process = ProbedSigmaDelta


class ProbedDense(LearningDense):  # type: ignore[misc]
    """LearningDense that writes ``weights``, ``x1`` and ``y1`` after some steps to a file (npz).

    `wanted` are the steps, `pre` and `post` name the synapses.
    """

    def __init__(
        self, *, path: Any, n_steps: Any, wanted: Any, pre: Any, post: Any, **facts: Any
    ) -> None:
        super().__init__(
            path=path, n_steps=n_steps, wanted=wanted, pre=pre, post=post, **facts
        )  # fmt: skip


class ProbedSparse(LearningSparse):  # type: ignore[misc]
    """The same of LearningSparse."""

    def __init__(
        self, *, path: Any, n_steps: Any, wanted: Any, pre: Any, post: Any, **facts: Any
    ) -> None:
        super().__init__(
            path=path, n_steps=n_steps, wanted=wanted, pre=pre, post=post, **facts
        )  # fmt: skip


class _LearningProbe(_Watching):
    """What a model of learning synapses does besides."""

    weights: Any
    x1: Any
    y1: Any
    time_step: Any

    def run_lrn(self) -> None:
        """Let Lava learn, and keep that instead."""
        super().run_lrn()  # type: ignore[misc]
        self._keep()

    def _open(self, proc_params: Any) -> None:
        self._path = proc_params["path"]
        self._n_steps = proc_params["n_steps"]
        self._wanted = set(proc_params["wanted"].tolist())
        self._places = (proc_params["post"], proc_params["pre"])
        self._seen: Any = {}

    def _keep(self) -> None:
        """Take note of the step; a second time, where it also learns."""
        if self.time_step in self._wanted:
            weights = np.asarray(self.weights[self._places]).ravel()
            self._seen[self.time_step] = (weights.copy(), self.x1.copy(), self.y1.copy())
        if self.time_step == self._n_steps:
            rows: Any = zip(*self._seen.values(), strict=True) if self._seen else ((), (), ())
            found: Any = {name: np.array(r) for name, r in zip("wxy", rows, strict=True)}
            np.savez(self._path, **found)


class ProbedDenseFixed(_LearningProbe, PyLearningDenseModelBitApproximate):  # type: ignore[misc]
    """Integers."""

    implements_process = ProbedDense


class ProbedSparseFixed(_LearningProbe, PyLearningSparseModelBitApproximate):  # type: ignore[misc]
    """Integers."""

    implements_process = ProbedSparse

    def _saturate_synaptic_variable_accumulator(self, name: Any, values: Any) -> Any:
        """Do what Lava's dense model does here: its sparse one raises for weights of one sign."""
        if name != "weights" or self.sign_mode == SignMode.MIXED:
            return super()._saturate_synaptic_variable_accumulator(name, values)
        limited = np.maximum if self.sign_mode == SignMode.EXCITATORY else np.minimum
        values.data = limited(0, values.data)
        return values

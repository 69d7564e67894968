"""`compare_accuracy`: one classifier on several backends, sample by sample."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Backend, compile, find_backend, make_options, whole_steps
from neurosim.describe.checks import to_int
from neurosim.describe.network import Network
from neurosim.engine.progress import reporter
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.results import Run

Ints = npt.NDArray[np.int64]
Decode = Callable[[Run], int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accuracies:
    """Answers of several backends to the same samples. ``print(accuracies)`` is a table.

    Attributes
    ----------
    labels : (n_samples,) int64
        What would be right.
    answers : dict
        Backend -> (n_samples,) int64; the first is the one that others are compared with.
    """

    labels: Ints
    answers: Mapping[str, Ints]

    @property
    def accuracy(self) -> dict[str, float]:
        """Backend -> share of right answers."""
        return {name: float(np.mean(a == self.labels)) for name, a in self.answers.items()}

    @property
    def agreement(self) -> dict[str, float]:
        """Backend -> share of samples that it answers as the first one does."""
        first = self._answers(next(iter(self.answers)))
        return {name: float(np.mean(a == first)) for name, a in self.answers.items()}

    def differing(self, backend: str) -> Ints:
        """Return the samples that a backend answers otherwise than the first one."""
        first = self._answers(next(iter(self.answers)))
        return np.flatnonzero(self._answers(backend) != first).astype(np.int64)

    def p_value(self, backend: str) -> float:
        """Return how likely so unequal numbers of right answers are if both do equally well.

        The exact form of the test of McNemar (1947), Psychometrika 12:153: of the samples that one
        of the two alone has right, either has each with probability 1/2. It is 1 where there are
        none.
        """
        from scipy.stats import binomtest

        first = self._answers(next(iter(self.answers))) == self.labels
        other = self._answers(backend) == self.labels
        gained, lost = int(np.sum(other & ~first)), int(np.sum(first & ~other))
        if not gained + lost:
            return 1.0
        return float(binomtest(gained, gained + lost).pvalue)

    def _answers(self, backend: str) -> Ints:
        if backend not in self.answers:
            raise UnknownNameError("Accuracies: backend", backend, self.answers)
        return self.answers[backend]

    def __rich__(self) -> Any:
        from rich.table import Table

        first = next(iter(self.answers))
        table = Table(title=f"{self.labels.size} samples", title_justify="left")
        for word in ("backend", "accuracy", f"answers as {first}", "p (McNemar)"):
            table.add_column(word, justify="left" if word == "backend" else "right")
        for name in self.answers:
            p = "" if name == first else f"{self.p_value(name):.2g}"
            share = f"{100 * self.agreement[name]:.2f} %"
            table.add_row(name, f"{100 * self.accuracy[name]:.2f} %", share, p)
        return table

    def __str__(self) -> str:
        from rich.console import Console

        file = io.StringIO()
        Console(file=file, width=100, highlight=False).print(self)
        return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def compare_accuracy(
    network: Network,
    backends: Sequence[str | Backend] | Mapping[str, str | Backend],
    samples: Any,
    labels: Any,
    *,
    into: str,
    shown: Any,
    decode: str | Decode,
    progress: bool | None = None,
    **options: Any,
) -> Accuracies:
    r"""Show labelled samples to a network on several backends, each from its start.

    Parameters
    ----------
    network : Network
        A classifier, with weights as they are.
    backends : sequence, or mapping of str to backend
        Names or backends; a mapping gives names of one's own. The first is compared with.
    samples : array
        (n_samples, \*shape): held while shown; or (n_samples, n_steps, \*shape).
    labels : (n_samples,) array
        Whole numbers: with a population as `decode`, its neurons, or -1 where none should spike.
    into : str
        The ``Input`` population that takes them.
    shown : float or quantity
        For how long [ms].
    decode : str or callable
        The population whose neuron with the most spikes is the answer (the first of several, -1
        without a spike), all of it recorded; or a function from the run of a sample to a whole
        number.
    progress : bool, optional
        As in `Session.run`, over the samples of a backend.
    **options
        See `neurosim.Options`.

    Returns
    -------
    Accuracies

    Raises
    ------
    DescriptionError, UnknownNameError
        If arguments do not fit the network or each other.
    UnsupportedError
        Naming the part of the network that a backend has no form of.
    """
    if not isinstance(network, Network):
        raise DescriptionError("compare_accuracy: network", network, "a neurosim.Network")
    own = ("into", "shown", "decode", "progress")
    chosen = make_options(network, options, "compare_accuracy: option", own)
    whole_steps(shown, chosen.dt, "compare_accuracy: shown")
    named = _named(backends)
    shape = _input_shape(network, into)
    pictures = _array(samples, "compare_accuracy: samples", "samples of one shape")
    known = _array(labels, "compare_accuracy: labels", "whole numbers, one for each sample")
    if pictures.dtype.kind not in "biuf" or pictures.shape[-len(shape) :] != shape:
        expected = f"numbers of shape (n_samples, *{shape}) or (n_samples, n_steps, *{shape})"
        raise DescriptionError("compare_accuracy: samples", pictures, expected)
    if pictures.ndim - len(shape) not in (1, 2) or not len(pictures):
        expected = "an axis of samples, and one of steps at most"
        raise DescriptionError("compare_accuracy: samples", pictures.shape, expected)
    if known.shape != (len(pictures),) or known.dtype.kind not in "biu":
        expected = f"{len(pictures)} whole numbers, one for each sample"
        raise DescriptionError("compare_accuracy: labels", known, expected)
    read = _reader(network, decode)
    if not callable(decode):
        _check_classes(known, network[decode].size)
    elif known.dtype.kind == "u" and known.max() > np.iinfo(np.int64).max:
        raise DescriptionError("compare_accuracy: labels", known, "whole numbers below 2**63")
    answers: dict[str, Ints] = {}
    for name, backend in named.items():
        session = compile(network, backend, **options)
        found = np.zeros(len(pictures), np.int64)
        with reporter(1.0, progress, ("classifying", "samples")) as report:
            for k, sample in enumerate(pictures):
                session.reset()
                found[k] = read(session.run(shown, inputs={into: sample}, progress=False))
                if report is not None:
                    report(k + 1, len(pictures))
        answers[name] = found
    return Accuracies(labels=known.astype(np.int64), answers=answers)


def _named(
    backends: Sequence[str | Backend] | Mapping[str, str | Backend],
) -> dict[str, Backend]:
    """Return backends by the names that the result has for them."""
    place = "compare_accuracy: backends"
    if isinstance(backends, Mapping):
        named = {str(name): find_backend(b) for name, b in backends.items()}
    elif isinstance(backends, str) or not isinstance(backends, Sequence):
        raise DescriptionError(place, backends, "a list of backends, or a mapping of names to them")
    else:
        found = [find_backend(b) for b in backends]
        named = {b.name: b for b in found}
        if len(named) != len(found):
            raise DescriptionError(
                place, [b.name for b in found], "each once",
                'To compare two of one kind, name them: {"coarse": Loihi(), "fine": Loihi(...)}.',
            )  # fmt: skip
    if not named:
        raise DescriptionError(place, backends, "at least one")
    return named


def _input_shape(network: Network, into: Any) -> tuple[int, ...]:
    fed = {
        p.name: p
        for p in network.populations.values()
        if p.interface.is_source and hasattr(p.model, "kind")
    }
    if not isinstance(into, str) or into not in fed:
        raise UnknownNameError("compare_accuracy: into", into, fed)
    return tuple(fed[into].shape)


def _reader(network: Network, decode: Any) -> Decode:
    place = "compare_accuracy: decode"
    if callable(decode):
        return partial(_answer, decode)
    recorded = {
        r.population.name: r
        for r in network.recorders
        if r.variable == "spikes" and r.population is not None
    }
    if not isinstance(decode, str) or decode not in recorded:
        raise UnknownNameError(place, decode, recorded)
    # Of neurons that are not recorded nobody knows whether they had more spikes.
    n, size = len(recorded[decode].indices), network[decode].size
    if n != size:
        raise DescriptionError(
            place, decode, f"a population with all of its {size} neurons recorded",
            f"Of {n} spikes are recorded. Record all of it, or give a function of the run.",
        )  # fmt: skip

    def most_spikes(run: Run) -> int:
        counts = run.spikes[decode].counts()
        return int(np.argmax(counts)) if counts.any() else -1

    return most_spikes


def _answer(decode: Decode, run: Run) -> int:
    """Return what a function of the caller's makes of a run; a comparison is 0 or 1."""
    found: Any = decode(run)
    place = "compare_accuracy: decode"
    if isinstance(found, np.ndarray) and found.ndim == 0:
        found = found.item()
    if isinstance(found, (bool, np.bool_)):
        return int(found)
    return to_int(found, place, at_least=-(2**63), what="a function that returns a whole number")


def _array(value: Any, place: str, expected: str) -> npt.NDArray[Any]:
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise DescriptionError(place, value, expected, f"numpy says: {error}.") from None


def _check_classes(labels: npt.NDArray[Any], n: int) -> None:
    """Refuse labels that no answer can be."""
    wrong = labels[(labels < -1) | (labels >= n)]
    if wrong.size:
        expected = f"neurons of `decode`, 0 to {n - 1}, or -1 where none should spike"
        raise DescriptionError("compare_accuracy: labels", int(wrong[0]), expected)

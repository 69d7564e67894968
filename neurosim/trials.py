"""Trials: samples shown to a network one after the other, with silence and scaling in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Session, whole_steps
from neurosim.describe.population import Population
from neurosim.describe.sources import Input, Poisson
from neurosim.engine.progress import reporter
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.results import Run

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Settings = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """What came of one sample.

    Attributes
    ----------
    index : int
        Which sample, from 0.
    sample : array
        What was shown last.
    run : Run
        While it was shown for the last time; without the silence.
    presentations : int
        How often the sample was shown.
    """

    index: int
    sample: Any
    run: Run
    presentations: int

    @property
    def counts(self) -> dict[str, Ints]:
        """Spikes of each recorded neuron while the sample was shown: (n_recorded,) int64."""
        return {name: spikes.counts() for name, spikes in self.run.spikes.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Responses:
    """What came of several samples.

    Attributes
    ----------
    counts : dict
        Population -> (n_samples, n_recorded) int64: spikes while each sample was shown.
    presentations : (n_samples,) int64
        How often each was shown.
    weights : dict
        Projection -> (n_snapshots, n_connections) float64, in the order of
        ``session.connections``.
    taken_after : dict
        Projection -> (n_snapshots,) int64: after how many samples.
    """

    counts: Mapping[str, Ints]
    presentations: Ints
    weights: Mapping[str, Floats]
    taken_after: Mapping[str, Ints]

    def __len__(self) -> int:
        return int(self.presentations.size)


class Trials:
    r"""Shows samples to a network: each for a while, then silence.

    Parameters
    ----------
    session : Session
    into : str
        The population that samples are handed to. An ``Input`` is given spikes or currents, held
        constant, or (n_steps, \\*shape); a ``Poisson`` source its rates; of neurons `variable` is
        set.
    shown, rest : float
        How long each sample is shown, and the silence after it [ms].
    variable : str, optional
        State or parameter of the neurons `into` that a sample is.
    quiet : float
        What is set in the silence.
    scale : mapping, optional
        Projection -> sum of each postsynaptic neuron's weights: see ``Session.normalise``. Done
        before each sample is learned.
    teacher : str, optional
        A population that is told what to do while a sample is learned: as `into`, of the variable
        `teacher_variable`. Silent otherwise. A Poisson source with strong synapses onto output
        neurons, or a current into them, forces them to fire.
    again : callable, optional
        Takes a `Trial`; returns what is to be shown once more in its place, or None.
    while_learning, while_responding : mapping, optional
        Population -> what is set when learning, or responding, begins:
        ``{"exc": {"adapting": 1.0}}``.

    Attributes
    ----------
    session : Session
    presented : int
        Samples that were shown, those shown again among them.

    Raises
    ------
    DescriptionError, UnknownNameError
        For what the network does not have.
    """

    def __init__(
        self, session: Session, into: str, *, shown: Any, rest: Any = 0.0,
        variable: str | None = None, quiet: float = 0.0,
        scale: Mapping[str, Any] | None = None,
        teacher: str | None = None, teacher_variable: str | None = None,
        again: Callable[[Trial], Any] | None = None,
        while_learning: Settings | None = None, while_responding: Settings | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(session, Session):
            raise DescriptionError("Trials: session", session, "what neurosim.compile returns")
        self.session = session
        self._shown = whole_steps(shown, session.dt, "Trials: shown") * session.dt
        nothing = isinstance(rest, (int, float)) and rest == 0
        steps = 0 if nothing else whole_steps(rest, session.dt, "Trials: rest")
        self._rest = steps * session.dt
        self._into = _Target(session, into, variable, "Trials: into")
        self._quiet = quiet
        self._teacher = None
        if teacher is not None:
            self._teacher = _Target(session, teacher, teacher_variable, "Trials: teacher")
        self._scale = dict(scale or {})
        plastic = _plastic(session)
        for name in self._scale:
            if name not in plastic:
                raise UnknownNameError("Trials: scale", name, plastic)
        self._again = again
        self._settings = {True: dict(while_learning or {}), False: dict(while_responding or {})}
        self.presented = 0

    def learn(
        self, samples: Iterable[Any], taught: Iterable[Any] | None = None, *,
        snapshots: Mapping[str, int] | None = None, progress: bool | None = None,
    ) -> Responses:  # fmt: skip
        """Show samples while plastic projections may change, but for those that are frozen.

        Parameters
        ----------
        samples : iterable
            What is handed to the population `into`, one after the other.
        taught : iterable, optional
            What the teacher is told with each.
        snapshots : mapping, optional
            Projection -> after how many samples its weights are noted each time.
        progress : bool, optional
            As in ``Session.run``, for samples.

        Returns
        -------
        Responses
            After a Ctrl-C of what was shown until then.
        """
        trials = self.each(samples, taught, learning=True)
        return self._collect(trials, _length(samples), snapshots or {}, progress)

    def respond(self, samples: Iterable[Any], *, progress: bool | None = None) -> Responses:
        """Show samples to the network as it is: plastic projections are held, nobody teaches.

        They are held while a sample is shown and in the silence after it. Then those that were not
        frozen before may change again, also after an error or a Ctrl-C.

        Takes and returns what `learn` does.
        """
        return self._collect(self.each(samples, learning=False), _length(samples), {}, progress)

    def each(
        self, samples: Iterable[Any], taught: Iterable[Any] | None = None, *, learning: bool
    ) -> Iterator[Trial]:
        """Show one sample at a time, for code of your own in between.

        Yields
        ------
        Trial
            After the silence.
        """
        if taught is not None and (self._teacher is None or not learning):
            raise DescriptionError(
                "Trials: taught", taught, "None, without a teacher or while responding"
            )
        for population, values in self._settings[learning].items():
            self.session.set(population, **values)
        lessons = None if taught is None else iter(taught)
        for index, sample in enumerate(samples):
            if learning:
                for name, total in self._scale.items():
                    self.session.normalise(name, total=total)
            lesson = None
            if lessons is not None:
                try:
                    lesson = next(lessons)
                except StopIteration:
                    raise DescriptionError(
                        "Trials: taught", index, "as many as there are samples"
                    ) from None
            # Not around `yield`: who stops asking for samples would leave everything frozen.
            with nullcontext() if learning else held(self.session, _plastic(self.session)):
                trial = self._show(index, sample, lesson)
            yield trial
            if trial.run.provenance.get("interrupted"):
                return

    def _show(self, index: int, sample: Any, lesson: Any) -> Trial:
        presentations = 0
        while True:
            presentations += 1
            run = self._present(sample, lesson)
            trial = Trial(index=index, sample=sample, run=run, presentations=presentations)
            if self._again is None or run.provenance.get("interrupted"):
                return trial
            other = self._again(trial)
            if other is None:
                return trial
            sample = other

    def _present(self, sample: Any, lesson: Any) -> Run:
        inputs = self._into.hand(sample)
        if self._teacher is not None:
            inputs |= self._teacher.hand(0.0 if lesson is None else lesson)
        run = self.session.run(self._shown, inputs=inputs, progress=False)
        self.presented += 1
        inputs = self._into.hand(self._quiet)
        if self._teacher is not None:
            inputs |= self._teacher.hand(0.0)
        if self._rest:
            self.session.run(self._rest, inputs=inputs, progress=False)
        return run

    def _collect(
        self, trials: Iterator[Trial], n_samples: int | None, snapshots: Mapping[str, int],
        progress: bool | None,
    ) -> Responses:  # fmt: skip
        plastic = _plastic(self.session)
        for name, every in snapshots.items():
            if name not in plastic:
                raise UnknownNameError("Trials: snapshots", name, plastic)
            _check_number(every, f"Trials: snapshots[{name!r}]")
        recorded = {
            r.population.name: len(r.indices)
            for r in self.session.network.recorders
            if r.variable == "spikes" and r.population is not None
        }
        counts: dict[str, list[Ints]] = {name: [] for name in recorded}
        presentations: list[int] = []
        weights: dict[str, list[Floats]] = {name: [] for name in snapshots}
        taken: dict[str, list[int]] = {name: [] for name in snapshots}
        bar = reporter(1.0, progress if n_samples else False, ("showing", "samples"))
        with bar as report, closing(trials):  # type: ignore[type-var]
            for trial in trials:
                for name, found in trial.counts.items():
                    counts[name].append(found)
                presentations.append(trial.presentations)
                for name, every in snapshots.items():
                    if (trial.index + 1) % every == 0:
                        weights[name].append(self.session.get(name, "w"))
                        taken[name].append(trial.index + 1)
                if report is not None and n_samples:
                    report(trial.index + 1, n_samples)
        return Responses(
            counts={
                n: np.array(rows, np.int64).reshape(len(rows), recorded[n])
                for n, rows in counts.items()
            },
            presentations=np.array(presentations, np.int64),
            weights={n: np.array(w) for n, w in weights.items()},
            taken_after={n: np.array(t, np.int64) for n, t in taken.items()},
        )


class _Target:
    """Where numbers are handed to: an ``Input``, a Poisson source, or a variable of neurons."""

    def __init__(self, session: Session, name: Any, variable: str | None, place: str) -> None:
        populations = session.network.populations
        if not isinstance(name, str) or name not in populations:
            raise UnknownNameError(place, str(name), populations)
        self._session, self._name = session, name
        self._population: Population = populations[name]
        model = self._population.model
        self._is_input = isinstance(model, Input)
        if isinstance(model, (Input, Poisson)):
            self._variable = "rate"
            if variable not in (None, "rate"):
                raise DescriptionError(f"{place}: variable of {name!r}", variable, "None")
            return
        if self._population.interface.is_source:
            raise DescriptionError(
                place, name, "neurons, an Input or a Poisson source: others are told nothing"
            )
        if not isinstance(variable, str):
            raise DescriptionError(
                f"{place}: variable of {name!r}", variable, "a state or parameter of the neurons"
            )
        self._variable = variable

    def hand(self, value: Any) -> dict[str, Any]:
        """Set a value now; returns the `inputs` of the next run."""
        shape = self._population.shape
        if self._is_input:
            held = np.full(shape, value) if np.ndim(value) == 0 else np.asarray(value)
            return {self._name: held}
        array = np.asarray(value)
        if array.ndim and array.shape == shape:
            array = array.ravel()  # an image
        self._session.set(self._name, **{self._variable: array if array.ndim else value})
        return {}


@contextmanager
def held(session: Session, projections: Iterable[str]) -> Iterator[None]:
    """Freeze plastic projections for a while; those that were frozen before stay so."""
    already = session.frozen
    with ExitStack() as stack:
        for name in projections:
            if name not in already:
                stack.callback(session.unfreeze, name)
                session.freeze(name)
        yield


def _plastic(session: Session) -> tuple[str, ...]:
    """Return the names of the projections that learn."""
    network = session.network
    return tuple(n for n, p in network.projections.items() if p.plasticity is not None)


def _check_number(value: object, place: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise DescriptionError(place, value, "a number of samples, 1 or more")


def _length(samples: Any) -> int | None:
    return len(samples) if hasattr(samples, "__len__") else None

"""What a run leaves behind: spikes, states and weights by name, with their provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.errors import DescriptionError
from neurosim.records import (
    Floats,
    Frozen,
    Ints,
    NotRecordedError,
    Recorded,
    SpikeRecord,
    Trace,
    checked_interval,
    inner_interval,
    past,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Floats",
    "Ints",
    "NotRecordedError",
    "Recorded",
    "Run",
    "SpikeRecord",
    "Trace",
    "concat",
]

SAME_IN_PIECES = ("network_hash", "seed", "trial", "backend", "dt", "precision")
"""Entries of the provenance that pieces of one session cannot differ in."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Run:
    """The results of one run, or of one piece of a session.

    Attributes
    ----------
    name : str
        The network's name.
    interval : (float, float)
        The run took the network from t_start to t_stop [ms].
    populations : mapping of str to int
        Size of every population of the network, recorded or not, in the order of definition.
    spikes : mapping of str to SpikeRecord
        By population, ``run.spikes["exc"]``. A record must cover `interval`.
    states : mapping of str to mapping of str to Trace
        By population and variable, ``run.states["exc"]["V_m"]``.
    weights : mapping of str to Trace
        By projection, ``run.weights["exc->exc"]``; columns in the order of
        ``session.connections``.
    provenance : dict
        How the results came about: seed, trial, versions, network_hash, backend, dt, ... Anything
        JSON can hold; numpy scalars and arrays become numbers and lists.
    colours : mapping of str to str
        Colour of a population in figures (any matplotlib colour), where it should differ from the
        palette.

    Raises
    ------
    DescriptionError
        If the parts do not fit each other, or the provenance holds what JSON cannot
        (NaN and infinity included).
    NotRecordedError
        On reading a name that was not recorded: it lists those that were, and says how to record.
    """

    name: str
    interval: tuple[float, float]
    populations: Mapping[str, int]
    spikes: Mapping[str, SpikeRecord] = field(default_factory=dict)
    states: Mapping[str, Mapping[str, Trace]] = field(default_factory=dict)
    weights: Mapping[str, Trace] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        interval = checked_interval("Run.interval", self.interval)
        for name, record in self.spikes.items():
            self._check_population("spikes", name)
            if record.size != self.populations[name]:
                expected = f"{self.populations[name]} neurons, as in the population"
                raise DescriptionError(f"Run.spikes[{name!r}].size", record.size, expected)
            if record.interval != interval:
                place = f"Run.spikes[{name!r}].interval"
                raise DescriptionError(place, record.interval, f"the run's interval {interval}")
        for name, traces in self.states.items():
            self._check_population("states", name)
            for variable, trace in traces.items():
                place = f"Run.states[{name!r}][{variable!r}]"
                if (
                    trace.ids.size
                    and not 0 <= trace.ids.min() <= trace.ids.max() < self.populations[name]
                ):
                    expected = f"ids from 0 to {self.populations[name] - 1}"
                    raise DescriptionError(f"{place}.ids", trace.ids, expected)
                _check_times(f"{place}.times", trace, interval)
        for name, trace in self.weights.items():
            _check_times(f"Run.weights[{name!r}].times", trace, interval)
        states = {
            name: Recorded(
                traces, f"run.states[{name!r}]", f'net.record(net["{name}"], "{{name}}", every=1.0)'
            )
            for name, traces in self.states.items()
            if traces
        }
        for key, value in (
            ("interval", interval),
            ("populations", Frozen({k: int(n) for k, n in self.populations.items()})),
            ("spikes", Recorded(self.spikes, "run.spikes", 'net.record(net["{name}"], "spikes")')),
            (
                "states",
                Recorded(states, "run.states", 'net.record(net["{name}"], "V_m", every=1.0)'),
            ),
            (
                "weights",
                Recorded(
                    self.weights, "run.weights", 'net.record(net["{name}"], "weight", every=100.0)'
                ),
            ),
            ("provenance", as_json(self.provenance)),
            ("colours", Frozen(self.colours)),
        ):
            object.__setattr__(self, key, value)

    def _check_population(self, where: str, name: str) -> None:
        if name not in self.populations:
            raise DescriptionError(
                f"Run.{where}", name, f"a population of {list(self.populations)}"
            )

    @property
    def t_start(self) -> float:
        """Biological time at which the run began [ms]."""
        return self.interval[0]

    @property
    def t_stop(self) -> float:
        """Biological time at which the run ended [ms]."""
        return self.interval[1]

    @property
    def duration(self) -> float:
        """Length of the run [ms]."""
        return self.interval[1] - self.interval[0]

    def rates(self) -> dict[str, float]:
        """Return the mean rate of every recorded population [Hz], silent neurons included."""
        return {name: record.mean_rate() for name, record in self.spikes.items()}

    def between(self, t1: float, t2: float) -> Run:
        """Return what happened in t1 < t <= t2 [ms].

        Consecutive stretches share nothing and lose nothing. A sample taken at the very start of
        the run (``initial=True``) belongs to the stretch that starts there.

        Raises
        ------
        DescriptionError
            If the stretch reaches beyond the run.
        """
        t1, t2 = inner_interval(self.interval, t1, t2)
        first = t1 == self.t_start

        def cut(traces: Mapping[str, Trace]) -> dict[str, Trace]:
            return {k: trace.between(t1, t2, first=first) for k, trace in traces.items()}

        return replace(
            self,
            interval=(t1, t2),
            spikes={name: record.between(t1, t2) for name, record in self.spikes.items()},
            states={name: cut(traces) for name, traces in self.states.items()},
            weights=cut(self.weights),
        )

    def same_as(self, other: Run) -> bool:
        """Return whether two runs hold the same results, bit for bit (provenance apart)."""
        return self._contents() == other._contents()

    def _contents(self) -> list[Any]:
        def bits(array: Any) -> tuple[str, tuple[int, ...], bytes] | None:
            return None if array is None else (array.dtype.str, array.shape, array.tobytes())

        def samples(name: str, trace: Trace) -> tuple[Any, ...]:
            arrays = (bits(trace.array), bits(trace.times), bits(trace.ids))
            return name, *arrays, trace.unit, trace.reduce

        return [
            self.name,
            self.interval,
            list(self.populations.items()),
            [
                (k, bits(s.times), bits(s.ids), s.size, bits(s.recorded))
                for k, s in self.spikes.items()
            ],
            [(k, [samples(v, t) for v, t in traces.items()]) for k, traces in self.states.items()],
            [samples(k, t) for k, t in self.weights.items()],
        ]

    def __add__(self, other: Run) -> Run:
        """Return this run continued by the next piece of the same session."""
        if not isinstance(other, Run):
            return NotImplemented
        return concat([self, other])

    def __repr__(self) -> str:
        from neurosim.io.text import run_text

        return run_text(self)

    def _repr_html_(self) -> str:
        from neurosim.io.text import run_html

        return run_html(self)

    def summary(self) -> str:
        """Return a table of the run with rates and the irregularity of firing (mean CV of ISIs)."""
        from neurosim.analysis import isi_cv
        from neurosim.io.text import run_text

        cvs = {name: isi_cv(record.trains()) for name, record in self.spikes.items()}
        return run_text(
            self, {k: (cv.mean() if cv.n_used else None, cv.n_used) for k, cv in cvs.items()}
        )

    def plot(self, *, max_spikes: int = 100_000) -> Figure:
        """Draw the run: raster and rates of all recorded populations, and the state traces.

        Parameters
        ----------
        max_spikes : int
            Above this number only a part of the neurons is drawn; the axis says which part.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from neurosim.plot import overview

        return overview(self, max_spikes=max_spikes)

    def save(self, path: str | Path) -> Path:
        """Write the run to an HDF5 file, whole or not at all, and return its path."""
        from neurosim.io.runs import save_run

        return save_run(path, self)

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """Read a run written by `save`.

        Raises
        ------
        DescriptionError
            If the file is missing, is no run, was written by a newer schema or is damaged.
        """
        from neurosim.io.runs import load_run

        parts = load_run(path)
        return cls(
            spikes={k: SpikeRecord(**v) for k, v in parts.pop("spikes").items()},
            states={
                k: {name: Trace(**t) for name, t in v.items()}
                for k, v in parts.pop("states").items()
            },
            weights={k: Trace(**v) for k, v in parts.pop("weights").items()},
            **parts,
        )

    def to_neo(self) -> Any:
        """Return a `neo.Block`: a SpikeTrain per recorded neuron, a signal per variable."""
        from neurosim.io.neo import run_to_neo

        return run_to_neo(self)

    def to_xarray(self) -> Any:
        """Return an `xarray.DataTree`: ``tree["exc/V_m"]`` has the dimensions (time, neuron)."""
        from neurosim.io.xarray import run_to_xarray

        return run_to_xarray(self)


def concat(runs: list[Run]) -> Run:
    """Join consecutive pieces of one session into one run.

    The provenance keeps what all pieces share; what differs stands in ``provenance["pieces"]``,
    one entry per piece. A sample that a piece took at its very start (``initial=True``) is left
    out where the piece before has the same values at that time; where they differ (a variable was
    set in between) both stand.

    Raises
    ------
    DescriptionError
        If there is a gap or an overlap, or the pieces are of different networks, settings or
        recordings.
    """
    if not runs:
        raise DescriptionError("concat.runs", runs, "at least one run")
    for one, two in pairwise(runs):
        _check_follows(one, two)
    if len(runs) == 1:
        return runs[0]
    first = runs[0]
    interval = (first.t_start, runs[-1].t_stop)
    return replace(
        first,
        interval=interval,
        spikes={
            name: replace(
                record,
                times=np.concatenate([run.spikes[name].times for run in runs]),
                ids=np.concatenate([run.spikes[name].ids for run in runs]),
                interval=interval,
            )
            for name, record in first.spikes.items()
        },
        states={
            name: {v: _joined([run.states[name][v] for run in runs]) for v in traces}
            for name, traces in first.states.items()
        },
        weights={name: _joined([run.weights[name] for run in runs]) for name in first.weights},
        provenance=_joined_provenance(runs),
    )


def as_json(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy made of what JSON holds: str, int, float, bool, None, list, dict.

    Raises
    ------
    DescriptionError
        If something cannot be held, NaN and infinity included.
    """

    def convert(value: object) -> object:
        if isinstance(value, np.generic | np.ndarray):
            return value.tolist()
        if isinstance(value, Mapping):
            return dict(value)
        if isinstance(value, Path):
            return str(value)
        raise TypeError(f"{type(value).__name__} is not JSON")

    try:
        text = json.dumps(dict(provenance), default=convert, allow_nan=False)
    except (TypeError, ValueError) as reason:
        expected = f"numbers, texts, lists and dicts as in JSON ({reason})"
        raise DescriptionError("Run.provenance", provenance, expected) from None
    copy: dict[str, Any] = json.loads(text)
    return copy


def _check_times(place: str, trace: Trace, interval: tuple[float, float]) -> None:
    first, last = interval[0] - (past(interval[0]) - interval[0]), past(interval[1])
    if trace.times.size and not first <= trace.times[0] <= trace.times[-1] <= last:
        raise DescriptionError(place, trace.times, f"times within the run's interval {interval} ms")


def _check_follows(one: Run, two: Run) -> None:
    """Refuse to put `two` behind `one` unless it is the next piece of the same session."""
    if not abs(two.t_start - one.t_stop) <= past(one.t_stop) - one.t_stop:
        what = "an overlap" if two.t_start < one.t_stop else "a gap"
        expected = f"a start at {one.t_stop:.10g} ms, where the run before ends (there is {what})"
        raise DescriptionError("concat: start of the next run", two.t_start, expected)
    for place, left, right in (
        ("network", one.name, two.name),
        ("populations", list(one.populations.items()), list(two.populations.items())),
        ("recordings", _layout(one), _layout(two)),
        *(
            (f"provenance[{key!r}]", one.provenance.get(key), two.provenance.get(key))
            for key in SAME_IN_PIECES
        ),
    ):
        if left != right:
            raise DescriptionError(f"concat: {place} of the next run", right, f"{left!r}")


def _layout(run: Run) -> list[Any]:
    """Return what was recorded, without the values."""

    def columns(trace: Trace) -> tuple[Any, ...]:
        return trace.array.dtype.name, trace.unit, trace.reduce, trace.ids.tolist()

    return [
        [(k, None if s.recorded is None else s.recorded.tolist()) for k, s in run.spikes.items()],
        [(k, v, columns(t)) for k, traces in run.states.items() for v, t in traces.items()],
        [(k, columns(t)) for k, t in run.weights.items()],
    ]


def _joined(traces: list[Trace]) -> Trace:
    parts = [traces[0]]
    for trace in traces[1:]:
        last = next((p for p in reversed(parts) if len(p)), None)
        skip = 0
        if last is not None and len(trace) and abs(trace.times[0] - last.times[-1]) <= 1e-9:
            skip = int(trace.array[0].tobytes() == last.array[-1].tobytes())
        parts.append(replace(trace, array=trace.array[skip:], times=trace.times[skip:]))
    return replace(
        traces[0],
        array=np.concatenate([p.array for p in parts]),
        times=np.concatenate([p.times for p in parts]),
    )


def _joined_provenance(runs: list[Run]) -> dict[str, Any]:
    """Return what all pieces share, and one entry per piece with the rest.

    Pieces are unpacked first, so that it does not matter in which order runs are joined.
    """
    pieces: list[dict[str, Any]] = []
    for run in runs:
        shared = {k: v for k, v in run.provenance.items() if k != "pieces"}
        own = run.provenance.get("pieces") or [{"interval": list(run.interval)}]
        pieces += [shared | piece for piece in own]
    common = {k: v for k, v in pieces[0].items() if all(k in p and p[k] == v for p in pieces[1:])}
    return common | {"pieces": [{k: p[k] for k in p if k not in common} for p in pieces]}

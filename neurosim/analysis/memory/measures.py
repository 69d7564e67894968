"""Overlaps, energies, basins of attraction and capacity, measured on states of a network."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurosim.analysis.memory import checks
from neurosim.analysis.memory.checks import Floats
from neurosim.errors import DescriptionError, UnknownNameError

KINDS = ("bipolar", "binary", "sparse")
Kind = Literal["bipolar", "binary", "sparse"]

Network = Callable[[npt.NDArray[Any]], npt.ArrayLike]
"""Takes start states (n_states, n_units), runs a network on each, returns the final states."""


def overlap(patterns: npt.ArrayLike, states: npt.ArrayLike, *, kind: Kind = "bipolar") -> Floats:
    """Return the overlap of each state with each pattern: 1 for the pattern itself.

    - ``"bipolar"``, values +-1 (0 where patterns are diluted): m = sum xi s / sum xi^2.
    - ``"binary"``, values 0 and 1: fraction of units that agree, as 2 agreement - 1; this is the
      bipolar overlap of 2 s - 1.
    - ``"sparse"``, values 0 and 1, activity f of the pattern: m = sum (xi - f) s / (N f (1 - f)), 0
      for states independent of the pattern, whatever their activity.

    Parameters
    ----------
    patterns : (n_patterns, n_units)
        One pattern per row.
    states : (n_states, n_units) or (n_units,)
        Graded states are welcome.

    Returns
    -------
    (n_states, n_patterns) float64, or (n_patterns,) for a single state

    Raises
    ------
    DescriptionError
        If shapes differ, the values are not of the kind, or a pattern has no unit to compare.

    Source: Amit, Gutfreund & Sompolinsky (1985), Phys. Rev. A 32:1007; sparse: Tsodyks & Feigelman
    (1988), Europhys. Lett. 6:101.
    """
    xi = checks.array(patterns, "overlap.patterns", 2, "patterns (n_patterns, n_units)")
    single = np.ndim(states) == 1
    given = np.asarray(states)[None] if single else states
    s = checks.array(given, "overlap.states", 2, "states (n_states, n_units) or (n_units,)")
    if xi.shape[1] != s.shape[1]:
        expected = f"states of {xi.shape[1]} units, as the patterns have"
        raise DescriptionError("overlap.states", s, expected)
    if kind not in KINDS:
        raise UnknownNameError("overlap.kind", kind, KINDS)
    _check_values(xi, "overlap.patterns", kind)
    if kind == "bipolar":
        weight = (xi * xi).sum(axis=1)
        if not weight.all():
            raise DescriptionError("overlap.patterns", xi, "patterns that are not all 0")
        m = s @ xi.T / weight
    elif kind == "binary":
        m = (2 * s - 1) @ (2 * xi - 1).T / xi.shape[1]
    else:
        f = xi.mean(axis=1)
        if not ((f > 0) & (f < 1)).all():
            expected = "patterns with active and with inactive units"
            raise DescriptionError("overlap.patterns", xi, expected)
        m = s @ (xi - f[:, None]).T / (xi.shape[1] * f * (1 - f))
    answer: Floats = m[0] if single else m
    return answer


def _check_values(xi: Floats, place: str, kind: str) -> None:
    values, expected = {
        "bipolar": ((-1.0, 0.0, 1.0), "values -1 and 1 (0 where diluted)"),
        "binary": ((0.0, 1.0), "values 0 and 1"),
        "sparse": ((0.0, 1.0), "values 0 and 1"),
    }[kind]
    wrong = ~np.isin(xi, values)
    if wrong.any():
        raise DescriptionError(place, float(xi[wrong][0]), expected)


def energy(
    weights: npt.ArrayLike, states: npt.ArrayLike, thresholds: npt.ArrayLike | None = None
) -> Floats | float:
    """Return -1/2 s^T W s + thresholds . s, the energy of pairwise coupling without self-coupling.

    Parameters
    ----------
    weights : (n, n)
        Symmetric, for only then is it a Lyapunov function; the diagonal is left out.
    states : (n_states, n) or (n,)
        Binary or +-1.
    thresholds : (n,), optional

    Returns
    -------
    (n_states,) float64, or a float for a single state

    Raises
    ------
    DescriptionError
        If shapes differ or the weights are not symmetric.

    Source: Hopfield (1982), PNAS 79:2554.
    """
    w = checks.array(weights, "energy.weights", 2, "a square matrix")
    n = w.shape[0]
    if w.shape != (n, n) or not np.allclose(w, w.T, rtol=1e-9, atol=1e-12):
        raise DescriptionError("energy.weights", w, "a symmetric matrix (n, n)")
    single = np.ndim(states) == 1
    given = np.asarray(states)[None] if single else states
    s = checks.array(given, "energy.states", 2, f"states of {n} units")
    if s.shape[1] != n:
        raise DescriptionError("energy.states", s, f"states of {n} units")
    e = -0.5 * np.einsum("ki,ki->k", s @ w, s) + 0.5 * (s * s) @ np.diag(w)
    if thresholds is not None:
        theta = checks.array(thresholds, "energy.thresholds", 1, f"{n} values")
        if theta.size != n:
            raise DescriptionError("energy.thresholds", theta, f"{n} values")
        e = e + s @ theta
    return float(e[0]) if single else e


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """Means of trials with their standard errors.

    Attributes
    ----------
    x : (n,) float64
        What was varied: distances, loads.
    mean : (n,) float64
    error : (n,) float64
        Standard error of the mean; of a fraction, that of a binomial with one success and one
        failure added (Agresti & Coull 1998), so that 20 of 20 is not without error.
    trials : int
        Per point.
    x_name, y_name : str
        For axes.
    """

    x: Floats
    mean: Floats
    error: Floats
    trials: int
    x_name: str
    y_name: str

    def crossing(self, level: float = 0.5) -> float:
        """Return where the mean first falls below `level`, linear between points.

        Raises
        ------
        DescriptionError
            If it never does, or lies below from the start.
        """
        below = np.nonzero(self.mean < level)[0]
        if below.size == 0 or below[0] == 0:
            where = "everywhere" if below.size else "nowhere"
            expected = f"a curve that falls below it; this one lies below {where}"
            raise DescriptionError("Curve.crossing level", level, expected)
        k = int(below[0])
        x0, x1, y0, y1 = self.x[k - 1], self.x[k], self.mean[k - 1], self.mean[k]
        return float(x0 + (y0 - level) / (y0 - y1) * (x1 - x0))


def _fraction_error(hits: Floats, trials: int) -> Floats:
    p = (hits + 1) / (trials + 2)
    return np.sqrt(p * (1 - p) / (trials + 2))


def corrupted(
    pattern: npt.ArrayLike, distance: float, n_states: int, *, seed: int, kind: Kind = "bipolar"
) -> npt.NDArray[np.int8]:
    """Return states at a distance from a pattern.

    Parameters
    ----------
    pattern : (n_units,)
        Of the kind.
    distance : float
        ``"bipolar"``, ``"binary"``: fraction of all units that are flipped, in [0, 1].
        ``"sparse"``: fraction of the active units that move to places that were inactive, so that
        the activity stays.
    n_states : int
        How many.
    seed : int
        Of the choice of units.

    Returns
    -------
    (n_states, n_units) int8

    Raises
    ------
    DescriptionError
        If the distance is not in [0, 1] or the values are not of the kind.
    """
    if kind not in KINDS:
        raise UnknownNameError("corrupted.kind", kind, KINDS)
    xi = checks.array(pattern, "corrupted.pattern", 1, "a pattern (n_units,)")
    _check_values(xi[None], "corrupted.pattern", kind)
    if kind == "bipolar" and not xi.all():
        raise DescriptionError("corrupted.pattern", 0, "values -1 and 1: 0 cannot be flipped")
    d = checks.number(distance, "corrupted.distance", "a fraction in [0, 1]", low=0.0, high=1.0)
    rows = checks.whole(n_states, "corrupted.n_states", at_least=1)
    rng = np.random.Generator(np.random.Philox(checks.whole(seed, "corrupted.seed")))
    states = np.repeat(xi[None].astype(np.int8), rows, axis=0)
    n = xi.size
    if kind != "sparse":
        flips = np.argsort(rng.random((rows, n)), axis=1)[:, : round(d * n)]
        values = np.take_along_axis(states, flips, axis=1)
        np.put_along_axis(states, flips, -values if kind == "bipolar" else 1 - values, axis=1)
        return states
    active, inactive = np.nonzero(xi)[0], np.nonzero(xi == 0)[0]
    moved = round(d * active.size)
    if moved > inactive.size:
        expected = f"at most {inactive.size} of {active.size} active units moved"
        raise DescriptionError("corrupted.distance", distance, expected)
    for row in states:
        row[rng.permutation(active)[:moved]] = 0
        row[rng.permutation(inactive)[:moved]] = 1
    return states


def basin(
    network: Network,
    patterns: npt.ArrayLike,
    distances: npt.ArrayLike,
    *,
    trials: int = 20,
    threshold: float = 0.95,
    kind: Kind = "bipolar",
    seed: int = 0,
) -> Curve:
    """Return the fraction of start states that are recalled, at each distance from a pattern.

    Parameters
    ----------
    network : callable
        Takes start states (n_states, n_units) int8, runs the network on each, and returns the
        final states, same shape. It is called once per distance.
    patterns : (n_patterns, n_units)
        Stored patterns; the start states of a distance go round them.
    distances : (n,)
        See `corrupted`.
    trials : int
        Start states per distance.
    threshold : float
        Overlap with its pattern from which on a state counts as recalled.
    kind : {"bipolar", "binary", "sparse"}
        Of patterns and overlap, see `overlap`.
    seed : int
        Of the start states.

    Raises
    ------
    DescriptionError
        For wrong values, or if the network returns another shape or values that are not finite.
    """
    xi = checks.array(patterns, "basin.patterns", 2, "patterns (n_patterns, n_units)")
    at = checks.array(distances, "basin.distances", 1, "distances (n,)")
    n = checks.whole(trials, "basin.trials", at_least=1)
    level = checks.number(threshold, "basin.threshold", "an overlap in (-1, 1]", low=-1, high=1)
    base = checks.whole(seed, "basin.seed")
    rows = np.arange(n) % len(xi)
    hits = np.empty(at.size)
    for k, distance in enumerate(at):
        starts = np.concatenate(
            [
                corrupted(xi[mu], float(distance), 1, seed=_mixed(base, k, j), kind=kind)
                for j, mu in enumerate(rows)
            ]
        )
        final = checks.array(network(starts), "basin.network", 2, "final states, as the starts")
        if final.shape != starts.shape:
            raise DescriptionError("basin.network", final, f"final states of shape {starts.shape}")
        m = overlap(xi, final, kind=kind)[np.arange(n), rows]
        hits[k] = np.count_nonzero(m >= level)
    return Curve(
        x=at,
        mean=hits / n,
        error=_fraction_error(hits, n),
        trials=n,
        x_name="distance of the start",
        y_name="fraction recalled",
    )


def capacity_curve(
    recall: Callable[[int, int], float],
    n_patterns: npt.ArrayLike,
    *,
    n_units: int,
    trials: int = 5,
    seed: int = 0,
) -> Curve:
    """Return what is recalled as a function of the load, with its standard error over trials.

    Parameters
    ----------
    recall : callable
        ``recall(k, seed)`` stores k patterns drawn with `seed`, runs the network, and returns an
        overlap or a fraction of patterns recalled, in [-1, 1].
    n_patterns : (n,) int
        Numbers of patterns, ascending.
    n_units : int
        Units of the network; the curve is over n_patterns / n_units.
    trials : int
        Independent sets of patterns per load, at least 2.
    seed : int
        Trials of one load and between loads get seeds of their own.

    Raises
    ------
    DescriptionError
        For wrong values, or if `recall` returns none in [-1, 1].
    """
    ks = checks.array(n_patterns, "capacity_curve.n_patterns", 1, "numbers of patterns")
    if not (np.diff(ks) > 0).all() or ks[0] < 1 or (ks != np.floor(ks)).any():
        expected = "whole numbers from 1, ascending"
        raise DescriptionError("capacity_curve.n_patterns", n_patterns, expected)
    units = checks.whole(n_units, "capacity_curve.n_units", at_least=1)
    n = checks.whole(trials, "capacity_curve.trials", at_least=2)
    base = checks.whole(seed, "capacity_curve.seed")
    values = np.empty((ks.size, n))
    for i, k in enumerate(ks):
        for j in range(n):
            found = recall(int(k), _mixed(base, i, j))
            place = f"capacity_curve.recall({int(k)}, ...)"
            values[i, j] = checks.number(found, place, "a number in [-1, 1]", low=-1.0, high=1.0)
    return Curve(
        x=ks / units,
        mean=values.mean(axis=1),
        error=values.std(axis=1, ddof=1) / math.sqrt(n),
        trials=n,
        x_name="load K / N",
        y_name="recall",
    )


def _mixed(*numbers: int) -> int:
    """Return one seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint32)[0])

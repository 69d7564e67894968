"""What the replica theories share: their answers, and roots that are bracketed or refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neurosim.analysis.memory.checks import Floats
from neurosim.errors import ConvergenceError

FunctionOfOne = Callable[[float], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaState:
    """A replica-symmetric state of an associative memory.

    Attributes
    ----------
    load, temperature : float
        Where.
    m : float
        Overlap with the recalled pattern (the archetype, where examples are stored).
    q : float
        Edwards-Anderson parameter, the mean square of the local magnetisations.
    r : float
        Mean square overlap with the patterns that are not recalled, in units of the load
        (pairwise coupling); of dense networks, q^(P-1).
    x : float
        Overlap with what is stored: the mean of the examples. m, where patterns are stored exactly.
    free_energy : float
        Per unit; at temperature 0 the energy.
    replicon : float
        Above 0 if the state is stable against breaking of replica symmetry; at temperature 0
        it is -inf where symmetry is broken, as in every state with a load.
    """

    load: float
    temperature: float
    m: float
    q: float
    r: float
    x: float
    free_energy: float
    replicon: float

    @property
    def retrieval(self) -> bool:
        """Whether the pattern is recalled."""
        return self.m > 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """A line of a phase diagram.

    Attributes
    ----------
    load, temperature : (n,) float64
        Points along it.
    meaning : str
        What changes there.
    """

    load: Floats
    temperature: Floats
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhaseDiagram:
    """Lines in the plane of load and temperature.

    Attributes
    ----------
    title : str
        The model and its parameters.
    load_name : str
        What the load is, e.g. ``"K / N"``.
    lines : dict of str to Line
        Keys are short names, e.g. ``"spinodal"``.
    """

    title: str
    load_name: str
    lines: dict[str, Line]


def root(function: FunctionOfOne, low: float, high: float, what: str, where: str) -> float:
    """Return a root of a function that changes sign between `low` and `high`.

    Raises
    ------
    ConvergenceError
        If it does not change sign, or is not finite there.
    """
    from scipy.optimize import brentq

    at_low, at_high = function(low), function(high)
    if at_low == 0:
        return low
    if at_high == 0:
        return high
    if not at_low * at_high < 0:
        reached = (
            f"no change of sign between {low:.6g} ({at_low:.3g}) and {high:.6g} ({at_high:.3g})"
        )
        raise ConvergenceError(what, where, reached)
    found, report = brentq(
        function, low, high, xtol=1e-14, rtol=1e-13, full_output=True, disp=False
    )
    if not (report.converged and math.isfinite(found)):
        raise ConvergenceError(what, where, f"brentq stopped at {found:.6g}: {report.flag}")
    return float(found)


def first_beyond(function: FunctionOfOne, start: float, what: str, where: str) -> float:
    """Return a value at or above `start`, by doubling, at which the function is no longer positive.

    Raises
    ------
    ConvergenceError
        If 60 doublings do not reach one.
    """
    x = start
    for _ in range(60):
        if function(x) <= 0:
            return x
        x *= 2
    raise ConvergenceError(what, where, f"still positive at {x:.3g}")


def highest(
    function: FunctionOfOne,
    low: float,
    high: float,
    what: str,
    where: str,
    *,
    points: int = 33,
    last: bool = False,
) -> tuple[float, float]:
    """Return where a function is largest between `low` and `high`, and its value there.

    A regular grid finds the hump, a bounded search its top; with `last` the hump nearest to `high`.

    Raises
    ------
    ConvergenceError
        If the search does not reach its tolerance.
    """
    from scipy.optimize import minimize_scalar

    grid = np.linspace(low, high, points)
    values = np.array([function(float(x)) for x in grid])
    k = int(np.argmax(values))
    if last:
        falls = np.nonzero(np.diff(values) <= 0)[0]  # the last stretch of falling values ...
        rises = np.nonzero(np.diff(values[: falls[-1] + 1]) > 0)[0] if falls.size else falls
        k = int(rises[-1]) + 1 if rises.size else k  # ... begins where values rise no more
    bounds = float(grid[max(k - 1, 0)]), float(grid[min(k + 1, points - 1)])
    found = minimize_scalar(
        lambda x: -function(float(x)), bounds=bounds, method="bounded", options={"xatol": 1e-10}
    )
    if not (found.success and math.isfinite(found.fun)):
        raise ConvergenceError(what, where, str(found.message))
    if -found.fun < values[k]:
        return float(grid[k]), float(values[k])
    return float(found.x), -float(found.fun)

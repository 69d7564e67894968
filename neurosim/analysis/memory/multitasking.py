"""Networks that recall several diluted patterns at once.

Entries of a pattern are 0 with probability d, else +-1. What one pattern leaves blank, the next can
use: at low load the network recalls all K patterns in parallel, with overlaps m_mu. In the
*hierarchical* state every unit follows the first pattern that has an entry for it, and
m_mu = (1 - d) d^(mu-1).

Source: Agliari, Barra, Galluzzi, Guerra & Moauro (2012), Phys. Rev. Lett. 109:268101; Agliari,
Alessandrelli, Barra & Ricci-Tersenghi (2023), J. Stat. Mech. (arXiv:2308.04106). The stability
condition was derived anew.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from neurosim.analysis.memory import checks
from neurosim.analysis.memory.checks import Floats
from neurosim.errors import ConvergenceError, DescriptionError


def hierarchical_amplitudes(n_patterns: int, dilution: float) -> Floats:
    """Return the overlaps (1 - d) d^(mu-1) of the hierarchical state, (n_patterns,).

    Raises
    ------
    DescriptionError
        For no pattern or a dilution outside [0, 1).
    """
    k = checks.whole(n_patterns, "hierarchical_amplitudes.n_patterns", at_least=1)
    d = _dilution(dilution, "hierarchical_amplitudes.dilution")
    m: Floats = (1 - d) * d ** np.arange(k, dtype=np.float64)
    return m


def hierarchy_is_stable(n_patterns: int, dilution: float) -> bool:
    """Return whether the hierarchical state is stable at T = 0: 1 - 2 d + d^K > 0.

    There the first pattern outweighs all others together: sum_(mu > 1) m_mu < m_1. K = 2 patterns
    are always stable, many only below d = 1/2; beyond, overlaps become equal.

    Raises
    ------
    DescriptionError
        For no pattern or a dilution outside [0, 1).
    """
    m = hierarchical_amplitudes(n_patterns, dilution)
    return bool(m[1:].sum() < m[0])


def multitasking_amplitudes(
    n_patterns: int,
    dilution: float,
    temperature: float,
    *,
    start: npt.ArrayLike | None = None,
    tolerance: float = 1e-10,
    max_iterations: int = 20_000,
) -> Floats:
    """Return the overlaps of a multitasking network at low load.

        m_mu = E xi_mu tanh(beta sum_nu m_nu xi_nu)

    The average runs over all 3^K columns of entries, exactly; the equation is iterated from
    `start`, half a step at a time.

    Parameters
    ----------
    n_patterns : int
        K, at most 12.
    dilution : float
        d in [0, 1).
    temperature : float
        In units of J_ij = (1/N) sum xi xi; at 0 tanh is the sign, and 0 where fields cancel.
    start : (n_patterns,), optional
        By default the hierarchical state.
    tolerance : float
        Largest change of an overlap at which the iteration ends.
    max_iterations : int
        After which it has failed.

    Returns
    -------
    (n_patterns,) float64

    Raises
    ------
    DescriptionError
        For values outside their ranges.
    ConvergenceError
        If the tolerance is not reached: at T = 0 where overlaps tie, so that the sign of a field
        hangs on rounding.
    """
    place = "multitasking_amplitudes"
    k = checks.whole(n_patterns, f"{place}.n_patterns", at_least=1, at_most=12)
    d = _dilution(dilution, f"{place}.dilution")
    t = checks.temperature(temperature, f"{place}.temperature")
    m: Floats = hierarchical_amplitudes(k, d)
    if start is not None:
        m = checks.array(start, f"{place}.start", 1, f"{k} overlaps").copy()
        if m.size != k:
            raise DescriptionError(f"{place}.start", m, f"{k} overlaps")
    limit = checks.whole(max_iterations, f"{place}.max_iterations", at_least=1)
    xi = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=k)))
    weight = np.where(xi == 0, d, (1 - d) / 2).prod(axis=1)
    change = np.inf
    for _ in range(limit):
        field = xi @ m
        if t == 0:
            field[np.abs(field) < 1e-12] = 0  # fields that cancel, up to rounding
            response = np.sign(field)
        else:
            response = np.tanh(field / t)
        new: Floats = (weight * response) @ xi
        change = float(np.abs(new - m).max())
        m = 0.5 * (m + new)
        if change < tolerance:
            answer: Floats = m
            return answer
    where = f"K = {k}, d = {d:g}, T = {t:g}"
    reached = f"after {limit} iterations overlaps still change by {change:.2g}"
    hint = "Where overlaps tie at T = 0, a small temperature has an answer." if t == 0 else None
    raise ConvergenceError("multitasking amplitudes", where, reached, hint)


def _dilution(value: float, place: str) -> float:
    d = checks.number(value, place, "a fraction of blank entries in [0, 1)", low=0.0, high=1.0)
    if d == 1:
        raise DescriptionError(place, value, "a fraction of blank entries in [0, 1)")
    return d

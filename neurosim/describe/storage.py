"""Storage rules: patterns become a coupling matrix for `FromMatrix`.

All matrices are float64 and (n_pre, n_post), as `FromMatrix` reads them: the field of unit j is
``states @ W[:, j]``. Unless said otherwise the diagonal is 0, no unit drives itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import check_bool, to_int
from neurosim.errors import ConvergenceError, DescriptionError, UnknownNameError
from neurosim.units import to_scalar

Floats: TypeAlias = npt.NDArray[np.float64]
RuleName = Literal[
    "hebb", "covariance", "storkey", "pseudo_inverse", "perceptron", "optimal", "willshaw"
]


def store(
    patterns: npt.ArrayLike,
    rule: RuleName = "hebb",
    *,
    activity: float | None = None,
    kappa: float | None = None,
    max_sweeps: int | None = None,
) -> Floats:
    """Return the coupling matrix that stores patterns, each to be a state that stays.

    With K patterns xi of N units:

    - ``"hebb"``: W_ij = (1/N) sum_mu xi_i xi_j. Values -1 and 1, or 0 where patterns are diluted.
      Capacity .138 N random patterns, with a few wrong bits each.
    - ``"covariance"``: W_ij = sum_mu (xi_i - f)(xi_j - f) / (N f (1 - f)), values 0 and 1 with
      activity f: for sparse patterns.
    - ``"storkey"``: pattern after pattern, W_ij += (1/N) (xi_i xi_j - xi_i h_ji - h_ij xi_j),
      h_ij = sum_(k != i, j) W_ik xi_k. Local and incremental, capacity above that of Hebb.
    - ``"pseudo_inverse"``: the projection on the span of the patterns, diagonal then set to 0. All
      patterns, correlated ones too, are exact fixed points as long as they are linearly
      independent and K < N.
    - ``"perceptron"``: W[:, i] is learned until every bit has stability xi_i h_i / |W[:, i]| above
      `kappa`. Not symmetric. Reaches Gardner's bound: 2 N random patterns at kappa = 0.
    - ``"optimal"``: the couplings of the largest stability, |W[:, i]| = 1 (AdaTron).
    - ``"willshaw"``: W_ij = 1 if i and j are active in one pattern, else 0; values 0 and 1.

    Parameters
    ----------
    patterns : (n_patterns, n_units)
        One pattern per row.
    rule : str
        One of the above.
    activity : float, optional
        f of ``"covariance"``, in (0, 1); by default the mean of the patterns.
    kappa : float, optional
        Stability that ``"perceptron"`` asks for, at least 0; 0 by default.
    max_sweeps : int, optional
        Sweeps over all patterns after which ``"perceptron"`` (2000 by default) and ``"optimal"``
        (20,000) have failed.

    Returns
    -------
    (n_units, n_units) float64, diagonal 0

    Raises
    ------
    DescriptionError
        If values are not those of the rule, or an option is not one of it.
    ConvergenceError
        If a perceptron has bits left below `kappa`, or the stabilities still rise.

    Source: Hopfield (1982), PNAS 79:2554; Tsodyks & Feigelman (1988), Europhys. Lett. 6:101;
    Storkey (1997), ICANN, and Storkey & Valabregue (1999), Neural Netw. 12:869; Personnaz, Guyon &
    Dreyfus (1985), J. Physique Lett. 46:359; Kanter & Sompolinsky (1987), Phys. Rev. A 35:380;
    Gardner (1988), J. Phys. A 21:257; Anlauf & Biehl (1989), Europhys. Lett. 10:687; Willshaw,
    Buneman & Longuet-Higgins (1969), Nature 222:960.

    Examples
    --------
    >>> import numpy as np
    >>> store(np.array([[1, -1, 1], [1, 1, 1]])).round(2)
    array([[0.  , 0.  , 0.67],
           [0.  , 0.  , 0.  ],
           [0.67, 0.  , 0.  ]])
    """
    if rule not in _RULES:
        raise UnknownNameError("store.rule", rule, _RULES)
    make, values, known = _RULES[rule]
    xi = _patterns(patterns, "store.patterns", values)
    given = {"activity": activity, "kappa": kappa, "max_sweeps": max_sweeps}
    chosen = {name: value for name, value in given.items() if value is not None}
    for name, value in chosen.items():
        if name not in known:
            users = ", ".join(repr(r) for r, (_, _, options) in _RULES.items() if name in options)
            raise DescriptionError(f"store.{name}", value, f"None for rule {rule!r}; of {users}")
    weights = make(xi, **chosen)
    np.fill_diagonal(weights, 0.0)
    return weights


def stabilities(weights: npt.ArrayLike, patterns: npt.ArrayLike) -> Floats:
    """Return the stability xi_j h_j / |W[:, j]| of every bit of stored patterns.

    h_j = sum_i xi_i W_ij. Above 0 the bit is a fixed point at T = 0; the larger, the wider its
    basin. Couplings of scale 1/N or of any other compare.

    Parameters
    ----------
    weights : (n, n)
        As `store` returns them.
    patterns : (n_patterns, n)
        Values -1 and 1.

    Returns
    -------
    (n_patterns, n) float64

    Raises
    ------
    DescriptionError
        If shapes differ, values are not -1 and 1, or a unit has no couplings.

    Source: Gardner (1988), J. Phys. A 21:257.
    """
    xi = _patterns(patterns, "stabilities.patterns", (-1, 1))
    w = _matrix(weights, "stabilities.weights", 2, "a finite matrix (n, n)")
    if w.shape != (xi.shape[1],) * 2:
        raise DescriptionError("stabilities.weights", w, f"a matrix of shape {(xi.shape[1],) * 2}")
    norm = np.linalg.norm(w, axis=0)
    if not norm.all():
        expected = f"couplings to every unit; unit {int(np.argmin(norm))} has none"
        raise DescriptionError("stabilities.weights", w, expected)
    result: Floats = xi * (xi @ w) / norm
    return result


def store_examples(
    examples: npt.ArrayLike, mode: Literal["supervised", "unsupervised"] = "supervised"
) -> Floats:
    """Return the Hebbian couplings learned from noisy examples of hidden archetypes.

    - ``"supervised"``: a teacher tells which examples belong together, they are averaged first:
      W_ij = (1 / (R N)) sum_mu eta_i eta_j, eta the mean of the M examples of archetype mu.
    - ``"unsupervised"``: every example is a pattern of its own:
      W_ij = (1 / (R M N)) sum_mu sum_a eta_i^a eta_j^a.

    R is the mean square of the averaged examples, r^2 + (1 - r^2) / M for examples of quality r
    (each bit right with probability (1 + r) / 2), so that loads and temperatures are those of exact
    patterns.

    Parameters
    ----------
    examples : (n_archetypes, n_examples, n_units)
        Values -1 and 1 (0 where archetypes are diluted).
    mode : {"supervised", "unsupervised"}

    Returns
    -------
    (n_units, n_units) float64, symmetric, diagonal 0

    Raises
    ------
    DescriptionError
        If values or shape are wrong.

    Source: Fontanari (1990), J. Physique 51:2421; Agliari, Alemanno, Barra & De Marzo (2022),
    Neural Netw. 148:232; Alemanno, Aquaro, Kanter, Barra & Agliari (2023), EPL 141:11001.
    """
    place = "store_examples"
    what = "examples (n_archetypes, n_examples, n_units)"
    eta = _matrix(examples, f"{place}.examples", 3, what)
    _check_values(eta, f"{place}.examples", (-1, 0, 1))
    mean = eta.mean(axis=1)
    strength = float((mean * mean).mean())
    if strength == 0:
        raise DescriptionError(f"{place}.examples", eta, "examples that do not cancel")
    if mode == "supervised":
        weights = mean.T @ mean / (strength * eta.shape[2])
    elif mode == "unsupervised":
        flat = eta.reshape(-1, eta.shape[2])
        weights = flat.T @ flat / (strength * eta.shape[1] * eta.shape[2])
    else:
        raise UnknownNameError(f"{place}.mode", mode, ("supervised", "unsupervised"))
    np.fill_diagonal(weights, 0.0)
    result: Floats = weights
    return result


def store_pairs(first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
    """Return the couplings of a bidirectional associative memory, from one layer to the other.

    W_ij = (1 / sqrt(n m)) sum_mu x_i^mu y_j^mu. ``FromMatrix(W)`` projects from the layer of x to
    that of y, ``FromMatrix(W.T)`` back; updated in turns, the pair falls into stored pairs, and
    -x^T W y never rises. There are no units in common and no diagonal to remove.

    Parameters
    ----------
    first : (n_pairs, n)
        x, values -1 and 1.
    second : (n_pairs, m)
        y, values -1 and 1.

    Returns
    -------
    (n, m) float64

    Raises
    ------
    DescriptionError
        If values are wrong, or there are not as many x as y.

    Source: Kosko (1988), IEEE Trans. Syst. Man Cybern. 18:49.
    """
    x = _patterns(first, "store_pairs.first", (-1, 1))
    y = _patterns(second, "store_pairs.second", (-1, 1))
    if len(x) != len(y):
        raise DescriptionError("store_pairs.second", y, f"as many patterns as first, {len(x)}")
    weights: Floats = x.T @ y / np.sqrt(x.shape[1] * y.shape[1])
    return weights


def store_sequence(patterns: npt.ArrayLike, *, cyclic: bool = True) -> Floats:
    """Return the couplings from each pattern to the next, W_ij = (1/N) sum_mu xi_i^mu xi_j^(mu+1).

    Alone, with synchronous updates, the network steps through the sequence, one pattern per step.
    As the slow part beside ``store(patterns)``, the fast one, with strength lambda > 1 and a delay
    tau (or a synaptic trace), it stays in each pattern for about tau and then moves on:

        h_j(t) = sum_i s_i(t) W_ij + lambda sum_i s_i(t - tau) W'_ij

    Parameters
    ----------
    patterns : (n_patterns, n_units)
        In their order, at least 2; values -1 and 1.
    cyclic : bool
        Whether the first follows the last.

    Returns
    -------
    (n_units, n_units) float64, not symmetric, diagonal 0

    Raises
    ------
    DescriptionError
        If values are wrong or there is only one pattern.

    Source: Sompolinsky & Kanter (1986), Phys. Rev. Lett. 57:2861; Kleinfeld (1986), PNAS 83:9469.
    """
    xi = _patterns(patterns, "store_sequence.patterns", (-1, 1))
    check_bool(cyclic, "store_sequence.cyclic")
    if len(xi) < 2:
        raise DescriptionError("store_sequence.patterns", xi, "at least 2 patterns")
    before, after = (xi, np.roll(xi, -1, axis=0)) if cyclic else (xi[:-1], xi[1:])
    weights: Floats = before.T @ after / xi.shape[1]
    np.fill_diagonal(weights, 0.0)
    return weights


def clique_patterns(messages: npt.ArrayLike, cluster_size: int) -> npt.NDArray[np.int8]:
    """Return messages as sparse patterns: one active unit in each cluster.

    Parameters
    ----------
    messages : (n_messages, n_clusters) int
        Symbols from 0 to cluster_size - 1; -1 is an erased one, its cluster stays silent.
    cluster_size : int
        Units per cluster, l.

    Returns
    -------
    (n_messages, n_clusters * cluster_size) int8, values 0 and 1
        Unit c l + k stands for symbol k in cluster c.

    Raises
    ------
    DescriptionError
        If a symbol lies outside.
    """
    size = to_int(cluster_size, "clique_patterns.cluster_size", at_least=1)
    place, what = "clique_patterns.messages", "symbols (n_messages, n_clusters)"
    symbols = _matrix(messages, place, 2, what)
    if ((symbols < -1) | (symbols >= size) | (symbols != np.floor(symbols))).any():
        expected = f"whole numbers from 0 to {size - 1}, or -1 for an erased symbol"
        raise DescriptionError(place, symbols, expected)
    table = symbols[:, :, None] == np.arange(size)
    patterns: npt.NDArray[np.int8] = table.reshape(len(symbols), -1).astype(np.int8)
    return patterns


def store_cliques(messages: npt.ArrayLike, cluster_size: int) -> Floats:
    """Return the clique network of messages: units of different clusters that occur together.

    W_ij = 1 if a message has both i and j, in different clusters, else 0.

    Parameters
    ----------
    messages : (n_messages, n_clusters) int
        Symbols from 0 to cluster_size - 1, none erased; at least 2 clusters.
    cluster_size : int
        Units per cluster, l.

    Returns
    -------
    (n, n) float64, symmetric, n = n_clusters * cluster_size

    Raises
    ------
    DescriptionError
        If a symbol lies outside.

    Source: Gripon & Berrou (2011), IEEE Trans. Neural Netw. 22:1087.
    """
    active = clique_patterns(messages, cluster_size)
    n_clusters = active.shape[1] // cluster_size
    if n_clusters < 2 or (active.sum(axis=1) < n_clusters).any():
        expected = "whole messages of at least 2 symbols: nothing is erased where it is stored"
        raise DescriptionError("store_cliques.messages", np.asarray(messages), expected)
    weights = _clipped(active.astype(np.float64))
    cluster = np.arange(active.shape[1]) // cluster_size
    weights[cluster[:, None] == cluster] = 0.0
    return weights


# --- the rules of `store`, on checked patterns


def _hebb(xi: Floats) -> Floats:
    weights: Floats = xi.T @ xi / xi.shape[1]
    return weights


def _covariance(xi: Floats, activity: float | None = None) -> Floats:
    place = "store.activity"
    f = float(xi.mean()) if activity is None else to_scalar(activity, "1", place)
    if not 0 < f < 1:
        raise DescriptionError(place, f, "a fraction of active units in (0, 1)")
    shifted = xi - f
    weights: Floats = shifted.T @ shifted / (xi.shape[1] * f * (1 - f))
    return weights


def _storkey(xi: Floats) -> Floats:
    n = xi.shape[1]
    weights = np.zeros((n, n))
    for x in xi:
        # h_ij = sum over k other than i and j; the diagonal of the weights is kept at 0
        h = (weights @ x)[:, None] - weights * x
        weights += (np.outer(x, x) - x[:, None] * h.T - h * x) / n
        np.fill_diagonal(weights, 0.0)
    return weights


def _pseudo_inverse(xi: Floats) -> Floats:
    _, sizes, rows = np.linalg.svd(xi, full_matrices=False)
    kept = rows[sizes > sizes[0] * max(xi.shape) * np.finfo(np.float64).eps]
    weights: Floats = kept.T @ kept
    # a unit whose projection is itself has no couplings left once the diagonal is gone
    alone = 1 - np.diag(weights) < 1e-9
    if alone.any():
        expected = (
            f"patterns that leave every unit determined by the others; "
            f"unit {int(np.argmax(alone))} is not"
        )
        hint = f"{len(kept)} independent patterns of {xi.shape[1]} units: store fewer."
        raise DescriptionError("store.patterns", xi, expected, hint)
    return weights


def _perceptron(xi: Floats, kappa: float = 0.0, max_sweeps: int = 2000) -> Floats:
    margin = to_scalar(kappa, "1", "store.kappa", at_least=0.0)
    sweeps = to_int(max_sweeps, "store.max_sweeps", at_least=1)
    n = xi.shape[1]
    weights: Floats = xi.T @ xi  # whole numbers, so that a field of 0 is one
    np.fill_diagonal(weights, 0.0)
    norm = np.linalg.norm(weights, axis=0)
    for _ in range(sweeps):
        wrong = 0
        for x in xi:
            low = np.nonzero(x * (x @ weights) <= margin * norm)[0]
            if low.size:
                wrong += low.size
                weights[:, low] += np.outer(x, x[low])
                weights[low, low] = 0.0
                norm[low] = np.linalg.norm(weights[:, low], axis=0)
        if wrong == 0:
            weights /= n
            return weights
    where = f"K / N = {len(xi) / n:.4g}, kappa = {margin:g}"
    reached = f"{wrong} of {xi.size} bits changed weights in the last of {sweeps} sweeps"
    hint = "Store fewer patterns, ask for a smaller kappa, or allow more sweeps (max_sweeps)."
    raise ConvergenceError("perceptron learning", where, reached, hint)


def _optimal(xi: Floats, max_sweeps: int = 20_000) -> Floats:
    """AdaTron: coordinate ascent on the embedding strengths a >= 0 of each pattern at each unit.

    W[:, i] = sum_mu a_mu,i xi_i xi^mu with the least norm at which all xi_i h_i >= 1, so the
    largest stability is 1 / |W[:, i]|. All units take their steps side by side; patterns in turn.
    """
    sweeps = to_int(max_sweeps, "store.max_sweeps", at_least=1)
    k, n = xi.shape
    overlaps = xi @ xi.T
    strength = np.zeros((k, n))
    signed = np.zeros((k, n))  # strength times xi
    worst = np.inf
    for _ in range(sweeps):
        worst = 0.0
        for mu, x in enumerate(xi):
            # xi_i h_i without the coupling of a unit to itself
            field = x * (overlaps[mu] @ signed) - strength.sum(axis=0)
            step = np.maximum((1 - field) / (n - 1), -strength[mu])
            worst = max(worst, float(np.abs(step).max()) * (n - 1))
            strength[mu] += step
            signed[mu] = strength[mu] * x
        if worst < 1e-6:
            weights: Floats = xi.T @ signed
            np.fill_diagonal(weights, 0.0)
            weights /= np.linalg.norm(weights, axis=0)
            return weights
    where = f"K / N = {k / n:.4g}"
    reached = f"after {sweeps} sweeps a stability still changes by {worst:.2g} of its value"
    hint = "Patterns that no couplings store have no optimum: store fewer (below 2 N, if random)."
    raise ConvergenceError("the search for the largest stability", where, reached, hint)


def _clipped(xi: Floats) -> Floats:
    weights: Floats = (xi.T @ xi > 0).astype(np.float64)
    return weights


_RULES: dict[str, tuple[Callable[..., Floats], tuple[int, ...], tuple[str, ...]]] = {
    "hebb": (_hebb, (-1, 0, 1), ()),
    "covariance": (_covariance, (0, 1), ("activity",)),
    "storkey": (_storkey, (-1, 1), ()),
    "pseudo_inverse": (_pseudo_inverse, (-1, 1), ()),
    "perceptron": (_perceptron, (-1, 1), ("kappa", "max_sweeps")),
    "optimal": (_optimal, (-1, 1), ("max_sweeps",)),
    "willshaw": (_clipped, (0, 1), ()),
}
"""Of each rule: its function, the values of its patterns, the options it takes."""


def _patterns(value: Any, place: str, values: tuple[int, ...]) -> Floats:
    what = "patterns (n_patterns, n_units) of at least 2 units"
    xi = _matrix(value, place, 2, what)
    if xi.shape[1] < 2:
        raise DescriptionError(place, xi, what)
    _check_values(xi, place, values)
    return xi


def _check_values(xi: Floats, place: str, values: tuple[int, ...]) -> None:
    wrong = ~np.isin(xi, values)
    if not wrong.any():
        return
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    bits = (0.0, 1.0)
    other: dict[tuple[int, ...], str] = {
        (-1, 1): "From 0 and 1: 2 * patterns - 1.",
        (0, 1): "From -1 and 1: patterns > 0.",
    }
    hint = other.get(values) if values != (-1, 1) or np.isin(xi, bits).all() else None
    expected = "values " + ", ".join(str(v) for v in values)
    raise DescriptionError(f"{place}[{', '.join(map(str, at))}]", float(xi[at]), expected, hint)


def _matrix(value: Any, place: str, ndim: int, expected: str) -> Floats:
    try:
        array = np.asarray(value)
    except ValueError:
        raise DescriptionError(place, value, expected, "Its rows differ in length.") from None
    if array.dtype.kind not in "biuf" or array.ndim != ndim or array.size == 0:
        raise DescriptionError(place, array, expected)
    result = array.astype(np.float64)
    if not np.isfinite(result).all():
        raise DescriptionError(place, array, f"{expected}, finite")
    return result

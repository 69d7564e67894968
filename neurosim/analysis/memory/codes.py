"""Sparse codes: false matches of dendritic segments, and densities of clipped matrices."""

from __future__ import annotations

import math

from neurosim.analysis.memory import checks
from neurosim.errors import DescriptionError


def false_match_probability(n_cells: int, n_synapses: int, n_active: int, threshold: int) -> float:
    """Return the probability that a segment fires for a pattern that it does not know.

    A segment has s synapses on n cells, and fires if theta of them are active; a random pattern of
    a active cells meets b of them with hypergeometric probability:

        P = sum_(b >= theta) C(s, b) C(n - s, a - b) / C(n, a)

    Parameters
    ----------
    n_cells, n_synapses, n_active, threshold : int
        n, s, a, theta.

    Raises
    ------
    DescriptionError
        If s or a exceed n, or the threshold is below 0.

    Source: Ahmad & Hawkins (2016), arXiv:1601.00720; Hawkins & Ahmad (2016), Front. Neural Circuits
    10:23.
    """
    place = "false_match_probability"
    n = checks.whole(n_cells, f"{place}.n_cells", at_least=1)
    s = checks.whole(n_synapses, f"{place}.n_synapses", at_most=n)
    a = checks.whole(n_active, f"{place}.n_active", at_most=n)
    theta = checks.whole(threshold, f"{place}.threshold")
    # exact integers: the tails are many orders below what 1 - cdf could resolve
    ways = sum(math.comb(s, b) * math.comb(n - s, a - b) for b in range(theta, min(s, a) + 1))
    return ways / math.comb(n, a)


def union_size(n_cells: int, n_active: int, n_patterns: int) -> float:
    """Return the expected number of cells active in at least one of M random patterns.

    n [1 - (1 - a / n)^M]: a segment that matches any of the stored patterns compares with a union.

    Raises
    ------
    DescriptionError
        If a exceeds n.

    Source: Ahmad & Hawkins (2016), arXiv:1601.00720.
    """
    n = checks.whole(n_cells, "union_size.n_cells", at_least=1)
    a = checks.whole(n_active, "union_size.n_active", at_most=n)
    m = checks.whole(n_patterns, "union_size.n_patterns")
    return n * (1 - (1 - a / n) ** m)


def willshaw_density(activity: float, n_patterns: int) -> float:
    """Return the expected fraction of ones in a Willshaw matrix, 1 - (1 - f^2)^K.

    For units that are active independently with probability f.

    Raises
    ------
    DescriptionError
        If the activity is not in [0, 1].

    Source: Willshaw, Buneman & Longuet-Higgins (1969), Nature 222:960.
    """
    place = "willshaw_density.activity"
    f = checks.number(activity, place, "a fraction in [0, 1]", low=0.0, high=1.0)
    return 1 - (1 - f * f) ** checks.whole(n_patterns, "willshaw_density.n_patterns")


def clique_density(cluster_size: int, n_messages: int) -> float:
    """Return the expected density of a clique network, 1 - (1 - 1 / l^2)^M.

    Raises
    ------
    DescriptionError
        For clusters without units.

    Source: Gripon & Berrou (2011), IEEE Trans. Neural Netw. 22:1087.
    """
    size = checks.whole(cluster_size, "clique_density.cluster_size", at_least=1)
    return 1 - (1 - 1 / size**2) ** checks.whole(n_messages, "clique_density.n_messages")


def clique_error(n_clusters: int, cluster_size: int, n_messages: int, n_erased: int) -> float:
    """Return the estimated probability that a message with erased clusters is not recalled.

        1 - (1 - d^(c - e))^((l - 1) e)

    A wrong unit of an erased cluster competes if it is connected to all c - e known ones. Edges are
    taken as independent, which they are not: the estimate is too low, at c = 8, l = 32, e = 4 by a
    factor of up to 3.

    Raises
    ------
    DescriptionError
        If more clusters are erased than there are.

    Source: Gripon & Berrou (2011), IEEE Trans. Neural Netw. 22:1087.
    """
    c = checks.whole(n_clusters, "clique_error.n_clusters", at_least=2)
    size = checks.whole(cluster_size, "clique_error.cluster_size", at_least=1)
    erased = checks.whole(n_erased, "clique_error.n_erased", at_most=c)
    if erased == c:
        raise DescriptionError("clique_error.n_erased", n_erased, f"fewer than all {c} clusters")
    d = clique_density(size, n_messages)
    return 1 - (1 - d ** (c - erased)) ** ((size - 1) * erased)

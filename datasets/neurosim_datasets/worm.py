"""The connectome of the nematode C. elegans: every neuron and muscle, by name."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError, UnknownNameError

Ints = npt.NDArray[np.int64]

NEURONS = (
    "pharyngeal neuron",
    "sensory neuron",
    "interneuron",
    "motor neuron",
    "other neuron",
)
"""Kinds of neurons, in the order in which they stand."""

KINDS = (*NEURONS, "muscle", "other")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WormConnectome:
    """Cells of C. elegans and the contacts between them. The arrays are read-only.

    Attributes
    ----------
    names : tuple of n str
        Names of the cells, such as "AVAL".
    kinds : tuple of n str
        "pharyngeal neuron", "sensory neuron", "interneuron", "motor neuron", "other neuron" (the
        two CAN), "muscle" or "other" (glia, epithelium, glands, ...).
    chemical : (n, n) int64
        Chemical synapses from cell i to cell j at [i, j] (presynaptic by postsynaptic): the number
        of serial sections of electron micrographs in which they are seen, which counts synapses
        and their sizes. On the diagonal are synapses of a cell with itself.
    gap : (n, n) int64
        The same of gap junctions; symmetric. On the diagonal are junctions between two branches
        of a cell.
    source, licence : str
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    chemical: Ints
    gap: Ints
    source: str
    licence: str

    def index(self, name: str) -> int:
        """Return the number of a cell.

        Raises
        ------
        UnknownNameError
            If there is none of this name.
        """
        if name not in self.names:
            raise UnknownNameError("WormConnectome: cell", name, self.names)
        return self.names.index(name)

    def of(self, cells: Sequence[str] | str) -> WormConnectome:
        """Return the part with some cells only.

        Parameters
        ----------
        cells : str or sequence of str
            "neurons", or one of the kinds; or names of cells, in the order wanted.

        Raises
        ------
        UnknownNameError
            If a name or kind does not exist.
        DescriptionError
            If a cell is named twice, or none is.
        """
        if isinstance(cells, str):
            if cells != "neurons" and cells not in KINDS:
                raise UnknownNameError("WormConnectome.of: cells", cells, ("neurons", *KINDS))
            wanted = NEURONS if cells == "neurons" else (cells,)
            chosen = [k for k, kind in enumerate(self.kinds) if kind in wanted]
        else:
            chosen = [self.index(name) for name in cells]
        if not chosen or len(set(chosen)) != len(chosen):
            raise DescriptionError("WormConnectome.of: cells", cells, "at least one, none twice")
        grid = np.ix_(chosen, chosen)
        return WormConnectome(
            names=tuple(self.names[k] for k in chosen),
            kinds=tuple(self.kinds[k] for k in chosen),
            chemical=_kept(self.chemical[grid]),
            gap=_kept(self.gap[grid]),
            source=self.source,
            licence=self.licence,
        )

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.names)

    def __repr__(self) -> str:
        neurons = sum(kind in NEURONS for kind in self.kinds)
        pairs = np.count_nonzero(np.triu(self.gap))
        return (
            f"WormConnectome({len(self)} cells, {neurons} of them neurons, "
            f"{np.count_nonzero(self.chemical):,} chemical connections, {pairs:,} gap junctions)"
        )


@cache
def celegans() -> WormConnectome:
    """Return the connectome of the adult hermaphrodite: 302 neurons, 135 muscles, 36 other cells.

    As corrected by its authors in July 2020, and as read by the package cect 0.3.5, from which
    ``tools/make_celegans_table.py`` makes the tables that are kept here. Several animals were put
    together, and some gaps were filled by extrapolation. Signs and transmitters are not in it.

    Returns
    -------
    WormConnectome
        Neurons come first. The same object at each call.

    Source: Cook et al. (2019), Whole-animal connectomes of both Caenorhabditis elegans sexes,
    Nature 571:63-71, doi 10.1038/s41586-019-1352-7. Licence: that of cect, MIT, with which the
    table comes; the numbers themselves were published without one.

    Examples
    --------
    >>> worm = celegans()
    >>> worm
    WormConnectome(473 cells, 302 of them neurons, 4,879 chemical connections, 1,450 gap junctions)
    >>> int(worm.chemical[worm.index("ASEL"), worm.index("AIYL")])
    32
    """
    cells = list(_rows("celegans_cells.csv"))
    number = {name: k for k, (name, _) in enumerate(cells)}
    matrices = {kind: np.zeros((len(cells),) * 2, dtype=np.int64) for kind in ("chemical", "gap")}
    for kind, pre, post, sections in _rows("celegans_contacts.csv"):
        i, j = number[pre], number[post]
        matrices[kind][i, j] = int(sections)
        if kind == "gap":
            matrices[kind][j, i] = int(sections)
    return WormConnectome(
        names=tuple(name for name, _ in cells),
        kinds=tuple(kind for _, kind in cells),
        chemical=_kept(matrices["chemical"]),
        gap=_kept(matrices["gap"]),
        source="Cook et al. (2019), Nature 571:63-71, doi 10.1038/s41586-019-1352-7, corrected "
        "July 2020, as carried by the package cect 0.3.5",
        licence="MIT (of cect)",
    )


def _rows(name: str) -> Iterator[list[str]]:
    """Return the rows of a table below its header."""
    text = files("neurosim_datasets").joinpath("data", name).read_text(encoding="utf-8")
    return iter(list(csv.reader(text.splitlines()))[1:])


def _kept(array: Ints) -> Ints:
    array.flags.writeable = False
    return array

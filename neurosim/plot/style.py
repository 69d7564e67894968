"""What all figures share: matplotlib when needed, clean axes, one colour per population."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from neurosim.errors import MissingPackageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Around the blue and the vermilion of Okabe & Ito (2008), which colour-blind readers tell apart;
# neighbouring shades differ in lightness, and all are dark enough to write names in.
BLUES = ("#0072B2", "#3A9BDC", "#0B3C6F", "#5B86AD")
REDS = ("#D55E00", "#E58A4E", "#8C2D04", "#C44536")
OTHERS = ("#009E73", "#CC79A7", "#7F7F7F", "#E69F00")
UNMARKED = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")

INHIBITORY = re.compile(r"inh|interneuron|basket|(?:^|[\d_\W])(?:[Ii]|PV|SST|VIP)$")
EXCITATORY = re.compile(r"exc|pyr|(?:^|[\d_\W])[Ee]$")

INK = "#333333"


def population_colours(
    populations: Iterable[str], chosen: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return a colour for each population, the same in every figure of a network.

    Names that say so ("exc", "L4E", "pyramidal"; "inh", "L4I", "PV") get blues and reds in their
    order, other names colours apart from both. Where no name says anything, colours follow the
    order: blue, red, green, ...

    Parameters
    ----------
    populations : iterable of str
        All populations of the network, in the order of definition.
    chosen : mapping of str to str, optional
        Colours that the user chose.
    """
    names = list(populations)
    inhibitory = {n for n in names if INHIBITORY.search(n)}
    excitatory = {n for n in names if EXCITATORY.search(n)} - inhibitory
    palettes: dict[str, tuple[str, ...]] = {"blue": BLUES, "red": REDS, "other": OTHERS}
    if not inhibitory and not excitatory:
        palettes["other"] = UNMARKED
    used = dict.fromkeys(palettes, 0)
    colours = {}
    for name in names:
        kind = "red" if name in inhibitory else "blue" if name in excitatory else "other"
        colours[name] = palettes[kind][used[kind] % len(palettes[kind])]
        used[kind] += 1
    return colours | {k: c for k, c in (chosen or {}).items() if k in colours}


def pyplot() -> Any:
    """Return `matplotlib.pyplot`.

    Raises
    ------
    MissingPackageError
        Without matplotlib.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise MissingPackageError("matplotlib", "Drawing figures", "all") from None
    return plt


def axes(ax: Axes | None, size: tuple[float, float] = (7.0, 4.0)) -> Axes:
    """Return `ax`, or axes in a new figure of `size` inches, without the upper and right spines."""
    if ax is None:
        ax = figure(size).add_subplot()
    tidy(ax)
    return ax


def figure(size: tuple[float, float]) -> Figure:
    """Return a new figure that makes room for its labels."""
    made: Figure = pyplot().figure(figsize=size, layout="constrained")
    return made


def tidy(ax: Axes) -> None:
    """Remove the upper and right spines and grey the rest a little."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(INK)
    ax.tick_params(colors=INK, labelsize=9)


def legend(ax: Axes, *, above: bool = False) -> None:
    """Add a legend without a frame, if anything has a label; `above` in a line over the axes."""
    entries = len(ax.get_legend_handles_labels()[0])
    if entries and above:
        # Data fill the whole height of a trace: within the axes it would cover some.
        place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": entries}
        ax.legend(frameon=False, fontsize=8, borderaxespad=0.1, columnspacing=1.2, **place)
    elif entries:
        ax.legend(frameon=False, fontsize=9)


def with_unit(name: str, unit: str) -> str:
    """Return ``name [unit]``, or the name alone for a number without unit."""
    return name if unit == "1" else f"{name} [{unit}]"

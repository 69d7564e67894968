"""`check`: the question whether a network fits on a chip, and who answers it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any, Protocol

from neurosim.backend import time_step
from neurosim.describe.checks import check_bool, to_int
from neurosim.describe.network import Network
from neurosim.environments import Environment
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.fit.limits import Chip
from neurosim.fit.report import Fit

GROUP = "neurosim.targets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is asked besides network and chip.

    Attributes
    ----------
    dt : float
        Time step [ms].
    chips : int or None
        How many there are.
    board : int or None
        Version of a board, where chips come on boards.
    map : bool
        Whether the chip's own tools are asked, too.
    """

    dt: float
    chips: int | None = None
    board: int | None = None
    map: bool = False


class Target(Protocol):
    """A chip that networks are placed on.

    Attributes
    ----------
    chip : Chip
    environment : Environment or None
        Where its own tools live, if it has any that can be asked.
    """

    chip: Chip
    environment: Environment | None

    def place(self, network: Network, terms: Terms) -> Fit:
        """Tell how a network fits."""


@cache
def _entry_points() -> dict[str, metadata.EntryPoint]:
    return {e.name: e for e in metadata.entry_points(group=GROUP)}


def targets() -> tuple[str, ...]:
    """Return the names of the chips that networks are checked for."""
    return tuple(sorted(_entry_points()))


def find_target(name: Any) -> Target:
    """Return a chip by name.

    Raises
    ------
    UnknownNameError
        If no installed package provides it.
    """
    found = _entry_points()
    if not isinstance(name, str) or name not in found:
        raise UnknownNameError("check: target", name, targets())
    target: Target = found[name].load()()
    return target


def tools() -> dict[str, Environment]:
    """Return the environments of what chips bring to be asked themselves, by name."""
    found = (find_target(name).environment for name in targets())
    return {environment.name: environment for environment in found if environment is not None}


def check(
    network: Network,
    target: str = "loihi2",
    *,
    dt: Any = None,
    chips: int | None = None,
    board: int | None = None,
    map: bool = False,
) -> Fit:
    """Tell whether a network fits on a chip, how full its cores are, and what would make it fit.

    Nothing is simulated, and no other simulator is asked unless `map` says so.

    Parameters
    ----------
    network : Network
    target : {"loihi1", "loihi2", "spinnaker1", "spinnaker2"}
    dt : number or quantity, optional
        Time step [ms]; left out, the one the network was made for, else 0.1.
    chips : int, optional
        How many chips there are; left out, as many as it takes. Not for boards.
    board : int, optional
        Of SpiNNaker: 3 (4 chips) or 5 (48 chips, the default), of SpiNNaker 2: 201 (1 chip) or 248
        (48 chips, the default).
    map : bool
        Whether to let sPyNNaker place the network, too, on a virtual board, in an environment of
        its own (``neurosim backend install spinnaker``); its numbers are in ``Fit.mapped``.

    Returns
    -------
    Fit

    Raises
    ------
    UnknownNameError
        For a chip that does not exist.
    UnavailableError
        If `map` is asked for and sPyNNaker is not there.
    CapacityError
        If this machine has no room for the synapses.

    Examples
    --------
    >>> import neurosim as ns
    >>> net = ns.Network("small", dt=1.0)
    >>> cells = net.population("cells", 1500, ns.LIF(t_ref=0.0))
    >>> fit = ns.check(net, "loihi1")
    >>> fit.fits, len(fit.cores), fit.cores[0].use["compartments"]
    (True, 2, 1024)
    """
    if not isinstance(network, Network):
        raise DescriptionError("check: network", network, "a neurosim.Network")
    found = find_target(target)
    if chips is not None:
        chips = to_int(chips, "check: chips", at_least=1)
    if board is not None:
        board = to_int(board, "check: board", at_least=1)
    check_bool(map, "check: map")
    terms = Terms(dt=time_step(network, dt), chips=chips, board=board, map=map)
    return found.place(network, terms)

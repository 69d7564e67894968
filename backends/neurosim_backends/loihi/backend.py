"""The backend: checks, and hands over to a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neurosim.backend import Options
from neurosim.capabilities import check
from neurosim.describe.checks import to_int
from neurosim.describe.network import Network
from neurosim.errors import DescriptionError
from neurosim.lower.plan import Plan
from neurosim.units import to_scalar
from neurosim_backends.loihi.chip import EPOCH
from neurosim_backends.loihi.declared import CAPABILITIES
from neurosim_backends.loihi.script import MAIN

if TYPE_CHECKING:
    from neurosim.folders.package import Package, Repeated
    from neurosim_backends.loihi.calibration import Wish
    from neurosim_backends.loihi.session import LoihiSession


MARGIN = 2.0
"""Room beyond what calibration saw, unless the caller says otherwise: one bit."""


def checked_epoch(epoch: object, place: str) -> int:
    """Return a number of steps between two changes of weights."""
    low, high = EPOCH
    checked = to_int(epoch, place, at_least=low)
    if checked > high:
        raise DescriptionError(place, epoch, f"at most {high} steps")
    return checked


def checked_wish(calibrate: Any, margin: Any, place: str) -> Wish | None:
    """Return what is calibrated with, if anything."""
    if calibrate is None:
        if to_scalar(margin, "1", f"{place}.margin", at_least=1) != MARGIN:
            raise DescriptionError(
                f"{place}.margin", margin, f"{MARGIN:g} without calibrate",
                "It is room beyond what calibration saw: give calibrate, too.",
            )  # fmt: skip
        return None
    from neurosim_backends.loihi.calibration import Wish

    return Wish(calibrate, margin, place)


class Loihi:
    r"""Runs networks in the integers of Intel's Loihi, without a chip.

    Attributes
    ----------
    epoch : int
        Steps between two changes of weights that learn, 1 to 63. Of several spikes of a neuron in
        one epoch only the last has a time.
    calibrate : number, quantity or mapping of str to array, optional
        What scales are chosen from, besides the network: how long it runs in floating point [ms],
        or what its ``Input`` populations are handed there, (n_steps, \\*shape). Then the largest
        scales are taken with which no state that was seen wraps or is clipped.
    margin : float
        How many times as far as in calibration states may go.
    """

    name = "loihi"
    capabilities = CAPABILITIES
    main = MAIN
    repeated_on = ("loihi", "lava")

    def __init__(self, epoch: int = 1, calibrate: Any = None, margin: Any = MARGIN) -> None:
        self.epoch = checked_epoch(epoch, "Loihi.epoch")
        self.wish = checked_wish(calibrate, margin, "Loihi")

    def compile(self, network: Network, options: Options) -> LoihiSession:
        """Turn the network into integers.

        Raises
        ------
        UnsupportedError
            Naming the part of the network that the chip has no form of.
        CapacityError
            Naming the number that it cannot hold.
        """
        made = check(network, self.capabilities, options.approximate, options)
        from neurosim_backends.loihi.session import LoihiSession

        return LoihiSession(network, options, made, self.epoch, self.wish)

    def foretell(self, plan: Plan, options: Options) -> list[dict[str, Any]]:
        """Return every rounding, with its bound; of networks that are refused, none."""
        from neurosim_backends.loihi.quantise import quantise

        return quantise(plan, self.epoch, self.wish).approximations

    def pack(
        self, network: Network, n_steps: int, options: Options, inputs: Mapping[str, Any],
        certificate: bool,
    ) -> Package:  # fmt: skip
        """Return a network in integers, with a golden run of it, for a folder."""
        from neurosim_backends.loihi.packing import pack

        session = self.compile(network, options)
        return pack(network, self, session, n_steps, options, inputs, certificate)

    def texts(self, facts: Mapping[str, Any]) -> dict[str, str]:
        """Return the script for Lava, and a page that tells what is in the folder."""
        from neurosim_backends.loihi.packing import texts

        return texts(facts)

    def repeat(self, package: Package) -> Repeated:
        """Run a package again on our own integers, and compare."""
        from neurosim_backends.loihi.packing import repeat

        return repeat(package)

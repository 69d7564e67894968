"""Why two sides differ: hypotheses, and the controlled re-runs that confirm one of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from neurosim.backend import Backend, Options
from neurosim.compare.lockstep import Lockstep
from neurosim.describe.network import Network


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A difference that was confirmed by experiment.

    Attributes
    ----------
    kind : str
        Its class: "parameter", "weight", "missing synapse", "extra synapse", "receptor", "delay",
        "threshold comparison", "reset order", "refractory time", "integrator", ...
    part : str
        The part of the network, as messages name it: ``"Population 'exc'"``.
    what : str
        What of it: a parameter's name, a connection, ...
    size : float or None
        How much it is off, in `unit`; None where it has no size.
    unit : str
    text : str
        A sentence for people.
    evidence : tuple of str
        What was done and what came out.
    """

    kind: str
    part: str
    what: str
    size: float | None
    unit: str
    text: str
    evidence: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return self.text


def find_cause(
    network: Network,
    theirs: str | Backend,
    duration: float,
    options: Options,
    lockstep: Lockstep,
) -> Cause | None:
    """Return why the other side differs from our own core; None where nothing is confirmed."""
    return None

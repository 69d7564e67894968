"""What a search for a cause comes to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from neurosim.lower.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A difference that was confirmed by experiment.

    Attributes
    ----------
    kind : str
        Its class. With the meaning of `size`: "parameter" (theirs less ours), "weight" (theirs
        less ours for one synapse, a factor for a projection or drive), "missing synapse" and
        "extra synapse" (the change of weight), "receptor", "delay" [ms], "threshold comparison",
        "reset order", "arrivals while refractory", "refractory time" [ms], "integrator" (how many
        times nearer, if not to rounding), "quantisation" [bits], "injected current" [ms], "initial
        value" (the largest difference), "threshold tie" (distance from the threshold), "rounding"
        (the first difference, in ulps).
    part : str
        The part of the network, as messages name it: ``"Population 'exc'"``.
    what : str
        What of it: a parameter's name, a synapse, ...; "all" for a whole projection.
    size : float or None
        How much it is off, in `unit`; None where it has no size.
    unit : str
    text : str
        A sentence for people.
    evidence : tuple of str
        What was done and what came out.
    alternatives : tuple of Cause
        Others that no experiment on this network told apart from it.
    accounts : str
        Where our core with this change still parts from the other side within what was watched: for
        what the change accounts, and what is left. "" where the change removes the divergence.
    """

    kind: str
    part: str
    what: str
    size: float | None
    unit: str
    text: str
    evidence: tuple[str, ...] = ()
    alternatives: tuple[Cause, ...] = ()
    accounts: str = ""

    @property
    def heading(self) -> str:
        """What stands before the text: the class, and whether that is all there is to it."""
        return f"Cause in part ({self.kind})" if self.accounts else f"Cause ({self.kind})"

    def __str__(self) -> str:
        if self.accounts:
            return f"In part: {self.text} {self.accounts}"
        if not self.alternatives:
            return self.text
        others = " / ".join(a.text for a in self.alternatives)
        return f"{self.text} Not to be told apart from: {others}"


@dataclass
class Diagnosis:
    """What a search for a cause came to.

    Attributes
    ----------
    cause : Cause or None
        The simplest one that was confirmed; None where none was.
    tried : list of str
        Everything that was tried, and why it was not it.
    kinds : dict
        Class of hypothesis -> how many of it were tried, and not confirmed.
    change : callable or None
        What confirmed the cause, as a change of the plan that our core runs; None where the cause
        is no such change.
    patience : float
        How long is searched [s of processor time, so that what else runs on a machine changes
        nothing]; what is being tried then is finished.
    untried : dict
        Class of hypothesis -> how many of it were left when patience ended; 0 where that is not
        known, as nobody has listed them.
    """

    cause: Cause | None = None
    tried: list[str] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    change: Callable[[Plan], Plan] | None = None
    patience: float = math.inf
    untried: dict[str, int] = field(default_factory=dict)
    _began: float = field(default_factory=time.process_time)

    @property
    def late(self) -> bool:
        """Whether the search has taken as long as it may."""
        return time.process_time() - self._began > self.patience

    def leave(self, *kinds: str, counted: Iterable[str] = ()) -> None:
        """Keep what is not tried any more: classes, and the class of each one that was listed."""
        for kind in kinds:
            self.untried.setdefault(kind, 0)
        for kind in counted:
            self.untried[kind] = self.untried.get(kind, 0) + 1

    def note(self, text: str, kind: str = "") -> None:
        """Keep that something was tried, once."""
        if text in self.tried:
            return
        self.tried.append(text)
        if kind:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1

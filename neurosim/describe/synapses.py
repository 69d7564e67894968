"""Synapses: what an arriving spike does to the membrane.

A *receptor* is one place of arrival with its own kinetics. A neuron takes either one receptor
(``synapses=ns.Delta()``), one of the usual pairs named "exc" and "inh"
(``synapses=ns.ExpCurrent(exc=5, inh=10)``), or any number under names of your own::

    ns.Receptors(
        ampa=ns.ExpConductance.receptor(tau=2, E=0),
        nmda=ns.NMDA(),
        gap=ns.GapJunction(),
    )

A receptor named r brings the states and parameters ``I_r`` or ``g_r``, ``tau_r``, ``E_r``. Weights
of current and delta receptors carry their sign [pA, mV]; those of conductances are not negative
[nS] and the reversal potential decides what they do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, ClassVar

from neurosim.describe.parts import Part
from neurosim.describe.receptors import NMDA as NMDA
from neurosim.describe.receptors import SEVERAL, NotAdded
from neurosim.describe.receptors import AlphaConductanceReceptor as AlphaConductanceReceptor
from neurosim.describe.receptors import AlphaCurrentReceptor as AlphaCurrentReceptor
from neurosim.describe.receptors import BetaConductanceReceptor as BetaConductanceReceptor
from neurosim.describe.receptors import ContinuousInput as ContinuousInput
from neurosim.describe.receptors import Delta as Delta
from neurosim.describe.receptors import ExpConductanceReceptor as ExpConductanceReceptor
from neurosim.describe.receptors import ExpCurrentReceptor as ExpCurrentReceptor
from neurosim.describe.receptors import GapJunction as GapJunction
from neurosim.describe.receptors import Pulse as Pulse
from neurosim.describe.receptors import ReceptorKind as ReceptorKind
from neurosim.describe.receptors import SpikeFilter as SpikeFilter
from neurosim.describe.values import Quantity, Value, described, quantity
from neurosim.errors import DescriptionError
from neurosim.explained import explained


@described
class SynapsePair(NotAdded, Value):
    """Two receptors named "exc" and "inh"; the base of the usual pairs."""

    @property
    def named(self) -> tuple[tuple[str, ReceptorKind], ...]:
        """The two receptors by name."""
        raise NotImplementedError


@described
class ExpCurrent(SynapsePair):
    """Exponentially decaying synaptic currents.

        dI/dt = -I / tau        I += w  on each arriving spike

    States I_exc, I_inh [pA]; parameters tau_exc, tau_inh. The weight [pA] is the peak and carries
    its sign: inhibition has negative weights.

    Attributes
    ----------
    exc, inh : float
        Time constants of the two receptors [ms].

    Source: Rotter & Diesmann (1999), Biol. Cybern. 81:381-402, doi 10.1007/s004220050570.
    """

    exc: Quantity = quantity("ms", default=2.0, range="positive")
    inh: Quantity = quantity("ms", default=2.0, range="positive")

    receptor: ClassVar[type[ExpCurrentReceptor]] = ExpCurrentReceptor

    @property
    def named(self) -> tuple[tuple[str, ReceptorKind], ...]:
        """The two receptors by name."""
        return (("exc", self.receptor(tau=self.exc)), ("inh", self.receptor(tau=self.inh)))


@described
class AlphaCurrent(SynapsePair):
    """Alpha-shaped synaptic currents.

        dI/dt = (e x - I) / tau     dx/dt = -x / tau     x += w  on each arriving spike
        so that I(t) = w (t / tau) exp(1 - t / tau), with peak w at t = tau

    States I_exc, x_exc, I_inh, x_inh [pA]; parameters tau_exc, tau_inh. The weight [pA] is the
    peak (the normalisation of NEST) and carries its sign.

    Attributes
    ----------
    exc, inh : float
        Times from arrival to peak [ms].

    Source: Rotter & Diesmann (1999), Biol. Cybern. 81:381-402, doi 10.1007/s004220050570.
    """

    exc: Quantity = quantity("ms", default=2.0, range="positive")
    inh: Quantity = quantity("ms", default=2.0, range="positive")

    receptor: ClassVar[type[AlphaCurrentReceptor]] = AlphaCurrentReceptor

    @property
    def named(self) -> tuple[tuple[str, ReceptorKind], ...]:
        """The two receptors by name."""
        return (("exc", self.receptor(tau=self.exc)), ("inh", self.receptor(tau=self.inh)))


@described
class ExpConductance(SynapsePair):
    """Exponentially decaying synaptic conductances.

        I = g (E - V_m)      dg/dt = -g / tau        g += w  on each arriving spike

    States g_exc, g_inh [nS]; parameters tau_exc, E_exc, tau_inh, E_inh. The weight [nS] is the
    peak conductance; negative ones are refused.

    Attributes
    ----------
    exc, inh : float
        Time constants [ms].
    E_exc, E_inh : float
        Reversal potentials [mV].

    Source: Vogels & Abbott (2005), J. Neurosci. 25:10786-10795,
    doi 10.1523/JNEUROSCI.3508-05.2005.
    """

    exc: Quantity = quantity("ms", default=5.0, range="positive")
    inh: Quantity = quantity("ms", default=10.0, range="positive")
    E_exc: Quantity = quantity("mV", default=0.0)
    E_inh: Quantity = quantity("mV", default=-80.0)

    receptor: ClassVar[type[ExpConductanceReceptor]] = ExpConductanceReceptor

    @property
    def named(self) -> tuple[tuple[str, ReceptorKind], ...]:
        """The two receptors by name."""
        return (
            ("exc", self.receptor(tau=self.exc, E=self.E_exc)),
            ("inh", self.receptor(tau=self.inh, E=self.E_inh)),
        )


@described
class AlphaConductance(SynapsePair):
    """Alpha-shaped synaptic conductances.

        I = g (E - V_m)      g(t) = w (t / tau) exp(1 - t / tau), with peak w at t = tau

    States g_exc, x_exc, g_inh, x_inh [nS]; parameters tau_exc, E_exc, tau_inh, E_inh. The weight
    [nS] is the peak conductance; negative ones are refused.

    Attributes
    ----------
    exc, inh : float
        Times from arrival to peak [ms].
    E_exc, E_inh : float
        Reversal potentials [mV].

    Source: Rall (1967), J. Neurophysiol. 30:1138-1168.
    """

    exc: Quantity = quantity("ms", default=0.2, range="positive")
    inh: Quantity = quantity("ms", default=2.0, range="positive")
    E_exc: Quantity = quantity("mV", default=0.0)
    E_inh: Quantity = quantity("mV", default=-80.0)

    receptor: ClassVar[type[AlphaConductanceReceptor]] = AlphaConductanceReceptor

    @property
    def named(self) -> tuple[tuple[str, ReceptorKind], ...]:
        """The two receptors by name."""
        return (
            ("exc", self.receptor(tau=self.exc, E=self.E_exc)),
            ("inh", self.receptor(tau=self.inh, E=self.E_inh)),
        )


@described
class BetaConductance(SynapsePair):
    """Synaptic conductances with a finite rise: a difference of two exponentials.

        I = g (E - V_m)      g(t) = w c (exp(-t / decay) - exp(-t / rise))

    c makes the peak 1 per unit weight, so the weight [nS] is the peak conductance; negative ones
    are refused. Equal time constants give the alpha function. States g_exc, x_exc, g_inh, x_inh
    [nS]; parameters tau_rise_exc, tau_decay_exc, E_exc and the same for inh.

    Attributes
    ----------
    rise_exc, decay_exc, rise_inh, decay_inh : float
        Time constants [ms].
    E_exc, E_inh : float
        Reversal potentials [mV].

    Source: Roth & van Rossum (2009), Modeling synapses, in: De Schutter (ed.), Computational
    Modeling Methods for Neuroscientists, MIT Press, chapter 6.
    """

    rise_exc: Quantity = quantity("ms", default=0.2, range="positive")
    decay_exc: Quantity = quantity("ms", default=2.0, range="positive")
    rise_inh: Quantity = quantity("ms", default=0.5, range="positive")
    decay_inh: Quantity = quantity("ms", default=10.0, range="positive")
    E_exc: Quantity = quantity("mV", default=0.0)
    E_inh: Quantity = quantity("mV", default=-80.0)

    receptor: ClassVar[type[BetaConductanceReceptor]] = BetaConductanceReceptor

    @property
    def named(self) -> tuple[tuple[str, ReceptorKind], ...]:
        """The two receptors by name."""
        exc = self.receptor(rise=self.rise_exc, decay=self.decay_exc, E=self.E_exc)
        inh = self.receptor(rise=self.rise_inh, decay=self.decay_inh, E=self.E_inh)
        return (("exc", exc), ("inh", inh))


@explained
@dataclass(frozen=True, slots=True, init=False, repr=False)
class Receptors(NotAdded):
    """Any number of receptors, each under a name of its own.

    Parameters
    ----------
    *synapses
        Pairs or single receptors, whose receptors keep their own names ("exc", "inh", "gap", ...).
    named : mapping or sequence of pairs, optional
        Name -> single receptor, for names that a program makes.
    **receptors
        Single receptors by name.

    Attributes
    ----------
    named : tuple of (str, ReceptorKind)
        In the order of the text.

    Raises
    ------
    DescriptionError
        If a name occurs twice or is no word, or a value is no receptor.

    Examples
    --------
    >>> synapses = Receptors(ExpConductance(), nmda=NMDA(decay=80), gap=GapJunction())
    >>> [name for name, _ in synapses.named]
    ['exc', 'inh', 'nmda', 'gap']
    """

    named: tuple[tuple[str, ReceptorKind], ...]

    def __init__(
        self,
        *synapses: ReceptorKind | SynapsePair | Receptors,
        named: Mapping[str, ReceptorKind] | Sequence[tuple[str, ReceptorKind]] = (),
        **receptors: ReceptorKind,
    ) -> None:
        found: dict[str, ReceptorKind] = {}
        for group in synapses:
            if not isinstance(group, (ReceptorKind, SynapsePair, Receptors)):
                raise DescriptionError("Receptors", group, "synapses such as ExpConductance()")
            for name, receptor in group.named:
                _add(found, name, receptor)
        for name, receptor in (*_pairs(named), *receptors.items()):
            _add(found, name, receptor)
        if not found:
            raise DescriptionError(
                "Receptors", "empty", "at least one receptor", "Write synapses=None for none."
            )
        object.__setattr__(self, "named", tuple(found.items()))

    def __repr__(self) -> str:
        return f"Receptors({', '.join(f'{name}={receptor!r}' for name, receptor in self.named)})"


Synapses = ReceptorKind | SynapsePair | Receptors
"""What a neuron's `synapses` may be; None where it has none."""


def check_synapses(synapses: object, place: str) -> None:
    """Refuse what is no description of synapses.

    Raises
    ------
    DescriptionError
        Naming `place`; a class given in place of an instance is told apart.
    """
    if isinstance(synapses, type):
        raise DescriptionError(
            place, synapses, "synapses", f"Call it to make some: {synapses.__name__}(...)."
        )
    if synapses is not None and not isinstance(synapses, (ReceptorKind, SynapsePair, Receptors)):
        several = SEVERAL if isinstance(synapses, (list, tuple, set, Mapping)) else None
        raise DescriptionError(
            place, synapses, "synapses such as ExpCurrent(exc=5, inh=10)", several
        )


def synapse_parts(
    synapses: Synapses | None, *, prefix: str = "", voltage: str = "V_m"
) -> tuple[Part, ...]:
    """Return the text of all receptors, in order.

    Parameters
    ----------
    synapses : ReceptorKind, SynapsePair, Receptors or None
    prefix : str
        Put before each receptor's name (for a second compartment).
    voltage : str
        The membrane potential they see.
    """
    if synapses is None:
        return ()
    return tuple(r.part(prefix + name, voltage) for name, r in synapses.named)


def _pairs(named: Any) -> list[tuple[str, Any]]:
    given = list(named.items()) if isinstance(named, Mapping) else named
    if isinstance(given, ReceptorKind):
        raise DescriptionError(
            "Receptors.named", given, "a mapping of names to receptors",
            "For a receptor that is called 'named' write named={'named': ...}.",
        )  # fmt: skip
    if not isinstance(given, (list, tuple)) or not all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in given
    ):
        raise DescriptionError("Receptors.named", given, "a mapping of names to receptors")
    return [(name, receptor) for name, receptor in given]


def _add(found: dict[str, ReceptorKind], name: object, receptor: object) -> None:
    if (
        not isinstance(name, str)
        or not name.isidentifier()
        or iskeyword(name)
        or name.startswith("_")
    ):
        raise DescriptionError("Receptors", name, "a name made of letters, digits and '_'")
    if not isinstance(receptor, ReceptorKind):
        hint = None
        if isinstance(receptor, (SynapsePair, Receptors)):
            hint = "For one receptor of it write .receptor(...); for all, leave out the name."
        raise DescriptionError(f"Receptors.{name}", receptor, "one receptor", hint)
    if name in found:
        raise DescriptionError("Receptors", name, "each name once", "Name one of them otherwise.")
    found[name] = receptor

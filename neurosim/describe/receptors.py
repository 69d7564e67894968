"""Kinds of receptors: single places where spikes arrive, each with its own kinetics.

`neurosim.describe.synapses` puts them together to what a neuron takes.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from neurosim.describe.parts import Inlet, Part
from neurosim.describe.values import Quantity, Value, described, quantity
from neurosim.errors import DescriptionError

SEVERAL = "Several are written ns.Receptors(ns.ExpConductance(), nmda=ns.NMDA(), gap=...)."
"""The remedy wherever synapses are put together in another way."""


class NotAdded:
    """What is joined by `Receptors`, not by ``+``, and says so."""

    __slots__ = ()

    def __add__(self, other: object) -> NoReturn:
        place = f"{type(self).__name__} + {type(other).__name__}"
        raise DescriptionError(place, other, "synapses joined by name", SEVERAL)


@described
class ReceptorKind(NotAdded, Value):
    """One receptor; the base of all kinds. As a neuron's only synapse it has a default name."""

    default_name: ClassVar[str] = "syn"

    @property
    def named(self) -> tuple[tuple[str, ReceptorKind], ...]:
        """The receptors by name; here one, under its default name."""
        return ((self.default_name, self),)

    def part(self, name: str, voltage: str = "V_m") -> Part:
        """Return the receptor's text.

        Parameters
        ----------
        name : str
            The receptor's name, which its states and parameters carry.
        voltage : str
            The membrane potential it sees (a model may have several compartments).
        """
        raise NotImplementedError


@described
class Delta(ReceptorKind):
    """The membrane potential jumps by the weight [mV] on each arriving spike.

        V_m += w        unless the neuron is refractory: then the spike is lost

    Signs are kept; as a neuron's only synapse its receptor is called "delta".
    """

    default_name: ClassVar[str] = "delta"

    def part(self, name: str, voltage: str = "V_m") -> Part:
        """Return the receptor's text; it has no lines of its own."""
        return Part(inlets=(Inlet(name=name, action=f"jump {voltage}", unit="mV"),))


@described
class Pulse(ReceptorKind):
    """A current that lasts one step: the sum of the weights [pA] arriving in it.

        I(t) = sum of w for the spikes that arrive in this step, 0 otherwise

    The charge it carries is proportional to the step, so results depend on dt. That is the
    convention of Izhikevich (2003), whose step is 1 ms.
    """

    default_name: ClassVar[str] = "pulse"

    def part(self, name: str, voltage: str = "V_m") -> Part:
        """Return the receptor's text."""
        return Part(
            equations=(f"{name} : pA",),
            inlets=(Inlet(name=name, action="pulse", unit="pA"),),
            current=name,
        )


@described
class ExpCurrentReceptor(ReceptorKind):
    """Exponentially decaying current; see `ExpCurrent`. `tau` is its time constant [ms]."""

    tau: Quantity = quantity("ms", default=2.0, range="positive")

    def part(self, name: str, voltage: str = "V_m") -> Part:
        """Return the receptor's text."""
        state, tau = f"I_{name}", f"tau_{name}"
        return Part(
            equations=(f"d{state}/dt = -{state}/{tau} : pA",),
            states={state: "pA"},
            parameters={tau: ("ms", self.tau)},
            inlets=(Inlet(name=name, action=f"jump {state}", unit="pA"),),
            current=state,
        )


@described
class AlphaCurrentReceptor(ReceptorKind):
    """Alpha-shaped current; see `AlphaCurrent`. `tau` is the time from arrival to peak [ms]."""

    tau: Quantity = quantity("ms", default=2.0, range="positive")

    def part(self, name: str, voltage: str = "V_m") -> Part:
        """Return the receptor's text."""
        state, x, tau = f"I_{name}", f"x_{name}", f"tau_{name}"
        return Part(
            equations=(
                f"d{state}/dt = (exp(1)*{x} - {state})/{tau} : pA",
                f"d{x}/dt = -{x}/{tau} : pA",
            ),
            states={state: "pA", x: "pA"},
            parameters={tau: ("ms", self.tau)},
            inlets=(Inlet(name=name, action=f"jump {x}", unit="pA"),),
            current=state,
        )


@described
class ExpConductanceReceptor(ReceptorKind):
    """Exponentially decaying conductance; see `ExpConductance`.

    Attributes
    ----------
    tau : float
        Time constant [ms].
    E : float
        Reversal potential [mV].
    """

    tau: Quantity = quantity("ms", default=2.0, range="positive")
    E: Quantity = quantity("mV", default=0.0)

    def part(self, name: str, voltage: str = "V_m") -> Part:
        """Return the receptor's text."""
        g, tau, E = f"g_{name}", f"tau_{name}", f"E_{name}"
        return Part(
            equations=(f"d{g}/dt = -{g}/{tau} : nS",),
            states={g: "nS"},
            parameters={tau: ("ms", self.tau), E: ("mV", self.E)},
            inlets=(Inlet(name=name, action=f"jump {g}", unit="nS", nonnegative=True),),
            current=f"{g}*({E} - {voltage})",
        )


@described
class AlphaConductanceReceptor(ReceptorKind):
    """Alpha-shaped conductance; see `AlphaConductance`.

    Attributes
    ----------
    tau : float
        Time from arrival to peak [ms].
    E : float
        Reversal potential [mV].
    """

    tau: Quantity = quantity("ms", default=2.0, range="positive")
    E: Quantity = quantity("mV", default=0.0)

    def part(self, name: str, voltage: str = "V_m") -> Part:
        """Return the receptor's text."""
        g, x, tau, E = f"g_{name}", f"x_{name}", f"tau_{name}", f"E_{name}"
        return Part(
            equations=(
                f"d{g}/dt = (exp(1)*{x} - {g})/{tau} : nS",
                f"d{x}/dt = -{x}/{tau} : nS",
            ),
            states={g: "nS", x: "nS"},
            parameters={tau: ("ms", self.tau), E: ("mV", self.E)},
            inlets=(Inlet(name=name, action=f"jump {x}", unit="nS", nonnegative=True),),
            current=f"{g}*({E} - {voltage})",
        )


@described
class BetaConductanceReceptor(ReceptorKind):
    """Difference of two exponentials; see `BetaConductance`.

    Attributes
    ----------
    rise, decay : float
        Time constants [ms]; equal ones give the alpha function.
    E : float
        Reversal potential [mV].
    """

    rise: Quantity = quantity("ms", default=0.5, range="positive")
    decay: Quantity = quantity("ms", default=5.0, range="positive")
    E: Quantity = quantity("mV", default=0.0)

    def part(self, name: str, voltage: str = "V_m") -> Part:
        """Return the receptor's text."""
        kinetics = _beta(name, self.rise, self.decay)
        E = f"E_{name}"
        return Part(
            equations=kinetics.equations,
            states=kinetics.states,
            parameters={**kinetics.parameters, E: ("mV", self.E)},
            inlets=kinetics.inlets,
            current=f"g_{name}*({E} - {voltage})",
        )


@described
class NMDA(ReceptorKind):
    """NMDA receptor: a slow conductance that magnesium blocks at rest.

        I = g B(V) (E - V)          B(V) = 1 / (1 + Mg / 3.57 exp(-0.062 V / mV))

    g is a difference of two exponentials of peak 1 per unit weight, as in `BetaConductance`, and
    the weight [nS] is the peak conductance without the block.

    Attributes
    ----------
    rise, decay : float
        Time constants [ms].
    E : float
        Reversal potential [mV].
    Mg : float
        Magnesium outside the cell in mM; a plain number, as texts know no concentrations.

    Source: Jahr & Stevens (1990), J. Neurosci. 10:3178-3182,
    doi 10.1523/JNEUROSCI.10-09-03178.1990.
    """

    default_name: ClassVar[str] = "nmda"

    rise: Quantity = quantity("ms", default=2.0, range="positive")
    decay: Quantity = quantity("ms", default=100.0, range="positive")
    E: Quantity = quantity("mV", default=0.0)
    Mg: Quantity = quantity("1", default=1.0, range="nonnegative")

    def part(self, name: str, voltage: str = "V_m") -> Part:
        """Return the receptor's text."""
        kinetics = _beta(name, self.rise, self.decay)
        E, Mg, block = f"E_{name}", f"Mg_{name}", f"block_{name}"
        return Part(
            equations=(
                *kinetics.equations,
                f"{block} = 1/(1 + {Mg}/3.57*exp(-0.062*{voltage}/mV)) : 1",
            ),
            states=kinetics.states,
            parameters={**kinetics.parameters, E: ("mV", self.E), Mg: ("1", self.Mg)},
            inlets=kinetics.inlets,
            current=f"g_{name}*{block}*({E} - {voltage})",
        )


@described
class GapJunction(ReceptorKind):
    """Electrical coupling: a current from the difference of the two membrane potentials.

        I_i = sum over j of w_ij (V_j - V_i)

    Read at the start of the step. The weight is the junction's conductance [nS]; connect it with
    ``net.project(a, b, rule, weight=..., source="V_m", receptor="gap")``, in both directions for
    a junction that is not rectifying. Its default name is "gap".
    """

    default_name: ClassVar[str] = "gap"

    def part(self, name: str, voltage: str = "V_m") -> Part:
        """Return the receptor's text."""
        inlet = Inlet(name=name, action="diffusive", unit="nS", nonnegative=True)
        return Part(equations=(f"{name} : pA",), inlets=(inlet,), current=name)


@described
class ContinuousInput(ReceptorKind):
    """A current that others' states make: continuous coupling into a membrane.

        I_i = sum over j of w_ij x_j

    The weight [pA] is the current per unit of what is read: ``net.project(a, b, rule, weight=...,
    source="v", receptor="continuous")``, or with a `CouplingFunction` as source. Read at the start
    of the step. Its default name is "continuous".
    """

    default_name: ClassVar[str] = "continuous"

    def part(self, name: str, voltage: str = "V_m") -> Part:
        """Return the receptor's text."""
        inlet = Inlet(name=name, action="additive", unit="pA")
        return Part(equations=(f"{name} : pA",), inlets=(inlet,), current=name)


@described
class SpikeFilter(ReceptorKind):
    """Spikes turned into a plain number, for rate units: from spikes to rates.

        ds/dt = -s / tau        s += w  on each arriving spike

    Spikes at a rate f have the mean s = w f tau. The state is called ``s_<name>``, the time
    constant ``tau_<name>``; the default name is "spikes".

    Attributes
    ----------
    tau : float
        Time constant [ms].
    """

    default_name: ClassVar[str] = "spikes"

    tau: Quantity = quantity("ms", default=10.0, range="positive")

    def part(self, name: str, voltage: str = "V_m") -> Part:
        """Return the receptor's text."""
        state, tau = f"s_{name}", f"tau_{name}"
        return Part(
            equations=(f"d{state}/dt = -{state}/{tau} : 1",),
            states={state: "1"},
            parameters={tau: ("ms", self.tau)},
            inlets=(Inlet(name=name, action=f"jump {state}", unit="1"),),
            current=state,
        )


def _beta(name: str, rise: Any, decay: Any) -> Part:
    """Return a conductance `g_name` shaped as a difference of exponentials of peak 1.

    With r = decay / rise, dx/dt = -x / rise and dg/dt = (k x - g) / decay, a jump of x by 1 makes
    g peak at k r^(-r / (r - 1)), so k = r^(r / (r - 1)) = exp(r log(r) / (r - 1)). Written with
    exprel(z) = (exp(z) - 1) / z at z = log(r) it is regular at r = 1, where k = e.
    """
    g, x, k = f"g_{name}", f"x_{name}", f"peak_{name}"
    t_r, t_d = f"tau_rise_{name}", f"tau_decay_{name}"
    return Part(
        equations=(
            f"d{g}/dt = ({k}*{x} - {g})/{t_d} : nS",
            f"d{x}/dt = -{x}/{t_r} : nS",
            f"{k} = exp({t_d}/{t_r}/exprel(log({t_d}/{t_r}))) : 1",
        ),
        states={g: "nS", x: "nS"},
        parameters={t_r: ("ms", rise), t_d: ("ms", decay)},
        inlets=(Inlet(name=name, action=f"jump {x}", unit="nS", nonnegative=True),),
    )

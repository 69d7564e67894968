"""Coupling functions: what a continuous coupling makes of both its ends, as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from neurosim.describe.distributions import Distribution
from neurosim.describe.population import Selectable
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.explained import explained

if TYPE_CHECKING:
    from neurosim.equations.pairs import Pair

Text = str | Mapping[str, str]


@explained
@dataclass(frozen=True, slots=True, eq=False)
class CouplingFunction:
    """What connections carry, in place of a state: ``net.project(..., source=this)``.

        inlet_i = total( sum over j of w_ij pair(x_j(t - d_ij), x_i(t)) )

    A state of the presynaptic neuron is written ``theta_pre`` and is read with the delay of the
    connection, one of the postsynaptic neuron ``theta_post`` and is read as it is now; everything
    else is a parameter. Functions and units are those of `NeuronModel`. The inlet has to be an
    additive one.

    Parameters
    ----------
    pair : str or mapping
        Of one connection: ``"sin(theta_pre - theta_post)"``. A mapping from inlets to texts feeds
        several inlets with the same weights and delays; ``receptor=`` is then left out.
    total : str, optional
        Of the weighted sum, which is called ``total``: ``"tanh(total/width)"``. Weights are then
        plain numbers. Without it they are in the unit of the inlet where `pair` is a plain number,
        and plain numbers where `pair` is a quantity of the inlet's kind.
    parameters : mapping
        Name -> number, (n_pre, n_post) array with a value of each connection, or Distribution.
        Those of `total` are numbers.
    units : mapping
        Parameter -> unit, where it is no plain number.

    Notes
    -----
    The usual ones have names: `difference`, `sine`, `tanh`, `sum_of_sigmoids`, `sigmoid_of_sum` and
    `conductance`.
    """

    pair: Text
    total: str | None = field(default=None, kw_only=True)
    parameters: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    units: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        place = "CouplingFunction"
        texts = self.pair.values() if isinstance(self.pair, Mapping) else [self.pair]
        for text in texts:
            written: object = text
            if not isinstance(written, str) or not written.strip():
                raise DescriptionError(f"{place}.pair", self.pair, "a text, or texts by inlet")
        if not texts:
            raise DescriptionError(f"{place}.pair", self.pair, "a text, or texts by inlet")
        total: object = self.total
        if total is not None and (not isinstance(total, str) or not total.strip()):
            raise DescriptionError(f"{place}.total", total, "a text, or None")
        for name in ("parameters", "units"):
            value = getattr(self, name)
            if not isinstance(value, Mapping):
                raise DescriptionError(f"{place}.{name}", value, "a mapping by name")
            object.__setattr__(self, name, MappingProxyType(dict(value)))
        if isinstance(self.pair, Mapping):
            object.__setattr__(self, "pair", MappingProxyType(dict(self.pair)))
        for name in self.units:
            if name not in self.parameters:
                raise UnknownNameError(f"{place}.units", name, self.parameters)

    @classmethod
    def difference(cls, state: str) -> CouplingFunction:
        """Return x_j - x_i, the diffusive coupling."""
        return cls(f"{state}_pre - {state}_post")

    @classmethod
    def sine(cls, state: str = "theta", lag: Any = 0.0) -> CouplingFunction:
        """Return sin(x_j - x_i - lag): phase oscillators.

        Source: Kuramoto (1984), Chemical Oscillations, Waves, and Turbulence; with a lag Sakaguchi
        & Kuramoto (1986), Prog. Theor. Phys. 76:576.
        """
        return cls(f"sin({state}_pre - {state}_post - lag)", parameters={"lag": lag})

    @classmethod
    def tanh(cls, state: str, gain: Any = 1.0, midpoint: Any = 0.0) -> CouplingFunction:
        """Return tanh(gain (x_j - midpoint)), for a state that is a plain number."""
        given = {"gain": gain, "midpoint": midpoint}
        return cls(f"tanh(gain*({state}_pre - midpoint))", parameters=given)

    @classmethod
    def sum_of_sigmoids(
        cls, of: str, *, slope: Any, midpoint: Any, height: Any = 1.0, unit: str = "1",
        height_unit: str = "1",
    ) -> CouplingFunction:  # fmt: skip
        """Return height / (1 + exp(-slope (x_j - midpoint))): each source saturates by itself.

        Parameters
        ----------
        of : str
            A presynaptic state, or an expression such as ``"y1_pre - y2_pre"``.
        unit, height_unit : str
            Unit of that, and of the height.
        """
        read = of if "_pre" in of else f"{of}_pre"
        per = "1" if unit == "1" else f"1/({unit})"
        return cls(
            f"height*sigmoid(slope*({read} - midpoint))",
            parameters={"height": height, "slope": slope, "midpoint": midpoint},
            units={"height": height_unit, "slope": per, "midpoint": unit},
        )

    @classmethod
    def sigmoid_of_sum(
        cls, of: str, *, slope: float, midpoint: float, height: float = 1.0, low: float = 0.0
    ) -> CouplingFunction:
        """Return low + (height - low) / (1 + exp(-slope (sum of w_ij x_j - midpoint))).

        The weighted sum saturates as a whole; all are plain numbers.
        """
        given = {"height": height, "slope": slope, "midpoint": midpoint, "low": low}
        text = "low + (height - low)*sigmoid(slope*(total - midpoint))"
        return cls(of if "_pre" in of else f"{of}_pre", total=text, parameters=given)

    @classmethod
    def conductance(
        cls, state: str = "V_m", *, slope: Any, midpoint: Any, reversal: Any,
        unit: str = "mV", inlets: tuple[str, str] = ("g", "gE"),
    ) -> CouplingFunction:  # fmt: skip
        """Return graded synapses: a conductance w s_j with s_j = sigmoid(slope (x_j - midpoint)).

        They feed two inlets, the sum of w_ij s_j and that of w_ij s_j E_ij, from which `LTC` makes
        the current sum w_ij s_j (E_ij - v_i). All three may have a value of each connection.

        Source: Lechner et al. (2020), Nat. Mach. Intell. 2:642; Wicks, Roehrig & Rankin (1996),
        J. Neurosci. 16:4017.
        """
        open_ = f"sigmoid(slope*({state}_pre - midpoint))"
        per = "1" if unit == "1" else f"1/({unit})"
        return cls(
            {inlets[0]: open_, inlets[1]: f"{open_}*reversal"},
            parameters={"slope": slope, "midpoint": midpoint, "reversal": reversal},
            units={"slope": per, "midpoint": unit, "reversal": unit},
        )

    @property
    def texts(self) -> dict[str | None, str]:
        """Inlet -> text; None for the inlet that ``receptor=`` names."""
        if isinstance(self.pair, Mapping):
            return dict(self.pair.items())
        return {None: self.pair}

    def pairs(
        self, pre: Selectable, post: Selectable, receptor: str | None, place: str
    ) -> dict[str | None, Pair]:
        """Read the texts for the states of two views; loads sympy.

        Parameters
        ----------
        receptor : str or None
            The inlet, where the texts name none.

        Raises
        ------
        EquationError
            With the place in the text, for names that are no states or parameters, and units that
            do not agree.
        """
        from neurosim.equations.pairs import read_pair

        before = _common_units(pre, f"{place}: pre")
        after = _common_units(post, f"{place}: post")
        units = {c.name: c.unit for p, _ in post.segments for c in p.interface.couplings}
        return {
            inlet: read_pair(
                text, self.total, pre=before, post=after, parameters=tuple(self.parameters),
                units=self.units,
                inlet=units.get(inlet or receptor or "", "1"), place=place,
            )
            for inlet, text in self.texts.items()
        }  # fmt: skip

    def __repr__(self) -> str:
        given = {
            n: v if isinstance(v, (float, int, str, Distribution)) else "(array)"
            for n, v in self.parameters.items()
        }
        shown = [repr(dict(self.pair) if isinstance(self.pair, Mapping) else self.pair)]
        shown += [f"total={self.total!r}"] if self.total else []
        shown += [f"parameters={given!r}"] if given else []
        return f"CouplingFunction({', '.join(shown)})"


def _common_units(view: Selectable, place: str) -> dict[str, str]:
    """Return the units of the states that all populations of a view have."""
    found: dict[str, str] | None = None
    for population, _ in view.segments:
        units = dict(population.interface.state_units)
        if population.interface.is_source:
            raise DescriptionError(place, population, "neurons", "A source has no states.")
        if found is None:
            found = units
            continue
        for name in [n for n in found if n not in units]:
            del found[name]
        for name, unit in found.items():
            if unit != units[name]:
                raise DescriptionError(
                    f"{place}: {name} of {population.name!r}", units[name], f"{unit}, as elsewhere"
                )
    return found or {}

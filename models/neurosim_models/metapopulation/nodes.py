"""One node of a metapopulation: an excitatory and an inhibitory population with a double well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.errors import DescriptionError
from neurosim.explained import explained
from neurosim.units import to_scalar

Floats = npt.NDArray[np.float64]

EQUATIONS = """
dx/dt = (-a_E*x + (1 - x)*f_E)/ms : 1
dy/dt = (-a_I*y + (1 - y)*f_I)/(gamma*ms) : 1
f_E = fe1*tanh(b_E*(w_EE*x - w_EI*y + h_E + coupled)) + fe2 : 1
f_I = fi1*tanh(b_I*(w_IE*x - w_II*y + h_I)) + fi2 : 1
coupled : 1
"""
"""Of Marino et al. (2025); their unit of time is 1 ms here."""

_SCANNED = 4001
"""Places between which fixed points are told apart: 0.5 per thousand of the range of inputs."""


class FixedPoint(NamedTuple):
    """A state that a node without coupling keeps.

    Attributes
    ----------
    x, y : float
        Activity of the excitatory and the inhibitory population.
    stable : bool
        Whether both eigenvalues of the Jacobian have a negative real part.
    """

    x: float
    y: float
    stable: bool


@explained
@dataclass(frozen=True, slots=True, kw_only=True)
class WilsonCowanNode:
    """An excitatory (x) and an inhibitory (y) population, in plain numbers.

        dx/dt = -a_E x + (1 - x) f_E(w_EE x - w_EI y + h_E + coupling)
        gamma dy/dt = -a_I y + (1 - y) f_I(w_IE x - w_II y + h_I)
        f_E(s) = fe1 tanh(b_E s) + fe2        f_I(s) = fi1 tanh(b_I s) + fi2

    With the default values the node is a double well: without coupling it stays at a low or at a
    high x.

    Attributes
    ----------
    w_EE, w_EI, w_IE, w_II : float
        Weights within the node; ``w_EI`` acts on the excitatory population.
    a_E, a_I : float
        Rates of decay, above 0.
    h_E, h_I : float
        Constant inputs.
    fe1, fe2, fi1, fi2 : float
        Amplitude (above 0) and middle of the responses; a middle below its amplitude would be a
        negative activity, and is refused.
    b_E, b_I : float
        Slopes, above 0.

    Source: Marino, Buffoni, Chicchi, Di Patti, Febbe, Giambagli & Fanelli (2025), Learning in
    Wilson-Cowan model for metapopulation, Neural Comput. 37:701-741, arXiv:2406.16453; the values
    are those of the code published with it.

    Examples
    --------
    >>> [round(point.x, 6) for point in WilsonCowanNode().fixed_points()]
    [0.21359, 0.28396, 0.373269]
    """

    w_EE: float = 7.2
    w_EI: float = 2.0
    w_IE: float = 0.0
    w_II: float = 1.0
    a_E: float = 1.5
    a_I: float = 0.4
    h_E: float = -1.2
    h_I: float = 0.1
    fe1: float = 0.25
    fe2: float = 0.65
    fi1: float = 0.5
    fi2: float = 0.5
    b_E: float = 3.7
    b_I: float = 1.0

    def __post_init__(self) -> None:
        positive = ("a_E", "a_I", "fe1", "fi1", "b_E", "b_I")
        for field in fields(self):
            place = f"WilsonCowanNode.{field.name}"
            bounds = {"above": 0.0} if field.name in positive else {}
            value = to_scalar(getattr(self, field.name), "1", place, **bounds)
            object.__setattr__(self, field.name, value)
        for middle, amplitude in (("fe2", "fe1"), ("fi2", "fi1")):
            least = getattr(self, amplitude)
            if getattr(self, middle) < least:
                raise DescriptionError(
                    f"WilsonCowanNode.{middle}", getattr(self, middle),
                    f"at least {amplitude} = {least:g}", "A response must not be negative.",
                )  # fmt: skip

    def responses(
        self, x: Any, y: Any, coupled: Any = 0.0
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return f_E and f_I, of the shape that x, y and the coupling have together."""
        s_E = self.w_EE * x - self.w_EI * y + self.h_E + coupled
        s_I = self.w_IE * x - self.w_II * y + self.h_I
        f_E = self.fe1 * np.tanh(self.b_E * s_E) + self.fe2
        f_I = self.fi1 * np.tanh(self.b_I * s_I) + self.fi2
        return f_E, f_I

    def flow(self, x: Any, y: Any, coupled: Any = 0.0) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return dx/dt and gamma dy/dt."""
        f_E, f_I = self.responses(x, y, coupled)
        return -self.a_E * x + (1 - x) * f_E, -self.a_I * y + (1 - y) * f_I

    def slopes(
        self, x: Any, y: Any, coupled: Any = 0.0
    ) -> tuple[tuple[Floats, Floats, Floats, Floats], Floats]:
        """Return the Jacobian of `flow`, and the derivative of dx/dt by the coupling.

        Returns
        -------
        (xx, xy, yx, yy), gain
            xy is the derivative of dx/dt by y; the second row is that of gamma dy/dt.
        """
        f_E, f_I = self.responses(x, y, coupled)
        gain_E = (1 - x) * self.b_E * (self.fe1 - (f_E - self.fe2) ** 2 / self.fe1)
        gain_I = (1 - y) * self.b_I * (self.fi1 - (f_I - self.fi2) ** 2 / self.fi1)
        own = (
            -self.a_E - f_E + self.w_EE * gain_E,
            -self.w_EI * gain_E,
            self.w_IE * gain_I,
            -self.a_I - f_I - self.w_II * gain_I,
        )
        return own, gain_E

    def fixed_points(self, gamma: float = 0.25) -> tuple[FixedPoint, ...]:
        """Return the fixed points of a node without coupling, by ascending x.

        Which there are does not depend on gamma, but whether they are stable may. Two that lie
        closer together than 1/4000 of the range of inputs, as at a saddle-node bifurcation, may
        be missed.
        """
        gamma = to_scalar(gamma, "1", "fixed_points: gamma", above=0)
        # Every fixed point has x = f / (a_E + f) with f = f_E(s), so that its input s tells it;
        # y follows from s where it acts on x, else both are found one after the other.
        found = self._by_input() if self.w_EI else self._one_by_one()
        points = []
        for x, y in sorted(found):
            (xx, xy, yx, yy), _ = self.slopes(x, y)
            eigenvalues = np.linalg.eigvals([[xx, xy], [yx / gamma, yy / gamma]])
            points.append(FixedPoint(x, y, bool(eigenvalues.real.max() < 0)))
        return tuple(points)

    def _x_at(self, s: Any) -> Any:
        f = self.fe1 * np.tanh(self.b_E * s) + self.fe2
        return f / (self.a_E + f)

    def _by_input(self) -> list[tuple[float, float]]:
        def y_at(s: Any) -> Any:
            return (self.w_EE * self._x_at(s) + self.h_E - s) / self.w_EI

        # Activities lie in [0, 1], so that inputs lie within the sum of the weights around h_E.
        reach = abs(self.w_EE) + abs(self.w_EI)
        found = _roots(
            lambda s: self.flow(self._x_at(s), y_at(s))[1], self.h_E - reach, self.h_E + reach
        )
        return [(float(self._x_at(s)), float(y_at(s))) for s in found]

    def _one_by_one(self) -> list[tuple[float, float]]:
        reach = abs(self.w_EE) + 1e-9
        inputs = _roots(
            lambda s: self.w_EE * self._x_at(s) + self.h_E - s, self.h_E - reach, self.h_E + reach
        )
        return [
            (x, y)
            for x in (float(self._x_at(s)) for s in inputs)
            for y in _roots(partial(self._excess, x), 0.0, 1.0)
        ]

    def _excess(self, x: float, y: Any) -> Any:
        return self.flow(x, y)[1]

    def model(self, gamma: float) -> ns.NeuronModel:
        """Return the node as a model for `Network.population`; the method is Euler."""
        parameters = {field.name: getattr(self, field.name) for field in fields(self)}
        return ns.NeuronModel(
            "wilson_cowan_node",
            equations=EQUATIONS,
            inputs={"coupled": "additive"},
            parameters={**parameters, "gamma": gamma},
            method="euler",
        )


def _roots(function: Callable[[Any], Any], lowest: float, highest: float) -> list[float]:
    """Return where a function of a number, or an array of them, changes its sign, to rounding."""
    from scipy.optimize import brentq

    places = np.linspace(lowest, highest, _SCANNED)
    values = function(places)
    roots = [float(place) for place in places[values == 0]]
    for k in np.flatnonzero(values[:-1] * values[1:] < 0):
        roots.append(float(brentq(function, places[k], places[k + 1], xtol=1e-16, rtol=1e-15)))
    return sorted(roots)

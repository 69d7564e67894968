"""The hierarchical Gaussian filter: belief about a quantity, and about how fast it changes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError, SimulationError
from neurosim.units import to_scalar

Floats = npt.NDArray[np.float64]

PER_OBSERVATION = 2
"""Steps that an observation takes: one for the belief, one for the belief about its volatility."""


def gaussian_filter(
    n: int = 1, *, precision: float = 1.0, kappa: float = 1.0, omega: float = -3.0,
    omega_volatility: float = -4.0, mean: float = 0.0, volatility: float = 0.0,
    initial_precision: float = 1.0,
) -> ns.Network:  # fmt: skip
    """Precision-weighted prediction errors on two levels, as populations that send them.

    A unit of "belief" expects that what it observes has moved since the last observation, by a
    variance Omega = exp(kappa mu_2 + omega) of which "volatility" tells it. With hats for what was
    expected before an observation u, of precision pi_u,

        pi_1^ = 1/(1/pi_1 + Omega)           pi_2^ = 1/(1/pi_2 + exp(omega_volatility))
        pi_1  = pi_1^ + pi_u                 mu_1  = mu_1^ + pi_u/pi_1 (u - mu_1^)

    and what goes up is how much more it has moved than was expected,

        Delta = pi_1^/pi_1 + pi_1^ (mu_1 - mu_1^)^2 - 1        gamma = Omega pi_1^
        pi_2  = pi_2^ + (kappa gamma)^2 (1/2 + Delta) - kappa^2 gamma Delta/2
        mu_2  = mu_2^ + kappa gamma Delta/(2 pi_2)

    The learning rate pi_u/pi_1 thus rises where the world has become volatile. `GaussianFilter`
    hands observations to the network and reads the beliefs.

    Parameters
    ----------
    n : int
        Filters beside each other, which know nothing of each other.
    precision : float
        pi_u, the inverse variance of the noise of an observation.
    kappa : float
        Coupling of the two levels; with 0 the volatility is taken to be constant.
    omega, omega_volatility : float
        Logarithms of the variance by which a level moves between observations.
    mean, volatility : float
        mu_1 and mu_2 at the start.
    initial_precision : float
        pi_1 and pi_2 at the start.

    Returns
    -------
    Network
        Populations "belief" (states `mu`, `pi`, `rate`, `gamma`, `surprise`) and "volatility"
        (states `mu`, `pi`), and the inputs "observed" and "arrived".

    Source: Mathys et al. (2014), Uncertainty in perception and the hierarchical Gaussian filter,
    Front. Hum. Neurosci. 8:825; Weber et al. (2023), The generalized hierarchical Gaussian filter,
    arXiv 2305.10937.
    """
    place = "gaussian_filter"
    size = to_int(n, f"{place}: n", at_least=1)
    known = to_scalar(precision, "1", f"{place}: precision", above=0)
    first = to_scalar(initial_precision, "1", f"{place}: initial_precision", above=0)
    coupling = to_scalar(kappa, "1", f"{place}: kappa", at_least=0)
    belief = ns.NeuronModel(
        "belief",
        equations="""
        Omega = exp(log_variance + omega) : 1
        pi_hat = 1/(1/pi + Omega) : 1
        pi_new = pi_hat + precision : 1
        change = precision/pi_new*(u - mu) : 1
        dmu/dt = arrived*change/ms : 1
        dpi/dt = arrived*(pi_new - pi)/ms : 1
        drate/dt = arrived*(precision/pi_new - rate)/ms : 1
        dgamma/dt = arrived*(Omega*pi_hat - gamma)/ms : 1
        dsurprise/dt = arrived*(pi_hat/pi_new + pi_hat*change**2 - 1 - surprise)/ms : 1
        dfresh/dt = (arrived - fresh)/ms : 1
        omega : 1
        precision : 1
        log_variance : 1
        u : 1
        arrived : 1
        """,
        inputs={name: "additive" for name in ("log_variance", "u", "arrived")},
        parameters={"omega": to_scalar(omega, "1", f"{place}: omega"), "precision": known},
        method="euler",
    )
    above = ns.NeuronModel(
        "volatility",
        equations="""
        g = kappa*gamma : 1
        pi_hat = 1/(1/pi + exp(omega)) : 1
        pi_new = pi_hat + g**2*(0.5 + surprise) - kappa*g*surprise/2 : 1
        dmu/dt = fresh*g*surprise/(2*pi_new)/ms : 1
        dpi/dt = fresh*(pi_new - pi)/ms : 1
        kappa : 1
        omega : 1
        gamma : 1
        surprise : 1
        fresh : 1
        """,
        inputs={name: "additive" for name in ("gamma", "surprise", "fresh")},
        parameters={
            "kappa": coupling,
            "omega": to_scalar(omega_volatility, "1", f"{place}: omega_volatility"),
        },
        method="euler",
    )
    # One step of 1 ms makes one update; the higher level follows in the step after.
    net = ns.Network("gaussian filter", dt=1.0)
    low, high = net.population("belief", size, belief), net.population("volatility", size, above)
    net.initialise(low, mu=to_scalar(mean, "1", f"{place}: mean"), pi=first)
    net.initialise(high, mu=to_scalar(volatility, "1", f"{place}: volatility"), pi=first)
    for name, receptor in (("observed", "u"), ("arrived", "arrived")):
        source = net.population(name, size, ns.Input("current"))
        net.project(source, low, ns.OneToOne(), weight=1.0, receptor=receptor)
    for state in ("gamma", "surprise", "fresh"):
        net.project(low, high, ns.OneToOne(), weight=1.0, source=state, receptor=state, name=state)
    net.project(
        high, low, ns.OneToOne(), weight=coupling, source="mu", receptor="log_variance",
        name="prediction",
    )  # fmt: skip
    net.record(low, ["mu", "pi", "rate"], every=float(PER_OBSERVATION))
    net.record(high, ["mu", "pi"], every=float(PER_OBSERVATION))
    return net


class Beliefs(NamedTuple):
    """Beliefs after each observation; arrays of shape (n_observations, n).

    Attributes
    ----------
    mean, precision : Floats
        mu_1 and pi_1.
    learning_rate : Floats
        pi_u/pi_1, the part of a prediction error by which the mean has changed.
    volatility, volatility_precision : Floats
        mu_2 and pi_2.
    """

    mean: Floats
    precision: Floats
    learning_rate: Floats
    volatility: Floats
    volatility_precision: Floats


class GaussianFilter:
    """The network of `gaussian_filter` in a session, which goes on where it was.

    Parameters
    ----------
    network : Network, optional
        From `gaussian_filter`; by default one filter.

    Attributes
    ----------
    session : Session
    """

    def __init__(self, network: ns.Network | None = None) -> None:
        network = gaussian_filter() if network is None else network
        self.session = ns.compile(network, threads=1)
        self._size = len(network["belief"])

    def observe(self, values: Any) -> Beliefs:
        """Hand over observations, one after the other.

        Parameters
        ----------
        values : (n_observations, n) array, or (n_observations,) for all filters alike

        Raises
        ------
        DescriptionError
            For values that are no numbers.
        SimulationError
            Where a precision has become negative: the second level then expects changes that are
            too large for its approximation.
        """
        place = "GaussianFilter.observe: values"
        expected = f"finite numbers, (n_observations,) or (n_observations, {self._size})"
        try:
            given = np.asarray(values, np.float64)
        except (TypeError, ValueError):
            raise DescriptionError(place, values, expected) from None
        u = np.broadcast_to(given[:, None], (len(given), self._size)) if given.ndim == 1 else given
        if u.ndim != 2 or u.shape[1] != self._size or not len(u) or not np.isfinite(u).all():
            raise DescriptionError(place, given, expected)
        arrived = np.zeros((PER_OBSERVATION * len(u), self._size))
        arrived[::PER_OBSERVATION] = 1
        run = self.session.run(
            len(arrived) * self.session.dt,
            inputs={"observed": np.repeat(u, PER_OBSERVATION, axis=0), "arrived": arrived},
            progress=False,
        )
        low, high = run.states["belief"], run.states["volatility"]
        found = (low["mu"], low["pi"], low["rate"], high["mu"], high["pi"])
        beliefs = Beliefs(*(np.array(series.array, np.float64) for series in found))
        if not beliefs.volatility_precision.min() > 0:
            raise SimulationError(
                "GaussianFilter: the precision of the volatility became "
                f"{beliefs.volatility_precision.min():.4g}, which is not above 0: the steps it "
                "expects are too large for these observations. Lower omega_volatility or kappa."
            )
        return beliefs

"""The sparse random network of Brunel (2000) at full size, beside NEST and beside theory."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erfcx

import neurosim as ns
from neurosim_models import brunel
from tests.trust.references import measure, over_seeds, reference

pytestmark = [pytest.mark.slow, pytest.mark.compiled]

REGIMES = ("A", "B", "C", "D")
SEEDS = {"A": (1,), "B": (1,), "C": (1,), "D": tuple(range(1, 13))}
"""In D activity comes in slow waves, so that the rate of one second varies by 6 % over seeds: 12 of
them leave 1.8 %. (NEST's three leave 3.3 %.)"""

DURATION = {"A": 300.0, "B": 1000.0, "C": 1000.0, "D": 1000.0}
"""As in NEST, except for A: 100 volleys of all neurons, 3 ms apart, tell as much as 167."""

WIDTHS = (0.1, 1.0, 3.0)
SYNCHRONY = ("fano_0.1ms", "fano_1ms")
"""3 ms bins miss the synchrony of A, which has one volley in each."""


def simulate(regime: str, seed: int) -> dict[str, Any]:
    """Measures of one run with the warm-up of the reference."""
    start = float(reference("brunel")["parameters"]["regimes"][regime]["warm_up_ms"])
    stop = start + DURATION[regime]
    run = ns.run(brunel(regime, seed=seed), stop, threads=1, progress=False)
    found = measure(run, ("exc", "inh"), start, stop, WIDTHS)
    for key, name in (("rate_e_hz", "exc"), ("rate_i_hz", "inh")):
        found[key] = measure(run, (name,), start, stop)["rate_hz"]
    return found


@cache
def simulated(regime: str) -> dict[str, npt.NDArray[np.float64]]:
    """One value per seed of each measure."""
    runs = [simulate(regime, seed) for seed in SEEDS[regime]]
    keys = ("rate_hz", "rate_e_hz", "rate_i_hz", "cv_isi", *SYNCHRONY)
    return {key: np.array([run[key] for run in runs]) for key in keys}


def nest(regime: str, key: str) -> npt.NDArray[np.float64]:
    """One value per seed of NEST."""
    return over_seeds(reference("brunel")["results"][regime], key)


def rates_agree(found: dict[str, npt.NDArray[np.float64]], regime: str) -> bool:
    """Whether the rates of all and of both kinds of neurons are those of a regime in NEST."""
    allowed = 0.05 if regime == "D" else 0.03
    keys = ("rate_hz", "rate_e_hz", "rate_i_hz")
    return all(abs(found[k].mean() / nest(regime, k).mean() - 1) < allowed for k in keys)


def cv_agrees(found: dict[str, npt.NDArray[np.float64]], regime: str) -> bool:
    """Whether the irregularity is that of a regime in NEST.

    The ISI CV varies over seeds by up to 3 % of itself (B): 12 % are 3 to 4 standard errors there.
    In A volleys are all but regular; 0.0009 says no more than that they are.
    """
    expected = nest(regime, "cv_isi").mean()
    return bool(abs(found["cv_isi"].mean() - expected) < max(0.12 * expected, 0.01))


def synchrony_agrees(found: dict[str, npt.NDArray[np.float64]], regime: str) -> bool:
    """Whether the Fano factors of the population are those of a regime in NEST.

    Within 5 standard errors by the spread over the seeds of NEST, at least 10 %.
    """
    for key in SYNCHRONY:
        values = nest(regime, key)
        error = values.std(ddof=1) * math.sqrt(1 / values.size + 1 / found[key].size)
        if abs(found[key].mean() - values.mean()) > max(5 * error, 0.1 * values.mean()):
            return False
    return True


@pytest.mark.parametrize("regime", REGIMES)
def test_rates_are_those_of_nest(regime: str) -> None:
    """Within 3 % (D: 5 %), both kinds of neurons by themselves too."""
    found = simulated(regime)
    print({k: (v.tolist(), nest(regime, k).tolist()) for k, v in found.items()})
    assert rates_agree(found, regime)


@pytest.mark.parametrize("regime", REGIMES)
def test_irregularity_and_synchrony_are_those_of_nest(regime: str) -> None:
    """ISI CV and population Fano factors agree."""
    assert cv_agrees(simulated(regime), regime)
    assert synchrony_agrees(simulated(regime), regime)


@pytest.mark.parametrize("regime", REGIMES)
def test_regimes_are_told_apart(regime: str) -> None:
    """No regime passes for another one, even if nothing but CV and synchrony is looked at."""
    for other in REGIMES:
        if other != regime:
            assert not rates_agree(simulated(regime), other)
            assert not (cv_agrees(simulated(regime), other)
                        and synchrony_agrees(simulated(regime), other))  # fmt: skip


def test_states_are_as_the_paper_names_them() -> None:
    """A is synchronous and regular, the others are irregular; B and D oscillate, C does least."""
    cv = {r: float(simulated(r)["cv_isi"].mean()) for r in REGIMES}
    fano = {r: float(simulated(r)["fano_1ms"].mean()) for r in REGIMES}
    assert cv["A"] < 0.01
    assert all(cv[r] > 0.35 for r in "BCD")
    assert fano["A"] > fano["B"] > fano["D"] > fano["C"] > 1


def siegert(regime: str) -> float:
    """Rate [Hz] at which output and input of a neuron agree in mean-field theory.

    Input is taken as Gaussian white noise of mean mu and s.d. sigma:

        1 / nu = t_ref + tau sqrt(pi) integral from (V_r - mu) / sigma to (theta - mu) / sigma of
                 exp(u^2) (1 + erf u) du

    with exp(u^2) (1 + erf u) = erfcx(-u). Siegert (1951), Phys. Rev. 81:617-623; Brunel (2000),
    eqs. 21 to 23 (without the delay, which has no part in the stationary rate).
    """
    p = reference("brunel")["parameters"]
    g, eta = (float(p["regimes"][regime][k]) for k in ("g", "eta"))
    tau, theta, reset, t_ref = p["tau_m_ms"], p["v_th_mv"], p["v_reset_mv"], p["t_ref_ms"]
    j, c_e, c_i = p["j_mv"], p["c_e"], p["c_i"]
    external = eta * theta / (j * c_e * tau)

    def output(nu: float) -> float:
        mu = tau * j * (c_e * (external + nu) - g * c_i * nu)
        sigma = math.sqrt(tau * j * j * (c_e * (external + nu) + g * g * c_i * nu))
        area, _ = quad(lambda u: erfcx(-u), (reset - mu) / sigma, (theta - mu) / sigma)
        return float(1 / (t_ref + tau * math.sqrt(math.pi) * area))

    # The root with the highest rate: in A and D there is more than one crossing.
    grid = np.linspace(1e-4, 0.999 / t_ref, 4000)
    excess = np.array([output(nu) - nu for nu in grid])
    last = np.flatnonzero((excess[:-1] > 0) & (excess[1:] <= 0))[-1]
    return 1e3 * float(brentq(lambda nu: output(nu) - nu, grid[last], grid[last + 1]))


@pytest.mark.parametrize(
    ("regime", "theory", "deviation"),
    [("A", 327.0, 0.02), ("B", 55.84, 0.05), ("C", 37.95, 0.0), ("D", 6.52, -0.08)],
)
def test_rates_lie_beside_theory_as_expected(regime: str, theory: float, deviation: float) -> None:
    """Mean-field theory ignores synchrony: it is off by +2, +5, 0 and -8 %."""
    expected = siegert(regime)
    assert expected == pytest.approx(theory, rel=1e-3)
    found = simulated(regime)["rate_hz"].mean() / expected - 1
    assert abs(found - deviation) < (0.05 if regime == "D" else 0.03)

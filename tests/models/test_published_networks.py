"""Published networks: sizes, weights, drive and scaling, before any simulation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
import neurosim_models as models
from neurosim_models import brette_2007, brunel_2000, microcircuit, thalamocortical
from tests.oracles import advance

REFERENCES = Path(__file__).parents[2] / "benchmarks" / "references"

SMALL: dict[str, Callable[..., ns.Network]] = {
    "vogels_abbott_cuba": lambda **k: models.vogels_abbott_cuba(scale=0.05, **k),
    "vogels_abbott_coba": lambda **k: models.vogels_abbott_coba(scale=0.05, **k),
    "cobahh": lambda **k: models.cobahh(scale=0.05, **k),
    "brunel": lambda **k: models.brunel("D", scale=0.1, **k),
    "izhikevich_2003": lambda **k: models.izhikevich_2003(**k),
    "potjans_diesmann": lambda **k: models.potjans_diesmann(scale=0.05, **k),
    "song_miller_abbott": lambda **k: models.song_miller_abbott(inputs=100, **k),
    "vogels_sprekeler": lambda **k: models.vogels_sprekeler(scale=0.05, **k),
}
each_network = pytest.mark.parametrize("make", SMALL.values(), ids=SMALL.keys())


@each_network
def test_every_population_records_its_spikes(make: Callable[..., ns.Network]) -> None:
    net = make()
    recorded = {str(r.label) for r in net.recorders if r.variable == "spikes"}
    assert recorded == set(net.populations)


@each_network
def test_the_hash_depends_on_the_seed_alone(make: Callable[..., ns.Network]) -> None:
    assert make().content_hash() == make().content_hash()
    assert make(seed=7).content_hash() == make(seed=7).content_hash() != make().content_hash()


def test_every_function_is_exported_and_listed() -> None:
    from importlib.metadata import entry_points

    listed = {e.name for e in entry_points(group="neurosim.models")}
    if listed:  # only where the package is installed
        # Units of `hopfield` have no spikes, those of pixels are not recorded.
        assert listed == {*SMALL, "hopfield", "diehl_cook"}
    assert all(callable(getattr(models, name)) for name in listed | set(SMALL))


@pytest.mark.parametrize(
    "make",
    [models.vogels_abbott_cuba, models.vogels_abbott_coba, models.cobahh, models.brunel,
     models.potjans_diesmann],
)  # fmt: skip
@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), True, "1", 1e-6])
def test_a_scale_that_cannot_be_meant_is_refused(make: Any, scale: Any) -> None:
    with pytest.raises(ns.DescriptionError, match="scal"):
        make(scale=scale)


def model_of(net: ns.Network, name: str) -> Any:
    return net.populations[name].model


# --- Brette et al. (2007) -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vogels_abbott_cuba", "vogels_abbott_coba", "cobahh"])
@pytest.mark.parametrize("scale", [0.05, 0.5, 1, 5])
def test_balanced_networks_keep_their_indegrees(name: str, scale: float) -> None:
    net = getattr(models, name)(scale=scale)
    assert {n: p.size for n, p in net.populations.items()} == {
        "exc": 3200 * scale, "inh": 800 * scale,
    }  # fmt: skip
    exc, inh = net.projections.values()
    assert exc.expected_connections() == pytest.approx(64 * 4000 * scale)
    assert inh.expected_connections() == pytest.approx(16 * 4000 * scale)
    weights = {"vogels_abbott_cuba": (16.2, -90)}.get(name, (6, 67))
    assert (exc.weight, inh.weight) == weights
    assert (exc.receptor, inh.receptor) == ("exc", "inh")


def test_cuba_and_coba_have_the_published_membrane() -> None:
    for name in ("vogels_abbott_cuba", "vogels_abbott_coba"):
        p = model_of(getattr(models, name)(scale=0.05), "exc").parameter_values
        assert (p["tau_m"], p["C_m"], p["V_th"], p["V_reset"], p["t_ref"]) == (20, 200, -50, -60, 5)
        assert p["C_m"] / p["tau_m"] == 10
        assert (p["tau_exc"], p["tau_inh"]) == (5, 10)
    assert (p["E_exc"], p["E_inh"], p["E_L"]) == (0, -80, -60)


def test_cobahh_is_20000_square_micrometres_of_membrane() -> None:
    p = model_of(models.cobahh(scale=0.05), "inh").parameter_values
    area = 20_000 * 1e-8  # cm^2
    assert p["C_m"] == pytest.approx(1e6 * area)  # 1 uF/cm^2
    assert p["g_L"] == pytest.approx(5e-5 * 1e9 * area)
    assert p["g_Na"] == pytest.approx(100e-3 * 1e9 * area)
    assert p["g_K"] == pytest.approx(30e-3 * 1e9 * area)
    assert (p["E_L"], p["E_K"], p["E_Na"], p["V_T"]) == (-60, -90, 50, -63)


def test_reference_rates_are_those_of_the_reference_file() -> None:
    found = json.loads((REFERENCES / "nest_vogels_abbott.json").read_text())["results"]
    for name, variant in (("vogels_abbott_cuba", "CUBA"), ("vogels_abbott_coba", "COBA")):
        for population, key in (("exc", "rate_e_hz"), ("inh", "rate_i_hz")):
            expected = found[variant]["over_seeds"][key]["mean"]
            told = brette_2007.REFERENCE_RATES[name][population]
            assert told == pytest.approx(expected, rel=3e-3)


# --- Brunel (2000) --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("regime", "g", "eta"), [("A", 3, 2), ("B", 6, 4), ("C", 5, 2), ("D", 4.5, 0.9)]
)
def test_brunel_regimes(regime: str, g: float, eta: float) -> None:
    net = models.brunel(regime)
    assert {n: p.size for n, p in net.populations.items()} == {"exc": 10_000, "inh": 2_500}
    exc, inh = net.projections.values()
    assert exc.expected_connections() == 12_500 * 1000
    assert inh.expected_connections() == 12_500 * 250
    assert exc.weight == 0.1
    assert inh.weight == pytest.approx(-g * 0.1)
    assert exc.delay == inh.delay == 1.5
    (drive,) = net.drives
    assert drive.weight == 0.1
    # Mean external input eta * V_th: rate J tau = eta * 20 mV.
    assert drive.source.rate * 1e-3 * 0.1 * 20 == pytest.approx(eta * 20)
    p = model_of(net, "exc").parameter_values
    assert (p["tau_m"], p["V_th"], p["V_reset"], p["t_ref"], p["E_L"]) == (20, 20, 10, 2, 0)


def test_brunel_rates_are_told_for_every_regime() -> None:
    assert set(brunel_2000.REFERENCE_RATES) == set(brunel_2000.REGIMES)
    found = json.loads((REFERENCES / "nest_brunel.json").read_text())["results"]
    for regime, told in brunel_2000.REFERENCE_RATES.items():
        expected = found[regime]["over_seeds"]["rate_hz"]["mean"]
        assert told == pytest.approx(expected, rel=2e-3)
    with pytest.raises(ns.UnknownNameError, match="regime"):
        models.brunel("E")


# --- Izhikevich (2003) ----------------------------------------------------------------------------


inputs = st.floats(-20, 20)


@given(v=st.floats(-90, 29.9), u=inputs, noise=inputs, spikes=inputs)
@settings(max_examples=50)
def test_a_step_is_one_of_the_script(v: float, u: float, noise: float, spikes: float) -> None:
    model = thalamocortical._model(a=0.02, b=0.2, c=-65.0, d=8.0)
    found = advance(
        model.spec(), {"V_m": v, "u": u}, dict(model.parameters), 1.0,
        inputs={"pulse": spikes, "I_injected": noise},
    )  # fmt: skip
    current = noise + spikes
    v = v + 0.5 * (0.04 * v**2 + 5 * v + 140 - u + current)
    v = v + 0.5 * (0.04 * v**2 + 5 * v + 140 - u + current)
    u = u + 0.02 * (0.2 * v - u)
    assert found == pytest.approx({"V_m": v, "u": u}, rel=1e-12, abs=1e-9)


def test_izhikevich_parameters_spread_as_published() -> None:
    net = models.izhikevich_2003(seed=3)
    exc = model_of(net, "exc").parameters
    inh = model_of(net, "inh").parameters
    r2 = (np.asarray(exc["c"]) + 65) / 15
    assert r2.shape == (800,)
    assert np.all((r2 >= 0) & (r2 < 1))
    np.testing.assert_allclose(exc["d"], 8 - 6 * r2)
    r = (np.asarray(inh["a"]) - 0.02) / 0.08
    np.testing.assert_allclose(inh["b"], 0.25 - 0.05 * r)
    assert len(np.unique(r)) == 200
    assert net.estimate().synapses == 1_000_000
    sd = {i.target.label: (i.current.sd, i.current.dt) for i in net.injections}  # type: ignore[attr-defined]
    assert sd == {"exc": (5, 1), "inh": (2, 1)}


# --- Potjans & Diesmann (2014) --------------------------------------------------------------------


def test_the_full_circuit_has_the_published_size() -> None:
    net = models.potjans_diesmann()
    assert net.size == 77_169
    assert net.estimate().synapses == pytest.approx(298.88e6, rel=1e-4)
    assert len(net.projections) == 55  # pairs with a probability above 0
    assert set(microcircuit.PUBLISHED_RATES) == set(net.populations)


def test_synapse_numbers_give_the_published_probabilities() -> None:
    full = microcircuit.sizes(1, 1, "poisson")
    n = np.array(microcircuit.NEURONS, dtype=float)
    pairs = np.outer(n, n)
    # A pair that K draws with replacement all miss is not connected.
    found = -np.expm1(full.synapses * np.log1p(-1 / pairs))
    np.testing.assert_allclose(found, microcircuit.PROBABILITIES, atol=5e-7)


def test_the_weight_makes_the_published_potential() -> None:
    weight = microcircuit.postsynaptic_current(0.15)
    assert weight == pytest.approx(87.81, abs=0.005)
    # Forward Euler of one postsynaptic potential.
    dt, v, peak, current = 1e-4, 0.0, 0.0, weight
    for _ in range(60_000):
        v, current = v + dt * (-v / 10 + current / 250), current - dt * current / 0.5
        peak = max(peak, v)
    assert peak == pytest.approx(0.15, rel=1e-3)


def test_weights_delays_and_drive_are_as_published() -> None:
    net = models.potjans_diesmann()
    for name, projection in net.projections.items():
        source, target = name.split("->")
        mean = 87.81 * (-4 if source.endswith("I") else 1)
        mean *= 2 if (source, target) == ("L4E", "L23E") else 1
        weight: Any = projection.weight
        delay: Any = projection.delay
        assert weight.mean == pytest.approx(mean, abs=0.05)
        assert weight.sd == pytest.approx(abs(weight.mean) / 10)
        assert weight.redraw == ((0, None) if mean > 0 else (None, 0))
        assert (delay.mean, delay.sd) == ((1.5, 0.75) if mean > 0 else (0.75, 0.375))
        assert delay.redraw == (0.1, None)
    rates = {d.target.label: d.source.rate for d in net.drives}
    expected = np.array(microcircuit.EXTERNAL_INDEGREES) * 8.0
    assert list(rates.values()) == expected.tolist()
    assert all(d.weight == pytest.approx(87.81, abs=0.005) for d in net.drives)
    assert {p.model.parameter_values["I_e"] for p in net.populations.values()} == {0.0}


def test_scaled_sizes_are_those_of_the_reference_file() -> None:
    document = json.loads((REFERENCES / "nest_microcircuit_0.1.json").read_text())
    reference = document["parameters"]["scaled"]
    size = microcircuit.sizes(0.1, 0.1, "poisson")
    assert size.neurons.tolist() == reference["neurons"]
    assert size.synapses.tolist() == reference["synapses"]
    np.testing.assert_allclose(size.weights, reference["weights_pa"], rtol=1e-5)
    np.testing.assert_allclose(size.current, reference["dc_pa"], rtol=1e-5)
    rates = microcircuit.EXTERNAL_RATE * size.external_indegrees
    np.testing.assert_allclose(rates, reference["external_rate_hz"])


@given(n=st.floats(0.05, 1), k=st.floats(0.05, 1), drive=st.sampled_from(["poisson", "dc"]))
@settings(max_examples=40)
def test_scaling_keeps_mean_and_variance_of_the_input(n: float, k: float, drive: str) -> None:
    full, small = microcircuit.sizes(1, 1, drive), microcircuit.sizes(n, k, drive)
    rates = np.array(microcircuit.RATES_FOR_SCALING)

    def moments(size: microcircuit.Sizes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean current [pA], the sum of its parts regardless of sign, and the variance."""
        weights = np.column_stack([size.weights, np.full(8, size.external_weight)])
        indegrees = size.synapses / size.neurons[:, None]
        external = size.external_indegrees * (drive == "poisson")
        inputs = np.column_stack(
            [indegrees * rates, external * microcircuit.EXTERNAL_RATE]
        )  # spikes per second and neuron
        charge = 1e-3 * microcircuit.TAU_SYN
        mean = charge * (inputs * weights).sum(axis=1) + size.current
        gross = charge * (inputs * np.abs(weights)).sum(axis=1)
        return mean, gross, (inputs * weights**2).sum(axis=1)

    (mean, gross, variance), (mean_small, _, variance_small) = moments(full), moments(small)
    # Neurons and synapses are whole numbers: 53 for 53.25 in L5I at a scale of 0.05.
    assert np.all(np.abs(mean_small - mean) < 0.01 * gross)
    np.testing.assert_allclose(variance_small, variance, rtol=0.01)


def test_dc_drive_replaces_the_mean_of_the_poisson_drive() -> None:
    net = models.potjans_diesmann(drive="dc")
    assert not net.drives
    current = [p.model.parameter_values["I_e"] for p in net.populations.values()]
    expected = np.array(microcircuit.EXTERNAL_INDEGREES) * 8 * 87.81 * 1e-3 * 0.5
    np.testing.assert_allclose(current, expected, rtol=1e-4)
    with pytest.raises(ns.UnknownNameError, match="drive"):
        models.potjans_diesmann(drive="ac")  # type: ignore[arg-type]


def test_neurons_and_indegrees_scale_apart() -> None:
    net = models.potjans_diesmann(N_scaling=0.2, K_scaling=0.5, dt=0.05)
    full = models.potjans_diesmann()
    assert net.size == pytest.approx(0.2 * full.size, abs=8)
    assert net.estimate().synapses == pytest.approx(0.1 * full.estimate().synapses, rel=1e-4)
    delays: list[Any] = [p.delay for p in net.projections.values()]
    assert all(delay.redraw == (0.05, None) for delay in delays)

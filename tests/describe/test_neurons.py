"""Built-in neurons: what they say of themselves, and what their equations are.

Every right-hand side is compared with the formula of its paper, written here once more in plain
numbers.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim.describe.model_protocol import Model
from neurosim.describe.neurons import Neuron
from neurosim.describe.synapses import Pulse
from tests.oracles import after_reset, right_hand_side, value_of

EVERY_RECEPTOR = ns.Receptors(
    ns.ExpConductance(),
    nmda=ns.NMDA(),
    gap=ns.GapJunction(),
    delta=ns.Delta(),
    pulse=Pulse(),
    slow=ns.AlphaCurrent.receptor(tau=20),
    gaba=ns.BetaConductance.receptor(rise=1, decay=8, E=-75),
    glycine=ns.AlphaConductance.receptor(tau=3, E=-85),
)

MODELS: dict[str, Neuron] = {
    "LIF": ns.LIF(),
    "LIF, subtract": ns.LIF(reset="subtract"),
    "LIF, zero": ns.LIF(E_L=0, V_th=1, reset="zero"),
    "LIF, delta": ns.LIF(synapses=ns.Delta()),
    "LIF, none": ns.LIF(synapses=None),
    "LIF, alpha": ns.LIF(synapses=ns.AlphaCurrent()),
    "LIF, conductances": ns.LIF(synapses=ns.ExpConductance()),
    "LIF, alpha conductances": ns.LIF(synapses=ns.AlphaConductance()),
    "LIF, beta conductances": ns.LIF(synapses=ns.BetaConductance()),
    "LIF, every receptor": ns.LIF(synapses=EVERY_RECEPTOR),
    "PerfectIntegrator": ns.PerfectIntegrator(),
    "TwoCompartment": ns.TwoCompartment(),
    "TwoCompartment, mixed": ns.TwoCompartment(synapses=None, dendrite=ns.NMDA()),
    "Parrot": ns.Parrot(),
    "ExponentialIF": ns.ExponentialIF(),
    "AdEx": ns.AdEx(),
    "QuadraticIF": ns.QuadraticIF(),
    "Izhikevich": ns.Izhikevich(),
    "Izhikevich, conductances": ns.Izhikevich(synapses=ns.ExpConductance(), method="rk4"),
    "HodgkinHuxley": ns.HodgkinHuxley(),
    "TraubMiles": ns.TraubMiles(),
    "MorrisLecar": ns.MorrisLecar(),
    "FitzHughNagumo": ns.FitzHughNagumo(),
    "GIF": ns.GIF(),
    "TraubMiles, rk4": ns.TraubMiles(method="rk4"),
    "GIF, plain": ns.GIF(q_stc=(), tau_stc=(), q_sfa=(), tau_sfa=()),
}

each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


@each_model
def test_what_a_model_tells_cheaply_is_what_its_equations_say(model: Neuron) -> None:
    spec = model.neuron_model().spec()
    assert isinstance(model, Model)
    assert tuple(model.state_units) == spec.states
    assert dict(spec.units) == {**model.state_units, **model.parameter_units}
    assert set(model.parameter_values) == set(spec.parameters)
    told = [(r.name, r.unit, r.nonnegative) for r in model.receptors]
    assert told == [(r.name, r.unit, r.nonnegative) for r in spec.receptors]
    assert [c.name for c in model.couplings] == [c.name for c in spec.couplings]
    assert model.injectable == spec.injectable
    assert model.emits_spikes == (spec.threshold is not None or spec.hazard is not None)


@each_model
def test_retyped_text_is_the_same_model(model: Neuron) -> None:
    text = model.text()
    retyped = ns.NeuronModel(
        "mine",
        equations=text.equations,
        threshold=text.threshold,
        reset=text.reset,
        refractory=text.refractory,
        hazard=text.hazard,
        multiplicity=text.multiplicity,
        method=text.method,
        inputs={i.name: i.action for i in text.inlets},
        parameters=dict(model.parameter_values),
        initial=text.initial,
    )
    own = model.neuron_model()
    assert retyped.spec().source_text == own.spec().source_text
    assert retyped.spec().program == own.spec().program
    assert dict(retyped.initial) == dict(own.initial)


@each_model
def test_values_compare_copy_and_print(model: Neuron) -> None:
    again = pickle.loads(pickle.dumps(model))
    assert again == model
    assert hash(again) == hash(model)
    assert repr(again) == repr(model)
    assert repr(model).startswith(type(model).__name__)
    with pytest.raises((AttributeError, TypeError)):
        model.synapses = None  # type: ignore[misc]


def test_the_methods_are_the_best_that_fit() -> None:
    chosen = {name: m.neuron_model().spec().method for name, m in MODELS.items()}
    assert {n for n, m in chosen.items() if m == "exact"} >= {
        "LIF", "LIF, alpha", "LIF, delta", "PerfectIntegrator", "TwoCompartment", "GIF",
    }  # fmt: skip
    assert chosen["LIF, conductances"] == chosen["TraubMiles"] == "exponential_euler"
    assert chosen["HodgkinHuxley"] == "exponential_euler"
    assert chosen["AdEx"] == chosen["MorrisLecar"] == "rk4"
    assert chosen["Izhikevich"] == "euler"


def test_the_method_can_be_chosen() -> None:
    assert ns.TraubMiles(method="rk4").neuron_model().spec().method == "rk4"
    assert ns.Izhikevich(method=None).neuron_model().spec().method == "rk4"
    assert ns.LIF(method="exponential_euler").neuron_model().spec().method == "exponential_euler"
    with pytest.raises(ns.EquationError, match="exact"):
        ns.AdEx(method="exact").neuron_model()


# --- the equations --------------------------------------------------------------------------------


def rhs(model: Neuron, **states: float) -> dict[str, float]:
    """Derivatives of a model, states not given being 0."""
    spec = model.neuron_model().spec()
    parameters = {**model.parameter_values, **{c.symbol: 0.0 for c in spec.couplings}}
    return right_hand_side(spec, {**dict.fromkeys(spec.states, 0.0), **states}, parameters)


def agree(found: Mapping[str, float], expected: Mapping[str, float]) -> None:
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-11, abs=1e-11), name


volts = st.floats(-100, 60)
currents = st.floats(-500, 500)
conductances = st.floats(0, 100)
fractions = st.floats(0, 1)


@given(v=volts, e=currents, i=currents)
def test_lif(v: float, e: float, i: float) -> None:
    model = ns.LIF(tau_m=20, C_m=200, E_L=-60, I_e=30, synapses=ns.ExpCurrent(exc=5, inh=10))
    found = rhs(model, V_m=v, I_exc=e, I_inh=i)
    agree(found, {"V_m": (-60 - v) / 20 + (e + i + 30) / 200, "I_exc": -e / 5, "I_inh": -i / 10})


@given(v=volts, e=conductances, i=conductances)
def test_lif_with_conductances(v: float, e: float, i: float) -> None:
    synapses = ns.ExpConductance(exc=5, inh=10, E_exc=0, E_inh=-80)
    model = ns.LIF(tau_m=20, C_m=200, E_L=-60, synapses=synapses)
    found = rhs(model, V_m=v, g_exc=e, g_inh=i)
    agree(found, {"V_m": (-60 - v) / 20 + (e * (0 - v) + i * (-80 - v)) / 200})


@given(v=volts, g=conductances, Mg=st.floats(0, 4))
def test_nmda_block(v: float, g: float, Mg: float) -> None:
    model = ns.LIF(tau_m=10, C_m=250, E_L=-70, synapses=ns.NMDA(E=3, Mg=Mg))
    block = 1 / (1 + Mg / 3.57 * math.exp(-0.062 * v))
    agree(rhs(model, V_m=v, g_nmda=g), {"V_m": (-70 - v) / 10 + g * block * (3 - v) / 250})


def test_nmda_is_blocked_at_rest_and_open_at_0_mV() -> None:
    at = {v: rhs(ns.LIF(E_L=v, synapses=ns.NMDA(E=100)), V_m=v, g_nmda=1.0) for v in (-70, 0)}
    assert at[-70]["V_m"] < 0.05 * 170 / 250
    assert at[0]["V_m"] > 0.75 * 100 / 250


@given(v=volts, d=volts, i=currents, j=currents)
def test_two_compartments(v: float, d: float, i: float, j: float) -> None:
    found = rhs(ns.TwoCompartment(), V_m=v, V_d=d, I_exc=i, I_dendrite_inh=j)
    soma = (5 * (-70 - v) + 10 * (d - v) + i) / 100
    agree(found, {"V_m": soma, "V_d": (7.5 * (-70 - d) + 10 * (v - d) + j) / 150})


@given(v=st.floats(-100, 40), w=currents, i=currents)
def test_adex(v: float, w: float, i: float) -> None:
    model = ns.AdEx()
    capped = min(v, 20)
    upstroke = 30 * 2 * math.exp((capped + 50.4) / 2)
    found = rhs(model, V_m=v, w=w, I_exc=i)
    agree(
        found,
        {"V_m": (30 * (-70.6 - capped) + upstroke - w + i) / 281,
         "w": (4 * (capped + 70.6) - w) / 144},
    )  # fmt: skip


@given(v=st.floats(-100, 0), i=currents)
def test_exponential_and_quadratic(v: float, i: float) -> None:
    capped = min(v, -30)
    upstroke = 20 * 3.48 * math.exp((capped + 59.9) / 3.48)
    eif = (20 * (-65 - capped) + upstroke + i) / 200
    agree(rhs(ns.ExponentialIF(), V_m=v, I_inh=i), {"V_m": eif})
    agree(rhs(ns.QuadraticIF(), V_m=v, I_exc=i), {"V_m": (1.5 * (v + 65) * (v + 50) + i) / 250})


@given(v=volts, u=st.floats(-30, 30))
def test_izhikevich(v: float, u: float) -> None:
    found = rhs(ns.Izhikevich(I_e=10), V_m=v, u=u)
    agree(found, {"V_m": 0.04 * v**2 + 5 * v + 140 - u + 10, "u": 0.02 * (0.2 * v - u)})


def quotient(x: float, y: float) -> float:
    """x / (1 - exp(-x / y)), continued where it is 0 / 0."""
    return y if x == 0 else x / -math.expm1(-x / y)


@given(v=st.one_of(volts, st.sampled_from([-40.0, -55.0])), m=fractions, h=fractions, n=fractions)
def test_hodgkin_huxley(v: float, m: float, h: float, n: float) -> None:
    current = 30 * (-54.387 - v) + 12000 * m**3 * h * (50 - v) + 3600 * n**4 * (-77 - v) + 7
    found = rhs(ns.HodgkinHuxley(I_e=7), V_m=v, m=m, h=h, n=n)
    expected = {
        "V_m": current / 100,
        "m": 0.1 * quotient(v + 40, 10) * (1 - m) - 4 * math.exp(-(v + 65) / 18) * m,
        "h": 0.07 * math.exp(-(v + 65) / 20) * (1 - h) - h / (1 + math.exp(-(v + 35) / 10)),
        "n": 0.01 * quotient(v + 55, 10) * (1 - n) - 0.125 * math.exp(-(v + 65) / 80) * n,
    }
    agree(found, expected)


@given(
    v=st.one_of(volts, st.sampled_from([-50.0, -48.0, -23.0])),
    m=fractions,
    h=fractions,
    n=fractions,
)
def test_traub_miles(v: float, m: float, h: float, n: float) -> None:
    u = v + 63
    current = 10 * (-60 - v) + 20000 * m**3 * h * (50 - v) + 6000 * n**4 * (-90 - v)
    alpha_m, beta_m = 0.32 * quotient(u - 13, 4), 0.28 * quotient(40 - u, 5)
    alpha_n, beta_n = 0.032 * quotient(u - 15, 5), 0.5 * math.exp((10 - u) / 40)
    alpha_h, beta_h = 0.128 * math.exp((17 - u) / 18), 4 / (1 + math.exp((40 - u) / 5))
    expected = {
        "V_m": current / 200,
        "m": alpha_m * (1 - m) - beta_m * m,
        "h": alpha_h * (1 - h) - beta_h * h,
        "n": alpha_n * (1 - n) - beta_n * n,
    }
    agree(rhs(ns.TraubMiles(), V_m=v, m=m, h=h, n=n), expected)


@given(v=volts, n=fractions)
def test_morris_lecar(v: float, n: float) -> None:
    m = (1 + math.tanh((v + 1.2) / 18)) / 2
    n_inf = (1 + math.tanh((v - 2) / 30)) / 2
    current = 2 * (-60 - v) + 4.4 * m * (120 - v) + 8 * n * (-84 - v) + 90
    rate = 0.04 * math.cosh((v - 2) / 60)
    agree(rhs(ns.MorrisLecar(I_e=90), V_m=v, n=n), {"V_m": current / 20, "n": rate * (n_inf - n)})


@given(v=st.floats(-3, 3), w=st.floats(-3, 3))
def test_fitzhugh_nagumo(v: float, w: float) -> None:
    found = rhs(ns.FitzHughNagumo(I_e=0.5), v=v, w=w)
    agree(found, {"v": v - v**3 / 3 - w + 0.5, "w": 0.08 * (v + 0.7 - 0.8 * w)})


@given(v=volts, i=currents, j=currents, s=st.floats(0, 30))
def test_gif(v: float, i: float, j: float, s: float) -> None:
    model = ns.GIF()
    found = rhs(model, V_m=v, I_stc_1=i, I_stc_2=j, V_sfa_1=s)
    expected = {
        "V_m": (3.7 * (-67 - v) - i - j) / 83.1,
        "I_stc_1": -i / 57.8,
        "I_stc_2": -j / 218.2,
        "V_sfa_1": -s / 53.8,
    }
    agree(found, expected)
    spec = model.neuron_model().spec()
    names = {**model.parameter_values, "V_m": v, "V_sfa_1": s, "V_sfa_2": 2.0}
    hazard = value_of(spec.hazard, names)
    assert hazard == pytest.approx(0.001 * math.exp((v + 39.6 - s - 2) / 1.4), rel=1e-9)


REST = ("HodgkinHuxley", "MorrisLecar", "FitzHughNagumo", "LIF", "AdEx", "TwoCompartment", "GIF")


@pytest.mark.parametrize("name", REST)
def test_models_start_at_rest(name: str) -> None:
    model = MODELS[name]
    spec = model.neuron_model().spec()
    start = {
        s: model.parameter_values[v] if isinstance(v, str) else v for s, v in spec.initial.items()
    }
    for state, slope in right_hand_side(spec, start, dict(model.parameter_values)).items():
        # At E_L the exponential of AdEx is not quite 0; -65 mV is the squid axon's rest rounded.
        assert abs(slope) < 5e-3, state


def test_gates_of_traub_miles_start_in_equilibrium() -> None:
    spec = MODELS["TraubMiles"].neuron_model().spec()
    gates = {g: float(spec.initial[g]) for g in ("m", "h", "n")}
    found = rhs(MODELS["TraubMiles"], V_m=-60.0, **gates)
    assert max(abs(found[g]) for g in gates) < 1e-12


# --- resets ---------------------------------------------------------------------------------------


def reset(model: Neuron, **states: float) -> dict[str, float]:
    spec = model.neuron_model().spec()
    return after_reset(
        spec, {**dict.fromkeys(spec.states, 0.0), **states}, dict(model.parameter_values)
    )


def test_resets() -> None:
    assert reset(ns.LIF(V_reset=-60), V_m=-40)["V_m"] == -60
    soft = ns.LIF(V_th=-50, V_reset=-60, reset="subtract")
    assert reset(soft, V_m=-47)["V_m"] == -57
    assert reset(ns.LIF(E_L=0, V_th=1, reset="zero"), V_m=1.5)["V_m"] == 0
    assert reset(ns.PerfectIntegrator(V_th=1), V_m=1.25)["V_m"] == 0.25
    after = reset(ns.AdEx(), V_m=25, w=10)
    assert (after["V_m"], after["w"]) == (-70.6, 90.5)
    after = reset(ns.Izhikevich(), V_m=31, u=-3)
    assert (after["V_m"], after["u"]) == (-65, 5)
    after = reset(ns.GIF(), V_m=-30, I_stc_2=1.0)
    expected = {"V_m": -36.7, "I_stc_1": 56.7, "I_stc_2": -5.9, "V_sfa_1": 11.7, "V_sfa_2": 1.8}
    assert {k: after[k] for k in expected} == pytest.approx(expected)


def test_a_parrot_passes_whole_spikes_on_and_keeps_fractions() -> None:
    spec = ns.Parrot().neuron_model().spec()
    assert value_of(spec.multiplicity, {"count": 2.5}) == 2
    assert reset(ns.Parrot(), count=2.5)["count"] == 0.5
    assert value_of(spec.threshold, {"count": 1.0})
    assert not value_of(spec.threshold, {"count": 0.9})


# --- per-neuron parameters ------------------------------------------------------------------------


def test_parameters_may_be_texts_arrays_and_distributions() -> None:
    assert ns.LIF(tau_m="20 ms") == ns.LIF(tau_m=20) == ns.LIF(tau_m=np.float32(20))
    model = ns.LIF(C_m=[100, 200, 300], V_th=ns.Normal("-50 mV", "1 mV"))
    assert model.parameter_values["C_m"].tolist() == [100, 200, 300]
    assert not model.parameter_values["C_m"].flags.writeable
    assert model == ns.LIF(C_m=np.array([100.0, 200, 300]), V_th=ns.Normal(-50, 1))
    assert model != ns.LIF(C_m=[100, 200, 301], V_th=ns.Normal(-50, 1))
    assert set(model.neuron_model().spec().defaults) == set(model.parameter_values) - {
        "C_m",
        "V_th",
    }


def test_the_callers_array_stays_the_callers() -> None:
    given_array = np.array([100.0, 200.0])
    model = ns.LIF(C_m=given_array)
    given_array[0] = np.nan
    assert model.C_m[0] == 100
    assert given_array.flags.writeable


# --- refusals -------------------------------------------------------------------------------------

untyped: Any = ns
"""neurosim, without the type checker seeing what is wrong below."""

REFUSED: list[tuple[str, Any]] = [
    ("LIF.tau_m", lambda: untyped.LIF(tau_m=0)),
    ("LIF.tau_m", lambda: untyped.LIF(tau_m=-1)),
    ("LIF.tau_m", lambda: untyped.LIF(tau_m=[10, 0, 10])),
    ("LIF.tau_m", lambda: untyped.LIF(tau_m=untyped.Normal(20, 1))),
    ("LIF.tau_m", lambda: untyped.LIF(tau_m=untyped.Normal(20, 1, clip=(0, None)))),
    ("LIF.t_ref", lambda: untyped.LIF(t_ref=-0.1)),
    ("LIF.C_m", lambda: untyped.LIF(C_m=math.nan)),
    ("LIF.C_m", lambda: untyped.LIF(C_m=[1.0, math.inf])),
    ("LIF.C_m", lambda: untyped.LIF(C_m="20 ms")),
    ("LIF.C_m", lambda: untyped.LIF(C_m=True)),
    ("LIF.C_m", lambda: untyped.LIF(C_m=None)),
    ("LIF.C_m", lambda: untyped.LIF(C_m=1 + 2j)),
    ("LIF.C_m", lambda: untyped.LIF(C_m=[])),
    ("LIF.V_reset", lambda: untyped.LIF(V_reset=-55, V_th=-55)),
    ("LIF.V_reset", lambda: untyped.LIF(V_reset=[-70, -50])),
    ("LIF.C_m", lambda: untyped.LIF(C_m=[1, 2, 3], tau_m=[1, 2])),
    ("LIF.reset", lambda: untyped.LIF(reset="soft")),
    ("LIF: argument", lambda: untyped.LIF(tau=20)),
    ("LIF", lambda: untyped.LIF(20)),
    ("LIF.synapses", lambda: untyped.LIF(synapses=untyped.ExpCurrent)),
    ("LIF.synapses", lambda: untyped.LIF(synapses="exp")),
    (
        "LIF.synapses",
        lambda: untyped.LIF(synapses=untyped.Receptors(m=untyped.ExpCurrent.receptor())).text(),
    ),
    ("ExpCurrent.exc", lambda: untyped.ExpCurrent(exc=0)),
    ("Receptors.a", lambda: untyped.Receptors(a=untyped.ExpCurrent())),
    ("Receptors", lambda: untyped.Receptors()),
    ("Receptors", lambda: untyped.Receptors(untyped.ExpCurrent(), exc=untyped.NMDA())),
    ("Receptors", lambda: untyped.Receptors(untyped.LIF())),
    ("Receptors", lambda: untyped.Receptors(**{"not a name": untyped.NMDA()})),
    ("AdEx.V_peak", lambda: untyped.AdEx(V_peak=200)),
    ("AdEx.V_reset", lambda: untyped.AdEx(V_reset=30)),
    ("ExponentialIF.V_peak", lambda: untyped.ExponentialIF(Delta_T=0.1)),
    ("Izhikevich.method", lambda: untyped.Izhikevich(method="midpoint")),
    ("GIF.tau_sfa", lambda: untyped.GIF(tau_sfa=(1, 2, 3))),
    ("GIF.tau_sfa", lambda: untyped.GIF(tau_sfa=(1, -2))),
    ("GIF.q_stc", lambda: untyped.GIF(q_stc=untyped.Normal(0, 1))),
    ("FitzHughNagumo.synapses", lambda: untyped.FitzHughNagumo(synapses=untyped.ExpConductance())),
    ("FitzHughNagumo.synapses", lambda: untyped.FitzHughNagumo(synapses=untyped.Delta())),
    ("Parrot.synapses", lambda: untyped.Parrot(synapses=untyped.Delta())),
    ("TwoCompartment.dendrite", lambda: untyped.TwoCompartment(dendrite=3)),
]


@pytest.mark.parametrize(("place", "make"), REFUSED)
def test_nonsense_is_refused_where_it_is_written(place: str, make: Any) -> None:
    with pytest.raises(ns.DescriptionError) as caught:
        make()
    assert caught.value.place.startswith(place)


def test_a_misspelt_parameter_is_recognised() -> None:
    with pytest.raises(ns.UnknownNameError, match="Did you mean 'V_reset'"):
        untyped.LIF(V_rest=-70)


kinds_of_rubbish = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.complex_numbers(),
    st.floats(),
    st.integers(),
    st.lists(st.one_of(st.floats(), st.none(), st.text(max_size=2)), max_size=3),
    st.dictionaries(st.text(max_size=2), st.floats(), max_size=1),
)


@given(model=st.sampled_from([ns.LIF, ns.AdEx, ns.GIF, ns.MorrisLecar]), value=kinds_of_rubbish)
def test_whatever_passes_is_finite_numbers(model: Any, value: Any) -> None:
    try:
        made = model(C_m=value)
    except ns.NeurosimError:
        return
    values = np.asarray(made.parameter_values["C_m"])
    assert values.dtype == np.float64
    assert ((values > 0) & np.isfinite(values)).all()

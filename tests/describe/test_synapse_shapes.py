"""Synapses: the course of a single postsynaptic current or conductance, from its text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim.engine.generate import generate
from tests.oracles import right_hand_side

times = st.floats(0.05, 200)


def course(receptor: Any, t: float, output: str) -> float:
    """Value of `output` a time t after one spike of weight 1, by a matrix exponential."""
    from scipy.linalg import expm

    model = ns.LIF(synapses=ns.Receptors(r=receptor))
    spec = model.neuron_model().spec()
    names = [s for s in spec.states if s != "V_m"]
    system = np.zeros((len(names), len(names)))
    for column, name in enumerate(names):
        unit = {s: float(s == name) for s in spec.states}
        slopes = right_hand_side(spec, unit, dict(model.parameter_values))
        system[:, column] = [slopes[row] for row in names]
    start = np.array([float(name == spec.receptors[0].target) for name in names])
    return float((expm(system * t) @ start)[names.index(output)])


@settings(max_examples=50)
@given(tau=times, t=times)
def test_exponential(tau: float, t: float) -> None:
    expected = pytest.approx(math.exp(-t / tau), rel=1e-9, abs=1e-12)
    assert course(ns.ExpCurrent.receptor(tau=tau), t, "I_r") == expected
    assert course(ns.ExpConductance.receptor(tau=tau), t, "g_r") == expected


@settings(max_examples=50)
@given(tau=times, t=times)
def test_alpha_peaks_at_the_weight_after_tau(tau: float, t: float) -> None:
    expected = pytest.approx(t / tau * math.exp(1 - t / tau), rel=1e-9, abs=1e-12)
    assert course(ns.AlphaCurrent.receptor(tau=tau), t, "I_r") == expected
    assert course(ns.AlphaConductance.receptor(tau=tau), t, "g_r") == expected
    assert course(ns.AlphaCurrent.receptor(tau=tau), tau, "I_r") == pytest.approx(1, rel=1e-9)


def time_of_peak(rise: float, decay: float) -> float:
    difference = math.log(decay / rise)
    return rise if abs(difference) < 1e-9 else difference / (1 / rise - 1 / decay)


@given(
    rise=st.floats(0.1, 20),
    ratio=st.one_of(st.floats(0.05, 50), st.sampled_from([1.0, 1 + 1e-12, 1 - 1e-7, 1 + 1e-4])),
)
@pytest.mark.parametrize("kind", [ns.BetaConductance.receptor, ns.NMDA])
def test_beta_peaks_at_the_weight(kind: Any, rise: float, ratio: float) -> None:
    decay = rise * ratio
    receptor = kind(rise=rise, decay=decay)
    peak = time_of_peak(rise, decay)
    assert course(receptor, peak, "g_r") == pytest.approx(1, rel=1e-8)
    assert course(receptor, 0.8 * peak, "g_r") < 1
    assert course(receptor, 1.2 * peak, "g_r") < 1


@settings(max_examples=50)
@given(rise=st.floats(0.1, 5), ratio=st.floats(1.1, 50), t=times)
def test_beta_is_a_difference_of_exponentials(rise: float, ratio: float, t: float) -> None:
    decay = rise * ratio

    def shape(time: float) -> float:
        return math.exp(-time / decay) - math.exp(-time / rise)

    expected = shape(t) / shape(time_of_peak(rise, decay))
    found = course(ns.BetaConductance.receptor(rise=rise, decay=decay), t, "g_r")
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-12)


def test_pairs_are_the_receptors_they_are_made_of() -> None:
    pair = ns.ExpConductance(exc=2, inh=7, E_exc=1, E_inh=-70)
    named = ns.Receptors(
        exc=ns.ExpConductance.receptor(tau=2, E=1), inh=ns.ExpConductance.receptor(tau=7, E=-70)
    )
    assert ns.LIF(synapses=pair).text() == ns.LIF(synapses=named).text()
    assert ns.Receptors(pair) == named


def test_single_receptors_have_names_of_their_own() -> None:
    names = {
        "delta": ns.Delta(), "nmda": ns.NMDA(), "syn": ns.ExpCurrent.receptor(tau=0.5),
    }  # fmt: skip
    for name, synapses in names.items():
        assert [r.name for r in ns.LIF(synapses=synapses).receptors] == [name]
    gap = ns.LIF(synapses=ns.GapJunction())
    assert not gap.receptors
    assert [c.name for c in gap.couplings] == ["gap"]


def test_conductances_refuse_negative_weights_and_currents_do_not() -> None:
    def refuses(synapses: Any) -> list[bool]:
        return [r.nonnegative for r in ns.LIF(synapses=synapses).receptors]

    for conductance in (ns.ExpConductance(), ns.AlphaConductance(), ns.BetaConductance()):
        assert refuses(conductance) == [True, True]
    assert refuses(ns.NMDA()) == [True]
    for current in (ns.ExpCurrent(), ns.AlphaCurrent()):
        assert refuses(current) == [False, False]
    assert refuses(ns.Delta()) == [False]


def test_receptors_named_by_a_program() -> None:
    by_name: dict[str, Any] = {f"r{k}": ns.ExpCurrent.receptor(tau=1 + k) for k in range(3)}
    assert ns.Receptors(named=by_name) == ns.Receptors(**by_name)
    assert ns.Receptors(named=tuple(by_name.items())) == ns.Receptors(**by_name)
    for wrong in (ns.NMDA(), 3, ["r0"], [("r0",)], [(1, ns.NMDA())], {"r": 3}):
        with pytest.raises(ns.DescriptionError, match="Receptors"):
            ns.Receptors(named=wrong)  # type: ignore[arg-type]


def test_networks_with_many_receptors_hash_and_go_through_files(tmp_path: Any) -> None:
    def network(decay: float) -> ns.Network:
        net = ns.Network("many")
        synapses = ns.Receptors(ns.ExpConductance(), nmda=ns.NMDA(decay=decay))
        net.population("p", 3, ns.LIF(synapses=synapses))
        return net

    net = network(80)
    assert net.content_hash() == network(80).content_hash() != network(81).content_hash()
    net.save(tmp_path / "many.h5")
    again = ns.load(tmp_path / "many.h5")
    assert isinstance(again, ns.Network)
    assert again.populations["p"].model == net.populations["p"].model


def test_a_typed_out_model_means_the_same_as_the_built_in() -> None:
    """Retyping a built-in's text gives the same hash, program and generated source."""
    built_in = ns.LIF(tau_m=20, synapses=ns.ExpCurrent(exc=3))
    m = built_in.neuron_model()
    retyped = ns.NeuronModel(
        "my own",
        equations=m.equations,
        threshold=m.threshold,
        reset=m.reset,
        refractory=m.refractory,
        inputs=dict(m.inputs),
        parameters=dict(m.parameters),
        initial=dict(m.initial),
    )
    networks = [ns.Network("n"), ns.Network("n")]
    for net, model in zip(networks, (built_in, retyped), strict=True):
        net.record(net.population("p", 3, model), "spikes")
    assert networks[0].content_hash() == networks[1].content_hash()
    assert generate(retyped.spec()).source == generate(m.spec()).source
    assert networks[0].content_hash() != ns.Network("n").content_hash()

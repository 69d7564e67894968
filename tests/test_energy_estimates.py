"""Operations are counted as by hand; constants are those of the papers; both are told."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import neurosim as ns
from neurosim.conversion.budget import BitBudget
from neurosim.energy_estimates import PROFILES, Operations, estimate


def chain() -> ns.Network:
    """Two given trains, three synapses each, one more cell behind, and a gap junction."""
    net = ns.Network("chain", seed=1)
    source = net.population("source", 2, ns.SpikeTimes([[1.0, 2.0], [3.0]]))
    cells = net.population(
        "cells", 3, ns.LIF(t_ref=0.0, synapses=ns.Receptors(ns.Delta(), gap=ns.GapJunction()))
    )
    last = net.population("last", 1, ns.LIF(synapses=ns.Delta()))
    net.project(source, cells, ns.AllToAll(), weight=20.0, receptor="delta")
    net.project(cells[:2], last, ns.AllToAll(), weight=0.1)
    net.project(cells, cells, ns.FromList([(0, 1)]), weight=0.0, receptor="gap", source="V_m")
    net.record(source + cells, "spikes")
    return net


def test_a_run_is_counted_by_its_connections() -> None:
    net = chain()
    run = ns.run(net, 10, dt=0.1)
    assert run.spikes["cells"].counts().tolist() == [3, 3, 3]
    found = ns.energy(run, profile="loihi", network=net)
    # 3 spikes of the source to 3 cells; 6 spikes of two cells to the last; one gap junction
    assert found.operations == Operations(
        spikes=3 + 9, synaptic_operations=9 + 6, multiplications=100, updates=4 * 100
    )
    assert found.total == pytest.approx(15 * 23.6 + 100 * 23.6 + 400 * 81 + 12 * 3.5)
    assert "not measured" in repr(found)
    assert "Davies" in repr(found)


def test_a_drive_counts_by_its_mean() -> None:
    net = ns.Network("driven", seed=1)
    cells = net.population("cells", 5, ns.LIF(synapses=ns.Delta()))
    net.drive(cells, ns.Poisson(rate=200.0), weight=0.1)
    run = ns.run(net, 500)
    found = ns.energy(run, profile="spinnaker2", network=net).operations
    assert found.synaptic_operations == pytest.approx(5 * 200 * 0.5)


def test_memory_has_its_term() -> None:
    """One of each, 8-bit weights and inputs, membranes of 16 bits, 2.5 pJ per byte."""
    one = Operations(spikes=1, synaptic_operations=1, multiplications=1, updates=1)
    found = estimate(one, "45nm")
    assert found.arithmetic == pytest.approx(0.03 + 0.23 + 0.06)
    assert found.memory == pytest.approx(2.5 * ((1 + 4) + (1 + 1 + 4) + 4))
    assert found.total == found.arithmetic + found.memory + found.routing
    mine = ns.EnergyProfile(name="mine", synaptic_operation=1, multiplication=2, update=3, spike=4)
    assert estimate(one, mine).total == 10
    for profile in PROFILES.values():
        assert ("doi" in profile.source) or ("arXiv" in profile.source)


def test_what_cannot_be_counted_is_refused() -> None:
    net = chain()
    run = ns.run(net, 10)
    with pytest.raises(ns.DescriptionError, match=r"network is None; .*that was run"):
        ns.energy(run, profile="loihi")
    with pytest.raises(ns.UnknownNameError, match="Did you mean 'loihi'"):
        ns.energy(run, profile="loihi2", network=net)
    with pytest.raises(ns.UnknownNameError, match="profile"):
        ns.energy(run, profile=None)
    other = chain()
    other.initialise(other["cells"], V_m=-60.0)
    with pytest.raises(ns.DescriptionError, match="differs from that of the run"):
        ns.energy(run, profile="45nm", network=other)
    with pytest.raises(ns.DescriptionError, match=r"neurosim\.Run or ConversionReport"):
        ns.energy(3, profile="45nm")
    silent = ns.Network("silent", seed=1)
    a = silent.population("a", 2, ns.LIF())
    silent.project(a, a, ns.AllToAll(), weight=1.0, receptor="exc")
    with pytest.raises(ns.DescriptionError, match=r"spikes of 'a'.*net\.record"):
        ns.energy(ns.run(silent, 1), profile="45nm", network=silent)


@pytest.fixture(scope="module")
def by_hand() -> ns.Conversion:
    """4-3-2 with weights 1: an image of ones fires all of the hidden units at every step."""
    model = nn.Sequential(nn.Linear(4, 3), ns.QCFS(4, 4.0), nn.Linear(3, 2))
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight.fill_(1.0)
            layer.bias.fill_(0.0)
        model[0].weight[2] = -1.0  # the third unit is silent
    return ns.convert(model, [(torch.ones(2, 4), torch.zeros(2, dtype=torch.long))], timesteps=4)


def test_the_report_counts_as_by_hand(by_hand: ns.Conversion) -> None:
    report = by_hand.report
    assert report.operations == Operations(
        spikes=8, synaptic_operations=16, multiplications=12 * 4, updates=(3 + 2) * 4
    )
    assert report.operations_until(1).synaptic_operations == 4
    assert report.latency == 5
    assert report.accuracy is not None
    assert report.accuracy.tolist() == [1, 1, 1, 1]
    budget = report.budget()
    assert budget == BitBudget(timesteps=4, multiplications=6, rate=16 / 24)
    assert (budget.budget, budget.activation_bits) == (4 * 1 * 8, 3)
    assert (budget.s_ace, budget.ace) == (6 * 32, 6 * 3 * 8)
    assert budget.ns_ace == pytest.approx(6 * 32 * 16 / 24)
    verdict = report.verdict()
    quantised = 18 * (0.23 + 2.5 * (1 + 3 / 8)) + 5 * 2.5 * 3 / 8
    assert verdict.quantised.total == pytest.approx(quantised)
    assert verdict.skipping.total == pytest.approx(
        16 * (0.23 + 2.5 * (1 + 3 / 8)) + 5 * 2.5 * 3 / 8
    )
    assert verdict.spiking.total == pytest.approx(ns.energy(report, profile="45nm").total)
    assert not verdict.worthwhile
    assert "estimated (not measured" in str(verdict)
    with pytest.raises(ns.DescriptionError, match="made for spikes"):
        report.verdict("loihi")
    with pytest.raises(ns.DescriptionError, match="from 1 to 4"):
        report.operations_until(5)


def test_at_the_break_even_rate_both_need_the_same(by_hand: ns.Conversion) -> None:
    report = by_hand.report
    verdict = report.verdict()
    o = report.operations
    fewer = Operations(
        multiplications=o.multiplications, updates=o.updates,
        synaptic_operations=verdict.break_even * 6 * 4,
    )  # fmt: skip
    assert estimate(fewer, "45nm").total == pytest.approx(verdict.quantised.total)


def test_a_run_of_a_conversion_is_counted_alike(by_hand: ns.Conversion) -> None:
    """Over the whole run the pipeline's idle steps count, too: one more for each unit."""
    run = ns.run(by_hand.network, by_hand.n_steps, inputs=by_hand.inputs(np.ones(4)))
    found = ns.energy(run, profile="45nm", network=by_hand.network).operations
    assert found.updates == 5 * 5
    assert found.multiplications == 12 * 5
    assert found.synaptic_operations == 4 * run.spikes["0"].between(0, 5).counts().sum() / 2
    report = repr(by_hand.report)
    for word in ("accuracy 100.00 %", "worst layer: ", "S-ACE", "Yan et al. 2024"):
        assert word in report


def test_errors_of_layers_are_those_of_their_definition() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3))
    images = torch.rand(12, 6)
    conversion = ns.convert(model, [images], timesteps=5)
    report = conversion.report
    assert report.accuracy is None
    with torch.no_grad():
        exact = [model[:2](images).numpy(), model[:4](images).numpy()]
    for k, (layer, values) in enumerate(zip(report.spiking, exact, strict=True)):
        theta = conversion.thresholds[layer.name]
        counts = []
        for image in images:
            run = ns.run(conversion.network, conversion.n_steps, inputs=conversion.inputs(image))
            counts.append(run.spikes[layer.name].between(k, k + 5).counts())
        told = np.array(counts) * theta / 5
        norm = np.sqrt(np.mean(values**2))
        assert layer.error == pytest.approx(np.sqrt(np.mean((told - values) ** 2)) / norm)
        assert layer.spikes.sum() == pytest.approx(np.sum(counts) / 12)
    assert report.layers[0].error == pytest.approx(report.layers[0].own_error, rel=1e-5)
    assert report.worst_layer == max(report.layers, key=lambda x: x.error).name
    figure = report.plot()
    assert [ax.get_ylabel() for ax in figure.axes][::2] == [
        "the module's class [%]", "energy per image [µJ]",
    ]  # fmt: skip

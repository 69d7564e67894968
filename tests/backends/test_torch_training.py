"""Training: gradients against slow answers, and a classifier that runs on the core afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import neurosim as ns
from neurosim_backends.snntorch import SnnTorch

pytestmark = pytest.mark.compiled


def compiled(network: ns.Network, backend: Any, **options: Any) -> Any:
    """Return a session, whose module mypy does not know of."""
    return ns.compile(network, backend, **options)


def test_gradients_of_a_smooth_network_are_those_of_differences() -> None:
    """Below threshold a network is differentiable: currents, delays, recurrence, conductances."""
    net = ns.Network("smooth", seed=3, dt=1.0)
    source = net.population("in", 3, ns.Input("spikes"))
    currents = net.population("a", 2, ns.LIF(V_th=1e3))
    others = net.population("b", 2, ns.LIF(synapses=ns.ExpConductance(), V_th=1e3))
    net.project(source, currents, ns.AllToAll(), weight=ns.Uniform(10, 50), receptor="exc",
                delay=ns.Uniform(1, 4))  # fmt: skip
    net.project(source, others, ns.FixedIndegree(2), weight=ns.Uniform(1, 5), receptor="exc")
    module = compiled(net, SnnTorch()).module
    counts = torch.tensor(np.random.default_rng(1).integers(0, 3, (12, 2, 3)))

    def loss() -> Any:
        out = module(counts, record=[("a", "V_m"), ("b", "V_m")])
        assert not out.spikes["a"].any()
        return sum((v**2).mean() for v in out.states.values())

    loss().backward()
    for weight in module.parameters():
        assert weight.grad is not None
        flat = weight.data.view(-1)
        for k in range(flat.numel()):
            at, h = float(flat[k]), 1e-4
            values = []
            for moved in (at - h, at + h):
                flat[k] = moved
                with torch.no_grad():
                    values.append(float(loss()))
            flat[k] = at
            slope = (values[1] - values[0]) / (2 * h)
            assert float(weight.grad.view(-1)[k]) == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_the_surrogate_gradient_is_that_of_a_slow_reference() -> None:
    """One neuron by hand: dS/dw step by step, with the fast sigmoid in place of the step.

    V' = p V + w x, S = [V' >= 1], V = V' (1 - S), the reset without gradient; the derivative of S
    is 1/(1 + 25 |V' - 1|)^2 (Zenke & Ganguli 2018, Neural Computation 30:1514).
    """
    model = ns.LIF(synapses=ns.Delta(), E_L=0.0, V_reset=0.0, V_th=1.0, tau_m=8.0, t_ref=2.0)
    net = ns.Network("one", dt=1.0)
    source = net.population("in", 1, ns.Input("spikes"))
    cell = net.population("cell", 1, model)
    net.project(source, cell, ns.OneToOne(), weight=0.4, delay=1.0, name="w")
    module = compiled(net, SnnTorch(slope=25.0)).module
    x = np.random.default_rng(2).integers(0, 3, 40)
    out = module(torch.tensor(x.reshape(-1, 1, 1)))
    scale = np.cos(np.arange(40))
    (out.spikes["cell"].reshape(-1) * torch.tensor(scale)).sum().backward()
    (weight,) = module.parameters()
    v = dv = slope = 0.0
    held, spikes = 0, []
    for k in range(40):
        arriving = x[k - 1] if k else 0
        if held:
            held -= 1
            spikes.append(0)
            continue
        p = np.exp(-1 / 8)
        v, dv = p * v + 0.4 * arriving, p * dv + arriving
        slope += scale[k] * dv / (1 + 25 * abs(v - 1)) ** 2
        spikes.append(int(v >= 1))
        if v >= 1:
            v, dv, held = 0.0, 0.0, 2
    assert out.spikes["cell"].reshape(-1).tolist() == spikes
    assert sum(spikes) > 3
    assert weight.grad is not None
    assert float(weight.grad) == pytest.approx(slope, rel=1e-5)


def test_digits_are_learned_and_told_alike_on_the_core() -> None:
    """64-32-10 on the 8x8 digits of scikit-learn: the core predicts what the module predicts."""
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(images / 16.0)
    y = torch.tensor(labels)
    torch.manual_seed(0)
    net = ns.Network("digits", seed=4, dt=1.0)
    leaky = ns.LIF(synapses=ns.Delta(), C_m=1.0, tau_m=8.0, E_L=0.0, V_reset=0.0, V_th=1.0,
                   t_ref=0.0)  # fmt: skip
    pixels = net.population("pixels", 64, ns.Input("current"))
    hidden = net.population("hidden", 32, leaky)
    out = net.population("out", 10, leaky)
    net.project(pixels, hidden, ns.FromMatrix(0.15 * torch.randn(64, 32).numpy()))
    net.project(hidden, out, ns.AllToAll(), weight=ns.Normal(0.1, 0.3))
    net.record(out, "spikes")
    session = compiled(net, SnnTorch())
    optimiser = torch.optim.Adam(session.module.parameters(), lr=0.02)
    steps = 12
    for _ in range(5):
        for chosen in torch.randperm(1500).split(150):
            spikes = session.module(x[chosen].expand(steps, -1, -1)).spikes["out"]
            loss = torch.nn.functional.cross_entropy(spikes.sum(0), y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        counts = session.module(x[1500:].expand(steps, -1, -1)).spikes["out"].sum(0)
    assert float((counts.argmax(1) == y[1500:]).double().mean()) > 0.8
    core = ns.compile(net.with_weights(session.weights()))
    for k in range(20):
        core.reset()
        run = core.run(steps, inputs={"pixels": images[1500 + k] / 16.0})
        told = np.bincount(run.spikes["out"].ids, minlength=10)
        np.testing.assert_array_equal(told, counts[k].numpy())

"""All steps of a population at once: the spikes and gradients of single steps, which are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import neurosim as ns
from neurosim_backends._torch.products import Delivered
from neurosim_backends.norse import Norse
from neurosim_backends.snntorch import SnnTorch

pytestmark = pytest.mark.compiled

LEAKY = ns.LIF(synapses=ns.Delta(), E_L=0.0, V_reset=0.0, V_th=1.0, t_ref=0.0)
CURRENTS = ns.LIF(E_L=0.0, V_reset=-0.25, V_th=1.0, C_m=1.0, tau_m=5.0)

CASES: dict[str, tuple[Any, Any, float]] = {
    "currents, refractory": (CURRENTS, SnnTorch(), 1.0),
    "snntorch.Leaky": (LEAKY, SnnTorch(), 0.5),
    "Norse's integrator": (
        ns.PerfectIntegrator(synapses=ns.Delta(), V_th=1.0, V_reset=0.25, reset="to"), Norse(), 0.4
    ),
}  # fmt: skip


def layers(model: Any, scale: float) -> ns.Network:
    """Return two layers behind an input, the second with a loop through a third."""
    net = ns.Network("layers", seed=3, dt=1.0)
    source = net.population("in", 4, ns.Input("spikes"))
    first, second, third = (net.population(f"layer {k}", 3, model) for k in range(3))
    more: dict[str, Any] = {"receptor": "exc"} if model is CURRENTS else {}
    weights = [(source, first, 1.0), (first, second, 2.0), (second, third, 3.0)]
    for pre, post, delay in weights:
        # A little below and above what a spike needs, and never on the threshold.
        net.project(pre, post, ns.AllToAll(), weight=ns.Uniform(0.2 * scale, 1.5 * scale),
                    delay=delay, **more)  # fmt: skip
    net.project(third, second, ns.OneToOne(), weight=0.1 * scale, delay=1.0, **more)
    net.inject(first, ns.ConstantCurrent(amplitude=0.01 * scale))
    return net


@pytest.mark.parametrize("case", CASES)
def test_a_scan_does_what_single_steps_do(case: str) -> None:
    """Spikes, states and the state after; gradients of weights and of the input; in two pieces."""
    model, backend, scale = CASES[case]
    session: Any = ns.compile(layers(model, scale), backend)
    module = session.module
    drawn = np.random.default_rng(1).integers(0, 2, (25, 2, 4))
    found = []
    for fused in (True, False):
        module.fused = fused
        x = torch.tensor(drawn, dtype=torch.float64, requires_grad=True)
        record = [("layer 0", "V_m"), ("layer 1", "V_m")]
        out = module(x[:11], record=record)
        rest = module(x[11:], out.state, record=record)
        pieces = [(a.spikes[k], a.states[key]) for a in (out, rest)
                  for k, key in (("layer 0", record[0]), ("layer 1", record[1]))]  # fmt: skip
        loss = sum((s.sum(2) * (k + 1)).sum() + (v**2).mean() for k, (s, v) in enumerate(pieces))
        loss = loss + rest.state.cells[1].values[0].sum() + rest.spikes["layer 2"].mean()
        gradients = torch.autograd.grad(loss, [x, *module.parameters()])
        found.append((pieces, gradients, rest))
    (ours, mine, last), (steps, theirs, end) = found
    for (s, v), (s_steps, v_steps) in zip(ours, steps, strict=True):
        assert torch.equal(s, s_steps)
        torch.testing.assert_close(v, v_steps, rtol=1e-12, atol=1e-12)
    assert sum(float(s.detach().sum()) for s, _ in ours) > 10
    for a, b in zip(mine, theirs, strict=True):
        assert float(b.abs().max()) > 0
        # snnTorch's surrogates hand gradients on in single precision.
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)
    for k, cell in end.state.cells.items():
        mine_cell = last.state.cells[k]
        for a, b in zip((*mine_cell.values, mine_cell.held), (*cell.values, cell.held),
                        strict=True):  # fmt: skip
            assert (a is None) == (b is None)
            if b is not None:
                torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    scanned = [module._scan(group) for group in _fused(module).groups()]
    assert [scan is not None for scan in scanned] == [True, False]


def _fused(module: Any) -> Any:
    module.fused = True
    return module


def test_without_gradients_a_scan_keeps_nothing_and_says_the_same() -> None:
    session: Any = ns.compile(layers(LEAKY, 0.5), SnnTorch(), precision="single")
    x = torch.tensor(np.random.default_rng(2).integers(0, 2, (20, 3, 4)))
    with torch.no_grad():
        out = session.module(x)
        session.module.fused = False
        steps = session.module(x)
    for name, spikes in steps.spikes.items():
        assert spikes.dtype == torch.float32
        assert torch.equal(out.spikes[name], spikes)
    assert float(out.spikes["layer 2"].sum()) > 0


def test_noise_and_coupling_are_left_to_single_steps() -> None:
    """Escape noise has no scan; populations with a gap junction are advanced together."""
    net = ns.Network("mixed", seed=1, dt=0.1)
    source = net.population("in", 2, ns.Input("current"))
    gap = ns.Receptors(ns.ExpCurrent(), gap=ns.GapJunction())
    a, b = (net.population(name, 2, ns.LIF(synapses=gap)) for name in "ab")
    free = net.population("free", 2, ns.LIF())
    net.project(source, a, ns.OneToOne(), weight=900.0)
    net.project(a, b, ns.AllToAll(), weight=3.0, receptor="gap", source="V_m")
    net.project(a, free, ns.AllToAll(), weight=500.0, receptor="exc")
    session: Any = ns.compile(net, SnnTorch())
    module = session.module
    assert module.groups() == ((1, 2), (3,))
    x = torch.ones(300, 1, 2, dtype=torch.float64)
    with torch.no_grad():
        out = module(x, record=[("free", "V_m"), ("b", "V_m")])
        module.fused = False
        steps = module(x, record=[("free", "V_m"), ("b", "V_m")])
    for key, rows in steps.states.items():
        torch.testing.assert_close(out.states[key], rows, rtol=1e-12, atol=1e-12)
    assert float(out.spikes["a"].sum()) > 3


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_sparse_products_are_products(share: float) -> None:
    """Of spikes, several spikes and currents; with gradients; by threads, and pieces of rows."""
    rng = np.random.default_rng(4)
    spikes = rng.integers(1, 3, (60, 8, 300)) * (rng.random((60, 8, 300)) < share)
    x = torch.tensor(spikes, dtype=torch.float64)
    under_way = torch.tensor(rng.normal(size=(3, 8, 300)))
    w = torch.tensor(np.round(rng.normal(size=(300, 150)) * 64) / 64)  # exact in any order
    g = torch.tensor(np.round(rng.normal(size=(60, 8, 150)) * 64) / 64)
    found = []
    for told in (Delivered.apply, lambda x, u, w: torch.cat([u, x])[: len(x)] @ w):
        leaves = [t.clone().requires_grad_() for t in (x, under_way, w)]
        out = told(*leaves)
        found.append((out, *torch.autograd.grad((out * g).sum(), leaves)))
    for k, (a, b) in enumerate(zip(*found, strict=True)):
        rows = a[3:] if k == 0 else a
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-10)
        assert k > 1 or torch.equal(rows, b[3:] if k == 0 else b)

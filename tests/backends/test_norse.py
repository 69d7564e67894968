"""The backend on Norse: the spikes of the core, by Norse's own function where it can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import neurosim as ns
import neurosim_backends.norse.layers  # noqa: F401  # Norse itself warns when it is imported
from neurosim.backend import Options
from neurosim.compare.verdicts import Tier
from neurosim.errors import UnknownNameError
from neurosim_backends.norse import Norse
from tests.conformance.comparing import assert_same

pytestmark = pytest.mark.compiled


def compiled(network: ns.Network, backend: Any, **options: Any) -> Any:
    """Return a session, whose module mypy does not know of."""
    return ns.compile(network, backend, **options)


LAYERS = {
    "integrator": (ns.PerfectIntegrator(synapses=ns.Delta(), V_th=1.0, reset="to"), "norse.torch"),
    "reset elsewhere": (
        ns.PerfectIntegrator(synapses=ns.Delta(), V_th=1.0, V_reset=0.5, reset="to", I_e=8.0),
        "norse.torch",
    ),
    "leaky": (
        ns.LIF(synapses=ns.Delta(), E_L=0.0, V_reset=0.0, V_th=1.0, t_ref=0.0), "PlanCell",
    ),
    "subtraction": (ns.PerfectIntegrator(synapses=ns.Delta(), V_th=1.0), "PlanCell"),
}  # fmt: skip


def fed(model: Any) -> ns.Network:
    """Return two neurons with an input of spikes whose weights add up to the threshold."""
    net = ns.Network("fed", dt=1.0)
    source = net.population("in", 2, ns.Input("spikes"))
    cells = net.population("cells", 2, model)
    net.project(source, cells, ns.AllToAll(), weight=0.25, delay=1.0)
    net.record(cells, ["spikes", "V_m"])
    return net


@pytest.mark.parametrize(("model", "layer"), LAYERS.values(), ids=LAYERS)
def test_norse_is_used_where_it_follows_the_plan(model: Any, layer: str) -> None:
    counts = np.random.default_rng(3).integers(0, 3, (60, 2))
    run, core = (ns.run(fed(model), 60, b, inputs={"in": counts}) for b in (Norse(), "cpu"))
    assert run.provenance["layers"]["cells"].startswith(layer)
    assert len(core.spikes["cells"]) > 5
    assert_same(run, core, 1.0)


@pytest.mark.parametrize("surrogate", ["super", "triangle", "tanh", "circ", "heavi_erfc"])
def test_each_surrogate_gives_a_gradient_by_norses_own_function(surrogate: str) -> None:
    """Of one spike in the first step that a weight can make: dS/dw is the surrogate's slope."""
    from norse.torch.functional.threshold import threshold

    for model in (LAYERS["integrator"][0], LAYERS["subtraction"][0]):
        module = compiled(fed(model), Norse(surrogate=surrogate, slope=2.0)).module
        out = module(torch.ones(2, 1, 2))
        out.spikes["cells"].sum().backward()
        (weight,) = module.parameters()
        margin = torch.full((), -0.5, dtype=torch.float64, requires_grad=True)
        threshold(margin, surrogate, torch.tensor(2.0)).backward()
        assert margin.grad is not None
        assert weight.grad is not None
        assert float(margin.grad) != 0
        np.testing.assert_allclose(weight.grad, np.full((2, 2), float(margin.grad)), rtol=1e-12)


def test_a_surrogate_that_does_not_exist() -> None:
    with pytest.raises(UnknownNameError, match="heavi_erfc"):
        Norse(surrogate="erfc")


class Single(Norse):
    """Norse in single precision, beside a reference in double."""

    def compile(self, network: ns.Network, options: Options) -> Any:
        """Make the module."""
        return super().compile(network, replace(options, precision="single"))


def test_single_precision_is_certified() -> None:
    """Rounding to 24 bits moves no spike here, and it is told by how much states differ."""
    counts = np.random.default_rng(3).integers(0, 3, (60, 2))
    certificate = ns.certify(fed(LAYERS["leaky"][0]), [Single()], 60, inputs={"in": counts})
    assert {row.tier for row in certificate.rows} == {Tier.SAME_SPIKES}
    lockstep = certificate.report("norse").lockstep
    assert lockstep is not None
    (largest,) = [state.largest_relative for state in lockstep.states]
    assert 0 < largest < 1e-5

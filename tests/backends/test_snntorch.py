"""The backend on snnTorch: the spikes of the core, by snnTorch's own neurons where they can."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
import neurosim_backends.norse.layers  # noqa: F401  # Norse itself warns when it is imported
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim_backends.norse import Norse
from neurosim_backends.snntorch import SnnTorch
from tests.conformance.comparing import assert_same

pytestmark = pytest.mark.compiled


def compiled(network: ns.Network, backend: Any, **options: Any) -> Any:
    """Return a session, whose module mypy does not know of."""
    return ns.compile(network, backend, **options)


GRID = 2.0**-10
"""Sums of not too many multiples of it are exact, in whatever order."""


def on_grid(low: float, high: float) -> Any:
    """Draw numbers on the grid."""
    return st.integers(round(low / GRID), round(high / GRID)).map(lambda k: k * GRID)


def listed(kind: Any, n: int) -> Any:
    """Draw arrays of n values."""
    return st.lists(kind, min_size=n, max_size=n).map(np.array)


def integrator(threshold: Any, **more: Any) -> ns.PerfectIntegrator:
    """Return a neuron that adds up what arrives."""
    return ns.PerfectIntegrator(synapses=ns.Delta(), V_th=threshold, **more)


@st.composite
def networks(draw: Any) -> tuple[ns.Network, Any]:
    """Draw layers, with recurrence, delays and synapses left out, and the input of 20 steps."""
    net = ns.Network("drawn", seed=1, dt=1.0)
    before = net.population("in", draw(st.integers(1, 4)), ns.Input("spikes"))
    n_layers = draw(st.integers(1, 3))
    for k in range(n_layers):
        n = draw(st.integers(1, 5))
        model = integrator(
            draw(listed(on_grid(0.5, 2), n)), t_ref=draw(st.sampled_from([0.0, 2.0])),
            reset=draw(st.sampled_from(["to", "subtract"])),
        )  # fmt: skip
        layer = net.population(f"layer{k}", n, model)
        net.record(layer, ["spikes", "V_m"])
        for source in (before, layer) if draw(st.booleans()) else (before,):
            shape = len(source), n
            weights = draw(listed(on_grid(-1, 2), shape[0] * n)).reshape(shape)
            weights *= draw(listed(st.booleans(), weights.size)).reshape(shape)
            weights[0, 0] = 1.0
            delay: Any = draw(st.integers(1, 3)) * 1.0
            if draw(st.booleans()):
                delay = draw(listed(st.sampled_from([1.0, 2.0, 4.0]), weights.size)).reshape(shape)
            net.project(
                source, layer, ns.FromMatrix(weights), delay=delay, name=f"{source.name}->{k}"
            )
        before = layer
    steps = 20
    counts = draw(listed(st.integers(0, 2), steps * len(net["in"])))
    return net, counts.reshape(steps, len(net["in"]))


def spikes_of(module: Any, counts: Any) -> dict[str, Any]:
    """Return the (steps, ids) of the spikes of a module that is called once."""
    with torch.no_grad():
        out = module(torch.tensor(counts)[:, None])
    return {name: np.nonzero(told[:, 0].numpy()) for name, told in out.spikes.items()}


@settings(max_examples=25, deadline=None)
@given(networks())
def test_random_networks_fire_as_on_the_core(drawn: tuple[ns.Network, Any]) -> None:
    """Spike for spike, and state for state, on the dyadic grid, ties at the threshold included.

    With the neurons of both libraries step by step, and by scans in single precision, where these
    sums are exact, too.
    """
    net, counts = drawn
    sides = SnnTorch(), Norse(), "cpu"
    first, second, core = (
        ns.run(net, len(counts), backend, inputs={"in": counts}) for backend in sides
    )
    told = spikes_of(compiled(net, Norse(), precision="single").module, counts)
    for name, spikes in core.spikes.items():
        for run in (first, second):
            np.testing.assert_array_equal(run.spikes[name].times, spikes.times)
            np.testing.assert_array_equal(run.spikes[name].ids, spikes.ids)
            np.testing.assert_array_equal(
                run.states[name]["V_m"].array, core.states[name]["V_m"].array
            )
        np.testing.assert_array_equal(told[name][0] + 1.0, spikes.times)
        np.testing.assert_array_equal(told[name][1], spikes.ids)


def fed(model: Any, n: int = 2, **weight: Any) -> ns.Network:
    """Return neurons with an input of spikes, each its own."""
    net = ns.Network("fed", dt=1.0)
    source = net.population("in", n, ns.Input("spikes"))
    cells = net.population("cells", n, model)
    net.project(source, cells, ns.AllToAll(), **{"weight": 1.0, "delay": 1.0, **weight})
    net.record(cells, ["spikes", "V_m"])
    return net


LEAKY = ns.LIF(synapses=ns.Delta(), E_L=0.0, V_reset=0.0, V_th=1.0, t_ref=0.0)

LAYERS = {
    "leaky": (LEAKY, "snntorch.Leaky"),
    "integrator": (integrator(1.0, reset="to"), "snntorch.Leaky"),
    "current": (ns.LIF(synapses=ns.Delta(), V_reset=0.0, V_th=1.0, t_ref=0.0, E_L=0.0, I_e=9.0),
                "snntorch.Leaky"),
    "refractory": (ns.LIF(synapses=ns.Delta(), E_L=0.0, V_reset=0.0, V_th=1.0), "PlanNeuron"),
    "reset elsewhere": (ns.LIF(synapses=ns.Delta(), E_L=0.0, V_reset=0.5, V_th=1.0, t_ref=0.0),
                        "PlanNeuron"),
    "subtraction": (integrator(1.0), "PlanNeuron"),
}  # fmt: skip


@pytest.mark.parametrize(("model", "layer"), LAYERS.values(), ids=LAYERS)
def test_snntorch_is_used_where_it_follows_the_plan(model: Any, layer: str) -> None:
    net = fed(model, weight=0.5)
    counts = np.random.default_rng(3).integers(0, 3, (60, 2))
    run, core = (ns.run(net, 60, b, inputs={"in": counts}) for b in (SnnTorch(), "cpu"))
    assert run.provenance["layers"]["cells"].startswith(layer)
    assert len(core.spikes["cells"]) > 5
    assert_same(run, core, 1.0)


def test_leaky_would_lose_a_spike_of_a_membrane_far_above_threshold() -> None:
    """The reason why it is not used for subtraction: what is left fires in the next step, too."""
    net = fed(integrator(1.0), weight=1.25)
    counts = np.zeros((6, 2), np.int64)
    counts[0] = 1
    run, core = (ns.run(net, 6, b, inputs={"in": counts}) for b in (SnnTorch(), "cpu"))
    assert core.spikes["cells"].times.tolist() == [2.0, 2.0, 3.0, 3.0]
    assert_same(run, core, 1.0)


def test_a_membrane_that_is_set_above_its_threshold_leaves_leaky() -> None:
    sessions = [ns.compile(fed(LEAKY), b) for b in (SnnTorch(), "cpu")]
    runs = []
    for session in sessions:
        session.set(session.network["cells"], V_m=[3.0, 0.5])
        runs.append(session.run(5, inputs={"in": np.zeros((5, 2))}))
    assert runs[0].provenance["layers"]["cells"].startswith("PlanNeuron")
    assert runs[1].spikes["cells"].times.tolist() == [1.0]
    assert_same(runs[0], runs[1], 1.0)


# --- the module -----------------------------------------------------------------------------------


def some_network() -> ns.Network:
    """Return two layers with recurrence and delays."""
    net = ns.Network("some", seed=2, dt=1.0)
    source = net.population("in", (2, 2), ns.Input("spikes"))
    hidden = net.population("hidden", 5, ns.LIF(E_L=0.0, V_reset=0.0, V_th=1.0, C_m=1.0, tau_m=5.0))
    out = net.population("out", (1, 3), LEAKY)
    net.project(source, hidden, ns.AllToAll(), weight=ns.Uniform(0, 2), receptor="exc")
    net.project(hidden, hidden, ns.FixedIndegree(2), weight=-0.2, delay=2.0, receptor="inh")
    net.project(hidden, out, ns.AllToAll(), weight=ns.Uniform(0, 1), delay=ns.Uniform(1, 4))
    net.record(net["hidden"], "spikes")
    net.record(net["out"], ["spikes", "V_m"])
    return net


def test_a_batch_is_many_runs_and_pieces_are_one() -> None:
    net = some_network()
    counts = np.random.default_rng(0).integers(0, 2, (30, 3, 2, 2))
    module = compiled(net, SnnTorch()).module
    with torch.no_grad():
        whole = module(torch.tensor(counts), record=[("out", "V_m")])
        first = module(torch.tensor(counts[:11]))
        second = module({"in": torch.tensor(counts[11:])}, first.state)
    assert whole.spikes["out"].shape == (30, 3, 1, 3)
    assert whole.spikes["out"].sum() > 10
    for name in ("hidden", "out"):
        joined = torch.cat([first.spikes[name], second.spikes[name]])
        assert torch.equal(whole.spikes[name], joined)
    for k in range(3):
        core = ns.run(net, 30, inputs={"in": counts[:, k]})
        mine = whole.spikes["out"][:, k].reshape(30, 3).numpy()
        steps, ids = np.nonzero(mine)
        assert core.spikes["out"].times.tolist() == (steps + 1.0).tolist()
        assert core.spikes["out"].ids.tolist() == ids.tolist()
        states = whole.states["out", "V_m"][:, k].reshape(30, 3).numpy()
        np.testing.assert_allclose(states, core.states["out"]["V_m"].array, atol=1e-12)


@pytest.mark.parametrize("single", [False, True])
def test_nothing_leaves_the_device(single: bool) -> None:
    """On `meta` there are no numbers: whoever asks for one, or for another device, fails."""
    precision = "single" if single else "double"
    session = compiled(some_network(), SnnTorch(), precision=precision)
    module = session.module.to("meta")
    out = module(torch.zeros(7, 2, 2, 2, device="meta"), record=[("out", "V_m")])
    for found in (*out.spikes.values(), *out.states.values()):
        assert found.device.type == "meta"
        assert found.dtype == (torch.float32 if single else torch.float64)
    assert out.spikes["out"].shape == (7, 2, 1, 3)


def test_sessions_do_not_pile_up_in_snntorch() -> None:
    import snntorch

    before = len(snntorch.SpikingNeuron.instances)
    compiled(some_network(), SnnTorch())
    assert len(snntorch.SpikingNeuron.instances) == before


def test_declarations_are_read_without_torch() -> None:
    code = (
        "import sys, neurosim as ns\n"
        "from neurosim_backends.snntorch import SnnTorch\n"
        "net = ns.Network('n'); net.population('c', 1, ns.LIF())\n"
        "ns.explain(net, SnnTorch())\n"
        "assert not {'torch', 'snntorch'} & set(sys.modules), 'imported'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- bad input ------------------------------------------------------------------------------------


def test_devices_and_surrogates_that_do_not_exist() -> None:
    with pytest.raises(UnknownNameError, match="fast_sigmoid"):
        SnnTorch(surrogate="fast_sigmod")
    for device in ("cuda:99", "cpux"):
        with pytest.raises(DescriptionError, match="a device of this machine"):
            compiled(some_network(), SnnTorch(device=device))


BAD: dict[str, tuple[Any, str]] = {
    "name": ({"inn": torch.zeros(2, 1, 4)}, "inn"),
    "missing": ({}, "in"),
    "shape": (torch.zeros(2, 1, 5), "time, batch"),
}


@pytest.mark.parametrize(("inputs", "named"), BAD.values(), ids=BAD)
def test_wrong_inputs_of_a_module(inputs: Any, named: str) -> None:
    module = compiled(some_network(), SnnTorch()).module
    with pytest.raises((DescriptionError, UnknownNameError), match=named):
        module(inputs)
    with pytest.raises(UnknownNameError, match="V_m"):
        module(torch.zeros(2, 1, 4), record=[("out", "V")])


# --- weights back into the description ------------------------------------------------------------


def test_weights_go_back_into_the_description() -> None:
    """What the module has become, the core runs: by its own wiring, delays and all."""
    net = some_network()
    session = compiled(net, SnnTorch())
    generator = np.random.default_rng(5)
    with torch.no_grad():
        for weight in session.module.parameters():
            weight += torch.tensor(generator.integers(0, 512, weight.shape) * GRID)
    trained = net.with_weights(session.weights())
    assert trained.content_hash() != net.content_hash()
    counts = generator.integers(0, 2, (40, 2, 2))
    run = session.run(40, inputs={"in": counts})
    core = ns.run(trained, 40, inputs={"in": counts})
    assert_same(run, core, 1.0)
    before = ns.run(net, 40, inputs={"in": counts}).states["out"]["V_m"].array
    assert not np.array_equal(core.states["out"]["V_m"].array, before)


def test_wrong_weights_are_refused() -> None:
    net = some_network()
    weights = compiled(net, SnnTorch()).weights()
    with pytest.raises(UnknownNameError, match="in->hidden"):
        net.with_weights({"in->hiden": weights["in->hidden"]})
    with pytest.raises(DescriptionError, match=r"session\.connections"):
        net.with_weights({"in->hidden": np.zeros(3)})

"""Training: gradients against slow answers, and a classifier that runs on the core afterwards."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import neurosim as ns
from neurosim.errors import DescriptionError, SimulationError, UnknownNameError, UnsupportedError
from neurosim_backends.norse import Norse
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


# --- parameters of neurons ------------------------------------------------------------------------


@pytest.mark.parametrize("make", [SnnTorch, Norse])
def test_gradients_of_parameters_are_those_of_differences(make: Any) -> None:
    """Below threshold, by scans and by single steps; then the core runs what was learned.

    One time constant for each neuron, one for all; exact and exponential Euler steps; a state that
    begins at a trained parameter.
    """
    net = ns.Network("smooth", seed=3, dt=1.0)
    source = net.population("in", 3, ns.Input("spikes"))
    a = net.population("a", 2, ns.LIF(V_th=1e3, tau_m=np.array([8.0, 12.0]), E_L=-60.0))
    b = net.population("b", 2, ns.LIF(synapses=ns.ExpConductance(), V_th=1e3))
    net.project(source, a, ns.AllToAll(), weight=ns.Uniform(10, 50), receptor="exc")
    net.project(source, b, ns.AllToAll(), weight=ns.Uniform(1, 5), receptor="exc")
    net.record(a + b, "V_m")
    learn = {"a": ("tau_m", "C_m", "E_L", "tau_exc"), "b": ("tau_m", "tau_exc", "E_exc")}
    session = compiled(net, make(learn=learn))
    module = session.module
    counts = np.random.default_rng(1).integers(0, 3, (12, 3))
    x = torch.tensor(counts)[:, None]
    record = [("a", "V_m"), ("b", "V_m")]
    before = ns.run(net, 12, inputs={"in": counts}).states
    with torch.no_grad():  # the numbers of the description, to the bit
        for key, found in module(x, record=record).states.items():
            np.testing.assert_allclose(found[:, 0], before[key[0]]["V_m"].array, rtol=1e-9)

    def loss() -> Any:
        return sum((v**2).mean() for v in module(x, record=record).states.values())

    trained = {n: p for n, p in module.named_parameters() if "learned" in n}
    assert len(trained) == 7
    for module.fused in (True, False):
        module.zero_grad()
        loss().backward()
        for parameter in trained.values():
            flat = parameter.data.view(-1)
            for k in range(flat.numel()):
                at, h, values = float(flat[k]), 1e-5, []
                for moved in (at - h, at + h):
                    flat[k] = moved
                    with torch.no_grad():
                        values.append(float(loss()))
                flat[k] = at
                slope = (values[1] - values[0]) / (2 * h)
                assert float(parameter.grad.view(-1)[k]) == pytest.approx(slope, rel=1e-6)
    with torch.no_grad():
        for parameter in trained.values():
            parameter -= 3.0  # a time constant is 20 times shorter, and not below 0
        told = module(x, record=record).states
    learned = session.learned()
    assert np.all(learned["a"]["tau_m"] > 0.3)
    assert learned["b"]["E_exc"] == -3.0
    core = ns.run(net.with_parameters(learned), 12, inputs={"in": counts}).states
    for key, found in told.items():
        np.testing.assert_allclose(found[:, 0], core[key[0]]["V_m"].array, rtol=1e-8)
        assert not np.allclose(found[:, 0], before[key[0]]["V_m"].array)


def test_thresholds_and_time_constants_are_trained_with_spikes() -> None:
    """More spikes are wanted: the threshold falls, and the core fires what the module fires."""
    leaky = ns.LIF(synapses=ns.Delta(), tau_m=5.0, E_L=0.0, V_reset=0.0, V_th=1.0, t_ref=0.0)
    net = ns.Network("fires", seed=1, dt=0.1)
    source = net.population("in", 4, ns.Input("spikes"))
    cells = net.population("cells", 3, leaky)
    net.project(source, cells, ns.AllToAll(), weight=ns.Uniform(0.2, 0.5))
    net.record(cells, "spikes")
    session = compiled(net, SnnTorch(learn=("tau_m", "V_th")))
    assert session.module.cells["cells"].layer.startswith("PlanNeuron")
    counts = np.random.default_rng(1).random((60, 4)) < 0.1
    x, parameters = torch.tensor(counts)[:, None], list(session.module.parameters())
    optimiser = torch.optim.Adam(parameters, lr=0.02)
    first = ns.training.train(
        session.module, [(x, None)], lambda out, _: -out.spikes["cells"].mean(), epochs=8,
        optimiser=optimiser,
    ).losses[0]  # fmt: skip
    learned = session.learned()["cells"]
    assert learned["V_th"] < 0.95
    assert learned["tau_m"] > 5.1
    with torch.no_grad():
        told = session.module(x).spikes["cells"][:, 0].numpy()
    assert told.mean() > -first
    trained = net.with_parameters(session.learned()).with_weights(session.weights())
    run = ns.run(trained, 6.0, inputs={"in": counts})
    steps, ids = np.nonzero(told)
    assert np.rint(run.spikes["cells"].times * 10).tolist() == (steps + 1).tolist()
    assert run.spikes["cells"].ids.tolist() == ids.tolist()
    with pytest.raises(UnsupportedError, match=r"with_parameters before ns\.compile"):
        session.set(cells, tau_m=3.0)


def test_a_state_dict_tells_time_constants_whatever_the_network_began_with() -> None:
    """What is loaded is what was saved: 30 ms, and not 30/20 of what the description has."""
    net = ns.Network("n", dt=1.0)
    net.population("a", 2, ns.LIF(tau_m=20.0))
    make = SnnTorch(learn=("tau_m", "V_th"))
    session = compiled(net, make)
    with torch.no_grad():
        session.module.cells["a"].learned_tau_m.fill_(np.log(1.5))
        session.module.cells["a"].learned_V_th.fill_(-52.0)
    told = session.learned()
    assert told["a"]["tau_m"] == pytest.approx(30.0)
    other = compiled(net.with_parameters(told), make)
    assert other.learned() == told
    for assign in (False, True):  # torch may put tensors of its own in the place of those it finds
        other.module.load_state_dict(session.module.state_dict(), assign=assign)
        assert other.learned() == told
    again = copy.deepcopy(session.module)
    with torch.no_grad():
        again.cells["a"].learned_tau_m.zero_()
    assert again.cells["a"].values_now()["tau_m"] == 20.0
    assert session.learned() == told


def test_parameters_that_cannot_be_trained() -> None:
    net = ns.Network("n", dt=1.0)
    net.population("a", 1, ns.LIF())
    for learn, error, message in (
        (("tau",), UnknownNameError, "tau_m"),
        ({"b": ("tau_m",)}, UnknownNameError, "'a'"),
        ("tau_m", DescriptionError, "names of parameters"),
        ({"a": "tau_m"}, DescriptionError, r"of 'a' is 'tau_m'; expected names of parameters"),
        (("t_ref",), UnsupportedError, "whole steps"),
    ):
        with pytest.raises(error, match=message):
            ns.compile(net, SnnTorch(learn=learn))


def test_parameters_go_back_into_every_part_of_a_network() -> None:
    """Views, drives, injections, initial values and recorders name the new populations."""
    net = ns.Network("all", seed=2, dt=0.1)
    a = net.population("a", 4, ns.LIF(synapses=ns.ExpCurrent(exc=3.0)))
    own = ns.NeuronModel("own", equations="dv/dt = -v/tau : 1\ntau : ms", parameters={"tau": 5.0},
                         inputs={"in": "jump v"}, threshold="v > 1", reset="v = 0")  # fmt: skip
    b = net.population("b", 2, own)
    net.project(a[1:] + a[:1], b, ns.AllToAll(), weight=0.1, name="p")
    net.drive(a[:2], ns.Poisson(rate=2000), weight=60.0, receptor="exc")
    net.inject(a, ns.ConstantCurrent(amplitude=400.0))
    net.initialise(a[2:], V_m=-56.0)
    net.record(a, ["spikes", "V_m"])
    values: dict[str, dict[str, Any]] = {
        "a": {"tau_exc": 1.5, "tau_m": [9.0, 10.0, 11.0, 12.0]},
        "b": {"tau": 7.0},
    }
    other = net.with_parameters(values)
    session, core = ns.compile(net), ns.compile(other)
    for name, of in values.items():
        for parameter, value in of.items():
            session.set(net[name], **{parameter: value})
            assert core.get(other[name], parameter).tolist() == np.broadcast_to(
                value, len(net[name])
            ).tolist()  # fmt: skip
    mine, wanted = core.run(30), session.run(30)
    assert wanted.spikes["a"].times.size > 3
    np.testing.assert_array_equal(mine.states["a"]["V_m"].array, wanted.states["a"]["V_m"].array)
    with pytest.raises(UnknownNameError, match="tau_m"):
        net.with_parameters({"a": {"tau_mm": 1.0}})
    with pytest.raises(DescriptionError, match="above 0"):
        net.with_parameters({"a": {"tau_m": -1.0}})


def test_parameters_go_back_as_quantities_too() -> None:
    net = ns.Network("n")
    net.population("a", 2, ns.LIF(synapses=ns.ExpCurrent(exc=3.0)))
    own = ns.NeuronModel("own", equations="dv/dt = -v/tau : 1\ntau : ms", parameters={"tau": 5.0})
    net.population("b", 2, own)
    given: Any = {
        "a": {"tau_m": "0.02 s", "tau_exc": ["2 ms", "0.003 s"], "V_th": ns.Normal(-50, 1)},
        "b": {"tau": "7000 us"},
    }
    other = net.with_parameters(given)
    assert other["a"].parameters["tau_m"] == 20.0
    assert other["a"].parameters["tau_exc"].tolist() == [2.0, 3.0]
    assert other["b"].parameters["tau"] == 7.0
    wrong: Any
    for wrong, message in (
        ({"a": {"tau_m": "20 mV"}}, "with_parameters: 'a': tau_m is '20 mV'"),
        ({"a": {"tau_m": "long"}}, "with_parameters: 'a': tau_m is 'long'"),
        ({"a": {"tau_m": float("nan")}}, "'a': tau_m is nan; expected a time in ms"),
        ([("a", {"tau_m": 20.0})], "values is .*a mapping of populations"),
        ({"a": [("tau_m", 20.0)]}, "'a' is .*a mapping of parameters"),
    ):
        with pytest.raises(DescriptionError, match=message):
            net.with_parameters(wrong)


def test_modules_have_no_rule_by_which_spikes_change_weights() -> None:
    """Whatever a rule reads: none is offered in its place that is refused as well."""
    for plasticity in (ns.STDP(), ns.Clopath()):
        net = ns.Network("plastic")
        source = net.population("in", 1, ns.Poisson(rate=10.0))
        cell = net.population("cell", 1, ns.AdEx(synapses=ns.Delta()))
        net.project(source, cell, ns.AllToAll(), weight=1.0, plasticity=plasticity)
        with pytest.raises(UnsupportedError, match="no rule by which spikes") as told:
            ns.compile(net, "snntorch")
        assert "on_pre" not in str(told.value)


def test_inputs_of_modules_are_tensors() -> None:
    net = ns.Network("n", dt=1.0)
    net.population("in", (2, 2), ns.Input("spikes"))
    module = compiled(net, SnnTorch()).module
    for inputs, message in (
        (np.ones((5, 1, 2, 2)), "inputs is an array.*a tensor, or a mapping"),
        ([1.0], "inputs is.*a tensor, or a mapping"),
        ({"in": np.ones((5, 1, 2, 2))}, r"inputs\['in'\] is an array.*a tensor"),
        (torch.ones(5, 1, 3), r"the shape \(time, batch, 2, 2\)"),
    ):
        with pytest.raises(DescriptionError, match=message):
            module(inputs)


def test_a_scan_takes_a_step_that_single_precision_does_not_have() -> None:
    """dt = 0.1 stands in Euler's program: the states of the core, to the bit."""
    net = ns.Network("euler", dt=0.1)
    source = net.population("in", 2, ns.Input("spikes"))
    cells = net.population("cells", 2, ns.LIF(method="euler"))
    net.project(source, cells, ns.AllToAll(), weight=256.0, receptor="exc")
    net.record(cells, "V_m")
    counts = np.ones((50, 2), np.int64)
    with torch.no_grad():
        out = compiled(net, SnnTorch()).module(
            torch.tensor(counts)[:, None], record=[("cells", "V_m")]
        )
    core = ns.run(net, 5.0, inputs={"in": counts}).states["cells"]["V_m"].array
    np.testing.assert_array_equal(out.states["cells", "V_m"][:, 0].numpy(), core)


# --- losses and the loop --------------------------------------------------------------------------


def test_losses_are_what_they_say() -> None:
    """By hand, for three steps, one sample and two neurons; the first fires twice."""
    spikes = torch.tensor([[[0.0, 0.0]], [[1.0, 0.0]], [[1.0, 0.0]]], requires_grad=True)
    t = ns.training
    label = torch.tensor([0])
    softplus = np.log1p(np.exp(-2.0))
    assert t.count_loss(spikes, label).item() == pytest.approx(softplus)
    assert t.count_loss(spikes, label, scale=0.5).item() == pytest.approx(np.log1p(np.exp(-1.0)))
    rates = 1000 * 2 / 3, 0.0
    wanted = ((rates[0] - 500) ** 2 + (rates[1] - 100) ** 2) / 2 / 500**2
    assert t.rate_loss(spikes, label, right=500, wrong=100).item() == pytest.approx(wanted)
    reductions: Any = (("max", (1, 0)), ("mean", (2 / 3, 0)), ("last", (1, 0)))
    for reduce, logits in reductions:
        found = t.membrane_loss(spikes, label, reduce=reduce)
        assert found.item() == pytest.approx(np.log1p(np.exp(logits[1] - logits[0])))
    first = t.first_spikes(spikes, dt=0.5)
    assert first.tolist() == [[1.0, 2.0]]
    (slope,) = torch.autograd.grad(first[0, 0], spikes, retain_graph=True)
    # What comes after the first spike plays no part; an earlier one would save two steps.
    assert slope[:, 0, 0].tolist() == [-0.5, -0.5, 0.0]
    found = t.latency_loss(first, label, tau=0.5, late=1.5, pull=0.1, pull_tau=2.0)
    assert found.item() == pytest.approx(np.log1p(np.exp(-1.0)) + 0.1 * np.expm1(0.5))
    exact = torch.tensor([[[3.0, 5.0], [np.inf, np.inf]]])
    assert t.first_spikes(exact).tolist() == [[3.0, np.inf]]
    found = t.time_loss(t.first_spikes(exact), torch.tensor([[2.0, np.inf]]), late=9.0)
    assert found.item() == pytest.approx(0.5)
    with pytest.raises(DescriptionError, match="0 to 1, one for each output neuron"):
        t.count_loss(spikes, torch.tensor([2]))
    with pytest.raises(DescriptionError, match="whole numbers"):
        t.latency_loss(first, torch.tensor([0.0]), late=1.0)
    with pytest.raises(UnknownNameError, match="max"):
        t.membrane_loss(spikes, label, reduce="min")  # type: ignore[arg-type]


def test_arguments_of_losses_are_checked() -> None:
    t, nan = ns.training, float("nan")
    grid, label = torch.tensor([[[0.0, 0.0]], [[1.0, 0.0]]]), torch.tensor([0])
    times, exact = torch.tensor([[1.0, 2.0]]), torch.tensor([[[3.0, 5.0], [7.25, np.inf]]])
    cases: Any = (
        (lambda: t.rate_loss(grid, label, right=0), "rate_loss: right is 0"),
        (lambda: t.rate_loss(grid, label, right=9, wrong=nan), "rate_loss: wrong is nan"),
        (lambda: t.rate_loss(grid, label, right=9, dt=0), "rate_loss: dt is 0"),
        (lambda: t.latency_loss(times, label, late=nan), "latency_loss: late is nan"),
        (lambda: t.latency_loss(times, label, late=np.inf), "latency_loss: late is inf"),
        (lambda: t.latency_loss(times, label, late=9, pull=1, pull_tau=0), "pull_tau is 0"),
        (lambda: t.latency_loss(exact, label, late=9), r"latency_loss: times is \(1, 2, 2\)"),
        (lambda: t.time_loss(torch.ones(2, 2), torch.ones(2), late=9), r"is \(2,\).*\(2, 2\)"),
        (lambda: t.time_loss(times, times, late=nan), "time_loss: late is nan"),
        (lambda: t.count_loss(grid[0], label), r"\(time, batch, n\)"),
        (lambda: t.count_loss(grid.numpy(), label), "a tensor"),
        (lambda: t.membrane_loss(grid, label, scale=nan), "scale is nan"),
        (lambda: t.first_spikes(grid), "first_spikes: spikes is .*need their time step: dt="),
        (lambda: t.first_spikes(grid[:, :, :1]), "not only 0 and 1"),
        (lambda: t.first_spikes(exact, dt=0.1), "is 7.25; expected numbers of spikes"),
        (lambda: t.first_spikes(-grid, dt=0.1), "is -1.0; expected numbers of spikes"),
        (lambda: t.first_spikes(grid, dt=0.0), "first_spikes: dt is 0"),
        (lambda: t.first_spikes(times), r"the shape \(batch, n, n_spikes\)"),
        (lambda: t.first_spikes(times, dt=0.1), r"the shape \(time, batch, n\)"),
    )
    for call, message in cases:
        with pytest.raises(DescriptionError, match=message):
            call()
    assert t.first_spikes(exact).tolist() == [[3.0, 7.25]]
    assert t.first_spikes(grid > 0, dt=0.5).tolist() == [[1.0, 1.5]]


def test_what_cannot_be_trained_is_told() -> None:
    linear = torch.nn.Linear(1, 1)
    batch = torch.ones(1, 1), None

    def whole(output: Any, labels: Any) -> Any:
        return output.sum()

    cases: Any = (
        ({"loss": lambda a, b: a.expand(2, 1)}, r"loss is \(2, 1\).*scalar"),
        ({"loss": lambda a, b: 1.0}, "loss is 1.0"),
        ({"loss": lambda a, b: a.sum().detach()}, "depends on the parameters"),
        ({"batches": [torch.ones(3)]}, r"batches\[0\] is \(3,\); expected a pair"),
        ({"batches": [batch, (1, 2, 3)]}, r"batches\[1\] is '3 parts'; expected a pair"),
        ({"batches": [{"x": 1, "y": 2}]}, r"batches\[0\] is 'dict'; expected a pair"),
        ({"module": torch.nn.ReLU()}, "'ReLU'; expected a module with parameters"),
        ({"module": 3}, "module is 3; expected a torch.nn.Module"),
        ({"batches": [([1.0], None)], "truncate": 2}, "inputs is .*a tensor"),
        ({"batches": [({"a": [1.0]}, None)], "truncate": 2}, r"inputs\['a'\] is .*a tensor"),
    )
    for change, message in cases:
        given: Any = {"module": linear, "batches": [batch], "loss": whole, "epochs": 1, **change}
        with pytest.raises(DescriptionError, match=message):
            ns.training.train(**given)


def test_truncation_cuts_the_past_off() -> None:
    """Gradients are those of pieces that begin at the states they found, and not of the whole."""
    net = ns.Network("smooth", seed=3, dt=1.0)
    source = net.population("in", 2, ns.Input("spikes"))
    cells = net.population("a", 2, ns.LIF(V_th=1e3))
    net.project(source, cells, ns.AllToAll(), weight=ns.Uniform(10, 50), receptor="exc")
    module = compiled(net, SnnTorch()).module
    (weight,) = module.parameters()
    # Without spikes the states are linear in the weights: those of the pieces, taken by hand.
    x = torch.tensor(np.random.default_rng(1).integers(0, 3, (6, 1, 2)))

    def loss(out: Any, labels: Any) -> Any:
        return out.state.cells[1].values[0].sum()

    found = {}
    for steps in (None, 6, 3):
        optimiser = torch.optim.SGD(module.parameters(), lr=0.0)
        ns.training.train(module, [(x, None)], loss, epochs=1, optimiser=optimiser, truncate=steps)
        found[steps] = weight.grad.clone()
    assert torch.equal(found[None], found[6])
    first = module(x[:3])
    rest = module(x[3:], first.state.detach())
    wanted = torch.autograd.grad((loss(first, None) + loss(rest, None)) / 2, weight)[0]
    torch.testing.assert_close(found[3], wanted)
    assert not torch.allclose(found[3], found[6])
    # A piece counts by its steps, and inputs may come by name.
    told = ns.training.train(module, [({"in": x}, None)], loss, epochs=1, truncate=4,
                             optimiser=torch.optim.SGD(module.parameters(), lr=0.0))  # fmt: skip
    first = module(x[:4])
    mean = (4 * loss(first, None) + 2 * loss(module(x[4:], first.state.detach()), None)) / 6
    torch.testing.assert_close(weight.grad, torch.autograd.grad(mean, weight)[0])
    assert told.losses[0] == pytest.approx(mean.item())


def test_training_stops_early_and_keeps_the_best() -> None:
    module = torch.nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(3.0)
    optimiser = torch.optim.SGD(module.parameters(), lr=1.0)
    scores = iter([1.0, 5.0, 4.0, 4.5, 9.0])

    def loss(output: Any, labels: Any) -> Any:
        return output.sum()

    batches = [(torch.ones(1, 1), None)]
    told = ns.training.train(
        module, batches, loss, epochs=9, optimiser=optimiser, score=lambda: next(scores),
        patience=2, progress=False,
    )  # fmt: skip
    assert told.stopped
    assert (told.best, told.scores, told.losses) == (1, (1.0, 5.0, 4.0, 4.5), (3.0, 2.0, 1.0, 0.0))
    assert module.weight.item() == 1.0  # after two epochs
    for change, error, message in (
        ({"batches": []}, DescriptionError, "at least one batch"),
        ({"batches": iter(batches)}, DescriptionError, "used up after the first epoch"),
        ({"epochs": 0}, DescriptionError, "epochs"),
        ({"patience": 1}, DescriptionError, "without score"),
        ({"truncate": 2, "call": module}, DescriptionError, "None with call="),
        ({"loss": lambda a, b: a.sum() * float("nan")}, SimulationError, "the loss is not finite"),
        ({"score": lambda: float("nan")}, SimulationError, "score is nan"),
    ):
        given: dict[str, Any] = {"batches": batches, "loss": loss, "epochs": 2, **change}
        with pytest.raises(error, match=message):
            ns.training.train(module, **given)


# --- pretraining ----------------------------------------------------------------------------------


def test_a_pretrained_network_is_taken_up_by_spiking_neurons() -> None:
    """Sharpened units on the 8x8 digits: |ANN - spiking| < 0.03 without training further.

    After Lin et al. (2022), IEEE Trans. Neural Netw. Learn. Syst.: annealed to low = 0.3, high =
    0.7, 6 steps (and two in which spikes reach the output); far above a spiking network of the same
    form after its first epoch.
    """
    images, labels = load_digits(return_X_y=True)
    order = torch.tensor(np.random.default_rng(0).permutation(len(labels)))
    x, y = torch.tensor(images / 16.0)[order], torch.tensor(labels)[order]
    seen = torch.arange(1400).split(100)
    t = ns.training

    def fresh() -> Any:
        torch.manual_seed(0)
        layers: list[Any] = []
        for n_in in (64, 32):
            layers += [torch.nn.Linear(n_in, 32), torch.nn.BatchNorm1d(32), t.SharpenedReLU()]
        return torch.nn.Sequential(*layers, torch.nn.Linear(32, 10)).double()

    def share(logits: Any) -> float:
        return float((logits.argmax(1) == y[1400:]).double().mean())

    def pretrained() -> tuple[Any, float]:
        model = fresh()
        optimiser = torch.optim.Adam(model.parameters(), lr=0.005)
        for epoch in range(12):
            t.sharpen(model, 0.3 * epoch / 11)
            t.train(model, [(x[k], y[k]) for k in seen], torch.nn.functional.cross_entropy,
                    epochs=1, optimiser=optimiser)  # fmt: skip
        model.eval()
        with torch.no_grad():
            return model, share(model(x[1400:]))

    def shown(session: Any, images: Any) -> Any:
        out = session.module(images.expand(8, -1, -1), record=[("output", "V_m")])
        return out.states["output", "V_m"]

    def accuracy(session: Any) -> float:
        with torch.no_grad():
            return share(shown(session, x[1400:])[-1])

    model, of_model = pretrained()
    assert of_model > 0.95
    transferred = accuracy(compiled(t.spiking(model), SnnTorch()))
    assert abs(of_model - transferred) < 0.03
    scratch = compiled(t.spiking(fresh().eval()), SnnTorch())
    optimiser = torch.optim.Adam(scratch.module.parameters(), lr=0.005)
    for k in seen:
        loss = t.membrane_loss(shown(scratch, x[k]), y[k], reduce="last", scale=1 / 8)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert transferred > accuracy(scratch)


def test_models_that_no_spiking_network_follows() -> None:
    nn, t = torch.nn, ns.training
    for model, message in (
        (nn.Linear(2, 2), "Sequential"),
        (nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2)), r"model\[1\], Tanh"),
        (nn.Sequential(nn.Linear(2, 2), t.SharpenedReLU()), "a Linear at the end"),
    ):
        with pytest.raises(UnsupportedError, match=message):
            t.spiking(model)
    with pytest.raises(DescriptionError, match=r"below 0\.5"):
        t.sharpen(nn.Sequential(t.SharpenedReLU()), 0.5)

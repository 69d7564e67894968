"""Exact gradients of spike times: against differences and closed forms, and in a training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import neurosim as ns
from neurosim.errors import DescriptionError, SimulationError, UnknownNameError, UnsupportedError
from neurosim_backends.snntorch import SnnTorch

pytestmark = pytest.mark.compiled


def neuron(**more: Any) -> ns.LIF:
    """Return a neuron with a threshold 1 above its rest."""
    given: dict[str, Any] = {
        "tau_m": 20.0, "C_m": 1.0, "E_L": 0.0, "V_reset": 0.0, "V_th": 1.0, "t_ref": 0.0,
        "synapses": ns.ExpCurrent(exc=10.0, inh=10.0),
    }  # fmt: skip
    return ns.LIF(**{**given, **more})


def events(net: ns.Network) -> Any:
    """Return the module of spike times of a network."""
    session: Any = ns.compile(net, "snntorch")
    return session.event_module()


def chain(n: int = 1, weight: Any = 0.3, model: Any = None) -> ns.Network:
    """Return an input and as many cells, all connected to all."""
    net = ns.Network("chain", seed=1, dt=0.1)
    source = net.population("in", n, ns.Input("spikes"))
    cell = net.population("cell", n, model or neuron())
    net.project(source, cell, ns.AllToAll(), weight=weight, receptor="exc", delay=0.1)
    net.record(cell, "spikes")
    return net


def test_one_spike_has_the_time_and_the_gradient_of_the_closed_form() -> None:
    """tau_m = 2 tau_s: T = t + d - 2 tau_s ln(1/2 + root/2), root^2 = 1 - 4 / (2 tau_s w)."""
    module, w, tau = events(chain()), 0.3, 10.0
    t = torch.tensor([[2.0], [5.5]], requires_grad=True, dtype=torch.float64)
    found = module(t, 15.0)["cell"]
    assert found.shape == (2, 1, 1)
    root = np.sqrt(1 - 4 / (2 * tau * w))
    wanted = 0.1 - 2 * tau * np.log(0.5 + 0.5 * root)
    np.testing.assert_allclose(found.detach().numpy()[:, 0, 0] - [2, 5.5], wanted, rtol=1e-13)
    found[0].sum().backward()
    slope = -2 * tau / (0.5 + 0.5 * root) * 0.5 * (2 / (2 * tau * w**2)) / root
    (weight,) = module.parameters()
    assert float(weight.grad) == pytest.approx(slope, rel=1e-12)
    assert t.grad is not None
    assert t.grad[:, 0].tolist() == pytest.approx([1.0, 0.0], rel=1e-12)


TAUS: dict[str, dict[str, Any]] = {
    "tau_m = tau_s": {"synapses": ns.ExpCurrent(exc=20.0, inh=20.0)},
    "tau_m = 2 tau_s": {},
    "neither, refractory": {"synapses": ns.ExpCurrent(exc=7.0, inh=7.0), "t_ref": 2.0},
    "two receptors, a current": {
        "synapses": ns.ExpCurrent(exc=10.0, inh=5.0), "t_ref": 1.0, "I_e": 0.02
    },
}  # fmt: skip


@pytest.mark.parametrize("case", TAUS)
def test_gradients_are_those_of_differences(case: str) -> None:
    """Two layers, a batch, delays, some synapses left out, many spikes of a neuron.

    Of all spike times of both layers, by weights and by times of spikes of the input.
    """
    net = ns.Network("layers", seed=1, dt=0.1)
    source = net.population("in", 4, ns.Input("spikes"))
    bias = net.population("bias", 1, ns.SpikeTimes([[0.5, 20.0]]))
    hidden = net.population("hidden", (2, 2), neuron(**TAUS[case]))
    out = net.population("out", 2, neuron(**TAUS[case]))
    net.project(source + bias, hidden, ns.AllToAll(), weight=ns.Uniform(0.08, 0.3), receptor="exc",
                delay=1.0)  # fmt: skip
    net.project(source, hidden, ns.FixedIndegree(2), weight=-0.05, receptor="inh", delay=2.0)
    net.project(hidden, out, ns.AllToAll(), weight=ns.Uniform(0.05, 0.2), receptor="exc")
    module = events(net)
    times = torch.tensor(np.random.default_rng(0).uniform(1, 25, (2, 4, 2)), requires_grad=True)

    def loss() -> Any:
        found = module(times, 45.0)
        assert found["hidden"].shape[:3] == (2, 2, 2)
        total: Any = 0.0
        for spikes in found.values():
            scale = torch.cos(torch.arange(spikes.numel(), dtype=torch.float64))
            fired = torch.isfinite(spikes)
            assert int(fired.sum()) > 12
            total = total + (torch.where(fired, spikes, 0.0) * scale.view(spikes.shape)).sum()
        return total

    loss().backward()
    for tensor in (times, *module.parameters()):
        flat = tensor.data.view(-1)
        for k in range(flat.numel()):
            at, h, values = float(flat[k]), 1e-6, []
            for moved in (at - h, at + h):
                flat[k] = moved
                with torch.no_grad():
                    values.append(float(loss()))
            flat[k] = at
            slope = (values[1] - values[0]) / (2 * h)
            assert tensor.grad is not None
            assert float(tensor.grad.view(-1)[k]) == pytest.approx(slope, rel=1e-5, abs=2e-5)


def test_a_spike_vanishes() -> None:
    """Below the weight at which the potential peaks at the threshold there is none, and no NaN."""
    module = events(chain())
    (weight,) = module.parameters()
    for w, fires in ((0.2 * (1 + 1e-9), True), (0.2 * (1 - 1e-9), False), (0.1, False)):
        weight.data.fill_(w)
        weight.grad = None
        t = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
        found = module(t, 100.0)["cell"]
        assert bool(torch.isfinite(found).all()) == fires
        found.clamp(max=50.0).sum().backward()
        assert bool(torch.isfinite(weight.grad).all())
        assert bool((weight.grad != 0).all()) == fires
        if fires:
            assert float(weight.grad) < -1e5  # steep, where it is about to vanish


def test_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    from neurosim_backends._torch import sharing

    monkeypatch.setattr(sharing, "WORTH_THREADS", 1)
    net = chain(3, ns.Uniform(0.1, 0.4))
    times = torch.tensor(np.random.default_rng(3).uniform(1, 20, (5, 3, 4)))
    found = []
    before = torch.get_num_threads()
    try:
        for n in (1, 3, 3):
            torch.set_num_threads(n)
            module = events(net)
            spikes = module(times, 40.0)["cell"]
            spikes.clamp(max=40).sum().backward()
            (weight,) = module.parameters()
            found.append((spikes.detach(), weight.grad))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[1][1], found[2][1])
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-12, atol=0)


def test_on_the_grid_first_spikes_come_within_a_step_after() -> None:
    """The core looks at the threshold at grid points only: later, by less than dt."""
    net = chain(8, ns.Uniform(0.02, 0.15))
    times = np.random.default_rng(5).integers(10, 300, (8, 2)) * 0.1
    with torch.no_grad():
        exact = events(net)(torch.tensor(times)[None], 60.0)["cell"][0, :, 0].numpy()
    counts = np.zeros((600, 8))
    np.add.at(counts, (np.rint(times * 10).astype(int) - 1, np.arange(8)[:, None]), 1)
    spikes = ns.run(net, 60.0, inputs={"in": counts}).spikes["cell"]
    first = np.array([spikes.times[spikes.ids == k].min() for k in range(8)])
    late = first - exact
    assert np.all((late > -1e-9) & (late < 0.1 + 1e-9))
    assert np.ptp(late) > 0.02


def test_digits_are_learned_from_latencies() -> None:
    """64-30-10, a spike for each pixel, the darker the sooner; the core answers alike.

    The weights go back into the description, which runs on the CPU core at dt = 0.1 ms.
    """
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(np.where(images > 0, np.round(11 - images * 10 / 16, 1), np.inf))
    y, late = torch.tensor(labels), 30.0
    net = ns.Network("digits", seed=1, dt=0.1)
    pixels = net.population("pixels", 64, ns.Input("spikes"))
    hidden, out = (net.population(name, n, neuron(t_ref=late))
                   for name, n in (("hidden", 30), ("classes", 10)))  # fmt: skip
    net.project(pixels, hidden, ns.AllToAll(), weight=ns.Normal(0.03, 0.03), receptor="exc")
    net.project(hidden, out, ns.AllToAll(), weight=ns.Normal(0.04, 0.04), receptor="exc")
    net.record(out, "spikes")
    session: Any = ns.compile(net, "snntorch")
    module = session.event_module()
    training = ns.training
    torch.manual_seed(0)
    batches = [(x[k], y[k]) for k in torch.randperm(1200).split(30)]

    def loss(found: Any, wanted: Any) -> Any:
        first = training.first_spikes(found["classes"])
        return training.latency_loss(first, wanted, tau=0.5, late=late, pull=0.05)

    history = training.train(
        module, batches, loss, epochs=5, call=lambda x: module(x, late),
        optimiser=torch.optim.Adam(module.parameters(), lr=0.001),
    )  # fmt: skip
    assert history.losses[-1] < 0.5 * history.losses[0]
    with torch.no_grad():
        first = training.first_spikes(module(x[1200:], late)["classes"])
    accuracy = float((first.argmin(1) == y[1200:]).double().mean())
    assert accuracy > 0.75
    core = ns.compile(net.with_weights(session.weights()))
    alike = []
    for k in range(20):
        counts = np.zeros((300, 64))
        inked = np.flatnonzero(images[1200 + k])
        counts[np.rint(x[1200 + k].numpy()[inked] * 10).astype(int) - 1, inked] = 1
        core.reset()
        run = core.run(late, inputs={"pixels": counts}, progress=False)
        alike.append(int(run.spikes["classes"].ids[0]) == int(first[k].argmin()))
    assert sum(alike) >= 18


# --- what is refused ------------------------------------------------------------------------------


def recurrent() -> ns.Network:
    """Return a cell that hears itself."""
    net = chain()
    net.project(net["cell"], net["cell"], ns.AllToAll(), weight=0.1, receptor="exc", name="back")
    return net


def driven() -> ns.Network:
    """Return a cell with a drive."""
    net = chain()
    net.drive(net["cell"], ns.Poisson(rate=10), weight=0.1, receptor="exc")
    return net


def delayed() -> ns.Network:
    """Return cells with several delays in one projection."""
    net = chain(2)
    net.project(net["in"], net["cell"], ns.AllToAll(), weight=0.1, receptor="exc",
                delay=ns.Uniform(1, 3), name="late")  # fmt: skip
    return net


def delta() -> ns.Network:
    """Return a cell whose potential jumps."""
    net = ns.Network("delta", dt=0.1)
    source = net.population("in", 1, ns.Input("spikes"))
    cell = net.population("cell", 1, ns.LIF(synapses=ns.Delta()))
    net.project(source, cell, ns.AllToAll(), weight=0.1)
    return net


REFUSED: dict[str, tuple[Any, str]] = {
    "model": (lambda: chain(model=ns.AdEx()), r"'cell': AdEx: the course.*surrogate"),
    "delta": (delta, "'cell'.*Delta: spikes that set the potential at once"),
    "loop": (recurrent, "a loop through 'cell'"),
    "drive": (driven, "drive.*SpikeTimes"),
    "delays": (delayed, "'late'.*one delay"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_networks_are_refused_by_name(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(UnsupportedError, match=message):
        events(make())


def test_parameters_of_neurons_have_no_gradients_here() -> None:
    net = chain()
    session: Any = ns.compile(net, SnnTorch(learn=("tau_m", "V_th")))
    with pytest.raises(UnsupportedError, match=r"'cell': learn of V_th, tau_m: .*without learn="):
        session.event_module()


def test_wrong_inputs() -> None:
    module = events(chain(2))
    times = torch.ones(1, 2)
    for inputs, duration, message in (
        (torch.ones(1, 3), 5.0, r"the shape \(batch"),
        (-times, 5.0, "0 or above"),
        (times * float("nan"), 5.0, "0 or above"),
        (times, 0.0, "duration"),
        (times, "5 mV", "duration"),
        (torch.ones(2), 5.0, r"the shape \(batch, 2\) or \(batch, 2, n_spikes\)"),
        (times.numpy(), 5.0, "inputs is an array.*a tensor, or a mapping"),
        ([1.0, 2.0], 5.0, "inputs is.*a tensor, or a mapping"),
        ({"in": times.numpy()}, 5.0, r"inputs\['in'\] is an array.*a tensor"),
    ):
        with pytest.raises(DescriptionError, match=message):
            module(inputs, duration)
    assert torch.equal(module(times, "5 ms")["cell"], module(times, 5.0)["cell"])
    with pytest.raises(UnknownNameError, match="in"):
        module({"im": times}, 5.0)
    with pytest.raises(DescriptionError, match="below V_th"):
        events(chain(model=neuron(E_L=2.0)))(torch.ones(1, 1), 5.0)
    with pytest.raises(SimulationError, match="more than 65536 times"):
        events(chain(model=neuron(I_e=1e5)))(torch.ones(1, 1), 50.0)

"""Networks for the tests of NIR, and a slow reader of graphs that is nobody's simulator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nir
import numpy as np
import torch

import neurosim as ns

Array = np.ndarray[Any, Any]


def euler_calls(graph: nir.NIRGraph, given: dict[str, Array], step: float) -> dict[str, Array]:
    """Run a graph by forward Euler as the papers have it, node by node: spikes of all neurons.

    Every call takes the graph once around. A neuron sees what nodes before it give in the same
    call; what goes round to a neuron that comes first is of the call before. Spikes leave above the
    threshold. Float64.
    """
    before: dict[str, list[str]] = {n: [a for a, b in graph.edges if b == n] for n in graph.nodes}
    n_calls = len(next(iter(given.values())))
    state: dict[str, Any] = {}
    last: dict[str, Array] = {}
    seen: dict[str, list[Array]] = {}
    for call in range(n_calls):
        now = {name: x[call] for name, x in given.items()}
        pending = [n for n in graph.nodes if n not in now]
        queues = [n for n in pending if type(graph.nodes[n]).__name__ == "Delay"]
        for name in queues:  # they know their output before their input
            node = graph.nodes[name]
            late = np.rint(np.asarray(node.delay) / step).astype(int)
            past = state.setdefault(name, np.zeros((late.max() + 1, *late.shape)))
            now[name] = np.take_along_axis(past, late[None] - 1, 0)[0] if late.min() else None
        while pending:
            ready = [n for n in pending if all(b in now for b in before[n])]
            name = ready[0] if ready else _loop_entry(graph, pending, before, now)
            inputs = [now[b] if b in now else last.get(b) for b in before[name]]
            total = sum((x for x in inputs if x is not None), np.zeros(()))
            pending.remove(name)
            if name in queues:
                state[name] = np.concatenate([np.asarray(total)[None], state[name][:-1]])
                continue
            now[name] = _advance(graph.nodes[name], name, total, state, step)
        last = now
        for name, node in graph.nodes.items():
            if hasattr(node, "v_threshold"):
                seen.setdefault(name, []).append(now[name].ravel())
    return {name: np.stack(rows) for name, rows in seen.items()}


def _loop_entry(graph: Any, pending: list[str], before: Any, now: Any) -> str:
    """Return a neuron that waits for itself only."""
    for name in pending:
        if hasattr(graph.nodes[name], "v_threshold") and any(b in now for b in before[name]):
            return name
    raise AssertionError(f"a loop through {pending}")


def _advance(node: Any, name: str, x: Any, state: dict[str, Any], step: float) -> Any:
    kind = type(node).__name__
    if kind in ("Affine", "Linear"):
        return node.weight @ x + (node.bias if kind == "Affine" else 0.0)
    if kind == "Scale":
        return node.scale * x
    if kind == "Flatten":
        assert (node.start_dim, node.end_dim) == (0, -1)
        return np.ravel(x)
    if kind == "Output":
        return x
    if kind in ("Conv1d", "Conv2d"):
        made = getattr(torch.nn.functional, kind.lower())
        tensors = [torch.as_tensor(np.asarray(v, np.float64)) for v in (x, node.weight, node.bias)]
        many = {k: _plain(getattr(node, k)) for k in ("stride", "padding", "dilation", "groups")}
        return made(*tensors, **many).numpy()
    if kind in ("AvgPool2d", "SumPool2d"):
        size = _plain(node.kernel_size)
        pooled = torch.nn.functional.avg_pool2d(
            torch.as_tensor(np.asarray(x, np.float64)), size, _plain(node.stride),
            _plain(node.padding),
        ).numpy()  # fmt: skip
        return pooled * (np.prod(size) if kind == "SumPool2d" else 1)
    v = state.get(name, 0.0)
    if kind == "LI":
        state[name] = v + step / node.tau * (node.v_leak - v + node.r * x)
        return state[name]
    if kind == "IF":
        v = v + step * node.r * x
    elif kind == "LIF":
        v = v + step / node.tau * (node.v_leak - v + node.r * x)
    else:
        assert kind == "CubaLIF"
        i, v = state.get(name, (0.0, 0.0))
        i = i + step / node.tau_syn * (node.w_in * x - i)
        v = v + step / node.tau_mem * (node.v_leak - v + node.r * i)
    z = v > node.v_threshold
    v = np.where(z, node.v_reset, v)
    state[name] = (i, v) if kind == "CubaLIF" else v
    return z.astype(np.float64)


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return int(array) if array.ndim == 0 else tuple(int(n) for n in array)


def calls_of(run: ns.Run, population: str, lag: int, dt: float, n_calls: int) -> Array:
    """Return spikes of a run as what its node gives in each call: (n_calls, n)."""
    record = run.spikes[population]
    call = np.rint(record.times / dt).astype(int) - 1 - lag
    rows = np.zeros((n_calls, record.size))
    inside = (call >= 0) & (call < n_calls)
    rows[call[inside], record.ids[inside]] = 1.0
    return rows


def trains(seed: int, shape: tuple[int, ...], n_calls: int, rate: float = 0.2) -> Array:
    """Return random spikes."""
    drawn = np.random.default_rng(seed).random((n_calls, *shape)) < rate
    return drawn.astype(np.float64)


def chain(
    model: Any, strength: float, seed: int = 0, *, receptor: str | None = None,
    recurrent: float = 0.0, dt: float = 0.1, sizes: tuple[int, int, int] = (6, 20, 5),
) -> ns.Network:  # fmt: skip
    """Return input -> hidden -> out, the weights of random sign, `strength` on average."""
    draw = np.random.default_rng(seed)
    net = ns.Network("chain", dt=dt)
    first = net.population("in", sizes[0], ns.Input("spikes"))
    hidden = net.population("hidden", sizes[1], model)
    out = net.population("out", sizes[2], model)

    def join(pre: Any, post: Any, mean: float) -> None:
        weight = draw.normal(mean, abs(strength), (len(pre), len(post)))
        net.project(pre, post, ns.AllToAll(), weight=weight, receptor=receptor)

    join(first, hidden, strength)
    join(hidden, out, 0.5 * strength)
    if recurrent:
        join(hidden, hidden, recurrent)
    net.record(out, "spikes")
    return net


def convolved(seed: int = 1) -> ns.Network:
    """Return images -> convolution -> dense readout."""
    draw = np.random.default_rng(seed)
    net = ns.Network("convolved", dt=0.1)
    model = ns.LIF(t_ref=0, synapses=ns.Delta())
    image = net.population("image", (2, 6, 7), ns.Input("spikes"))
    maps = net.population("maps", (3, 3, 4), model)
    out = net.population("out", 4, model)
    net.project(image, maps, ns.Conv2D(draw.normal(3, 3, (3, 2, 3, 2)), (2, 2), (1, 1)))
    net.project(maps, out, ns.AllToAll(), weight=draw.normal(2, 3, (36, 4)))
    net.record(out, "spikes")
    return net


MODELS: dict[str, Any] = {
    "delta": ns.LIF(t_ref=0, tau_m=12, synapses=ns.Delta()),
    "euler": ns.LIF(t_ref=0, tau_m=12, synapses=ns.Delta(), method="euler"),
    "integrator": ns.PerfectIntegrator(reset="to", synapses=ns.Delta()),
    "currents": ns.LIF(t_ref=0, V_reset=-70, synapses=ns.Receptors(ns.ExpCurrent(), ns.Delta())),
}


def random_network(seed: int) -> ns.Network:
    """Return a network that profile 'generic' has a form of, drawn from a seed."""
    draw = np.random.default_rng(seed)
    dt = float(draw.choice([0.1, 0.25]))
    net = ns.Network("random", seed=int(draw.integers(100)), dt=dt)
    inputs = [
        net.population(f"in {k}", int(draw.integers(2, 5)), ns.Input("spikes"))
        for k in range(draw.integers(1, 3))
    ]
    neurons = []
    for k in range(draw.integers(1, 4)):
        kind = str(draw.choice(list(MODELS)))
        n = int(draw.integers(2, 6))
        model = MODELS[kind]
        rest = model.V_reset if kind == "integrator" else -70.0
        model = replace(model, V_th=rest + draw.uniform(8, 20, n))
        neurons.append((net.population(f"p{k}", n, model), kind))
    populations = [*inputs, *(p for p, _ in neurons)]
    joined = set()
    for p, kind in neurons:
        either = inputs[int(draw.integers(len(inputs)))]
        anyone = populations[int(draw.integers(len(populations)))]
        for pre in (either, anyone):
            receptors = ["exc", "inh", "delta"] if kind == "currents" else [None]
            receptor = receptors[int(draw.integers(len(receptors)))]
            scale = 400.0 if receptor in ("exc", "inh") else 6.0
            delay = float(dt * draw.integers(1, 6))
            rules = [ns.AllToAll(), ns.FixedProbability(0.6), ns.FixedIndegree(2)]
            rule = rules[int(draw.integers(3))]
            spread = ns.Uniform(dt, 4 * dt) if draw.random() < 0.3 else delay
            weight = ns.Normal(scale, scale / 2)
            net.project(pre, p, rule, weight=weight, delay=spread, receptor=receptor)
            joined.add(pre.name)
        if kind != "currents" and draw.random() < 0.3:
            net.inject(p, ns.StepCurrent(times=[dt], amplitudes=[draw.uniform(0, 200)]))
    for k, i in enumerate(inputs):
        if i.name not in joined:
            p, kind = neurons[k % len(neurons)]
            receptor = "delta" if kind == "currents" else None
            net.project(i, p, ns.AllToAll(), weight=5.0, receptor=receptor)
    for p, _ in neurons:
        net.record(p, "spikes")
    return net

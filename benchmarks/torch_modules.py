"""Modules of PyTorch: ours beside snnTorch's and Norse's own loops, same weights and inputs.

All have the same neuron: a membrane with a decay factor and reset to 0. Ours has a delay of one
step from layer to layer, theirs has none; so its spikes are theirs, one step later per layer: the
share of numbers in which the last layers agree is kept beside the times.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import neurosim as ns

STEPS = 100
TAU = 10.0
PROBED = 8
"""Copies by which weights are scaled until a layer is as active as wanted."""


@dataclass(frozen=True)
class Shape:
    """A network of a benchmark; `active` is the share of neurons that fire in a step."""

    layers: tuple[int, ...]
    batch: int
    active: float

    @property
    def name(self) -> str:
        """What rows are called by."""
        sizes = "-".join(map(str, self.layers))
        return f"{sizes}, batch {self.batch}, {100 * self.active:g} % active"


SHAPES = (
    Shape((784, 1024, 1024, 10), 64, 0.3),
    Shape((784, 1024, 1024, 10), 64, 0.05),
    Shape((64, 128, 10), 1, 0.2),
)


def network(weights: list[Any]) -> ns.Network:
    """Return the network in our words."""
    net = ns.Network("layers", seed=1, dt=1.0)
    leaky = ns.LIF(
        synapses=ns.Delta(), E_L=0.0, V_reset=0.0, V_th=1.0, t_ref=0.0, tau_m=TAU, C_m=1.0
    )
    before = net.population("in", len(weights[0]), ns.Input("spikes"))
    for k, w in enumerate(weights):
        layer = net.population(f"layer {k}", w.shape[1], leaky)
        net.project(before, layer, ns.FromMatrix(w))
        before = layer
    return net


def weights_of(shape: Shape, x: Any) -> list[Any]:
    """Draw weights; each layer's are scaled until it is as active as the input `x`."""
    rng = np.random.default_rng(1)
    spikes = x[:, :PROBED].double().numpy()
    found = []
    for n, m in zip(shape.layers[:-1], shape.layers[1:], strict=True):
        drawn = rng.normal(0.1, 1.0, (n, m)) / np.sqrt(n)
        arriving = spikes @ drawn
        low, high = 0.01, 1000.0
        for _ in range(10):  # more would end where some membrane is at its threshold exactly
            middle = float(np.sqrt(low * high))
            told = leaky_steps(middle * arriving)
            low, high = (middle, high) if told.mean() < shape.active else (low, middle)
        found.append((low * drawn).astype(np.float32).astype(np.float64))
        spikes = leaky_steps(low * arriving)
    return found


def leaky_steps(arriving: Any) -> Any:
    """Return the spikes of the neuron of this benchmark: (time, batch, n)."""
    v = np.zeros(arriving.shape[1:])
    spikes = np.zeros_like(arriving)
    for t, now in enumerate(arriving):
        v = np.exp(-1 / TAU) * v + now
        spikes[t] = v >= 1
        v[v >= 1] = 0
    return spikes


def ours(weights: list[Any], x: Any) -> tuple[list[Any], Callable[[], Any]]:
    """Return the parameters and what runs: spikes of the last layer, (time, batch, n)."""
    from neurosim_backends.snntorch import SnnTorch

    backend: Any = SnnTorch(surrogate="fast_sigmoid")
    session: Any = ns.compile(network(weights), backend, precision="single")
    module, last = session.module, f"layer {len(weights) - 1}"
    return list(module.parameters()), lambda: module(x).spikes[last]


def of_snntorch(weights: list[Any], x: Any) -> tuple[list[Any], Callable[[], Any]]:
    """Return the same as one writes it with snnTorch."""
    import snntorch
    import torch
    from snntorch import surrogate

    cells = [
        snntorch.Leaky(
            beta=float(np.exp(-1 / TAU)), threshold=1.0, spike_grad=surrogate.fast_sigmoid(),
            reset_mechanism="zero", reset_delay=False,
        )
        for _ in weights
    ]  # fmt: skip
    parameters = [torch.tensor(w, dtype=torch.float32, requires_grad=True) for w in weights]

    def run() -> Any:
        potentials = [torch.zeros(x.shape[1], w.shape[1]) for w in parameters]
        out = []
        for now in x:
            for k, w in enumerate(parameters):
                now, potentials[k] = cells[k](now @ w, potentials[k])
            out.append(now)
        return torch.stack(out)

    return parameters, run


def of_norse(weights: list[Any], x: Any) -> tuple[list[Any], Callable[[], Any]]:
    """Return the same as one writes it with Norse: an Euler step of its box neuron decays alike."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import norse.torch as norse
    rate = float(1 - np.exp(-1 / TAU))
    p = norse.LIFBoxParameters(tau_mem_inv=torch.tensor(rate), method="super")
    cells = [norse.LIFBoxCell(p=p, dt=1.0) for _ in weights]
    parameters = [torch.tensor(w, dtype=torch.float32, requires_grad=True) for w in weights]

    def run() -> Any:
        states: list[Any] = [None] * len(weights)
        out = []
        for now in x:
            for k, w in enumerate(parameters):
                now, states[k] = cells[k](now @ w / rate, states[k])
            out.append(now)
        return torch.stack(out)

    return parameters, run


SIDES = {"neurosim": ours, "snntorch": of_snntorch, "norse": of_norse}


def agreement(ours: Any, theirs: Any, n_layers: int) -> float:
    """Return the share of numbers in which the last layers agree, ours so many steps later."""
    return float((ours[n_layers:] == theirs[: len(theirs) - n_layers]).double().mean())


def measure(repeats: int = 5, threads: int = 2, shapes: Any = SHAPES) -> list[dict[str, Any]]:
    """Measure all shapes, forward and with the way back, the sides by turns."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    rows = []
    try:
        for shape in shapes:
            torch.manual_seed(0)
            x = (torch.rand(STEPS, shape.batch, shape.layers[0]) < shape.active).float()
            weights = weights_of(shape, x)
            sides = {name: make(weights, x) for name, make in SIDES.items()}
            with torch.no_grad():
                told = {name: run() for name, (_, run) in sides.items()}
            agreed = {
                name: agreement(told["neurosim"], t, len(weights))
                for name, t in told.items()
                if name != "neurosim"
            }
            for way in ("forward", "forward and backward"):
                times = by_turns(sides, way, repeats)
                row: dict[str, Any] = {"name": f"{shape.name}, {way}"}
                row |= {f"{name}_s": statistics.median(t) for name, t in times.items()}
                for name, share in agreed.items():
                    row[f"times_{name}"] = row[f"{name}_s"] / row["neurosim_s"]
                    row[f"agrees_with_{name}"] = share
                rows.append(row | {"repeats": repeats, "threads": threads})
    finally:
        torch.set_num_threads(before)
    return rows


def by_turns(sides: dict[str, Any], way: str, repeats: int) -> dict[str, list[float]]:
    """Return the wall times of each side [s]; the first round is not counted."""
    import torch

    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, (parameters, run) in sides.items():
            began = time.perf_counter()
            if way == "forward":
                with torch.no_grad():
                    run()
            else:
                torch.autograd.grad(run().mean(), parameters)
            if turn:
                times[name].append(time.perf_counter() - began)
    return times

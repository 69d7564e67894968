"""From a graph of NIR to a network: what its forward-Euler steps do, step by step the same.

Neurons are advanced with ``method="euler"``; a weight is what it adds to V_m (or to the current) in
one step. Populations run some steps behind the nodes (`writing` explains lags): delays are at least
one step here, so the spike of node p in call k has the label k + 1 + s(p).

A CubaLIF reads its current after the jump, we read it at t. Where a lag cannot make up for that
step, within a loop, an arriving spike moves the membrane as well: w by a Delta receptor, and
(1 - dt/tau_syn) w by the current, is the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import networkx as nx
import numpy as np
from scipy import sparse

from neurosim.describe.currents import StepCurrent
from neurosim.describe.explicit import Conv2D, FromList, FromMatrix
from neurosim.describe.network import Network
from neurosim.describe.neurons import LIF, PerfectIntegrator
from neurosim.describe.sources import Input
from neurosim.describe.synapses import Delta, ExpCurrentReceptor, Receptors
from neurosim.errors import DescriptionError, UnsupportedError
from neurosim.lower.plan import Floats, Ints
from neurosim.units import to_scalar
from neurosim_backends.nir.binding import nir
from neurosim_backends.nir.metadata import Kept
from neurosim_backends.nir.operators import Operator, _finite, operator_of
from neurosim_backends.nir.profiles import READERS_STEP

LONGEST_CHAIN = 100
"""Linear nodes from neurons to neurons."""

MOST_INPUTS = 1 << 26
"""Neurons of an Input, whose shape is all there is of it in a file."""

MOST_PATHS = 10_000
"""From neurons to neurons through linear nodes."""

SPIKING = ("LIF", "CubaLIF", "IF")

DIRECT, JUMP, CLOCK = "", "jump", "bias_clock"
"""What arrives at the membrane itself; the receptor for that; what makes biases of currents."""


@dataclass(frozen=True)
class Path:
    """Linear nodes from one population to another, as one matrix.

    Attributes
    ----------
    bank : str
        Current of the target that it feeds, or `DIRECT`.
    matrix : (n_post, n_pre) sparse array
    delay : (n_pre,) int64
        Steps, from Delay nodes and recurrent edges.
    kernel : Conv2D or None
        The single convolution that it is.
    """

    pre: str
    post: str
    bank: str
    matrix: Any
    delay: Ints
    kernel: Conv2D | None = None


@dataclass(kw_only=True)
class Bank:
    """A synaptic current.

    Attributes
    ----------
    tau : (n,) array
        In steps.
    gain : (n,) array
        What an input of 1 adds to it [pA].
    bias : (n,) array
        Constant input.
    late_bias : (n,) array
        Constant input from the second call on: by way of a flat edge of a population to itself.
    """

    tau: Floats
    gain: Floats
    bias: Floats
    late_bias: Floats


@dataclass(kw_only=True)
class Membrane:
    """A node that spikes, as numbers: all (n,) float64, times in steps.

    Attributes
    ----------
    tau : array or None
        tau_mem/dt; None without a leak.
    per_pA : array
        What a current of 1 pA adds to V_m in one step.
    steady : array
        The current [pA] that an input of 1 is.
    rest : array
        The current [pA] that the leak potential is.
    bias, late_bias : array
        Constant input, as in `Bank`.
    banks : dict
        Synaptic currents by name.
    """

    shape: tuple[int, ...]
    tau: Floats | None
    per_pA: Floats
    steady: Floats
    rest: Floats
    threshold: Floats
    reset: Floats
    bias: Floats
    late_bias: Floats
    banks: dict[str, Bank] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Built:
    """A network made of nodes.

    Attributes
    ----------
    network : Network
    inputs, outputs : mapping of str to str
        Node of the graph -> population whose spikes enter or leave there.
    lags : mapping of str to int
        Population -> steps it runs behind its node.
    """

    network: Network
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    lags: Mapping[str, int]


def network_of(graph: Any, kept: Kept | None, dt: Any, inputs: str, name: str) -> Built:
    """Return what the nodes of a graph say, as a network; see `neurosim.from_nir`.

    Parameters
    ----------
    graph : nir.NIRGraph
    kept : Kept or None
        What it says of its time steps.
    dt : float, quantity or None
        Time step [ms] that the caller says.
    inputs : {"spikes", "current"}
    name : str
    """
    if dt is not None:
        own = to_scalar(dt, "ms", "from_nir: dt", above=0)
        if kept is not None and own != kept.dt:
            raise DescriptionError(
                "from_nir: dt", own, f"{kept.dt:g} ms, the step the graph was written for"
            )
    else:
        own = kept.dt if kept is not None else READERS_STEP * 1e3
    return build(graph, own, own * 1e-3 if kept is None else kept.step, inputs, name)


def build(graph: Any, dt: float, step: float, kind: str = "spikes", name: str = "nir") -> Built:
    """Return the network of a graph.

    Parameters
    ----------
    graph : nir.NIRGraph
    dt : float
        Time step of the network [ms].
    step : float
        Time step of the graph [s].
    kind : {"spikes", "current"}
        What its inputs are.
    name : str
        Of the network.

    Raises
    ------
    DescriptionError
        If edges, shapes or values make no sense.
    UnsupportedError
        For what there is no form of.
    """
    nodes, edges = _inlined(graph)
    _check_edges(nodes, edges)
    return _Builder(nodes, edges, dt, step, kind).build(name)


def _inlined(graph: Any, prefix: str = "") -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return nodes and edges with those of subgraphs in the place of these."""
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    ends: dict[str, tuple[str, str]] = {}
    for name, node in graph.nodes.items():
        own = f"{prefix}{name}"
        if not isinstance(node, nir.NIRGraph):
            nodes[own] = node
            continue
        inner, inner_edges = _inlined(node, f"{own}.")
        entries = [n for n in node.nodes if isinstance(node.nodes[n], nir.Input)]
        exits = [n for n in node.nodes if isinstance(node.nodes[n], nir.Output)]
        if len(entries) != 1 or len(exits) != 1:
            raise UnsupportedError(
                f"Subgraph {own!r}", f"it has {len(entries)} inputs and {len(exits)} outputs",
                "one of each",
            )  # fmt: skip
        ends[own] = (f"{own}.{entries[0]}", f"{own}.{exits[0]}")
        for end, old in zip(ends[own], (entries[0], exits[0]), strict=True):
            (shape,) = (node.nodes[old].input_type or node.nodes[old].output_type).values()
            inner[end] = nir.Scale(scale=np.ones(tuple(np.asarray(shape).tolist())))
        nodes |= inner
        edges += inner_edges
    for pre, post in graph.edges:
        pre, post = f"{prefix}{pre}", f"{prefix}{post}"
        edges.append((ends.get(pre, ("", pre))[1], ends.get(post, (post, ""))[0]))
    return nodes, edges


def _check_edges(nodes: Mapping[str, Any], edges: list[tuple[str, str]]) -> None:
    for pre, post in edges:
        for end in (pre, post):
            if end not in nodes:
                listed = ", ".join(map(repr, list(nodes)[:8]))
                raise DescriptionError(
                    f"Edge {(pre, post)!r}", end, f"a node of the graph, such as {listed}",
                    "The file is damaged, or a node was removed without its edges.",
                )  # fmt: skip
    if len(set(edges)) != len(edges):
        twice = next(e for e in edges if edges.count(e) > 1)
        raise DescriptionError(f"Edge {twice!r}", "there twice", "once", "Remove one of them.")
    for word in ("Input", "Output"):
        if not any(type(n).__name__ == word for n in nodes.values()):
            raise DescriptionError("Graph", f"without an {word}", f"an {word} node")


class _Builder:
    def __init__(
        self, nodes: Mapping[str, Any], edges: list[tuple[str, str]], dt: float, step: float,
        kind: str,
    ) -> None:  # fmt: skip
        self.nodes, self.dt, self.step, self.kind = nodes, dt, step, kind
        self.kinds = {name: type(node).__name__ for name, node in nodes.items()}
        self.before: dict[str, list[str]] = {name: [] for name in nodes}
        for pre, post in edges:
            self.before[post].append(pre)
        self.banks = self._find_banks(edges)
        self.operators: dict[str, Operator] = {}
        self.membranes: dict[str, Membrane] = {}
        self.paths: list[Path] = []
        self.looped: set[str] = set()

    def _find_banks(self, edges: list[tuple[str, str]]) -> dict[str, str]:
        """Return filters that lead to one membrane and nowhere else, with that membrane."""
        after: dict[str, list[str]] = {name: [] for name in self.nodes}
        for pre, post in edges:
            after[pre].append(post)
        return {
            name: after[name][0] for name, kind in self.kinds.items()
            if kind == "LI" and [self.kinds[n] for n in after[name]] in (["LIF"], ["IF"])
        }  # fmt: skip

    def build(self, name: str) -> Built:
        linear = [
            n for n, kind in self.kinds.items()
            if kind not in (*SPIKING, "Input") and n not in self.banks
        ]  # fmt: skip
        order = self._ordered(linear)
        shapes = self._shapes(order)
        for node, kind in self.kinds.items():
            if kind in SPIKING:
                self.membranes[node] = self._membrane(node, kind)
        for post, membrane in self.membranes.items():
            own = [n for n in self.before[post] if n in self.banks]
            for number, bank in enumerate(own, 1):
                called = "syn" if number == 1 else f"syn_{number}"
                membrane.banks[called] = self._bank(bank, membrane)
                self._follow(post, bank, called, shapes)
            self._follow(post, post, "syn" if self.kinds[post] == "CubaLIF" else DIRECT, shapes)
        self._find_loops()
        lags = self._lags()
        return self._network(name, shapes, lags)

    def _follow(self, post: str, at: str, bank: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Find the ways that lead to a membrane, or to one of its currents."""
        for pre in self.before[at]:
            if pre not in self.banks and shapes[pre] != self.membranes[post].shape:
                wanted = f"the shape {self.membranes[post].shape}"
                raise DescriptionError(f"Edge {(pre, at)!r}", shapes[pre], wanted)
        for path in self._paths_to(post, bank, at, None, None, ()):
            self.paths.append(path)
            if len(self.paths) > MOST_PATHS:
                raise UnsupportedError("Graph", f"more than {MOST_PATHS:,} ways between neurons")

    def _ordered(self, linear: list[str]) -> list[str]:
        """Return linear nodes so that each comes after those that lead to it."""
        graph = nx.DiGraph()
        graph.add_nodes_from(linear)
        graph.add_edges_from((p, n) for n in linear for p in self.before[n] if p in set(linear))
        try:
            return list(nx.topological_sort(graph))
        except nx.NetworkXUnfeasible:
            loop = " -> ".join(edge[0] for edge in nx.find_cycle(graph))
            raise DescriptionError(
                "Graph", f"with a loop through {loop}", "a neuron in every loop",
                "Linear nodes alone would have to know their output before it is there.",
            ) from None  # fmt: skip

    def _shapes(self, order: list[str]) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for name, kind in self.kinds.items():
            if kind == "Input":
                shapes[name] = _axes_of(next(iter(self.nodes[name].input_type.values())), name)
            elif kind in SPIKING:
                shapes[name] = np.asarray(self.nodes[name].v_threshold).shape
                if not shapes[name]:
                    raise DescriptionError(
                        f"Node {name!r}", "a single number for all neurons",
                        "arrays of the shape of the population",
                        "nir.write wants them so, and only they say how many there are.",
                    )  # fmt: skip
        for name in order:
            given = [shapes[p] for p in self.before[name]]
            if not given:
                raise DescriptionError(f"Node {name!r}", "without an input", "an edge to it")
            if any(s != given[0] for s in given):
                raise DescriptionError(f"Node {name!r}: inputs", given, "inputs of one shape")
            if self.kinds[name] == "Output":
                shapes[name] = given[0]
                continue
            self.operators[name] = operator_of(self.nodes[name], name, given[0], self.step)
            shapes[name] = self.operators[name].shape
        return shapes

    def _membrane(self, name: str, kind: str) -> Membrane:
        node = self.nodes[name]

        def of(key: str) -> Floats:
            array = _finite(getattr(node, key), f"Node {name!r}: {key}")
            shape = np.asarray(node.v_threshold).shape
            if array.shape != shape:
                raise DescriptionError(f"Node {name!r}: {key}", array, f"the shape {shape}")
            return array.ravel()

        def time(key: str) -> Floats:
            found = of(key)
            if np.any(found <= 0):
                raise DescriptionError(f"Node {name!r}: {key}", found, "times above 0")
            return found / self.step

        shape = np.asarray(node.v_threshold).shape
        # NIR fires above the threshold; so does what comes next among the floats.
        threshold, reset = np.nextafter(of("v_threshold"), np.inf), of("v_reset")
        if np.any(threshold <= reset):
            raise DescriptionError(
                f"Node {name!r}: v_threshold", of("v_threshold"), "potentials above v_reset",
                "It would fire without end.",
            )  # fmt: skip
        r = of("r")
        none = np.zeros(r.size)
        if kind == "IF":
            return Membrane(
                shape=shape, tau=None, per_pA=none + self.dt, steady=r * self.step / self.dt,
                rest=none, bias=none, late_bias=none, threshold=threshold, reset=reset,
            )  # fmt: skip
        tau = time("tau" if kind == "LIF" else "tau_mem")
        made = Membrane(
            shape=shape, tau=tau, per_pA=1.0 / tau, steady=r, rest=of("v_leak"), bias=none,
            late_bias=none, threshold=threshold, reset=reset,
        )  # fmt: skip
        if kind == "CubaLIF":
            tau_syn = time("tau_syn")
            gain = r * of("w_in") / tau_syn
            made.banks["syn"] = Bank(tau=tau_syn, gain=gain, bias=none, late_bias=none)
        return made

    def _bank(self, name: str, membrane: Membrane) -> Bank:
        """Return a filter before a membrane as a synaptic current of it."""
        node = self.nodes[name]
        tau, r, leak = (
            _finite(getattr(node, k), f"Node {name!r}: {k}") for k in ("tau", "r", "v_leak")
        )
        if not tau.shape == r.shape == leak.shape == membrane.shape:
            raise DescriptionError(f"Node {name!r}: tau", tau, f"the shape {membrane.shape}")
        if np.any(tau <= 0):
            raise DescriptionError(f"Node {name!r}: tau", tau, "times above 0")
        if np.any(leak != 0):
            raise UnsupportedError(f"Node {name!r}: v_leak", "a filter that rests at a value", "0")
        steps = tau.ravel() / self.step
        gain = membrane.steady * r.ravel() / steps
        return Bank(tau=steps, gain=gain, bias=0 * steps, late_bias=0 * steps)

    def _paths_to(
        self, post: str, bank: str, at: str, matrix: Any, delay: Ints | None,
        chain: tuple[Operator, ...],
    ) -> Iterator[Path]:  # fmt: skip
        """Yield the ways to a population, and add up the biases that are met."""
        if len(chain) > LONGEST_CHAIN:
            reason = f"more than {LONGEST_CHAIN} linear nodes in a row lead there"
            raise UnsupportedError(f"Node {at!r}", reason)
        for name in self.before[at]:
            if name in self.banks:
                continue
            if self.kinds[name] in (*SPIKING, "Input"):
                size = math.prod(self._shape_of(name))
                whole = sparse.eye_array(size, format="csr") if matrix is None else matrix
                steps = np.zeros(size, np.int64) if delay is None else delay
                real = [op for op in chain if op.matrix is not None]
                kernel = real[0].kernel if len(real) == 1 else None
                flattened = any(op.matrix is None and op.delay is None for op in chain)
                # A flat edge from a population to itself is one step late in every simulator.
                steps = np.broadcast_to(steps, size) + int(name == post and not np.any(steps))
                yield Path(name, post, bank, whole, steps, None if flattened else kernel)
                continue
            op = self.operators.get(name)
            if op is None:
                raise UnsupportedError(f"Node {name!r}", "an Output that leads on", "none")
            if op.bias is not None and np.any(op.bias):
                membrane = self.membranes[post]
                held = membrane.banks[bank] if bank else membrane
                added = op.bias if matrix is None else matrix @ op.bias
                if self._goes_round(name, post) and not any(o.delay is not None for o in chain):
                    held.late_bias = held.late_bias + added
                else:
                    held.bias = held.bias + added
            further = matrix
            late: Ints | None = delay
            if op.delay is not None:
                here = op.delay if np.ptp(op.delay) else op.delay[:1]
                if late is not None and late.size > 1 and here.size > 1 and late.size != here.size:
                    raise UnsupportedError(f"Node {name!r}: delay", "different delays in a row")
                late = here if late is None else late + here
            elif late is not None and late.size > 1 and op.matrix is not None:
                raise UnsupportedError(
                    f"Node {name!r}", "different delays behind a linear node",
                    "a Delay right after the neurons it delays",
                )  # fmt: skip
            if op.matrix is not None:
                further = op.matrix if matrix is None else matrix @ op.matrix
            yield from self._paths_to(post, bank, name, further, late, (*chain, op))

    def _goes_round(self, name: str, post: str) -> bool:
        """Whether all that leads to a linear node comes from one population, with no delay."""
        pending, sources = [name], set()
        while pending:
            at = pending.pop()
            if at in self.operators and self.operators[at].delay is None:
                pending += self.before[at]
            else:
                sources.add(at)
        return sources == {post}

    def _shape_of(self, name: str) -> tuple[int, ...]:
        if name in self.membranes:
            return self.membranes[name].shape
        return _axes_of(next(iter(self.nodes[name].input_type.values())), name)

    def _find_loops(self) -> None:
        graph = nx.DiGraph((p.pre, p.post) for p in self.paths)
        for part in nx.strongly_connected_components(graph):
            if len(part) > 1 or any(graph.has_edge(n, n) for n in part):
                self.looped |= set(part)

    def _least(self, path: Path) -> int:
        """Return the steps that a connection takes here at least."""
        entering = self.kinds[path.pre] == "Input" and self.kind == "current"
        if entering:
            return 0
        return 2 if path.bank and path.post not in self.looped else 1

    def _lags(self) -> dict[str, int]:
        """Return the smallest lags that leave every delay what it has to be here."""
        lags = {n: 0 for n, kind in self.kinds.items() if kind in (*SPIKING, "Input")}
        for _ in range(len(lags) + 1):
            changed = False
            for path in self.paths:
                wanted = lags[path.pre] + self._least(path) - int(path.delay.min())
                if wanted > lags[path.post]:
                    lags[path.post], changed = wanted, True
            if not changed:
                return lags
        loop = ", ".join(sorted(self.looped))
        raise UnsupportedError(
            f"Loop through {loop}",
            "a spike takes at least one step from neurons to neurons here, which the loop does "
            "not have", "Delay nodes on its edges",
        )  # fmt: skip

    # --- the network ---

    def _network(
        self, name: str, shapes: Mapping[str, tuple[int, ...]], lags: Mapping[str, int]
    ) -> Built:
        net = Network(name, dt=self.dt)
        made: dict[str, Any] = {}
        called: dict[str, str] = {}
        for node, kind in self.kinds.items():
            if kind in (*SPIKING, "Input"):
                called[node] = _name(node, called.values())
        for node in [n for n in called if self.kinds[n] == "Input"]:
            made[node] = net.population(called[node], shapes[node], Input(self.kind))  # type: ignore[arg-type]
        for node, m in self.membranes.items():
            population = made[node] = net.population(called[node], m.shape, self._model(node, m))
            for calls, constant in enumerate((m.rest + m.steady * m.bias, m.steady * m.late_bias)):
                if np.any(constant):
                    since = (lags[node] + calls) * self.dt
                    current = StepCurrent(times=[since], amplitudes=constant[None, :])
                    net.inject(population, current)
            if m.reset.any():
                net.initialise(population, V_m=0.0)
        clock = None
        for node, m in self.membranes.items():
            for bank, held in m.banks.items():
                for calls, bias in enumerate((held.bias, held.late_bias)):
                    if not np.any(bias):
                        continue
                    clock = self._clock(net, called) if clock is None else clock
                    column = sparse.csr_array(bias[:, None])
                    path = Path(CLOCK, node, bank, column, np.full(1, calls))
                    self._project(net, clock, made[node], path, lags[node])
        for path in self.paths:
            late = lags[path.post] - lags[path.pre]
            self._project(net, made[path.pre], made[path.post], path, late)
        outputs = {}
        for node, kind in self.kinds.items():
            if kind != "Output":
                continue
            for pre in self.before[node]:
                if pre not in self.membranes:
                    raise UnsupportedError(
                        f"Output {node!r}", f"it is fed by {pre!r} ({self.kinds[pre]}): numbers, "
                        "not spikes", "neurons before it",
                    )  # fmt: skip
                net.record(made[pre], "spikes")
                outputs[node] = called[pre]
            if len(self.before[node]) > 1:
                raise UnsupportedError(f"Output {node!r}", "a sum of several", "one for each")
        return Built(
            network=net, inputs={n: called[n] for n in called if self.kinds.get(n) == "Input"},
            outputs=outputs, lags={called[n]: s for n, s in lags.items()},
        )  # fmt: skip

    def _model(self, node: str, m: Membrane) -> Any:
        def of(values: Floats) -> Any:
            return float(values[0]) if np.ptp(values) == 0 else values

        ends: dict[str, Any] = {
            "V_th": of(m.threshold), "V_reset": of(m.reset), "t_ref": 0.0, "method": "euler",
        }  # fmt: skip
        receptors: dict[str, Any] = {
            name: ExpCurrentReceptor(tau=of(bank.tau * self.dt)) for name, bank in m.banks.items()
        }
        direct = any(p.post == node and not p.bank for p in self.paths)
        if direct or not receptors or node in self.looped:
            receptors[JUMP] = Delta()
        synapses = Receptors(named=receptors)
        if m.tau is None:
            return PerfectIntegrator(C_m=1.0, reset="to", synapses=synapses, **ends)
        # With C_m = tau_m the resistance is 1 GOhm: a current in pA is a potential in mV.
        tau = of(m.tau * self.dt)
        return LIF(tau_m=tau, C_m=tau, E_L=0.0, synapses=synapses, **ends)

    def _clock(self, net: Network, called: dict[str, str]) -> Any:
        """Return a neuron that fires in every step: the bias of what has synaptic currents."""
        called[CLOCK] = _name(CLOCK, called.values())
        model = PerfectIntegrator(
            C_m=1.0, V_th=0.5 * self.dt, V_reset=0.0, t_ref=0.0, I_e=1.0, reset="to",
            synapses=Delta(), method="euler",
        )  # fmt: skip
        return net.population(called[CLOCK], 1, model)

    def _project(self, net: Network, pre: Any, post: Any, path: Path, late: int) -> None:
        m = self.membranes[path.post]
        looped = path.post in self.looped
        steps = path.delay + late - int(bool(path.bank) and not looped)
        if self.kind == "current" and self.kinds.get(path.pre) == "Input":
            if np.any(steps) or path.bank:
                raise UnsupportedError(
                    f"Edge {(path.pre, path.post)!r}", "currents enter membranes at once, and no "
                    "synapses", "inputs='spikes'",
                )  # fmt: skip
            self._add(net, pre, post, path, m.steady, None, "I_e")
        elif not path.bank:
            self._add(net, pre, post, path, m.steady * m.per_pA, steps, JUMP)
        else:
            bank = m.banks[path.bank]
            kept = np.ones(1)
            if looped:
                # V_m as if the current had been read after its jump.
                self._add(net, pre, post, path, bank.gain * m.per_pA, steps, JUMP)
                kept = 1.0 - 1.0 / bank.tau
            self._add(net, pre, post, path, bank.gain * kept, steps, path.bank)

    def _add(
        self, net: Network, pre: Any, post: Any, path: Path, gain: Floats, steps: Ints | None,
        receptor: str,
    ) -> None:  # fmt: skip
        words: dict[str, Any] = {"receptor": receptor}
        one = steps is None or np.ptp(steps) == 0
        if steps is not None and one:
            words["delay"] = int(steps[0]) * self.dt
        if path.kernel is not None and one and np.ptp(gain) == 0:
            k = path.kernel
            scaled_kernel = np.asarray(k.kernel) * gain[0]
            rule: Any = replace(k, kernel=scaled_kernel)
            net.project(pre, post, rule, **words)
            return
        scaled = (sparse.diags_array(gain) @ path.matrix).tocoo()
        if one:
            net.project(pre, post, FromMatrix(sparse.csr_array(scaled.T)), **words)
            return
        assert steps is not None
        keep = scaled.data != 0
        source, target = scaled.coords[1][keep], scaled.coords[0][keep]
        delays = steps[source] * self.dt
        rule = FromList(np.stack([source, target], axis=1), scaled.data[keep], delays)
        net.project(pre, post, rule, **words)


def _axes_of(shape: Any, name: str) -> tuple[int, ...]:
    array = np.asarray(shape)
    if array.dtype.kind not in "iu" or array.ndim != 1 or not array.size or np.any(array < 1):
        raise DescriptionError(f"Node {name!r}: shape", shape, "whole numbers above 0")
    axes = tuple(int(n) for n in array)
    if math.prod(axes) > MOST_INPUTS:
        raise DescriptionError(f"Node {name!r}: shape", axes, f"at most {MOST_INPUTS:,} neurons")
    return axes


def _name(node: str, taken: Any) -> str:
    """Return the name of a population for a node."""
    word = "".join(c if c.isprintable() else "_" for c in node).replace("->", "_to_")
    word = word.replace("/", "_").strip() or "node"
    name, number = word, 1
    while name in set(taken):
        number += 1
        name = f"{word}_{number}"
    return name

"""From a network to a graph of NIR: the nodes whose forward-Euler step is our step.

Readers of NIR advance a node by forward Euler, and in one call of the graph a spike passes all
nodes without a delay. With x = V_m - V_reset, a step of ours is x <- a x + k I + c (`steps`), so

- LIF, r = 1: tau = dt / (1 - a) has the decay factor a exactly. An arriving weight w becomes
  w / (1 - a), a constant c the bias c / (1 - a).
- CubaLIF, r = tau_mem / dt, w_in = tau_syn / dt: the same for both time constants. The node keeps
  k I in place of I, so that a weight w becomes k w.
- IF, r = 1 / dt: x grows by what arrives.

Where the network is advanced with ``method="euler"``, tau is tau_m itself.

*Lags.* A spike of ours takes a delay of at least one step, and V_m reads the current at t: one
step more. NIR has neither. Let populations run s steps behind the input: population p of the
network does at label k + 1 + s(p) what node p does in call k. An edge keeps
D = d + s(pre) - s(post) steps of its delay d, and s is chosen so that D = 0 wherever possible. What
is left over is a Delay node, or the one step that a flat recurrent edge takes. (This is the
retiming of Leiserson & Saxe (1991), Algorithmica 6:5-35.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any

import numpy as np

from neurosim.describe.currents import ConstantCurrent, StepCurrent
from neurosim.describe.explicit import Conv2D
from neurosim.describe.network import Network
from neurosim.describe.sources import Input
from neurosim.engine.wiring import enumerate_connections
from neurosim.errors import CapacityError, UnknownNameError, UnsupportedError
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Floats, Ints, Plan, PlanPopulation
from neurosim_backends.nir.binding import nir
from neurosim_backends.nir.profiles import MARGIN, Profile
from neurosim_backends.nir.steps import Step, step_of

MOST_ENTRIES = 1 << 27
"""Of one weight matrix: 1 GB."""

MOST_DELAYS = 64
"""Different delays between two populations that become branches."""

SAME = 1e-12
"""Relative difference of constants that count as equal."""


@dataclass(kw_only=True)
class Link:
    """What one population sends to another with one delay.

    Attributes
    ----------
    current : str
        Receptor whose current it feeds; "" for what moves x at once.
    lag : int
        Steps from a spike to its first effect on x, less one where that is through a current.
    weight : (n_post, n_pre) array
        What it adds to x in the first step it acts in (times a constant, for a decaying current).
    kernel : Conv2D or None
        The convolution it is, with the factor of every weight.
    """

    pre: int
    post: int
    current: str
    lag: int
    names: list[str]
    weight: Floats | None = None
    kernel: tuple[Conv2D, float] | None = None


@dataclass(kw_only=True)
class Drawn:
    """A graph in the making.

    Attributes
    ----------
    losses : list of UnsupportedError
        What NIR cannot say of the network, and the file leaves out.
    lags : mapping of str to int
        Population -> steps behind the input.
    names : mapping of str to str
        Population -> node.
    """

    plan: Plan
    profile: Profile
    step: float
    nodes: dict[str, Any] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    losses: list[UnsupportedError] = field(default_factory=list)
    lags: dict[str, int] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def lose(self, part: str, reason: str, nearest: str | None = None) -> None:
        """Note what is left out."""
        self.losses.append(UnsupportedError(part, reason, nearest))

    def free(self, wanted: str) -> str:
        """Return a name for a node: a word of Python that is not taken."""
        word = (
            re.sub(r"\W+", "_", wanted.replace("->", "_to_"), flags=re.ASCII).strip("_") or "node"
        )
        word = f"n_{word}" if iskeyword(word) or word[0].isdigit() else word
        name, number = word, 1
        while name in self.nodes:
            number += 1
            name = f"{word}_{number}"
        return name


def draw(
    network: Network, profile: Profile, dt: float, outputs: Sequence[str] | None = None
) -> Drawn:
    """Return a network as nodes and edges.

    Parameters
    ----------
    network : Network
    profile : Profile
    dt : float
        Time step of the network [ms].
    outputs : sequence of str, optional
        Populations whose spikes leave the graph.

    Raises
    ------
    UnsupportedError
        For what no file of this profile has a form of. What it can leave out is in
        ``Drawn.losses``.
    """
    plan = lower(network, dt)
    drawn = Drawn(plan=plan, profile=profile, step=profile.step or dt * 1e-3)
    steps = {p.index: step_of(p, dt) for p in plan.populations if p.spec is not None}
    _note_losses(drawn, network, steps)
    onsets, constants = _constants(drawn, steps)
    links = _links(drawn, network, steps)
    leaving = _outputs(drawn, network, links, outputs)
    _check_ends(drawn, links, leaving)
    lags, kept = _lags(drawn, links, steps, onsets)
    drawn.lags = {p.name: lags[p.index] for p in plan.populations}
    _Nodes(drawn, steps, constants, links, lags, kept).make(leaving)
    return drawn


# --- what is left out -----------------------------------------------------------------------------


def _note_losses(drawn: Drawn, network: Network, steps: Mapping[int, Step]) -> None:
    """List mechanisms that NIR has no word for."""
    plan = drawn.plan
    for p in plan.populations:
        part = f"Population {p.name!r}"
        if p.spec is None:
            if not isinstance(p.source, Input):
                drawn.lose(
                    f"{part}: {type(p.source).__name__}",
                    "NIR has inputs, not what comes in: the spikes of the source are left out",
                    "ns.Input('spikes')",
                )
            continue
        step = steps[p.index]
        if np.any(p.refractory_steps):
            drawn.lose(f"{part}: t_ref", "NIR has no refractory time", "t_ref=0")
        if step.subtracts:
            drawn.lose(
                f"{part}: reset", "NIR has no reset by subtraction, only one to v_reset",
                "reset='to'",
            )  # fmt: skip
        if np.any(np.abs(step.begins) > SAME * np.abs(step.span)):
            drawn.lose(
                f"{part}: initial V_m", "nodes of NIR begin where a spike resets them",
                f"net.initialise({p.name}, V_m={step.zero[0]:g})",
            )  # fmt: skip
        for name, value in p.initial.items():
            if name != "V_m" and np.any(np.asarray(value) != 0):
                drawn.lose(f"{part}: initial {name}", "currents of NIR begin at 0", f"{name}=0")
        if np.any(step.span <= 0):
            raise UnsupportedError(
                f"{part}: V_th", "a threshold at or below the reset fires without end"
            )
    for projection in plan.projections:
        part = f"Projection {projection.name!r}"
        if projection.release != 1:
            drawn.lose(f"{part}: release", "synapses of NIR are reliable", "release=1")
        if projection.plasticity is not None:
            drawn.lose(
                f"{part}: plasticity", "weights of NIR are fixed: the initial ones are written",
                "net.with_weights(session.weights()) without plasticity",
            )  # fmt: skip
    for drive in network.drives:
        drawn.lose(
            f"Drive of {drive.target.label!r}", "NIR has no generators",
            "a population of ns.Input('spikes')",
        )  # fmt: skip
    others = [c.name for c in plan.recurrences] + [m.name for m in plan.memories]
    others += [c.name for c in plan.couplings if (c.source, c.coupling) != ("current", "I_e")]
    for name in others:
        raise UnsupportedError(
                f"Projection {name!r}", "NIR's nodes speak in spikes, not in states",
                "projections of spikes, or ns.Input('current')",
            )  # fmt: skip


def _constants(drawn: Drawn, steps: Mapping[int, Step]) -> tuple[dict[int, int], dict[int, Floats]]:
    """Return of populations with a constant current since which step it acts, and all c [mV]."""
    plan = drawn.plan
    onsets: dict[int, int] = {}
    constants = {i: s.c.copy() for i, s in steps.items()}
    for i, c in constants.items():
        if np.any(c != 0):
            onsets[i] = 0
    for injection in plan.injections:
        source = injection.source
        for p in plan.populations:
            mine = (injection.ids >= p.offset) & (injection.ids < p.offset + p.size)
            if not mine.any():
                continue
            part = f"Injection into {p.name!r}"
            if isinstance(source, ConstantCurrent):
                since, amplitude = 0, np.asarray(source.amplitude, np.float64)
            elif isinstance(source, StepCurrent) and np.asarray(source.amplitudes).shape[0] == 1:
                since = int(np.rint(source.times[0] / plan.dt))
                amplitude = np.asarray(source.amplitudes, np.float64)[0]
            else:
                drawn.lose(part, "NIR has no currents that change", "a constant I_e")
                continue
            if onsets.setdefault(p.index, since) != since:
                drawn.lose(part, "its constant currents begin at different times", "one of them")
                continue
            values = np.broadcast_to(amplitude, injection.ids.shape)[mine]
            where = injection.ids[mine] - p.offset
            np.add.at(constants[p.index], where, values * steps[p.index].per_pA[where])
    return onsets, constants


# --- who sends to whom ----------------------------------------------------------------------------


def _links(drawn: Drawn, network: Network, steps: Mapping[int, Step]) -> list[Link]:
    """Return all connections, gathered by populations, current and delay."""
    plan = drawn.plan
    offsets = np.array([p.offset for p in plan.populations])
    classes = {i: _classes(step) for i, step in steps.items()}
    found: dict[tuple[int, int, str, int, str], Link] = {}

    def add(
        name: str, pre: Ints, post: Ints, receptor: str, weight: Floats, delay: Ints, rule: Any,
    ) -> None:  # fmt: skip
        pre_index = np.searchsorted(offsets, pre, side="right") - 1
        post_index = np.searchsorted(offsets, post, side="right") - 1
        for i, j in np.unique(np.stack([pre_index, post_index]), axis=1).T:
            source, target = plan.populations[i], plan.populations[j]
            step = steps[j]
            if receptor == "I_e":
                current, factor, extra = "", step.per_pA, 0
            elif receptor in step.currents:
                current, factor = classes[j][receptor], step.currents[receptor].k
                extra = 1
            elif receptor in step.jumps:
                current, factor, extra = "", step.jumps[receptor], 0
            else:
                raise UnsupportedError(
                    f"Projection {name!r}: receptor {receptor!r}",
                    "NIR has no synapse of its kind", "Delta, Pulse or ExpCurrent",
                )  # fmt: skip
            mine = (pre_index == i) & (post_index == j)
            kinds = np.unique(delay[mine])
            if len(kinds) > 1 and not drawn.profile.delays:
                raise UnsupportedError(
                    f"Projection {name!r}: delays", f"{drawn.profile.title} reads no delays, so "
                    f"those from {source.name!r} to {target.name!r} have to be equal",
                    "one delay, or profile='generic'",
                )  # fmt: skip
            if len(kinds) > MOST_DELAYS:
                raise UnsupportedError(
                    f"Projection {name!r}: delays", f"{len(kinds)} different ones between two "
                    f"populations; NIR has delays of nodes, and {MOST_DELAYS} branches are the "
                    "most that are written", "fewer different delays",
                )  # fmt: skip
            for d in kinds:
                chosen = mine & (delay == d)
                into = post[chosen] - target.offset
                scaled = weight[chosen] * factor[into]
                key = (int(i), int(j), current, int(d) + extra, "")
                whole = isinstance(rule, Conv2D) and len(kinds) == 1 and bool(mine.all())
                if whole and np.ptp(factor) == 0:
                    key = (*key[:4], name)
                    found[key] = Link(
                        pre=int(i), post=int(j), current=current, lag=int(d) + extra,
                        names=[name], kernel=(rule, float(factor[0])),
                    )  # fmt: skip
                    continue
                link = found.setdefault(
                    key,
                    Link(pre=int(i), post=int(j), current=current, lag=int(d) + extra, names=[]),
                )
                if link.weight is None:
                    link.weight = _matrix(name, target, source)
                link.names.append(name)
                np.add.at(link.weight, (into, pre[chosen] - source.offset), scaled)

    for p in plan.projections:
        listed = enumerate_connections(p, plan.seed, plan.dt)
        described = network.projections[p.name]
        rule = described.rule if _whole(described) else None
        add(
            p.name, p.pre[listed.pre_position], p.post[listed.post_position], p.receptor,
            listed.weight, listed.delay_steps, rule,
        )  # fmt: skip
    for c in plan.couplings:
        if c.delay is not None or c.pair is not None:
            raise UnsupportedError(f"Projection {c.name!r}: delay", "NIR's inputs have none")
        add(c.name, c.pre, c.post, "I_e", c.weight, np.zeros(c.pre.size, np.int64), None)
    return list(found.values())


def _whole(projection: Any) -> bool:
    """Whether a projection joins all of one population to all of another, in order."""
    for view in (projection.pre, projection.post):
        if len(view.segments) != 1:
            return False
        population, indices = view.segments[0]
        if not np.array_equal(indices, np.arange(population.size)):
            return False
    return True


def _matrix(name: str, target: PlanPopulation, source: PlanPopulation) -> Floats:
    if target.size * source.size > MOST_ENTRIES:
        raise CapacityError(
            f"Projection {name!r}: NIR has dense matrices only, and {target.size:,} x "
            f"{source.size:,} weights are more than {MOST_ENTRIES:,}."
        )
    return np.zeros((target.size, source.size))


def _classes(step: Step) -> dict[str, str]:
    """Return receptor -> the first receptor whose current decays alike."""
    found: dict[str, str] = {}
    for name, current in step.currents.items():
        for other in found.values():
            if np.allclose(current.p, step.currents[other].p, rtol=SAME, atol=0):
                found[name] = other
                break
        else:
            found[name] = name
    return found


def _outputs(
    drawn: Drawn, network: Network, links: Sequence[Link], outputs: Sequence[str] | None
) -> list[int]:
    """Return the populations whose spikes leave the graph."""
    index = {p.name: p.index for p in drawn.plan.populations}
    if outputs is not None:
        for name in outputs:
            if name not in index:
                raise UnknownNameError("to_nir: outputs", name, index)
        return [index[name] for name in dict.fromkeys(outputs)]
    recorded = {
        r.population.name: None
        for r in network.recorders if r.population is not None and r.variable == "spikes"
    }  # fmt: skip
    neurons = {p.name: p.index for p in drawn.plan.populations if p.spec is not None}
    if chosen := [neurons[name] for name in neurons if name in recorded]:
        return chosen
    sending = {link.pre for link in links if link.pre != link.post}
    return [i for i in neurons.values() if i not in sending] or list(neurons.values())


def _check_ends(drawn: Drawn, links: Sequence[Link], leaving: Sequence[int]) -> None:
    """Refuse graphs without an input or output, or with several where one is read."""
    names = [p.name for p in drawn.plan.populations]
    entering = [p.name for p in drawn.plan.populations if p.spec is None]
    if not entering:
        raise UnsupportedError(
            f"Network {drawn.plan.name!r}", "a graph of NIR needs an input",
            "a population of ns.Input('spikes')",
        )  # fmt: skip
    if not leaving:
        raise UnsupportedError(f"Network {drawn.plan.name!r}", "a graph of NIR needs an output")
    title = drawn.profile.title
    if drawn.profile.single and len(entering) > 1:
        raise UnsupportedError(
            f"Populations {', '.join(map(repr, entering))}", f"{title} reads one input",
            "one population of inputs, views of which project; or profile='generic'",
        )  # fmt: skip
    if drawn.profile.single and len(leaving) > 1:
        listed = ", ".join(repr(names[i]) for i in leaving)
        raise UnsupportedError(
            f"Outputs {listed}", f"{title} reads one output", f"outputs=[{names[leaving[-1]]!r}]"
        )
    for p in drawn.plan.populations:
        if p.spec is None and not any(link.pre == p.index for link in links):
            raise UnsupportedError(
                f"Population {p.name!r}", "an input that leads nowhere has no place in a graph"
            )


# --- lags -----------------------------------------------------------------------------------------


def _lags(
    drawn: Drawn, links: Sequence[Link], steps: Mapping[int, Step], onsets: Mapping[int, int]
) -> tuple[dict[int, int], list[int]]:
    """Return of each population how many steps it runs behind, and what is left of each delay."""
    roots = {p.index: 0 for p in drawn.plan.populations if p.spec is None}
    free = _shortest(links, roots)
    reached = set(free)
    for i in steps:
        if i in reached:
            continue
        if not drawn.profile.delays:
            raise UnsupportedError(
                f"Population {drawn.plan.populations[i].name!r}",
                f"no input reaches it, and {drawn.profile.title} runs what an input reaches",
                "a projection from the input; or profile='generic'",
            )  # fmt: skip
        roots[i] = onsets.get(i, 0)
    # A constant current acts in NIR from the first call on: such a population runs behind by the
    # step its current begins at, no more and no less, and the input is shifted to fit.
    shift = max((o - free[i] for i, o in onsets.items() if i in reached), default=0)
    bound = {i: s if i in steps else shift for i, s in roots.items()}
    lags = _shortest(links, {**bound, **onsets})
    kept = [link.lag + lags[link.pre] - lags[link.post] for link in links]
    if not drawn.profile.delays and any(map(_left, links, kept)):
        lags = {i: s + shift for i, s in free.items()}
        kept = [link.lag + lags[link.pre] - lags[link.post] for link in links]
    for i, o in onsets.items():
        if lags[i] != o:
            p = drawn.plan.populations[i]
            drawn.lose(
                f"Population {p.name!r}: start of its constant current",
                f"here it acts from step {o} on, in NIR from step {lags[i]}, with the first that "
                "the input could lead to",
                f"net.inject({p.name}, ns.StepCurrent(times=[{max(lags[i], 0) * drawn.plan.dt:g}], "
                "amplitudes=[...])) in place of I_e, and V_reset = E_L",
            )  # fmt: skip
    _check_delays(drawn, links, kept)
    return lags, kept


def _shortest(links: Sequence[Link], roots: Mapping[int, int]) -> dict[int, int]:
    """Return the largest lags below those of the roots that leave every delay at least 0."""
    found = dict(roots)
    changed = True
    while changed:  # delays are no less than 0, so that no loop lowers anything for ever
        changed = False
        for link in links:
            if link.pre in found:
                reach = found[link.pre] + link.lag
                if reach < found.get(link.post, reach + 1):
                    found[link.post], changed = reach, True
    return found


def _left(link: Link, kept: int) -> int:
    """Return what of a delay needs a node: a population feeds itself one step later anyhow."""
    return kept - 1 if link.pre == link.post else kept


def _check_delays(drawn: Drawn, links: Sequence[Link], kept: Sequence[int]) -> None:
    profile, plan = drawn.profile, drawn.plan
    if profile.delays:
        return
    for link, d in zip(links, kept, strict=True):
        part = f"Projection {link.names[0]!r}"
        pre, post = plan.populations[link.pre], plan.populations[link.post]
        if link.pre == link.post and not profile.recurrence:
            raise UnsupportedError(
                f"{part}: recurrence",
                f"{profile.title} 1.0 passes the input of a population that feeds itself through "
                "its recurrent weights, and says nothing", "profile='norse' or 'spikingjelly'",
            )  # fmt: skip
        left = _left(link, d)
        if left and link.pre == link.post:
            through = ", and one more through its current" if link.current else ""
            raise UnsupportedError(
                f"{part}: delay",
                f"a spike takes {link.lag - bool(link.current)} steps here{through}; a recurrent "
                f"edge of NIR takes one in {profile.title}",
                "Delta synapses with a delay of one step; or profile='generic', with Delay nodes",
            )  # fmt: skip
        if left:
            raise UnsupportedError(
                f"{part}: delay",
                f"spikes of {pre.name!r} reach {post.name!r} {left} step{'s' * (left > 1)} later "
                f"than what comes by the shortest way, and {profile.title} reads no Delay nodes",
                f"a delay that is {left * plan.dt:g} ms shorter; or profile='generic'",
            )  # fmt: skip


# --- nodes ----------------------------------------------------------------------------------------


class _Nodes:
    """Writes the nodes of a graph, population by population."""

    def __init__(
        self, drawn: Drawn, steps: Mapping[int, Step], constants: Mapping[int, Floats],
        links: Sequence[Link], lags: Mapping[int, int], kept: Sequence[int],
    ) -> None:  # fmt: skip
        self.drawn, self.profile, self.plan = drawn, drawn.profile, drawn.plan
        self.steps, self.constants = steps, constants
        self.links, self.lags = links, lags
        self.kept = dict(zip(map(id, links), kept, strict=True))
        self.shapes = self._shapes()
        self.entry: dict[tuple[int, str], str] = {}
        self.factor: dict[tuple[int, str], Floats] = {}
        self.bias: dict[int, Floats] = {}
        self.back: list[tuple[str, str]] = []

    def make(self, leaving: Sequence[int]) -> None:
        order = sorted(
            self.plan.populations, key=lambda p: (p.spec is not None, self.lags[p.index])
        )
        for p in order:
            self.drawn.names[p.name] = self._population(p)
        for p in order:
            for link in self.links:
                if link.post == p.index:
                    self._link(link)
        for p in order:
            if p.index in self.bias:
                raise UnsupportedError(
                    f"Population {p.name!r}: constant current",
                    "NIR has it as the bias of what leads there, and nothing does",
                )
        # A walk from the input goes round a loop first, and comes to the output last.
        self.drawn.edges = self.back + self.drawn.edges
        for i in leaving:
            p = self.plan.populations[i]
            name = self.drawn.free("output" if len(leaving) == 1 else f"output_{p.name}")
            shape = np.array(self.shapes.get(i, (p.size,)))
            self.drawn.nodes[name] = nir.Output({"output": shape}, metadata={"population": p.name})
            self.drawn.edges.append((self.drawn.names[p.name], name))
        if self.profile.walks:
            self._check_walk()

    def _shapes(self) -> dict[int, tuple[int, ...]]:
        """Return the shapes of populations that convolutions join; the others are flat."""
        convolved = [link for link in self.links if link.kernel is not None]
        joined = {link.pre for link in convolved} | {link.post for link in convolved}
        flat = {link.post for link in self.links if link.kernel is None}
        flat |= {link.pre for link in convolved if link.pre in flat}
        if not self.profile.groups:
            flat |= {li.post for li in convolved if li.kernel and li.kernel[0].groups != 1}
        flat |= {li.post for li in convolved if not self._channels_alike(li)}
        changed = True
        while changed:
            more = {link.post for link in convolved if link.pre in flat} - flat
            changed = bool(more)
            flat |= more
        shapes = {}
        for i in joined - flat:
            shape = self.plan.populations[i].shape
            shapes[i] = shape if len(shape) == 3 else (1, *shape)
        for link in convolved:
            if link.post in flat:
                self._expand(link)
        kept = {i for li in self.links if li.kernel is not None for i in (li.pre, li.post)}
        return {i: s for i, s in shapes.items() if i in kept}

    def _channels_alike(self, link: Link) -> bool:
        """Whether what stands in a kernel and its bias is the same for all neurons of a channel."""
        channels = self.plan.populations[link.post].shape[:-2] or (1,)
        step = self.steps[link.post]
        for array in (step.a, step.span, self.constants[link.post]):
            rows = array.reshape(channels[0], -1)
            if np.any(np.ptp(rows, axis=1) > 0):
                return False
        return True

    def _expand(self, link: Link) -> None:
        """Write a convolution as the matrix it is."""
        assert link.kernel is not None
        rule, factor = link.kernel
        source, target = self.plan.populations[link.pre], self.plan.populations[link.post]
        link.weight = _matrix(link.names[0], target, source)
        listed = rule.explicit(source, target)  # type: ignore[arg-type]
        assert listed.weight is not None
        np.add.at(link.weight, (listed.post, listed.pre), listed.weight * factor)
        link.kernel = None

    def _population(self, p: PlanPopulation) -> str:
        name = self.drawn.free(p.name)
        shape = self.shapes.get(p.index, (p.size,))
        described = {"population": p.name, "shape": np.array(p.shape)}
        if p.spec is None:
            node = nir.Input({"input": np.array(shape)}, metadata=described)
            self.drawn.nodes[name] = node
            return name
        step, dt = self.steps[p.index], self.drawn.step
        used = list(dict.fromkeys(li.current for li in self.links if li.post == p.index))
        part = f"Population {p.name!r}"
        leaky = np.all(step.a < 1)
        if not leaky and np.any(step.a != 1):
            raise UnsupportedError(part, "neurons with and without a leak in one node of NIR")
        if np.any(step.a <= 0):
            raise UnsupportedError(
                f"{part}: tau_m", f"it is no longer than a step of {self.plan.dt:g} ms",
                "method='exact', or a smaller dt",
            )  # fmt: skip
        scale = (
            1.0 / step.span if self.profile.uniform and np.ptp(step.span) > 0 else np.ones(p.size)
        )
        self._check_uniform(p, step)
        span = step.span * scale
        below = span * (1 - MARGIN) if self.profile.step else np.nextafter(span, 0.0)
        c = self.constants[p.index] * scale
        described |= {"unit": "mV", "zero": step.zero}

        def shaped(values: Any) -> Floats:
            return np.broadcast_to(np.asarray(values, np.float64), p.size).reshape(shape).copy()

        level = {"v_threshold": shaped(below), "v_reset": shaped(0.0)}
        filtered = [k for k in used if k]
        whole = len(used) == 1 and bool(filtered) and leaky
        gain = 1.0 - step.a if leaky else np.ones(p.size)
        if whole:
            current = step.currents[used[0]]
            if np.any(c != 0) and not self.profile.delays:
                raise UnsupportedError(
                    f"{part}: constant current",
                    f"beside synaptic currents it would be the leak potential of a CubaLIF, which "
                    f"{self.profile.title} does not read as that",
                    "Delta synapses, V_reset = E_L and I_e = 0, or profile='generic'",
                )  # fmt: skip
            tau_mem, tau_syn = dt / (1.0 - step.a), dt / (1.0 - current.p)
            node = nir.CubaLIF(
                tau_syn=shaped(tau_syn), tau_mem=shaped(tau_mem), r=shaped(tau_mem / dt),
                v_leak=shaped(c / gain), w_in=shaped(tau_syn / dt), **level, metadata=described,
            )  # fmt: skip
            self.entry[p.index, used[0]] = name
            self.factor[p.index, used[0]] = scale
        else:
            if filtered and not self.profile.delays:
                raise UnsupportedError(
                    f"{part}: synapses",
                    f"{self.profile.title} reads neurons with one kind of synaptic current and "
                    "nothing beside it",
                    "one time constant for all receptors of LIF, or profile='generic'",
                )  # fmt: skip
            biased = "" in used or not self.profile.delays
            if leaky:
                # As a bias, since Norse begins at the leak potential, and snnTorch reads none.
                leak = np.zeros(p.size) if biased else c / gain
                node = nir.LIF(
                    tau=shaped(dt / (1.0 - step.a)), r=shaped(1.0), v_leak=shaped(leak),
                    **level, metadata=described,
                )  # fmt: skip
            else:
                if not self.profile.integrators:
                    raise UnsupportedError(
                        f"{part}: model",
                        "snnTorch 1.0 reads IF as a Leaky with beta = 0.9, and fails on it",
                        "a LIF with a long tau_m, or another profile",
                    )  # fmt: skip
                node = nir.IF(r=shaped(1.0 / dt), **level, metadata=described)
            if np.any(c != 0) and (biased or not leaky):
                self.bias[p.index] = c / gain
            self.entry[p.index, ""] = name
            self.factor[p.index, ""] = scale / gain
        self.drawn.nodes[name] = node
        if not whole:
            for key in filtered:
                current = step.currents[key]
                tau = dt / (1.0 - current.p)
                bank = self.drawn.free(f"{p.name}_{key}")
                self.drawn.nodes[bank] = nir.LI(
                    tau=shaped(tau), r=shaped(1.0), v_leak=shaped(0.0),
                    metadata={"receptor": key, "population": p.name},
                )  # fmt: skip
                self.drawn.edges.append((bank, name))
                self.entry[p.index, key] = bank
                self.factor[p.index, key] = scale / gain / (1.0 - current.p)
        return name

    def _check_uniform(self, p: PlanPopulation, step: Step) -> None:
        if not self.profile.uniform:
            return
        used = {li.current for li in self.links if li.post == p.index and li.current}
        constants = [("tau_m", step.a), *((f"tau_{k}", step.currents[k].p) for k in used)]
        for name, values in constants:
            if np.ptp(values) > SAME:
                raise UnsupportedError(
                    f"Population {p.name!r}: {name}",
                    f"{self.profile.title} has one time constant for all neurons of a node "
                    "(snnTorch 1.0 takes the first and says nothing)",
                    "a population for each value, or profile='norse'",
                )  # fmt: skip

    def _link(self, link: Link) -> None:
        source, target = self.plan.populations[link.pre], self.plan.populations[link.post]
        factor = self.factor[link.post, link.current]
        into = self.entry[link.post, link.current]
        at = self.drawn.names[source.name]
        nodes, chain = self.drawn.nodes, []
        shape = self.shapes.get(link.pre, (source.size,))
        delay = self.kept[id(link)]
        if not self.profile.delays:
            delay = 0
        if delay:
            chain.append(self.drawn.free(f"{link.names[0]}_delay"))
            nodes[chain[-1]] = nir.Delay(delay=np.full(shape, delay * self.drawn.step))
        bias = np.zeros(target.size) if link.current else self.bias.pop(link.post, None)
        if bias is None:
            bias = np.zeros(target.size)
        told = {"projections": "\n".join(dict.fromkeys(link.names))}
        if link.kernel is not None:
            rule, per_weight = link.kernel
            per_channel = (factor * per_weight).reshape(self.shapes[link.post])[:, 0, 0]
            kernel = np.asarray(rule.kernel, np.float64) * per_channel[:, None, None, None]
            chain.append(self.drawn.free(link.names[0]))
            nodes[chain[-1]] = nir.Conv2d(
                input_shape=shape[1:], weight=kernel, stride=rule.stride, padding=rule.padding,
                dilation=rule.dilation, groups=rule.groups,
                bias=bias.reshape(self.shapes[link.post])[:, 0, 0].copy(), metadata=told,
            )  # fmt: skip
            # Read back from a file it has arrays, and so it has here.
            nodes[chain[-1]].input_type = {"input": np.array(shape)}
        else:
            if len(shape) > 1:
                chain.append(self.drawn.free(f"{link.names[0]}_flat"))
                nodes[chain[-1]] = nir.Flatten(
                    input_type={"input": np.array(shape)}, start_dim=0, end_dim=-1
                )
            assert link.weight is not None
            chain.append(self.drawn.free(link.names[0]))
            nodes[chain[-1]] = nir.Affine(
                weight=link.weight * factor[:, None], bias=bias, metadata=told
            )
        edges = list(zip([at, *chain], [*chain, into], strict=True))
        if link.pre == link.post:
            self.back += edges
        else:
            self.drawn.edges += edges

    def _check_walk(self) -> None:
        """Refuse a graph that a walk from the input, each branch to its end, runs out of order."""
        following: dict[str, list[str]] = {}
        for pre, post in self.drawn.edges:
            following.setdefault(pre, []).append(post)
        order: list[str] = []
        pending = [next(n for n, node in self.drawn.nodes.items() if isinstance(node, nir.Input))]
        while pending:
            name = pending.pop()
            if name not in order:
                order.append(name)
                pending += reversed(following.get(name, []))
        place = {name: k for k, name in enumerate(order)}
        back = set(self.back)
        for pre, post in self.drawn.edges:
            if (pre, post) not in back and place[pre] > place[post]:
                known = {node: p for p, node in self.drawn.names.items()}
                raise UnsupportedError(
                    f"Population {known.get(post, post)!r}: several inputs",
                    f"{self.profile.title} would run it before {pre!r}, which leads there, and "
                    "take what that gave one step before",
                    "one population before each, or profile='snntorch'",
                )  # fmt: skip

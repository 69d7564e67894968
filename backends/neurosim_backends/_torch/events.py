"""A feed-forward network from spike to spike, in continuous time, with exact gradients.

EventProp: Wunderlich & Pehle (2021), Event-based backpropagation can compute exact gradients for
spiking neural networks, Sci. Rep. 11:12829, doi 10.1038/s41598-021-91786-z. The neurons are in
`neurosim.kernels.eventprop`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from neurosim.describe.network import Network
from neurosim.describe.neurons import LIF
from neurosim.describe.receptors import ExpCurrentReceptor
from neurosim.describe.sources import Input, SpikeTimes
from neurosim.errors import DescriptionError, SimulationError, UnknownNameError, UnsupportedError
from neurosim.kernels.eventprop import ROW, TOO_MANY, fire, fire_backward
from neurosim.lower.plan import Floats, Ints
from neurosim.units import to_scalar
from neurosim_backends._torch.links import Part
from neurosim_backends._torch.module import PlanModule, require_mapping, require_tensor
from neurosim_backends._torch.sharing import in_shares

ROOM = 8
"""Spikes of a neuron for which there is room at first; it is doubled as often as needed."""

MOST_SPIKES = 1 << 16
"""Of one neuron in one call: more is a neuron that fires without end."""


@dataclass(frozen=True)
class Link:
    """What one population sends another.

    Attributes
    ----------
    part : Part
    delay : float
        [ms].
    receptor : str
    """

    part: Part
    delay: float
    receptor: str

    def matrix(self) -> torch.Tensor:
        """Return the weights as (n_pre, n_post), 0 where there is no synapse."""
        part, weights = self.part, self.part.weights()
        if part.dense:
            return weights
        made = weights.new_zeros(part.n_pre * part.n_post)
        place = part.source * part.n_post + part.target
        return made.index_add(0, place, weights).view(part.n_pre, part.n_post)


@dataclass(frozen=True)
class Layer:
    """A population of neurons: its number, its name, what reaches it, and by which receptors."""

    population: int
    name: str
    links: tuple[Link, ...]
    receptors: tuple[str, ...]


class EventModule(torch.nn.Module):  # type: ignore[misc]
    """A feed-forward network of `LIF` neurons with exponential currents, without a time step.

    Spikes are where membranes reach their thresholds, and gradients are those of their times:
    exact, without surrogates. Delays are those of the grid on which the session was compiled.

    Attributes
    ----------
    projections : ModuleDict
        The very weights of the session's module; what is trained here is trained there.

    Raises
    ------
    UnsupportedError
        For anything else than such a network, by name; for parameters in ``learn=``, too, which
        have no gradients here.
    """

    def __init__(self, module: PlanModule, network: Network) -> None:
        super().__init__()
        self._module = [module]  # in a list: its cells are not part of this module
        self.projections = module.projections
        self.dt = module.plan.dt
        self._shapes = {p.name: p.shape for p in module.plan.populations}
        self._layers = _layers(module, network)
        self._sources = {
            p.name: p for p in module.plan.populations if p.source is not None
        }  # fmt: skip

    def forward(
        self, inputs: torch.Tensor | Mapping[str, torch.Tensor], duration: float
    ) -> dict[str, torch.Tensor]:
        """Return when neurons fire.

        Parameters
        ----------
        inputs : (batch, *shape) or (batch, *shape, n_spikes) tensor, or mapping of such
            Spike times [ms] of the ``Input`` population, in any order, infinite where there is
            none; by name where there are several. They may require gradients.
        duration : float, or text such as "40 ms"
            Until when [ms].

        Returns
        -------
        dict
            Population -> (batch, *shape, n_spikes) float64: spike times [ms], ascending, infinite
            where a neuron has fewer than the one that has most.

        Raises
        ------
        DescriptionError, UnknownNameError
            For inputs of another shape, negative times and NaN.
        SimulationError
            If a neuron fires without end.
        """
        duration = to_scalar(duration, "ms", "event module: duration", above=0)
        times = self._checked(inputs)
        batch = next(iter(times.values())).shape[0] if times else 1
        for p in self._sources.values():
            if isinstance(p.source, SpikeTimes):
                times[p.index] = _given(p.source.trains, batch)
        found = {}
        for layer in self._layers:
            neurons, slots = _neurons(self._module[0], layer)
            arrivals = [times[k.part.pre] + k.delay for k in layer.links]
            most = max((a.shape[2] for a in arrivals), default=1)
            rows = [
                torch.nn.functional.pad(a, (0, most - a.shape[2]), value=np.inf) for a in arrivals
            ]
            rows.append(torch.zeros(batch, 0, most, dtype=torch.float64))
            weights = [link.matrix().double() for link in layer.links]
            weights.append(torch.zeros(0, len(neurons), dtype=torch.float64))
            receptor = [np.full(k.part.n_pre, slots[k.receptor]) for k in layer.links]
            course = _Course(
                layer.name, neurons, np.concatenate([np.empty(0, np.int64), *receptor]), duration,
            )  # fmt: skip
            made = _Fired.apply(course, torch.cat(rows, 1), torch.cat(weights))
            times[layer.population] = made
            found[layer.name] = made.reshape(batch, *self._shapes[layer.name], made.shape[2])
        return found

    def _checked(self, inputs: Any) -> dict[int, torch.Tensor]:
        fed = {name: p for name, p in self._sources.items() if isinstance(p.source, Input)}
        if isinstance(inputs, torch.Tensor):
            if len(fed) != 1:
                raise DescriptionError(
                    "event module: inputs", tuple(inputs.shape),
                    f"a mapping of the Input populations {', '.join(fed) or '(there are none)'}",
                )  # fmt: skip
            inputs = {next(iter(fed)): inputs}
        require_mapping(inputs, "event module: inputs")
        for name in inputs:
            if name not in fed:
                raise UnknownNameError("event module: inputs", name, fed)
        made = {}
        for name, p in fed.items():
            place = f"event module: inputs[{name!r}]"
            if name not in inputs:
                raise DescriptionError(place, None, "a tensor of spike times")
            x = inputs[name]
            require_tensor(x, place)
            wanted = tuple(p.shape)
            fits = tuple(x.shape[1 : 1 + len(wanted)]) == wanted
            if not fits or not 1 <= x.ndim - len(wanted) <= 2:
                told = ", ".join(("batch", *map(str, wanted)))
                raise DescriptionError(
                    place, tuple(x.shape), f"the shape ({told}) or ({told}, n_spikes)"
                )
            if x.dtype == torch.bool or x.is_complex():
                raise DescriptionError(place, str(x.dtype), "times in ms, as real numbers")
            if x.device.type != "cpu":
                raise DescriptionError(place, str(x.device), "a tensor on the CPU")
            if bool(torch.any(~(x >= 0))):
                raise DescriptionError(
                    place, float(x.detach()[~(x >= 0)][0]), "times in ms, 0 or above, or infinite"
                )
            made[p.index] = x.double().reshape(x.shape[0], p.size, -1)
        if len({x.shape[0] for x in made.values()}) > 1:
            shapes = sorted(tuple(x.shape) for x in made.values())
            raise DescriptionError("event module: inputs", shapes, "tensors of one batch")
        return made


@dataclass(frozen=True)
class _Course:
    """What a layer reads besides arrivals and weights; see `neurosim.kernels.eventprop`."""

    name: str
    neurons: Floats
    receptor: Ints
    duration: float


class _Fired(torch.autograd.Function):  # type: ignore[misc]
    """(arrivals (batch, n_rows, k), weights (n_rows, n)) -> spike times (batch, n, most)."""

    @staticmethod
    def forward(
        ctx: Any, course: _Course, arrivals: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        batch, _, k = arrivals.shape
        flat = arrivals.detach().numpy().reshape(batch, -1)
        order = np.argsort(flat, axis=1, kind="stable")
        counts = np.count_nonzero(flat < course.duration, axis=1)
        order = np.ascontiguousarray(order[:, : int(counts.max(initial=0))])
        when = np.take_along_axis(flat, order, 1)
        row = order // k
        of_neurons = np.ascontiguousarray(weights.detach().numpy().T)
        n, room = len(of_neurons), ROOM
        while True:
            shape = batch, n, room
            times = np.full(shape, np.inf)
            rises, returns = np.zeros(shape), np.zeros(shape)
            read = (
                when, row, counts, of_neurons, course.receptor, course.neurons, course.duration,
            )  # fmt: skip
            most: list[int] = []

            def work(
                lo: int, hi: int, read: Any = read, written: Any = (times, rises, returns),
                most: list[int] = most,
            ) -> None:  # fmt: skip
                most.append(fire(*(*read, lo, hi, *written)))

            in_shares(work, batch, (when.size + batch) * n)
            if TOO_MANY not in most:
                break
            room *= 2
            if room > MOST_SPIKES:
                raise SimulationError(
                    f"Population {course.name!r}: a neuron fires more than {MOST_SPIKES} times in "
                    f"{course.duration:g} ms. Is its input, or I_e, meant in pA?"
                )
        kept = max(1, *most)
        if course.neurons.size and not np.all(np.isfinite(of_neurons)):
            raise SimulationError(f"Population {course.name!r}: weights left the finite numbers.")
        written = tuple(np.ascontiguousarray(a[:, :, :kept]) for a in (times, rises, returns))
        ctx.read, ctx.written, ctx.order, ctx.shape = read, written, order, arrivals.shape
        return torch.from_numpy(written[0].copy())

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, of_times: torch.Tensor) -> Any:
        when, _, _, weights, *_ = ctx.read
        given = np.ascontiguousarray(of_times.numpy())
        batch = len(when)
        of_arrivals = np.zeros_like(when)
        shares: dict[int, Floats] = {}

        def work(lo: int, hi: int) -> None:
            shares[lo] = np.zeros_like(weights)
            given_all = (*ctx.read, lo, hi, *ctx.written, given, shares[lo], of_arrivals)
            fire_backward(*given_all)

        in_shares(work, batch, (when.size + batch) * len(weights))
        of_weights = np.sum([shares[lo] for lo in sorted(shares)], axis=0)  # the same bits always
        batch, n_rows, k = ctx.shape
        of_flat = np.zeros((batch, n_rows * k))
        np.put_along_axis(of_flat, ctx.order, of_arrivals, 1)
        return None, torch.from_numpy(of_flat).view(ctx.shape), torch.from_numpy(of_weights.T)


def _given(trains: tuple[Floats, ...], batch: int) -> torch.Tensor:
    """Return spike trains as (batch, n, n_spikes)."""
    table = np.full((len(trains), max(1, *(t.size for t in trains))), np.inf)
    for k, train in enumerate(trains):
        table[k, : train.size] = train
    return torch.tensor(table).expand(batch, *table.shape)


def _neurons(module: PlanModule, layer: Layer) -> tuple[Floats, dict[str, int]]:
    """Return the table of a layer's neurons, as they are now, and the current of each receptor."""
    p = module.plan.populations[layer.population]
    v: dict[str, Any] = module.cell(layer.population).values_now()
    columns: dict[str, Any] = {
        "a": 1 / v["tau_m"], "rest": v["E_L"] + v["tau_m"] * v["I_e"] / v["C_m"],
        "threshold": v["V_th"], "reset": v.get("V_reset", 0.0), "hold": v["t_ref"],
        "c": 1 / v["C_m"], "V_m": p.initial["V_m"], "I_1": 0.0, "I_2": 0.0,
    }  # fmt: skip
    slots: dict[str, int] = {}
    taus: list[Any] = []
    for name in layer.receptors:
        tau = v[f"tau_{name}"]
        slots[name] = next((k for k, t in enumerate(taus) if np.all(t == tau)), len(taus))
        if slots[name] == len(taus):
            taus.append(tau)
        if len(taus) > 2:
            raise UnsupportedError(
                f"Population {layer.name!r}: synaptic time constants",
                "where a membrane has its extremes is known for two of them", "two or one",
            )  # fmt: skip
        at = f"I_{1 + slots[name]}"
        columns[at] = columns[at] + p.initial[f"I_{name}"]
    first = taus[0] if taus else 1.0
    columns["b_1"], columns["b_2"] = 1 / first, 1 / (taus[1] if len(taus) > 1 else first)
    table = np.stack([np.broadcast_to(np.asarray(columns[n], float), p.size) for n in ROW], 1)
    for name, why in (("V_m", "an initial V_m"), ("reset", "a potential after a spike")):
        at_or_above = table[:, ROW.index(name)] >= table[:, ROW.index("threshold")]
        if np.any(at_or_above):
            raise DescriptionError(
                f"Population {layer.name!r}: {why}",
                float(table[at_or_above, ROW.index(name)][0]),
                "a potential below V_th, which it can reach from below",
            )
    return np.ascontiguousarray(table), slots


def _layers(module: PlanModule, network: Network) -> tuple[Layer, ...]:
    """Return the populations, each after those it hears; refuse what no event module can be."""
    plan = module.plan
    names = [p.name for p in plan.populations]

    def refuse(part: str, reason: str, nearest: str) -> None:
        raise UnsupportedError(part, reason, nearest)

    for p in plan.populations:
        part = f"Population {p.name!r}"
        model = network.populations[p.name].model
        if p.spec is None:
            if not isinstance(model, SpikeTimes) and getattr(model, "kind", "") != "spikes":
                refuse(f"{part}: {type(model).__name__}", "what enters is spikes at given times",
                       "ns.Input('spikes') or ns.SpikeTimes")  # fmt: skip
            continue
        learned = module.cell(p.index).learned
        if learned:
            # They would have no gradient here, and a training would leave them as they are.
            refuse(
                f"{part}: learn of {', '.join(learned)}",
                "spike times have gradients by weights and by input times, not by parameters of "
                "neurons",
                "a session without learn= (net.with_parameters(session.learned()) keeps what was "
                "learned), or session.module with surrogate gradients",
            )
        if not isinstance(model, LIF):
            refuse(f"{part}: {type(model).__name__}",
                   "the course between two spikes is solved for leaky integrate-and-fire neurons",
                   "ns.LIF, or session.module with surrogate gradients")  # fmt: skip
        kinds = model.synapses.named if model.synapses is not None else ()
        for name, kind in kinds:
            if not isinstance(kind, ExpCurrentReceptor):
                refuse(
                    f"{part}: receptor {name!r}, {type(kind).__name__}",
                    "spikes that set the potential at once fire when they arrive, whatever their "
                    "weights" if type(kind).__name__ == "Delta" else "only exponential currents "
                    "are solved here",
                    "ns.ExpCurrent, or session.module with surrogate gradients",
                )  # fmt: skip
    if plan.drives or plan.injections or plan.couplings:
        what = "drive" if plan.drives else "injection" if plan.injections else "coupling"
        refuse(f"Network: {what}", "neurons hear nothing but spikes, and their own I_e",
               "a population of ns.SpikeTimes, or I_e")  # fmt: skip
    links: dict[int, list[Link]] = {p.index: [] for p in plan.populations if p.spec is not None}
    for key, receptor in module.receptors.items():
        part = module.part(key)
        if part.delay is None:
            refuse(f"Projection {key.split(':')[0]!r}: delay",
                   "the spikes of a neuron arrive at all its targets at one time",
                   "one delay for a projection")  # fmt: skip
        assert part.delay is not None
        links[part.post].append(Link(part, part.delay * plan.dt, receptor))
    found = []
    for group in module.loops():
        loops = [k for k in group if len(group) > 1 or any(x.part.pre == k for x in links[k])]
        if loops:
            refuse(
                f"Population {names[loops[0]]!r}: a loop through "
                f"{', '.join(repr(names[k]) for k in group)}",
                "layers are run one after the other", "session.module with surrogate gradients",
            )  # fmt: skip
        (k,) = group
        p = plan.populations[k]
        assert p.spec is not None
        reached = {link.receptor for link in links[k]}
        reached |= {
            r.name for r in p.spec.receptors if np.any(p.initial.get(f"I_{r.name}", 0.0))
        }  # fmt: skip
        receptors = tuple(r.name for r in p.spec.receptors if r.name in reached)
        found.append(Layer(k, p.name, tuple(links[k]), receptors))
    return tuple(found)

"""How a network fits on cores of Loihi, in the integers of the backend `loihi`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from neurosim.backend import Options
from neurosim.capabilities import judge, nearest_of
from neurosim.describe.network import Network
from neurosim.errors import CapacityError, DescriptionError
from neurosim.fit.check import Terms
from neurosim.fit.limits import Chip
from neurosim.fit.report import Core, Fit, Misfit, Part
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Plan, PlanPopulation
from neurosim_backends.loihi.chip import Compartments, IntegerNetwork
from neurosim_backends.loihi.declared import CAPABILITIES, PER_NEURON, differs
from neurosim_backends.loihi.quantise import quantise
from neurosim_backends.loihi_chips.limits import LOIHI1, LOIHI2, WEIGHT_BITS
from neurosim_backends.loihi_chips.partition import (
    Incoming,
    Neurons,
    Placement,
    incoming_of,
    neurons_of,
    place,
)

COUNTED_HERE = ("mechanism:refractoriness", "delay:", "parameter:", "option:")
"""Features that are looked at in numbers, or that are none of a chip."""


class _Loihi:
    """A generation of Loihi as a target."""

    chip: Chip
    environment = None

    def place(self, network: Network, terms: Terms) -> Fit:
        """Tell how a network fits."""
        if terms.board is not None:
            raise DescriptionError(
                "check: board", terms.board, "nothing, on Loihi: `chips` says how many there are"
            )
        if terms.map:
            raise DescriptionError(
                "check: map", True, "False: the compiler of Loihi is Intel's, and not public"
            )
        misfits = list(_refused(network, Options(dt=terms.dt)))
        plan = lower(network, terms.dt)
        misfits += self._beyond(plan)
        fit = Fit(
            network=network.name, chip=self.chip, dt=terms.dt, neurons=network.size, synapses=0,
            cores=(), most_chips=terms.chips, misfits=tuple(misfits), notes=self._notes(plan),
        )  # fmt: skip
        if misfits:
            return fit
        try:
            made = quantise(plan).network.listed
        except CapacityError as error:
            part, _, told = str(error).partition(": ")
            what, _, remedy = told.partition(". ")
            misfit = Misfit(
                part=part, field="numbers", value="", limit=what, remedy=remedy.removesuffix(".")
            )
            return replace(fit, misfits=(misfit,))
        misfits += _not_counted(made)
        if misfits:
            return replace(fit, misfits=tuple(misfits))
        groups = list(made.groups)
        made = replace(made, groups=())
        incoming, dense = incoming_of(made, groups)
        refractory = [p.refractory_steps for p in plan.populations]
        refractory += [0] * (len(made.populations) - len(refractory))
        neurons = neurons_of(made, refractory, dense)
        limits = {x.name: x.value for x in self.chip.limits if x.per == "core"}
        placed = place(neurons, incoming, limits)
        parts = [
            (p.name, p.size) for p in made.populations if isinstance(p, Compartments)
        ]  # fmt: skip
        cores = tuple(self._core(k, placed, parts) for k in range(len(placed.bounds)))
        misfits = list(_over(cores, self.chip))
        misfits += self._chips(cores, terms.chips, neurons, incoming, limits)
        return replace(
            fit, synapses=int(incoming.axon.size), cores=cores, misfits=tuple(misfits),
            notes=(*fit.notes, *_bound(cores, self.chip)),
        )  # fmt: skip

    def _core(self, k: int, placed: Placement, parts: list[tuple[str, int]]) -> Core:
        lo, hi = placed.bounds[k]
        held = []
        at = 0
        for name, size in parts:
            first, end = max(lo, at), min(hi, at + size)
            if first < end:
                held.append(Part(population=name, first=first - at, end=end - at))
            at += size
        known = {name for name, _, _ in self.chip.of_cores}
        return Core(
            chip=k // self.chip.most("cores"), parts=tuple(held), bound_by=placed.bound_by[k],
            use={name: n for name, n in placed.use[k].items() if name in known},
        )  # fmt: skip

    def _beyond(self, plan: Plan) -> Iterator[Misfit]:
        """Yield numbers of the plan that no register holds."""
        delay, refractory = self.chip.limit("delay"), self.chip.limit("refractory")
        assert delay is not None
        for projection in plan.projections:
            longest = _longest(projection.delay_steps, plan.dt)
            post = [plan.populations[k] for k in _indices(plan, projection.post)]
            most = delay.value + all(_jumps(p) for p in post)
            if longest is not None and longest > most:
                yield Misfit(
                    part=f"Projection {projection.name!r}", field="delay", value=f"{longest} steps",
                    limit=f"a synapse has at most {most} steps",
                    remedy=f"Use delays up to {most * plan.dt:g} ms, or dt of at least "
                    f"{longest * plan.dt / most:.3g} ms",
                )  # fmt: skip
        for p in plan.populations:
            if p.spec is None:
                continue
            steps = int(np.max(p.refractory_steps))
            if refractory is not None and steps > refractory.value:
                yield Misfit(
                    part=f"Population {p.name!r}", field="t_ref", value=f"{steps} steps",
                    limit=f"a compartment is held for at most {refractory.value} steps",
                    remedy=f"Use t_ref up to {refractory.value * plan.dt:g} ms, or dt of at least "
                    f"{steps * plan.dt / refractory.value:.3g} ms",
                )  # fmt: skip
            for name, value in p.parameters.items():
                if name not in PER_NEURON and differs(value):
                    n = np.unique(np.asarray(value)).size
                    yield Misfit(
                        part=f"Population {p.name!r}",
                        field=name,
                        value=f"{n} different values",
                        limit="compartments share this register in the backend 'loihi'"
                        + self._configurations(name),
                        remedy="Use one value, or a population for each",
                    )

    def _configurations(self, name: str) -> str:
        kind = "threshold" if name == "V_th" else "compartment"
        found = self.chip.limit(f"{kind}_configurations")
        return "" if found is None else f", and a core has {found.value} {found.title}"

    def _notes(self, plan: Plan) -> tuple[str, ...]:
        held = [p.name for p in plan.populations if p.spec and np.any(p.refractory_steps)]
        if not held:
            return ()
        names = ", ".join(map(repr, held))
        return (
            f"Refractory neurons ({names}) are on the chip; the backends 'loihi' and 'lava' run "
            f"them as if t_ref were 0, and only if asked.",
        )

    def _chips(
        self, cores: tuple[Core, ...], chips: int | None, neurons: Neurons, incoming: Incoming,
        limits: Mapping[str, int],
    ) -> Iterator[Misfit]:  # fmt: skip
        """Yield that there are not enough chips, with what would be: tried, not guessed."""
        per_chip = self.chip.most("cores")
        if chips is None or len(cores) <= chips * per_chip:
            return
        needed = -(-len(cores) // per_chip)
        ways = [f"Use {needed} chips"]
        most = chips * per_chip
        if "synapse_bits" in limits:
            for bits in reversed(WEIGHT_BITS[:-1]):
                fewer = np.minimum(incoming.weight_bits, bits)
                tried = place(neurons, replace(incoming, weight_bits=fewer), limits)
                if len(tried.bounds) <= most:
                    ways.append(
                        f"weights of {bits} bits ({len(tried.bounds)} cores, placed so to see)"
                    )
                    break
            if np.any(incoming.delay_bits):
                tried = place(
                    neurons, replace(incoming, delay_bits=0 * incoming.delay_bits), limits
                )
                if len(tried.bounds) <= most:
                    ways.append(f"delays of one step ({len(tried.bounds)} cores)")
        ways.append(f"about {most / len(cores):.0%} of the network")
        yield Misfit(
            part="Network", field="cores", value=f"{len(cores):,}",
            limit=f"{chips:,} chip{'s' * (chips > 1)} of {per_chip} cores: {most:,}",
            remedy=", or ".join(ways),
        )  # fmt: skip


class Loihi1(_Loihi):
    """The first generation."""

    chip = LOIHI1


class Loihi2(_Loihi):
    """The second generation."""

    chip = LOIHI2


def _refused(network: Network, options: Options) -> Iterator[Misfit]:
    """Yield what the integers have no form of, as the backend declares it."""
    for judged in judge(network, CAPABILITIES, (), options):
        use = judged.use
        if use.feature == "synapse:plastic":
            yield Misfit(
                part=use.part, field=use.title, value="",
                limit="what learning takes of a core (traces, tags, axons) is not counted here",
                remedy="Use plasticity=None to see what the synapses take without it",
            )  # fmt: skip
        elif judged.level == "refused" and not use.feature.startswith(COUNTED_HERE):
            nearest = nearest_of(use, judged.support)
            yield Misfit(
                part=use.part, field=use.title, value="", limit=judged.how,
                remedy=f"Nearest that works: {nearest or 'leave it out'}",
            )  # fmt: skip


def _not_counted(made: IntegerNetwork) -> Iterator[Misfit]:
    """Yield what the backend has a form of in integers, but nothing is known of here."""
    known = {"Compartments", "Generators", "Group"}
    for part in (*made.populations, *made.groups):
        if type(part).__name__ not in known:
            yield Misfit(
                part=repr(part.name), field=type(part).__name__, value="",
                limit="what it takes of a core is not counted here",
                remedy="Leave it out to see what the rest takes",
            )  # fmt: skip


def _over(cores: tuple[Core, ...], chip: Chip) -> Iterator[Misfit]:
    """Yield neurons that are too much for a core by themselves."""
    remedies = {
        "input_axons": "Use fewer presynaptic neurons (a smaller in-degree)",
        "output_axons": "Project onto fewer populations or cores",
        "synapse_bits": "Use fewer synapses onto it, or weights of fewer bits",
        "synapses": "Use fewer synapses onto it",
    }
    for core in cores:
        for name, used in core.use.items():
            limit = chip.limit(name)
            if limit is not None and used > limit.value:
                (part,) = core.parts
                yield Misfit(
                    part=f"Population {part.population!r}: neuron {part.first}",
                    field=limit.title,
                    value=f"{used:,}",
                    limit=f"a core has {limit.value:,}",
                    remedy=remedies[name],
                )


def _bound(cores: tuple[Core, ...], chip: Chip) -> Iterator[str]:
    """Yield what cores are full of."""
    found = Counter(core.bound_by for core in cores if core.bound_by)
    for name, n in found.most_common():
        limit = chip.limit(name)
        assert limit is not None
        yield f"{n:,} of {len(cores):,} cores are full of {limit.title}."


def _longest(delay: Any, dt: float) -> int | None:
    """Return the longest delay [steps] where it is known before it is drawn."""
    if isinstance(delay, np.ndarray):
        return int(delay.max(initial=0))
    known = {0: delay.a, 1: delay.b}.get(delay.kind, np.inf)
    longest = min(known, delay.high)
    return round(longest / dt) if np.isfinite(longest) else None


def _indices(plan: Plan, ids: Any) -> list[int]:
    offsets = np.array([p.offset for p in plan.populations])
    return [int(k) for k in np.unique(np.searchsorted(offsets, ids, side="right") - 1)]


def _jumps(p: PlanPopulation) -> bool:
    """Whether arrivals move the membrane in the step they arrive: there is no current between."""
    return p.spec is not None and set(p.spec.states) == {"V_m"}

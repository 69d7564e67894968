"""A network of integers as the content of a folder, and that content run again.

Arrays are named by what they belong to: ``p0_bias_mant`` of the population 0, ``g2_weight`` of the
group of synapses 2, as in the jobs of Lava's worker and in the script.
"""

from __future__ import annotations

import platform
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.backend import Backend, Options, checked_inputs
from neurosim.describe.network import Network
from neurosim.errors import ApproximationWarning, DescriptionError, UnsupportedError
from neurosim.folders.manifest import number, take, whole
from neurosim.folders.package import Difference, Package, Repeated
from neurosim.lower.plan import Ints
from neurosim_backends.loihi.chip import (
    NOTHING,
    PAYLOAD,
    Chip,
    Compartments,
    Generators,
    Given,
    Group,
    IntegerNetwork,
    Learning,
    Seen,
)
from neurosim_backends.loihi.script import MAIN, lava_script
from neurosim_backends.loihi.session import CHUNK_STEPS, LoihiSession

NUMBERS, GOLDEN = "quantised.npz", "golden.npz"

PLACE = "manifest.json: facts"

PATIENCE = 5.0
"""Seconds that the certificate looks for a cause."""

MOST_NEURONS = 1 << 26
MOST_UPDATES = 1 << 38
"""Neurons times steps of a run that is made again: some minutes."""

OF_COMPARTMENTS = {
    "bias_mant": "mantissas of biases",
    "bias_exp": "exponents of biases",
    "u": "u at the start",
    "v": "v at the start",
}
OF_GROUPS = {
    "pre": "presynaptic neurons",
    "post": "postsynaptic neurons",
    "weight": "weights",
    "slot": "delays beyond the first step [steps]",
}
OF_RUNS = {
    "given_step": "input: steps of spikes, from 0",
    "given_neuron": "input: their neurons, over the whole network",
    "given_many": "input: what they count",
    "spike_step": "output: steps of spikes, from 0",
    "spike_neuron": "output: their neurons, over the whole network",
    "last_u": "u of all neurons after the last step",
    "last_v": "v of all neurons after the last step",
}


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A run that is to come out again.

    Attributes
    ----------
    n_steps : int
    given : Given
        What enters.
    step, neuron : (n_spikes,) int64
    u, v : (size,) int64
        After the last step.
    weights : mapping of int to (n,) int64
        Of the groups that learn, after the last step.
    """

    n_steps: int
    given: Given
    step: Ints
    neuron: Ints
    u: Ints
    v: Ints
    weights: Mapping[int, Ints]


# --- into a folder --------------------------------------------------------------------------------


def pack(
    network: Network, backend: Backend, session: LoihiSession, n_steps: int, options: Options,
    inputs: Mapping[str, Any], certificate: bool,
) -> Package:  # fmt: skip
    """Return a network with a run of it; see `neurosim.folders.package.Packer`."""
    made = session.quantised.network
    _refuse_others(made)
    checked = checked_inputs(session.network, inputs, n_steps, "export: inputs")
    golden = _run(session, n_steps, checked)
    facts = {
        "name": network.name,
        "dt_ms": options.dt,
        "n_steps": n_steps,
        "populations": [_population_facts(session, k) for k in range(len(made.populations))],
        "synapses": [
            {**_group_facts(g), "weight_of_1": unit, "unit": name}
            for g, (unit, name) in zip(made.groups, session.quantised.units, strict=True)
        ],
    }
    numbers, about = _arrays_of(made)
    reports: dict[str, str] = {}
    remarks: dict[str, Any] = {}
    if certificate:
        reports, remarks["certificate"] = _certified(network, backend, n_steps, options, inputs)
    else:
        remarks["certificate"] = {"file": None, "why": "it was not asked for"}
    kept = {
        **{f"given_{k}": getattr(golden.given, k) for k in ("step", "neuron", "many")},
        "spike_step": golden.step, "spike_neuron": golden.neuron,
        "last_u": golden.u, "last_v": golden.v,
        **{f"g{k}_learned": w for k, w in golden.weights.items()},
    }  # fmt: skip
    about |= OF_RUNS | {
        f"g{k}_learned": f"{made.groups[k].name}: weights after the last step"
        for k in golden.weights
    }
    return Package(
        facts=facts, arrays={NUMBERS: numbers, GOLDEN: kept}, about=about, texts=texts(facts),
        reports=reports, remarks=remarks, approximations=list(session.approximations),
    )  # fmt: skip


def _refuse_others(network: IntegerNetwork) -> None:
    """Refuse what a folder has no form of."""
    for p in network.populations:
        if type(p) not in (Compartments, Generators):
            raise UnsupportedError(
                f"Population {p.name!r}: export",
                f"folders have LIF compartments and generators, no {type(p).__name__}",
            )
    for g in (*network.groups, *getattr(network, "convolutions", ())):
        if type(g) is not Group:
            raise UnsupportedError(
                f"Synapses {g.name!r}: export", f"folders have no {type(g).__name__}",
                "a rule that lists its synapses, such as FromMatrix",
            )  # fmt: skip
        pairs = network.populations[g.pre].size * network.populations[g.post].size
        if g.learning is not None and g.weight.size < pairs:
            raise UnsupportedError(
                f"Synapses {g.name!r}: export",
                "Lava's LearningDense, which the script has, lets all pairs of neurons learn",
                "AllToAll, or plasticity=None",
            )  # fmt: skip


def _run(session: LoihiSession, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]]) -> Golden:
    """Run a session from its start, and return all that is to come out again."""
    chip = session.chip
    given: list[Given] = []
    seen: list[Seen] = []
    for first in range(0, n_steps, CHUNK_STEPS):
        n = min(CHUNK_STEPS, n_steps - first)
        part = {name: array[first : first + n] for name, array in inputs.items()}
        mine = session.given(n, part)
        seen += _advance(chip, n, mine)
        given.append(Given(step=mine.step + first, neuron=mine.neuron, many=mine.many))
    return Golden(
        n_steps=n_steps,
        given=Given(
            **{k: _joined([getattr(g, k) for g in given]) for k in ("step", "neuron", "many")}
        ),
        **_end(chip, seen),
    )


def _advance(chip: Chip, n_steps: int, given: Given) -> list[Seen]:
    """Make steps, as many at once as memory allows."""
    most = chip.most_steps
    return [
        chip.run(min(most, n_steps - at), given.between(at, min(at + most, n_steps)))
        for at in range(0, n_steps, most)
    ]


def _end(chip: Chip, seen: list[Seen]) -> dict[str, Any]:
    return {
        "step": _joined([s.step for s in seen]),
        "neuron": _joined([s.neuron for s in seen]),
        "u": chip.u.astype(np.int64),
        "v": chip.v.astype(np.int64),
        "weights": {
            k: chip.weights(k)
            for k, g in enumerate(chip.network.groups) if g.learning and g.weight.size
        },
    }  # fmt: skip


def _joined(parts: list[Ints]) -> Ints:
    joined: Ints = np.concatenate([np.empty(0, np.int64), *parts]).astype(np.int64)
    return joined


def _population_facts(session: LoihiSession, index: int) -> dict[str, Any]:
    p = session.quantised.network.populations[index]
    if isinstance(p, Generators):
        return {"kind": "generators", "name": p.name, "size": p.size}
    assert isinstance(p, Compartments)
    meaning = session.quantised.meanings[index]
    has_current = meaning.current_scale != 0.0
    return {
        "kind": "compartments", "name": p.name, "size": p.size,
        "du": p.du, "dv": p.dv, "vth": p.vth,
        "mV_at_v_of_0": meaning.zero, "mV_per_unit_of_v": meaning.span / meaning.units,
        "pA_per_unit_of_u": 1.0 / meaning.current_scale if has_current else None,
    }  # fmt: skip


def _group_facts(g: Group) -> dict[str, Any]:
    facts = ("name", "pre", "post", "exponent", "bits", "sign", "graded")
    learning = None if g.learning is None else asdict(g.learning)
    return {
        **{name: getattr(g, name) for name in facts},
        "delayed": bool(g.slot.any()), "count": g.weight.size, "learning": learning,
    }  # fmt: skip


def _arrays_of(network: IntegerNetwork) -> tuple[dict[str, Ints], dict[str, str]]:
    """Return the arrays of a network, and what each is."""
    arrays: dict[str, Ints] = {}
    about: dict[str, str] = {}
    for k, p in enumerate(network.populations):
        if isinstance(p, Compartments):
            for name, words in OF_COMPARTMENTS.items():
                arrays[f"p{k}_{name}"] = getattr(p, name)
                about[f"p{k}_{name}"] = f"population {p.name!r}: {words}"
    for k, g in enumerate(network.groups):
        values = {"pre": g.pre_id, "post": g.post_id, "weight": g.stored, "slot": g.slot}
        for name, words in OF_GROUPS.items():
            arrays[f"g{k}_{name}"] = values[name]
            about[f"g{k}_{name}"] = f"synapses {g.name!r}: {words}"
    return arrays, about


def _certified(
    network: Network, backend: Backend, n_steps: int, options: Options, inputs: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return a certificate of the float core and the integers, as files and in a sentence."""
    from neurosim.compare.certify import certify

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)  # `export` says it
        found = certify(
            network, [backend], n_steps * options.dt, dt=options.dt, inputs=inputs,
            approximate=options.approximate, trial=options.trial, patience=PATIENCE,
            progress=False,
        )  # fmt: skip
    said = {"file": "certificate.json", "headline": found.headline, "tier": found.tier().value}
    return {"certificate.json": found.to_json(), "certificate.txt": f"{found}\n"}, said


def texts(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the script and a page about the folder."""
    network_facts(facts)
    return {MAIN: lava_script(facts), "README.md": _page(facts)}


def _page(facts: Mapping[str, Any]) -> str:
    name = str(facts["name"]).replace("`", "'")
    lines = [
        f"# `{name}` in Loihi's integers", "",
        f"{facts['n_steps']} steps of {facts['dt_ms']:g} ms.", "",
        "| file | |", "|---|---|",
        f"| `{MAIN}` | runs the network in Lava, and compares: `python {MAIN}` with lava-nc "
        "0.10 and Python 3.10, nothing else |",
        f"| `{NUMBERS}` | registers, weights, delays; numpy.load reads it without pickle |",
        f"| `{GOLDEN}` | the spikes that enter, those that come out, u and v at the end |",
        "| `network.nir` | the network as described, as a graph of NIR; if NIR has no word for a "
        "part, `manifest.json` says for which |",
        "| `certificate.json`, `.txt` | how far the integers agree with floating point, and why "
        "not |",
        "| `manifest.json` | names and sizes, what an integer is in mV and pA, every rounding "
        "with its bound, versions, sha256 of each file |",
        "", "`neurosim verify .` checks and runs all of it again.", "",
        "| population | neurons | du | dv | vth | V_m [mV] | a unit of u [pA] |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for p in facts["populations"]:
        shown = str(p["name"]).replace("`", "'").replace("|", "/")
        if p["kind"] == "generators":
            lines.append(f"| `{shown}` | {p['size']} | | | | spikes that are given | |")
            continue
        current = p["pA_per_unit_of_u"]
        lines.append(
            f"| `{shown}` | {p['size']} | {p['du']} | {p['dv']} | {p['vth']} | "
            f"{p['mV_at_v_of_0']:g} + {p['mV_per_unit_of_v']:.6g} v | "
            f"{'' if current is None else format(current, '.6g')} |"
        )
    lines += ["", "| synapses | count | exponent | a weight of 1 |", "|---|---|---|---|"]
    for g in facts["synapses"]:
        shown = str(g["name"]).replace("`", "'").replace("|", "/")
        unit = str(g["unit"]).replace("|", "/")
        lines.append(
            f"| `{shown}` | {g['count']} | {g['exponent']} | {g['weight_of_1']:.6g} {unit} |"
        )
    return "\n".join(lines) + "\n"


# --- out of a folder ------------------------------------------------------------------------------


def network_facts(facts: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return populations and synapses of facts, checked for kinds and ranges.

    Raises
    ------
    DescriptionError
        Naming the entry that cannot be meant.
    """
    take(facts, "name", str, PLACE)
    if (dt := number(facts, "dt_ms", PLACE)) is None or dt <= 0:
        raise DescriptionError(f"{PLACE}: dt_ms", dt, "a time in ms above 0")
    n_steps = whole(facts, "n_steps", 1, MOST_UPDATES, PLACE)
    populations = list(_listed(facts, "populations"))
    for p, where in populations:
        kind = take(p, "kind", str, where)
        take(p, "name", str, where)
        whole(p, "size", 0, MOST_NEURONS, where)
        if kind == "compartments":
            for register in ("du", "dv", "vth"):
                whole(p, register, 0, 1 << 17, where)
            for scale in ("mV_at_v_of_0", "mV_per_unit_of_v"):
                number(p, scale, where)
            number(p, "pA_per_unit_of_u", where, null=True)
        elif kind != "generators":
            raise DescriptionError(f"{where}: kind", kind, "'compartments' or 'generators'")
    n_neurons = sum(p["size"] for p, _ in populations)
    if n_neurons > MOST_NEURONS or n_neurons * n_steps > MOST_UPDATES:
        raise DescriptionError(
            f"{PLACE}: n_steps", f"{n_steps:,} of {n_neurons:,} neurons",
            f"at most {MOST_UPDATES:,} updates of {MOST_NEURONS:,} neurons",
        )  # fmt: skip
    groups = list(_listed(facts, "synapses"))
    for g, where in groups:
        take(g, "name", str, where)
        for end in ("pre", "post"):
            whole(g, end, 0, len(populations) - 1, where)
        whole(g, "exponent", -8, 7, where)
        whole(g, "bits", 1, 8, where)
        whole(g, "count", 0, 1 << 31, where)
        for switch in ("graded", "delayed"):
            take(g, switch, bool, where)
        if (sign := take(g, "sign", str, where)) not in ("mixed", "excitatory", "inhibitory"):
            raise DescriptionError(f"{where}: sign", sign, "mixed, excitatory or inhibitory")
        number(g, "weight_of_1", where)
        take(g, "unit", str, where)
        _learning(g, where)
        if populations[g["post"]][0]["kind"] != "compartments":
            raise DescriptionError(f"{where}: post", g["post"], "a population of compartments")
    return [p for p, _ in populations], [g for g, _ in groups]


def _listed(facts: Mapping[str, Any], key: str) -> Iterator[tuple[dict[str, Any], str]]:
    listed = take(facts, key, list, PLACE)
    for k, entry in enumerate(listed):
        where = f"{PLACE}: {key}[{k}]"
        if not isinstance(entry, dict):
            raise DescriptionError(where, entry, "an object")
        yield entry, where


def _learning(g: dict[str, Any], where: str) -> Learning | None:
    said = take(g, "learning", (dict, type(None)), where)
    if said is None:
        return None
    place = f"{where}: learning"
    facts: dict[str, Any] = {
        name: whole(said, name, 0, 2**31, place)
        for name in ("epoch", "x_impulse", "y_impulse", "x_tau", "y_tau", "seed")
    }
    for name in ("minus", "plus"):
        pair = take(said, name, (list, tuple), place)
        if len(pair) != 2 or not all(type(n) is int and abs(n) < 2**31 for n in pair):
            raise DescriptionError(f"{place}: {name}", pair, "a mantissa and an exponent")
        facts[name] = tuple(pair)
    return Learning(**facts)


def opened(package: Package) -> tuple[IntegerNetwork, Golden]:
    """Return the network and the run of a package; nothing of it is trusted.

    Raises
    ------
    DescriptionError
        Naming the entry or array that cannot be meant.
    """
    populations, groups = network_facts(package.facts)
    for file in (NUMBERS, GOLDEN):
        if file not in package.arrays:
            raise DescriptionError(f"manifest.json: arrays: {file}", None, "arrays of that file")
    numbers, kept = package.arrays[NUMBERS], package.arrays[GOLDEN]
    made: list[Compartments | Generators] = []
    for k, p in enumerate(populations):
        if p["kind"] == "generators":
            made.append(Generators(name=p["name"], size=p["size"]))
            continue
        registers: dict[str, Any] = {name: p[name] for name in ("name", "du", "dv", "vth")}
        for name in OF_COMPARTMENTS:
            registers[name] = _vector(numbers, f"p{k}_{name}", NUMBERS, p["size"])
        made.append(Compartments(**registers))
    listed = []
    for k, g in enumerate(groups):
        values = {n: _vector(numbers, f"g{k}_{n}", NUMBERS, g["count"]) for n in OF_GROUPS}
        facts = {n: g[n] for n in ("name", "pre", "post", "exponent", "bits", "sign", "graded")}
        listed.append(
            Group(
                **facts, pre_id=values["pre"], post_id=values["post"], weight=values["weight"],
                slot=values["slot"], learning=_learning(g, f"{PLACE}: synapses[{k}]"),
            )
        )  # fmt: skip
        if bool(values["slot"].any()) != g["delayed"]:
            where = f"{PLACE}: synapses[{k}]: delayed"
            raise DescriptionError(where, g["delayed"], "what the delays of the synapses are")
    network = IntegerNetwork(populations=tuple(made), groups=tuple(listed))
    n_steps = package.facts["n_steps"]
    learning = [k for k, g in enumerate(listed) if g.learning is not None and g.weight.size]
    runs = {name: _vector(kept, name, GOLDEN) for name in OF_RUNS}
    golden = Golden(
        n_steps=n_steps, given=_given(runs, network, n_steps),
        step=runs["spike_step"], neuron=runs["spike_neuron"],
        u=_vector(kept, "last_u", GOLDEN, network.size),
        v=_vector(kept, "last_v", GOLDEN, network.size),
        weights={
            k: _vector(kept, f"g{k}_learned", GOLDEN, listed[k].weight.size) for k in learning
        },
    )  # fmt: skip
    if golden.step.size != golden.neuron.size:
        raise DescriptionError(f"{GOLDEN}: spike_neuron", golden.neuron, "one for each step")
    return network, golden


def _vector(
    arrays: Mapping[str, npt.NDArray[Any]], name: str, file: str, size: int | None = None
) -> Ints:
    found = arrays.get(name)
    if found is None or found.ndim != 1 or (size is not None and found.size != size):
        shape = None if found is None else found.shape
        expected = "a vector" if size is None else f"a vector of {size} numbers"
        raise DescriptionError(f"{file}: {name}", f"of shape {shape}", expected)
    return found.astype(np.int64)


def _given(runs: Mapping[str, Ints], network: IntegerNetwork, n_steps: int) -> Given:
    """Return the spikes that enter, of generators only and in order."""
    step, neuron, many = (runs[f"given_{k}"] for k in ("step", "neuron", "many"))
    if not step.size == neuron.size == many.size:
        raise DescriptionError(f"{GOLDEN}: given_neuron", neuron, "one for each step")
    if not step.size:
        return NOTHING
    allowed = np.zeros(network.size + 1, bool)
    for k, p in enumerate(network.populations):
        if isinstance(p, Generators):
            allowed[network.offsets[k] : network.offsets[k + 1]] = True
    inside = (neuron >= 0) & (neuron < network.size)
    for name, values, good, expected in (
        ("given_step", step, (step >= 0) & (step < n_steps), f"steps from 0 to {n_steps - 1}"),
        ("given_neuron", neuron, inside & allowed[np.where(inside, neuron, network.size)],
         "neurons of generators"),
        ("given_many", many, (many >= PAYLOAD[0]) & (many <= PAYLOAD[1]),
         f"from {PAYLOAD[0]} to {PAYLOAD[1]}"),
    ):  # fmt: skip
        if not good.all():
            raise DescriptionError(f"{GOLDEN}: {name}", int(values[~good][0]), expected)
    if np.any(np.diff(step * network.size + neuron) <= 0):
        raise DescriptionError(
            f"{GOLDEN}: given_step", "out of order", "ascending steps and neurons, no pair twice"
        )
    return Given(step=step, neuron=neuron, many=many)


def repeat(package: Package) -> Repeated:
    """Run a package on our own integers, and compare."""
    network, golden = opened(package)
    chip = Chip(network)
    seen = _advance(chip, golden.n_steps, golden.given)
    again = Golden(n_steps=golden.n_steps, given=golden.given, **_end(chip, seen))
    versions = {name: metadata.version(name) for name in ("neurosim-snn", "numba")}
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    told = f"{listed}, {platform.machine()}; {of_what(golden)}"
    return Repeated(differences=tuple(compared(network, golden, again)), told=told)


def of_what(golden: Golden) -> str:
    """Return how much a run is."""
    return f"{golden.step.size} spikes in {golden.n_steps} steps, u and v at the end"


def compared(network: IntegerNetwork, golden: Golden, again: Golden) -> Iterator[Difference]:
    """Yield where a run is not the golden one: the first spike of each population, and states."""
    theirs, ours = (g.step * network.size + g.neuron for g in (golden, again))
    kept = (golden.neuron >= 0) & (golden.neuron < network.size) & (golden.step >= 0)
    if not kept.all():
        place = int(golden.neuron[~kept][0])
        yield Difference(file=GOLDEN, what=f"a spike of neuron {place}, which there is not")
    apart = np.setxor1d(theirs[kept], ours)
    step, neuron = np.divmod(apart, network.size)
    golden_keys = np.unique(theirs[kept])
    for k, p in enumerate(network.populations):
        first, end = network.offsets[k], network.offsets[k + 1]
        mine = np.flatnonzero((neuron >= first) & (neuron < end))
        if mine.size:
            at = mine[0]
            gone = np.isin(apart[at], golden_keys)
            what = "a spike that does not come again" if gone else "a spike that was not there"
            more = f" ({mine.size} spikes of the population differ)" if mine.size > 1 else ""
            yield Difference(
                file=GOLDEN, population=p.name, step=int(step[at]), neuron=int(neuron[at] - first),
                what=what + more,
            )  # fmt: skip
        for name in ("u", "v"):
            was, now = (getattr(g, name)[first:end] for g in (golden, again))
            wrong = np.flatnonzero(was != now)
            if wrong.size:
                i = int(wrong[0])
                yield Difference(
                    file=GOLDEN, population=p.name, step=golden.n_steps - 1, neuron=i,
                    what=f"{name} of {now[i]} in place of {was[i]}",
                )  # fmt: skip
    if theirs.size != golden_keys.size:
        yield Difference(file=GOLDEN, what="a spike is listed twice")
    for k, was in golden.weights.items():
        g, now = network.groups[k], again.weights[k]
        wrong = np.flatnonzero(was != now)
        if wrong.size:
            i = int(wrong[0])
            yield Difference(
                file=GOLDEN, population=network.populations[g.post].name,
                step=golden.n_steps - 1, neuron=int(g.post_id[i]),
                what=f"learned weight {now[i]} in place of {was[i]} in {g.name!r}",
            )  # fmt: skip

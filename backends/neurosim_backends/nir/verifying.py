"""`verify_nir`: one graph, the same random input, several simulators."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from neurosim.backend import run
from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError, NeurosimError, UnknownNameError, UnsupportedError
from neurosim.units import to_scalar
from neurosim_backends.nir import metadata
from neurosim_backends.nir.readers import READERS, run_reader, version_of
from neurosim_backends.nir.reading import network_of

Tier = Literal["same spikes", "different", "refused", "not installed"]

CORE = "neurosim"

MOST_NUMBERS = 1 << 28
"""Of a random input: 2 GB."""

Spikes = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NirVerdict:
    """What became of a graph in one simulator.

    Attributes
    ----------
    simulator, version : str
    tier : {"same spikes", "different", "refused", "not installed"}
    spikes : int or None
        How many left the graph.
    detail : str
        The first difference, or what was refused.
    first : (int, int) or None
        Call and neuron of the first difference.
    """

    simulator: str
    version: str
    tier: Tier
    spikes: int | None = None
    detail: str = ""
    first: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class NirReport:
    """A graph in several simulators. ``print(report)`` is a table.

    Attributes
    ----------
    name : str
        The graph.
    steps, seed : int
    step : float
        Time step of the graph [s].
    profile : str or None
        For whom `to_nir` wrote it.
    reference : str
        Whose spikes the others are compared with.
    verdicts : tuple of NirVerdict
    """

    name: str
    steps: int
    seed: int
    step: float
    profile: str | None
    reference: str
    verdicts: tuple[NirVerdict, ...]

    @property
    def agrees(self) -> bool:
        """Whether at least two simulators ran, and none differs."""
        tiers = [v.tier for v in self.verdicts]
        return tiers.count("same spikes") > 1 and "different" not in tiers

    def __getitem__(self, simulator: str) -> NirVerdict:
        found = {v.simulator: v for v in self.verdicts}
        if simulator not in found:
            raise UnknownNameError("NirReport", simulator, found)
        return found[simulator]

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        colours = {"same spikes": "green", "different": "red", "refused": "yellow"}
        written = f", written for {self.profile!r}" if self.profile else ""
        title = f"{self.name}{written}: {self.steps} steps of {self.step:g} s, random input"
        table = Table()
        for word in ("simulator", "version", "verdict", "spikes", ""):
            table.add_column(word, overflow="fold", justify="right" if word == "spikes" else "left")
        for v in self.verdicts:
            colour = colours.get(v.tier, "dim")
            spikes = "" if v.spikes is None else f"{v.spikes}"
            table.add_row(
                v.simulator,
                v.version,
                f"[{colour}]{v.tier}[/]",
                spikes,
                v.detail.replace("[", r"\["),
            )
        return Group(Text(title), table)

    def __str__(self) -> str:
        from rich.console import Console

        file = io.StringIO()
        Console(file=file, width=110, highlight=False).print(self)
        return file.getvalue().rstrip("\n")


def verify(
    graph: Any, place: str, simulators: Sequence[str] | None, steps: Any, seed: Any, rate: Any
) -> NirReport:
    """Run a graph in several simulators, and compare; see `neurosim.verify_nir`."""
    chosen = list(READERS) if simulators is None else list(simulators)
    for name in chosen:
        if name not in READERS:
            raise UnknownNameError("verify_nir: simulators", name, READERS)
    n_steps = to_int(steps, "verify_nir: steps", at_least=1)
    chance = to_scalar(rate, "1", "verify_nir: rate", at_least=0, at_most=1)
    kept = metadata.kept_in(graph)
    step = kept.step if kept is not None else 1e-4
    shapes = {
        name: tuple(np.asarray(node.input_type["input"]).tolist())
        for name, node in graph.nodes.items() if type(node).__name__ == "Input"
    }  # fmt: skip
    for name, shape in shapes.items():
        if n_steps * math.prod(shape) > MOST_NUMBERS:
            expected = f"inputs for which {n_steps} steps are at most {MOST_NUMBERS:,} numbers"
            raise DescriptionError(f"{place}: shape of {name!r}", shape, expected)
    if not shapes:
        raise DescriptionError(place, "without an Input", "a graph with an Input node")
    random = np.random.default_rng(to_int(seed, "verify_nir: seed"))
    given = {
        name: (random.random((n_steps, *shape)) < chance).astype(np.float64)
        for name, shape in shapes.items()
    }
    found: dict[str, Spikes] = {}
    refused: dict[str, str] = {}
    versions = {name: version_of(name) for name in chosen}
    try:
        found[CORE] = run_core(graph, kept, given)
    except NeurosimError as error:
        refused[CORE] = str(error)
    for name in chosen:
        if versions[name] is None:
            continue
        try:
            found[name] = run_reader(name, graph, step, next(iter(given.values())))
        except UnsupportedError as error:
            refused[name] = error.reason
    reference = next(iter(found), "")
    verdicts = []
    for name in (CORE, *chosen):
        version = version_of("neurosim-snn") if name == CORE else versions[name]
        verdict = NirVerdict(simulator=name, version=version or "", tier="not installed")
        if name in found:
            verdict = _compared(
                name, version or "", found[reference], found[name], name == reference
            )
        elif name in refused:
            verdict = NirVerdict(
                simulator=name, version=version or "", tier="refused", detail=refused[name]
            )
        elif name != CORE:
            verdict = NirVerdict(
                simulator=name, version="", tier="not installed",
                detail="pip install 'neurosim-snn[nir-readers]'",
            )  # fmt: skip
        verdicts.append(verdict)
    return NirReport(
        name=place, steps=n_steps, seed=int(seed), step=step,
        profile=None if kept is None else kept.profile, reference=reference,
        verdicts=tuple(verdicts),
    )  # fmt: skip


def run_core(graph: Any, kept: metadata.Kept | None, given: dict[str, Spikes]) -> Spikes:
    """Return the spikes of the nodes of a graph on our core: (n_steps, n), outputs side by side."""
    made = network_of(graph, kept, None, "spikes", "nir")
    net = made.network
    n_steps = len(next(iter(given.values())))
    most = max(made.lags.values())
    inputs = {}
    for node, x in given.items():
        after = np.zeros((most, *x.shape[1:]))
        inputs[made.inputs[node]] = np.concatenate([x, after])
    dt = net.dt
    assert dt is not None
    result = run(net, (n_steps + most) * dt, inputs=inputs, progress=False)
    columns = []
    for population in made.outputs.values():
        record = result.spikes[population]
        rows = np.zeros((n_steps, record.size))
        call = np.rint(record.times / dt).astype(np.int64) - 1 - made.lags[population]
        inside = (call >= 0) & (call < n_steps)
        rows[call[inside], record.ids[inside]] = 1.0
        columns.append(rows)
    return np.concatenate(columns, axis=1)


def _compared(name: str, version: str, ours: Spikes, theirs: Spikes, reference: bool) -> NirVerdict:
    count = int(np.count_nonzero(theirs))
    facts: dict[str, Any] = {"simulator": name, "version": version, "spikes": count}
    if reference:
        silent = "" if count else "no spikes at all: a higher rate would tell more"
        return NirVerdict(tier="same spikes", detail=silent or "the reference", **facts)
    if ours.shape != theirs.shape:
        detail = f"outputs of {theirs.shape[1:]} in place of {ours.shape[1:]} numbers"
        return NirVerdict(tier="different", detail=detail, **facts)
    differ = np.argwhere(ours != theirs)
    if not differ.size:
        return NirVerdict(tier="same spikes", **facts)
    call, neuron = (int(k) for k in differ[0])
    what = "fires here only" if theirs[call, neuron] else "does not fire here"
    share = f"{len(differ)} of {ours.size} differ"
    return NirVerdict(
        tier="different", detail=f"from call {call} on: neuron {neuron} {what}; {share}",
        first=(call, neuron), **facts,
    )  # fmt: skip

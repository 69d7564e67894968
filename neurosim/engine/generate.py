"""A model's program -> the source of a compiled kernel that advances a block of its neurons.

One kernel does one step of one block: drive and arrivals, states, threshold, reset, and the list
of those that fired, in the order that `neurosim.lower.plan` pins. It has the uniform signature of
`neurosim.kernels.jit.entry`, so that one compiled loop runs models it has never seen; where its
arrays lie is told by a row of int64 words, one per `Field` of its layout.

The main loop has no branch: it becomes vector instructions as a whole. The source depends on the
program only, not on the model's name: the same text gives the same source.

A kernel returns the number of spikes it wrote, `NOT_FINITE` or `BAD_MULTIPLICITY`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from neurosim.engine.expressions import Emitter, Precision, bare, symbols_of
from neurosim.engine.layout import BLOCK_NEURONS
from neurosim.equations.spec import ModelSpec, Receptor
from neurosim.errors import EquationError, UnknownNameError
from neurosim.kernels.cache import kernels_digest

NOT_FINITE = -1
"""Returned by a kernel if any new state (before reset) is not finite."""

BAD_MULTIPLICITY = -2
"""Returned by a kernel if a neuron is to emit fewer than 0 or more than max_multiplicity spikes."""

FieldKind = Literal[
    "acc",
    "acc_stride",
    "acc_rows",
    "dt",
    "first_id",
    "flags",
    "spikes",
    "max_multiplicity",
    "key0",
    "key1",
    "state",
    "parameter",
    "constant",
    "arrivals",
    "scale",
    "drive",
    "injected",
    "coupling",
    "normal",
    "refractory",
    "refractory_steps",
]


@dataclass(frozen=True)
class Field:
    """One word of a kernel's context.

    Attributes
    ----------
    kind : str
        "state", "coupling", "normal" (name: which), "injected", "refractory": address of real[n],
        real being float64 or float32. "drive" (receptor): address of real[n], cleared by the
        kernel.
        "parameter", "constant" (name), "refractory_steps": address of real[n] if `array`, else
        the bits of a float64. "scale" (receptor), "dt": the bits of a float64.
        "acc": address of the accumulator, int64 (double) or int32 (single), "acc_rows" rows of
        "acc_stride" elements; row (step + 1) % acc_rows is due. "arrivals" (receptor): address of
        int64[n_blocks], the element of a row that belongs to the first neuron of each block of
        BLOCK_NEURONS; those of a block follow each other. They are read and cleared.
        "first_id": global id of neuron 0. "flags": address of int16[n], scratch. "spikes":
        address of int32[n * max_multiplicity]; a block [lo, hi) writes from element
        lo * "max_multiplicity" onwards. "key0", "key1": the words of a Philox key.
    name : str
        What of several; "" where there is one.
    array : bool
        Whether the word is the address of one value per neuron.
    """

    kind: FieldKind
    name: str = ""
    array: bool = False


@dataclass(frozen=True)
class GeneratedKernel:
    """Source of a kernel. `digest` names source, kernels called and versions together."""

    source: str
    digest: str
    layout: tuple[Field, ...]

    @classmethod
    def of(cls, source: str, layout: Iterable[Field] = ()) -> GeneratedKernel:
        """Return a kernel with its digest."""
        digest = hashlib.sha256(f"{kernels_digest()}\n{source}".encode()).hexdigest()[:24]
        return cls(source, digest, tuple(layout))


_ARRAY_KINDS = frozenset({"state", "coupling", "normal", "injected", "refractory", "drive"})


def generate(
    spec: ModelSpec,
    *,
    precision: Precision = "double",
    arrays: Iterable[str] = (),
    driven: Iterable[str] = (),
    injected: bool = False,
    normals_given: bool = False,
) -> GeneratedKernel:
    """Write the kernel of a model.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    precision : {"double", "single"}
        Of states and arithmetic.
    arrays : iterable of str
        Parameters and constants with one value per neuron, and "refractory_steps" if that has;
        names that the model does not read are of no consequence.
    driven : iterable of str
        Receptors that receive drive.
    injected : bool
        Whether current is injected into any neuron of the population.
    normals_given : bool
        Whether the random numbers of noise are read from rows, rather than drawn.

    Returns
    -------
    GeneratedKernel
        Its source is the same for the same program and options.

    Raises
    ------
    UnknownNameError
        If a name in `driven` is not a receptor of the model.
    EquationError
        If an expression has no compiled form, or current is to be injected and has no place in
        the equations.
    """
    driven = frozenset(driven)
    for receptor in sorted(driven):
        if receptor not in {r.name for r in spec.receptors}:
            raise UnknownNameError(
                f"{spec.name}: driven receptor", receptor, (r.name for r in spec.receptors)
            )
    if injected and not spec.injectable:
        raise EquationError(f"{spec.name}: current is injected, but its equations read none")
    writer = _Writer(spec, precision, frozenset(arrays), driven, injected, normals_given)
    return GeneratedKernel.of(writer.source(), writer.layout)


def can_fire(spec: ModelSpec) -> bool:
    """Return whether a model ever emits spikes."""
    return spec.threshold is not None or spec.hazard is not None


class _Writer:
    """Collects layout and lines of one kernel."""

    def __init__(
        self,
        spec: ModelSpec,
        precision: Precision,
        arrays: frozenset[str],
        driven: frozenset[str],
        injected: bool,
        normals_given: bool,
    ) -> None:
        self.spec = spec
        self.real = "float64" if precision == "double" else "float32"
        self.integer = "int64" if precision == "double" else "int32"
        self.layout: list[Field] = []
        self.head: list[str] = []  # lines of the entry that unpack the words
        self.names: dict[str, str] = {}  # symbol -> Python text
        self.emitter = Emitter(precision, self.names)
        self.driven = driven
        self.injected = injected
        self.fires = can_fire(spec)
        self.normals_given = normals_given
        self.draws = spec.n_normals > 0 and not normals_given
        self.random = self.draws or spec.hazard is not None
        self._lay_out(arrays)

    # --- layout and the entry that unpacks it

    def _lay_out(self, arrays: frozenset[str]) -> None:
        spec = self.spec
        used = set[str]().union(
            *(symbols_of(line.expression) for line in (*spec.program, *spec.reset)),
            *(symbols_of(e) for e in (spec.threshold, spec.hazard, spec.multiplicity)),
        )
        for kind in ("acc", "acc_stride", "acc_rows"):
            self._word(Field(kind))
        self._scalar(Field("dt"), "dt")
        self.names["dt"] = "dt"
        first_id = self._word(Field("first_id"))
        self._unpack("first_id", f"words[{first_id}] + lo")
        if self.fires:
            flags, spikes, most = (
                self._word(Field(kind)) for kind in ("flags", "spikes", "max_multiplicity")
            )
            self._unpack("flags", f"int16_at(words[{flags}] + lo * 2, n)")
            self._unpack(
                "spikes", f"int32_at(words[{spikes}] + lo * words[{most}] * 4, n * words[{most}])"
            )
            if spec.multiplicity is not None:
                self._unpack("most", f"np.{self.real}(words[{most}])")
        if self.random:
            for key in ("key0", "key1"):
                word = self._word(Field(key))
                self._unpack(key, f"np.uint64(words[{word}])")
        for state in spec.states:
            self._array(Field("state", state, True), f"sa_{_checked(state)}")
        for kind, prefix, names in (
            ("parameter", "p", spec.parameters),
            ("constant", "c", spec.constant_names),
        ):
            for name in names:
                if name in used:
                    self._value(Field(kind, name, name in arrays), f"{prefix}_{_checked(name)}")  # type: ignore[arg-type]
        if spec.receptors:
            self.head.append(
                "row = words[0] + ((step + 1) % words[2]) * words[1] * "
                + ("8" if self.real == "float64" else "4")
            )
            self._unpack("block", f"lo // {BLOCK_NEURONS}")
        for receptor in spec.receptors:
            self._lay_out_receptor(receptor)
        if self.injected:
            self._array(Field("injected", "", True), "a_injected")
        for coupling in spec.couplings:
            self._array(Field("coupling", coupling.name, True), f"g_{_checked(coupling.name)}")
        if self.normals_given:
            for number in range(spec.n_normals):
                self._array(Field("normal", str(number), True), f"ea_{number}")
        if spec.refractory is not None:
            self._array(Field("refractory", "", True), "refractory")
            self._value(
                Field("refractory_steps", "", "refractory_steps" in arrays), "refractory_steps"
            )

    def _lay_out_receptor(self, receptor: Receptor) -> None:
        name = _checked(receptor.name)
        word = self._word(Field("arrivals", receptor.name))
        size = "8" if self.real == "float64" else "4"
        first = f"int64_at(words[{word}], block + 1)[block] + lo - block * {BLOCK_NEURONS}"
        self._unpack(f"r_{name}", f"{self.integer}_at(row + ({first}) * {size}, n)")
        self._scalar(Field("scale", receptor.name), f"scale_{name}")
        if receptor.name in self.driven:
            self._array(Field("drive", receptor.name, True), f"d_{name}")

    def _word(self, field: Field) -> int:
        self.layout.append(field)
        return len(self.layout) - 1

    def _unpack(self, name: str, text: str) -> None:
        self.head.append(f"{name} = {text}")

    def _scalar(self, field: Field, name: str) -> None:
        self._unpack(name, f"np.{self.real}(values[{self._word(field)}])")

    def _array(self, field: Field, name: str) -> None:
        size = "8" if self.real == "float64" else "4"
        word = self._word(field)
        self._unpack(name, f"{self.real}_at(words[{word}] + lo * {size}, n)")

    def _value(self, field: Field, name: str) -> None:
        """Lay out something that is a scalar or one value per neuron, under one name."""
        if field.array:
            self._array(field, _array_name(name))
        else:
            self._scalar(field, name)

    # --- the loop

    def source(self) -> str:
        """Return the whole module."""
        loop = self._loop()
        imports = [
            "import math",
            "",
            "import numpy as np",
            "",
            *(["from neurosim.kernels.compaction import compact"] if self.fires else []),
            *self.emitter.imports,
            f"from neurosim.kernels.jit import {self.entry}, {self._views()}",
        ]
        if self.random:
            imports.append(
                "from neurosim.kernels.random import "
                + ", ".join(
                    ["NOISE"] * self.draws
                    + ["HAZARD"] * (self.spec.hazard is not None)
                    + ["normal_quantile_selects"] * self.draws
                    + ["philox4x32", "uniform53"]
                )
            )
        literals = [
            f"{name} = np.float32({value!r})".replace("(inf)", "(math.inf)").replace(
                "(-inf)", "(-math.inf)"
            )
            for value, name in self.emitter.literals.items()
        ]
        lines = [
            '"""Advances a block of neurons by one step. Written by neurosim; do not edit."""',
            "",
            *imports,
            "",
            *literals,
            *([""] if literals else []),
            "",
            # One function: a loop of its own would be optimised twice, alone and inlined.
            f"@{self.entry}",
            "def update(ctx, lo, hi, step):",
            "    n = hi - lo",
            # An int64: numba would compile the view anew for every literal.
            f"    size = np.int64({len(self.layout)})",
            "    words = int64_at(ctx, size)",
            "    values = float64_at(ctx, size)",
            *(f"    {line}" for line in self.head),
            f"    bad = np.{self.integer}(0)",
            "    for k in range(n):",
            *(f"        {line}" for line in loop),
            "    if bad != 0:",
            f"        return {BAD_MULTIPLICITY} if bad == 2 else {NOT_FINITE}",
            "    return compact(n, flags, first_id, spikes)" if self.fires else "    return 0",
            "",
        ]
        return "\n".join(lines)

    @property
    def entry(self) -> str:
        """How the kernel is compiled.

        What does not fire may be run for many parameter sets at once, and is then to give the same
        bits. Neurons that fire are faster with a product and a sum in one (measured: 10 %).
        """
        return "entry" if self.fires else "exact_entry"

    def _views(self) -> str:
        views = {"float64_at", "int64_at", f"{self.real}_at"}
        if self.spec.receptors:
            views.add(f"{self.integer}_at")
        if self.fires:
            views.update(("int16_at", "int32_at"))
        return ", ".join(sorted(views))

    def _loop(self) -> list[str]:
        spec, emitter, names = self.spec, self.emitter, self.names
        lines = emitter.lines
        zero, one = emitter.literal(0.0), emitter.literal(1.0)
        self._read(zero, one)

        for line in spec.program:
            local = f"x_{_checked(line.name)}"
            emitter.assign(local, emitter.number(line.expression))
            names[line.name] = local
        order = spec.arrivals if self.fires else "before_threshold"
        changed = self._advance_states(zero, arrived=order == "before_threshold")
        emitter.forget()

        if self.fires:
            self._threshold(one)
            if order == "before_reset":
                self._add_arrivals(zero, changed)
            for line in spec.reset:
                if line.name not in spec.states:
                    raise UnknownNameError(f"{spec.name}: reset of", line.name, spec.states)
                state = f"z_{line.name}"
                # Held values may contain the state that changes here.
                emitter.forget()
                value = emitter.number(line.expression)
                emitter.assign(state, emitter.select("fired", value, state))
                changed[line.name] = True
            if order == "after_reset":
                self._add_arrivals(zero, changed)
        for state in spec.states:
            if changed[state]:
                lines.append(f"sa_{state}[k] = z_{state}")
        if spec.refractory is not None:
            wait = "refractory_steps"
            if self._is_array(wait):
                wait = f"{_array_name(wait)}[k]"
            less = emitter.select(f"held > {one}", f"held - {one}", zero)
            if self.fires:
                less = emitter.select("fired", wait, less)
            lines.append(f"refractory[k] = {less}")
        return lines

    def _read(self, zero: str, one: str) -> None:
        """Write the lines that read what a step starts from."""
        spec, emitter, names = self.spec, self.emitter, self.names
        lines = emitter.lines
        if spec.refractory is not None:
            lines.append("held = refractory[k]")
            lines.append(f"is_active = held <= {zero}")
            emitter.assign("active", emitter.select("is_active", one, zero))
            names["active"] = "active"
        else:
            names["active"] = one
        for state in spec.states:
            lines.append(f"s_{state} = sa_{state}[k]")
            names[state] = f"s_{state}"
        for field in self.layout:
            if field.kind in ("parameter", "constant"):
                local = f"{field.kind[0]}_{field.name}"
                if field.array:
                    lines.append(f"{local} = {_array_name(local)}[k]")
                names[field.name] = local
        for receptor in spec.receptors:
            name = receptor.name
            # int64 to double has a vector instruction on AVX-512 only; elsewhere LLVM converts the
            # lanes one by one, which costs no more than building the halves from bits (measured).
            count = f"np.{self.real}(r_{name}[k])"
            drive = f" + d_{name}[k]" if name in self.driven else ""
            lines.append(f"w_{name} = scale_{name}*{count}{drive}")
            lines.append(f"r_{name}[k] = 0")
            if drive:
                lines.append(f"d_{name}[k] = {zero}")
            if receptor.kind == "pulse":
                names[receptor.target] = f"w_{name}"
        if spec.injectable:
            names["I_injected"] = "a_injected[k]" if self.injected else zero
            if self.injected:
                lines.append("i_injected = a_injected[k]")
                names["I_injected"] = "i_injected"
        for coupling in spec.couplings:
            lines.append(f"u_{coupling.name} = g_{coupling.name}[k]")
            names[coupling.symbol] = f"u_{coupling.name}"
        self._read_normals()

    def _read_normals(self) -> None:
        """Write the lines that draw `normal_0`...: two per block of the generator."""
        lines, count = self.emitter.lines, self.spec.n_normals
        if self.normals_given:
            for number in range(count):
                lines.append(f"e{number} = ea_{number}[k]")
                self.names[f"normal_{number}"] = f"e{number}"
            return
        for draw in range(0, count, 2):
            words = ", ".join(f"q{draw}_{i}" for i in range(4))
            lines.append(f"{words} = {self._philox(draw // 2, 'NOISE')}")
            for number in range(draw, min(draw + 2, count)):
                pair = 2 * (number - draw)
                uniform = f"uniform53(q{draw}_{pair}, q{draw}_{pair + 1})"
                lines.append(f"e{number} = np.{self.real}(normal_quantile_selects({uniform}))")
                self.names[f"normal_{number}"] = f"e{number}"

    def _philox(self, draw: int, purpose: str) -> str:
        """Return the call whose counter is (neuron, step, draw and high word of step, purpose)."""
        return (
            f"philox4x32(first_id + k, step, {draw} + ((step >> 32) << 16), {purpose}, key0, key1)"
        )

    def _advance_states(self, zero: str, *, arrived: bool) -> dict[str, bool]:
        """Write the states at t + dt, and look at whether all are finite.

        With `arrived`, what arrives is added first.
        """
        spec, names = self.spec, self.names
        lines = self.emitter.lines
        changed = {}
        after = {}
        for state in spec.states:
            local = spec.next_names[state]
            changed[state] = local != state
            lines.append(f"z_{state} = {names[local]}")
            after[state] = f"z_{state}"
            if arrived:
                self._add_to(state, zero, changed)
        names.update(after)
        if spec.states:
            # 0 * x is NaN exactly where x is not finite: one comparison serves all states.
            total = " + ".join(f"z_{state}*{zero}" for state in spec.states)
            lines.append(f"bad = {self._flag(f'np.{self.integer}(({total}) != {zero})')}")
        return changed

    def _add_arrivals(self, zero: str, changed: dict[str, bool]) -> None:
        """Write the jumps of all states."""
        for state in self.spec.states:
            self._add_to(state, zero, changed)
        self.emitter.forget()

    def _add_to(self, state: str, zero: str, changed: dict[str, bool]) -> None:
        """Write the jumps of one state; `changed` learns of them."""
        spec, emitter = self.spec, self.emitter
        for receptor in spec.receptors:
            if receptor.kind == "jump" and receptor.target == state:
                changed[state] = True
                weight = f"w_{receptor.name}"
                held = state in spec.clamped and spec.refractory is not None
                if held and spec.refractory_arrivals == "lost":
                    weight = emitter.select("is_active", weight, zero)
                emitter.lines.append(f"z_{state} = z_{state} + {weight}")

    def _threshold(self, one: str) -> None:
        """Write who fires, and how often."""
        spec, emitter = self.spec, self.emitter
        lines = emitter.lines
        conditions = []
        if spec.threshold is not None:
            conditions.append(emitter.condition(spec.threshold))
        if spec.hazard is not None:
            words = ", ".join(f"h{i}" for i in range(4))
            lines.append(f"{words} = {self._philox(0, 'HAZARD')}")
            survival = emitter.call("expm1", f"-{emitter.number(spec.hazard)}*dt")
            # -expm1(-x) keeps small probabilities, where 1 - exp(-x) would round them away.
            conditions.append(f"(np.{self.real}(uniform53(h0, h1)) < -{survival})")
        fired = conditions[0] if len(conditions) == 1 else "(" + " | ".join(conditions) + ")"
        lines.append(
            f"fired = is_active & {fired}"
            if spec.refractory is not None
            else f"fired = {bare(fired)}"
        )
        if spec.multiplicity is None:
            lines.append("flags[k] = np.int16(fired)")
            return
        lines.append(f"m = {bare(emitter.number(spec.multiplicity))} + {emitter.literal(0.5)}")
        lines.append(f"possible = (m >= {emitter.literal(0.0)}) & (m < most + {one})")
        emitter.functions.add("select")
        lines.append(f"count = np.int32(select(fired & possible, m, {emitter.literal(0.0)}))")
        lines.append("flags[k] = np.int16(count)")
        kind = f"np.{self.integer}"
        impossible = f"select(fired & (not possible), {kind}(2), {kind}(0))"
        lines.append(f"bad = {self._flag(impossible)}")

    def _flag(self, bits: str) -> str:
        """Return `bad` with more bits set, in the width of the states.

        numba makes int64 of int32 | int32, and the widest type in a loop halves its vectors.
        """
        return f"np.{self.integer}(bad | {bits})"

    def _is_array(self, kind: str) -> bool:
        return any(field.kind == kind and field.array for field in self.layout)


def _array_name(name: str) -> str:
    """Return the name of the array that `name` is an element of.

    What stands before the first underscore tells the kinds of variables apart, so that no name
    in a model can collide with one of another kind.
    """
    kind, _, rest = name.partition("_")
    return f"{kind}a_{rest}"


def _checked(name: str) -> str:
    """Return a name that may stand in the source; everything else is refused."""
    if not (name.isidentifier() and name.isascii()):
        raise EquationError(f"{name!r} cannot be the name of a variable", name)
    return name


__all__ = [
    "BAD_MULTIPLICITY",
    "NOT_FINITE",
    "Field",
    "GeneratedKernel",
    "can_fire",
    "generate",
]

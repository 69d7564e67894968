"""The source of the compiled code of a plasticity rule; see `neurosim.kernels.plastic`.

One entry does all tasks of a rule. With lo = -1 it archives a spike of a postsynaptic neuron: its
variables, just after it, and what follows its membrane. With lo = -2 it advances what is followed.
Otherwise it goes through rows of synapses. For each it makes up for the
postsynaptic spikes since the last time, one after the other; then comes the presynaptic spike, and
what it carries is added to the accumulator. Every operation is rounded by itself: where a row ends
in a tile must not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from neurosim.engine.expressions import Emitter, Precision, bare, sign_kept
from neurosim.engine.generate import GeneratedKernel
from neurosim.equations.plasticity import (
    BOUNDS,
    EFFECT,
    STEP,
    WEIGHT,
    Change,
    Followed,
    RuleProgram,
)
from neurosim.kernels.delivery import TARGET_HEADER
from neurosim.kernels.plastic import (
    MODULATED,
    PRE_SPIKE,
    S_LEARNING,
    S_SIZE,
    SIGNAL,
    TOO_LARGE,
    V_BEGIN,
    V_BOUND,
    V_END,
    V_NOW,
    V_OCCASION,
    V_ROW,
    VISIT_WIDTH,
)
from neurosim.kernels.plastic import STEP as EVERY_STEP

TABLE = 4096
"""Steps for which factors of decay are tabulated (32 kB); beyond, they are computed."""

LABELS = 5
"""Of the latest spikes of a postsynaptic neuron, beside their number and its variables: with one of
these, 32 bytes."""

STRETCH = 256
"""Synapses of a row that are seen to together: what is listed of them stays in the L1 cache."""

LANES = 8
"""Synapses of a stretch are computed in whole multiples of this many: those of a vector."""

LISTED = 4 * STRETCH
"""Missed spikes at which a stretch ends; those of one synapse more, at most a whole archive."""


AHEAD = 4
"""Visits before a row's turn at which its first cache lines are sent for."""


def record_bytes(n_variables: int) -> int:
    """Return the size of what stands together of the latest spikes of a neuron."""
    return 4 * (LABELS + 1) + 8 * n_variables


@dataclass(frozen=True)
class RuleKernel:
    """A kernel, and what the words of its context are: (kind, name)."""

    kernel: GeneratedKernel
    words: tuple[tuple[str, str], ...]


def needed(changes: Sequence[Change], wanted: Iterable[str]) -> tuple[Change, ...]:
    """Return those statements that what is wanted depends on, in order."""
    live = set(wanted)
    kept = []
    for change in reversed(changes):
        if change.name in live:
            kept.append(change)
            live |= change.reads
    return tuple(reversed(kept))


def kept_at_spikes(program: RuleProgram) -> tuple[str, ...]:
    """Return what of the followed is kept beside each spike: that which `on_post` reads."""
    changes = needed(program.on_post, (*program.variables["synapse"], WEIGHT))
    read = {name for change in changes for name in change.reads}
    return tuple(f.name for f in program.followed if f.name in read)


def entry_width(program: RuleProgram) -> int:
    """Return the length of an entry of the archive: label, variables, what is followed."""
    return 1 + len(program.variables["post"]) + len(kept_at_spikes(program))


def generate_rule(program: RuleProgram, precision: Precision) -> RuleKernel:
    """Write the code of a rule.

    Parameters
    ----------
    program : RuleProgram
    precision : {"double", "single"}
        In which weights and other variables of synapses are kept; all arithmetic is double.
    """
    return _Writer(program, "float64" if precision == "double" else "float32").written()


class _Writer:
    def __init__(self, program: RuleProgram, real: str) -> None:
        self.program = program
        self.real = real
        self.size = 8 if real == "float64" else 4
        self.integer = "int64" if real == "float64" else "int32"
        self.words: list[tuple[str, str]] = []
        self.head: list[str] = []
        self.names: dict[str, str] = {
            WEIGHT: "w", EFFECT: "effect", **{name: name for name in BOUNDS},
            **{name: f"c_{name}" for name in program.variables["synapse"]},
        }  # fmt: skip
        self.emitter = Emitter("double", self.names)
        self.follows = [f.name for f in program.follows]
        self.modulators = [f.name for f in program.modulators]
        self.kept = kept_at_spikes(program)
        assigned = {c.name for c in program.on_post}
        self.raised = [n for n in self.follows if n in assigned]
        self.synaptic = (*program.variables["synapse"], WEIGHT)
        self.record = record_bytes(len(program.variables["post"]))
        self.width = entry_width(program)
        self._on_post = needed(program.on_post, self.synaptic)
        self.stamped = [v for v in program.variables["synapse"] if v in program.flows]

    # --- words of the context

    def _word(self, kind: str, name: str = "") -> str:
        self.words.append((kind, name))
        return f"words[{len(self.words) - 1}]"

    def _value(self, local: str, kind: str, name: str = "") -> None:
        self.head.append(f"{local} = {self._word(kind, name).replace('words', 'values')}")

    def _integer(self, *kinds: str) -> None:
        for kind in kinds:
            self.head.append(f"{kind} = {self._word(kind)}")

    def _array(self, local: str, kind: str, dtype: str, length: str, name: str = "") -> None:
        self.head.append(f"{local} = {dtype}_at({self._word(kind, name)}, {length})")

    def _lay_out(self) -> None:
        program = self.program
        self._integer("acc", "n_slots", "rows_due", "tile_first", "stream", "weight", "low")
        self._integer("axonal", "sees", "n_rows", "n_post")
        self._array("status", "status", "int64", str(S_SIZE))
        self._array("pre_time", "pre_time", "int64", "n_rows")
        self._array("done", "done", "int64", "n_rows")
        n_pre = len(program.variables["pre"])
        for local in ("pre_after", "pre_before"):
            self._array(local, local, "float64", f"n_rows * {n_pre}")
        if program.watches:
            self._lay_out_followed()
        if program.reads_post:
            self._integer("archive", "room", "recent")
            self._array("latest", "latest", "int32", "n_post")
            self._array("some", "some", "int32", str(STRETCH))
            self.head.append(f"records = float64_at(recent, n_post * {self.record // 8})")
            listed = f"room + {LISTED + LABELS}"
            for local in ("who", "label_of", "entry_of"):
                self._array(local, local, "int32", listed)
        for local in ("per_unit", "largest", *BOUNDS):
            self._value(local, local)
        buffers = ["of_w", "of_carried"]
        buffers += ["of_passed"] if self.stamped else []
        buffers += ["of_gap"] if program.reads_post else []
        read = (*program.variables["synapse"], *program.variables["post"], *self.follows)
        for local in (*buffers, *(f"wide_{name}" for name in read)):
            self._array(local, "buffer", "float64", str(STRETCH), local)
        if self.stamped:
            self._integer("stamp")
        for name in program.variables["synapse"]:
            self.head.append(f"s_{name} = {self._word('synapse', name)}")
        for name in program.flows:
            self._array(f"t_{name}", "table", "float64", str(TABLE), name)
            self._value(f"r_{name}", "rate", name)
            if program.flows[name].level != 0:
                self._value(f"l_{name}", "level", name)
        if not program.watches and (program.on_step or program.euler):
            self._value("dt", "dt")
            self.names[STEP] = "dt"
        for kind, several in (("parameter", program.parameters), ("signal", program.signals)):
            for name in several:
                self._value(f"p_{name}", kind, name)
                self.names[name] = f"p_{name}"

    def _lay_out_followed(self) -> None:
        """What is followed lies in two layers, one for each of two steps in turn."""
        program = self.program
        self._value("dt", "dt")
        self.names[STEP] = "dt"
        self._integer("n_mod")
        for local, several, length in (
            ("follow", program.follows, "n_post"), ("mods", program.modulators, "1"),
        ):  # fmt: skip
            self._array(local, local, "float64", f"2 * {length} * {max(1, len(several))}")
            for f in several:
                if f.kind == "state":
                    many = "n_post" if local == "follow" else "n_mod"
                    self._array(f"at_{f.name}", "state", "int64", many, f.name)
        if self.raised:
            self._array("raised", "raised", "float64", f"n_post * {len(self.raised)}")
        self._array("fired", "fired", "int32", "n_post")
        self._array("arrived", "arrived", "int64", "1")

    # --- pieces of code

    def _followed(self, names: Iterable[str], step: str = "step") -> list[str]:
        """Return the lines that read what is followed of neuron j, as it is at a label."""
        lines = []
        for name in names:
            self.names[name] = f"f_{name}"
            lines.append(f"f_{name} = {self._follow_text(name, 'j', step)}")
        return lines

    def _follow_text(self, name: str, neuron: str, step: str) -> str:
        """Return the text of something followed, of a neuron, at a label."""
        layer = f"({step} & 1)"
        if name in self.modulators:
            return f"mods[{layer} * {len(self.modulators)} + {self.modulators.index(name)}]"
        place = f"({layer} * n_post + {neuron}) * {len(self.follows)}"
        return f"follow[np.uintp({place} + {self.follows.index(name)})]"

    def _reads_followed(self, changes: Sequence[Change]) -> list[str]:
        """Return what of the followed statements read."""
        seen = {name for c in changes for name in c.reads}
        return [f.name for f in self.program.followed if f.name in seen]

    def _advance_followed(self) -> list[str]:
        """Return the lines that advance what is followed by a step, or look at states again."""
        program = self.program
        lines = ["old = step - hi"]

        def before(several: Sequence[Followed]) -> list[str]:
            read = {n for f in program.followed if f.kind == "variable" for n in f.reads}
            found = []
            for f in several:
                if f.name in read:
                    self.names[f.name] = f"o_{f.name}"
                    found.append(f"o_{f.name} = {self._follow_text(f.name, 'j', 'old')}")
            return found

        def computed(expression: object) -> list[str]:
            self.emitter.lines.clear()
            self.emitter.forget()
            value = bare(self.emitter.number(expression))
            return [*self.emitter.lines, f"value = {value}"]

        def made(several: Sequence[Followed], mean: bool) -> list[str]:
            """Variables, from what was; states; and then expressions of what is."""
            found = before(several)
            for f in several:
                if f.kind == "variable":
                    found += [
                        "if hi != 0:", *_in([*computed(f.expression), f"f_{f.name} = value"]),
                        "else:", f"    f_{f.name} = {self._follow_text(f.name, 'j', 'step')}",
                    ]  # fmt: skip
            for f in several:
                at = f"{self.real}_at(at_{f.name}[np.uintp({{}})], 1)[0]"
                if f.kind == "state" and mean:
                    found += [
                        "total = 0.0", "for i in range(n_mod):",
                        f"    total += np.float64({at.format('i')})",
                        f"f_{f.name} = total / np.float64(n_mod)",
                    ]  # fmt: skip
                elif f.kind == "state":
                    found.append(f"f_{f.name} = np.float64({at.format('j')})")
                elif f.kind == "fired":
                    found.append(f"f_{f.name} = np.float64(np.int64(fired[j]) == step)")
            return found

        def said(changes: Sequence[Change], several: Sequence[Followed]) -> list[str]:
            for f in (*program.modulators, *several):
                self.names[f.name] = f"f_{f.name}"
            return self._done(needed(changes, [f.name for f in several]))

        def kept(several: Sequence[Followed]) -> list[str]:
            found = []
            for f in several:
                self.names[f.name] = f"f_{f.name}"
            for f in several:
                if f.kind == "expression":
                    found += [*computed(f.expression), f"f_{f.name} = value"]
            return [
                *found,
                *(f"{self._follow_text(f.name, 'j', 'step')} = f_{f.name}" for f in several),
            ]

        if program.modulators:
            lines += made(program.modulators, mean=True)
            spikes = said(program.on_modulator, program.modulators)
            if spikes:
                lines += ["if hi != 0:", "    for i in range(arrived[0]):", *_in(_in(spikes))]
            lines += kept(program.modulators)
        each: list[str] = []
        if program.follows:
            # Equations read the modulators as they were, expressions as they are.
            each += [*before(program.modulators), *made(program.follows, mean=False)]
            spike = said(program.on_post, program.follows)
            for k, name in enumerate(self.raised):
                each.append(f"raised[j * {len(self.raised)} + {k}] = f_{name}")
            if spike:
                each += ["if hi != 0 and np.int64(fired[j]) == step:", *_in(spike)]
            for f in program.modulators:
                self.names[f.name] = f"f_{f.name}"
            each += kept(program.follows)
            lines += ["for j in range(n_post):", *_in(each)]
        return [*lines, "return 0"]

    def _passed(
        self, local: str, name: str, before: str, gap: str, tabled: bool = True
    ) -> list[str]:
        """Return the lines that let a variable pass `gap` steps, in a local variable.

        Where one after the other is computed, from a table, which holds the very same numbers.
        """
        if name not in self.program.flows:
            return [f"{local} = {before}"]
        self.emitter.functions.add("exp_double")
        factor = f"exp_double(r_{name} * {gap})"
        if tabled:
            # An index that might be negative, for all the compiler knows, costs instructions.
            factor = f"t_{name}[np.uintp({gap})] if {gap} < {TABLE} else {factor}"
        lines = [f"factor = {factor}"]
        if self.program.flows[name].level == 0:
            return [*lines, f"{local} = {before} * factor"]
        return [*lines, f"{local} = l_{name} + ({before} - l_{name}) * factor"]

    def _done(self, changes: Sequence[Change], *, learning: bool = False) -> list[str]:
        """Return the lines of statements; with `learning`, synapses change only where they may."""
        lines: list[str] = []
        clip = False
        for change in changes:
            self.emitter.lines.clear()
            self.emitter.forget()
            value = bare(self.emitter.number(change.expression))
            lines += self.emitter.lines
            made = f"{self.names[change.name]} = {value}"
            if learning and change.name in self.synaptic:
                local = self.names[change.name]
                lines.append(f"{local} = select(learning != 0, {value}, {local})")
                self.emitter.functions.add("select")
                clip |= change.name == WEIGHT
            else:
                lines.append(made)
        if clip:
            # NaN stays: the effect is checked.
            lines += ["w = select(w < w_min, w_min, w)", "w = select(w > w_max, w_max, w)"]
            if self.program.keeps_sign:
                before, after = sign_kept("w")
                lines = [*before, *lines, after]
            self.emitter.functions.add("select")
        if learning and self.real == "float32":
            # As it will be kept: looking at a synapse between two spikes must not round once more.
            changed = {change.name for change in changes}
            for name in self.synaptic:
                if name in changed or name in self.stamped:
                    local = self.names[name]
                    lines.append(f"{local} = np.float64(np.float32({local}))")
        return lines

    def _archive(self) -> list[str]:
        program = self.program
        lines = [
            self._ring("hi"),
            f"known = int32_at(recent + hi * {self.record}, {LABELS + 1})",
            f"values_now = float64_at(recent + hi * {self.record} + {4 * LABELS + 4}, "
            f"{len(program.variables['post'])})",
            "newest = np.int64(known[0])",
            f"old = ((newest - 1) & (room - 1)) * {self.width}",
            f"new = (newest & (room - 1)) * {self.width}",
            "gap = step - np.int64(ring[old])",
        ]
        changes = needed(program.on_post, program.variables["post"])
        for k, name in enumerate(program.variables["post"]):
            self.names[name] = f"y_{name}"
            lines += self._passed(f"y_{name}", name, f"ring[old + {k + 1}]", "gap")
        first = 1 + len(program.variables["post"])
        for name in dict.fromkeys([*self._reads_followed(changes), *self.kept]):
            # A variable of the neuron is kept as the lines of its own spike found it.
            value = self._follow_text(name, "hi", "step")
            if name in self.raised:
                value = f"raised[hi * {len(self.raised)} + {self.raised.index(name)}]"
            self.names[name] = f"f_{name}"
            lines.append(f"f_{name} = {value}")
            if name in self.kept:
                lines.append(f"ring[new + {first + self.kept.index(name)}] = f_{name}")
        lines += self._done(changes)
        for k, name in enumerate(program.variables["post"]):
            lines += [f"ring[new + {k + 1}] = y_{name}", f"values_now[{k}] = y_{name}"]
        return [
            *lines,
            "ring[new] = np.float64(step)",
            *(f"known[{k}] = known[{k - 1}]" for k in range(LABELS, 1, -1)),
            "known[1] = np.int32(step)",
            "latest[np.uintp(hi)] = np.int32(step)",
            "known[0] = np.int32(newest + 1)",
            "return 0",
        ]

    def _reads(self, changes: Sequence[Change], place: str) -> list[str]:
        """Return the variables of a place that statements read or change."""
        seen = {name for c in changes for name in (*c.reads, c.name)}
        return [n for n in self.program.variables[place] if n in seen]  # type: ignore[index]

    def _pass_synapse(self, now: str) -> list[str]:
        """Return the lines that bring the variables of a synapse to the label `now`."""
        if not self.stamped:
            return []
        lines = [f"gap = max({now} - np.int64(stamps[np.uintp(k)]), 0)"]
        for name in self.stamped:
            lines += self._passed(f"c_{name}", name, f"c_{name}", "gap")
        return [*lines, f"stamps[np.uintp(k)] = np.int32({now})"]

    def _of_pre(self, names: Iterable[str], now: str, *, strict: bool) -> list[str]:
        """Return the lines that make presynaptic variables as they are at a label."""
        lines: list[str] = []
        order = self.program.variables["pre"]
        for name in names:
            k = order.index(name)
            at = f"row * {len(order)} + {k}"
            self.names[name] = f"x_{name}"
            inner = self._passed(f"x_{name}", name, f"pre_after[{at}]", "since")
            if strict:
                lines += [
                    "if since == 0 and sees == 0:", f"    x_{name} = pre_before[{at}]", "else:",
                    *_in(inner),
                ]  # fmt: skip
            else:
                lines += inner
        return [f"since = max({now} - last, 0)", *lines] if lines else []

    def _of_post(self, names: Sequence[str], entry: str, gap: str) -> list[str]:
        """Return the lines that make postsynaptic variables from an entry, `gap` steps later."""
        if not names:
            return []
        order = self.program.variables["post"]
        lines = [
            f"place = np.uintp(({entry} & (room - 1)) * {self.width})",
            # Before the run began there were first values only.
            f"gap = max({gap} - np.int64(ring[place]), 0)",
        ]
        for name in names:
            self.names[name] = f"y_{name}"
            value = f"ring[place + np.uintp({order.index(name) + 1})]"
            lines += self._passed(f"y_{name}", name, value, "gap")
        return lines

    def _label(self, entry: str) -> str:
        """Return the text of the label of an entry."""
        return f"ring[np.uintp(({entry} & (room - 1)) * {self.width})]"

    def _ring(self, neuron: str) -> str:
        """Return the line that finds the archive of a neuron."""
        return (
            f"ring = float64_at(archive + {neuron} * room * {8 * self.width}, room * {self.width})"
        )

    def _record(self) -> list[str]:
        """Return the lines that find what is known of the neuron of synapse k."""
        return [
            "j = np.int64(target[k]) - low",
            self._ring("j"),
            f"recently = int32_at(recent + j * {self.record}, {LABELS + 1})",
            "many = np.int64(recently[0])",
        ]

    def _collect(self) -> list[str]:
        """Return the lines that list the postsynaptic spikes that synapses k .. stop - 1 missed.

        Without a branch: how many a synapse missed cannot be foreseen, and a wrong guess of the
        processor costs more than all that is computed here. First those are listed whose neuron
        fired at all, by an array of latest labels that stays in the L1 cache. Mostly there were
        few, and the latest labels, which lie together for all neurons, tell all; rings are far
        apart in memory.
        """
        numbered = bool(self._reads(self._on_post, "post") or self.kept)
        note = ["who[m] = k", "label_of[m] = {label}"]
        note += ["entry_of[m] = {entry}"] if numbered else []

        def noted(label: str, entry: str) -> list[str]:
            return [line.format(label=label, entry=entry) for line in note]

        simple: list[str] = []
        for q in range(LABELS - 1, 0, -1):
            simple += [
                *noted(f"recently[{q}]", f"np.int32(many - {q})"),
                f"m += np.int64((recently[{q}] > seen) & (recently[{q}] <= limit))",
            ]
        label = self._label("e")
        ring = [
            "e = many - 1",
            f"while e > 0 and {label} > seen:",
            "    e -= 1",
            f"while e < many - 1 and {self._label('(e + 1)')} <= limit:",
            "    e += 1",
            *_in([*noted(f"np.int32({label})", "np.int32(e)"), "m += 1"]),
        ]
        return [
            "count = np.int64(0)",
            "for k in range(first, stop):",
            "    some[np.uintp(count)] = np.int32(k)",
            "    count += np.int64(latest[np.uintp(np.int64(target[k]) - low)] > seen)",
            "m = np.int64(0)",
            "at_some = np.int64(0)",
            f"while at_some < count and m <= {LISTED}:",
            *_in(
                [
                    "k = np.int64(some[np.uintp(at_some)])",
                    *self._record(),
                    f"if recently[{LABELS}] <= seen:",
                    *_in(simple),
                    "else:",
                    *_in(ring),
                    "at_some += 1",
                ]
            ),
            "if at_some < count:",
            "    stop = np.int64(some[np.uintp(at_some)])",
        ]

    def _events(self) -> list[str]:
        """Return the lines that do what postsynaptic spikes do, in the order of the list."""
        changes = self._on_post
        post = self._reads(changes, "post")
        find = [
            "j = np.int64(target[k]) - low",
            self._ring("j"),
            "entry = np.int64(entry_of[event])",
        ]
        beside = [f"beside = np.uintp((entry & (room - 1)) * {self.width})"] if self.kept else []
        for at, name in enumerate(self.kept):
            self.names[name] = f"f_{name}"
            first = 1 + len(self.program.variables["post"])
            beside.append(f"f_{name} = ring[beside + np.uintp({first + at})]")
        return [
            "if learning != 0:",
            "    for event in range(m):",
            *_in(
                _in(
                    [
                        "k = np.int64(who[event])",
                        "label = np.int64(label_of[event])",
                        *(find if post or self.kept else []),
                        *beside,
                        *self._load(),
                        *self._of_post(post, "(entry - 1)", "label"),
                        *self._of_pre(self._reads(changes, "pre"), "(label + back)", strict=True),
                        *self._pass_synapse("(label + back)"),
                        *self._done(changes, learning=True),
                        *self._store(),
                    ]
                )
            ),
        ]

    def _post_now(self, names: Sequence[str]) -> list[str]:
        """Return the lines that make postsynaptic variables as a signal finds them."""
        if not names:
            return []
        order = self.program.variables["post"]
        simple = [
            f"now_at = float64_at(recent + j * {self.record} + {4 * LABELS + 4}, {len(order)})",
            "gap = max(now - back - np.int64(recently[1]), 0)",
        ]
        for name in names:
            simple += self._passed(f"y_{name}", name, f"now_at[{order.index(name)}]", "gap")
            self.names[name] = f"y_{name}"
        return [
            *self._record(),
            "if many > 1 and recently[1] > now - back:",
            "    newest = many - 1",
            f"    while newest > 0 and {self._label('newest')} > now - back:",
            "        newest -= 1",
            *_in(self._of_post(names, "newest", "now - back")),
            "else:",
            *_in(simple),
        ]

    def _pre_spike(self) -> list[str]:
        """Return the lines of a presynaptic spike at the synapses first .. stop - 1.

        What they read is gathered into buffers, so that the arithmetic in between is one loop
        without a branch, over whole vectors; then all is put back, and added to the accumulator.
        """
        program = self.program
        changes = needed(program.on_pre, (*self.synaptic, EFFECT))
        post = self._reads(changes, "post")
        passing = [
            v for v in self.stamped if any(v in {c.name, *c.reads} for c in changes)
        ] and self.stamped  # fmt: skip
        kept = program.variables["synapse"]
        gather = ["k = np.uintp(first + i)", "of_w[np.uintp(i)] = np.float64(weights[k])"]
        gather += [f"wide_{n}[np.uintp(i)] = np.float64(a_{n}[k])" for n in kept]
        if passing:
            gather += [
                "of_passed[np.uintp(i)] = np.float64(max(now - np.int64(stamps[k]), 0))",
                "stamps[k] = np.int32(now) if learning != 0 else stamps[k]",
            ]
        followed = [n for n in self._reads_followed(changes) if n in self.follows]
        if post or followed:
            gather.append("j = np.int64(target[k]) - low")
        for name in followed:
            gather.append(f"wide_{name}[np.uintp(i)] = {self._follow_text(name, 'j', 'step')}")
        if post:
            first_value = self.record // 8 - len(program.variables["post"])
            gather += [
                "label = np.int64(latest[np.uintp(j)])",
                "top = max(top, label)",
                "of_gap[np.uintp(i)] = np.float64(max(now - back - label, 0))",
            ]
            for name in post:
                at = first_value + program.variables["post"].index(name)
                gather.append(
                    f"wide_{name}[np.uintp(i)] = records[np.uintp(j * {self.record // 8} + {at})]"
                )
        arithmetic = ["w = of_w[np.uintp(i)]"]
        for name in followed:
            self.names[name] = f"f_{name}"
            arithmetic.append(f"f_{name} = wide_{name}[np.uintp(i)]")
        of_all = self._followed(n for n in self._reads_followed(changes) if n in self.modulators)
        for name in kept:
            self.names[name] = f"c_{name}"
            arithmetic.append(f"c_{name} = wide_{name}[np.uintp(i)]")
        for name in self.stamped if passing else ():
            arithmetic += [
                *self._passed(f"passed_{name}", name, f"c_{name}", "of_passed[np.uintp(i)]", False),
                f"c_{name} = passed_{name} if learning != 0 else c_{name}",
            ]
        for name in post:
            self.names[name] = f"y_{name}"
            value = f"wide_{name}[np.uintp(i)]"
            arithmetic += self._passed(f"y_{name}", name, value, "of_gap[np.uintp(i)]", False)
        for name in self._reads(changes, "pre"):
            self.names[name] = f"q_{name}"
            arithmetic.append(f"q_{name} = b_{name}")
        arithmetic += self._done(changes, learning=True)
        if not any(c.name == EFFECT for c in changes):
            arithmetic.append("effect = w")
        arithmetic += [
            "carried = np.rint(effect * per_unit)",
            "of_carried[np.uintp(i)] = select(abs(effect) <= largest, carried, math.nan)",
        ]
        back = []
        if program.changes_weight:
            arithmetic.append("of_w[np.uintp(i)] = w")
            back.append(f"weights[k] = np.{self.real}(of_w[np.uintp(i)])")
        for name in kept:
            arithmetic.append(f"wide_{name}[np.uintp(i)] = c_{name}")
            back.append(f"a_{name}[k] = np.{self.real}(wide_{name}[np.uintp(i)])")
        self.emitter.functions.add("select")
        return [
            *(["top = np.int64(-1)"] if post else []),
            *of_all,
            "for i in range(stop - first):",
            *_in(gather),
            *(self._fired_just_now(post) if post else []),
            f"for i in range((stop - first + {LANES - 1}) & -{LANES}):",
            *_in(arithmetic),
            "for i in range(stop - first):",
            *_in(
                [
                    "k = np.uintp(first + i)",
                    *back,
                    "carried = of_carried[np.uintp(i)]",
                    "if carried != carried:",
                    "    bad = 1",
                    "else:",
                    f"    accumulator[base + np.uintp(target[k])] += np.{self.integer}(carried)",
                ]
            ),
        ]

    def _fired_just_now(self, post: Sequence[str]) -> list[str]:
        """Return the lines that go back to before the spikes of this moment, where there are."""
        order = self.program.variables["post"]
        return [
            "if top >= now - back:",
            "    for i in range(stop - first):",
            *_in(
                _in(
                    [
                        "j = np.int64(target[np.uintp(first + i)]) - low",
                        "if np.int64(latest[np.uintp(j)]) >= now - back:",
                        *_in(
                            [
                                self._ring("j"),
                                f"recently = int32_at(recent + j * {self.record}, 1)",
                                "newest = np.int64(recently[0]) - 1",
                                f"while newest > 0 and {self._label('newest')} >= now - back:",
                                "    newest -= 1",
                                f"place = np.uintp((newest & (room - 1)) * {self.width})",
                                "passed = max(now - back - np.int64(ring[place]), 0)",
                                "of_gap[np.uintp(i)] = np.float64(passed)",
                                *(
                                    f"wide_{name}[np.uintp(i)] = "
                                    f"ring[place + np.uintp({order.index(name) + 1})]"
                                    for name in post
                                ),
                            ]
                        ),
                    ]
                )
            ),
        ]

    def _at_once(self, changes: Sequence[Change], *, euler: bool = False) -> list[str]:
        """Return the lines of statements for a synapse that is up to date: what is, is read.

        With `euler` the variables without a closed form take their step before, all from what was.
        """
        first = self.program.euler if euler else ()
        read = (*first, *changes)
        followed = self._reads_followed(read)
        post = self._reads(read, "post")
        lines = [
            *(["j = np.int64(target[k]) - low"] if followed else []),
            *self._followed(followed),
            *self._post_now(post),
            *self._of_pre(self._reads(read, "pre"), "now", strict=False),
            *self._pass_synapse("now"),
        ]
        for change in first:
            self.emitter.lines.clear()
            self.emitter.forget()
            value = bare(self.emitter.number(change.expression))
            lines += [*self.emitter.lines, f"later_{change.name} = {value}"]
        for change in first:
            lines.append(f"{self.names[change.name]} = later_{change.name}")
            if self.real == "float32":
                local = self.names[change.name]
                lines.append(f"{local} = np.float64(np.float32({local}))")
        lines += self._done(changes, learning=True)
        return ["if learning != 0:", *_in(lines), "    if w != w:", "        bad = 1"]

    def _signal(self) -> list[str]:
        return self._at_once(needed(self.program.on_signal, self.synaptic))

    def _step(self) -> list[str]:
        return self._at_once(needed(self.program.on_step, self.synaptic), euler=True)

    def _modulated(self) -> list[str]:
        """Return the lines of the modulators' spikes, one after the other."""
        changes = needed(self.program.on_modulator, self.synaptic)
        once = self._at_once([c for c in changes if c.name in self.synaptic])
        return ["for again in range(arrived[0]):", *_in(once)]

    def _load(self) -> list[str]:
        """Return the lines that read the variables of synapse k."""
        lines = ["w = np.float64(weights[np.uintp(k)])"]
        for name in self.program.variables["synapse"]:
            lines.append(f"c_{name} = np.float64(a_{name}[np.uintp(k)])")
        return lines

    def _store(self) -> list[str]:
        lines = []
        if self.program.changes_weight:
            lines.append(f"weights[np.uintp(k)] = np.{self.real}(w)")
        for name in self.program.variables["synapse"]:
            lines.append(f"a_{name}[np.uintp(k)] = np.{self.real}(c_{name})")
        return lines

    def _synapses(self) -> list[str]:
        """Return the lines for all synapses of a run, a stretch after the other."""
        program = self.program
        stretch: list[str] = []
        if self._on_post:
            stretch += [*self._collect(), *self._events()]

        def each(lines: list[str]) -> list[str]:
            loop = [*self._load(), *lines, *self._store()]
            return ["for k in range(first, stop):", *_in(loop)]

        stretch += [f"if occasion == {PRE_SPIKE}:", *_in(self._pre_spike())]
        if program.on_signal:
            stretch += [f"elif occasion == {SIGNAL}:", *_in(each(self._signal()))]
        if program.on_step or program.euler:
            stretch += [f"elif occasion == {EVERY_STEP}:", *_in(each(self._step()))]
        if program.modulates:
            stretch += [f"elif occasion == {MODULATED}:", *_in(each(self._modulated()))]
        return [
            "first = np.int64(0)",
            "while first < n:",
            f"    stop = min(first + {STRETCH}, n)",
            *_in(stretch),
            "    first = stop",
        ]

    def _row(self) -> list[str]:
        """Return the lines of one visit."""
        program = self.program
        pre = program.variables["pre"]
        lines = [
            f"row = visits[v, {V_ROW}]",
            f"at = visits[v, {V_BEGIN}]",
            f"end = visits[v, {V_END}]",
            f"occasion = visits[v, {V_OCCASION}]",
            f"now = visits[v, {V_NOW}]",
            f"bound = visits[v, {V_BOUND}]",
            "last = pre_time[row]",
            "known = done[row]",
            # Rows lie anywhere in memory: the first lines of a later one are sent for now.
            f"ahead = visits[min(v + {AHEAD}, hi - 1), {V_BEGIN}]",
            "prefetch(uint16_at(stream, 1 << 40), ahead)",
            f"prefetch({self.real}_at(weight, 1 << 40), ahead)",
        ]
        before: list[str] = ["gap = now - last"] if pre else []
        for k, name in enumerate(pre):
            value = f"pre_after[row * {len(pre)} + {k}]"
            before += self._passed(f"b_{name}", name, value, "gap")
        after: list[str] = []
        for k, name in enumerate(pre):
            self.names[name] = f"n_{name}"
            before.append(f"n_{name} = b_{name}")
            place = f"row * {len(pre)} + {k}"
            after += ["if now != last:", f"    pre_before[{place}] = b_{name}"]
            after.append(f"pre_after[{place}] = n_{name}")
        before += self._done(needed(program.on_pre, pre))
        # Defined in every case, for the compiler.
        lines += [f"b_{name} = 0.0" for name in pre] + [f"n_{name} = 0.0" for name in pre]
        if before:
            lines += [f"if occasion == {PRE_SPIKE}:", *_in(before)]
        kept = program.variables["synapse"]
        run = [
            f"header = uint16_at(stream + 2 * at, {TARGET_HEADER})",
            "delay = np.int64(header[0])",
            "n = np.int64(header[1]) | (np.int64(header[2]) << 16)",
            f"at += {TARGET_HEADER}",
            "target = uint16_at(stream + 2 * at, n)",
            f"weights = {self.real}_at(weight + {self.size} * at, n)",
            *(f"a_{name} = {self.real}_at(s_{name} + {self.size} * at, n)" for name in kept),
            *(["stamps = int32_at(stamp + 4 * at, n)"] if self.stamped else []),
            "back = np.int64(0) if axonal != 0 else delay",
            "limit = bound - back",
            # First values stand in an entry of label 0, which is no spike.
            "seen = max(known - back, 0)",
            "base = np.uintp(((step + delay) % rows_due) * n_slots + tile_first)",
            *self._synapses(),
            "at += n",
        ]
        lines += ["while at < end:", *_in(run)]
        ending = [*after, "pre_time[row] = now"]
        return [
            *lines,
            f"if occasion == {PRE_SPIKE}:",
            *_in(ending),
            # Before the next visit, which may be of the same row.
            "done[row] = max(known, bound)",
        ]

    def written(self) -> RuleKernel:
        """Return the module."""
        self._lay_out()
        archive = self._archive() if self.program.reads_post else ["return 0"]
        row = self._row()
        if self.program.watches:
            archive = ["if lo == -2:", *_in(self._advance_followed()), *archive]
        views = {"float64_at", "int64_at", "uint16_at", f"{self.real}_at", f"{self.integer}_at"}
        views |= {"exact_entry", "prefetch"}
        needs = self.stamped or self.program.reads_post or self.program.watches
        views |= {"int32_at"} if needs else set()
        length = len(self.words) + 1
        source = "\n".join(
            [
                '"""A plasticity rule. Written by neurosim; do not edit."""',
                "",
                "import math",
                "",
                "import numpy as np",
                "",
                *self.emitter.imports,
                f"from neurosim.kernels.jit import {', '.join(sorted(views))}",
                "",
                "",
                "@exact_entry",
                "def update(ctx, lo, hi, step):",
                *_in(
                    [
                        f"size = np.int64({length})",
                        "words = int64_at(ctx, size)",
                        "values = float64_at(ctx, size)",
                        *self.head,
                        "if lo < 0:",
                        *_in(archive),
                        f"visits = int64_at({self._word('visits')}, hi * {VISIT_WIDTH})"
                        f".reshape((hi, {VISIT_WIDTH}))",
                        f"accumulator = {self.integer}_at(acc, rows_due * n_slots)",
                        f"learning = status[{S_LEARNING}]",
                        "bad = 0",
                        "for v in range(lo, hi):",
                        *_in(row),
                        f"return {TOO_LARGE} if bad != 0 else 0",
                    ]
                ),
                "",
            ]
        )
        return RuleKernel(GeneratedKernel.of(source), tuple(self.words))


def _in(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]

"""The source of the compiled kernels of continuous coupling.

A sum takes every neuron's connections in two passes: their terms are computed side by side, which
becomes vector instructions where the coupling is more than a product, and added up afterwards in
four lanes, since one lane would wait for each addition to end. The order of a sum is thus fixed by
the connections alone. Sums are of float64 for states of either precision.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from neurosim.engine.expressions import Emitter, Precision, sign_kept, symbols_of
from neurosim.engine.generate import GeneratedKernel
from neurosim.engine.layout import BLOCK_NEURONS
from neurosim.equations.pairs import TOTAL, Pair, post_symbol, pre_symbol
from neurosim.equations.plasticity import BOUNDS, WEIGHT, RuleProgram


@dataclass(frozen=True)
class CouplingKernel:
    """A kernel, what the words of its context are, and how many rows of scratch it uses."""

    kernel: GeneratedKernel
    words: tuple[tuple[str, str], ...]
    buffers: int = 0


class _Words:
    """Collects the words of a context and the lines that unpack them."""

    def __init__(self) -> None:
        self.words: list[tuple[str, str]] = []
        self.lines: list[str] = []
        self.views: set[str] = set()

    def at(self, kind: str, name: str = "") -> str:
        """Return the text of a word."""
        if (kind, name) not in self.words:
            self.words.append((kind, name))
        return f"words[{self.words.index((kind, name))}]"

    def value(self, kind: str, name: str = "") -> str:
        """Return the text of a word that holds a float."""
        return self.at(kind, name).replace("words", "values")

    def view(self, kind: str, address: str, count: str) -> str:
        """Return the text of an array at an address."""
        self.views.add(f"{kind}_at")
        return f"{kind}_at({address}, {count})"


def generate_sum(
    pair: Pair, *, precision: Precision, delayed: bool, points: int, arrays: Iterable[str],
    learning: RuleProgram | None = None,
) -> CouplingKernel:  # fmt: skip
    """Write the kernel that adds the weighted terms of every neuron's connections to a row.

    Parameters
    ----------
    pair : Pair
        What a connection computes.
    precision : {"double", "single"}
        Of the states.
    delayed : bool
        Whether presynaptic states are read from histories.
    points : {1, 2, 4}
        From how many times of a history a value is made: 2 on the straight line, 4 on the cubic
        through them, where any delay lies between two steps.
    arrays : iterable of str
        Parameters with one value per connection.
    learning : RuleProgram, optional
        A rule for continuous coupling: weights change after they have been summed, by what both
        sides were at the beginning of the step.
    """
    real = "float64" if precision == "double" else "float32"
    arrays = frozenset(arrays)
    w = _Words()
    used = symbols_of(pair.expression)
    names: dict[str, str] = {}
    emitter = Emitter("double", names)
    head = [
        f"row = {w.view(real, w.at('row'), w.at('n'))}",
        f"start = {w.view('int64', w.at('start'), w.at('n') + ' + 1')}",
    ]
    per_neuron = [
        "first = start[k]",
        "m = start[k + 1] - first",
        f"w = {w.view('float64', w.at('weight') + ' + 8*first', 'm')}",
    ]
    reads = []
    reads_pre = list(pair.pre)
    reads_post = list(pair.post)
    if learning is not None:
        reads_pre += [s for s in learning.states["pre"] if s not in reads_pre]
        reads_post += [s for s in learning.states["post"] if s not in reads_post]
    for state in reads_pre:
        head.append(f"x_{state} = {w.view(real, w.at('pre', state), w.at('size', state))}")
        if delayed:
            head.append(f"now_{state} = np.uint64(step % {w.at('length', state)})")
        place = w.view("uint32", w.at("place", state) + " + 4*first", "m")
        per_neuron.append(f"at_{state} = {place}")
        value = f"np.float64(x_{state}[at_{state}[c]])"
        if delayed:
            reads.append(f"i_{state} = at_{state}[c] + now_{state}")
            value = f"np.float64(x_{state}[i_{state}])"
        if points == 4:
            terms = [
                f"l{k}[c]*np.float64(x_{state}[i_{state} - np.uint64({k})])" for k in range(points)
            ]
            value = " + ".join(terms)
        if points == 2:
            reads.append(f"v_{state} = {value}")
            value = (
                f"v_{state} + f[c]*(np.float64(x_{state}[i_{state} - np.uint64(1)]) - v_{state})"
            )
        names[pre_symbol(state).name] = f"r_{state}"
        reads.append(f"r_{state} = {value}")
    for k in range(points if points == 4 else 0):
        cubic = w.view("float64", w.at("cubic", str(k)) + " + 8*first", "m")
        per_neuron.append(f"l{k} = {cubic}")
    if points == 2:
        per_neuron.append(f"f = {w.view('float64', w.at('fraction') + ' + 8*first', 'm')}")
    for state in reads_post:
        head.append(f"y_{state} = {w.view(real, w.at('post', state), w.at('n'))}")
        per_neuron.append(f"o_{state} = np.float64(y_{state}[k])")
        names[post_symbol(state).name] = f"o_{state}"
    for name in pair.parameters:
        if name not in used:
            continue
        if name in arrays:
            array = w.view("float64", w.at("parameter", name) + " + 8*first", "m")
            per_neuron.append(f"p_{name} = {array}")
            names[name] = f"p_{name}[c]"
        else:
            head.append(f"p_{name} = {w.value('parameter', name)}")
            names[name] = f"p_{name}"
    term = emitter.number(pair.expression)
    # A loop that gathers is not turned into vector instructions, so functions get one without.
    buffers = len(pair.pre) if emitter.functions else 1
    for buffer in range(buffers):
        region = (
            f"{w.at('scratch')} + 8*{w.at('widest')}*({buffers}*(lo // {w.at('block')}) + {buffer})"
        )
        head.append(f"b{buffer} = {w.view('float64', region, w.at('widest'))}")
    lines = [*emitter.lines, f"b0[c] = w[c]*{term}"]
    if emitter.functions:
        stored = [f"b{place}[c] = r_{state}" for place, state in enumerate(pair.pre)]
        loaded = [f"r_{state} = b{place}[c]" for place, state in enumerate(pair.pre)]
        passes = [[*reads, *stored], [*loaded, *lines]]
    else:
        passes = [[*reads, *lines]]
    for lines in passes:
        per_neuron += ["for c in range(m):", *(f"    {line}" for line in lines)]
    per_neuron += [
        "t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0",
        "whole = m // 4 * 4",
        "for c in range(0, whole, 4):",
        *(f"    t{lane} += b0[c + {lane}]" for lane in range(4)),
        "for c in range(whole, m):",
        "    t0 += b0[c]",
        f"row[k] += np.{real}((t0 + t1) + (t2 + t3))",
    ]
    if learning is not None:
        per_neuron += _learn(w, head, names, emitter, learning, reads)
    return _written(w, head, ["for k in range(lo, hi):", *_indented(per_neuron)], emitter, buffers)


def _learn(
    w: _Words, head: list[str], names: dict[str, str], emitter: Emitter, rule: RuleProgram,
    reads: list[str],
) -> list[str]:  # fmt: skip
    """Return the lines that change the weights of a neuron, and variables beside them."""
    head += [
        f"may_learn = {w.at('learning')}",
        f"step_ms = {w.value('dt')}",
        *(f"{bound} = {w.value(bound)}" for bound in BOUNDS),
    ]
    names.update({WEIGHT: "w[c]", **{bound: bound for bound in BOUNDS}})
    for name in (*rule.parameters, *rule.signals):
        head.append(f"q_{name} = {w.value('rule', name)}")
        names[name] = f"q_{name}"
    once: list[str] = []
    for name in rule.variables["post"]:
        head.append(f"v_{name} = {w.view('float64', w.at('variable', name), w.at('n'))}")
        names[name] = f"v_{name}[k]"
    for name in rule.variables["synapse"]:
        place = w.view("float64", w.at("variable", name) + " + 8*first", "m")
        once.append(f"s_{name} = {place}")
        names[name] = f"s_{name}[c]"

    def changes(of: Iterable[str]) -> list[str]:
        """Return lines that compute all derivatives, then make the step of each."""
        lines, made = [], []
        for name in of:
            if name not in rule.rates:
                continue
            emitter.lines.clear()
            emitter.forget()
            value = emitter.number(rule.rates[name])
            lines += [*emitter.lines, f"d_{name} = {value}"]
            made.append(f"{names[name]} += step_ms*d_{name}")
        return [*lines, *made]

    of_synapse = [*changes((WEIGHT, *rule.variables["synapse"])), *_clipped("w[c]")]
    if rule.keeps_sign:
        emitter.functions.add("select")
        before, after = sign_kept("w[c]")
        of_synapse = [*before, *of_synapse, after]
    return [
        "if may_learn != 0:",
        *_indented(
            [
                *once,
                "for c in range(m):",
                # NaN passes, and is found in the state that it is added to.
                *_indented([*reads, *of_synapse]),
                *changes(rule.variables["post"]),
            ]
        ),
    ]


def _clipped(value: str) -> list[str]:
    return [
        f"if {value} < w_min:", f"    {value} = w_min", f"elif {value} > w_max:",
        f"    {value} = w_max",
    ]  # fmt: skip


def generate_windows(
    *, precision: Precision, lanes: int, steps: int, width: int, tiles: int, between: bool,
    scaled: bool, by_source: bool,
) -> CouplingKernel:  # fmt: skip
    """Write the kernel of delayed sums of w_ij x_j: those of several steps are taken at once.

    Where no delay is shorter than `steps` - 1, all that a neuron is sent in so many steps has
    happened by the first of them, and a connection is one window of its source's past.

    Parameters
    ----------
    precision : {"double", "single"}
        Of the states.
    lanes : int
        Simulations side by side.
    steps : int
        Steps that are summed at once.
    width, tiles : int
        `tiles` times `width` numbers are summed of each neuron; at least `steps` * `lanes`.
    between : bool
        Whether any delay lies between two steps.
    scaled : bool
        Whether weights have a factor in each lane.
    by_source : bool
        Whether connections are sorted by blocks of targets, and in each by their source: worth it
        where many targets of a block read the same source. Both ways give the same bits.
    """
    real = "float64" if precision == "double" else "float32"
    size = 8 if real == "float64" else 4
    w = _Words()
    n = f"({w.at('n')} * {lanes})"
    head = [
        f"row = {w.view(real, w.at('row'), n)}",
        f"start = {w.view('int64', w.at('start'), w.at('n') + ' + 1')}",
        f"sums = {w.view('float64', w.at('scratch'), w.at('n') + f' * {width * tiles}')}",
        f"inside = step % {steps}",
        f"now = step % {w.at('length')}",
    ]
    literals = f"{width}, {lanes}, {real == 'float32'}, {between}, {scaled}"
    past = f"{w.at('past')} + {size}*(now*{lanes} + {width}*tile)"
    if by_source:
        stride = 8 * width * tiles
        head.append(f"first = start[lo // {BLOCK_NEURONS}]")
        head.append(f"m = start[lo // {BLOCK_NEURONS} + 1] - first")
        body = [
            "if inside == 0:",
            f"    of_node = {width * tiles}",
            f"    for k in range(lo // {lanes} * of_node, hi // {lanes} * of_node):",
            "        sums[k] = 0.0",
            f"    for tile in range({tiles}):",
            "        scatter_windows(",
            f"            {w.at('scratch')} + {8 * width}*tile, {past},",
            f"            {w.at('place')} + 4*first, {w.at('weight')} + 8*first,",
            f"            {w.at('fraction')} + 8*first, {w.at('factor')} + {8 * width}*tile, m,",
            f"            {w.at('target')} + 4*first, {stride}, {literals},",
            "        )",
            f"for node in range(lo // {lanes}, hi // {lanes}):",
            f"    for lane in range({lanes}):",
            f"        value = sums[{width * tiles}*node + {lanes}*inside + lane]",
            f"        row[{lanes}*node + lane] += np.{real}(value)",
        ]
        return _written(w, head, body, Emitter("double", {}), 0, "scatter_windows")
    body = [
        f"for node in range(lo // {lanes}, hi // {lanes}):",
        "    first = start[node]",
        "    m = start[node + 1] - first",
        f"    place = {w.at('place')} + 4*first",
        f"    weight = {w.at('weight')} + 8*first",
        f"    fraction = {w.at('fraction')} + 8*first",
        "    if inside == 0:",
        f"        for tile in range({tiles}):",
        "            window_sums(",
        f"                {w.at('scratch')} + {8 * width}*({tiles}*node + tile),",
        f"                {past},",
        f"                place, weight, fraction, {w.at('factor')} + {8 * width}*tile, m,",
        f"                {literals},",
        "            )",
        f"    for lane in range({lanes}):",
        f"        value = sums[{width * tiles}*node + {lanes}*inside + lane]",
        f"        row[{lanes}*node + lane] += np.{real}(value)",
    ]
    return _written(w, head, body, Emitter("double", {}), 0, "window_sums")


def generate_finish(pair: Pair, *, precision: Precision) -> CouplingKernel:
    """Write the kernel that adds `pair.total` of the sums to a row, and zeroes the sums.

    Neurons for which `reached` is 0 get nothing.
    """
    real = "float64" if precision == "double" else "float32"
    w = _Words()
    names = {TOTAL.name: "total"}
    emitter = Emitter("double", names)
    size = "8" if real == "float64" else "4"
    head = [
        f"{name} = {w.view(real, f'{w.at(kind)} + {size}*lo', 'hi - lo')}"
        for name, kind in (("row", "row"), ("sums", "sum"))
    ]
    head.append(f"reached = {w.view('float64', w.at('reached') + ' + 8*lo', 'hi - lo')}")
    for name in sorted(symbols_of(pair.total) - {TOTAL.name}):
        head.append(f"p_{name} = {w.value('parameter', name)}")
        names[name] = f"p_{name}"
    value = emitter.number(pair.total)
    body = [
        "for k in range(hi - lo):",
        *_indented(
            [
                "total = np.float64(sums[k])",
                *emitter.lines,
                f"row[k] += np.{real}(reached[k]*{value})",
                f"sums[k] = np.{real}(0)",
            ]
        ),
    ]
    return _written(w, head, body, emitter, 0)


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _written(
    w: _Words, head: list[str], body: list[str], emitter: Emitter, buffers: int, window: str = ""
) -> CouplingKernel:
    """Put a module together."""
    views = ", ".join(sorted({"exact_entry", "int64_at", "float64_at"} | w.views))
    words = [f"words = int64_at(ctx, {len(w.words)})"]
    if any("values[" in line for line in head):
        words.append(f"values = float64_at(ctx, {len(w.words)})")
    source = "\n".join(
        [
            "import math",
            "",
            "import numpy as np",
            "",
            *emitter.imports,
            f"from neurosim.kernels.jit import {views}",
            *([f"from neurosim.kernels.windows import {window}"] if window else []),
            "",
            "",
            "@exact_entry",
            "def update(ctx, lo, hi, step):",
            *_indented([*words, *head, *body, "return 0"]),
            "",
        ]
    )
    return CouplingKernel(GeneratedKernel.of(source), tuple(w.words), buffers)

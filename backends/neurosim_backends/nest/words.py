"""Words of a PyNEST script: numbers, distributions and names as NEST writes them."""

from __future__ import annotations

import builtins
import keyword
import math
import re
from collections.abc import Iterable, Mapping
from textwrap import fill
from typing import Any

import numpy as np

from neurosim.describe.distributions import (
    Distribution,
    Exponential,
    LogNormal,
    Normal,
    Uniform,
)
from neurosim.errors import UnsupportedError
from neurosim_backends._drafting import LONGEST

WIDTH = 96
"""Characters of a line."""

TAKEN = frozenset(
    {"nest", "np", "plt", "DT", "DURATION", "SEED", "population", "recorder", "name", "rate",
     "spikes", *dir(builtins)}
)  # fmt: skip
"""Names that mean something in a script: `len = nest.Create(...)` would break what counts."""


def number(value: float) -> str:
    """Return a float as it would be typed: to 12 digits, where that is shorter.

    >>> number(20.0), number(0.1), number(0.1 * 3), number(1e-7)
    ('20.0', '0.1', '0.3', '1e-07')
    """
    return min(repr(float(value)), repr(float(f"{value:.12g}")), key=len)


def array(values: Any, part: str) -> str:
    """Return an array, or a number where all are equal; `np.array(...)` needs numpy.

    Raises
    ------
    UnsupportedError
        If it is too long to be spelt out.
    """
    flat = np.asarray(values)
    if flat.ndim == 0 or (flat.size and np.all(flat == flat.flat[0]) and flat.ndim == 1):
        return number(float(flat.flat[0]))
    if flat.size > LONGEST:
        raise UnsupportedError(
            f"{part}: an array of {flat.size} numbers", "a script does not spell out so many",
            "a distribution, or a run on the backend 'nest'",
        )  # fmt: skip
    return f"np.array({flat.tolist()})"


_REDRAWN = re.compile(r"(.*nest\.math\.redraw\()(.*)(\),?)")
_TEXT = r'"(?:\\.|[^"\\])*"'
_NUMBERS = re.compile(rf"{_TEXT}|\[[-\d.e+]+(?:, [-\d.e+]+)+\]")


def is_code(start: str) -> bool:
    """Tell whether what follows the start of a line is code: names in texts, comments are not.

    >>> is_code('f("a", '), is_code('f("a, '), is_code("# a")
    (True, False, False)
    """
    left = re.sub(_TEXT, "", start)
    return '"' not in left and "#" not in left


def folded(line: str) -> str:
    """Return a line with its lists of numbers in rows, or a draw below, where it is too long.

    >>> print(folded(f"cells.V_th = np.array({[-50.25] * 16})  # mV"))
    cells.V_th = np.array([
        -50.25, -50.25, -50.25, -50.25, -50.25, -50.25, -50.25, -50.25, -50.25, -50.25, -50.25,
        -50.25, -50.25, -50.25, -50.25, -50.25,
    ])  # mV
    """
    if len(line) <= WIDTH or line.lstrip().startswith("#"):
        return line
    margin = line[: len(line) - len(line.lstrip())]

    def rows(found: re.Match[str]) -> str:
        if not found[0].startswith("["):
            return found[0]  # a name, that may look like numbers
        inside = fill(
            found[0][1:-1] + ",", WIDTH, initial_indent=f"{margin}    ",
            subsequent_indent=f"{margin}    ", break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip
        return f"[\n{inside}\n{margin}]"

    redrawn = _REDRAWN.fullmatch(line)
    if redrawn is not None and is_code(redrawn[1]):
        return f"{redrawn[1]}\n{margin}    {redrawn[2]}\n{margin}{redrawn[3]}"
    return _NUMBERS.sub(rows, line)


def distribution(value: Distribution, factor: float = 1.0, least: float | None = None) -> str:
    """Return a random parameter of NEST.

    Parameters
    ----------
    factor : float
        What values are multiplied with; bounds move along.
    least : float, optional
        Values below are redrawn, besides the distribution's own bounds.

    >>> distribution(Uniform(-60, -50))
    'nest.random.uniform(min=-60.0, max=-50.0)'
    >>> distribution(Normal(1.5, 0.75, redraw=(0.1, None)))
    'nest.math.redraw(nest.random.normal(mean=1.5, std=0.75), min=0.1, max=np.inf)'
    """
    match value:
        case Uniform(low=a, high=b):
            ends = sorted((factor * float(a), factor * float(b)))
            text = f"nest.random.uniform(min={number(ends[0])}, max={number(ends[1])})"
            factor_left = 1.0
        case Normal(mean=a, sd=b):
            mean, sd = factor * float(a), abs(factor) * float(b)
            text = f"nest.random.normal(mean={number(mean)}, std={number(sd)})"
            factor_left = 1.0
        case LogNormal(mu=a, sigma=b):
            text = f"nest.random.lognormal(mean={number(float(a))}, std={number(float(b))})"
            factor_left = factor
        case Exponential(scale=b, offset=a):
            text = f"nest.random.exponential(beta={number(float(b))})"
            if a:
                text = f"({number(float(a))} + {text})"
            factor_left = factor
        case _:
            raise TypeError(value)
    if factor_left != 1.0:
        text = f"{number(factor_left)} * {text}"
    low, high = sorted(factor * bound for bound in value.bounds)
    redrawn = value.bound == "redraw"
    if value.bound == "clip":
        if low > -math.inf:
            text = f"nest.math.max({text}, {number(low)})"
        if high < math.inf:
            text = f"nest.math.min({text}, {number(high)})"
    if least is not None and least > (low if redrawn else -math.inf):
        low, redrawn = least, True
    if redrawn:
        first, last = (_end(end) for end in (low, high))
        text = f"nest.math.redraw({text}, min={first}, max={last})"
    return text


def _end(value: float) -> str:
    return number(value) if math.isfinite(value) else f"{'-' * (value < 0)}np.inf"


class Names:
    """Names of variables, each used once."""

    def __init__(self) -> None:
        self._used = set(TAKEN)

    def make(self, wanted: str) -> str:
        """Return a name like the wanted one that Python takes and nothing else has.

        >>> names = Names()
        >>> names.make("L2/3 exc"), names.make("exc"), names.make("exc"), names.make("3")
        ('L2_3_exc', 'exc', 'exc_2', 'p_3')
        """
        word = re.sub(r"\W+", "_", wanted, flags=re.ASCII).strip("_") or "p"
        if not word[0].isalpha() or keyword.iskeyword(word):
            word = f"p_{word}"
        found, k = word, 1
        while found in self._used:
            k += 1
            found = f"{word}_{k}"
        self._used.add(found)
        return found


def dictionary(entries: Mapping[str, str], comments: Mapping[str, str] | None = None) -> str:
    """Return a dictionary of texts: in a line, or in several with a comment behind each.

    >>> dictionary({"weight": "2.0", "delay": "DT"})
    '{"weight": 2.0, "delay": DT}'
    """
    if not comments:
        line = "{" + ", ".join(f'"{k}": {v}' for k, v in entries.items()) + "}"
        if len(line) <= WIDTH - 4:
            return line
        return "{\n" + "".join(f'    "{k}": {v},\n' for k, v in entries.items()) + "}"
    width = max(len(f'    "{k}": {v},') for k, v in entries.items())
    lines = []
    for name, value in entries.items():
        line = f'    "{name}": {value},'
        comment = comments.get(name, "")
        lines.append(f"{line:{width}}  # {comment}" if comment else line)
    return "{\n" + "\n".join(lines) + "\n}"


def call(function: str, arguments: Iterable[str]) -> str:
    """Return a call, its arguments one a line where they do not fit into one."""
    given = list(arguments)
    line = f"{function}({', '.join(given)})"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    if len(given) == 1:
        return line
    inner = "".join(f"    {a},\n" for a in (text.replace("\n", "\n    ") for text in given))
    return f"{function}(\n{inner})"

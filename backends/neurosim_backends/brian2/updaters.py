"""Brian2's state updaters, called by parts and with its random numbers replayed.

Whatever advances a state here was written by Brian2 from the equations.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from neurosim.kernels.cache import cache_directory
from neurosim_backends.brian2.binding import brian2

Updater = Callable[[Any, Any, Any], str]
"""(equations, variables, options) -> abstract code."""


def updater(method: str, solved: frozenset[str], normals: Mapping[str, str]) -> Updater:
    """Return what a NeuronGroup takes for its method.

    Parameters
    ----------
    method : str
        Brian2's name.
    solved : frozenset of str
        Variables that `exact` advances, whatever the method of the others.
    normals : mapping
        Noise symbol -> variable that brings its numbers.
    """
    if method == "exact":
        return exact
    named: Updater = brian2().StateUpdateMethod.stateupdaters[method]
    if solved:
        return _partly_exact(named, solved)
    return _replayed(named, normals) if normals else named


def _replayed(named: Updater, normals: Mapping[str, str]) -> Updater:
    """Return a state updater that reads its random numbers from variables."""

    def method(equations: Any, variables: Any = None, options: Any = None) -> str:
        code = named(equations, variables, options)
        for xi, normal in normals.items():
            code = code.replace(f"{xi} = dt**.5 * randn()", f"{xi} = dt**.5 * {normal}")
        assert "randn" not in code, "every random number is replayed"
        return code

    return method


def _partly_exact(named: Updater, solved: frozenset[str]) -> Updater:
    """Return a state updater that leaves a part that nothing else acts on to `exact`."""

    def method(equations: Any, variables: Any = None, options: Any = None) -> str:
        part = _only(equations, solved)
        ours = _lines(exact(part, variables, options))
        theirs = _lines(
            named(_only(equations, equations.diff_eq_names - solved), variables, options)
        )
        # Both compute new values under names of their own before they assign any.
        early = [line for line in (*ours, *theirs) if not _is_final(line, equations)]
        final = [line for line in (*ours, *theirs) if _is_final(line, equations)]
        return "\n".join([*early, *final])

    return method


def exact(equations: Any, variables: Any = None, options: Any = None) -> str:
    """Brian2's `exact`, for every set of variables that act on each other by itself.

    Its algebra takes time that grows steeply with the number of symbols, up to half a minute. So
    every coefficient gets a name of its own first, and what Brian2 writes for a system of that form
    is kept on disk. Variables that are held while refractory need no factor: Brian2 does not write
    them then.
    """
    parts = _parts(equations, variables)
    return "\n".join(_exact(_only(equations, p), variables, k) for k, p in enumerate(parts))


def _exact(equations: Any, variables: Any, part: int) -> str:
    import sympy
    from brian2.parsing.sympytools import sympy_to_str
    from brian2.stateupdaters.exact import get_linear_system

    states, matrix, offsets = get_linear_system(equations, variables)
    active = sympy.Function("int")(sympy.Symbol("not_refractory", real=True))
    coefficients: dict[str, str] = {}
    lines = []
    for row in range(len(states)):
        entries = [(f"k_{row}_{c}", f"*x_{c}", matrix[row, c]) for c in range(len(states))]
        entries.append((f"b_{row}", "", offsets[row]))
        terms = []
        for name, factor, value in entries:
            if value != 0:
                value = value.replace(lambda e: str(e) == str(active), lambda e: sympy.S.One)
                # Equal coefficients share a name: where rates are the same, the solution is
                # another one.
                name = coefficients.setdefault(sympy_to_str(value), name)
                terms.append(f"{name}{factor}")
        lines.append(f"dx_{row}/dt = {' + '.join(terms)} : 1")
    code = _solved("\n".join(lines))
    head = [f"_{name}_of_{part} = {value}" for value, name in coefficients.items()]
    code = re.sub(r"\b([kb]_\d+(_\d+)?)\b", rf"_\1_of_{part}", code)
    code = re.sub(r"(?<![a-zA-Z0-9])x_(\d+)\b", lambda m: states[int(m[1])], code)
    return "\n".join([*head, code])


def _solved(text: str) -> str:
    """Return what Brian2's `exact` makes of equations whose coefficients are names."""
    import sympy
    from brian2.stateupdaters.exact import exact as solve

    versions = f"brian2 {brian2().__version__} sympy {sympy.__version__}"
    digest = hashlib.sha256(f"{versions}\n{text}".encode()).hexdigest()[:24]
    path = cache_directory() / "brian2" / f"exact-{digest}.txt"
    if path.exists():
        return path.read_text(encoding="utf-8")
    code: str = solve(brian2().Equations(text))
    path.parent.mkdir(mode=0o700, exist_ok=True)
    written = path.with_suffix(f".{os.getpid()}")
    written.write_text(code, encoding="utf-8")
    written.replace(path)
    return code


def _parts(equations: Any, variables: Any) -> list[frozenset[str]]:
    """Return sets of variables none of which reads one of another set."""
    from brian2.utils.stringtools import get_identifiers

    names = list(equations.diff_eq_names)
    reads = {
        name: get_identifiers(expression.code) & frozenset(names)
        for name, expression in equations.get_substituted_expressions(variables)
    }
    group = {name: name for name in names}
    for name in names:
        for other in reads[name]:
            old, new = group[other], group[name]
            group = {k: new if g == old else g for k, g in group.items()}
    return [frozenset(n for n in names if group[n] == g) for g in sorted(set(group.values()))]


def _only(equations: Any, names: frozenset[str]) -> Any:
    """Return the differential equations of some variables, and everything else."""
    kept = [
        e for e in equations.values() if e.type != "differential equation" or e.varname in names
    ]
    return brian2().Equations(kept)


def _lines(code: str) -> list[str]:
    return [line for line in code.splitlines() if line.strip()]


def _is_final(line: str, equations: Any) -> bool:
    return line.partition("=")[0].strip() in equations.diff_eq_names

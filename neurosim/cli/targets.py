"""From the words of a command line to a network: published ones, and those of a user's script."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from importlib import metadata
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from neurosim.describe.network import Network
from neurosim.errors import DescriptionError, NeurosimError

GROUP = "neurosim.models"

FORBIDDEN = "neurosim.py"
"""A script of this name is found by ``import neurosim`` in place of the package."""


class UsageError(Exception):
    """The command line asks for something that does not exist.

    Parameters
    ----------
    option : str
        Which part of it.
    message : str
    """

    def __init__(self, option: str, message: str) -> None:
        self.option = option
        super().__init__(message)


class ScriptError(NeurosimError):
    """A user's script, or the function in it, cannot be run to its end."""


def entry_points() -> dict[str, metadata.EntryPoint]:
    """Return the published networks that are installed, by name."""
    return {e.name: e for e in sorted(metadata.entry_points(group=GROUP), key=lambda e: e.name)}


def find_network(
    target: str, arguments: Mapping[str, Any], *, seed: int | None, dt: float | None
) -> Network:
    """Return the network that MODEL names.

    Parameters
    ----------
    target : str
        Name of an entry point or a piece of one name only, or "path/script.py:name".
    arguments : mapping
        Arguments of the function, from ``--set``.
    seed : int or None
        Handed on as the argument `seed`.
    dt : float or None
        Handed on where the function has an argument `dt` that was not set.

    Raises
    ------
    UsageError
        If there is no such model, script, name or argument.
    ScriptError
        If the script fails in a way of its own: the message is the traceback below its first line.
    NeurosimError
        If the description is refused.
    """
    script, colon, name = target.rpartition(":")
    if colon and script.endswith(".py"):
        path = Path(script)
        found = _named(_load(path), name, script)
        code = path.resolve()
    elif target.endswith(".py") or target.endswith(".py:"):
        path = Path(target.removesuffix(":"))
        listed = _listed(_load(path), str(path))
        raise UsageError("MODEL", f"which network of {path}? {listed}")
    else:
        found, code = _published(target), None
    if isinstance(found, Network):
        for option, given in (("--set", arguments), ("--seed", seed)):
            if given not in (None, {}):
                message = f"{target} is a network, not a function: it takes no arguments."
                raise UsageError(option, message)
        return found
    if not callable(found):
        message = f"{target} is {type(found).__name__}; expected a Network or a function."
        raise UsageError("MODEL", message)
    given = _bound(found, arguments, seed, dt, target)
    made = _guarded(lambda: found(**given), code, f"{target} cannot be made")
    if not isinstance(made, Network):
        message = f"{target} returned {type(made).__name__}; expected a neurosim.Network."
        raise UsageError("MODEL", message)
    return made


def _published(name: str) -> Any:
    known = entry_points()
    parts = [full for full in known if name and name in full]
    if name in known or len(parts) == 1:
        return known[name if name in known else parts[0]].load()
    near = parts or get_close_matches(name, known, n=1) or _near_piece(name, known)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    listed = ", ".join(known) or "(none are installed)"
    if known:
        listed += "; a part of a name that no other has is enough"
        listed += f", such as {example!r}" if (example := short_name(known)) else ""
    raise UsageError(
        "MODEL",
        f"there is no model {name!r}.{hint} Published networks: {listed}. "
        f"A network of your own is written path/script.py:name.",
    )


def _near_piece(name: str, known: Iterable[str]) -> list[str]:
    """Return the models a word of whose names is nearly `name`, the nearest word's only."""
    owners: dict[str, list[str]] = {}
    for full in known:
        for word in full.split("_"):
            owners.setdefault(word, []).append(full)
    near = get_close_matches(name, owners, n=1)
    return owners[near[0]] if near else []


def short_name(known: Iterable[str]) -> str:
    """Return a part of a model's name that no other has, as an example; "" where there is none.

    >>> short_name(["brunel", "vogels_abbott_coba", "vogels_abbott_cuba"])
    'cuba'
    """
    names = list(known)
    words = [word for full in names if "_" in full for word in full.split("_")]
    alone = [word for word in words if sum(word in full for full in names) == 1]
    return alone[-1] if alone else ""


# --- arguments ------------------------------------------------------------------------------


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Return the arguments of ``--set NAME=VALUE``.

    >>> parse_settings(["scale=0.1", "n=10", "drive=dc", "autapses=false"])
    {'scale': 0.1, 'n': 10, 'drive': 'dc', 'autapses': False}
    """
    arguments: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise DescriptionError("--set", setting, "NAME=VALUE, such as scale=0.1")
        if name in arguments:
            raise DescriptionError("--set", setting, f"one value of {name!r}")
        arguments[name] = parse_value(text.strip())
    return arguments


def parse_value(text: str) -> Any:
    """Return a number, True, False, None, or the text itself.

    >>> [parse_value(text) for text in ("3", "1e3", "true", "none", "A", "20 ms")]
    [3, 1000.0, True, None, 'A', '20 ms']
    """
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def number_or_text(text: str) -> float | str:
    """Return a plain number as such; anything else ("2 s") is for `neurosim.units` to read."""
    try:
        return float(text)
    except ValueError:
        return text


def _bound(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    seed: int | None,
    dt: float | None,
    target: str,
) -> dict[str, Any]:
    """Return the arguments that `function` is called with."""
    parameters = inspect.signature(function).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    known = [
        name
        for name, p in parameters.items()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    listed = f"It takes {', '.join(known)}." if known else "It takes no arguments."
    given = dict(arguments)
    if seed is not None:
        if "seed" in given:
            raise UsageError("--seed", "the seed is given twice; leave out --set seed=...")
        if "seed" not in known and not open_ended:
            raise UsageError("--seed", f"{target} has no argument 'seed'. {listed}")
        given["seed"] = seed
    for name in given:
        if name not in known and not open_ended:
            near = get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError("--set", f"{target} has no argument {name!r}.{hint} {listed}")
    if "dt" in known and dt is not None:
        given.setdefault("dt", dt)
    for name, p in parameters.items():
        needed = p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        if needed and name not in given:
            message = f"{target} needs the argument {name!r}: write --set {name}=VALUE."
            raise UsageError("--set", message)
    return given


# --- scripts --------------------------------------------------------------------------------


def networks_in(module: ModuleType) -> list[str]:
    """Return the names in a script that are networks, or functions declared to return one."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and (isinstance(value, Network) or _returns_network(value))
    ]


def _returns_network(value: object) -> bool:
    if not inspect.isfunction(value):
        return False
    declared = value.__annotations__.get("return")
    return declared is Network or (
        isinstance(declared, str) and declared.rpartition(".")[2] == "Network"
    )


def _load(path: Path) -> ModuleType:
    """Run a script as Python would, but for ``__name__``, and return what it defines."""
    if path.name == FORBIDDEN:
        raise UsageError(
            "MODEL",
            f"a script must not be called {FORBIDDEN}: `import neurosim` in it finds the script "
            f"itself in place of the package. Rename {path}.",
        )
    if not path.is_file():
        raise UsageError("MODEL", f"there is no script {path}.")
    name = f"neurosim_script_{path.stem}"
    where = path.resolve()
    description = importlib.util.spec_from_file_location(name, where)
    assert description is not None  # since it ends with .py
    assert description.loader is not None
    module = importlib.util.module_from_spec(description)
    loader = description.loader
    sys.modules[name] = module  # dataclasses look their module up
    sys.path.insert(0, str(where.parent))  # a script finds its neighbours
    _guarded(lambda: loader.exec_module(module), where, f"{path} cannot be run")
    return module


def _named(module: ModuleType, name: str, script: str) -> Any:
    if not name:
        raise UsageError("MODEL", f"which network of {script}? {_listed(module, script)}")
    value = getattr(module, name, None)
    if value is not None:
        return value
    functions = [k for k, v in vars(module).items() if inspect.isfunction(v)]
    near = get_close_matches(name, [*networks_in(module), *functions], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UsageError("MODEL", f"{script} has no {name!r}.{hint} {_listed(module, script, name)}")


def _functions_in(module: ModuleType) -> list[str]:
    """Return the functions of a script that could return a network: they do not say."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and inspect.isfunction(value)
        and value.__module__ == module.__name__
        and "return" not in value.__annotations__
    ]


def _listed(module: ModuleType, script: str, name: str = "") -> str:
    """Tell what can be run of a script, what is nearest to `name` first."""

    def ordered(names: Sequence[str]) -> list[str]:
        alike = {k: SequenceMatcher(None, name, k).ratio() for k in names} if name else {}
        return sorted(names, key=lambda k: -alike.get(k, 0.0))

    found, others = ordered(networks_in(module)), ordered(_functions_in(module))
    if not found and not others:
        return (
            f"There is no network in {script}: no Network by name, and no function that could "
            f"return one."
        )
    told = [f"Networks in it: {', '.join(found)}"] if found else []
    if others:
        told.append(f"Functions that do not say what they return: {', '.join(others)}")
    return f"{'. '.join(told)}; run {script}:{(found or others)[0]}, for example."


def _guarded(call: Callable[[], Any], script: Path | None, what: str) -> Any:
    """Call into a user's script; say where in it something went wrong."""
    try:
        return call()
    except NeurosimError as error:
        place = _line_in(error, script)
        if place is None:
            raise
        raise ScriptError(f"{error}\n  {place}") from error
    except Exception as error:
        if script is None:
            raise
        frames = traceback.extract_tb(error.__traceback__)
        own = next((k for k, f in enumerate(frames) if Path(f.filename) == script), len(frames))
        lines = traceback.format_list(frames[own:]) + traceback.format_exception_only(error)
        raise ScriptError(f"{what}:\n{''.join(lines).rstrip()}") from error


def _line_in(error: BaseException, script: Path | None) -> str | None:
    """Return the innermost place in the script that led to `error`."""
    if script is None:
        return None
    place = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        code: CodeType = frame.f_code
        if Path(code.co_filename) == script:
            place = f"{script}, line {line}"
    return place


# --- files to be written ---------------------------------------------------------------------


def check_output(path: Path | None, option: str) -> None:
    """Refuse, before anything is simulated, a file that could not be written afterwards."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise DescriptionError(option, str(path), "a file in a folder that exists")
    if path.is_dir():
        raise DescriptionError(option, str(path), "the name of a file, not of a folder")


def check_figure(path: Path | None) -> None:
    """Refuse a figure that could not be written, or is of a kind that matplotlib does not know."""
    if path is None:
        return
    check_output(path, "--plot")
    from matplotlib.backend_bases import FigureCanvasBase

    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix[1:].lower() not in known:
        raise DescriptionError("--plot", str(path), f"a name that ends with one of {known}")

"""Classes and functions that explain what is wrong with a call or an assignment.

Python alone answers a misspelt argument with a `TypeError`, and an assignment to a frozen, slotted
dataclass with one about ``super()``. Here both name what is known and what to do instead.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

from neurosim.errors import DescriptionError, FrozenError, UnknownNameError, nearest

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class _Missing:
    """What stands in a message for an argument that was not given."""

    def __repr__(self) -> str:
        return "missing"


def explained(cls: type[T]) -> type[T]:
    """Make a frozen dataclass explain wrong arguments, assignments and unknown attributes.

    Stands above ``@dataclass(frozen=True, ...)``. A class may add ``_hint_of(name, value)``, which
    returns the remedy for an assignment (`value` given) or for reading an unknown attribute
    (`value` is None), or None where it knows none.
    """
    plain = cls.__init__
    signature = inspect.signature(plain)

    @wraps(plain)
    def init(self: T, *args: Any, **kwargs: Any) -> None:
        check_call(cls.__name__, signature, (self, *args), kwargs)
        plain(self, *args, **kwargs)

    # Set by name: to type checkers the class stays the dataclass that it is.
    for name, function in (
        ("__init__", init),
        ("__setattr__", _refuse_setting),
        ("__delattr__", _refuse_deleting),
        ("__getattr__", _refuse_reading),
    ):
        setattr(cls, name, function)
    return cls


def explained_call(place: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a method explain wrong arguments; `place` is how users write it, as "net.project"."""

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(method)

        @wraps(method)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            check_call(place, signature, args, kwargs)
            return method(*args, **kwargs)

        return call

    return decorate


def check_call(
    place: str, signature: inspect.Signature, args: Sequence[Any], kwargs: dict[str, Any]
) -> None:
    """Refuse arguments that do not fit the signature of a method, whose first is `self`.

    Raises
    ------
    UnknownNameError
        For an argument of a name that is not known; suggests the nearest.
    DescriptionError
        For arguments that are missing, too many or given twice.
    """
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        pass
    else:
        return
    own, given = list(signature.parameters.values())[1:], args[1:]
    # What every model has (receptors, method) comes after what is special to one.
    own.sort(key=lambda p: p.name in ("synapses", "method"))
    named = tuple(p.name for p in own if p.kind not in _VARIABLE)
    positional = [p.name for p in own if p.kind in _POSITIONAL]
    for name in kwargs:
        if name not in named and not any(p.kind is p.VAR_KEYWORD for p in own):
            raise UnknownNameError(f"{place}: argument", name, named)
    if len(given) > len(positional) and not any(p.kind is p.VAR_POSITIONAL for p in own):
        rest = [name for name in named if name not in positional]
        remedy = f"Write {place}({rest[0]}=...)." if rest else None
        expected = "arguments by name" if rest else f"at most {len(positional)} arguments"
        raise DescriptionError(f"{place}: argument", given[len(positional)], expected, remedy)
    by_place = positional[: len(given)]
    for name in by_place:
        if name in kwargs:
            where = f"{place}: {name}"
            raise DescriptionError(where, kwargs[name], "one value", "It is given by place, too.")
    for p in own:
        if p.default is p.empty and p.kind not in _VARIABLE and p.name not in (*by_place, *kwargs):
            where = f"{place}{': ' if place.islower() else '.'}{p.name}"
            raise DescriptionError(where, _Missing(), "a value; it has no default")


def _named(owner: object) -> str:
    """Return what to call an object in a message: its class, and its name if it has one."""
    name = None
    for slot in ("name", "label"):
        try:
            name = object.__getattribute__(owner, slot)
        except Exception:  # half-made objects, in which nothing can be relied upon
            continue
        break
    kind = type(owner).__name__
    return f"{kind} {name!r}" if isinstance(name, str) else kind


def _hint(owner: object, name: str, value: object) -> str | None:
    own = getattr(type(owner), "_hint_of", None)
    try:
        return None if own is None else own(owner, name, value)
    except AttributeError:  # half-made
        return None


def _refuse_setting(self: object, name: str, value: object) -> NoReturn:
    remedy = _hint(self, name, value)
    if remedy is None:
        remedy = "Make a new one, for example with dataclasses.replace."
    expected = "nothing to be set: descriptions are values that do not change"
    raise FrozenError(f"{_named(self)}: {name}", value, expected, remedy)


def _refuse_deleting(self: object, name: str) -> NoReturn:
    raise FrozenError(_named(self), f"to lose {name}", "values, which do not change")


def _refuse_reading(self: object, name: str) -> NoReturn:
    """Explain an unknown attribute; called where the usual look-up has failed."""
    if name.startswith("__"):  # protocols ask whether there is one
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
    message = f"{_named(self)} has no attribute {name!r}."
    remedy = _hint(self, name, None)
    near = nearest(name, tuple(n for n in dir(type(self)) if not n.startswith("_")))
    if remedy is not None:
        message += f" {remedy}"
    elif near:
        message += f" Did you mean {near[0]!r}?"
    raise AttributeError(message)

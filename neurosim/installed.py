"""Which backends are installed, by name; none of them is imported for that."""

from __future__ import annotations

from functools import cache
from importlib import metadata

from neurosim.errors import UnknownNameError

GROUP = "neurosim.backends"
"""The entry-point group in which packages name their backends."""


@cache
def entry_points() -> dict[str, metadata.EntryPoint]:
    """Return where each backend is found, by its name."""
    return {e.name: e for e in metadata.entry_points(group=GROUP)}


def backends() -> tuple[str, ...]:
    """Return the names of the installed backends."""
    return tuple(sorted(entry_points()))


def check_backend(name: object, place: str = "backend") -> None:
    """Refuse a name that no backend has.

    Raises
    ------
    UnknownNameError
        At `place`, with the names that there are and the nearest one.
    """
    if not isinstance(name, str) or name not in entry_points():
        raise UnknownNameError(place, name, backends())

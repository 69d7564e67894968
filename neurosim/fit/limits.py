"""What a chip holds, as numbers with their sources."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One number of a chip.

    Attributes
    ----------
    name : str
        Key, as in ``Core.use``.
    title : str
        What is counted, in a few words.
    value : int
    source : str
        Where the number stands.
    per : str
        Of what it is the limit: "core", "chip", "neuron" or "synapse".
    unit : str
    """

    name: str
    title: str
    value: int
    source: str
    per: str = "core"
    unit: str = ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.value:,}{unit} per {self.per}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A chip and what it holds.

    Attributes
    ----------
    name : str
        As ``ns.check`` takes it.
    title : str
    limits : tuple of Limit
    counted : mapping-like tuple of (str, str)
        Name and title of what is counted besides, where no limit is known.
    remarks : tuple of str
        What is assumed.
    """

    name: str
    title: str
    limits: tuple[Limit, ...]
    counted: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()

    def limit(self, name: str) -> Limit | None:
        """Return a limit by name; None where the chip has none, or none is known."""
        return next((limit for limit in self.limits if limit.name == name), None)

    def most(self, name: str) -> int:
        """Return the number of a limit that there is."""
        found = self.limit(name)
        assert found is not None, name
        return found.value

    @property
    def of_cores(self) -> tuple[tuple[str, str, int | None], ...]:
        """Name, title and limit, or None, of all that is counted on a core."""
        limited = [(x.name, x.title, x.value) for x in self.limits if x.per == "core"]
        return (*limited, *((name, title, None) for name, title in self.counted))

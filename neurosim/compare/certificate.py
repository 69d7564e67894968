"""The report of `certify`: which tier each backend reaches on each population, and why."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from neurosim.compare.html import body, page
from neurosim.compare.sentences import method_told, rates_of, told, why_told
from neurosim.compare.verdicts import Tier, Verdicts
from neurosim.errors import DescriptionError
from neurosim.files import writable, write

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

SCHEMA = "neurosim certificate 1"
"""First entry of the JSON."""

COLOURS = {
    Tier.BIT_EXACT: "green",
    Tier.SAME_SPIKES: "green",
    Tier.EQUIVALENT: "cyan",
    Tier.UNDECIDED: "yellow",
    Tier.DIFFERENT: "red",
    Tier.REFUSED: "magenta",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Certificate(Verdicts):
    """How far backends agree on one network. Print it, save it as HTML, keep it as JSON."""

    # --- text -------------------------------------------------------------------------------

    def sentences(self) -> Iterator[tuple[str, str]]:
        """Yield (backend, sentence) of what was found; ("", sentence) of the comparison itself."""
        for report in self.reports:
            for sentence in told(report, self.horizon):
                yield report.backend, sentence
        yield from (("", sentence) for sentence in method_told(self))

    def __str__(self) -> str:
        from rich.console import Console

        text = StringIO()
        console = Console(file=text, width=150, color_system=None, force_terminal=False)
        console.print(self)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())

    def __repr__(self) -> str:
        return str(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        yield self.table()
        before = None
        for backend, sentence in self.sentences():
            if backend != before:
                yield Text(f"\n{backend}" if backend else "", style="bold")
                before = backend
            yield Text(f"{sentence}")

    def table(self) -> Table:
        """Return the table, one row per backend and population, for `rich`."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title=self.headline, title_justify="left", title_style="bold")
        for heading in ("backend", "population", "tier"):
            table.add_column(heading, overflow="fold")
        for heading in ("rate [Hz]", "smallest shift seen"):
            table.add_column(heading, justify="right")
        table.add_column("why", overflow="fold", ratio=1)
        before = None
        for row in self.rows:
            if before not in (None, row.backend):
                table.add_section()
            rate, shift = rates_of(row)
            table.add_row(
                Text("" if row.backend == before else row.backend),
                Text(row.population),
                Text(row.tier.value, style=COLOURS[row.tier]),
                rate,
                shift,
                Text(why_told(row, self.reports)),
            )
            before = row.backend
        return table

    def _repr_html_(self) -> str:
        return body(self)

    # --- files ------------------------------------------------------------------------------

    def to_html(self) -> str:
        """Return a self-contained page: tables, figures, provenance."""
        return page(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"schema": SCHEMA, **asdict(self)}

    def to_json(self) -> str:
        """Return everything as JSON; `from_json` reads it."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        """Return the certificate that `to_json` wrote.

        Raises
        ------
        DescriptionError
            If it is none, or of another schema.
        """
        try:
            data = json.loads(text)
            schema = data.pop("schema")
        except (AttributeError, KeyError, TypeError, ValueError):
            raise DescriptionError("Certificate.from_json", text, "a certificate") from None
        if schema != SCHEMA:
            raise DescriptionError("Certificate.from_json: schema", schema, repr(SCHEMA))
        try:
            return rebuilt(cls, data)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DescriptionError(
                "Certificate.from_json", text, "a whole certificate", f"Damaged: {error}."
            ) from None

    def save(self, path: str | Path) -> Path:
        """Write the certificate to a file, by its ending: .html, .json or .txt.

        Raises
        ------
        DescriptionError
            For another ending, a folder that does not exist, or a file that cannot be written.
        """
        target = writable(path, "Certificate.save: path")
        writers = {".html": self.to_html, ".json": self.to_json, ".txt": self.__str__}
        writer = writers.get(target.suffix.lower())
        if writer is None:
            raise DescriptionError(
                "Certificate.save: path", str(path), f"a name that ends with one of {list(writers)}"
            )
        write(target, writer(), "Certificate.save: path")
        return target

    @classmethod
    def load(cls, path: str | Path) -> Certificate:
        """Read a certificate from a .json file.

        Raises
        ------
        DescriptionError
            If there is no such file, or it holds no certificate.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            reason = f"a file that can be read ({error.strerror})"
            raise DescriptionError("Certificate.load: path", str(path), reason) from None
        return cls.from_json(text)


# --- plain values back to what they were --------------------------------------------------------

T = TypeVar("T")


def rebuilt(kind: type[T], data: Any) -> T:
    """Return the value that `dataclasses.asdict` and JSON made plain, by its annotated type."""
    return _rebuilt(kind, data)  # type: ignore[no-any-return]


def _rebuilt(kind: Any, data: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if data is None:
            return None
        return _rebuilt(next(k for k in inner if k is not type(None)), data)
    if origin is Literal:
        if data not in inner:
            raise ValueError(f"{data!r} is none of {inner}")
        return data
    if origin is tuple:
        kinds = [inner[0]] * len(data) if inner[-1] is Ellipsis else list(inner)
        return tuple(_rebuilt(k, d) for k, d in zip(kinds, data, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {k: _rebuilt(inner[1], v) for k, v in data.items()}
    if is_dataclass(kind):
        assert isinstance(kind, type)
        hints = get_type_hints(kind)
        known = {f.name for f in fields(kind)}
        unknown = set(data) - known
        if unknown:
            raise ValueError(f"{kind.__name__} has no {sorted(unknown)[0]!r}")
        return kind(**{k: _rebuilt(hints[k], v) for k, v in data.items()})
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(data)
    if kind is float and data is not None:
        return float(data)
    return data

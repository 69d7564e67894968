"""Write the table of docs/certificates.md: ``python docs/make_certificates.py``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TARGET = Path(__file__).with_name("certificates.md")

sys.path.insert(0, str(ROOT))  # benchmarks is not part of the distribution

from benchmarks.certificates import DURATION, NETWORKS, command_of, kept  # noqa: E402

BEGIN = "<!-- measured: python docs/make_certificates.py -->"
END = "<!-- end of measured -->"

BACKENDS = ("brian2", "nest")
"""On which every network is to be measured."""


def seconds(milliseconds: float) -> str:
    """Return a time with its unit, in ms below a second."""
    return f"{milliseconds / 1000:.4g} s" if milliseconds >= 1000 else f"{milliseconds:.4g} ms"


def cells(row: dict[str, Any]) -> list[str]:
    """Return the cells of one network on one backend."""
    duration = seconds(row["duration"])
    horizon = row["horizon"]
    same = row["same_until"]
    shift = row["smallest_shift"]
    if row["problem"]:
        cause = row["problem"]
    elif row["cause"] is not None:
        # Files from before there were any have neither.
        left, more = row["cause"].get("accounts", ""), row.get("statistics_with_cause", "")
        kind = f"{'in part ' if left else ''}{row['cause']['kind']}"
        cause = " ".join(filter(None, (f"{kind}: {row['cause']['text']}", left, more)))
    else:
        # Where all spikes are the same, what states differ by is told in the certificate.
        parted = row["looked_for_cause"] and same is not None and same < row["duration"]
        cause = "none was confirmed" if parted else ""
    return [
        f"{row['title']}, {row['neurons']:,}",
        row["backend"],
        duration,
        row["tier"],
        "" if same is None else "to the end" if same >= row["duration"] else seconds(same),
        "" if row["problem"] else f"beyond {duration}" if horizon is None else seconds(horizon),
        "" if shift is None else f"{100 * shift:.2g} %",
        cause.replace("|", "\\|"),
        f"`{row['command']}`",
    ]


def table() -> str:
    """Return the table of all that is kept."""
    headings = (
        "network, neurons", "backend", "run", "tier", "same spikes until", "horizon",
        "smallest shift seen", "cause", "command",
    )  # fmt: skip
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    lines += [f"| {' | '.join(cells(row))} |" for row in kept()]
    return "\n".join(lines)


def missing() -> str:
    """Return what has not been measured, as a sentence; "" where nothing is missing."""
    there = {(row["name"], row["backend"]) for row in kept()}
    left = [
        f"`{command_of(name, backend, DURATION)}`"
        for name in NETWORKS
        for backend in BACKENDS
        if (name, backend) not in there
    ]
    return f"\n\nNot measured yet: {', '.join(left)}." if left else ""


def page(text: str) -> str:
    """Return the page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}{missing()}\n\n{END}{after}"


if __name__ == "__main__":
    TARGET.write_text(page(TARGET.read_text()))
    print(f"{TARGET.name}: {len(kept())} rows")

"""What is kept of measurements: files in benchmarks/results, with machine, versions and command."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
COMPARED = "compared"
"""Folder of the comparisons, one file per workload."""


def machine() -> dict[str, Any]:
    """Return what the figures were measured on; no names of the machine or its user."""
    model = platform.processor() or platform.machine()
    gigabytes = None
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
        gigabytes = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (OSError, StopIteration, ValueError):
        pass
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": gigabytes,
        "load_1_min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        **{p: metadata.version(p) for p in ("neurosim-snn", "numpy", "numba", "llvmlite")},
    }


def commit() -> str | None:
    """Return the commit of this tree, marked where files differ from it; None outside git."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"],
        cwd=Path(__file__).parent, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip() or None if done.returncode == 0 else None


def context(command: str) -> dict[str, Any]:
    """Return how, when and where figures were measured."""
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "machine": machine(),
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that has no NaN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    Console().print(f"kept in {shown}")


def keep(name: str, rows: list[dict[str, Any]], command: str, into: Path = RESULTS) -> None:
    """Print a table of the rows and write them to a file of their own."""
    table = Table(title=name)
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "name" else "right")
    for row in rows:
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()))
    Console().print(table)
    write(into / f"{name}.json", {"benchmark": name, **context(command), "rows": rows})


def keep_comparison(
    workload: str, title: str, rows: list[dict[str, Any]], command: str, into: Path = RESULTS
) -> None:
    """Write rows of a workload; rows of other peers and threads that were kept before stay.

    Each row says how, when and where it was measured.
    """
    path = into / COMPARED / f"{workload}.json"
    earlier = json.loads(path.read_text())["rows"] if path.exists() else []
    told = context(command)
    merged = {(r["peer"], r["threads"]): r for r in earlier}
    merged.update({(r["peer"], r["threads"]): {**r, "measured": told} for r in rows})
    ordered = [merged[key] for key in sorted(merged)]
    write(path, {"benchmark": workload, "title": title, "rows": ordered})


def comparisons(into: Path = RESULTS) -> list[dict[str, Any]]:
    """Return what is kept of all workloads, in their order."""
    from benchmarks.workloads import WORKLOADS

    paths = [into / COMPARED / f"{name}.json" for name in WORKLOADS]
    return [json.loads(path.read_text()) for path in paths if path.exists()]

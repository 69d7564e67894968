"""Run a benchmark and keep its figures: ``python -m benchmarks start-up`` or ``delivery``."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(help="Measure neurosim on this machine.", no_args_is_help=True)
RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Return what the figures were measured on; no names of the machine or its user."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "load_1_min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        **{p: metadata.version(p) for p in ("neurosim-snn", "numpy", "numba", "llvmlite")},
    }


def keep(name: str, rows: list[dict[str, Any]], command: str) -> None:
    """Print a table of the rows and write them to benchmarks/results."""
    table = Table(title=name)
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "name" else "right")
    for row in rows:
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()))
    Console().print(table)
    RESULTS.mkdir(exist_ok=True)
    content = {
        "benchmark": name,
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "rows": rows,
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    Console().print(
        f"kept in {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}"
    )


@app.command("start-up")
def start_up(repeats: int = 5) -> None:
    """Imports and the balanced-network script, from process start to printed rates."""
    from benchmarks.start_up import measure

    keep("start-up", measure(repeats), f"python -m benchmarks start-up --repeats {repeats}")


@app.command()
def delivery(repeats: int = 3) -> None:
    """Nanoseconds per synaptic event, by size, synapse format and threads."""
    from benchmarks.delivery import measure

    keep("delivery", measure(repeats), f"python -m benchmarks delivery --repeats {repeats}")


if __name__ == "__main__":
    app()

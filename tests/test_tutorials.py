"""Every tutorial runs from its first cell to its last, and pytest finds tests in every one."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[1]
TUTORIALS = sorted((ROOT / "tutorials").glob("[0-9][0-9]_*.py"))
LEAST = 2
"""Tests that a tutorial has at the least. A cell with a test and anything else is no test cell:
marimo then hides its tests from pytest, and nothing would fail."""

each_tutorial = pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def _figures_are_closed() -> Iterator[None]:
    with mpl.rc_context():
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def collected() -> list[str]:
    """Ids of what pytest finds in the tutorials, doctests apart."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *map(str, TUTORIALS)],
        cwd=ROOT,
        # marimo shows no tests to a pytest that is running one
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::test_" in line]


def test_there_are_tutorials() -> None:
    assert len(TUTORIALS) >= 4
    assert [path.name[:2] for path in TUTORIALS] == [
        f"{k + 1:02d}" for k in range(len(TUTORIALS))
    ], "numbered from 01 without a gap"


@each_tutorial
def test_every_test_that_is_written_is_collected(path: Path, collected: list[str]) -> None:
    written = re.findall(r"^\s*def (test_\w+)\(", path.read_text(encoding="utf-8"), re.M)
    found = [line.split("::")[-1] for line in collected if path.name in line]
    assert sorted(found) == sorted(written)
    assert len(found) >= LEAST


@each_tutorial
def test_tutorial_runs(path: Path) -> None:
    """A run as a script makes all cells, those of tests, too."""
    runpy.run_path(str(path), run_name="__main__")


def test_a_test_cell_that_fails_fails_the_run(tmp_path: Path) -> None:
    """Else nothing would: pytest itself is not sent to the tutorials."""
    path = tmp_path / "01_wrong.py"
    text = TUTORIALS[0].read_text(encoding="utf-8")
    imports, cell = text.index("@app.cell"), "@app.cell\ndef test_wrong():\n    assert 1 == 2\n"
    path.write_text(f"{text[:imports]}{cell}    return\n\n\n{text[text.index('if __name__') :]}")
    with pytest.raises(AssertionError):
        runpy.run_path(str(path), run_name="__main__")


@each_tutorial
def test_the_readme_lists_it(path: Path) -> None:
    assert f"({path.name})" in (ROOT / "tutorials" / "README.md").read_text(encoding="utf-8")

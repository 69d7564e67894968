"""Every tutorial runs from its first cell to its last."""

import runpy
from pathlib import Path

import pytest

TUTORIALS = sorted((Path(__file__).parents[1] / "tutorials").glob("[0-9][0-9]_*.py"))


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial_runs(path: Path) -> None:
    """Pytest collects only the test cells of a notebook; the others must not fail either."""
    runpy.run_path(str(path), run_name="__main__")

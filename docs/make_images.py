"""Draw the pictures of the documentation: ``python docs/make_images.py``.

The picture of README.md is made by running its first Python block, so that it shows what the block
does.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import matplotlib

ROOT = Path(__file__).resolve().parents[1]


def first_block(path: Path) -> str:
    """Return the first Python block of a page."""
    found = re.search(r"^```python\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None, f"no Python block in {path}"
    return found.group(1)


def balanced() -> None:
    """Run the example of README.md, and keep the figure."""
    names: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        before = Path.cwd()
        os.chdir(folder)
        try:
            exec(first_block(ROOT / "README.md"), names)
        finally:
            os.chdir(before)
    figure = names["run"].plot()
    figure.set_size_inches(8, 7)
    target = ROOT / "docs" / "images" / "balanced.png"
    target.parent.mkdir(exist_ok=True)
    # No date or version in the file: the same figure is the same bytes.
    figure.savefig(target, dpi=110, metadata={"Software": None})
    print(f"{target.relative_to(ROOT)}: {names['run'].rates()}")


if __name__ == "__main__":
    matplotlib.use("Agg")
    balanced()

"""The scripts that write pages of the docs, as modules: docs/ is no package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parents[1] / "docs"


def docs_script(name: str) -> ModuleType:
    """Import a script of docs/ by its name without the ending."""
    description = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert description is not None
    assert description.loader is not None
    module = importlib.util.module_from_spec(description)
    description.loader.exec_module(module)
    return module

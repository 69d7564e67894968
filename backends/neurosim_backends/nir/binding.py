"""The package nir, imported when it is first used, or a hint how to get it."""

from __future__ import annotations

import importlib
from typing import Any

from neurosim.errors import MissingPackageError


class _Package:
    """Stands for the package until it is needed."""

    def __getattr__(self, name: str) -> Any:
        try:
            module = importlib.import_module("nir")
        except ImportError:
            raise MissingPackageError("nir", "Reading and writing NIR", "nir") from None
        return getattr(module, name)


nir: Any = _Package()

"""Generated kernels as modules on disk, so that a second process finds them compiled.

The directory is that of the compiled kernels (`neurosim.kernels.cache`): private to the user, and
named by every kernel source and version that a generated module can depend on.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from neurosim.engine.generate import Field, GeneratedKernel
from neurosim.errors import NeurosimError
from neurosim.kernels.cache import compiled_directory


@dataclass(frozen=True)
class LoadedKernel:
    """A kernel that can be called.

    Attributes
    ----------
    address : int
        For `neurosim.kernels.jit.call_entry`.
    function : callable
        The same for Python: (ctx, lo, hi, step) -> number of spikes, or a negative code.
    layout : tuple of Field
        What the words of the context are.
    entry : Entry
        Assembly, LLVM code, whether it came from the cache.
    """

    address: int
    function: Callable[[int, int, int, int], int]
    layout: tuple[Field, ...]
    entry: Any


_lock = Lock()


def load(kernel: GeneratedKernel) -> LoadedKernel:
    """Import a generated kernel and compile it, or fetch its machine code from the cache.

    Two processes may load the same kernel at once: files appear whole or not at all.
    """
    with _lock:
        path = store(kernel)
        name = path.stem
        module = sys.modules.get(name)
        if module is None or module.__file__ != str(path):
            description = importlib.util.spec_from_file_location(name, path)
            if description is None or description.loader is None:
                raise NeurosimError(f"Cannot import the generated kernel {path}.")
            module = importlib.util.module_from_spec(description)
            # numba looks the module up by name when it fetches machine code.
            sys.modules[name] = module
            try:
                description.loader.exec_module(module)
            except BaseException:
                del sys.modules[name]
                raise
        entry = module.update
        return LoadedKernel(entry.address, entry.function, kernel.layout, entry)


def store(kernel: GeneratedKernel) -> Path:
    """Write a generated kernel into the cache, unless it is there; return its path."""
    directory = compiled_directory()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"model_{kernel.digest}.py"
    text = kernel.source.encode()
    try:
        if path.read_bytes() == text:
            return path
    except FileNotFoundError:
        pass
    handle, temporary = tempfile.mkstemp(prefix=path.stem, suffix=".tmp", dir=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path

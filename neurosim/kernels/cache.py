"""Where compiled kernels are kept between processes, and when they are out of date.

numba's own index looks at the file of the cached function only: editing a function that it calls
in another file would bring the old machine code back. Here the directory itself is named by
everything a kernel can depend on, so that a change anywhere starts a new one.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import sys
import tempfile
from functools import cache
from importlib import metadata
from pathlib import Path

from neurosim.errors import warn

KERNELS = Path(__file__).parent


@cache
def _private_temporary_directory(instead_of: Path) -> Path:
    warn(
        f"The cache directory {str(instead_of)!r} cannot be used (it cannot be written, or belongs "
        f"to someone else): compiled code is kept for this process only, and every run compiles "
        f"anew. Name another one in NEUROSIM_CACHE_DIR.",
        RuntimeWarning,
    )
    return Path(tempfile.mkdtemp(prefix="neurosim-"))


def cache_directory() -> Path:
    """Return the directory for generated and compiled code, private to the user.

    ``NEUROSIM_CACHE_DIR`` overrides the user's cache directory. Where nothing can be written, or
    where others could write too, a temporary directory of this process takes its place, with a
    RuntimeWarning: code that
    is going to be executed must not come from a place that others can change.
    """
    named = os.environ.get("NEUROSIM_CACHE_DIR")
    if named:
        directory = Path(named)
    else:
        import platformdirs

        directory = Path(platformdirs.user_cache_dir("neurosim", appauthor=False))
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix":
            status = directory.stat()
            if status.st_uid != os.geteuid():
                return _private_temporary_directory(directory)
            if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                directory.chmod(0o700)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError:
        return _private_temporary_directory(directory)
    return directory


@cache
def kernels_digest() -> str:
    """Return a hash of every kernel source and every version that shapes machine code."""
    digest = hashlib.sha256()
    for package in ("numba", "llvmlite", "numpy"):
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    digest.update(f"python {sys.version_info[:2]} {platform.machine()}\n".encode())
    for path in sorted(KERNELS.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:24]


def compiled_directory() -> Path:
    """Return the directory that holds machine code made from the present kernels."""
    return cache_directory() / f"kernels-{kernels_digest()}"

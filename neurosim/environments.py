"""Environments of their own for simulators that do not run in this interpreter.

Such a simulator asks for another Python, or for packages that exclude ours. It then lives in a
virtual environment of the user's, made once with pinned packages, and is talked to through a
process.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from neurosim.errors import NeurosimError

STAMP = "complete.json"
"""Written last: an environment without it was never finished."""

ANSWER_SECONDS = 20.0
"""For an interpreter to say what it is."""

INSTALL_SECONDS = 1800.0
"""For packages to be fetched and unpacked."""

PATIENCE_LINES = 12
"""Of what pip said, told where it failed."""


class InstallError(NeurosimError, RuntimeError):
    """An environment could not be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An interpreter with packages, apart from ours.

    Attributes
    ----------
    name : str
        The backend it is for.
    python : (int, int)
        The version of the interpreter.
    packages : tuple of str
        Pinned requirements; the first is what it is for.
    variable : str
        An environment variable that may name an interpreter: one that has the packages, or one to
        make the environment from.
    """

    name: str
    python: tuple[int, int]
    packages: tuple[str, ...]
    variable: str

    @property
    def version(self) -> str:
        """Of Python, as "3.10"."""
        return ".".join(map(str, self.python))

    @property
    def folder(self) -> Path:
        """Where it lies; another set of packages is another folder.

        ``NEUROSIM_DATA_DIR`` takes the place of the user's data directory.
        """
        import platformdirs

        named = os.environ.get("NEUROSIM_DATA_DIR")
        data = Path(named or platformdirs.user_data_dir("neurosim", appauthor=False))
        digest = hashlib.sha256("\n".join((self.version, *self.packages)).encode()).hexdigest()
        return data / "environments" / f"{self.name}-{digest[:12]}"

    @property
    def interpreter(self) -> str | None:
        """The interpreter that has the packages, or None."""
        named = os.environ.get(self.variable)
        if named and _has(named, self.version, self.packages[0]):
            return named
        own = self.folder / "bin" / "python"
        return str(own) if (self.folder / STAMP).exists() and own.exists() else None

    @property
    def problem(self) -> str:
        """What is missing, or ""."""
        if os.name != "posix":
            return "a system with POSIX process groups (Linux, macOS, WSL)"
        if self.interpreter is not None:
            return ""
        return (
            f"an environment of its own with Python {self.version} and {self.packages[0]}, "
            "which is not there"
        )

    @property
    def install_line(self) -> str:
        """What to type to get it."""
        return f"neurosim backend install {self.name}"

    def install(self, python: str | None = None, say: Callable[[str], None] = print) -> Path:
        """Make it, or make it anew.

        Parameters
        ----------
        python : str, optional
            An interpreter of the right version; left out, one is looked for.
        say : callable
            Told what is being done.

        Returns
        -------
        Path
            Its interpreter.

        Raises
        ------
        InstallError
            With what was tried, or what pip said.
        """
        base = self._base(python)
        say(f"Python {self.version}: {base}")
        folder = self.folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        own = folder / "bin" / "python"
        say(f"Environment: {folder}")
        _run([base, "-I", "-m", "venv", str(folder)], "the environment could not be made")
        say(f"Packages: {', '.join(self.packages)}")
        pip = [str(own), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
        _run([*pip, "install", "--quiet", *self.packages], "pip could not install the packages")
        found = {"python": base, "packages": self.packages}
        (folder / STAMP).write_text(json.dumps(found))
        return own

    def _base(self, python: str | None) -> str:
        """Return an interpreter of the right version that runs; try all there are."""
        tried: list[str] = []
        found = [python] if python is not None else self._candidates()
        for candidate in dict.fromkeys(found):
            said = _version(candidate)
            if said == self.version:
                return candidate
            tried.append(f"  {candidate}: {f'is Python {said}' if said else 'does not run'}")
        listed = "\n".join(tried) or "  (there was none to try)"
        raise InstallError(
            f"No working Python {self.version} (with venv) was found. Tried:\n{listed}\n"
            f"Get one (for instance: uv python install {self.version}, or pyenv install "
            f"{self.version}), or name one: {self.install_line} --python /path/to/python, or in "
            f"the environment variable {self.variable}."
        )

    def _candidates(self) -> Iterator[str]:
        """Yield interpreters that may do, the ones that were named first."""
        named = os.environ.get(self.variable)
        if named:
            yield named
        if sys.version_info[:2] == self.python:
            yield sys.executable
        program = f"python{self.version}"
        for folder in os.get_exec_path():
            path = Path(folder) / program
            if path.is_file() and os.access(path, os.X_OK):
                yield str(path)
        roots = [os.environ.get("PYENV_ROOT"), _said(["pyenv", "root"]), "~/.pyenv"]
        for root in dict.fromkeys(r for r in roots if r):
            versions = Path(root).expanduser().glob(f"versions/{self.version}*/bin/{program}")
            yield from (str(path) for path in sorted(versions, reverse=True))
        from_uv = _said(["uv", "python", "find", "--no-project", self.version])
        if from_uv:
            yield from_uv


def _said(command: list[str]) -> str:
    """Return what a command prints; "" where it is not there or fails."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *command[1:]], capture_output=True, text=True, timeout=ANSWER_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


_WHO = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"


def _version(interpreter: str) -> str:
    """Return the version of an interpreter that can make environments; "" if it does not run."""
    return _said([interpreter, "-I", "-c", _WHO])


@cache
def _has(interpreter: str, version: str, package: str) -> bool:
    """Whether an interpreter is of this version and has this package, ``name==version``."""
    name, _, wanted = package.partition("==")
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    return _version(interpreter) == version and _said([interpreter, "-I", "-c", code]) == wanted


def _run(command: list[str], failure: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{failure}: {error}") from None
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()[-PATIENCE_LINES:]
        raise InstallError("\n".join([f"{failure}:", *(f"  {line}" for line in lines)]))

"""What every backend says where its simulator is missing, or of a version that does not fit."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement as Parsed
from packaging.specifiers import SpecifierSet
from typer.testing import CliRunner

import neurosim as ns
from neurosim import capabilities
from neurosim.backend import find_backend
from neurosim.capabilities import Requirement, UnavailableError
from neurosim.cli import app

NEEDY = [name for name in ns.backends() if find_backend(name).capabilities.requires]
NEEDS = [
    pytest.param(name, need, id=f"{name}-{need.distribution}")
    for name in NEEDY
    for need in find_backend(name).capabilities.requires
]
PROBLEMS = [
    pytest.param(*need.values, missing, id=f"{need.id}-{'missing' if missing else 'wrong version'}")
    for need in NEEDS
    for missing in (True, False)
    if not (missing and need.values[1].beside)  # type: ignore[union-attr]
]
"""What counts only beside something else is a package that neurosim itself needs."""

VERSIONS = ("0.0.1", "1.0", "2.4.1", "2.10", "99.0")
"""Of which one at least fits no requirement that excludes anything."""


def network() -> ns.Network:
    net = ns.Network("net")
    net.population("cells", 2, ns.LIF())
    return net


def pretend(monkeypatch: pytest.MonkeyPatch, need: Requirement, version: str | None) -> None:
    """Make a distribution look as if it were of this version, or (None) missing."""
    there = {need.distribution: version}
    if need.beside:  # it counts beside this one only
        other = Parsed(need.beside)
        there[other.name] = capabilities._installed(other.name)
    real = capabilities._installed
    monkeypatch.setattr(capabilities, "_installed", lambda n: there.get(n, real(n)))
    if version is None:
        monkeypatch.setattr(
            capabilities, "_installed", lambda n: None if n == need.distribution else real(n)
        )
    monkeypatch.setattr(capabilities, "_has_module", lambda name: False)


def wrong_version(need: Requirement) -> str:
    """Return a version that the requirement excludes."""
    allowed = SpecifierSet(need.versions)
    return next(v for v in VERSIONS if not allowed.contains(v, prereleases=True))


def assert_told(message: str, backend: str, need: Requirement) -> None:
    """Check that a message names backend, package, wanted version and what to type."""
    assert f"Backend '{backend}' needs " in message
    assert f"{need.distribution}{need.versions}" in message
    assert re.search(r"Install it with: pip install '[^']+'", message)


def ways_to_meet_it(backend: str) -> dict[str, Any]:
    """Return the calls in which a user would find out."""
    return {
        "run": lambda: ns.run(network(), 1, backend),
        "compile": lambda: ns.compile(network(), backend),
    }


@pytest.mark.parametrize(("backend", "need", "missing"), PROBLEMS)
def test_the_message_says_what_to_install(
    backend: str, need: Requirement, missing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = None if missing else wrong_version(need)
    pretend(monkeypatch, need, version)
    for call in ways_to_meet_it(backend).values():
        with pytest.raises(UnavailableError) as caught:
            call()
        assert_told(str(caught.value), backend, need)
        said = "which is not installed" if missing else f"is {need.distribution} {version}"
        assert said in str(caught.value)
    told = ns.explain(network(), backend)  # needs no simulator
    assert_told(told.problem, backend, need)


@pytest.mark.parametrize(("backend", "need"), NEEDS)
def test_the_command_line_says_it_without_a_traceback(
    backend: str, need: Requirement, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, need, wrong_version(need))
    words = ["run", "vogels_abbott_cuba", "--set", "scale=0.02", "--duration", "1"]
    done = CliRunner().invoke(app, [*words, "--backend", backend], env={"COLUMNS": "300"})
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert_told(done.output, backend, need)


@pytest.mark.parametrize("backend", NEEDY)
def test_what_is_told_to_be_installed_exists(backend: str) -> None:
    """The extras of messages are extras of this distribution, with the same requirements."""
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    for need in find_backend(backend).capabilities.requires:
        if need.extra:
            brought = [Parsed(text) for text in project["optional-dependencies"][need.extra]]
            versions = [r.specifier for r in brought if r.name == need.distribution]
            assert versions == [SpecifierSet(need.versions)]

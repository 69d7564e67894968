"""Scripts of every backend that exports: they stand alone, and say at once what they need."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from importlib import metadata
from types import ModuleType
from typing import Any

import pytest

import neurosim as ns
from neurosim.backend import find_backend
from neurosim.capabilities import Requirement
from neurosim.errors import ApproximationWarning, UnsupportedError
from neurosim.features import uses
from tests.conformance.networks import CASES, Case

ALWAYS = {
    "neuron:LIF", "receptor:Delta", "one neuron", "delays:one and many steps", "rules:drawn",
    "combined",
}  # fmt: skip
"""Cases that every simulator can be told in its own words; of the rest a script may refuse more
than a run, which is given our numbers step by step."""

EXPORTING = [name for name in ns.backends() if find_backend(name).capabilities.exports]


def exported(backend: str, case: Case) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        return ns.export(case.build(), backend, duration=case.duration, dt=case.dt)


@pytest.mark.parametrize("backend", EXPORTING)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_script_is_what_explain_says_of_it(backend: str, case: Case) -> None:
    """Export refuses what explain refuses, and nothing else; what is approximated stands in it."""
    told = ns.explain(case.build(), backend, dt=case.dt, script=True)
    if told.refused:
        assert case.name not in ALWAYS
        with pytest.raises(UnsupportedError) as caught:
            exported(backend, case)
        assert caught.value.part.startswith(told.refused[0].part)
        assert told.refused[0].part in {use.part for use in uses(case.build())}
        assert caught.value.reason == told.refused[0].how
        return
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always", ApproximationWarning)
        text = ns.export(case.build(), backend, duration=case.duration, dt=case.dt)
    said = " ".join(text.split())
    otherwise = (*told.approximated, *told.rounded)
    for finding in otherwise:
        assert finding.how in said
    warned = " ".join(str(w.message) for w in shown)
    for line in differences(text):
        assert line in warned
    assert all(finding.how in warned for finding in otherwise)
    assert bool(otherwise) == bool(warned) == ("Differences from" in text)


def differences(text: str) -> list[str]:
    """Return what a script says of itself in its head."""
    _, _, found = text.split('"""')[1].partition("Differences from the description:")
    return [" ".join(line.split()) for line in found.split("\n- ")[1:]]


@pytest.mark.parametrize("backend", EXPORTING)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_script_is_python_of_that_simulator_alone(backend: str, case: Case) -> None:
    """What is written is a script without neurosim; the same network gives the same one."""
    if ns.explain(case.build(), backend, dt=case.dt, script=True).refused:
        return
    text = exported(backend, case)
    tree = ast.parse(text)
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not {name for name in imported if name.startswith("neurosim")}
    assert simulator(requirement(backend)) in imported
    assert exported(backend, case) == text


def requirement(backend: str) -> Requirement:
    return next(r for r in find_backend(backend).capabilities.requires if not r.beside)


def simulator(need: Requirement) -> str:
    """Return the name under which a simulator is imported."""
    return need.module or need.distribution


@pytest.mark.parametrize("backend", EXPORTING)
@pytest.mark.parametrize("version", ["0.0.1", None], ids=["too old", "missing"])
def test_a_script_says_what_to_install(
    backend: str, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script written for a newer version stops before it simulates anything."""
    text = exported(backend, CASES["one neuron"])
    need = requirement(backend)
    module: Any = None
    if version is not None:
        module = ModuleType(simulator(need))
        module.__version__ = version
    monkeypatch.setitem(sys.modules, simulator(need), module)
    real = metadata.version

    def told(name: str) -> str:
        if name != need.distribution:
            return real(name)
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", told)
    with pytest.raises(SystemExit) as caught:
        exec(compile(text, "script.py", "exec"), {"__name__": "__main__"})
    message = str(caught.value)
    assert "pip install" in message
    assert ("not installed" in message) == (version is None)
    assert need.distribution in message


@pytest.mark.parametrize("backend", EXPORTING)
def test_a_script_that_draws_says_that_it_needs_matplotlib(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = ns.Network("drawn", seed=1)
    net.record(net.population("cells", 2, ns.LIF(I_e=500.0)), "spikes")
    text = ns.export(net, backend)
    assert "plot" in text
    real = metadata.version

    def told(name: str) -> str:
        if name == "matplotlib":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", told)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit) as caught:
        exec(compile(text, "script.py", "exec"), {"__name__": "__main__"})
    assert re.search(
        r"matplotlib.* is not installed.* pip install .* matplotlib", str(caught.value)
    )
    net._recorders = []
    assert "matplotlib" not in ns.export(net, backend)

"""Scripts of every backend that exports: they stand alone, and say at once what they need."""

from __future__ import annotations

import ast
import builtins
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
from neurosim.exporting import within_comment, within_docstring
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


NAMES = [
    'a"""b', 'a"""; print("INJECTED"); """b', "a'''; print('INJECTED')", r"C:\users\new", '"', "'",
    "\\", '"; print("INJECTED"); "', "{print('INJECTED')}", "\N{GRINNING FACE}",
    f"[{', '.join(['1.0'] * 40)}]", "RandomDistribution(" + "x" * 90 + " rng=rng)",
]  # fmt: skip
"""Names that a description takes, and that would break a text, end it, or run."""


@pytest.mark.filterwarnings("ignore::neurosim.errors.ApproximationWarning")
@pytest.mark.parametrize("backend", EXPORTING)
@pytest.mark.parametrize("name", NAMES)
def test_names_are_texts_and_nothing_else(backend: str, name: str) -> None:
    net = ns.Network(name, seed=1)
    given = net.population(f"{name} given", 2, ns.SpikeTimes([[0.1], [5.0]]))
    cells = net.population(name, 4, ns.LIF())
    net.project(given, cells, ns.AllToAll(), weight=3.0, receptor="exc", name=f"{name} wide")
    net.project(cells, cells, ns.FixedProbability(0.5), weight=3.0, receptor="exc",
                plasticity=ns.STDP(w_max=9.0), name=f"{name} learning")  # fmt: skip
    net.drive(cells, ns.Poisson(rate=100.0), weight=1.0, receptor="exc")
    net.inject(cells[:2], ns.ConstantCurrent(amplitude=3.0))
    net.record(cells, ["spikes", "V_m"])
    net.record(net.projections[f"{name} wide"], "weight")
    if backend == "brian2":
        net.record(net.projections[f"{name} learning"], "weight")
    text = ns.export(net, backend, duration=1.0)
    compile(text, "script.py", "exec")
    text.encode("utf-8")
    for node in ast.walk(ast.parse(text)):
        ran = isinstance(node, ast.Call) and ast.unparse(node) == "print('INJECTED')"
        assert not ran, name
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not re.search("[\ud800-\udfff]", node.value)


def test_line_breaks_and_what_ends_a_docstring_are_escaped() -> None:
    """Descriptions refuse names with line breaks; what else stands in a script may have some."""
    wild = 'x\nimport os\r\x0c\x00 C:\\users """ + """'
    assert within_comment(wild).splitlines() == [within_comment(wild)]
    (only,) = ast.parse(f'"""{within_docstring(wild)}\n"""').body
    assert isinstance(only, ast.Expr)
    assert ast.parse(f"# {within_comment(wild)}").body == []


TAKEN = ("sum", "len", "enumerate", "print", "range", "any", "DENDRITIC", "mean", "mV", "ms",
         "NeuronGroup", "SpikeMonitor", "legend")  # fmt: skip


@pytest.mark.filterwarnings("ignore::neurosim.errors.ApproximationWarning")
@pytest.mark.parametrize("backend", EXPORTING)
def test_a_population_takes_no_name_that_a_script_needs(backend: str) -> None:
    net = ns.Network("taken", seed=1)
    for name in TAKEN:
        net.record(net.population(name, 2, ns.LIF()), "spikes")
    found = {
        node.id
        for node in ast.walk(ast.parse(ns.export(net, backend)))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    needed = {"brian2": set(TAKEN) - {"DENDRITIC"}, "pynn": {"DENDRITIC"}}.get(backend, set())
    assert not found & (needed | set(dir(builtins)))

"""Brian2 as a C++ program: the same numbers, in pieces too, and nothing left behind."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from typing import Any, cast

import brian2
import numpy as np
import pytest

import neurosim as ns

pytestmark = [pytest.mark.compiled, pytest.mark.slow]


def test_a_program_does_what_the_core_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Handed-over input, replayed drive, values set between two pieces."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    net = ns.Network("program", seed=4)
    fed = net.population("fed", 2, ns.Input("spikes"))
    current = net.population("current", 1, ns.Input("current"))
    cells = net.population("cells", 5, ns.LIF(synapses=ns.Delta(), I_e=300.0, t_ref=1.0))
    net.initialise(cells, V_m=ns.Uniform(-70, -56))
    net.project(fed, cells, ns.AllToAll(), weight=4.0, delay=ns.Uniform(0.1, 2))
    net.project(current, cells, ns.AllToAll(), weight=1.0)
    net.drive(cells, ns.Poisson(rate=2000), weight=0.5)
    net.record(cells, "spikes")
    net.record(cells[:3], "V_m", every=0.4)
    net.record(cells, "V_m", reduce="mean", initial=True)
    random = np.random.default_rng(5)
    inputs = {
        "fed": (random.random((150, 2)) < 0.1) * random.integers(1, 4, (150, 2)),
        "current": 200 * random.random((150, 1)),
    }
    ours, theirs = ns.compile(net), ns.compile(net, "brian2_cpp")
    device = brian2.get_device()
    for first, n in ((0, 70), (70, 80)):
        given = {name: array[first : first + n] for name, array in inputs.items()}
        assert_same(ours.run(0.1 * n, inputs=given), theirs.run(0.1 * n, inputs=given))
        assert theirs.time == pytest.approx(ours.time)
        np.testing.assert_allclose(
            theirs.get(cells, "V_m"), ours.get(cells, "V_m"), rtol=0, atol=1e-9
        )
        for session in (ours, theirs):
            session.set(cells[1:3], V_m=-60.0, I_e=[350.0, 380.0])
            session.set(cells, t_ref=3.0)
    assert brian2.get_device() is device
    assert len(list(tmp_path.glob("neurosim-brian2-*"))) == 1
    del session, theirs
    gc.collect()
    assert not list(tmp_path.glob("neurosim-brian2-*"))


def assert_same(ours: ns.Run, theirs: ns.Run) -> None:
    assert ours.interval == theirs.interval
    for name, record in ours.spikes.items():
        assert len(record) > 0, name
        np.testing.assert_array_equal(
            np.rint(theirs.spikes[name].times / 0.1), np.rint(record.times / 0.1)
        )
        np.testing.assert_array_equal(theirs.spikes[name].ids, record.ids)
    for name, traces in ours.states.items():
        for variable, trace in traces.items():
            other = theirs.states[name][variable]
            np.testing.assert_allclose(other.times, trace.times, rtol=0, atol=1e-9)
            scale = np.abs(trace.array).max()
            np.testing.assert_allclose(other.array, trace.array, rtol=0, atol=1e-11 * scale)


def test_states_beyond_the_numbers_are_told_of_a_program() -> None:
    """What grows without bound is found although a reset brings it back."""
    net = ns.Network("explosion")
    model = ns.NeuronModel(
        "explosive", equations="dx/dt = x**3/tau : 1\ntau : ms", parameters={"tau": 1.0},
        threshold="x > 1e300", reset="x = 1",
    )  # fmt: skip
    net.population("cells", 2, model)
    net.initialise(net["cells"], x=[0.0, 2.0])
    session = ns.compile(net, "brian2_cpp")
    with pytest.raises(ns.SimulationError, match=r"'cells', variable x, neuron 1.*finite"):
        session.run(5)


def test_headers_are_read_once_by_gcc_and_others_do_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Brian2 asks the compiler for each flag by itself, so that a flag of two words is lost."""
    from brian2.codegen.cpp_prefs import get_compiler_and_args

    net = ns.Network("empty")
    net.population("cells", 1, ns.LIF())
    session = cast(Any, ns.compile(net, "brian2_cpp"))
    for name, printed, expected in (("clang", "clang version 19", 0), ("absent", None, 0)):
        session._folder = str(tmp_path / name)
        (tmp_path / name).mkdir()
        script = tmp_path / f"{name}.sh"
        if printed:
            script.write_text(f"#!/bin/sh\necho {printed}\n")
            script.chmod(0o700)
        monkeypatch.setenv("CXX", str(script))
        assert len(session._headers(1)) == expected
        assert not list((tmp_path / name).iterdir())
    monkeypatch.delenv("CXX")
    session._folder = str(tmp_path / "gcc")
    (tmp_path / "gcc").mkdir()
    flags = session._headers(1)
    assert (tmp_path / "gcc" / "standard.h.gch").stat().st_size > 1e6
    with session._settings():
        assert set(flags) <= set(get_compiler_and_args()[1])

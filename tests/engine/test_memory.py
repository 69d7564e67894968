"""What a network is expected to take, against what it takes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import psutil
import pytest

import neurosim as ns
from neurosim.describe.estimate import PROCESS_BYTES
from neurosim.engine.clock import Engine
from neurosim.errors import CapacityError
from neurosim.lower.lowering import lower
from neurosim_models import brunel, potjans_diesmann

DRAWN = ns.Normal(1.0, 0.1, redraw=(0.1, None))
CASES: dict[str, tuple[Any, Any]] = {
    "one weight, one delay": (1.0, 1.5),
    "one weight, delays": (1.0, ns.Uniform(0.1, 20.0)),
    "weights, one delay": (DRAWN, 0.1),
    "weights, delays": (DRAWN, ns.Normal(1.5, 0.75, redraw=(0.1, None))),
    "weights, long delays": (DRAWN, ns.Exponential(30.0, clip=(0.1, 300.0))),
}


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("case", CASES)
def test_synapses_are_estimated(case: str, precision: str) -> None:
    """Synapses, headers, tables of waves and accumulators of a built network, to 15 %."""
    weight, delay = CASES[case]
    net = ns.Network("sized", seed=1)
    a = net.population("a", 2000, ns.LIF(synapses=ns.ExpCurrent()))
    b = net.population("b", 500, ns.LIF(synapses=ns.ExpCurrent()))
    net.project(a, a + b, ns.FixedOutdegree(200), weight=weight, delay=delay, receptor="exc")
    net.project(b, a, ns.FixedProbability(0.1), weight=weight, delay=delay, receptor="inh")
    nothing = net.copy().estimate(precision=precision)
    engine = Engine(lower(net, 0.1), precision=precision, threads=2)
    held = engine.synapses.n_bytes + engine.accumulator.nbytes
    bare = ns.Network("bare", seed=1)
    bare.population("a", 2000, ns.LIF(synapses=ns.ExpCurrent()))
    bare.population("b", 500, ns.LIF(synapses=ns.ExpCurrent()))
    neurons = bare.estimate(precision=precision).bytes
    assert nothing.bytes - neurons == pytest.approx(held, rel=0.15, abs=50_000)
    assert engine.synapses.n_synapses == pytest.approx(nothing.synapses, rel=0.02)


SCRIPT = """
import neurosim as ns
from neurosim_models import brunel, potjans_diesmann
net = {network}
session = ns.compile(net, precision={precision!r}, threads=2)
session.run(5, progress=False)
# What getrusage tells may be the peak of the parent, kept over fork and exec.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) * 1024)
"""


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("network", "precision"),
    [
        ("potjans_diesmann(0.2)", "double"),
        ("potjans_diesmann(0.3)", "single"),
        ("brunel('C')", "double"),
    ],
)
def test_the_peak_of_the_process_is_estimated(network: str, precision: str) -> None:
    """Peak memory of a process that builds and runs a network, to 15 %.

    The script runs twice: the first time may compile, which takes 100 MB of its own.
    """
    found = 0
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(network=network, precision=precision)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = int(done.stdout)
    net = eval(network, {"potjans_diesmann": potjans_diesmann, "brunel": brunel})
    assert net.estimate(precision=precision).peak_bytes == pytest.approx(found, rel=0.15)


def test_what_does_not_fit_is_refused_with_a_format_that_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before anything is drawn: what is needed, what there is, and what would fit."""
    net = potjans_diesmann(1.0)
    double = net.estimate().peak_bytes - PROCESS_BYTES
    small = net.estimate(precision="single", synapse_format="fixed16").peak_bytes - PROCESS_BYTES
    assert small < 0.6 * double

    def free(n: float) -> None:
        memory = type("Memory", (), {"available": n})
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)

    free(0.9 * double)
    with pytest.raises(CapacityError, match=r"298,8.* need about 3.* are available.*'fixed16'"):
        ns.compile(net)
    free(0.9 * small)
    with pytest.raises(CapacityError, match="No format makes it fit"):
        ns.compile(net)


def test_options_of_an_estimate_are_checked() -> None:
    """Misspelt options are named."""
    net = brunel("C", scale=0.01)
    with pytest.raises(ns.UnknownNameError, match="precision"):
        net.estimate(precision="singel")
    with pytest.raises(ns.UnknownNameError, match="synapse_format"):
        net.estimate(synapse_format="float")
    with pytest.raises(ns.DescriptionError, match="dt"):
        net.estimate(dt=-1)
    assert np.isfinite(net.estimate(dt="0.05 ms").bytes)

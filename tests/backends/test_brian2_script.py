"""Scripts of Brian2: run by themselves, they are the network; and they are written to be read."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.errors import UnsupportedError
from neurosim_backends.brian2.draft_neurons import folded
from neurosim_models import brunel, vogels_abbott_cuba

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.filterwarnings("ignore::neurosim.errors.ApproximationWarning"),
]

NUMPY = "from brian2 import *\nprefs.codegen.target = 'numpy'\n"
"""Nothing is compiled in the tests."""


def rates_of(net: ns.Network, duration: float, folder: Path) -> dict[str, float]:
    """Export a network, run the script in a process of its own and return the rates it prints."""
    path = folder / "script.py"
    text = ns.export(net, "brian2", path, duration=duration)
    assert path.read_text(encoding="utf-8") == text
    path.write_text(text.replace("from brian2 import *\n", NUMPY), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(path)],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return {name: float(rate) for name, rate in re.findall(r"^(\w+): (\S+) Hz$", done.stdout, re.M)}


def rates(run: ns.Run, duration: float) -> dict[str, float]:
    return {name: 1e3 * len(s) / s.size / duration for name, s in run.spikes.items()}


@pytest.mark.slow
def test_cuba_as_a_script_fires_as_it_does(tmp_path: Path) -> None:
    """Rates lie within what other seeds give."""
    theirs = rates_of(vogels_abbott_cuba(scale=0.25), 500, tmp_path)
    ours = [rates(ns.run(vogels_abbott_cuba(0.25, seed), 500), 500) for seed in range(2, 8)]
    for name, rate in theirs.items():
        several = np.array([found[name] for found in ours])
        assert abs(rate - several.mean()) < max(5 * several.std(ddof=1), 0.1 * several.mean())


@pytest.mark.slow
def test_brunel_as_a_script_fires_as_it_does(tmp_path: Path) -> None:
    """Poisson input, delta synapses and fixed in-degrees by Brian2's own means."""
    theirs = rates_of(brunel(scale=0.08), 200, tmp_path)
    ours = [rates(ns.run(brunel(scale=0.08, seed=seed), 200), 200) for seed in range(2, 6)]
    for name, rate in theirs.items():
        several = np.array([found[name] for found in ours])
        assert abs(rate - several.mean()) < max(5 * several.std(ddof=1), 0.05 * several.mean())


@pytest.mark.slow
def test_the_drive_of_a_script_is_that_of_the_description(tmp_path: Path) -> None:
    """Mean and variance of filtered Poisson input, and neurons that share none of it.

    At its end, a step in which k inputs arrive leaves I exp(-dt/tau) + w k.
    """
    rate, weight, tau, dt = 3000.0, 50.0, 3.0, 0.1
    net = ns.Network("driven", seed=3)
    p = net.population("p", 2000, ns.LIF(V_th=5000.0, synapses=ns.ExpCurrent(exc=tau, inh=6.0)))
    net.drive(p, ns.Poisson(rate=rate), weight=weight, receptor="exc")
    net.record(p, "I_exc", every=20.0)  # beyond 6 tau: samples are independent
    path = tmp_path / "script.py"
    text = ns.export(net, "brian2", path, duration=160)
    assert re.search(r"^seed\(3\)  # .*wiring, initial values and input", text, re.M)
    assert "Another number in seed() below is another network" in text
    numbers = "import numpy; numpy.save('found.npy', p_I_exc.I_exc/pA)\n"
    path.write_text(text.replace("from brian2 import *\n", NUMPY) + numbers, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(path)], cwd=tmp_path, capture_output=True, text=True,
        check=False, env={**os.environ, "MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = np.load(tmp_path / "found.npy")[:, 2:]
    arrivals, kept = rate * 1e-3 * dt, math.exp(-dt / tau)
    less = float(re.search(r"variance is ([\d.]+) of Poisson's", text)[1])  # type: ignore[index]
    variance = less * arrivals * weight**2 / (1 - kept**2)
    sizes = math.sqrt(found.size)
    assert found.mean() == pytest.approx(
        arrivals * weight / (1 - kept), abs=4 * math.sqrt(variance) / sizes
    )
    assert found.var() == pytest.approx(variance, rel=4 * math.sqrt(2) / sizes)
    one, two = np.split(found, 2)
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 4 / math.sqrt(one.size)


def everything() -> ns.Network:
    """Return a small network in which much occurs and nothing is left to chance."""
    net = ns.Network("much", seed=2)
    given = net.population("given", 2, ns.SpikeTimes([[1.0, 5.0, 5.0], [8.0]]))
    a = net.population("a", 4, ns.LIF(I_e=[380, 400, 420, 460], t_ref=1.0))
    b = net.population(
        "b", 3, ns.NeuronModel(
            "b",
            equations="""
                dV/dt = (E - V + R*(s + I_injected))/tau : mV (clamped)
                ds/dt = -s/(3*ms) : pA
                top = min(V, E + 10*mV) : mV
                tau : ms
                E : mV
                R : GOhm
                t_ref : ms
            """,
            threshold="V >= -50*mV", reset="V = E", refractory="t_ref",
            inputs={"in": "jump s"}, initial={"V": "E"},
            parameters={"tau": 10.0, "E": -70.0, "R": 0.05, "t_ref": 2.0},
        ),
    )  # fmt: skip
    net.project(given, a, ns.AllToAll(), weight=50.0, delay=0.5, receptor="exc")
    net.project(a, b, ns.OneToOne() if a.size == b.size else ns.AllToAll(), weight=100.0, delay=1.0)
    net.project(a, a, ns.AllToAll(autapses=False), weight=-20.0, delay=2.0, receptor="inh")
    net.project(b, a[1:3], ns.AllToAll(), weight=30.0, delay=0.3, receptor="exc")
    net.inject(b, ns.StepCurrent(times=[10.0, 30.0], amplitudes=[420.0, 0.0]))
    net.inject(b[:1], ns.ConstantCurrent(amplitude=50.0))
    net.record(a + b, "spikes")
    net.record(b[:2], "V", every=1.0)
    return net


@pytest.mark.slow
def test_without_chance_a_script_counts_the_same_spikes(tmp_path: Path) -> None:
    net = everything()
    theirs, ours = rates_of(net, 60, tmp_path), rates(ns.run(net, 60), 60)
    assert ours["a"] > 0
    assert ours["b"] > 0
    assert theirs == pytest.approx(ours, rel=1e-3)


def rained_on(delay: Any) -> ns.Network:
    """Return neurons that small arrivals take to the threshold, where a step's decay is as much."""
    net = ns.Network("rain", seed=2)
    drops = [np.round(np.arange(1 + k / 10, 95, 2.0), 1) for k in range(20)]
    source = net.population("source", 20, ns.SpikeTimes(drops))
    cells = net.population("cells", 3, ns.LIF(synapses=ns.Delta(), t_ref=[0.0, 0.3, 2.0]))
    net.project(source, cells, ns.AllToAll(), weight=RAIN, delay=delay)
    net.project(cells, cells, ns.AllToAll(), weight=-0.5, delay=0.1)
    net.record(cells, "spikes")
    return net


RAIN = np.resize([0.25, 0.2, 0.3, 0.15], (3, 20)).T


@pytest.mark.parametrize(
    "delay", [0.1, 1.5, np.linspace(0.1, 3, 60).reshape(20, 3)], ids=["0.1", "1.5", "each"]
)
def test_what_an_arrival_takes_to_the_threshold_fires_as_with_us(
    delay: Any, tmp_path: Path
) -> None:
    """Brian2's own order of a step would let part of every jump decay before it is seen."""
    net = rained_on(delay)
    text = ns.export(net, "brian2", duration=100)
    assert "magic_network.schedule = ['start', 'groups', 'synapses', 'thresholds'" in text
    assert "tests thresholds before" not in text
    path = tmp_path / "script.py"
    asked = "for i, t in zip(cells_spikes.i, cells_spikes.t/ms): print(i, round(float(t)*10) + 1)\n"
    text = text.replace("from brian2 import *\n", NUMPY)
    path.write_text(text[: text.index("print(f")] + asked, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(path)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )  # fmt: skip
    theirs = sorted(tuple(map(int, line.split())) for line in done.stdout.splitlines())
    record = ns.run(net, 100).spikes["cells"]
    labels = np.rint(10 * record.times).astype(int)
    ours = sorted(zip(record.ids.tolist(), labels.tolist(), strict=True))
    assert len(ours) > 10
    assert theirs == ours


def test_the_schedule_stays_where_no_threshold_reads_arrivals() -> None:
    assert "schedule" not in ns.export(vogels_abbott_cuba(0.1), "brian2")
    net = rained_on(1.0)
    net.population("pulses", 2, ns.Izhikevich())
    told = [f.how for f in ns.explain(net, "brian2", script=True).approximated]
    assert any("tests thresholds before it delivers spikes" in how for how in told)
    assert "magic_network" not in ns.export(net, "brian2")


def test_nothing_is_said_twice_or_for_nothing() -> None:
    """No refractory time of 0, no initial value that another follows; choices that can be read."""
    net = ns.Network("adex")
    a, b = (net.population(n, 2, ns.AdEx(t_ref=0.0, b=x)) for n, x in (("a", 1.0), ("b", 2.0)))
    for p in (a, b):
        net.initialise(p, V_m=ns.Uniform(-70, -60))
    text = ns.export(net, "brian2")
    assert "t_ref" not in text
    assert "efractory" not in text
    assert "V_capped = clip(V_m, -inf*mV, V_peak) : volt" in text
    assert [line for line in text.splitlines() if ".V_m = " in line] == [
        "neurons.V_m = '(-70 + 10*rand())*mV'"
    ]
    net = ns.Network("held")
    net.population("a", 2, ns.LIF(t_ref=0.0))
    net.population("b", 2, ns.LIF(t_ref=2.06))
    text = ns.export(net, "brian2")
    assert "refractory='t_ref + 1.5*dt'" in text
    assert "a.t_ref = 0*ms" in text


def test_synapses_fail_in_a_script_as_often_as_they_should(tmp_path: Path) -> None:
    """Brian2 draws it by itself: of many spikes the part passes that is written."""
    net = ns.Network("failing", seed=3)
    source = net.population("source", 200, ns.Poisson(rate=200))
    cells = net.population("cells", 20, ns.LIF(synapses=ns.Delta(), t_ref=0.0))
    net.project(source, cells, ns.FixedIndegree(5), weight=25.0, release=0.3, delay=0.1)
    net.record(cells, "spikes")
    found = rates_of(net, 300, tmp_path)["cells"]
    assert found == pytest.approx(0.3 * 5 * 200, rel=0.1)  # 1,800 of 6,000 spikes on average


def test_a_script_reads_like_one() -> None:
    text = ns.export(vogels_abbott_cuba(), "brian2", duration=300)
    for line in (
        "tau_m = 20*ms",
        "dV_m/dt = (E_L - V_m)/tau_m + (I_synaptic + I_e)/C_m : volt (unless refractory)",
        "exc = neurons[0:3200]",
        "exc_to_exc_and_inh.connect(p=0.02)",
        "exc_spikes = SpikeMonitor(exc)",
        "run(duration)",
    ):
        assert line in text.splitlines()
    assert max(len(line) for line in text.splitlines()) <= 100


def test_rules_are_brian2s_own_where_it_has_them() -> None:
    net = ns.Network("rules")
    a = net.population("a", 10, ns.LIF(synapses=ns.Delta()))
    b = net.population("b", 20, ns.LIF())
    net.project(a, a, ns.FixedProbability(0.1, autapses=False), weight=1)
    net.project(a, b, ns.FixedIndegree(3, multapses=False), weight=ns.Normal(5, 1), receptor="exc")
    net.project(b, b, ns.OneToOne(), weight=1, receptor="inh", delay=ns.Uniform(0.5, 2))
    net.drive(a, ns.Poisson(rate=5000), weight=0.1)
    text = ns.export(net, "brian2")
    assert "a_to_a.connect(condition='i != j', p=0.1)" in text
    assert "a_to_b.connect(i='k for k in sample(N_pre, size=3)')" in text
    assert "a_to_b.w = '(5 + 1*randn())*pA'" in text
    assert "b_to_b.connect(j='i')" in text
    assert "b_to_b.delay = '(0.5 + 1.5*rand())*ms'" in text
    assert "a_input = PoissonInput(a, 'V_m', N=100, rate=50*Hz, weight=0.1*mV)" in text


def test_what_is_beyond_its_bounds_is_drawn_again(tmp_path: Path) -> None:
    """Weights, delays, parameters and initial values, bounded on one side and on both."""
    net = ns.Network("bounded", seed=2)
    current = ns.Normal(200, 200, redraw=(0, 500))
    a = net.population("a", 80, ns.LIF(I_e=current))
    net.initialise(a, V_m=ns.Normal(-65, 5, redraw=(None, -60)))
    net.project(
        a, a, ns.FixedProbability(0.3), weight=ns.Normal(10, 10, redraw=(0, None)),
        delay=ns.Normal(1.5, 1, redraw=(0.1, 3)), receptor="exc",
    )  # fmt: skip
    path = tmp_path / "script.py"
    text = ns.export(net, "brian2", duration=1).replace("from brian2 import *\n", NUMPY)
    start = text.index("run(duration)")
    asked = "for x in (a.I_e/pA, a.V_m/mV, a_to_a.w/pA, a_to_a.delay/ms): print(min(x), max(x))\n"
    path.write_text(text[:start] + asked + text[start:], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(path)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )  # fmt: skip
    found = [[float(x) for x in line.split()] for line in done.stdout.splitlines()[:4]]
    bounds = [(0, 500), (-math.inf, -60), (0, math.inf), (0.1, 3)]
    for (least, most), (low, high) in zip(found, bounds, strict=True):
        assert low <= least < most <= high
    # Without drawing again a tenth or more would lie beyond each of these.
    assert found[0][0] < 50
    assert found[1][1] > -62
    assert found[2][0] < 1
    assert found[3][0] < 0.2


def test_numbers_are_written_as_people_write_them() -> None:
    """Typed numbers come back as typed, and nothing is added to nothing."""
    model = ns.NeuronModel(
        "theta", equations="dx/dt = -x/(10*ms) : 1", threshold="x >= 3.14159265", reset="x = 0",
    )  # fmt: skip
    net = ns.Network("theta")
    net.initialise(net.population("a", 3, model), x=ns.Normal(0, 0.1))
    text = ns.export(net, "brian2")
    assert "threshold='x >= 3.14159265'" in text
    assert "a.x = '(0.1*randn())'" in text


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (ns.Input("spikes"), "Population 'x': Input"),
        (ns.Parrot(), "Population 'x': several spikes"),
        (ns.GammaProcess(rate=10.0, shape=2.0), "Population 'x': GammaProcess"),
        (ns.Poisson(rate=20_000.0), "Population 'x': Poisson in a script of"),
    ],
)
def test_what_a_script_has_no_word_for_is_refused(model: object, told: str) -> None:
    net = ns.Network("refused")
    net.population("x", 3, model)
    with pytest.raises(UnsupportedError, match=told):
        ns.export(net, "brian2")


def test_long_lists_are_refused() -> None:
    net = ns.Network("long")
    net.population("x", 3000, ns.LIF(I_e=np.linspace(0, 1, 3000)))
    with pytest.raises(UnsupportedError, match=r"Population 'x': I_e: 3000 values"):
        ns.export(net, "brian2")


def test_weights_are_not_called_what_the_neurons_have(tmp_path: Path) -> None:
    """AdEx has a w of its own, and Brian2 refuses a synapse's variable of that name."""
    net = ns.Network("adaptive")
    p = net.population("p", 10, ns.AdEx(I_e=900))
    q = net.population("q", 10, ns.LIF())
    net.project(p, p, ns.AllToAll(), weight=ns.Uniform(1, 2), delay=1, receptor="exc")
    net.project(q, q, ns.AllToAll(), weight=ns.Uniform(1, 2), delay=1, receptor="exc")
    net.record(p, "spikes")
    text = ns.export(net, "brian2", duration=100)
    assert "'weight : amp'" in text
    assert "'w : amp'" in text
    assert rates_of(net, 100, tmp_path)["p"] > 0


def test_a_unit_and_its_flag_stay_on_one_line() -> None:
    """Brian2 reads equations of several lines, but no flag that is broken in two."""
    longest = "dV_m/dt = (E_L - V_m + I_e*R)/tau_m + g*(E_x - V_m)/C_m + sigma*xi/sqrt(tau_m)"
    for length in range(60, len(longest) + 12):
        line = f"{longest[:length]:a<{length}} : volt (unless refractory)"
        lines = folded(line)
        assert " ".join(x.strip() for x in lines) == line
        assert lines[-1].endswith(": volt (unless refractory)")
        assert max(map(len, lines)) <= 97

"""Scripts for NEST: they run by themselves, say what NEST would, and fire as often as our core."""

from __future__ import annotations

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
from neurosim_models import cobahh, potjans_diesmann, vogels_abbott_cuba
from tests.conformance.networks import CASES

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.filterwarnings("ignore::neurosim.errors.ApproximationWarning"),
]


def run_script(text: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = folder / "script.py"
    path.write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-W", "error", str(path)], capture_output=True, text=True, timeout=200,
        env={**os.environ, "PYNEST_QUIET": "1", "MPLBACKEND": "template", **environment},
        cwd=folder, check=False,
    )  # fmt: skip


def printed(text: str, folder: Path) -> dict[str, float]:
    """Run a script and return the numbers that it prints, by name."""
    done = run_script(text, folder)
    assert (done.returncode, done.stderr) == (0, "")
    found = re.findall(r"^(.+?): (-?[\d.]+)(?: Hz)?$", done.stdout, flags=re.MULTILINE)
    return {name: float(value) for name, value in found}


def varied() -> ns.Network:
    """Return populations that use most of what a script can say, and fire irregularly."""
    net = ns.Network("varied, with \"quotes\" and a 'name'", seed=4)
    noise = net.population("noise", 100, ns.Poisson(rate=300))
    bursts = net.population("bursts", 40, ns.CorrelatedPoisson(rate=40, correlation=0.2))
    clocks = net.population("clocks", 60, ns.GammaProcess(rate=60, shape=4))
    given = net.population("given", 2, ns.SpikeTimes([[10.0, 400.0], [5.0, 6.0, 7.0]]))
    exc = net.population("exc L2.3", 200, ns.LIF(V_th=ns.Uniform(-56, -54), C_m=200))
    inh = net.population("class", 50, ns.LIF(synapses=ns.Delta(), t_ref=1.0))
    net.initialise(exc, V_m=ns.Normal(-65, 3, clip=(-70, -57)), I_exc=ns.Exponential(20))
    net.initialise(inh[:20], V_m=ns.Uniform(-70, -60))
    net.project(noise, exc, ns.FixedIndegree(10, multapses=False), weight=ns.LogNormal(3, 0.5),
                delay=ns.Uniform(0.5, 3), receptor="exc")  # fmt: skip
    net.project(bursts + clocks, inh, ns.FixedProbability(0.2), weight=1.2, delay=1.0)
    net.project(given, inh[:2], ns.OneToOne(), weight=30.0, delay=0.1)
    net.project(exc, inh, ns.FixedTotalNumber(2000), weight=ns.Normal(0.4, 0.1), delay=1.5)
    net.project(inh, exc[::2], ns.FixedOutdegree(20), weight=-20.0, delay=0.8, receptor="inh")
    net.project(exc, exc, ns.FixedProbability(0.02, autapses=False), weight=15.0, receptor="exc")
    rates = ns.RateSteps(times=[0.0, 200.0], rates=[4000.0, 6000.0])
    net.drive(exc, ns.Poisson(rate=rates), weight=24.0, receptor="exc")
    net.drive(inh, ns.Poisson(rate=np.linspace(500, 900, 50)), weight=1.5)
    net.inject(exc[:50], ns.StepCurrent(times=[100.0], amplitudes=[40.0]))
    net.inject(inh, ns.NoiseCurrent(mean=20.0, sd=100.0, dt=1.0))
    net.inject(exc, ns.ConstantCurrent(amplitude=15.0))
    for name in ("noise", "bursts", "clocks", "given", "exc L2.3", "class"):
        net.record(net[name], "spikes")
    net.record(exc[:50], "V_m", every=1.0)
    return net


def test_a_script_fires_as_our_core_does(tmp_path: Path) -> None:
    """Rates agree within 4 % of a network whose rates vary by 2 % from seed to seed."""
    net, duration = varied(), 600.0
    got = printed(ns.export(net, "nest", duration=duration), tmp_path)
    run = ns.run(net, duration)
    for name, record in run.spikes.items():
        expected = len(record) / record.size / duration * 1000
        spread = 4 * np.sqrt(len(record)) / record.size / duration * 1000
        if name == "bursts":  # correlated trains: their sum has a variance of 1 + 39 * 0.2
            spread *= np.sqrt(8.8)
        assert got[name] == pytest.approx(expected, abs=max(0.04 * expected, spread)), name
    assert got["given"] == pytest.approx(5 / 2 / 0.6, abs=0.01)
    mean = run.states["exc L2.3"]["V_m"].array.mean()
    assert got["mean V_m of exc L2.3"] == pytest.approx(mean, abs=0.5)


@pytest.mark.parametrize("build", [cobahh, vogels_abbott_cuba], ids=lambda f: f.__name__)
def test_published_networks_run(build: Any, tmp_path: Path) -> None:
    net = build(scale=0.25)
    got = printed(ns.export(net, "nest", duration=150.0), tmp_path)
    assert set(got) == {"exc", "inh"}
    assert min(got.values()) > 1.0


def test_a_script_is_written_as_its_community_writes() -> None:
    """Native rules, generators and random numbers; nothing of ours, and no number of a neuron."""
    text = ns.export(potjans_diesmann(scale=0.1), "nest")
    assert "neurosim" not in text.split('"""')[2]
    assert "np.array" not in text
    assert 'L23E = nest.Create(\n    "iaf_psc_exp",\n    2068,\n' in text
    assert re.search(r'\n        "tau_syn_ex": 0.5, +# ms\n', text)
    assert "L23E.V_m = nest.random.normal(mean=-68.28, std=5.36)\n" in text
    assert '{"rule": "fixed_total_number", "N": ' in text
    assert "nest.math.redraw(nest.random.normal(mean=1.5, std=0.75), min=0.1, max=np.inf)" in text
    weights = '        "weight": nest.math.redraw(\n            nest.random.normal(mean='
    assert weights in text
    assert max(map(len, text.splitlines())) <= 100
    assert 'drive_L4E = nest.Create("poisson_generator")\n' in text
    text = ns.export(vogels_abbott_cuba(), "nest", duration=500, dt=0.05, threads=2)
    assert "DT = 0.05  # ms" in text
    assert "DURATION = 500.0  # ms" in text
    assert "local_num_threads=2" in text
    assert 'exc + inh,\n    {"rule": "pairwise_bernoulli", "p": 0.02},\n' in text
    assert text.count('"E_L": -49.0') == 1  # equal parameters are written once
    assert max(map(len, text.splitlines())) <= 100


def test_what_is_approximated_stands_at_the_top() -> None:
    text = ns.export(cobahh(scale=0.1), "nest")
    assert '{"weight": -67.0, "delay": DT}' in text  # the sign names NEST's receptor
    head = text.split('"""')[1]
    (line, *_) = head.partition("Differences from the description:\n")[2].splitlines()
    assert line.startswith("- Population 'exc', 'inh': NEST integrates with adaptive steps")
    assert "Differences" not in ns.export(vogels_abbott_cuba(), "nest")


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_network_is_written_or_refused_by_name(name: str) -> None:
    case = CASES[name]
    try:
        text = ns.export(case.build(), "nest", duration=case.duration, dt=case.dt)
    except UnsupportedError as refusal:
        assert re.search("'.+'", refusal.part), refusal.part  # noqa: PT017
        return
    compile(text, name, "exec")


def one(model: Any = None) -> tuple[ns.Network, ns.Population]:
    net = ns.Network("one", seed=1)
    return net, net.population("cells", 4, model or ns.LIF())


def test_what_a_script_cannot_say_is_refused() -> None:
    net, p = one()
    net.project(net.population("in", 4, ns.Input("spikes")), p, ns.OneToOne(), receptor="exc")
    with pytest.raises(UnsupportedError, match=r"Population 'in': Input.*handed over later"):
        ns.export(net, "nest")
    net, p = one()
    net.inject(p, ns.NoiseCurrent(sd=3.0, tau=5.0))
    with pytest.raises(UnsupportedError, match="tau left out, with dt="):
        ns.export(net, "nest")
    net, p = one(ns.LIF(synapses=ns.ExpConductance(), tau_m=ns.Uniform(9, 11)))
    with pytest.raises(
        UnsupportedError, match=r"tau_m drawn.*iaf_cond_exp has no single parameter"
    ):
        ns.export(net, "nest")
    net = ns.Network("many")
    p = net.population("cells", 200, ns.LIF())
    net.project(p, p, ns.FromMatrix(np.ones((200, 200))), receptor="exc")
    with pytest.raises(UnsupportedError, match=r"cells->cells.*40,000 listed connections"):
        ns.export(net, "nest")
    net, p = one(ns.FitzHughNagumo())
    with pytest.raises(UnsupportedError, match="'cells'"):
        ns.export(net, "nest")


def test_a_script_says_which_nest_it_needs(tmp_path: Path) -> None:
    (tmp_path / "nest.py").write_text('__version__ = "3.8.1"\n')
    done = run_script(ns.export(vogels_abbott_cuba(scale=0.1), "nest"), tmp_path)
    assert done.returncode == 1
    assert "needs NEST 3.10 or later, not 3.8.1: pip install 'nest-simulator>=3.10'" in done.stderr

"""The PyNN backend: its table of cells, what PyNN builds, and scripts for its simulators."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim.errors import ApproximationWarning, UnsupportedError
from neurosim_backends.nest.binding import Binding, Port
from neurosim_backends.pynn.cells import CELLS, Cell, cell_parameters
from neurosim_backends.pynn.session import load

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.filterwarnings("ignore::neurosim.errors.ApproximationWarning"),
]


def volleys() -> ns.Network:
    """Return a network in which nothing is drawn: given spikes, currents, jumps, both receptors."""
    net = ns.Network("volleys", seed=3)
    source = net.population("given", 3, ns.SpikeTimes([[1.0, 30.0], [5.0, 31.0], [12.0, 33.0]]))
    cells = net.population("cells", 4, ns.LIF(I_e=[300.0, 380.0, 420.0, 500.0]))
    jumps = net.population("jumps", 2, ns.LIF(synapses=ns.Delta(), t_ref=1.0, I_e=360.0))
    net.initialise(cells, V_m=[-68.0, -64.0, -61.0, -58.0])
    net.project(source, cells, ns.AllToAll(), weight=400.0, delay=0.5, receptor="exc")
    listed = [(0, 0, 4.0, 1.0), (1, 1, 4.0, 1.5), (3, 0, 3.0, 0.3)]
    net.project(cells, jumps, ns.FromList(listed))
    net.project(jumps, cells, ns.AllToAll(), weight=-150.0, delay=1.1, receptor="inh")
    net.record(cells, ["spikes", "V_m"])
    net.record(jumps, "spikes")
    return net


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.name} for {cell.row.neuron}")
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5)
def test_pynn_makes_the_same_of_every_cell_as_we_do(cell: Cell, seed: int) -> None:
    """Two ways from our parameters to NEST's: through PyNN's names and units, and directly."""
    kinds = {"exc": cell.row.kinds[0], "inh": cell.row.kinds[0]} if cell.row.kinds else {}
    ports = {name: Port(sides=(side,)) for name, side in zip(kinds, ("ex", "in"), strict=False)}
    named: Any = SimpleNamespace(name="cells")
    binding = Binding(named, cell.row, 0.1, kinds, ports)
    names = {w for text in (*cell.row.parameters.values(), *cell.parameters.values())
             for w in re.findall(r"[A-Za-z_]\w*", text)}  # fmt: skip
    names |= {f"{stem}_{name}" for stem in ("tau", "E") for name in kinds} | {"t_ref", "tau_w"}
    rng = np.random.default_rng(seed)
    ours = {name: round(float(value), 1) for name, value in zip(
        sorted(names), rng.uniform(1.0, 300.0, len(names)), strict=True)}  # fmt: skip
    made = getattr(load(), cell.name)(**cell_parameters(binding, ours)).native_parameters
    made.shape = (1,)
    made.evaluate(simplify=True)
    found = made.as_dict()
    wanted = binding.parameters(ours)
    # NEST has some that PyNN has no name for: the declaration asks for the values they have.
    silent = {"Izhikevich": {"V_th"}, "HH_cond_exp": {"t_ref"}}.get(cell.name, set())
    assert wanted.keys() - found.keys() == silent
    for name in wanted.keys() - silent:
        assert found[name] == pytest.approx(wanted[name], rel=1e-12), name


def test_a_certificate_says_same_spikes_on_the_grid() -> None:
    net = volleys()
    assert "Same spikes on the grid" in str(ns.certify(net, "pynn", 40))
    provenance = ns.run(net, 1.0, backend="pynn").provenance
    assert provenance["backend"] == "pynn"
    assert provenance["models"] == {"cells": "IF_curr_exp", "jumps": "IF_curr_delta"}
    assert {"PyNN", "nest-simulator"} <= set(provenance["versions"])


def test_learning_is_what_nest_learns() -> None:
    """PyNN's three weight dependences, each of a projection with a delay and times of its own."""
    net = ns.Network("learning", seed=5)
    trains = [[5.0, 40.0, 71.0], [12.0, 43.0], [31.0, 77.0]]
    source = net.population("source", 3, ns.SpikeTimes(trains))
    cells = net.population("cells", 2, ns.LIF(I_e=[400.0, 480.0]))
    for k, (up, down) in enumerate(((0.0, 0.0), (1.0, 1.0), (0.0, 1.0))):
        rule = ns.STDP(w_max=90, a_plus=9, a_minus=11, mu_plus=up, mu_minus=down)
        net.project(source, cells, ns.AllToAll(), weight=30.0 + 10 * k, delay=1.5, receptor="exc",
                    plasticity=rule, name=f"{k}")  # fmt: skip
    learnt = {}
    for backend in ("nest", "pynn"):
        session = ns.compile(net, backend)
        session.run(80.0)
        learnt[backend] = [session.connections(f"{k}").weight for k in range(3)]
    for ours, theirs, first in zip(learnt["nest"], learnt["pynn"], (30, 40, 50), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-9)
        assert np.count_nonzero(np.abs(ours - first) > 0.1) > 2


def test_what_pynn_has_no_form_of_is_refused_with_the_nearest() -> None:
    one = ns.ExpCurrent.receptor(tau=2.0)
    three = ns.Receptors(a=one, b=one, c=one)
    for model, told in (
        (ns.LIF(synapses=three), "two receptors"),
        (ns.TraubMiles(t_ref=3.0), "t_ref=2"),
        (ns.QuadraticIF(), "LIF with ExpCurrent"),
    ):
        net = ns.Network("refused")
        net.population("cells", 2, model)
        with pytest.raises(UnsupportedError, match=re.escape(told)):
            ns.compile(net, "pynn")
    net = volleys()
    net.project(net["cells"], net["cells"], ns.AllToAll(), weight=5.0, receptor="exc",
                plasticity=ns.TripletSTDP(w_max=9.0))  # fmt: skip
    with pytest.raises(UnsupportedError, match="backend='nest'"):
        ns.compile(net, "pynn")


# --- scripts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("simulator", ["nest", "brian2"])
def test_a_script_fires_as_our_core_does(simulator: str, tmp_path: Path) -> None:
    """Nothing is drawn, so both simulators have as many spikes as we, cell for cell."""
    net = volleys()
    single = net.population("single", 1, ns.SpikeTimes([[0.1, 3.0, 4.0]]))
    silent = net.population("len", 1, ns.SpikeTimes([[]]))
    net.record(single, "spikes")
    net.record(silent, "spikes")
    (tmp_path / "script.py").write_text(ns.export(net, "pynn", duration=60.0), encoding="utf-8")
    (tmp_path / "brian_preferences").write_text("codegen.target = 'numpy'\n")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "script.py", simulator], cwd=tmp_path, check=False,
        capture_output=True, text=True, timeout=300,
        # without nest-config, for which PyNN would try to compile its extensions
        env={**os.environ, "PATH": os.defpath, "MPLBACKEND": "template", "PYNEST_QUIET": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = re.findall(r"^(.+?): (-?[\d.]+)(?: Hz)?$", done.stdout, flags=re.MULTILINE)
    printed = {name: float(value) for name, value in found}
    run = ns.run(net, 60.0)
    for name, record in run.spikes.items():
        assert (len(record) > 0) == (name != "len")
        assert printed[name] == pytest.approx(len(record) / record.size / 0.06, abs=0.01), name
    mean = run.states["cells"]["V_m"].array.mean()
    assert printed["mean v of cells"] == pytest.approx(mean, abs=0.1)


def test_a_script_says_what_its_community_says() -> None:
    """Standard cells in nA and nF, PyNN's connectors and mechanisms, a simulator by its name."""
    net = ns.Network("words", seed=2)
    noise = net.population("noise", 20, ns.Poisson(rate=50))
    exc = net.population("exc", 80, ns.LIF(V_th=ns.Normal(-50, 1)))
    jumps = net.population("jumps", 20, ns.LIF(synapses=ns.Delta()))
    net.initialise(exc, V_m=ns.Uniform(-70, -55))
    net.project(noise, exc, ns.FixedIndegree(5), weight=100.0, delay=1.5, receptor="exc",
                plasticity=ns.STDP(w_max=200, a_plus=2, a_minus=3, mu_minus=1))  # fmt: skip
    net.project(exc, exc, ns.FixedProbability(0.1, autapses=False), weight=ns.Normal(20, 4),
                delay=ns.Uniform(0.5, 2), receptor="exc")  # fmt: skip
    net.project(exc, jumps, ns.FixedOutdegree(2, multapses=False), weight=0.5)
    net.project(jumps, exc, ns.FixedTotalNumber(100), weight=-30.0, receptor="inh")
    net.record(exc, "spikes")
    text = ns.export(net, "pynn")
    for line in (
        'SIMULATORS = ("nest", "brian2", "spiNNaker")',
        "sim.FixedNumberPreConnector(5, with_replacement=True, rng=rng)",
        "sim.FixedProbabilityConnector(0.1, allow_self_connections=False, rng=rng)",
        "sim.FixedNumberPostConnector(2, with_replacement=False, rng=rng)",
        "sim.FixedTotalNumberConnector(100, with_replacement=True, rng=rng)",
        "        timing_dependence=sim.SpikePairRule(\n            tau_plus=20.0,\n",
        "            A_plus=0.01,\n            A_minus=0.015,\n        ),\n",
        "weight_dependence=sim.AdditivePotentiationMultiplicativeDepression(w_min=0.0, w_max=0.2)",
        "sim.StaticSynapse(weight=-0.03, delay=DT)",
        "weight=0.5 * jumps_mV",
        'v_thresh=RandomDistribution("normal", mu=-50.0, sigma=1.0, rng=rng)',
        'exc.initialize(v=RandomDistribution("uniform", low=-70.0, high=-55.0, rng=rng))',
    ):
        assert line in text, line
    assert re.search(r"cm=0.25, +# nF\n", text)
    assert max(map(len, text.splitlines())) <= 100


def test_weights_that_spinnaker_rounds_to_nothing_are_told() -> None:
    """A tiny weight beside large ones of the same receptor: 16 bits share one scale."""
    net = ns.Network("tiny", seed=1, dt=1.0)
    cells = net.population("cells", 50, ns.LIF())
    net.project(cells, cells, ns.AllToAll(), weight=5000.0, receptor="exc", name="large")
    net.project(cells, cells, ns.OneToOne(), weight=0.01, receptor="exc", name="tiny")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ApproximationWarning)
        text = " ".join(ns.export(net, "pynn").split())
    assert any("'tiny'" in str(w.message) and "rounded to 0" in str(w.message) for w in told)
    assert not any("'large'" in str(w.message) for w in told)
    assert "Projection 'tiny': weight: weights onto this receptor are multiples of" in text
    assert "SpiNNaker rounds. Weights onto 'cells', excitatory: multiples of" in text


def test_spikes_of_the_first_step_meet_none_of_the_second() -> None:
    """Brian2 refuses two spikes of a cell in a step; trains that have them are told so."""

    def written(*trains: list[float]) -> str:
        net = ns.Network("early", seed=1)
        net.population("given", len(trains), ns.SpikeTimes(list(trains)))
        return ns.export(net, "pynn", dt=0.1)

    assert "spike_times=[[0.2, 0.3], [0.2]])" in written([0.1, 0.3], [0.2])
    assert "spike_times=[0.2, 0.3])" in written([0.1, 0.3])
    told = r"Population 'given': a spike in the first step.*sends nothing before.*0\.2 ms.*a run"
    with pytest.raises(UnsupportedError, match=told):
        written([1.0], [0.1, 0.2])
    with pytest.warns(ApproximationWarning, match=r"'given'.*one spike of a cell in a step"):
        written([1.0, 1.0], [2.0])

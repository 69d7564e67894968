"""Cores of SpiNNaker: what is predicted here is what sPyNNaker does; what does not fit is told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import neurosim as ns
from neurosim.capabilities import UnavailableError
from neurosim.cli import app
from neurosim.lower.lowering import lower
from neurosim_backends._worker.client import WorkerError
from neurosim_backends.spinnaker.environment import ENVIRONMENT
from neurosim_backends.spinnaker.graph import Edge, edges_of, vertices_of
from neurosim_backends.spinnaker.mapping import map_by_spynnaker, shared_worker
from neurosim_backends.spinnaker.predict import facts_of, finest

CURRENTS = ns.ExpCurrent(exc=5.0, inh=7.0)


def need_spynnaker() -> None:
    """Leave a test out on a desk without sPyNNaker; in CI there is one."""
    if ENVIRONMENT.interpreter is None:
        message = f"{ENVIRONMENT.problem}: {ENVIRONMENT.install_line}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


# --- networks that sPyNNaker places, too ----------------------------------------------------------


def steps_of_a_millisecond() -> ns.Network:
    """Cores with neurons and synapses; sources of both kinds; more than one slice of each."""
    net = ns.Network("1 ms", seed=1, dt=1.0)
    cells = net.population("cells", 300, ns.LIF(synapses=CURRENTS))
    noise = net.population("noise", 510, ns.Poisson(rate=20))
    given = net.population("given", 3, ns.SpikeTimes([[1.0, 4.0], [], [2.0]]))
    net.project(noise, cells, ns.FixedIndegree(4), weight=ns.Uniform(20, 90), receptor="exc")
    net.project(given, cells, ns.AllToAll(), weight=-33.3, delay=3.0, receptor="inh")
    return net


def long_delays() -> ns.Network:
    """Delays beyond those of a core: 50 steps onto 257 neurons, where there are 32."""
    net = ns.Network("late", seed=2, dt=1.0)
    model = ns.LIF(synapses=CURRENTS)
    early, late = (net.population(name, n, model) for name, n in (("early", 257), ("late", 30)))
    net.project(early, early, ns.FixedIndegree(3), weight=40.0, delay=50.0, receptor="exc")
    net.project(early, late, ns.FixedIndegree(5), weight=40.0, delay=50.0, receptor="exc")
    net.project(late, early, ns.FixedIndegree(5), weight=-40.0, receptor="inh")
    return net


def synapses_apart() -> ns.Network:
    """Steps of 0.1 ms: synapses on cores of their own, and a drive beside them."""
    net = ns.Network("0.1 ms", seed=3, dt=0.1)
    model = ns.LIF(synapses=CURRENTS)
    cells = net.population("cells", 270, model)
    net.population("alone", 20, model)
    net.drive(cells, ns.Poisson(rate=100), weight=15.0, receptor="exc")
    net.project(cells, cells, ns.FixedIndegree(3), weight=-30.0, delay=1.5, receptor="inh")
    return net


def many_expected_spikes() -> ns.Network:
    """A neuron with 256 targets makes those of all 1,700 expected: more than one core processes."""
    net = ns.Network("busy", seed=4, dt=0.1)
    model = ns.LIF(synapses=CURRENTS)
    pre, post = net.population("pre", 1700, model), net.population("post", 256, model)
    net.project(pre[0], post, ns.AllToAll(), weight=10.0, receptor="exc")
    return net


def other_models() -> ns.Network:
    """All standard models; a drive of some neurons only; signs of one receptor."""
    net = ns.Network("models", seed=5, dt=0.5)
    cond = net.population("cond", 20, ns.LIF(synapses=ns.ExpConductance()))
    alpha = net.population("alpha", 20, ns.LIF(synapses=ns.AlphaCurrent()))
    jumps = net.population("jumps", 20, ns.LIF(synapses=ns.Delta()))
    bursts = net.population("bursts", 20, ns.Izhikevich(synapses=CURRENTS))
    weight = ns.Uniform(-2, 2)
    net.project(cond, jumps, ns.FixedIndegree(5), weight=weight)
    net.project(cond, alpha, ns.FixedIndegree(5), weight=50.0, receptor="exc")
    net.project(jumps, cond, ns.FixedIndegree(5), weight=3.0, receptor="inh")
    net.project(alpha, bursts, ns.FixedIndegree(5), weight=3.3, receptor="exc")
    net.drive(bursts[:7], ns.Poisson(rate=50), weight=1.1, receptor="exc")
    return net


NETWORKS: dict[Callable[[], ns.Network], tuple[str, int]] = {
    steps_of_a_millisecond: ("spinnaker1", 3),
    long_delays: ("spinnaker1", 5),
    synapses_apart: ("spinnaker1", 5),
    many_expected_spikes: ("spinnaker2", 248),
    other_models: ("spinnaker2", 201),
}
"""With the chip and the board on which each is placed."""


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_cores_are_those_of_spynnaker(make: Callable[[], ns.Network]) -> None:
    """Cores of every population, from a process that is not this one; weights on the grid."""
    need_spynnaker()
    target, board = NETWORKS[make]
    fit = ns.check(make(), target, board=board, map=True)
    assert fit.fits
    mapped = fit.mapped
    assert mapped is not None
    assert mapped.cores_of == {**dict.fromkeys(mapped.cores_of, 0), **fit.cores_of}
    assert mapped.cores == len(fit.cores)
    assert mapped.chips == fit.chips
    assert mapped.sdram > 0
    assert mapped.worker["pid"] != os.getpid()
    assert mapped.worker["executable"] != sys.executable
    assert mapped.worker["versions"]["sPyNNaker"] == "1!7.4.1"
    assert not any(mapped.lost.values())
    units = grid(make(), fit.dt)
    assert mapped.weights or make in (long_delays,)
    for part, off in mapped.weights.items():
        assert 0 < off <= units[part] / 2 * (1 + 1e-9)
    assert "predicted here" in str(fit)
    assert fit.to_dict()["mapped"]["cores"] == mapped.cores


def grid(net: ns.Network, dt: float) -> dict[str, float]:
    """Return of each part the coarsest multiples that its weights are predicted to be."""
    plan = lower(net, dt)
    vertices = vertices_of(net, plan)
    facts = [facts_of(e, vertices) for e in edges_of(plan, vertices) if isinstance(e, Edge)]
    found: dict[str, float] = {}
    for f in facts:
        mine = [g for g in facts if g.edge.post == f.edge.post]
        unit = finest(vertices[f.edge.post], mine, f.edge.receptor, dt) / f.edge.per_weight
        found[f.edge.part] = max(found.get(f.edge.part, 0.0), unit)
    return found


def test_a_worker_survives_what_spynnaker_refuses() -> None:
    need_spynnaker()
    net = steps_of_a_millisecond()
    plan = lower(net, 1.0)
    vertices = vertices_of(net, plan)
    edges = [e for e in edges_of(plan, vertices) if isinstance(e, Edge)]
    with pytest.raises(WorkerError, match="sPyNNaker did not finish"):
        map_by_spynnaker(vertices, edges, 1.0, board=4711)
    assert shared_worker().alive


# --- without it -----------------------------------------------------------------------------------

ALONE = """
import sys
import neurosim as ns
from tests.fit.test_spinnaker_cores import steps_of_a_millisecond
fit = ns.check(steps_of_a_millisecond(), "spinnaker1")
assert fit.fits and len(fit.cores) == 5, fit
assert not {"spynnaker", "pyNN", "spinn_machine", "pacman"} & set(sys.modules)
"""


def test_cores_are_predicted_where_there_is_no_spynnaker(tmp_path: Path) -> None:
    environment = {**os.environ, "NEUROSIM_DATA_DIR": str(tmp_path)}
    environment.pop(ENVIRONMENT.variable, None)
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", ALONE], cwd=root, env=environment, check=True)


def test_asking_it_without_having_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUROSIM_DATA_DIR", str(tmp_path))
    monkeypatch.delenv(ENVIRONMENT.variable, raising=False)
    monkeypatch.setattr("neurosim_backends._worker.shared._workers", {})
    with pytest.raises(UnavailableError, match="neurosim backend install spinnaker"):
        ns.check(other_models(), "spinnaker1", map=True)
    done = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "300"})
    assert "neurosim backend install spinnaker" in done.output


def test_what_does_not_fit_is_told_with_a_way_out() -> None:
    net = ns.Network("wrong", seed=6, dt=0.1)
    cells = net.population("cells", 40, ns.LIF(synapses=CURRENTS))
    net.project(cells, cells, ns.OneToOne(), weight=-5.0, receptor="exc", name="sign")
    (sign,) = ns.check(net, "spinnaker1").misfits
    assert (sign.part, sign.field) == ("Projection 'sign'", "weight")
    assert "receptor 'inh'" in sign.remedy

    late = ns.Network("late", seed=6, dt=0.1)
    cells = late.population("cells", 256, ns.LIF(synapses=CURRENTS))
    late.project(cells, cells, ns.OneToOne(), weight=5.0, delay=40.0, receptor="exc")
    (delay,) = ns.check(late, "spinnaker1").misfits
    assert delay.value == "400 steps"
    assert "at most 288 steps" in delay.limit  # 9 times 32
    assert ns.check(late, "spinnaker1", dt=0.2).fits

    lost = ns.Network("lost", seed=6, dt=1.0)
    cells = lost.population("cells", 10, ns.LIF(synapses=CURRENTS))
    lost.project(cells, cells, ns.AllToAll(), weight=1e5, receptor="exc", name="strong")
    lost.project(cells, cells, ns.AllToAll(), weight=1e-3, receptor="exc", name="weak")
    (weight,) = ns.check(lost, "spinnaker1").misfits
    assert weight.part == "Projection 'weak'"
    assert "rounded to 0" in weight.limit

    large = ns.Network("large", dt=1.0)
    large.population("cells", 64 * 256, ns.LIF())
    (cores,) = ns.check(large, "spinnaker1", board=3).misfits
    assert (cores.value, cores.remedy) == ("64", "Use board 5")  # of 4 * 16 - 1
    assert ns.check(large, "spinnaker1", board=5).fits


def test_what_has_no_form_is_refused_by_name() -> None:
    net = ns.Network("mixed", dt=1.0)
    cells = net.population("cells", 3, ns.LIF())
    net.population("fine", 2, ns.AdEx())
    net.population("gamma", 2, ns.GammaProcess(rate=5.0, shape=2.0))
    net.project(cells, cells, ns.AllToAll(), weight=1.0, receptor="exc", plasticity=ns.STDP())
    fit = ns.check(net, "spinnaker2")
    assert {m.part for m in fit.misfits} >= {
        "Population 'fine'", "Population 'gamma'", "Projection 'cells->cells'"
    }  # fmt: skip
    assert not fit.cores


def test_wrong_questions_are_refused() -> None:
    net = other_models()
    with pytest.raises(ns.DescriptionError, match="3 or 5"):
        ns.check(net, "spinnaker1", board=201)
    with pytest.raises(ns.DescriptionError, match="check: chips"):
        ns.check(net, "spinnaker1", chips=2)


def test_charges_move_the_membrane_by_our_weights() -> None:
    """IF_curr_delta lets a charge flow for one step: V rises by R I (1 - exp(-dt/tau_m))."""
    net, dt = other_models(), 0.5
    plan = lower(net, dt)
    vertices = vertices_of(net, plan)
    edge = next(
        e
        for e in edges_of(plan, vertices)
        if isinstance(e, Edge) and vertices[e.post].model == "IF_curr_delta"
    )
    values: Any = vertices[edge.post].parameters
    current = edge.per_weight / dt  # nA
    rise = current * values["tau_m"] / values["cm"] * -np.expm1(-dt / values["tau_m"])
    assert rise == pytest.approx(1.0)  # mV

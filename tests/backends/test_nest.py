"""The NEST backend: its table of models, and what only NEST makes necessary."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim import capabilities
from neurosim.errors import (
    ApproximationWarning,
    CapacityError,
    DescriptionError,
    SimulationError,
    UnsupportedError,
)
from neurosim_backends.nest.table import KINDS, ROWS, Row, evaluate
from neurosim_models import izhikevich_2003

pytestmark = pytest.mark.compiled


@pytest.fixture
def nest() -> Iterator[Any]:
    from neurosim_backends.nest.kernel import load

    yield load()
    load().ResetKernel()


def cells(model: Any, n: int = 2) -> tuple[ns.Network, ns.Population]:
    net = ns.Network("net", seed=3)
    return net, net.population("cells", n, model)


def quietly(net: ns.Network, duration: float, backend: str = "nest", **more: Any) -> ns.Run:
    """Run without the warnings about what is approximated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        return ns.run(net, duration, backend=backend, **more)


# --- equations that NEST has compiled -------------------------------------------------------------


def test_izhikevich_2003_has_the_same_spikes_for_100_ms() -> None:
    """The step of the paper's script, which NEST takes with consistent_integration=False."""
    net = izhikevich_2003()
    net.record(net["exc"][:20], ["V_m", "u"])
    assert not ns.explain(net, "nest").approximated
    ours, theirs = ns.run(net, 100), ns.run(net, 100, "nest")
    assert theirs.provenance["models"] == {"exc": "izhikevich", "inh": "izhikevich"}
    for name, record in ours.spikes.items():
        np.testing.assert_array_equal(record.times, theirs.spikes[name].times)
        np.testing.assert_array_equal(record.ids, theirs.spikes[name].ids)
        assert len(record) > 200
    for name in ("V_m", "u"):
        a, b = (r.states["exc"][name].array for r in (ours, theirs))
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)


def test_equations_are_known_by_what_they_say() -> None:
    """Written in another order they are the same; with any other number they are not."""
    model = izhikevich_2003().populations["exc"].model

    def written(old: str = "", new: str = "", **more: Any) -> ns.NeuronModel:
        text = model.equations.replace(old, new) if old else model.equations
        facts: dict[str, Any] = {
            "equations": text, "threshold": model.threshold, "reset": "V_m = c; u += d",
            "inputs": {"pulse": "pulse"}, "method": "euler",
            "parameters": {"a": 0.02, "b": 0.2, "c": -65.0, "d": 8.0, "V_th": 30.0, "R": 1.0},
        }  # fmt: skip
        return ns.NeuronModel("mine", **(facts | more))

    def is_taken(mine: ns.NeuronModel, dt: float = 1.0) -> bool:
        net, _ = cells(mine)
        return not ns.explain(net, "nest", dt=dt).refused

    assert is_taken(written())
    assert is_taken(written("140*mV - u + R*I_total", "R*I_total - u + 0.14*V"))
    assert is_taken(written("pulse", "kick", inputs={"in": "pulse kick"}))
    for old, new in (("0.04", "0.041"), ("a*(b*V_next", "a*(b*V_m"), ("0.5*(", "0.6*("),
                     ("140*mV", "141*mV")):  # fmt: skip
        assert not is_taken(written(old, new))
    assert not is_taken(written(threshold="V_m > V_th"))
    assert not is_taken(written(reset="V_m = c; u = d"))
    assert not is_taken(written(method="rk4"))
    assert not is_taken(written(), dt=0.5)


# --- the table ----------------------------------------------------------------------------------


def stem_names(row: Row, stem: str) -> tuple[str, ...]:
    if row.style == "ports":
        return (stem,)
    return (f"{stem}_ex", f"{stem}_in")


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.neuron}/{'+'.join(r.kinds)}-{r.model}")
def test_rows_use_names_that_nest_has(row: Row, nest: Any) -> None:
    """Every parameter and state of the table is one of the model's, and is shown where it says."""
    status = dict(nest.GetDefaults(row.model))
    assert set(row.parameters) | set(row.vectors) | set(row.fixed) <= set(status)
    assert set(row.states.values()) <= set(status) & set(status.get("recordables", ()))
    for kind in (KINDS[k] for k in row.kinds if k in KINDS):
        for stem in kind.parameters.values():
            wanted = ("E_rev",) if (stem, row.style) == ("E", "ports") else stem_names(row, stem)
            assert set(wanted) <= set(status)
        for stem in (kind.state, kind.rate):
            names = stem_names(row, stem) if stem else ()
            if row.model != "gif_cond_exp_multisynapse":  # its list is longer than its receptors
                assert (stem in row.shown) == (bool(names) and set(names) <= set(status))
        recorded = [f"{kind.state}_1"] if row.style == "ports" else stem_names(row, kind.state)
        assert (kind.state in row.recorded) == (set(recorded) <= set(status["recordables"]))
    assert row.taken <= row.shown


@pytest.mark.parametrize("row", [r for r in ROWS if r.taken], ids=lambda r: r.model)
def test_states_that_are_taken_can_be_set_and_unsigned_ones_not_below_0(
    row: Row, nest: Any
) -> None:
    nest.ResetKernel()
    node = nest.Create(row.model)
    for stem in row.taken:
        for name in stem_names(row, stem):
            node.set({name: 2.5})
            assert node.get(name) == 2.5
            if stem in row.unsigned:
                with pytest.raises(nest.NESTError):
                    node.set({name: -1.0})
            else:
                node.set({name: -1.0})


def test_expressions_are_products_of_our_parameters() -> None:
    given = {"C_m": np.array([100.0, 200.0]), "tau_m": 10.0, "dt": 0.1, "a": 4.0}
    np.testing.assert_array_equal(evaluate("C_m/tau_m", given), [10.0, 20.0])
    assert evaluate("0", given) == 0.0
    assert evaluate("a", given) == 4.0
    with pytest.raises(KeyError):
        evaluate("tau", given)


def test_mixed_signs_choose_the_model_with_numbered_receptors() -> None:
    """An "exc" receptor with weights of both signs has no place where the sign names it."""
    for weight, model in ((40.0, "iaf_psc_exp"), (-40.0, "iaf_psc_exp_multisynapse")):
        net, p = cells(ns.LIF(synapses=ns.ExpCurrent(exc=2, inh=6)))
        net.drive(p, ns.Poisson(rate=900), weight=40.0, receptor="exc")
        net.drive(p, ns.Poisson(rate=900), weight=weight, receptor="exc")
        net.record(p, ["V_m", "I_exc"])
        run, core = ns.run(net, 20, backend="nest"), ns.run(net, 20)
        assert run.provenance["models"] == {"cells": model}
        for name in ("V_m", "I_exc"):
            np.testing.assert_allclose(
                run.states["cells"][name].array, core.states["cells"][name].array, atol=1e-10
            )
    net, p = cells(ns.AdEx())
    net.drive(p, ns.Poisson(rate=900), weight=[40.0, -40.0], receptor="exc")
    with (
        pytest.warns(ApproximationWarning),
        pytest.raises(UnsupportedError, match=r"'cells'.*'exc', 'inh'.*sign of the weight"),
    ):
        ns.compile(net, "nest")


@pytest.mark.parametrize(
    ("method", "order"), [("euler", 1), ("exponential_euler", 1), ("rk2", 2), ("rk4", 4)]
)
def test_off_by_an_error_of_the_order_that_is_told(method: str, order: int) -> None:
    """Half the step, 2^order times less: conductances decay while the membrane moves."""

    def off(dt: float) -> float:
        net, p = cells(ns.LIF(synapses=ns.ExpConductance(), V_th=1000.0, method=method))
        net.initialise(p, g_exc=[20.0, 5.0], g_inh=[3.0, 30.0])
        net.record(p, "V_m")
        runs = [quietly(net, 8, backend, dt=dt) for backend in ("cpu", "nest")]
        ours, theirs = (r.states["cells"]["V_m"].array[-1] for r in runs)
        return float(np.abs(ours - theirs).max())

    net, _ = cells(ns.LIF(synapses=ns.ExpConductance(), method=method))
    (told,) = (f for f in ns.explain(net, "nest").findings if f.feature == f"method:{method}")
    assert told.level == "approximated"
    assert f"order {order} in dt" in told.bound.replace("first order", "order 1")
    found = np.log2(off(0.2) / off(0.1))
    assert abs(found - order) < 0.4


def test_no_method_passes_beside_an_integrator_of_nests_own() -> None:
    """What passes is what both sides compute: exact LIF, Euler steps of Izhikevich."""
    models = (
        ns.LIF(synapses=ns.ExpConductance()), ns.LIF(synapses=ns.BetaConductance(), method="rk4"),
        ns.AdEx(), ns.ExponentialIF(), ns.HodgkinHuxley(synapses=ns.AlphaCurrent()),
        ns.TraubMiles(), ns.GIF(), ns.GIF(synapses=ns.ExpConductance()), ns.LIF(method="euler"),
    )  # fmt: skip
    for model in models:
        told = ns.explain(cells(model)[0], "nest").findings
        assert {f.level for f in told if f.feature.startswith("method:")} == {"approximated"}
        ways = [f.how for f in told if f.how]
        assert len(set(ways)) == len(ways)
    for same in (ns.LIF(), ns.LIF(synapses=ns.Delta()), ns.Izhikevich(), ns.Parrot()):
        assert not ns.explain(cells(same)[0], "nest").approximated


# --- what NEST does not let one set ---------------------------------------------------------------


def test_states_that_nest_does_not_take_are_started_or_refused() -> None:
    """A spike brings exponential currents; the rise of an alpha current that is under way, not."""
    net, p = cells(ns.LIF(synapses=ns.AlphaCurrent()))
    net.initialise(p, x_exc=[30.0, -20.0], x_inh=-4.0)
    net.record(p, ["V_m", "I_exc", "x_exc", "I_inh"], initial=True)
    run, core = ns.run(net, 15, backend="nest"), ns.run(net, 15)
    for name, trace in core.states["cells"].items():
        np.testing.assert_allclose(run.states["cells"][name].array, trace.array, atol=1e-10)
    net.initialise(p, I_exc=5.0)
    with pytest.raises(UnsupportedError, match=r"initial value of I_exc.*iaf_psc_alpha"):
        ns.compile(net, "nest")


def test_negative_conductances_start_at_zero_where_nest_has_none_and_that_is_told() -> None:
    net, p = cells(ns.TraubMiles(method="rk4"), 3)
    net.initialise(p, g_exc=[4.0, -7.5, 2.0], g_inh=[0.0, 3.0, 1.0])
    net.record(p, ["g_exc", "g_inh"], initial=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = ns.run(net, 1, backend="nest", dt=0.05)
    assert any("1 negative values start at 0" in str(w.message) for w in caught)
    g = run.states["cells"]["g_exc"].array
    np.testing.assert_array_equal(g[0], [4.0, 0.0, 2.0])
    np.testing.assert_allclose(g[-1], np.array([4.0, 0.0, 2.0]) * np.exp(-1 / 5), rtol=1e-9)
    np.testing.assert_allclose(run.states["cells"]["g_inh"].array[0], [0.0, 3.0, 1.0])
    told = [a for a in run.provenance["approximations"] if a["bound"] == 7.5]
    assert told[0]["part"] == "Population 'cells': initial value of g_exc"


def test_hidden_states_are_read_where_they_are_recorded() -> None:
    net, p = cells(ns.LIF(I_e=300.0))
    net.drive(p, ns.Poisson(rate=900), weight=40.0, receptor="exc")
    net.record(p[1], "I_exc")
    session, core = ns.compile(net, "nest"), ns.compile(net)
    assert session.get(p, "I_exc").tolist() == [0.0, 0.0]
    for _ in range(2):
        session.run(3.7)
        core.run(3.7)
        np.testing.assert_allclose(session.get(p[1], "I_exc"), core.get(p[1], "I_exc"), rtol=1e-12)
    with pytest.raises(UnsupportedError, match=r"I_exc: iaf_psc_exp shows it to recorders only"):
        session.get(p[0], "I_exc")
    with pytest.raises(UnsupportedError, match=r"session.set: I_exc of 'cells'"):
        session.set(p, I_exc=3.0)


def test_states_that_can_be_set_are_set_in_our_units() -> None:
    """Second states and inhibitory currents are other numbers in NEST."""
    for model, values in (
        (ns.AdEx(synapses=ns.AlphaCurrent()), {"x_exc": 50.0, "I_inh": -30.0, "w": 7.0}),
        (ns.LIF(synapses=ns.BetaConductance()), {"x_exc": 5.0, "g_exc": 3.0, "x_inh": 2.0}),
    ):
        net, p = cells(model)
        net.record(p, [*model.state_units])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ApproximationWarning)
            session, core = ns.compile(net, "nest", dt=0.02), ns.compile(net, dt=0.02)
        for s in (session, core):
            s.run(1)
            s.set(p[1], **values)
        for name, value in values.items():
            np.testing.assert_allclose(session.get(p[1], name), [value], rtol=1e-12)
        run, expected = session.run(8), core.run(8)
        for name, trace in expected.states["cells"].items():
            size = max(1.0, np.abs(trace.array).max())
            np.testing.assert_allclose(
                run.states["cells"][name].array, trace.array, atol=2e-4 * size, err_msg=name
            )


# --- currents, in pieces --------------------------------------------------------------------------


def injected() -> tuple[ns.Network, np.ndarray]:
    net, p = cells(ns.LIF(I_e=[200.0, 250.0, 300.0]), 3)
    source = net.population("in", 3, ns.Input("current"))
    net.project(source, p, ns.OneToOne(), weight=1.0)
    net.inject(p, ns.NoiseCurrent(mean=50.0, sd=300.0))
    net.inject(p[1:], ns.StepCurrent(times=[0.0, 3.0, 7.05], amplitudes=[20.0, 300.0, -10.0]))
    net.record(p, ["spikes", "V_m"])
    steps = np.arange(150)
    return net, 100 * np.stack([np.sin(steps / k) for k in (3, 5, 9)], axis=1)


@pytest.mark.parametrize("pieces", [(150,), (1, 1, 2, 3, 43, 100), (75, 75)])
def test_currents_act_in_their_step_however_a_run_is_cut(pieces: tuple[int, ...]) -> None:
    """NEST's devices need two steps from a current to the neuron; ours is there at once."""
    net, array = injected()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        core = ns.run(net, 15, inputs={"in": array})
        session = ns.compile(net, "nest")
    start, runs = 0, []
    for n in pieces:
        runs.append(session.run(n * 0.1, inputs={"in": array[start : start + n]}))
        start += n
    got = np.concatenate([r.states["cells"]["V_m"].array for r in runs])
    np.testing.assert_allclose(got, core.states["cells"]["V_m"].array, atol=1e-9)


def test_a_long_run_is_replayed_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for a few steps only, the drive is handed over in many pieces: the same run."""
    from neurosim_backends.nest import session

    net, p = cells(ns.LIF(synapses=ns.Delta(), t_ref=1.0), 20)
    net.drive(p, ns.Poisson(rate=9000), weight=0.4)
    net.project(p, p, ns.FixedIndegree(4), weight=-1.0, delay=ns.Uniform(0.1, 2.0))
    net.record(p, ["spikes", "V_m"])
    core = ns.run(net, 30)
    monkeypatch.setattr(session, "PIECE_BYTES", 20 * 400)
    run = ns.run(net, 30, backend="nest")
    assert len(core.spikes["cells"]) > 10
    np.testing.assert_array_equal(run.spikes["cells"].ids, core.spikes["cells"].ids)
    np.testing.assert_allclose(
        run.states["cells"]["V_m"].array, core.states["cells"]["V_m"].array, atol=1e-10
    )


# --- one kernel -----------------------------------------------------------------------------------


def test_an_older_session_says_that_its_network_is_gone(nest: Any) -> None:
    net, p = cells(ns.LIF())
    first = ns.compile(net, "nest")
    first.run(1)
    second = ns.compile(net, "nest")
    for use in (
        lambda: first.run(1),
        lambda: first.get(p, "V_m"),
        lambda: first.set(p, V_m=-60.0),
    ):
        with pytest.raises(UnsupportedError, match="session made later has taken its place"):
            use()
    second.run(1)
    first.reset()  # which takes the kernel again
    first.run(1)
    nest.Simulate(0.1)
    with pytest.raises(UnsupportedError, match="reset or run by other code"):
        first.run(1)


def test_nodes_of_somebody_else_are_not_lost_in_silence(nest: Any) -> None:
    """Before the first session, added to one of ours, and as many in a kernel emptied since."""
    net, p = cells(ns.LIF())
    net.record(p, ["spikes", "V_m"])
    ns.run(net, 1, backend="nest")
    n_ours = nest.network_size
    assert n_ours > 0
    ns.run(net, 1, backend="nest")  # ours take each other's place without a word
    nest.Create("iaf_psc_exp", 7)
    with pytest.warns(UserWarning, match="holds 7 nodes that neurosim did not make") as told:
        ns.run(net, 1, backend="nest")
    assert [w.filename for w in told] == [__file__]
    nest.ResetKernel()
    nest.Create("iaf_psc_exp", n_ours)
    with pytest.warns(UserWarning, match=f"holds {n_ours} nodes .* they are gone"):
        session = ns.compile(net, "nest")
    session.reset()
    nest.ResetKernel()
    nest.Create("iaf_psc_exp", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="holds 3 nodes"):
            ns.run(net, 1, backend="nest")
    assert nest.network_size == 3
    nest.ResetKernel()
    ns.run(net, 1, backend="nest")  # an empty kernel has nothing to lose


def test_a_network_that_failed_to_build_leaves_nothing_foreign(nest: Any) -> None:
    net, p = cells(ns.LIF(synapses=ns.AlphaCurrent()))
    net.initialise(p, I_exc=5.0)
    with pytest.raises(UnsupportedError, match="initial value of I_exc"):
        ns.compile(net, "nest")
    ns.run(cells(ns.LIF())[0], 1, backend="nest")


def test_threads_change_nothing() -> None:
    net, p = cells(ns.LIF(synapses=ns.Delta(), t_ref=1.0), 40)
    net.drive(p, ns.Poisson(rate=9000), weight=0.5)
    net.project(p, p, ns.FixedIndegree(5), weight=ns.Normal(-1.0, 0.2), delay=ns.Uniform(0.1, 2.0))
    net.record(p, ["spikes", "V_m"])
    one, two = (ns.run(net, 30, backend="nest", threads=k) for k in (1, 2))
    assert two.provenance["threads"] == 2
    assert len(one.spikes["cells"]) > 20
    np.testing.assert_array_equal(one.spikes["cells"].ids, two.spikes["cells"].ids)
    np.testing.assert_array_equal(one.spikes["cells"].times, two.spikes["cells"].times)
    np.testing.assert_allclose(
        one.states["cells"]["V_m"].array, two.states["cells"]["V_m"].array, atol=1e-11
    )


def test_nest_is_silent() -> None:
    code = (
        "import neurosim as ns\n"
        "net = ns.Network('n'); p = net.population('p', 2, ns.LIF(I_e=500.0))\n"
        "net.record(p, 'spikes'); run = ns.run(net, 30, backend='nest')\n"
        "assert len(run.spikes['p']) > 1\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYNEST_QUIET"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True,
        env=environment, timeout=100, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# --- refusals -------------------------------------------------------------------------------------


def test_what_nest_refuses_names_the_part() -> None:
    synapses = ns.Receptors(named={k: ns.ExpCurrent.receptor(tau=t) for k, t in
                                   zip("abc", (1.0, 10.0, 5.0), strict=True)})  # fmt: skip
    net, _ = cells(ns.LIF(tau_m=10.0, synapses=synapses))
    with pytest.raises(UnsupportedError, match=r"Population 'cells'.*must differ"):
        ns.compile(net, "nest")
    net, p = cells(ns.LIF())
    session = ns.compile(net, "nest")
    session.run(1)
    before = session.get(p, "V_m")
    with pytest.raises(UnsupportedError, match=r"'cells': parameters.*Reset potential"):
        session.set(p, V_th=-69.0, V_reset=-60.0)
    np.testing.assert_array_equal(session.get(p, "V_m"), before)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (ns.LIF(reset="subtract"), "resets V_m to V_reset"),
        (ns.LIF(synapses=ns.Receptors(ns.ExpCurrent(), d=ns.Delta())), "receptors of one kind"),
        (ns.HodgkinHuxley(), "alpha currents only"),
        (ns.GIF(t_ref=0.0), "while they are refractory only"),
        (ns.AdEx(synapses=ns.Receptors(ns.ExpCurrent(), z=ns.ExpCurrent.receptor())), "no third"),
        (ns.QuadraticIF(), "no such neuron"),
        (ns.TraubMiles(V_th=-60.0), "counts maxima"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_models_that_nest_has_not_are_refused_with_the_reason(model: Any, words: str) -> None:
    net, _ = cells(model)
    with pytest.raises(UnsupportedError, match=words) as caught:
        ns.compile(net, "nest")
    assert caught.value.part.startswith("Population 'cells'")
    assert caught.value.nearest


def test_relays_take_a_weight_of_one_only() -> None:
    net = ns.Network("relay")
    source = net.population("source", 2, ns.SpikeTimes([[1.0], [2.0]]))
    relay = net.population("relay", 2, ns.Parrot())
    net.project(source, relay, ns.FromList([(0, 0), (1, 1)], weight=[1.0, 2.0]))
    with pytest.raises(UnsupportedError, match=r"Projection 'source->relay'.*weight"):
        ns.compile(net, "nest")


def test_steps_that_nest_cannot_count_are_refused() -> None:
    net, _ = cells(ns.LIF(t_ref=0.0))
    with pytest.raises(DescriptionError, match=r"dt is 0.3333"):
        ns.compile(net, "nest", dt=1 / 3)
    net, p = cells(ns.LIF(t_ref=0.0, I_e=500.0))
    net.record(p, "V_m")
    run, core = (ns.run(net, 0.5, dt=0.0125, backend=b) for b in ("nest", "cpu"))
    np.testing.assert_allclose(
        run.states["cells"]["V_m"].array, core.states["cells"]["V_m"].array, atol=1e-12
    )


def test_a_network_that_does_not_fit_is_refused_before_it_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import psutil

    net, p = cells(ns.LIF(), 100)
    net.project(p, p, ns.AllToAll(), weight=1.0, receptor="exc")
    room = type("Room", (), {"available": 1_000_000})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: room)
    with pytest.raises(CapacityError, match=r"about 10,000 synapses need about 0.00125 GB"):
        ns.compile(net, "nest")


@pytest.mark.parametrize(
    ("found", "words"), [(None, "not installed"), ("3.8", "installed is nest-simulator 3.8")]
)
def test_a_missing_or_old_nest_says_what_to_install(
    found: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capabilities, "_installed", lambda name: found)
    monkeypatch.setattr(capabilities, "_has_module", lambda name: False)
    net, _ = cells(ns.LIF())
    with pytest.raises(capabilities.UnavailableError, match=words) as caught:
        ns.compile(net, "nest")
    assert "pip install 'neurosim-snn[nest]'" in str(caught.value)


def test_states_that_nest_finds_unreasonable_stop_the_run() -> None:
    net, p = cells(ns.AdEx(synapses=None))
    net.initialise(p, V_m=[-70.0, -5000.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        session = ns.compile(net, "nest")
    with pytest.raises(SimulationError, match=r"'net' at t = 0 ms: NEST stopped.*aeif_psc_delta"):
        session.run(3)
    with pytest.raises(SimulationError, match=r"session\.reset"):
        session.run(1)


# --- another realisation --------------------------------------------------------------------------


def test_failing_synapses_are_drawn_by_nest_where_that_is_allowed() -> None:
    net = ns.Network("release", seed=3)
    source = net.population("source", 100, ns.Poisson(rate=200))
    relay = net.population("relay", 100, ns.Parrot())
    p = net.population("cells", 50, ns.LIF(synapses=ns.Delta(), t_ref=0.0))
    net.project(source, relay, ns.OneToOne())
    net.project(relay, p, ns.FixedIndegree(8), weight=25.0, release=0.3)
    net.record(p, "spikes")
    with pytest.raises(UnsupportedError, match="release"):
        ns.compile(net, "nest")
    runs = [quietly(net, 400, approximate=["release"], trial=k) for k in (0, 1)]
    expected = len(ns.run(net, 400).spikes["cells"])
    assert expected > 8000
    for run in runs:
        assert abs(len(run.spikes["cells"]) - expected) < 5 * np.sqrt(2 * expected)
    assert len(runs[0].spikes["cells"]) != len(runs[1].spikes["cells"])


def test_escape_noise_is_another_realisation_of_the_same_process() -> None:
    """Rates of 200 GIF neurons agree within their own spread; trials differ."""
    net = ns.Network("gif", seed=3)
    p = net.population("cells", 200, ns.GIF(I_e=ns.Uniform(150, 250), synapses=None))
    net.record(p, "spikes")
    runs = [quietly(net, 500, trial=k) for k in (0, 1)]
    core = [ns.run(net, 500, trial=k) for k in (0, 1)]
    counts = [len(r.spikes["cells"]) for r in (*runs, *core)]
    assert counts[0] != counts[1]
    spread = 5 * np.sqrt(2 * np.mean(counts))
    assert abs(np.mean(counts[:2]) - np.mean(counts[2:])) < spread


def test_equations_of_ones_own_are_refused_with_what_they_would_take() -> None:
    """NESTML or not: the reason stands in docs/backends.md, and who takes equations is named."""
    model = ns.NeuronModel(
        "mine", equations="dv/dt = -v/tau : 1\ntau : ms", threshold="v > 1", reset="v = 0",
        parameters={"tau": 10.0},
    )  # fmt: skip
    net = ns.Network("custom", seed=1)
    net.population("cells", 2, model)
    (told,) = ns.explain(net, "nest").refused
    assert told.feature == "neuron:equations"
    for word in ("NESTML", "Boost", "libltdl", "nest-config", "docs/backends.md"):
        assert word in told.how
    assert "backend='brian2'" in told.nearest
    with pytest.raises(UnsupportedError, match=r"Population 'cells'.*NESTML"):
        ns.run(net, 1.0, backend="nest")
    assert ns.explain(net, "brian2").runs

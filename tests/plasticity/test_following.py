"""Rules that follow the membrane, a modulating population, or every step: against slow answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.engine.plastic import PlasticProjection
from neurosim.errors import DescriptionError, EquationError, UnknownNameError
from neurosim.kernels import plastic as kernels
from neurosim_backends.cpu import CPUSession
from tests.plasticity.oracle import exponential, follow_steps, in_ms
from tests.plasticity.test_laws import LEARNING, TRACED, recurrent

pytestmark = pytest.mark.compiled

DT = 0.5
STEPS = 240
TRAINS = [[3.0, 3.0, 20.5, 60.0, 61.0], [10.0, 35.5, 36.0, 90.0], [100.0]]

EVERYTHING = ns.PlasticityRule(
    "everything",
    pre="dx/dt = -x/tau : 1\ntau : ms",
    post="du/dt = (V_m_post - u)/tau_u : 1\ntau_u : ms\ndy/dt = (z - y)/tau : 1\n"
    "dz/dt = -z/tau_u : 1\ng = clip(u, 0, 30) + 0.1*spiked_post + q : 1\ndn/dt = -n/tau : 1",
    synapse="dc/dt = -c/tau : 1\ndb/dt = (x - b*b)/tau : 1",
    modulator="dd/dt = -d/tau : 1\nq = 0.01*V_m_mod : 1",
    on_pre="w += 0.01*u - 0.02*d*n; c += g; x += 1",
    on_post="z += 1; w += 0.03*z*u*d + 0.01*x; n += 0.1*u; c -= 0.1*y",
    on_modulator="d += 0.5; w -= 0.01*c",
    on_step="w += dt*k*b*g*reward; c += dt*m*n",
    parameters={"tau": 20.0, "tau_u": "7 ms", "k": "0.001/ms", "m": "0.01/ms"},
    signals=("reward",), initial={"u": 1.0, "d": 0.2},
    w_min=-50, w_max=50, delay="axonal",
)  # fmt: skip


def network(rule: Any, delay: Any = 1.0) -> ns.Network:
    """Return two neurons that learn from three, while two others modulate."""
    net = ns.Network("following", seed=4, dt=DT)
    source = net.population("source", 3, ns.SpikeTimes(TRAINS))
    model = ns.LIF(E_L=0, V_th=20, V_reset=0, t_ref=2, tau_m=10, C_m=250, synapses=ns.Delta())
    cells = net.population("cells", 2, model)
    teachers = net.population("teachers", 2, model)
    net.inject(cells, ns.ConstantCurrent(amplitude=[560, 640]))
    net.inject(teachers, ns.ConstantCurrent(amplitude=[600, 400]))
    needs = rule.plasticity_rule().program.needs_modulator
    net.project(
        source, cells, ns.AllToAll(), weight=np.array([[1.0, 2], [3, 4], [5, 6]]), delay=delay,
        plasticity=rule, name="p", modulator=teachers if needs else None,
    )  # fmt: skip
    net.record(cells, ["spikes", "V_m"], initial=True)
    net.record(teachers, ["spikes", "V_m"], initial=True)
    net.record(net["p"], "weight", initial=True)
    return net


def labels(run: ns.Run, name: str, neuron: int | None = None) -> list[int]:
    record = run.spikes[name]
    mine = slice(None) if neuron is None else record.ids == neuron
    return [round(t / DT) for t in record.times[mine]]


def everything_by_hand(run: ns.Run, reward: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights after every step, and c at the end."""
    k = in_ms(EVERYTHING)

    def advance(old: Any, _: Any) -> dict[str, float]:
        to_u, to_y = np.exp(-DT / k["tau_u"]), np.exp(-DT / k["tau"])
        return {
            "u": old["V_m_post"] + (old["u"] - old["V_m_post"]) * to_u,
            "y": old["z"] + (old["y"] - old["z"]) * to_y,
            "z": old["z"] * to_u, "d": old["d"] * to_y,
        }  # fmt: skip

    def expressions(now: Any) -> dict[str, float]:
        q = 0.01 * now["V_m_mod"]
        return {"q": q, "g": min(max(now["u"], 0.0), 30.0) + 0.1 * now["spiked_post"] + q}

    taught = run.states["teachers"]["V_m"].array.mean(axis=1)
    courses, cs = [], []
    for i in range(3):
        for j in range(2):
            values, _, course = follow_steps(
                EVERYTHING, 1.0 + 2 * i + j, DT, STEPS,
                arrivals=[round((t + 1.0) / DT) for t in TRAINS[i]],
                fired=labels(run, "cells", j), modulated=labels(run, "teachers"),
                states={"V_m_post": run.states["cells"]["V_m"].array[:, j], "V_m_mod": taught},
                advance=advance, expressions=expressions, signals={"reward": reward},
                euler=lambda now: {"b": (now["x"] - now["b"] ** 2) / k["tau"]},
                decay={name: exponential(k["tau"]) for name in ("x", "n", "c")},
            )  # fmt: skip
            courses.append(course)
            cs.append(values["c"])
    return np.array(courses).T, np.array(cs)


@pytest.mark.parametrize("precision", ["double", "single"])
def test_everything_that_can_be_followed_is_that_of_a_slow_answer(precision: str) -> None:
    """Membranes, modulators by spikes and by a mean, variables without a closed form, signals."""
    found = []
    for threads in (1, 2, 4):
        session = ns.compile(network(EVERYTHING), threads=threads, precision=precision)
        session.signal("p", reward=2.0)
        run = session.run(STEPS * DT)
        found.append((run.weights["p"].array, session.get("p", "c"), session.get("p", "b")))
    for other in found[1:]:
        assert all(np.array_equal(ours, its) for ours, its in zip(found[0], other, strict=True))
    assert len(labels(run, "cells")) > 5
    assert len(labels(run, "teachers")) > 5
    course, c = everything_by_hand(run, 2.0)
    tolerance = 1e-9 if precision == "double" else 2e-4
    np.testing.assert_allclose(found[0][1], c, rtol=tolerance)
    np.testing.assert_allclose(found[0][0][-1], course[-1], rtol=tolerance)
    without, _ = everything_by_hand(run, 0.0)
    assert abs(without[-1] - course[-1]).min() > 1e-3


def named_by_hand(
    rule: Any, run: ns.Run, weight: float, i: int, j: int
) -> tuple[dict[str, float], list[float], list[float]]:
    """Return what a synapse of `network` does under `Clopath` or `DopamineSTDP`."""
    k = in_ms(rule.plasticity_rule())

    def advance(old: Any, _: Any) -> dict[str, float]:
        if "tau_d" in k:
            return {"d": old["d"] * np.exp(-DT / k["tau_d"])}
        u = old["V_m_post"]
        return {
            f"u_{side}": u + (old[f"u_{side}"] - u) * np.exp(-DT / k[f"tau_{side}"])
            for side in ("minus", "plus")
        }

    def expressions(now: Any) -> dict[str, float]:
        if "tau_d" in k:
            return {}
        above = max(now["V_m_post"] - k["theta_plus"], 0.0)
        return {"rise": above * max(now["u_plus"] - k["theta_minus"], 0.0)}

    decay = {"x": "tau_x"} if "tau_x" in k else {"x": "tau_plus", "y": "tau_minus", "c": "tau_c"}
    return follow_steps(
        rule.plasticity_rule(), weight, DT, STEPS,
        arrivals=[round((t + 1) / DT) for t in TRAINS[i]],
        fired=labels(run, "cells", j), modulated=labels(run, "teachers"),
        states={"V_m_post": run.states["cells"]["V_m"].array[:, j]}, advance=advance,
        expressions=expressions, decay={n: exponential(k[tau]) for n, tau in decay.items()},
    )  # fmt: skip


@pytest.mark.parametrize(
    "rule",
    [
        ns.Clopath(theta_minus=4, theta_plus=9, a_ltd=0.02, a_ltp=0.01, w_max=30),
        ns.DopamineSTDP(a_plus=0.3, a_minus=0.2, amount=0.2, baseline=0.1, w_max=30),
    ],
    ids=["Clopath", "dopamine"],
)
def test_named_rules_that_follow_are_those_of_a_slow_answer(rule: Any) -> None:
    session = ns.compile(network(rule))
    run = session.run(STEPS * DT)
    found = session.get("p", "w").reshape(3, 2)
    for i in range(3):
        for j in range(2):
            values, _, _ = named_by_hand(rule, run, 1.0 + 2 * i + j, i, j)
            assert found[i, j] == pytest.approx(values["w"], rel=1e-9)
    assert abs(found - run.weights["p"].array[0].reshape(3, 2)).min() > 1e-3
    assert "every step: on_step" in str(ns.explain(network(rule)))
    assert ns.explain(network(rule), "nest").refused


@pytest.mark.parametrize("delay", ["dendritic", "axonal"])
@pytest.mark.parametrize("named", [LEARNING, TRACED], ids=["weights", "eligibility"])
def test_both_paths_have_the_same_bits(named: Any, delay: Any) -> None:
    """A synapse that waits for its source, and one that is seen to in every step."""
    lazy = replace(named, delay=delay).plasticity_rule()
    found = []
    for rule, threads in ((lazy, 1), *((replace(lazy, path="stepwise"), n) for n in (1, 2))):
        session = ns.compile(recurrent(rule, size=600), threads=threads)
        run = session.run(40.0)
        extra = [session.get("p", "c")] if named is TRACED else []
        found.append([session.get("p", "w"), run.spikes["cells"].times, *extra])
        assert isinstance(session, CPUSession)
        projection = session.engine.plastic["p"]
        assert isinstance(projection, PlasticProjection)
        assert (projection.parts[0].row[kernels.P_EVERY] != 0) == (rule is not lazy)
    assert len(found[0][1]) > 400
    for other in found[1:]:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(found[0], other, strict=True))


def test_bits_of_rules_that_follow_do_not_depend_on_threads_or_pieces() -> None:
    rule = ns.Clopath(theta_minus=8, theta_plus=14, a_ltd=2e-3, a_ltp=1e-3, w_max=2)
    found = []
    for threads, pieces in ((1, [10.0]), (2, [10.0]), (4, [4.0, 0.7, 5.3])):
        session = ns.compile(recurrent(rule), threads=threads)
        runs = []
        for duration in pieces:
            runs.append(session.run(duration).spikes["cells"].times)
            session.get("p", "w")
        assert isinstance(session, CPUSession)
        projection = session.engine.plastic["p"]
        assert isinstance(projection, PlasticProjection)
        assert len(projection.parts) >= min(threads, 2)
        found.append((np.concatenate(runs), session.get("p", "w")))
    start = ns.compile(recurrent(rule), threads=1).get("p", "w")
    assert (found[0][1] != start).mean() > 0.2
    for other in found[1:]:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(found[0], other, strict=True))


# --- e-prop ---------------------------------------------------------------------------------------

TAU_M, TAU_A, TAU_OUT, V_TH, GAMMA = 15.0, 60.0, 25.0, 1.0, 0.4
LENGTH = 60


def cell(beta: float) -> ns.NeuronModel:
    """Return a neuron that is held to the equations of e-prop, L being set or sent."""
    return ns.NeuronModel(
        "adaptive",
        equations="dV/dt = -V/tau_m : 1\nda/dt = -a/tau_a : 1\ndL/dt = (back - L)/tau_L : 1\n"
        "back : 1\ntau_m : ms\ntau_a : ms\ntau_L : ms\nbeta : 1\nV_th : 1",
        threshold="V >= V_th + beta*a", reset="V -= V_th; a += 1",
        inputs={"s": "jump V", "back": "additive"},
        parameters={
            "tau_m": TAU_M, "tau_a": TAU_A, "beta": beta, "V_th": V_TH,
            "tau_L": 1e300,  # it stays where it is put
        },
    )  # fmt: skip


def backpropagated(
    weight: np.ndarray, spikes: np.ndarray, out: np.ndarray, target: np.ndarray, beta: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the gradient of 1/2 sum (y - target)^2 through time, learning signals, and spikes.

    Every quantity of every step is kept on the way forth; the reset passes no gradient.
    """
    alpha, rho, kappa = (np.exp(-1 / tau) for tau in (TAU_M, TAU_A, TAU_OUT))
    n, m = weight.shape[1], out.shape[1]
    v, a, y = np.zeros(n), np.zeros(n), np.zeros(m)
    z, psi = np.zeros((LENGTH + 1, n)), np.zeros((LENGTH + 1, n))
    error = np.zeros((LENGTH + 1, m))
    for t in range(1, LENGTH + 1):
        v = alpha * v + spikes[t - 1] @ weight
        a = rho * a
        above = v - V_TH - beta * a
        z[t] = above >= 0
        psi[t] = GAMMA / V_TH * np.maximum(0, 1 - abs(above / V_TH))
        v, a = v - z[t] * V_TH, a + z[t]
        y = kappa * y + z[t] @ out
        error[t] = y - target[t]
    gradient, to_v, to_a, to_y = np.zeros_like(weight), np.zeros(n), np.zeros(n), np.zeros(m)
    for t in range(LENGTH, 0, -1):
        to_y = error[t] + kappa * to_y
        to_z = out @ to_y + rho * to_a
        to_v = psi[t] * to_z + alpha * to_v
        to_a = -beta * psi[t] * to_z + rho * to_a
        gradient += np.outer(spikes[t - 1], to_v)
    return gradient, error @ out.T, z


@pytest.mark.parametrize("beta", [0.0, 0.3], ids=["LIF", "ALIF"])
def test_eprop_of_a_layer_is_the_gradient(beta: float) -> None:
    """Bellec et al. (2020): without connections within the layer nothing is left out."""
    rng = np.random.default_rng(5)
    spikes = (rng.random((LENGTH + 1, 6)) < 0.15).astype(float)
    spikes[0] = 0
    weight, out = rng.uniform(0.1, 0.9, (6, 4)), rng.normal(0, 1, (4, 2))
    target = np.sin(np.arange(LENGTH + 1)[:, None] / np.array([6.0, 9.0]))
    expected, signal, z = backpropagated(weight, spikes, out, target, beta)
    net = ns.Network("layer", seed=1, dt=1.0)
    trains = [[float(t) for t in np.flatnonzero(column)] for column in spikes.T]
    source = net.population("source", 6, ns.SpikeTimes(trains))
    cells = net.population("cells", 4, cell(beta))
    rule = ns.EProp(
        eta=1e-3, tau_m=TAU_M, tau_a=TAU_A, tau_out=TAU_OUT, V_th=V_TH, gamma=GAMMA, beta=beta,
        w_min=-10, w_max=10, online=False,
    )  # fmt: skip
    net.project(
        source, cells, ns.AllToAll(), weight=weight, receptor="s", plasticity=rule, name="p"
    )
    net.record(cells, "spikes")
    session = ns.compile(net, threads=1)
    fired = np.zeros_like(z)
    for t in range(1, LENGTH + 1):
        session.set("cells", L=signal[t])
        fired[t, session.run(1.0).spikes["cells"].ids] = 1
    assert np.array_equal(fired, z)
    assert z.sum() > 10
    found = session.get("p", "gradient").reshape(6, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    session.signal("p", learn=1.0)
    np.testing.assert_allclose(session.get("p", "w").reshape(6, 4), weight - 1e-3 * expected)
    assert not session.get("p", "gradient").any()
    flat, _, _ = backpropagated(weight, spikes, out, target, beta + 0.1)
    assert not np.allclose(flat, expected, rtol=1e-3)


def test_eprop_of_a_recurrent_layer_with_a_readout_that_sends_back() -> None:
    """Eligibility of equations 20-28 step after step, on the course that the network took."""
    beta, eta = 0.3, 2e-3
    model = replace(cell(beta), parameters={**cell(beta).parameters, "tau_L": 2.0})
    net = ns.Network("recurrent", seed=3, dt=1.0)
    source = net.population("source", 6, ns.Poisson(rate=150))
    cells = net.population("cells", 5, model)
    readout = net.population(
        "readout", 2,
        ns.NeuronModel("leaky", equations="dy/dt = -y/tau : 1\ntau : ms",
                       inputs={"s": "jump y"}, parameters={"tau": TAU_OUT}),
    )  # fmt: skip
    net.project(source, cells, ns.AllToAll(), weight=0.4, receptor="s")
    rule = ns.EProp(
        eta=eta, tau_m=TAU_M, tau_a=TAU_A, tau_out=TAU_OUT, V_th=V_TH, gamma=GAMMA, beta=beta,
        w_min=-10, w_max=10,
    )  # fmt: skip
    net.project(
        cells, cells, ns.AllToAll(autapses=False), weight=ns.Uniform(0, 0.3), receptor="s",
        plasticity=rule, name="p",
    )  # fmt: skip
    net.project(cells, readout, ns.AllToAll(), weight=0.5, receptor="s")
    net.project(
        readout, cells, ns.AllToAll(), weight=ns.Normal(0, 1), source="y", receptor="back"
    )  # fmt: skip
    net.record(cells, ["spikes", "V", "a", "L"])
    session = ns.compile(net, threads=2)
    links = session.connections("p")
    run = session.run(LENGTH)
    z = np.zeros((LENGTH + 1, 5))
    z[np.rint(run.spikes["cells"].times).astype(int), run.spikes["cells"].ids] = 1
    assert z.sum() > 10
    v, a, signal = (run.states["cells"][name].array for name in ("V", "a", "L"))
    alpha, rho, kappa = (np.exp(-1 / tau) for tau in (TAU_M, TAU_A, TAU_OUT))
    for pre, post, before, after in zip(
        links.pre, links.post, links.weight, session.get("p", "w"), strict=True
    ):
        w, x, of_a, filtered = before, 0.0, 0.0, 0.0
        for t in range(1, LENGTH + 1):
            x = alpha * x + z[t - 1, pre]
            of_a *= rho
            above = v[t - 1, post] + z[t, post] * V_TH - V_TH - beta * (a[t - 1, post] - z[t, post])
            e = GAMMA / V_TH * max(0.0, 1 - abs(above / V_TH)) * (x - beta * of_a)
            filtered = kappa * filtered + e
            w -= eta * signal[t - 1, post] * filtered
            of_a += e
        assert after == pytest.approx(w, rel=1e-9)
        assert abs(after - before) > 1e-6


# --- what cannot be meant -------------------------------------------------------------------------


def test_rules_that_follow_what_is_not_there_are_refused() -> None:
    net = ns.Network("wrong")
    source = net.population("source", 2, ns.Poisson(rate=5))
    cells = net.population("cells", 2, ns.LIF(synapses=ns.Delta()))
    dopamine = ns.DopamineSTDP(w_max=30)
    with pytest.raises(DescriptionError, match="would wait for them for ever"):
        net.project(source, cells, ns.AllToAll(), plasticity=dopamine)
    with pytest.raises(DescriptionError, match="No rule with modulator="):
        net.project(source, cells, ns.AllToAll(), plasticity=LEARNING, modulator=source)
    with pytest.raises(UnknownNameError, match="V_x"):
        net.project(source, cells, ns.AllToAll(), plasticity=ns.Clopath(state="V_x", w_max=2))
    bounds: dict[str, Any] = {"w_min": 0, "w_max": 1}
    with pytest.raises(DescriptionError, match="'axonal'"):
        ns.PlasticityRule("slow", on_pre="w += 1e-3*V_m_post", **bounds)
    with pytest.raises(EquationError, match="knows its spikes only"):
        ns.PlasticityRule("other side", on_pre="w += V_m_pre", delay="axonal", **bounds)
    with pytest.raises(EquationError, match="which nothing assigns"):
        ns.PlasticityRule(
            "named", post="g = V_m_post : 1", on_post="g = 0; w += 1", delay="axonal", **bounds
        )
    with pytest.raises(EquationError, match="one for all synapses"):
        ns.PlasticityRule(
            "post", post="du/dt = (w - u)/ms : 1", on_pre="w += u", delay="axonal", **bounds
        )
    with pytest.raises(EquationError, match="reads itself"):
        ns.PlasticityRule(
            "loop", post="g = h : 1\nh = g : 1", on_pre="w += g", delay="axonal", **bounds
        )
    with pytest.raises(EquationError, match="no variable; here may change w"):
        ns.PlasticityRule("step", on_step="v += 1", **bounds)


def test_a_network_with_modulators_is_kept_whole(tmp_path: Any) -> None:
    net = network(EVERYTHING)
    net.save(tmp_path / "net.h5")
    again = ns.load(tmp_path / "net.h5")
    assert isinstance(again, ns.Network)
    assert again.content_hash() == net.content_hash()
    assert again["p"].modulator is not None
    other = network(replace(EVERYTHING, on_step="w += dt*k*b*g*reward; c -= dt*m*n"))
    assert other.content_hash() != net.content_hash()


@pytest.mark.parametrize("tau", ["-2 ms", 0.0])
@pytest.mark.parametrize(
    "texts",
    [
        {"pre": "du/dt = -u/tau : 1", "delay": "dendritic"},
        {"post": "du/dt = (V_m_post - u)/tau : 1"},
        {"post": "du/dt = (V_m_post - u)/tau : 1\ndv/dt = (u - v)/ms : 1"},
        {"modulator": "du/dt = -u/tau : 1", "on_modulator": "u += 1"},
    ],
)
def test_time_constants_are_above_0(texts: dict[str, Any], tau: Any) -> None:
    side = next(iter(texts))
    texts = {"delay": "axonal", **texts, side: texts[side] + "\ntau : ms"}
    named: dict[str, Any] = {"on_post": "w += 0.1*u", "w_min": 0, "w_max": 1}
    ns.PlasticityRule("decays", **named, **texts, parameters={"tau": 2.0})
    with pytest.raises(ns.DescriptionError, match="such that u decays"):
        ns.PlasticityRule("grows", **named, **texts, parameters={"tau": tau})

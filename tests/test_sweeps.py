"""Sweeps: every combination is, bit for bit, the single run with these values."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import neurosim as ns

N = 5
RNG = np.random.default_rng(4)
WEIGHTS = RNG.uniform(0.1, 1, (N, N)) * (1 - np.eye(N))
DELAYS = {
    "none": None,
    "on the grid": np.round(RNG.uniform(0.5, 3.0, (N, N)), 1),
    "between": RNG.uniform(0.25, 3.0, (N, N)),
}
EQUATIONS = """
dE/dt = (-E + (1 - E)/(1 + exp(-1.5*(16*E - 12*I + K + P - 3.0))))/tau_E + x/ms : 1
dI/dt = (-I + (1 - I)/(1 + exp(-1.5*(15*E - 3*I - 3.0))))/tau_I : 1
dx/dt = -x/tau_x + sigma*sqrt(2/tau_x)*xi : 1
tau_E : ms
tau_I : ms
tau_x : ms
"""


def brain(
    P: Any = 0.6, tau_E: float = 2.5, k: float = 1.0, *, delays: str = "between", n: int = N
) -> ns.Network:
    """Nodes with noise, heterogeneous inhibition, and delayed coupling."""
    model = ns.NeuronModel(
        "node",
        equations=EQUATIONS,
        inputs={"K": "additive"},
        parameters={
            "P": P, "tau_E": tau_E, "tau_I": np.linspace(3, 4, n), "tau_x": 5.0, "sigma": 0.05,
        },
    )  # fmt: skip
    net = ns.Network("brain", seed=3)
    cortex = net.population("cortex", n, model)
    net.initialise(cortex, E=ns.Uniform(0, 0.2))
    net.project(
        cortex, cortex, ns.FromMatrix(k * WEIGHTS[:n, :n]), delay=DELAYS[delays], source="E",
        receptor="K", name="tracts",
    )  # fmt: skip
    net.record(cortex, ["E", "I"], every=0.5)
    net.record(cortex, "E", every=0.5, reduce="mean", initial=True)
    return net


def spiking(I_e: float = 400.0, k: float = 1.0) -> ns.Network:
    net = ns.Network("spiking", seed=5)
    cells = net.population("cells", 10, ns.LIF(I_e=I_e))
    net.project(cells, cells, ns.FixedProbability(0.3), weight=20 * k, delay=1.5, receptor="exc",
                name="loop")  # fmt: skip
    net.drive(cells, ns.Poisson(rate=2000), weight=10, receptor="exc")
    net.record(cells, "spikes")
    net.record(cells, "V_m", every=1.0)
    return net


@pytest.mark.compiled
@pytest.mark.parametrize("delays", list(DELAYS))
@pytest.mark.parametrize("lanes", [2, 8])
def test_a_lane_is_the_single_run_bit_for_bit(delays: str, lanes: int) -> None:
    values: dict[str, Any] = {"P": [0.3, 1.0], "tau_E": [2.5, 3.1], "K_gl": [0.0, 0.7]}
    found = ns.sweep(
        brain(delays=delays), values, 6.0, names={"K_gl": "tracts.weight"}, trials=2, lanes=lanes
    )
    assert json.loads(found.attrs["provenance"])["path"] == "side by side"
    swept = ("P", "tau_E", "K_gl", "trial")
    assert found["cortex.E"].dims == (*swept, "time", "cortex.neuron")
    assert found["cortex.E (mean)"].dims == (*swept, "cortex.E (mean).time")
    for at in ((0, 0, 0, 0), (1, 0, 1, 1), (0, 1, 1, 0), (1, 1, 0, 1)):
        P, tau, k = (list(values.values())[d][at[d]] for d in range(3))
        run = ns.run(brain(P, tau, k, delays=delays), 6.0, trial=at[3])
        for name, trace in run.states["cortex"].items():
            ours = found[f"cortex.{name}"].values[at]
            expected = trace.array[:, 0] if trace.reduce == "mean" else trace.array
            assert np.array_equal(ours, expected), (name, at)


@pytest.mark.compiled
def test_single_precision_and_threads_change_nothing_of_the_law() -> None:
    values = {"P": np.linspace(0, 1.2, 5)}
    options = {"precision": "single"}
    one, two = (
        ns.sweep(brain(), values, 5.0, lanes=2, threads=k, **options)  # type: ignore[arg-type]
        for k in (1, 2)
    )
    assert one.equals(two)
    for k, P in enumerate(values["P"]):
        run = ns.run(brain(float(P)), 5.0, precision="single")
        assert np.array_equal(one["cortex.E"].values[k], run.states["cortex"]["E"].array)


@pytest.mark.compiled
def test_trials_differ_in_noise_alone() -> None:
    found = ns.sweep(brain(), {"P": [0.6]}, 3.0, trials=3, lanes=4)["cortex.E (mean)"].values[0]
    assert found[0, 0] == found[1, 0] == found[2, 0]
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[1], found[2])


@pytest.mark.compiled
def test_networks_that_spike_run_one_by_one_with_the_same_form() -> None:
    values = {"I_e": [300.0, 500.0], "loop": [0.5, 2.0]}
    found = ns.sweep(spiking(), values, 20.0, trials=2)
    told = json.loads(found.attrs["provenance"])
    assert (told["path"], told["why"]) == ("one by one", "population 'cells' fires")
    assert found["cells.V_m"].dims == ("I_e", "loop", "trial", "time", "cells.neuron")
    for at in ((0, 0, 0), (1, 0, 1), (1, 1, 0)):
        net = spiking(values["I_e"][at[0]], values["loop"][at[1]])
        run = ns.run(net, 20.0, trial=at[2])
        assert np.array_equal(found["cells.V_m"].values[at], run.states["cells"]["V_m"].array)
        assert np.array_equal(found["cells.spikes"].values[at], run.spikes["cells"].counts())


@pytest.mark.compiled
def test_a_measure_sees_each_run_and_is_all_that_is_kept() -> None:
    def measure(run: ns.Run) -> dict[str, Any]:
        trace = run.states["cortex"]["E"].array
        return {"top": trace.max(), "means": trace.mean(axis=0)}

    seen: list[tuple[int, int]] = []
    found = ns.sweep(
        brain(), {"P": [0.2, 0.9, 1.1]}, 4.0, measure=measure,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert set(found.data_vars) == {"top", "means"}
    for k, P in enumerate((0.2, 0.9, 1.1)):
        expected = measure(ns.run(brain(P), 4.0))
        assert found["top"].values[k] == expected["top"]
        assert np.array_equal(found["means"].values[k], expected["means"])


@pytest.mark.compiled
def test_what_leaves_the_finite_numbers_says_at_which_values() -> None:
    growth = ns.NeuronModel("growth", equations="dx/dt = a*x/ms : 1", parameters={"a": 0.1})
    net = ns.Network("growth")
    node = net.population("node", 1, growth)
    net.initialise(node, x=1.0)
    net.record(node, "x", every=1.0)
    with pytest.raises(
        ns.SimulationError, match=r"At a = 5000: Population 'node', variable x, neuron 0"
    ):
        ns.sweep(net, {"a": [0.1, 5000.0]}, 10.0)


def two() -> ns.Network:
    net = brain()
    other = net.population("thalamus", 2, net["cortex"].model.__class__(
        "other", equations="dx/dt = -x/tau_E : 1\ntau_E : ms", parameters={"tau_E": 3.0}
    ))  # fmt: skip
    net.record(other, "x", every=1.0)
    return net


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: ns.sweep(two(), {"tau_E": [1]}, 5), "'cortex.tau_E', 'thalamus.tau_E'"),
        (lambda: ns.sweep(brain(), {"Q": [1]}, 5), "'cortex.P'.*'tracts.weight'"),
        (lambda: ns.sweep(brain(), {"P": [1], "cortex.P": [2]}, 5), "means the same"),
        (lambda: ns.sweep(brain(), {}, 5), "a mapping of names"),
        (lambda: ns.sweep(brain(), {"P": 3}, 5), "a list of values"),
        (lambda: ns.sweep(brain(), {"P": []}, 5), "at least one"),
        (lambda: ns.sweep(brain(), {"P": [1, np.nan]}, 5), "'P'"),
        (lambda: ns.sweep(brain(), {"tau_E": ["3 mV"]}, 5), "tau_E"),
        (lambda: ns.sweep(brain(), {"tracts": ["a"]}, 5), "finite numbers"),
        (lambda: ns.sweep(brain(), {"P": [1]}, 5, names={"K": "tracts.weight"}), "'P'"),
        (lambda: ns.sweep(brain(), {"P": [1]}, 5, trials=0), "trials"),
        (lambda: ns.sweep(brain(), {"P": [1]}, 5, trials=2, trial=1), "either trial= or trials="),
        (lambda: ns.sweep(brain(), {"P": [1]}, 5, lanes=2000), "at most 1024"),
        (lambda: ns.sweep(brain(), {"P": [1]}, 5, thread=2), "threads"),
        (lambda: ns.sweep(brain(), {"P": [1]}, 0.05), "duration"),
        (lambda: ns.sweep(brain(), {"P": [1]}, 5, measure=3), "a function of a Run"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_swept_is_refused(ask: Callable[[], Any], message: str) -> None:
    with pytest.raises(ns.NeurosimError, match=message):
        ask()


@pytest.mark.compiled
def test_windows_compiled_are_windows_as_written() -> None:
    """The loop over vectors gives the bits of the plain one, in every form it has."""
    import numba

    from neurosim.kernels import windows

    rng = np.random.default_rng(0)
    m = 11
    place = rng.integers(10, 60, m).astype(np.uint32)
    weight, fraction = rng.normal(size=m), rng.uniform(size=m)
    for width, lanes, single, between, scaled in (
        (8, 1, False, False, False),
        (32, 8, False, True, True),
        (16, 4, True, True, False),
        (32, 16, True, False, True),
    ):
        past = rng.normal(size=70 * lanes + 64).astype(np.float32 if single else np.float64)
        factor = rng.normal(size=width)
        results = []
        space = {"window_sums": windows.window_sums}
        text = (
            "def call(a, b, c, d, e, f, m):\n"
            f"    return window_sums(a, b, c, d, e, f, m, {width}, {lanes}, {single}, {between}, "
            f"{scaled})\n"
        )
        exec(text, space)
        for call in (
            numba.njit(space["call"]),
            lambda *a, w=(width, lanes, single, between, scaled): windows.window_sums_slowly(
                *a, *w
            ),
        ):
            out = np.zeros(width)
            arrays = (out, past, place, weight, fraction, factor)
            call(*(a.ctypes.data for a in arrays), m)
            results.append(out)
        assert np.array_equal(results[0], results[1])
        assert results[0].any()
        space = {"scatter_windows": windows.scatter_windows}
        text = (
            "def call(a, b, c, d, e, f, m, to):\n"
            f"    return scatter_windows(a, b, c, d, e, f, m, to, {8 * width}, {width}, {lanes}, "
            f"{single}, {between}, {scaled})\n"
        )
        exec(text, space)
        target = np.sort(rng.integers(0, 3, m)).astype(np.uint32)
        scattered = []
        for order in (np.arange(m), np.argsort(np.arange(m) % 4, kind="stable")):
            out = np.zeros((3, width))
            sorted_: list[Any] = [a[order] for a in (place, weight, fraction, target)]
            p, w, f, to = (a.ctypes.data for a in sorted_)
            numba.njit(space["call"])(
                out.ctypes.data, past.ctypes.data, p, w, f, factor.ctypes.data, m, to
            )
            by_hand = np.zeros((3, width))
            windows.scatter_windows_slowly(
                by_hand.ctypes.data, past.ctypes.data, p, w, f, factor.ctypes.data, m, to,
                8 * width, width, lanes, single, between, scaled,
            )  # fmt: skip
            assert np.array_equal(out, by_hand)
            scattered.append(out)
        # Target by target, the same bits as sums in registers.
        for k in range(3):
            chosen = np.flatnonzero(target == k)
            one = np.zeros(width)
            parts = [np.ascontiguousarray(a[chosen]) for a in (place, weight, fraction)]
            p, w, f = (a.ctypes.data for a in parts)
            windows.window_sums_slowly(
                one.ctypes.data, past.ctypes.data, p, w, f, factor.ctypes.data, chosen.size, width,
                lanes, single, between, scaled,
            )  # fmt: skip
            assert np.array_equal(scattered[0][k], one)

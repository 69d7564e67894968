"""Generated kernels: one step is what the Plan says it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from neurosim.describe import neurons
from neurosim.engine.generate import BAD_MULTIPLICITY, NOT_FINITE
from neurosim.equations.model import NeuronModel
from neurosim.equations.spec import ModelSpec
from tests.engine.kernel_harness import Bench, values_of
from tests.oracles import ModelOracle

PRECISIONS = ("double", "single")


def delta_neuron() -> ModelSpec:
    """Return a leaky neuron whose two inputs act on V at once."""
    return NeuronModel(
        "delta",
        equations="""
            dV/dt = (E - V)/tau + R*I_injected/tau : mV (clamped)
            tau : ms
            E : mV
            R : GOhm
            V_th : mV
            V_r : mV
            t_ref : ms
        """,
        threshold="V >= V_th",
        reset="V = V_r",
        refractory="t_ref",
        inputs={"syn": "jump V"},
        parameters={"tau": 20, "E": 0, "R": 0.1, "V_th": 20, "V_r": 0, "t_ref": 5},
        initial={"V": "E"},
    ).spec()


def soft_reset() -> ModelSpec:
    """Return a model whose reset is a sequence in which later lines see earlier ones."""
    return NeuronModel(
        "soft",
        equations="""
            dV/dt = -V/tau + I_injected/C : mV
            dw/dt = -w/(5*tau) : mV
            tau : ms
            C : pF
            b : mV
        """,
        threshold="V >= 10*mV + w",
        reset="V = V - V**2/(20*mV); w = w + b; V = V - V**2/(50*mV) - 0.1*w",
        parameters={"tau": 10, "C": 100, "b": 2},
    ).spec()


def relay() -> ModelSpec:
    """Return the relay with its multiplicity."""
    return neurons.Parrot().neuron_model().spec()


def noisy() -> ModelSpec:
    """Return three independent noises in one model: an odd number of draws."""
    return NeuronModel(
        "noisy",
        equations="""
            dx/dt = xi_1/sqrt(tau) : 1
            dy/dt = xi_2/sqrt(tau) : 1
            dz/dt = xi_3/sqrt(tau) : 1
            tau : ms
        """,
        parameters={"tau": 1},
        method="euler",
    ).spec()


MODELS: dict[str, ModelSpec] = {
    "lif": neurons.LIF().neuron_model().spec(),
    "delta": delta_neuron(),
    "izhikevich": neurons.Izhikevich().neuron_model().spec(),
    "traub_miles": neurons.TraubMiles().neuron_model().spec(),
    "adex": neurons.AdEx().neuron_model().spec(),
    "soft": soft_reset(),
}

# A current that makes each fire within a few steps of a start near threshold [pA].
CURRENT = {
    "lif": 2500.0,
    "delta": 600.0,
    "izhikevich": 40.0,
    "traub_miles": 900.0,
    "adex": 4000.0,
    "soft": 900.0,
}


def input_of(spec: ModelSpec, n: int, steps: int) -> dict[str, Any]:
    """Return integer arrivals and drive per receptor: (steps, n)."""
    random = np.random.default_rng(5)
    return {
        r.name: (
            random.integers(0 if r.nonnegative else -20, 40, (steps, n)),
            random.uniform(0.0, 3.0, (steps, n)),
        )
        for r in spec.receptors
    }


def run(name: str, precision: str, n: int, steps: int, blocks: tuple[int, ...] = ()) -> Any:
    """Run a model under current, arrivals and drive; return ids per step and the bench."""
    spec = MODELS[name]
    current = CURRENT[name] * np.linspace(0.0, 1.0, 70)[:n]
    driven = tuple(r.name for r in spec.receptors)
    bench = Bench(
        spec,
        n,
        values_of(spec, I_injected=current),
        precision=precision,
        driven=driven,
        injected=True,
    )
    arriving = input_of(spec, 70, steps)
    ids = []
    for step in range(steps):
        for receptor, (counts, drive) in arriving.items():
            bench.arrive(receptor, step, counts[step, :n])
            bench.drive[receptor][:] = drive[step, :n]
        ids.append(bench.step(step, blocks).tolist())
    return ids, bench


@pytest.mark.parametrize("name", MODELS)
def test_is_the_program_carried_out_by_hand(name: str) -> None:
    """State and spikes of three neurons over 40 steps, against plain floats."""
    steps, chosen = 40, (0, 33, 69)
    spec = MODELS[name]
    ids, bench = run(name, "double", 70, steps)
    arriving = input_of(spec, 70, steps)
    fired_at_all = 0
    for k in chosen:
        oracle = ModelOracle(spec, values_of(spec))
        for step in range(steps):
            weights = {r: 0.125 * c[step, k] + d[step, k] for r, (c, d) in arriving.items()}
            spikes = oracle.step(weights, CURRENT[name] * np.linspace(0.0, 1.0, 70)[k])
            assert spikes == ids[step].count(1000 + k)
            fired_at_all += spikes
        for state, value in oracle.state.items():
            assert bench.state[state][k] == pytest.approx(float(value), rel=1e-9, abs=1e-9)
    assert fired_at_all > 0


@pytest.mark.compiled
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", MODELS)
def test_same_bits_wherever_a_block_ends(name: str, precision: str) -> None:
    """Vector loop and remainder round alike: populations of 1 to 70 have the same neurons."""
    _, full = run(name, precision, 70, 12)
    for n in range(1, 70):
        _, part = run(name, precision, n, 12)
        for state in full.state:
            assert full.state[state][:n].tobytes() == part.state[state].tobytes(), (n, state)


@pytest.mark.compiled
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["lif", "traub_miles"])
def test_same_bits_in_any_blocks(name: str, precision: str) -> None:
    """[0, n) gives what [0, a) and [a, n) give, ids included."""
    ids, whole = run(name, precision, 70, 30)
    for blocks in ((1,), (8,), (37,), (64,), (3, 3, 20, 69)):
        split_ids, split = run(name, precision, 70, 30, blocks)
        assert split_ids == ids
        assert split.snapshot() == whole.snapshot()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_refractory_time_is_held_in_full(precision: str) -> None:
    """V is held for round(t_ref/dt) steps after the spike: 16.0 ms, where Brian2 gives 15.9.

    The time to threshold is 11 ms: 110 steps up, 50 steps held.
    """
    spec = MODELS["delta"]
    # V = R I (1 - exp(-t/tau)) passes 20 mV between 10.9 and 11.0 ms.
    current = 200.0 / (1.0 - np.exp(-10.95 / 20.0))
    bench = Bench(spec, 1, values_of(spec, I_injected=current), precision=precision, injected=True)
    spikes = [step for step in range(700) if bench.step(step).size]
    assert np.diff(spikes).tolist() == [160, 160, 160]
    assert spikes[0] == 109  # carries the label 110: t = 11.0 ms


def test_held_at_reset_for_exactly_those_steps() -> None:
    """V_r at the end of the step of the spike and of the 50 steps after it."""
    spec = MODELS["delta"]
    bench = Bench(spec, 1, values_of(spec, V=25.0, V_r=3.0, E=10.0))
    trace = []
    for step in range(54):
        bench.step(step)
        trace.append(float(bench.state["V"][0]))
    assert trace[:51] == [3.0] * 51
    assert trace[51] > 3.0


def test_delta_arrivals_and_drive_are_lost_while_refractory() -> None:
    """And they are cleared, so that they do not come back afterwards."""
    spec = MODELS["delta"]
    bench = Bench(spec, 1, values_of(spec, V=25.0, scale_syn=1.0), driven=("syn",))
    for step in range(1, 51):
        bench.refractory[:] = 51 - step
        bench.state["V"][:] = 0.0
        bench.arrive("syn", step, [30])
        bench.drive["syn"][:] = 30.0
        assert bench.step(step).size == 0
        assert bench.state["V"][0] == 0.0
    assert bench.refractory[0] == 0.0
    assert not bench.acc.any()
    assert not bench.drive["syn"].any()
    bench.arrive("syn", 51, [30])
    assert bench.step(51).tolist() == [1000]


def test_threshold_includes_equality_and_arrivals_of_the_step() -> None:
    """19.9 mV and an arrival of 0.1 mV at t + dt fire in that step."""
    spec = MODELS["delta"]
    values = values_of(spec, V=np.array([0.0, 0.0]), V_th=16.0, scale_syn=0.5)
    bench = Bench(spec, 2, values)
    bench.arrive("syn", 0, [32, 31])
    assert bench.step(0).tolist() == [1000]
    assert bench.state["V"].tolist() == [0.0, 15.5]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_parameters_per_neuron(precision: str) -> None:
    """An array of a parameter, its constants and the steps held act as scalars do one by one."""
    spec = MODELS["lif"]
    tau = np.linspace(8.0, 12.0, 9)
    t_ref = np.round(np.linspace(0.5, 2.0, 9), 1)

    def trains(bench: Bench) -> list[list[int]]:
        return [bench.step(step).tolist() for step in range(300)]

    many = values_of(spec, tau_m=tau, t_ref=t_ref, I_injected=900.0)
    together = trains(Bench(spec, 9, many, precision=precision, injected=True))
    for k in range(9):
        one = values_of(spec, tau_m=tau[k], t_ref=t_ref[k], I_injected=900.0)
        alone = trains(Bench(spec, 1, one, precision=precision, injected=True, first_id=1000 + k))
        assert [[i for i in ids if i == 1000 + k] for ids in together] == alone
        assert any(alone)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_states_that_are_not_finite_are_reported(precision: str, value: float) -> None:
    """In any state, at any place of the vector or the remainder, though reset would hide it."""
    spec = MODELS["lif"]
    for state in spec.states:
        for k in (0, 5, 63, 64, 68):
            bench = Bench(spec, 69, values_of(spec), precision=precision)
            bench.state[state][k] = value
            assert bench.step(0) == NOT_FINITE
    assert Bench(spec, 69, values_of(spec), precision=precision).step(0).size == 0


@pytest.mark.parametrize("precision", PRECISIONS)
def test_relay_repeats_ids(precision: str) -> None:
    """As many spikes leave as arrive; ids ascend and repeat."""
    spec = relay()
    n = 150
    counts = np.random.default_rng(1).integers(0, 4, n)
    bench = Bench(
        spec, n, values_of(spec, scale_spikes=1.0), precision=precision, max_multiplicity=3
    )
    bench.arrive("spikes", 0, counts)
    expected = np.repeat(1000 + np.arange(n), counts)
    assert bench.step(0, (40, 104)).tolist() == expected.tolist()
    assert bench.step(1).size == 0


@pytest.mark.parametrize("precision", PRECISIONS)
def test_more_spikes_than_declared_stop_the_run(precision: str) -> None:
    """Nothing is written beyond the room there is."""
    spec = relay()
    for count, expected in ((3, 3), (4, BAD_MULTIPLICITY), (2_000_000_000, BAD_MULTIPLICITY)):
        bench = Bench(
            spec, 5, values_of(spec, scale_spikes=1.0), precision=precision, max_multiplicity=3
        )
        bench.arrive("spikes", 0, [0, 0, count, 0, 0])
        found = bench.step(0)
        assert (found if isinstance(found, int) else len(found)) == expected
        assert bench.spikes[3:].tolist() == [-5] * 12


@pytest.mark.compiled
@pytest.mark.parametrize("precision", PRECISIONS)
def test_escape_noise_fires_at_its_hazard(precision: str) -> None:
    """P(spike) = 1 - exp(-hazard dt), 5 standard errors, large and small intensities."""
    spec = NeuronModel(
        "escape", equations="dx/dt = 0*x/ms : 1\nrate : Hz", hazard="rate", parameters={"rate": 1.0}
    ).spec()
    n, steps = 5000, 40
    for hertz in (20_000.0, 1_000.0, 20.0):
        bench = Bench(spec, n, values_of(spec, x=0.0, rate=hertz), precision=precision)
        fired = sum(bench.step(step).size for step in range(steps))
        p = 1.0 - np.exp(-hertz * 1e-4)
        assert abs(fired - n * steps * p) < 5 * np.sqrt(n * steps * p * (1 - p)) + 1


@pytest.mark.compiled
@pytest.mark.parametrize("precision", PRECISIONS)
def test_noise_is_normal_and_independent(precision: str) -> None:
    """Across draws, neurons and steps; and it does not depend on blocks."""
    spec = noisy()
    n = 4000
    values = values_of(spec, x=0.0, y=0.0, z=0.0)
    bench = Bench(spec, n, values, precision=precision)
    rows: list[Any] = []
    for step in range(3):
        for row in bench.state.values():
            row[:] = 0.0
        bench.step(step, (333,) if step == 1 else ())
        rows.extend(row / np.sqrt(0.1) for row in bench.state.values())
    table = np.array(rows, np.float64)
    for row in table:
        assert stats.kstest(row, "norm").pvalue > 1e-4
    correlation = np.corrcoef(table)[np.triu_indices(9, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(n)
    neighbours = [np.corrcoef(row[1:], row[:-1])[0, 1] for row in table]
    assert np.abs(neighbours).max() < 5 / np.sqrt(n)
    again = Bench(spec, n, values, precision=precision)
    again.step(2)
    assert (again.state["x"] / np.sqrt(0.1)).astype(np.float64).tobytes() == table[6].tobytes()
    other = Bench(spec, n, values, precision=precision, key=(11, 23))
    other.step(2)
    assert not np.any(other.state["x"] == again.state["x"])
    late = Bench(spec, n, values, precision=precision)
    late.step(2 + 2**32)
    assert not np.any(late.state["x"] == again.state["x"])


def test_pulse_is_the_sum_of_this_step_only() -> None:
    """Arrivals and drive of the step move V in the step, and never again."""
    spec = MODELS["izhikevich"]
    values = values_of(spec)
    still, hit = (Bench(spec, 1, values, driven=("pulse",)) for _ in range(2))
    hit.arrive("pulse", 0, [16])
    hit.drive["pulse"][:] = 3.0
    still.step(0)
    hit.step(0)
    difference = hit.state["V_m"][0] - still.state["V_m"][0]
    assert difference == pytest.approx(0.1 * 5.0, rel=1e-12)
    hit.state["V_m"][:] = still.state["V_m"]
    still.step(1)
    hit.step(1)
    assert hit.state["V_m"][0] == still.state["V_m"][0]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_other_rows_and_other_slots_are_untouched(precision: str) -> None:
    """Only the row due, only the slots of this population's receptors."""
    spec = MODELS["lif"]
    bench = Bench(spec, 21, values_of(spec), precision=precision)
    bench.acc[:] = 7
    bench.step(4)
    expected = np.full_like(bench.acc, 7)
    for start in bench.slots.values():
        expected[5 % 3, start : start + 21] = 0
    assert np.array_equal(bench.acc, expected)


def digest_of_run(name: str, precision: str) -> dict[str, Any]:
    """Return spikes and final states of a short run, for a comparison across processes."""
    ids, bench = run(name, precision, 9, 40)
    return {"ids": ids, "state": {s: row.tolist() for s, row in bench.state.items()}}


@pytest.mark.compiled
def test_plain_python_gives_the_same_to_rounding() -> None:
    """With the jit switched off the very same source runs."""
    cases = [(name, precision) for name in MODELS for precision in PRECISIONS]
    script = (
        "import json; from tests.engine.test_generate_steps import *\n"
        f"print(json.dumps([digest_of_run(*case) for case in {cases!r}]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    for (name, precision), plain in zip(cases, json.loads(result.stdout), strict=True):
        compiled = digest_of_run(name, precision)
        tolerance = 1e-9 if precision == "double" else 2e-3
        assert plain["ids"] == compiled["ids"], (name, precision)
        for state, row in compiled["state"].items():
            np.testing.assert_allclose(
                row, plain["state"][state], rtol=tolerance, atol=tolerance, err_msg=name
            )

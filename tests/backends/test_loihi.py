"""Loihi's integers: equal to Lava's bit by bit, and near to what was described."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from benchmarks import loihi as benchmark
from neurosim.errors import (
    ApproximationWarning,
    CapacityError,
    DescriptionError,
    UnsupportedError,
)
from neurosim.kernels import loihi as kernels
from neurosim.kernels import loihi_learning as learning_kernels
from neurosim.kernels import loihi_messages as message_kernels
from neurosim.lower.lowering import lower
from neurosim_backends.loihi import chip as chips
from neurosim_backends.loihi.backend import Loihi
from neurosim_backends.loihi.chip import (
    Chip,
    Compartments,
    Generators,
    Given,
    Group,
    IntegerNetwork,
    stored_weights,
)
from neurosim_backends.loihi.learning import stdp_of, taught
from neurosim_backends.loihi.quantise import quantise
from tests.backends.loihi_networks import (
    SEEN,
    Trial,
    corner_trial,
    differences,
    digits_in_changes,
    golden_trials,
    random_trial,
    run_ours,
)
from tests.conversion.digits_cnn import trained

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.filterwarnings("ignore::neurosim.errors.ApproximationWarning"),
]

GOLDEN = golden_trials()

# --- bits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(GOLDEN)))
def test_what_lava_did_is_repeated_bit_by_bit(number: int) -> None:
    trial, seen = GOLDEN[number]
    assert differences(run_ours(trial), seen) == []


def test_pieces_have_the_bits_of_the_whole() -> None:
    trial, seen = GOLDEN[1]
    chip = Chip(trial.network)
    parts = []
    for first, last in ((0, 1), (1, 30), (30, trial.n_steps)):
        mine = (trial.given.step >= first) & (trial.given.step < last)
        part = Given(
            step=trial.given.step[mine] - first, neuron=trial.given.neuron[mine],
            many=trial.given.many[mine],
        )  # fmt: skip
        parts.append(chip.run(last - first, part, trial.watched))
    for name in SEEN:
        joined = np.concatenate([getattr(p, name) for p in parts])
        np.testing.assert_array_equal(joined, getattr(seen, name))


SOURCE = Path(kernels.__file__).read_text()
LEARNING_SOURCE = Path(learning_kernels.__file__).read_text()
MESSAGE_SOURCE = Path(message_kernels.__file__).read_text()

FAULTS = {
    "decay rounds down": ("return -((-product) >> DECAY_BITS)", "return product >> DECAY_BITS"),
    "decay of the current without its offset": ("populations[p, DU] + 1", "populations[p, DU]"),
    "threshold met is threshold passed": ("potential > threshold:", "potential >= threshold:"),
    "currents saturate": ("return current - 2 * STATE_LIMIT", "return STATE_LIMIT - 1"),
    "wraps too early": ("if current > STATE_LIMIT", "if current >= STATE_LIMIT"),
    "wraps too late": ("if current <= -STATE_LIMIT", "if current < -STATE_LIMIT"),
    "potentials wrap": ("potential = clipped(total)", "potential = wrapped(total)"),
    "one more below": ("max(-(STATE_LIMIT - 1)", "max(-STATE_LIMIT"),
    "sums are shifted toward zero": (
        "return total >> -exponent", "return int(total / 2.0**-exponent)",
    ),
    "weights are not aligned": ("(int(row[k]) << ALIGNMENT)\n     ", "int(row[k])\n     "),
    "the threshold is not aligned": ("populations[p, VTH] << ALIGNMENT", "populations[p, VTH]"),
    "spikes arrive a step late": (
        "arrived[(step + 1 + slot[s]) % depth", "arrived[(step + 2 + slot[s]) % depth",
    ),
    "payloads are ignored": ("int(fired_many[f]) if groups[g, IS_GRADED] else 1", "1"),
    "payloads always count": (
        "int(fired_many[f]) if groups[g, IS_GRADED] else 1", "int(fired_many[f])",
    ),
    "spikes do not reset": ("                    potential = 0\n", ""),
    "the bias is left out": (" + int(bias[k])", ""),
}  # fmt: skip


LEARNING_FAULTS = {
    "traces keep what is above 127": ("min(HIGHEST_TRACE, trace + impulse)", "(trace + impulse)"),
    "traces round down": ("int(value) + (drawn < value % 1.0)", "int(value)"),
    "the accumulator is not bounded": (
        "max(-ACCUMULATOR - 1, min(ACCUMULATOR - 1, sum_of_products))", "sum_of_products",
    ),
    "weights round down": ("whole + (drawn < fraction)", "whole"),
    "weights round to the nearest": ("whole + (drawn < fraction)", "whole + (0.5 < fraction)"),
    "weights have no bounds": ("max(low, min(high, whole + (drawn < fraction)))", "whole"),
    "a second spike of an epoch is lost": ("raised(trace[k], impulse)", "trace[k]"),
    "a spike raises a step later": ("if last[at + k] == t:", "if last[at + k] == t - 1:"),
    "the trace is read at the end of the epoch": ("history_y[at_pre, j]", "history_y[epoch, j]"),
    "potentiation of synapses that also depress is lost": (
        "            if at_post > 0:", "            if False:",
    ),
    "spike times stay": ("        last_x[pre_at + i] = 0", "        pass"),
}  # fmt: skip


MESSAGE_FAULTS = {
    "changes below the threshold are sent": ("abs(delta) >= threshold", "abs(delta) >= 0"),
    "the threshold must be passed": ("abs(delta) >= threshold", "abs(delta) > threshold"),
    "changes downward are kept": ("abs(delta) >= threshold", "delta >= threshold"),
    "what was not sent is forgotten": ("residue[k] = delta - sent", "residue[k] = 0"),
    "all that was not sent is sent again": ("residue[k] = delta - sent", "residue[k] = delta"),
    "messages are rounded toward zero": (
        "message = sent >> state_exp", "message = int(sent / 2**state_exp)",
    ),
    "the bias is left out": ("total + int(bias[k])", "total"),
    "nothing is rectified": ("            if rectifies:", "            if False:"),
    "encoders ignore the exponent of messages": (
        "<< (spike_exp + state_exp)", "<< state_exp",
    ),
    "nothing is summed": ("int(sigma[k]) + int(row[k])", "int(row[k])"),
    "sums of convolutions do not wrap": (
        "(total + MESSAGE_LIMIT) % (2 * MESSAGE_LIMIT) - MESSAGE_LIMIT", "total",
    ),
    "sums of convolutions saturate": (
        "(total + MESSAGE_LIMIT) % (2 * MESSAGE_LIMIT) - MESSAGE_LIMIT",
        "max(-MESSAGE_LIMIT, min(MESSAGE_LIMIT - 1, total))",
    ),
    "kernels are turned around": (
        "tap = i * form[KERNEL_WIDTH] + j",
        "tap = (form[KERNEL_HEIGHT] - i) * form[KERNEL_WIDTH] - 1 - j",
    ),
    "strides are left out": ("y // form[STRIDE_Y] * out_width", "y * out_width"),
    "padding is left out": ("line + form[PADDING_Y] -", "line -"),
    "dilation is left out": ("j * form[DILATION_X]", "j"),
    "blocks of channels are mixed": ("+ block * each", ""),
    "payloads are ignored by convolutions": ("int(fired_many[f]) if form[COUNTS] else 1", "1"),
    "payloads always count for convolutions": (
        "int(fired_many[f]) if form[COUNTS] else 1", "int(fired_many[f])",
    ),
}  # fmt: skip


def as_python(
    source: str, learning_source: str = LEARNING_SOURCE, message_source: str = MESSAGE_SOURCE
) -> SimpleNamespace:
    """Return the kernels of source texts, as the Python they are written in."""
    plain = _plain(source)
    for name, text in (("learning", learning_source), ("messages", message_source)):
        planted = ModuleType(f"planted_{name}")
        exec(compile(_plain(text), planted.__name__, "exec"), planted.__dict__)
        sys.modules[planted.__name__] = planted
        plain = plain.replace(f"from neurosim.kernels.loihi_{name}", f"from planted_{name}")
    names: dict[str, Any] = {"__name__": "planted"}
    exec(compile(plain, "planted", "exec"), names)
    return SimpleNamespace(**names)


def _plain(source: str) -> str:
    plain = source.replace(
        "from neurosim.kernels.jit import inlined, kernel", "inlined = kernel = lambda f: f"
    )
    assert plain != source
    return plain


def run_with(module: Any, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> chips.Seen:
    monkeypatch.setattr(chips, "kernels", module)
    return run_ours(trial)


def test_the_kernel_as_python_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for trial, seen in GOLDEN:
        assert differences(run_with(as_python(SOURCE), trial, monkeypatch), seen) == []


@pytest.mark.parametrize("fault", LEARNING_FAULTS)
def test_faults_in_learning_are_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = LEARNING_FAULTS[fault]
    assert LEARNING_SOURCE.count(old) == 1
    broken = as_python(SOURCE, LEARNING_SOURCE.replace(old, new))
    taught = [(t, seen) for t, seen in GOLDEN if seen.weights]
    found = any(differences(run_with(broken, t, monkeypatch), seen) for t, seen in taught)
    assert found, f"no golden network shows that {fault}"


@pytest.mark.parametrize("fault", MESSAGE_FAULTS)
def test_faults_in_messages_are_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = MESSAGE_FAULTS[fault]
    assert MESSAGE_SOURCE.count(old) == 1
    broken = as_python(SOURCE, message_source=MESSAGE_SOURCE.replace(old, new))
    sent = [(t, seen) for t, seen in GOLDEN if t.network.convolutions]
    for trial, seen in sent:
        try:
            found = differences(run_with(broken, trial, monkeypatch), seen)
        except (IndexError, OverflowError):  # numba would have gone on, and written elsewhere
            found = ["places"]
        if found:
            return
    pytest.fail(f"no golden network shows that {fault}")


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_in_the_kernel_are_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = FAULTS[fault]
    assert SOURCE.count(old) == 1
    broken = as_python(SOURCE.replace(old, new))
    found = any(differences(run_with(broken, t, monkeypatch), seen) for t, seen in GOLDEN)
    assert found, f"no golden network shows that {fault}"


def test_random_networks_reach_all_there_is() -> None:
    trials = [random_trial(seed) for seed in range(50)]
    groups = [g for t in trials for g in t.network.groups]
    assert {g.bits for g in groups} == set(range(1, 9))
    assert {g.exponent for g in groups} == set(range(-8, 8))
    assert {g.sign for g in groups} == {"mixed", "excitatory", "inhibitory"}
    assert max(g.slot.max() for g in groups) == 63
    assert {g.graded for g in groups} == {True, False}
    assert any(g.pre == g.post for g in groups)
    run = [Chip(t.network) for t in trials]
    for one, t in zip(run, trials, strict=True):
        one.run(t.n_steps, t.given)
    assert sum(c.wraps > 0 for c in run) > 5
    assert sum(c.clips > 0 for c in run) > 5


@given(
    st.lists(st.integers(-400, 400), min_size=1), st.sampled_from(["mixed", "excitatory"]),
    st.integers(1, 8),
)  # fmt: skip
def test_stored_weights_are_multiples_within_their_range(
    weights: list[int], sign: Any, bits: int
) -> None:
    kept = stored_weights(np.array(weights), sign, bits)
    step = 2 ** (8 - bits + (sign == "mixed"))
    low = -256 if sign == "mixed" else 0
    assert np.all(kept % step == 0)
    np.testing.assert_array_equal(kept, stored_weights(kept, sign, bits))  # once is enough
    inside = np.clip(weights, low, 255)
    assert np.all((inside - kept >= 0) & (inside - kept < step))
    mirrored = stored_weights(-np.array(weights), "inhibitory", bits)
    if sign == "excitatory":
        np.testing.assert_array_equal(mirrored, -kept)


ZEROS = np.zeros(2, np.int64)
COMPARTMENTS = Compartments(
    name="cells", du=0, dv=0, vth=5, bias_mant=ZEROS, bias_exp=ZEROS, u=ZEROS, v=ZEROS
)
GROUP = Group(
    name="synapses", pre=0, post=1, pre_id=np.array([0, 1]), post_id=np.array([0, 1]),
    weight=np.array([3, 4]), slot=ZEROS,
)  # fmt: skip


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: replace(COMPARTMENTS, du=4096), "'cells': du"),
        (lambda: replace(COMPARTMENTS, vth=1 << 17), "'cells': vth"),
        (lambda: replace(COMPARTMENTS, bias_mant=np.array([0, 4096])), "'cells': bias_mant"),
        (lambda: replace(COMPARTMENTS, v=np.array([0, 1 << 23])), "'cells': v"),
        (lambda: replace(GROUP, slot=np.array([0, 64])), "'synapses': slot"),
        (lambda: replace(GROUP, exponent=8), "'synapses': exponent"),
        (lambda: replace(GROUP, bits=0), "'synapses': bits"),
        (lambda: replace(GROUP, pre_id=ZEROS, post_id=ZEROS), "two synapses of one pair"),
        (lambda: network_of(replace(GROUP, post_id=np.array([0, 2]))), "'synapses': post_id"),
        (lambda: network_of(replace(GROUP, post=0)), "'synapses': post"),
        (lambda: Given.of(np.zeros(1 << 16, int), np.zeros(1 << 16, int)), "in one step"),
    ],
)
def test_what_no_register_holds_is_refused(make: Callable[[], Any], named: str) -> None:
    with pytest.raises(DescriptionError, match=named):
        make()


def network_of(*groups: Group) -> IntegerNetwork:
    return IntegerNetwork(populations=(Generators(name="in", size=2), COMPARTMENTS), groups=groups)


def test_what_lava_would_let_overflow_is_refused() -> None:
    n = 600
    heavy = Group(
        name="heavy", pre=0, post=1, pre_id=np.arange(n), post_id=np.zeros(n, int),
        weight=np.full(n, 255), slot=np.zeros(n, int), exponent=7, sign="excitatory",
    )  # fmt: skip
    network = IntegerNetwork(
        populations=(Generators(name="in", size=n), COMPARTMENTS), groups=(heavy,)
    )
    with pytest.raises(DescriptionError, match=r"'cells'.*neuron 0"):
        Chip(network)


# --- what the integers mean -----------------------------------------------------------------------


def session(net: ns.Network, **options: Any) -> Any:
    return ns.compile(net, "loihi", **options)


@settings(max_examples=4)  # each builds both sides anew
@given(
    st.lists(st.integers(-8, 8), min_size=3, max_size=3),
    st.integers(1, 60),
    st.integers(0, 2**20),
)
def test_networks_of_whole_numbers_run_as_described(
    weights: list[int], delay: int, seed: int
) -> None:
    """Jumps and thresholds that are multiples of one number, without a leak: the very same run."""
    net = ns.Network("whole", seed=seed, dt=1.0)
    trains = [[float(1 + (7 * k) % 29), float(31 + k)] for k in range(6)]
    source = net.population("source", 6, ns.SpikeTimes(trains))
    cells = net.population(
        "cells", 4, ns.PerfectIntegrator(synapses=ns.Delta(), V_th=10.0, reset="to")
    )
    for k, weight in enumerate(weights):
        pre = source if k else cells
        net.project(pre, cells, ns.FixedIndegree(3), weight=1.25 * weight, delay=delay, name=f"{k}")
    net.record(cells, ["spikes", "V_m"])
    run, core = ns.run(net, 100, "loihi"), ns.run(net, 100)
    np.testing.assert_array_equal(run.spikes["cells"].times, core.spikes["cells"].times)
    np.testing.assert_array_equal(run.spikes["cells"].ids, core.spikes["cells"].ids)
    np.testing.assert_array_equal(
        run.states["cells"]["V_m"].array, core.states["cells"]["V_m"].array
    )


def leaky(**more: Any) -> ns.LIF:
    facts: dict[str, Any] = {"tau_m": 20.0, "t_ref": 0.0, "V_reset": -66.0}
    facts["synapses"] = ns.Receptors(syn=ns.ExpCurrent.receptor(tau=5.0))
    return ns.LIF(**{**facts, **more})


def told(run: ns.Run, part: str) -> float:
    """Return the bound that a run tells of a part."""
    entries = run.provenance["approximations"]
    return float(max((e["bound"] for e in entries if e["part"] == part), default=0.0))


def test_currents_and_potentials_follow_in_time_and_size() -> None:
    """One spike: u and v are those of the core, to the roundings, at the same steps."""
    net = ns.Network("one spike", dt=1.0)
    source = net.population("source", 1, ns.SpikeTimes([[5.0]]))
    cells = net.population("cells", 2, leaky(V_reset=-70.0))
    net.project(source, cells, ns.AllToAll(), weight=np.array([[200.0, 90.0]]), delay=3.0)
    net.record(cells, ["V_m", "I_syn"], initial=True)
    run, core = ns.run(net, 60, "loihi"), ns.run(net, 60)
    for name in ("I_syn", "V_m"):
        mine, theirs = run.states["cells"][name], core.states["cells"][name]
        size = np.ptp(theirs.array, axis=0)
        np.testing.assert_array_equal(mine.times, theirs.times)
        assert np.all(np.abs(mine.array - theirs.array) <= 0.02 * size)
    arrived = run.states["cells"]["I_syn"].array[:, 0]
    assert np.flatnonzero(arrived)[0] == 8
    # The charge of a spike is kept, whatever became of the time constant.
    charge = [r.states["cells"]["I_syn"].array.sum(axis=0) for r in (run, core)]
    np.testing.assert_allclose(charge[0], charge[1], rtol=1e-2)


@pytest.mark.parametrize("dt", [0.1, 1.0])
@pytest.mark.parametrize("V_reset", [-70.0, -66.0, -90.0])
def test_rest_is_where_it_was(dt: float, V_reset: float) -> None:
    """Where a constant current leads to is kept, to the bias and the dropped fractions."""
    net = ns.Network("rest", dt=dt)
    cells = net.population("cells", 3, leaky(V_reset=V_reset, I_e=[-60.0, 0.0, 120.0]))
    net.record(cells, "V_m")
    run, core = ns.run(net, 300, "loihi"), ns.run(net, 300)
    off = np.abs(run.states["cells"]["V_m"].array - core.states["cells"]["V_m"].array)[-1]
    resistance = 20.0 / 250.0
    allowed = told(run, "Population 'cells': I_e") * resistance
    assert off.max() <= allowed + told(run, "Population 'cells': V_m") + 1e-9
    assert off.max() < 0.01


@pytest.mark.parametrize(("gap", "fires"), [(15.0, True), (14.9, False)])
def test_the_threshold_is_met_when_it_is_reached(gap: float, fires: bool) -> None:
    net = ns.Network("tie", dt=1.0)
    source = net.population("source", 1, ns.SpikeTimes([[2.0]]))
    cell = net.population("cell", 1, ns.LIF(t_ref=0.0, synapses=ns.Delta()))
    net.project(source, cell, ns.OneToOne(), weight=gap)
    net.record(cell, "spikes")
    assert len(ns.run(net, 6, "loihi").spikes["cell"]) == fires


@settings(max_examples=20)
@given(
    st.lists(st.floats(-300, 300), min_size=1, max_size=12),
    st.sampled_from([0.1, 0.5, 1.0, 2.0]),
)
def test_no_weight_is_further_off_than_told(weights: list[float], dt: float) -> None:
    n = len(weights)
    net = ns.Network("weights")
    source = net.population("source", n, ns.SpikeTimes([[1.0]] * n))
    cells = net.population("cells", 1, leaky())
    net.project(
        source, cells, ns.AllToAll(), weight=np.array(weights)[:, None], delay=2.0, name="p"
    )
    found = quantise(lower(net, dt))
    bound = max(
        (e["bound"] for e in found.approximations if e["part"].startswith("Projection 'p'")),
        default=0.0,
    )
    (group,) = found.network.groups
    order = np.argsort(group.pre_id)
    kept = (group.stored * 2.0**group.exponent)[order]
    # per pA, from the largest weight: its rounding is within the bound, too
    unit = 64 / found.meanings[1].current_scale
    np.testing.assert_allclose(kept * unit, weights, rtol=0, atol=bound + 1e-9 * 300)
    # Of the largest, or of the least that can arrive: at a small dt a synapse brings little a step.
    assert bound <= max(np.abs(weights).max() / 100, 0.51 * unit)


def test_every_rounding_is_told_beforehand() -> None:
    net = busy()
    shown = ns.explain(net, "loihi")
    run = session(net).run(5)
    numbers = [e for e in run.provenance["approximations"] if isinstance(e["bound"], float)]
    assert numbers
    findings = {(f.part, f.how) for f in shown.findings}
    for entry in numbers:
        assert (entry["part"].partition(": ")[0], entry["how"]) in findings
    for word in ("V_th", "I_e", "V_m", "tau_m", "tau of its currents", "weights"):
        assert any(e["part"].endswith(f": {word}") for e in numbers), word


def busy(seed: int = 5, **more: Any) -> ns.Network:
    """Return a network of what the chip has."""
    net = ns.Network("busy", seed=seed, dt=1.0)
    source = net.population("source", 10, ns.Poisson(rate=40))
    model = leaky(I_e=ns.Uniform(0, 120), **more)
    cells = net.population("cells", 12, model)
    net.initialise(cells, V_m=ns.Uniform(-66, -58), I_syn=20.0)
    some = ns.FixedIndegree(4)
    net.project(source, cells, some, weight=ns.Normal(120, 30), delay=ns.Uniform(1, 8))
    net.project(cells, cells, some, weight=ns.Normal(0, 60), delay=ns.Uniform(1, 20), name="loop")
    net.drive(cells, ns.Poisson(rate=100), weight=60.0)
    net.inject(cells[:4], ns.ConstantCurrent(amplitude=30.0))
    net.record(cells, ["spikes", "V_m", "I_syn"], initial=True)
    net.record(source, "spikes")
    net.record(cells[2:5], "V_m", reduce="mean", every=5.0)
    net.record(net["loop"], "weight", every=20.0)
    return net


def test_a_network_fires_as_often_as_described() -> None:
    run, core = ns.run(busy(), 400, "loihi"), ns.run(busy(), 400)
    assert run.spikes["source"].times.tolist() == core.spikes["source"].times.tolist()
    n, m = len(run.spikes["cells"]), len(core.spikes["cells"])
    assert m > 50
    assert abs(n - m) <= 0.05 * m
    assert run.weights["loop"].array.tolist() == core.weights["loop"].array.tolist()


def test_sessions_run_on_and_go_back() -> None:
    whole = session(busy()).run(90)
    one = session(busy())
    other = session(busy(), trial=1)
    pieces = one.run(1) + one.run(29)
    assert not (other.run(30)).same_as(pieces)
    pieces = pieces + one.run(60)
    for name in ("V_m", "I_syn"):
        rows = [r.states["cells"][name].array for r in (whole, pieces)]
        assert np.array_equal(rows[0][-1], rows[1][-1])
    assert whole.spikes["cells"].times.tolist() == pieces.spikes["cells"].times.tolist()
    cells = one.network["cells"]
    np.testing.assert_array_equal(one.get(cells, "V_m"), whole.states["cells"]["V_m"].array[-1])
    np.testing.assert_array_equal(
        one.get(cells[3:5], "I_syn"), whole.states["cells"]["I_syn"].array[-1, 3:5]
    )
    assert one.get(cells, "tau_m").tolist() == [20.0] * 12
    one.reset()
    assert one.time == 0
    assert one.run(90).same_as(whole)


def test_registers_are_not_written_between_runs() -> None:
    one = session(busy())
    with pytest.raises(UnsupportedError, match="I_e, set between runs"):
        one.set(one.network["cells"], I_e=3.0)


def test_input_of_spikes_is_handed_over_while_running() -> None:
    net = ns.Network("in", dt=1.0)
    source = net.population("source", 2, ns.Input("spikes"))
    model = ns.PerfectIntegrator(synapses=ns.Delta(), V_th=10.0, reset="to")
    cells = net.population("cells", 2, model)
    net.project(source, cells, ns.OneToOne(), weight=2.5)
    net.record(cells, ["spikes", "V_m"])
    counts = np.array([[4, 1], [0, 2], [0, 0], [3, 1], [0, 0], [0, 0]])
    runs = [ns.run(net, 6, name, inputs={"source": counts}) for name in ("loihi", "cpu")]
    assert (
        runs[0].spikes["cells"].times.tolist() == runs[1].spikes["cells"].times.tolist() == [2, 5]
    )
    potentials = [r.states["cells"]["V_m"].array for r in runs]
    np.testing.assert_array_equal(potentials[0], potentials[1])


def test_states_that_leave_their_bits_are_told() -> None:
    net = ns.Network("limits", dt=1.0)
    source = net.population("source", 60, ns.SpikeTimes([[1.0, 2.0, 3.0]] * 60))
    cell = net.population("cell", 1, leaky(V_reset=-70.0))
    net.project(source, cell, ns.AllToAll(), weight=-9000.0)
    run = session(net)
    with pytest.warns(ApproximationWarning, match="24 bits"):
        done = run.run(10)
    assert done.provenance["wraps"] + done.provenance["clips"] > 0


def with_model(model: Any, **project: Any) -> ns.Network:
    net = ns.Network("refused", dt=1.0)
    source = net.population("source", 2, ns.SpikeTimes([[1.0], [2.0]]))
    cells = net.population("cells", 2, model)
    receptor = cells.interface.receptors[0].name
    net.project(source, cells, ns.AllToAll(), receptor=receptor, **{"weight": 1.0, **project})
    return net


def changes(
    *, source: str = "sent", encoder: Any = "none", encoder_bias: float = 0.0, begins: bool = False,
    view: bool = False, **model: Any,
) -> ns.Network:  # fmt: skip
    """Return an image of 3 x 3, its encoder, a convolution of it and three sums of that."""
    net = ns.Network("changes", seed=2, dt=1.0)
    image = net.population("image", (1, 3, 3), ns.Input("current"))
    first = net.population(
        "encoder", (1, 3, 3), ns.SigmaDelta(theta=0.125, activation=encoder, bias=encoder_bias)
    )
    middle = net.population("middle", (2, 3, 3), ns.SigmaDelta(theta=0.5, bias=-0.25))
    last = net.population(
        "last", 3, ns.SigmaDelta(**{"theta": 0.25, "activation": "none", **model})
    )
    net.project(image, first, ns.OneToOne(), receptor="a")
    kernel = np.array([[[[1, -1, 0], [2, 0.5, 0], [0, 1, 127 / 64]]], [[[0.5] * 3] * 3]])
    pre: Any = first[0, :, :] if view else first
    rule: Any = ns.Conv2D(kernel, padding=1)
    net.project(pre, middle, rule, source=source, receptor="a", name="shared")
    weights = np.arange(54).reshape(18, 3) / 64 - 0.25
    net.project(middle, last, ns.AllToAll(), weight=weights, source="sent", receptor="a")
    if begins:
        net.initialise(middle, sent=1.0)
    for cells in (first, middle, last):
        net.record(cells, ["spikes", "a", "sent"], initial=True)
    return net


FILM = np.random.default_rng(3).integers(-16, 17, (4, 1, 3, 3)).repeat(3, axis=0) / 16


def test_changes_are_sent_as_described() -> None:
    """Numbers of few bits: the very same activations and messages, on and on, whatever was cut."""
    described = ns.run(changes(), 12, inputs={"image": FILM})
    run = session(changes())
    network = run.quantised.network
    assert [type(p).__name__ for p in network.populations[1:]] == [
        "Encoders", "SigmaDeltas", "SigmaDeltas"
    ]  # fmt: skip
    assert [c.name for c in network.convolutions] == ["shared"]
    chip = run.run(5, inputs={"image": FILM[:5]}) + run.run(7, inputs={"image": FILM[5:]})
    for name, off in (("encoder", 0.0), ("middle", 0.0), ("last", 0.3)):
        mine, theirs = chip.states[name], described.states[name]
        for state in ("a", "sent"):
            assert np.abs(mine[state].array - theirs[state].array).max() <= off, (name, state)
            found = run.get(run.network[name], state)
            np.testing.assert_array_equal(found, mine[state].array[-1].ravel())
    for name in ("encoder", "middle"):
        assert len(chip.spikes[name]) > 10
        assert chip.spikes[name].times.tolist() == described.spikes[name].times.tolist()
        assert chip.spikes[name].ids.tolist() == described.spikes[name].ids.tolist()
    assert chip.provenance["beyond"] == 0
    run.reset()
    assert run.run(5, inputs={"image": FILM[:5]}).same_as(
        session(changes()).run(5, inputs={"image": FILM[:5]})
    )


def test_numbers_that_leave_their_bits_are_told() -> None:
    run = session(changes())
    with pytest.warns(ApproximationWarning, match="beyond 24 bits"):
        run.run(12, inputs={"image": 8000 * FILM})
    with pytest.raises(DescriptionError, match="Input 'image', in units of messages"):
        run.run(12, inputs={"image": 1e6 * FILM})
    net = ns.Network("far apart", dt=1.0)
    fine = net.population("fine", (1, 2, 2), ns.SigmaDelta(theta=1e-4, activation="none"))
    coarse = net.population("coarse", (1, 2, 2), ns.SigmaDelta(theta=0.25))
    tiny = ns.Conv2D(np.full((1, 1, 1, 1), 1e-9))
    net.project(fine, coarse, tiny, source="sent", receptor="a")
    with pytest.raises(CapacityError, match=r"theta = 0\.25 is .* units of its messages"):
        session(net)


def test_a_converted_classifier_is_as_good_in_integers() -> None:
    """The digits CNN: within a point of the module, and messages for what changes only."""
    converted, images, labels = digits_in_changes()
    told = converted.outputs(images[:100], backend="loihi")
    with torch.no_grad():
        module = trained()(torch.tensor(images)).numpy()
    right = np.mean(module[:100].argmax(1) == labels[:100])
    assert abs(np.mean(told.argmax(1) == labels[:100]) - right) <= 0.01
    assert np.sqrt(np.mean((told - module[:100]) ** 2)) < 0.05 * np.sqrt(np.mean(module**2))
    still = np.repeat(images[:1], 3, axis=0)
    first, *later = converted.messages(still, backend="loihi", fresh=False)
    assert first.min() > 10
    assert np.sum(later) == 0
    np.testing.assert_allclose(converted.outputs(images[:1]), module[:1], atol=1.5)


def test_a_conversion_that_integers_cannot_run_names_the_one_they_can() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    some = [torch.rand(20, 3)]
    shown = ns.explain(ns.convert(module, some).network, "loihi")
    assert any('method="sigma_delta"' in (f.nearest or "") for f in shown.refused)
    assert not ns.explain(ns.convert(module, some, method="sigma_delta").network, "loihi").refused
    with pytest.raises(DescriptionError, match="convert: reset"):
        ns.convert(module, some, method="sigma_delta", reset="hard")
    pooled = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 2), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
    with pytest.raises(UnsupportedError, match='max_pool="average"'):
        ns.convert(
            torch.nn.Sequential(pooled, torch.nn.Flatten(), torch.nn.Linear(8, 2)),
            [torch.rand(20, 1, 5, 5)], method="sigma_delta",
        )  # fmt: skip


def test_a_layer_called_encoder_makes_way_for_the_encoder() -> None:
    class Module(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = torch.nn.Linear(3, 4)
            self.head = torch.nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.relu(self.encoder(x)))

    torch.manual_seed(1)
    module = Module()
    images = torch.rand(20, 3)
    made = ns.convert(module, [images], method="sigma_delta", timesteps=1)
    assert list(made.thetas) == ["encoder", "encoder (2)", "output"]
    with torch.no_grad():
        right = module(images).numpy()
    np.testing.assert_allclose(made.outputs(images), right, atol=0.1)


def convolved(delay: float = 1.0, part: bool = False, scale: float = 1.0) -> ns.Network:
    net = ns.Network("convolved", seed=2, dt=1.0)
    draw = np.random.default_rng(1)
    trains = [np.flatnonzero(draw.random(30) < 0.2) + 1.0 for _ in range(32)]
    source = net.population("source", (2, 4, 4), ns.SpikeTimes(trains))
    model = ns.PerfectIntegrator(synapses=ns.Delta(), V_th=20, reset="to")
    cells = net.population("cells", (3, 2, 4), model)
    rule = ns.Conv2D(scale * draw.integers(-3, 9, (3, 2, 3, 2)), (2, 1), (1, 1), (1, 2))
    net.project(source[:, :, ::-1] if part else source, cells, rule, delay=delay, name="shared")
    net.record(cells, ["spikes", "V_m"])
    return net


@pytest.mark.parametrize(
    ("how", "kept"),
    [({}, True), ({"delay": 3.0}, False), ({"part": True}, False), ({"scale": 1000.0}, False)],
    ids=["whole", "delay", "view", "heavy"],
)
def test_convolutions_of_spikes_are_kernels_where_lava_has_them(how: Any, kept: bool) -> None:
    described, run = ns.run(convolved(**how), 30), session(convolved(**how))
    network = run.quantised.network
    assert (len(network.convolutions), len(network.groups)) == ((1, 0) if kept else (0, 1))
    chip = run.run(30)
    if "scale" not in how:
        assert len(chip.spikes["cells"]) > 20
        assert chip.spikes["cells"].times.tolist() == described.spikes["cells"].times.tolist()
        assert chip.spikes["cells"].ids.tolist() == described.spikes["cells"].ids.tolist()
        off = chip.states["cells"]["V_m"].array - described.states["cells"]["V_m"].array
        np.testing.assert_array_equal(off, 0)
        known = ns.compile(convolved(**how)).connections("shared")
        np.testing.assert_array_equal(run.connections("shared").weight, known.weight)
    assert network.listed.groups[0].weight.size == len(run.connections("shared"))


REFUSED: dict[str, tuple[Callable[[], ns.Network], str]] = {
    "another rule": (
        lambda: with_model(leaky(), plasticity=ns.STDP(mu_plus=1.0)), "the additive rule",
    ),
    "nearest pairs": (
        lambda: with_model(leaky(), plasticity=ns.STDP(pairing="nearest")), "the additive rule",
    ),
    "two signs": (lambda: with_model(leaky(), plasticity=ns.STDP(w_min=-1.0)), "from 0 to 255"),
    "learning with a delay": (
        lambda: with_model(leaky(), delay=3.0, plasticity=ns.STDP(w_max=9.0)), "have no delays",
    ),
    "refractoriness": (lambda: with_model(leaky(t_ref=2.0)), "not held after a spike"),
    "reset": (lambda: with_model(leaky(reset="subtract")), "sets v to 0"),
    "time constants": (
        lambda: with_model(leaky(synapses=ns.ExpCurrent(exc=5, inh=10))), "one current",
    ),
    "conductances": (lambda: with_model(leaky(synapses=ns.ExpConductance())), "one exponential"),
    "neuron": (lambda: with_model(ns.AdEx()), "integrate-and-fire"),
    "registers": (lambda: with_model(leaky(tau_m=[10.0, 20.0])), "share time constants"),
    "drawn": (lambda: with_model(leaky(V_th=ns.Normal(-50, 1))), "share time constants"),
    "slow leak": (lambda: with_model(leaky(tau_m=20_000.0)), "parts of 4096"),
    "long delay": (lambda: with_model(leaky(), delay=64.0), "at most 63 steps"),
    "long delays": (lambda: with_model(leaky(), delay=ns.Uniform(1, 99)), "at most 63 steps"),
    "release": (lambda: with_model(leaky(), release=0.5), "reliable"),
    "reset of a conversion": (lambda: with_model(leaky(reset="subtract")), "beyond the threshold"),
    "sum with a leak": (lambda: changes(tau=5.0), "no leak"),
    "another state": (lambda: changes(source="a"), "what was sent"),
    "numbers into a layer": (lambda: changes(encoder="relu"), "through encoders"),
    "numbers beside a bias": (lambda: changes(encoder_bias=0.5), "through encoders"),
    "a start of changes": (lambda: changes(begins=True), "begin at 0"),
    "threshold of each": (lambda: changes(theta=[0.1, 0.2, 0.3]), "share time constants"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_chip_has_no_form_of_is_refused(case: str) -> None:
    build, words = REFUSED[case]
    shown = ns.explain(build(), "loihi")
    assert any(words in f.how for f in shown.refused)
    assert all(f.nearest for f in shown.refused)
    with pytest.raises(UnsupportedError, match=words):
        session(build())


def test_refractoriness_is_left_out_if_asked() -> None:
    net = with_model(leaky(t_ref=2.0, I_e=400.0))
    net.record(net["cells"], "spikes")
    run = ns.run(net, 100, "loihi", approximate=["refractoriness"])
    assert any("t_ref counts as 0" in e["how"] for e in run.provenance["approximations"])
    free = with_model(leaky(t_ref=0.0, I_e=400.0))
    free.record(free["cells"], "spikes")
    assert (
        run.spikes["cells"].times.tolist()
        == ns.run(free, 100, "loihi").spikes["cells"].times.tolist()
    )


def test_delays_onto_the_membrane_may_be_one_step_longer() -> None:
    for delay, model in ((63.0, leaky()), (64.0, ns.LIF(t_ref=0.0, synapses=ns.Delta()))):
        net = with_model(model, delay=delay, weight=5.0)
        net.record(net["cells"], "V_m")
        run = ns.run(net, 80, "loihi")
        moved = np.flatnonzero(np.diff(run.states["cells"]["V_m"].array[:, 0]))
        assert moved.size


# --- learning -------------------------------------------------------------------------------------


def pairs(delay: Any, seed: int) -> ns.Network:
    """Return neurons that fire once, some time before or after their input."""
    net = ns.Network("pairs", seed=seed, dt=1.0)
    n = len(INTERVALS)
    pre = net.population("pre", n, ns.SpikeTimes([[100.0]] * n))
    kick = net.population("kick", n, ns.SpikeTimes([[99.0 + d] for d in INTERVALS]))
    cells = net.population("cells", n, ns.LIF(t_ref=0.0, synapses=ns.Delta()))
    net.project(kick, cells, ns.OneToOne(), weight=30.0, delay=1.0)
    rule = ns.STDP(a_plus=0.5, a_minus=0.7, tau_minus=15.0, w_max=2.0, delay=delay)
    net.project(pre, cells, ns.OneToOne(), weight=1.0, delay=1.0, plasticity=rule, name="taught")
    net.record(net["taught"], "weight", every=200.0)
    return net


INTERVALS = [-30.0, -15.0, -5.0, -2.0, 2.0, 5.0, 15.0, 30.0]


@pytest.mark.parametrize("delay", ["dendritic", "axonal"])
def test_pairs_of_spikes_change_weights_as_described(delay: str) -> None:
    """In the mean, as traces are rounded at random; a step of delay is made up for."""
    runs = [ns.run(pairs(delay, seed), 200, "loihi") for seed in range(25)]
    changes = np.array([r.weights["taught"].array[-1] for r in runs]) - 1.0
    expected = ns.run(pairs(delay, 0), 200).weights["taught"].array[-1] - 1.0
    error = changes.std(axis=0) / np.sqrt(len(runs))
    rounding = told(runs[0], "Projection 'taught': weights")
    assert np.all(error < 0.05)
    assert np.all(np.abs(changes.mean(axis=0) - expected) < 4 * error + rounding)


def taught_net(**more: Any) -> ns.Network:
    net = ns.Network("taught", seed=3, dt=1.0)
    source = net.population("source", 10, ns.Poisson(rate=40))
    cells = net.population("cells", 5, leaky(I_e=more.pop("I_e", 200.0)))
    facts: dict[str, Any] = {"a_plus": 2.0, "a_minus": 2.2, "w_max": 80.0, **more}
    rule = facts.pop("rule", ns.AllToAll())
    weight = facts.pop("weight", ns.Uniform(10, 70))
    net.project(
        source, cells, rule, weight=weight, delay=1.0, plasticity=ns.STDP(**facts), name="p"
    )
    net.record(net["p"], "weight", every=25.0, initial=True)
    net.record(cells, "spikes")
    return net


def test_connections_have_the_weights_of_the_chip() -> None:
    """They are off by as much as is told, and even integers of 9 bits: there are both signs."""
    net = ns.Network("static", seed=2, dt=1.0)
    source = net.population("source", 30, ns.Poisson(rate=20))
    cells = net.population("cells", 20, ns.LIF(t_ref=0, synapses=ns.Delta()))
    net.project(source, cells, ns.FixedProbability(0.3), weight=ns.Normal(0.3, 0.4), name="p")
    chip, described = session(net).connections("p"), ns.compile(net).connections("p")
    np.testing.assert_array_equal(chip.post, described.post)
    bound = next(
        a["bound"] for a in session(net).run(1).provenance["approximations"]
        if a["part"] == "Projection 'p': weights"
    )  # fmt: skip
    off = np.abs(chip.weight - described.weight)
    assert off.max() == pytest.approx(bound)
    assert 0 < bound < 0.01 * described.weight.max()
    (part,) = session(net).quantised.stored[0]
    integers = chip.weight / (2 * part.unit)
    np.testing.assert_allclose(integers, np.rint(integers), atol=1e-9)
    assert -128 <= integers.min() < 0 < integers.max() <= 127


def test_weights_are_recorded_and_read_back() -> None:
    net = taught_net()
    one = session(net)
    first = one.run(100)
    trace = first.weights["p"]
    assert trace.times.tolist() == [0, 25, 50, 75, 100]
    np.testing.assert_array_equal(one.get("p", "w"), trace.array[-1])
    found = one.connections("p")
    np.testing.assert_array_equal(found.weight, trace.array[-1])
    start = ns.compile(net).connections("p")
    np.testing.assert_array_equal(found.pre, start.pre)
    assert np.abs(trace.array[0] - start.weight).max() <= told(first, "Projection 'p': weights")
    assert (np.diff(trace.array, axis=0) != 0).any(axis=0).mean() > 0.5
    assert trace.array.min() >= 0
    assert trace.array.max() <= 80.0 + told(first, "Projection 'p': w_max")
    rest = one.run(60)
    one.reset()
    np.testing.assert_array_equal(one.get("p", "w"), trace.array[0])
    again = one.run(160).weights["p"]
    np.testing.assert_array_equal(again.array[:5], trace.array)
    np.testing.assert_array_equal(again.array[-1], rest.weights["p"].array[2])
    with pytest.raises(UnsupportedError, match="set between runs"):
        one.set("p", w=1.0)
    with pytest.raises(ns.UnknownNameError, match="variable"):
        one.get("p", "x")


def test_inhibitory_weights_learn_below_zero() -> None:
    net = taught_net(w_min=-80.0, w_max=0.0, weight=ns.Uniform(-70, -10), I_e=500.0)
    trace = ns.run(net, 300, "loihi").weights["p"].array
    assert trace.max() <= 0
    assert trace.min() >= -81
    assert (trace[-1] != trace[0]).any()


def test_longer_epochs_see_one_spike_each() -> None:
    runs = [ns.run(taught_net(), 300, Loihi(epoch=k)) for k in (1, 8)]
    ends = [r.weights["p"].array[-1] for r in runs]
    assert not np.array_equal(*ends)
    assert np.corrcoef(*ends)[0, 1] > 0.5
    for wrong in (0, 64, 1.5):
        with pytest.raises(DescriptionError, match=r"Loihi\.epoch"):
            Loihi(epoch=wrong)  # type: ignore[arg-type]


@settings(max_examples=60)
@given(
    a=st.floats(0.001, 1.0), sign=st.sampled_from([-1, 1]), tau=st.floats(1.0, 250.0),
    w_max=st.floats(0.1, 300.0), delay=st.sampled_from(["dendritic", "axonal"]),
)  # fmt: skip
def test_rules_are_near_to_what_was_described(
    a: float, sign: int, tau: float, w_max: float, delay: Any
) -> None:
    rule = ns.STDP(a_plus=sign * a * w_max, a_minus=0.0, tau_plus=tau, w_max=w_max, delay=delay)
    found = taught(rule, 1.0, 1, 0, "place", "pA")
    shift = 1.0 if delay == "dendritic" else -1.0
    mantissa, exponent = found.learning.plus
    brought = mantissa * 2.0**exponent * found.learning.x_impulse * w_max / 255
    exact = sign * a * w_max * np.exp(-shift / tau)
    off, _ = found.off["a_plus"]
    assert abs(brought - exact) == pytest.approx(off * np.exp(-shift / tau), abs=1e-9 * w_max)
    assert off <= 0.05 * a * w_max or a * 255 * np.exp(-shift / tau) < 1 / 8
    assert found.learning.minus == (0, 0)
    assert stdp_of(rule.plasticity_rule()) == rule


@pytest.mark.parametrize(
    ("net", "named"),
    [
        (lambda: taught_net(a_plus=1e-4), "a_plus is"),
        (lambda: taught_net(a_plus=0.0, a_minus=0.0), "are 0"),
        (lambda: taught_net(rule=ns.FixedIndegree(3), weight=0.01), "rounded to 0"),
        (lambda: taught_net(w_max=1e-3, weight=1e-4), "a bound of weights that learn"),
        (lambda: with_second(taught_net()), "differ by a power of 2"),
    ],
)
def test_rules_beyond_the_chip_are_refused(net: Callable[[], ns.Network], named: str) -> None:
    with pytest.raises(CapacityError, match=named):
        session(net())


def with_second(net: ns.Network) -> ns.Network:
    rule = ns.STDP(a_plus=2.0, a_minus=2.0, w_max=55.0)
    net.project(
        net["source"], net["cells"], ns.FixedIndegree(2), weight=9.0, delay=1.0, plasticity=rule,
        name="q",
    )  # fmt: skip
    return net


@pytest.mark.parametrize(
    ("net", "named"),
    [
        (lambda: with_model(leaky(), weight=1e9), "a weight"),
        (lambda: with_model(leaky(I_e=1e9)), "I_e"),
        (
            lambda: with_model(leaky(), delay=ns.Exponential(40.0, offset=1.0, clip=(1, None))),
            "a delay of",
        ),
    ],
)
def test_numbers_beyond_the_chip_are_refused(net: Callable[[], ns.Network], named: str) -> None:
    """In the same words by explain, which draws them, too."""
    network = net()
    many = network.population("many", 200, ns.Poisson(rate=10))
    network.project(
        many, network["cells"], ns.AllToAll(), receptor="syn",
        delay=network.projections["source->cells"].delay,
    )  # fmt: skip
    with pytest.raises(CapacityError, match=named):
        session(network)
    assert any(named in f.how for f in ns.explain(network, "loihi").refused)


def test_the_certificate_has_the_integer_core_beside_the_float_one() -> None:
    net = ns.Network("certified", seed=2, dt=1.0)
    source = net.population("source", 4, ns.SpikeTimes([[1.0, 9.0], [2.0], [2.0], [5.0]]))
    cells = net.population(
        "cells", 3, ns.PerfectIntegrator(synapses=ns.Delta(), V_th=10.0, reset="to")
    )
    net.project(source, cells, ns.FixedIndegree(3), weight=5.0)
    certificate = ns.certify(net, "loihi", 20, progress=False)
    assert [row.tier.value for row in certificate.rows] == ["bit-exact"]


def test_nothing_is_said_twice() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always", ApproximationWarning)
        session(busy())
    said = [str(w.message) for w in shown]
    assert len(said) == len(set(said))


def test_corners_are_corners() -> None:
    """The made-up network meets the limits that it is there for."""
    trial = corner_trial()
    seen = Chip(trial.network).run(trial.n_steps, trial.given, trial.watched)
    assert (np.abs(seen.u) == 1 << 23).any()
    assert (seen.v == 1 - (1 << 23)).any()


def test_the_benchmark_compares_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """With our own kernel in place of Lava; once it does other work, which is refused."""
    monkeypatch.setattr(benchmark, "shared_worker", lambda: None)
    monkeypatch.setattr(benchmark, "STEPS", {1: 60, 8: 40})
    monkeypatch.setattr(
        benchmark, "run_in_lava", lambda worker, network, n_steps: Chip(network).run(n_steps)
    )
    rows = benchmark.measure(1, n=200, large=300)
    assert [(r["name"], r["neurons"], r["delay slots"]) for r in rows] == [
        ("loihi", 200, 1), ("lava", 200, 1), ("loihi", 200, 8), ("lava", 200, 8), ("loihi", 300, 8),
    ]  # fmt: skip
    assert all(0.0005 < r["spikes per neuron and step"] < 0.1 for r in rows)
    groups = benchmark.recurrent(200, 8).groups
    assert sum(g.weight.size for g in groups) == 200 * benchmark.INDEGREE
    other = benchmark.recurrent(200, seed=2)
    monkeypatch.setattr(
        benchmark, "run_in_lava", lambda worker, network, n_steps: Chip(other).run(n_steps)
    )
    with pytest.raises(ValueError, match="do not fire alike"):
        benchmark.measure(1, n=200, large=300)

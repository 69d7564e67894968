"""NIR: what is written is what is run, here and in three foreign simulators; nothing goes silently.

Graphs are run by `euler_calls`, a slow forward Euler that shares no code with the package.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns
from neurosim.errors import ApproximationWarning, DescriptionError, UnsupportedError
from neurosim_backends.nir.metadata import kept_in
from neurosim_backends.nir.reading import network_of
from neurosim_backends.nir.verifying import run_core
from tests.backends.nir_networks import (
    MODELS,
    Array,
    calls_of,
    chain,
    convolved,
    euler_calls,
    random_network,
    trains,
)

pytestmark = pytest.mark.compiled

DELTA = MODELS["delta"]
READERS = ("snntorch", "norse", "spikingjelly")


def _refused(net: ns.Network, **options: Any) -> str:
    with pytest.raises(UnsupportedError) as error:
        ns.to_nir(net, **options)
    return str(error.value)


# --- there and back -------------------------------------------------------------------------------


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6))
def test_files_give_back_the_very_network(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    net = random_network(seed)
    path = tmp_path_factory.getbasetemp() / "random.nir"
    written = ns.to_nir(net, path, overwrite=True)
    assert ns.from_nir(path).content_hash() == net.content_hash()
    assert ns.from_nir(written).content_hash() == net.content_hash()


def _three_ways(net: ns.Network, seed: int, read: bool) -> dict[str, tuple[Array, ...]]:
    """Return the spikes of a network, of its graph, and of what the nodes alone are read as."""
    n = 100
    graph = ns.to_nir(net)
    kept = kept_in(graph)
    assert kept is not None
    assert net.dt is not None
    node = {
        x.metadata["population"]: name for name, x in graph.nodes.items()
        if not isinstance(x, (nir.LI, nir.Output)) and "population" in x.metadata
    }  # fmt: skip
    ours, theirs = {}, {}
    for k, (name, p) in enumerate(net.populations.items()):
        if isinstance(p.model, ns.Input):
            shift = kept.lags[name]
            assert shift <= 0
            x = ours[name] = trains(seed + k, p.shape, n)
            theirs[node[name]] = np.concatenate([np.zeros((-shift, *p.shape)), x])[:n]
    after = euler_calls(graph, theirs, kept.step)
    run = ns.run(net, n * net.dt, inputs=ours)
    found = {}
    made = network_of(graph, kept, None, "spikes", "read") if read else None
    most = (
        max(kept.lags.values()) if made is None else max(*kept.lags.values(), *made.lags.values())
    )
    if made is not None:
        again = ns.run(
            made.network, n * net.dt, inputs={made.inputs[k]: x for k, x in theirs.items()}
        )
    for name in run.spikes:
        rows = [calls_of(run, name, kept.lags[name], net.dt, n), after[node[name]]]
        if made is not None:
            rows.append(calls_of(again, node[name], made.lags[node[name]], net.dt, n))
        found[name] = tuple(r[: n - most] for r in rows)
    return found


@settings(max_examples=5)
@given(seed=st.integers(0, 10**6))
def test_graphs_of_random_networks_have_their_spikes(seed: int) -> None:
    """With delays, loops, several inputs, thresholds of each neuron, mixed synapses, currents."""
    for name, (ours, theirs) in _three_ways(random_network(seed), seed, read=False).items():
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


@pytest.mark.parametrize("seed", [4, 7, 13])
def test_nodes_alone_are_read_as_what_they_do(seed: int) -> None:
    spikes = 0.0
    for name, (ours, theirs, read) in _three_ways(random_network(seed), seed, read=True).items():
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
        np.testing.assert_array_equal(read, theirs, err_msg=name)
        spikes += ours.sum()
    assert spikes > 50


# --- foreign simulators ---------------------------------------------------------------------------

SAME = dict.fromkeys(READERS, "same spikes")

CURRENTS = ns.LIF(t_ref=0, tau_m=12, synapses=ns.ExpCurrent(exc=3, inh=3))

EXPORTABLE: dict[str, tuple[ns.Network, str, dict[str, str]]] = {
    "LIF": (chain(DELTA, 5.0), "snntorch", SAME),
    "LIF by Euler": (chain(MODELS["euler"], 5.0), "snntorch", SAME),
    "LIF, 0.5 ms": (chain(replace(DELTA, V_th=-60), 4.0, dt=0.5), "snntorch", SAME),
    "thresholds": (chain(replace(DELTA, V_th=np.linspace(-60, -52, 9)), 5.0, sizes=(6, 9, 9)),
                   "spikingjelly", SAME),
    "CubaLIF": (chain(CURRENTS, 300.0, receptor="exc"), "snntorch", SAME),
    "IF": (chain(MODELS["integrator"], 3.0), "norse", SAME | {"snntorch": "refused"}),
    "Conv2d": (convolved(), "snntorch", SAME),
    "recurrent": (chain(DELTA, 5.0, recurrent=2.0), "norse", SAME | {"snntorch": "refused"}),
    "time constants": (chain(replace(DELTA, tau_m=np.linspace(5, 20, 9)), 6.0, sizes=(6, 9, 9)),
                       "norse", {"norse": "same spikes", "spikingjelly": "refused"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", EXPORTABLE)
def test_foreign_simulators_have_our_spikes(kind: str, tmp_path: Path) -> None:
    net, profile, expected = EXPORTABLE[kind]
    path = tmp_path / "net.nir"
    ns.to_nir(net, path, profile=profile)  # type: ignore[arg-type]
    assert isinstance(nir.read(path), nir.NIRGraph)  # types and shapes are checked by nir itself
    report = ns.verify_nir(path, steps=150, seed=3)
    assert {name: report[name].tier for name in expected} == expected, str(report)
    assert report["neurosim"].spikes > 20
    # The row of ours is what the nodes say; the network itself does the same.
    graph = ns.to_nir(net, profile=profile)  # type: ignore[arg-type]
    kept = kept_in(graph)
    assert kept is not None
    assert net.dt is not None
    (source, _), *_ = net.populations.items()
    x = trains(3, net.populations[source].shape, 150)
    padded = np.concatenate([x, np.zeros((8, *x.shape[1:]))])
    run = ns.run(net, (150 + 8) * net.dt, inputs={source: padded})
    (entry,) = [n for n, node in graph.nodes.items() if isinstance(node, nir.Input)]
    np.testing.assert_array_equal(
        calls_of(run, "out", kept.lags["out"], net.dt, 150), run_core(graph, kept, {entry: x})
    )


def test_a_potential_that_just_reaches_the_threshold_fires_everywhere() -> None:
    """Three arrivals of 5 mV reach 15 mV: NIR fires above, we fire at the threshold, too."""
    net = ns.Network("tie", dt=0.1)
    source = net.population("in", 3, ns.Input("spikes"))
    cell = net.population("cell", 1, ns.PerfectIntegrator(reset="to", synapses=ns.Delta()))
    leaky = net.population("leaky", 1, replace(DELTA, V_th=-55.0))
    for target in (cell, leaky):
        net.project(source, target, ns.AllToAll(), weight=5.0)
    for target, profile in ((cell, "norse"), (leaky, "snntorch")):
        one = ns.Network("one", dt=0.1)
        a = one.population("in", 3, ns.Input("spikes"))
        b = one.population("cell", 1, target.model)
        one.project(a, b, ns.AllToAll(), weight=5.0)
        one.record(b, "spikes")
        report = ns.verify_nir(ns.to_nir(one, profile=profile), steps=20, rate=1.0)  # type: ignore[arg-type]
        assert report["neurosim"].spikes == 20
        assert report.agrees, str(report)


# --- files that go wrong elsewhere ----------------------------------------------------------------


def test_recurrence_is_not_written_for_snntorch() -> None:
    """It would pass the input through the recurrent weights, and say nothing."""
    net = chain(DELTA, 5.0, recurrent=2.0)
    assert "recurrent weights" in _refused(net, profile="snntorch")
    told = ns.verify_nir(ns.to_nir(net, profile="norse"), steps=60)
    assert told["snntorch"].tier == "different", str(told)  # as it stands in memory


def test_r_is_folded_into_weights_since_norse_ignores_it() -> None:
    graph = ns.to_nir(chain(DELTA, 5.0), profile="norse")
    cells = [node for node in graph.nodes.values() if isinstance(node, nir.LIF)]
    assert len(cells) == 2
    assert all((node.r == 1).all() for node in cells)
    spoilt = copy.deepcopy(graph)
    for node in spoilt.nodes.values():
        if isinstance(node, nir.LIF):
            node.r = node.tau / 1e-4
        elif isinstance(node, nir.Affine):
            node.weight = node.weight * 1e-4 / cells[0].tau[0]
    told = ns.verify_nir(spoilt, steps=100)
    assert [told[r].tier for r in READERS] == ["same spikes", "different", "same spikes"], str(told)
    assert told["norse"].spikes == 0


def test_other_steps_are_written_as_those_readers_take() -> None:
    """SnnTorch has 1e-4 s built in: tau is scaled, and the real step is in the metadata."""
    net = chain(DELTA, 4.0, dt=0.5)
    scaled = ns.to_nir(net, profile="snntorch")
    kept = kept_in(scaled)
    assert kept is not None
    assert (kept.dt, kept.step) == (0.5, 1e-4)
    np.testing.assert_allclose(scaled.nodes["hidden"].tau, 1e-4 / -np.expm1(-0.5 / 12))
    true = ns.to_nir(net)
    told = ns.verify_nir(true, steps=60)
    assert told["snntorch"].tier == "refused"
    assert "0.0001 s" in told["snntorch"].detail
    assert told["norse"].tier == "same spikes"
    np.testing.assert_allclose(true.nodes["hidden"].tau, 5e-4 / -np.expm1(-0.5 / 12))


def test_different_time_constants_are_not_written_for_snntorch() -> None:
    """It would take the first of them."""
    net = chain(replace(DELTA, tau_m=np.r_[5.0, 20.0]), 6.0, sizes=(6, 2, 2))
    assert "takes the first" in _refused(net, profile="snntorch")
    assert "tau_m" in _refused(net, profile="spikingjelly")


def test_the_reset_is_where_all_readers_have_it() -> None:
    """SnnTorch and Norse reset to 0, whatever v_reset says."""
    net = chain(replace(DELTA, E_L=-60, V_reset=-65), 5.0)
    net.initialise(net["hidden"], V_m=-65)
    net.initialise(net["out"], V_m=-65)
    with pytest.raises(UnsupportedError, match="start of its constant current"):
        ns.to_nir(net, profile="snntorch")
    graph = ns.to_nir(chain(DELTA, 5.0), profile="snntorch")
    for node in graph.nodes.values():
        if isinstance(node, nir.LIF):
            assert not node.v_reset.any()
            node.v_reset = node.v_reset - 3.0
    told = ns.verify_nir(graph, steps=100)
    assert told["snntorch"].tier == told["norse"].tier == "different", str(told)
    assert told["spikingjelly"].tier == "refused"


def test_several_ways_to_a_population_are_not_written_for_norse() -> None:
    """Norse runs nodes in the order of a walk, and would take what a later one gave before."""
    net = ns.Network("fan", dt=0.1)
    first = net.population("in", 5, ns.Input("spikes"))
    a, b = (net.population(name, 6, DELTA) for name in "ab")
    out = net.population("out", 3, DELTA)
    for pre, post in ((first, a), (first, b), (a, out), (b, out)):
        net.project(pre, post, ns.AllToAll(), weight=ns.Normal(6, 2))
    net.record(out, "spikes")
    assert "would run it before" in _refused(net, profile="norse")
    told = ns.verify_nir(ns.to_nir(net, profile="snntorch"), steps=80)
    assert [told[r].tier for r in READERS] == ["same spikes", "different", "same spikes"], str(told)


@pytest.mark.parametrize(
    ("profile", "change", "told"),
    [
        ("snntorch", "integrator", "beta = 0.9"),
        ("norse", "skip", "reads no Delay nodes"),
        ("norse", "delays", "reads no delays"),
        ("norse", "slow loop", "recurrent edge of NIR takes one"),
        ("spikingjelly", "two inputs", "reads one input"),
        ("spikingjelly", "two outputs", "reads one output"),
        ("norse", "two currents", "one kind of synaptic current"),
        ("norse", "unreached", "no input reaches it"),
    ],
)
def test_each_profile_refuses_what_its_reader_has_no_form_of(
    profile: Any, change: str, told: str
) -> None:
    model = {"integrator": MODELS["integrator"], "two currents": MODELS["currents"]}.get(
        change, DELTA
    )
    net = chain(model, 5.0, receptor="exc" if change == "two currents" else None)
    hidden, out = net["hidden"], net["out"]
    if change == "skip":
        net.project(net["in"], out, ns.AllToAll(), weight=1.0, delay=1.0)
    elif change == "delays":
        net.project(hidden[:3], out, ns.AllToAll(), weight=1.0, delay=ns.Uniform(0.1, 0.9))
    elif change == "slow loop":
        net.project(hidden, hidden, ns.AllToAll(), weight=1.0, delay=0.3)
    elif change == "two inputs":
        net.project(net.population("more", 2, ns.Input("spikes")), out, ns.AllToAll())
    elif change == "two outputs":
        net.record(hidden, "spikes")
    elif change == "two currents":
        net.project(net["in"], hidden, ns.AllToAll(), delay=0.2, receptor="delta")
    elif change == "unreached":
        net.project(net.population("alone", 2, DELTA), hidden, ns.AllToAll())
    assert told in _refused(net, profile=profile)


# --- losses ---------------------------------------------------------------------------------------


def _lossy(what: str) -> ns.Network:
    model: Any = DELTA
    if what == "t_ref":
        model = replace(DELTA, t_ref=2.0)
    elif what == "reset":
        model = ns.PerfectIntegrator(synapses=ns.Delta())
    net = chain(model, 5.0)
    hidden, out = net["hidden"], net["out"]
    if what == "initial V_m":
        net.initialise(hidden, V_m=ns.Uniform(-70, -60))
    elif what == "release":
        net.project(hidden, out, ns.AllToAll(), weight=1.0, release=0.5)
    elif what == "plasticity":
        rule = ns.STDP(a_plus=0.01, a_minus=0.01, w_max=2)
        net.project(hidden, out, ns.AllToAll(), weight=1.0, plasticity=rule)
    elif what == "Drive":
        net.drive(hidden, ns.Poisson(rate=100), weight=1.0)
    elif what == "Poisson":
        net.project(net.population("noise", 3, ns.Poisson(rate=9)), out, ns.AllToAll(), weight=1.0)
    elif what == "Injection":
        net.inject(out, ns.StepCurrent(times=[1, 5], amplitudes=[100, 0]))
    elif what == "start of its constant current":
        net.inject(out, ns.ConstantCurrent(amplitude=50))
        net.inject(hidden, ns.ConstantCurrent(amplitude=50))
    return net


@pytest.mark.parametrize(
    "what",
    ["t_ref", "reset", "initial V_m", "release", "plasticity", "Drive", "Poisson", "Injection",
     "start of its constant current"],
)  # fmt: skip
def test_what_nir_cannot_say_is_refused_or_listed_and_kept(what: str) -> None:
    net = _lossy(what)
    profile: Any = "snntorch" if what.startswith("start") else "generic"
    assert what in _refused(net, profile=profile)
    with pytest.warns(ApproximationWarning, match=what):
        graph = ns.to_nir(net, profile=profile, on_loss="warn")
    kept = kept_in(graph)
    assert kept is not None
    assert any(what in told for told in kept.losses)
    assert ns.from_nir(graph).content_hash() == net.content_hash()


def test_delays_beside_the_grid_are_told() -> None:
    net = chain(DELTA, 5.0)
    net.project(net["in"], net["out"], ns.AllToAll(), weight=1.0, delay=0.17)
    with pytest.warns(ApproximationWarning, match=r"rounded to the nearest step of 0\.1 ms"):
        ns.to_nir(net)


@pytest.mark.parametrize(
    "model", [ns.AdEx(), ns.LIF(synapses=ns.ExpConductance()), ns.Izhikevich()]
)
def test_models_without_a_form_are_refused(model: Any) -> None:
    net = ns.Network("other")
    source = net.population("in", 2, ns.Input("spikes"))
    cell = net.population("cell", 2, model)
    receptor = cell.interface.receptors[0].name
    net.project(source, cell, ns.AllToAll(), receptor=receptor)
    assert "Population 'cell'" in _refused(net, on_loss="warn")


def test_a_graph_that_was_changed_is_not_taken_for_what_was_written() -> None:
    graph = ns.to_nir(chain(DELTA, 5.0))
    graph.nodes["in_to_hidden"].weight[0, 0] += 1.0
    with pytest.raises(UnsupportedError, match="were changed since"):
        ns.from_nir(graph)
    with pytest.warns(ApproximationWarning, match="were changed since"):
        read = ns.from_nir(graph, on_loss="warn")
    assert set(read.populations) == {"n_in", "hidden", "out"}
    assert ns.from_nir(graph, description=False).content_hash() == read.content_hash()


# --- graphs of others -----------------------------------------------------------------------------


def _foreign() -> nir.NIRGraph:
    """Return a graph with every linear node, biases, a subgraph and two kinds of loops."""
    draw = np.random.default_rng(5)

    def lif(shape: Any, **changed: float) -> nir.LIF:
        p = {"tau": 3e-3, "r": 2.0, "v_leak": 0.1, "v_threshold": 1.0, "v_reset": -0.2} | changed
        return nir.LIF(**{k: np.full(shape, v) for k, v in p.items()})

    def cuba(n: int) -> nir.CubaLIF:
        p = {"tau_syn": 2e-3, "tau_mem": 4e-3, "r": 3.0, "v_leak": 0.0, "v_threshold": 1.0}
        return nir.CubaLIF(**{k: np.full(n, v) for k, v in p.items()}, w_in=np.full(n, 5.0))

    inner = nir.NIRGraph(
        {"input": nir.Input({"input": np.array([4])}),
         "scale": nir.Scale(draw.uniform(0.5, 1.5, 4)),
         "output": nir.Output({"output": np.array([4])})},
        [("input", "scale"), ("scale", "output")],
    )  # fmt: skip
    nodes = {
        "image": nir.Input({"input": np.array([2, 8, 8])}),
        "conv": nir.Conv2d((8, 8), draw.normal(2, 4, (3, 2, 3, 3)), 1, "same", 1, 1,
                           draw.normal(0, 0.1, 3)),
        "sum": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "cells": lif((3, 4, 4)),
        "mean": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flat": nir.Flatten({"input": np.array([3, 2, 2])}, 0, -1),
        "dense": nir.Affine(draw.normal(3, 4, (4, 12)), draw.normal(0, 0.3, 4)),
        "inner": inner,
        "loop": cuba(4),
        "back": nir.Affine(draw.normal(0, 1, (4, 4)), draw.normal(0, 0.05, 4)),
        "line": nir.Linear(draw.normal(6, 4, (4, 4))),
        "late": nir.Delay(np.array([2e-4, 5e-4, 3e-4, 2e-4])),
        "fire": nir.IF(r=np.full(4, 1e3), v_threshold=np.full(4, 1.0)),
        "output": nir.Output({"output": np.array([4])}),
    }  # fmt: skip
    edges = [
        ("image", "conv"), ("conv", "sum"), ("sum", "cells"), ("cells", "mean"), ("mean", "flat"),
        ("flat", "dense"), ("dense", "inner"), ("inner", "loop"), ("loop", "back"),
        ("back", "loop"), ("loop", "late"), ("late", "line"), ("line", "fire"),
        ("fire", "output"),
    ]  # fmt: skip
    return nir.NIRGraph(nodes, edges, type_check=False)


def test_foreign_graphs_are_read_as_they_run() -> None:
    graph = _foreign()
    net = ns.from_nir(graph, name="foreign")
    assert net.name == "foreign"
    x = trains(8, (2, 8, 8), 120, 0.05)
    flat = copy.deepcopy(graph)
    flat.nodes["inner"] = flat.nodes["inner"].nodes["scale"]
    flat.nodes["conv"].padding = (1, 1)
    expected = euler_calls(flat, {"image": x}, 1e-4)["fire"]
    assert 20 < expected.sum() < 0.9 * expected.size
    np.testing.assert_array_equal(run_core(graph, None, {"image": x}), expected)


def test_currents_may_enter_a_graph() -> None:
    draw = np.random.default_rng(2)
    graph = nir.NIRGraph.from_list(
        nir.Affine(draw.normal(1, 1, (4, 3)), np.zeros(4)),
        nir.LIF(np.full(4, 5e-3), np.ones(4), np.zeros(4), np.full(4, 0.7)),
    )
    x = draw.uniform(0, 2, (80, 3))
    net = ns.from_nir(graph, inputs="current")
    run = ns.run(net, 8, inputs={"input": x})
    expected = euler_calls(graph, {"input": x}, 1e-4)["lif"]
    assert expected.sum() > 5
    np.testing.assert_array_equal(calls_of(run, "lif", 0, 0.1, 80), expected)
    written = ns.to_nir(net)
    again = euler_calls(written, {"input": x}, 1e-4)["lif"]
    np.testing.assert_array_equal(again, expected)


# --- bad files ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nir") / "good.nir"
    ns.to_nir(chain(DELTA, 5.0), path, profile="snntorch")
    return path


def _spoil(path: Path, how: str) -> None:
    if how == "cut off":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return
    if how == "no HDF5":
        path.write_bytes(b"\x80\x04pickle")
        return
    with h5py.File(path, "r+") as file:
        nodes = file["node/nodes"]
        weight = nodes["in_to_hidden/weight"][()]
        if how == "no node":
            del file["node"]
        elif how == "external link":
            del nodes["in_to_hidden/weight"]
            nodes["in_to_hidden/weight"] = h5py.ExternalLink("/etc/passwd", "/x")
        elif how == "soft link":
            del nodes["in_to_hidden/weight"]
            nodes["in_to_hidden/weight"] = h5py.SoftLink("/node/nodes/hidden_to_out/weight")
        elif how == "circle":
            nodes["circle"] = file["node"]
        elif how == "bomb":
            del nodes["in_to_hidden/weight"]
            nodes["in_to_hidden"].create_dataset(
                "weight", shape=(1 << 20, 1 << 20), dtype="f8", compression="gzip", fillvalue=0
            )
        elif how == "zeros":
            del nodes["in_to_hidden/weight"]
            nodes["in_to_hidden"].create_dataset(
                "weight", shape=(4096, 4096), dtype="f8", chunks=(512, 512), compression="gzip"
            )
        elif how == "external data":
            del nodes["in_to_hidden/weight"]
            nodes["in_to_hidden"].create_dataset(
                "weight", shape=(8,), dtype="u1", external=[("/etc/hostname", 0, 8)]
            )
        elif how == "references":
            del nodes["in_to_hidden/weight"]
            nodes["in_to_hidden"]["weight"] = np.array([file.ref], dtype=h5py.ref_dtype)
        elif how == "unknown node":
            del nodes["hidden/type"]
            nodes["hidden/type"] = "Exec"
        elif how == "missing field":
            del nodes["hidden/tau"]
        elif how == "lost node":
            del nodes["hidden"]
        elif how == "edge to nowhere":
            del file["node/edges"]
            file["node/edges"] = np.array([["n_in", "nobody"]], dtype=h5py.string_dtype())
        elif how == "edge twice":
            edges = file["node/edges"][()].tolist()
            del file["node/edges"]
            file["node/edges"] = np.array([*edges, edges[0]], dtype=h5py.string_dtype())
        elif how == "wrong shape":
            del nodes["in_to_hidden/weight"]
            nodes["in_to_hidden/weight"] = weight[:, :-1]
        elif how == "NaN":
            nodes["in_to_hidden/weight"][0, 0] = np.nan
        elif how == "negative tau":
            nodes["hidden/tau"][...] = -1.0
        elif how == "linear loop":
            edges = file["node/edges"][()].tolist()
            del file["node/edges"]
            more = [[b"in_to_hidden", b"back"], [b"back", b"in_to_hidden"]]
            file["node/edges"] = np.array([*edges, *more], dtype=h5py.string_dtype())
            back = nodes.create_group("back")
            back["type"], back["scale"] = "Scale", np.ones(20)
        elif how in ("huge input", "huge image"):
            del nodes["n_in/shape"]
            nodes["n_in/shape"] = [10**5, 10**5] if how == "huge input" else [1, 8000, 8000]
            if how == "huge image":
                del nodes["in_to_hidden"]
                node = nodes.create_group("in_to_hidden")
                ones, zero = np.ones(2, int), np.zeros(1)
                parts = {"weight": np.ones((1, 1, 9, 9)), "bias": zero, "stride": ones}
                for key, value in {**parts, "padding": 0 * ones, "dilation": ones}.items():
                    node[key] = value
                node["type"], node["groups"] = "Conv2d", 1
        elif how == "later schema":
            file["node/metadata/neurosim/schema"][()] = 99
        elif how == "no description":
            del file["node/metadata/neurosim/content"]
        elif how == "pickled array":
            stored = file["node/metadata/neurosim/arrays"]
            del stored["0"]
            stored["0"] = np.frombuffer(b"\x93NUMPY\x01\x00v\x00{'descr': '|O'}", np.uint8)
        else:
            raise AssertionError(how)


BAD = {
    "cut off": "something else|damaged",
    "no HDF5": "something else",
    "no node": "without a group 'node'",
    "external link": "a link to elsewhere",
    "soft link": "a link to elsewhere",
    "circle": "a link to what stands elsewhere",
    "bomb": r"of shape \(1048576, 1048576\).*most_bytes",
    "zeros": "bytes out of",
    "external data": "lies in another file",
    "references": "of type object",
    "unknown node": "'Exec'; expected one of Affine",
    "missing field": r"node 'hidden' \(LIF\)",
    "lost node": "a node of the graph",
    "edge to nowhere": "'nobody'; expected a node of the graph",
    "edge twice": "there twice",
    "wrong shape": r"input is \(6,\); expected a shape of \(5,\)",
    "NaN": "expected finite numbers",
    "negative tau": "expected times above 0",
    "linear loop": "with a loop through",
    "huge input": "at most 67,108,864 neurons",
    "huge image": "a convolution of .* connections",
    "later schema": "later version",
    "no description": "description=False",
    "pickled array": "description=False",
}


@pytest.mark.parametrize("how", BAD)
def test_bad_files_are_refused_with_what_is_wrong(how: str, good: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.nir"
    path.write_bytes(good.read_bytes())
    _spoil(path, how)
    with pytest.raises((DescriptionError, UnsupportedError), match=BAD[how]):
        ns.from_nir(path, description=BAD[how] == "description=False")


def test_files_are_not_replaced_unasked(good: Path) -> None:
    with pytest.raises(DescriptionError, match="overwrite=True"):
        ns.to_nir(chain(DELTA, 5.0), good)
    with pytest.raises(DescriptionError, match="not there"):
        ns.from_nir(good.parent / "none.nir")


# --- the report -----------------------------------------------------------------------------------


def test_the_report_is_a_table_with_the_first_difference(good: Path) -> None:
    report = ns.verify_nir(good, steps=40)
    assert report.agrees
    text = str(report)
    assert "good.nir" in text
    assert "SpikingJelly".lower() in text
    graph = copy.deepcopy(ns.to_nir(chain(DELTA, 5.0), profile="snntorch"))
    for node in graph.nodes.values():
        if isinstance(node, nir.LIF):
            node.tau = node.tau * np.linspace(1, 3, node.tau.size)
    told = ns.verify_nir(graph, steps=60, simulators=["snntorch"])
    assert not told.agrees
    assert told["snntorch"].first is not None
    assert "from call" in str(told)


def test_readers_leave_nothing_behind(capfd: pytest.CaptureFixture[str], good: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ns.verify_nir(good, steps=3)
    assert capfd.readouterr() == ("", "")

"""Cores of Loihi: counted again by loops; every limit binds once; what does not fit is told."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import neurosim as ns
from neurosim.cli import app
from neurosim.fit.check import Terms
from neurosim_backends.loihi.chip import Compartments, Generators, Group, IntegerNetwork
from neurosim_backends.loihi_chips import Loihi1
from neurosim_backends.loihi_chips.limits import LOIHI1, LOIHI2
from neurosim_backends.loihi_chips.partition import axon_bits, incoming_of, neurons_of, place

# --- placements, counted again --------------------------------------------------------------------


def random_network(seed: int) -> tuple[IntegerNetwork, list[int]]:
    """Return a network of integers, and refractory steps of its populations."""
    rng = np.random.default_rng(seed)
    populations: list[Compartments | Generators] = []
    for k in range(rng.integers(1, 5)):
        n = int(rng.integers(1, 40))
        if k and rng.random() < 0.3:
            populations.append(Generators(name=f"g{k}", size=n))
            continue
        zeros = np.zeros(n, np.int64)
        populations.append(
            Compartments(
                name=f"p{k}", du=int(rng.integers(2)), dv=int(rng.integers(2)),
                vth=int(rng.integers(3)), bias_mant=zeros, bias_exp=zeros, u=zeros, v=zeros,
            )
        )  # fmt: skip
    groups = []
    for k in range(rng.integers(0, 6)):
        pre = int(rng.integers(len(populations)))
        posts = [j for j, p in enumerate(populations) if isinstance(p, Compartments)]
        post = int(rng.choice(posts))
        chosen = rng.random((populations[pre].size, populations[post].size)) < rng.choice([0.2, 1])
        pre_id, post_id = np.nonzero(chosen)
        groups.append(
            Group(
                name=f"s{k}", pre=pre, post=post, pre_id=pre_id, post_id=post_id,
                weight=rng.integers(-9, 9, pre_id.size), bits=int(rng.choice([1, 3, 7, 8])),
                slot=rng.integers(0, rng.integers(1, 9), pre_id.size),
            )
        )  # fmt: skip
    return IntegerNetwork(populations=tuple(populations), groups=tuple(groups)), [
        int(rng.integers(2)) for _ in populations
    ]


def counted(
    network: IntegerNetwork, refractory: list[int], bounds: list[tuple[int, int]]
) -> list[dict[str, int]]:
    """Return what cores hold, neuron by neuron and synapse by synapse."""
    neurons = [
        (k, j)
        for k, p in enumerate(network.populations)
        if isinstance(p, Compartments)
        for j in range(p.size)
    ]
    core_of = {neurons[i]: c for c, (lo, hi) in enumerate(bounds) for i in range(lo, hi)}
    registers_of = {
        k: (p.du, p.dv, p.vth, refractory[k])
        for k, p in enumerate(network.populations)
        if isinstance(p, Compartments)
    }
    arriving: dict[int, Counter[tuple[int, int]]] = {c: Counter() for c in range(len(bounds))}
    sent: dict[int, set[tuple[int, int, int]]] = {c: set() for c in range(len(bounds))}
    for number, g in enumerate(network.groups):
        for i, j in zip(g.pre_id.tolist(), g.post_id.tolist(), strict=True):
            target = core_of[g.post, j]
            arriving[target][number, i] += 1
            if (g.pre, i) in core_of:
                sent[core_of[g.pre, i]].add((number, i, target))
    found = []
    for c, (lo, hi) in enumerate(bounds):
        registers = [registers_of[k] for k, _ in neurons[lo:hi]]
        bits = 0
        for (number, _), n in arriving[c].items():
            g = network.groups[number]
            size = {1: 1, 3: 3, 7: 8, 8: 8}[g.bits]
            longest = max(g.slot)
            size += len(f"{longest:b}") if longest else 0
            if g.weight.size < network.populations[g.pre].size * network.populations[g.post].size:
                size += next(b for b in range(6, 13) if 2**b >= hi - lo)
            for block in range(0, n, 64):
                bits += 64 * -(-(min(64, n - block) * size + 10) // 64)
        found.append(
            {
                "compartments": hi - lo, "input_axons": len(arriving[c]),
                "synapses": sum(arriving[c].values()), "synapse_bits": bits,
                "output_axons": len(sent[c]),
                "threshold_configurations": len({vth for _, _, vth, _ in registers}),
                "compartment_configurations": len({(du, dv, t) for du, dv, _, t in registers}),
            }
        )  # fmt: skip
    return found


@given(
    seed=st.integers(0, 10_000), neurons=st.integers(1, 50), axons=st.integers(1, 120),
    memory=st.integers(64, 9000), sent=st.integers(1, 150), thresholds=st.integers(1, 3),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_cores_hold_what_loops_count(
    seed: int, neurons: int, axons: int, memory: int, sent: int, thresholds: int
) -> None:
    """All neurons are placed, in order; counts are right; limits hold, or a neuron is alone.

    A core that is full, and not of one neuron alone, would break the limit that it names with one
    neuron more.
    """
    network, refractory = random_network(seed)
    incoming, dense = incoming_of(network, list(network.groups))
    limits = {
        "compartments": neurons, "input_axons": axons, "synapse_bits": memory,
        "output_axons": sent, "threshold_configurations": thresholds,
    }  # fmt: skip
    of = neurons_of(network, refractory, dense)
    placed = place(of, incoming, limits)
    size = sum(p.size for p in network.populations if isinstance(p, Compartments))
    assert [lo for lo, _ in placed.bounds] + [size] == [0] + [hi for _, hi in placed.bounds]
    expected = counted(network, refractory, placed.bounds)
    assert placed.use == expected
    for k, (lo, hi) in enumerate(placed.bounds):
        for name, most in limits.items():
            assert expected[k][name] <= most or hi - lo == 1
        if placed.bound_by[k] and expected[k][placed.bound_by[k]] <= limits[placed.bound_by[k]]:
            tried = [*placed.bounds[:k], (lo, hi + 1), (hi + 1, size)]
            fuller = counted(network, refractory, tried)[k]
            assert fuller[placed.bound_by[k]] > limits[placed.bound_by[k]]


def test_memory_is_that_of_blocks() -> None:
    """Sizes worked out by hand from the formula of NengoLoihi: words of 64 bits, a header of 10."""
    assert axon_bits(0, 18) == 0
    assert axon_bits(3, 18) == 64  # 3 * 18 + 10 = 64
    assert axon_bits(4, 18) == 128
    assert axon_bits(64 + 1, 18) == 19 * 64 + 64  # 64 * 18 + 10 = 1162 in 19 words


# --- networks -------------------------------------------------------------------------------------


def layers(n_pre: int, n_post: int, **how: Any) -> ns.Network:
    net = ns.Network("layers", seed=1, dt=1.0)
    model = ns.LIF(t_ref=0.0, synapses=ns.ExpCurrent())
    pre, post = (net.population(name, n, model) for name, n in (("pre", n_pre), ("post", n_post)))
    net.project(pre, post, how.pop("rule", ns.AllToAll()), receptor="exc", **how)
    return net


def test_a_dense_layer_takes_the_memory_of_its_weights() -> None:
    """512 axons share 2^20 bits: 2048 each, 3 blocks of 64 synapses (640) and one of 13 (128).

    A synapse has 8 bits of weight and 1 of delay: onto a current the chip needs a step more.
    """
    fit = ns.check(layers(512, 512, weight=20.0), "loihi1")
    assert fit.fits
    assert fit.synapses == 512 * 512
    posts = [core for core in fit.cores if core.parts[0].population == "post"]
    assert [core.use["compartments"] for core in posts] == [205, 205, 102]
    assert posts[0].use["synapse_bits"] == 512 * axon_bits(205, 9) == 2**20
    assert [core.bound_by for core in posts] == ["synapse_bits", "synapse_bits", ""]
    assert fit.cores[0].use["output_axons"] == 3 * 512


def test_every_limit_of_a_chip_that_is_exceeded_is_told_with_a_way_out() -> None:
    alone = ns.check(layers(5000, 3, weight=0.1), "loihi1")
    assert [(m.part, m.field, m.value) for m in alone.misfits] == [
        ("Population 'post': neuron 0", "input axons", "5,000"),
        ("Population 'post': neuron 1", "input axons", "5,000"),
        ("Population 'post': neuron 2", "input axons", "5,000"),
    ]
    late = ns.check(layers(5, 5, weight=1.0, delay=70.0), "loihi1")
    assert "delay is 70 steps; a synapse has at most 63 steps. Use delays up to 63 ms" in str(late)
    assert not late.cores
    net = ns.Network("held", dt=0.1)
    net.population("cells", 4, ns.LIF(t_ref=ns.Uniform(1, 9), V_th=ns.Uniform(-50, -40)))
    first = ns.check(net, "loihi1")
    assert {m.field for m in first.misfits} == {"t_ref", "V_th"}
    assert "4 different values" in str(first)
    assert "8 threshold configurations" in str(first)
    assert {m.field for m in ns.check(net, "loihi2").misfits} == {"V_th"}
    crowded = layers(5, 5, weight=1e9)
    assert ns.check(crowded, "loihi1").misfits[0].part == "Population 'post'"


class Small(Loihi1):
    """A chip of two cores, so that few synapses are too many."""

    chip = replace(
        LOIHI1,
        limits=tuple(replace(x, value=2) if x.name == "cores" else x for x in LOIHI1.limits),
    )


def test_too_few_chips_and_the_change_that_was_tried() -> None:
    """One core takes 2^20 / 400 = 2621 bits of each axon: 400 weights of 4 bits, but not of 5."""
    assert axon_bits(400, 4 + 1) <= 2621 < axon_bits(400, 5 + 1)
    net = layers(400, 400, weight=20.0)
    assert Small().place(net, Terms(dt=1.0, chips=2)).fits
    short = Small().place(net, Terms(dt=1.0, chips=1))
    (misfit,) = short.misfits
    assert (misfit.field, misfit.value, short.chips) == ("cores", "3", 2)
    assert "Use 2 chips, or weights of 4 bits (2 cores, placed so to see)" in misfit.remedy


def test_what_has_no_form_is_refused_by_name() -> None:
    net = ns.Network("mixed", dt=1.0)
    cells = net.population("cells", 3, ns.LIF(t_ref=0.0))
    net.population("fine", 2, ns.AdEx())
    net.population("rates", 2, ns.WilsonCowan())
    net.project(cells, cells, ns.AllToAll(), weight=1.0, receptor="exc", release=0.5)
    net.project(
        cells, cells, ns.AllToAll(), weight=1.0, receptor="exc", plasticity=ns.STDP(), name="learns"
    )
    fit = ns.check(net, "loihi2")
    assert {m.part for m in fit.misfits} >= {
        "Population 'fine'", "Population 'rates'", "Projection 'cells->cells'",
        "Projection 'learns'",
    }  # fmt: skip
    assert all(m.remedy for m in fit.misfits)
    assert not fit.cores
    assert not fit.fits


def test_many_synapses_are_all_counted() -> None:
    net = ns.Network("many", seed=2, dt=1.0)
    cells = net.population("cells", 1500, ns.LIF(t_ref=0.0))
    net.project(cells, cells, ns.FixedIndegree(70), weight=1.0, receptor="exc")
    placed = ns.check(net, "loihi1")
    assert placed.synapses == 1500 * 70
    assert len(placed.cores) > 1
    (core,) = ns.check(net, "loihi2").cores
    assert core.use["synapses"] == 1500 * 70
    assert core.use["input_axons"] == core.use["output_axons"]


def test_the_answer_as_text_json_and_figure(tmp_path: Any) -> None:
    fit = ns.check(layers(30, 20, weight=20.0, rule=ns.FixedIndegree(5)), "loihi1", chips=1)
    told = json.loads(fit.to_json())
    assert told["fits"]
    assert told["cores"][0]["parts"][0] == {
        "population": "pre", "first": 0, "end": 30, "kind": "neurons"
    }  # fmt: skip
    assert sum(core["use"]["synapse_bits"] for core in told["cores"]) > 0
    assert {limit["source"] != "" for limit in told["limits"]} == {True}
    assert "1 core on 1 chip" in str(fit)
    above, below = fit.plot().axes
    legend = above.get_legend()
    assert legend is not None
    assert {text.get_text() for text in legend.get_texts()} == {"pre", "post"}
    assert len(below.lines) == 1 + 6  # limits that are used, and the line of 100 %
    refused = replace(fit, cores=(), misfits=ns.check(layers(1, 1, delay=99.0), "loihi1").misfits)
    assert len(refused.plot().axes) == 1


def test_the_command_line(tmp_path: Any) -> None:
    run = CliRunner().invoke
    figure = tmp_path / "cores.png"
    command = ["check", "brunel", "--set", "scale=0.002", "--target", "loihi1"]
    done = run(app, [*command, "--json", "--plot", str(figure)])
    assert done.exit_code == 0
    assert json.loads(done.output)["target"] == "loihi1"
    assert figure.read_bytes()[:4] == b"\x89PNG"
    short = run(app, [*command, "--dt", "0.01"])
    assert short.exit_code == 3
    assert "Does not fit" in short.output
    assert run(app, ["check", "brunel", "--target", "loihi3"]).exit_code == 2


def test_wrong_questions_are_refused() -> None:
    net = layers(2, 2)
    with pytest.raises(ns.UnknownNameError, match="loihi1"):
        ns.check(net, "loihi")
    with pytest.raises(ns.DescriptionError, match="check: board"):
        ns.check(net, "loihi1", board=5)
    with pytest.raises(ns.DescriptionError, match="check: map"):
        ns.check(net, "loihi1", map=True)
    with pytest.raises(ns.DescriptionError, match="check: chips"):
        ns.check(net, "loihi1", chips=0)


def test_every_limit_has_a_source_and_every_core_of_a_chip_is_told() -> None:
    for chip in (LOIHI1, LOIHI2):
        assert all(limit.source and limit.value > 0 for limit in chip.limits)
        assert chip.most("cores") == 128

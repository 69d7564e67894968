"""The same seed gives the same bits, for all numbers of threads and all pieces of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim_models import potjans_diesmann, vogels_abbott_cuba

pytestmark = pytest.mark.compiled

DURATION = 150.0
"""Long enough for every population to fire, short enough for small machines."""


def microcircuit(seed: int = 3) -> ns.Network:
    """The cortical microcircuit at a twentieth, with potentials and currents of some neurons."""
    net = potjans_diesmann(scale=0.05, seed=seed)
    for name in ("L23E", "L5I"):
        net.record(net.populations[name][::9], ["V_m", "I_syn"], every=0.5)
    return net


def cuba(seed: int = 3) -> ns.Network:
    """4000 neurons, current-based, with potentials of some and an average of all."""
    net = vogels_abbott_cuba(seed=seed)
    net.record(net.populations["exc"][:50], "V_m")
    net.record(net.populations["inh"], "I_exc", reduce="mean")
    return net


NETWORKS: dict[str, Callable[..., ns.Network]] = {"microcircuit": microcircuit, "cuba": cuba}


def bits(run: ns.Run) -> str:
    """A digest of all spikes and all states; compared within one run of the tests only."""
    digest = hashlib.sha256()
    for name, record in run.spikes.items():
        digest.update(name.encode() + record.times.tobytes() + record.ids.tobytes())
    for name, traces in run.states.items():
        for variable, trace in traces.items():
            digest.update(f"{name}.{variable}".encode() + trace.array.tobytes())
    return digest.hexdigest()


def in_pieces(net: ns.Network, pieces: tuple[float, ...], **options: Any) -> ns.Run:
    """One run made of several calls."""
    session = ns.compile(net, **options)
    run = session.run(pieces[0], progress=False)
    for piece in pieces[1:]:
        run = run + session.run(piece, progress=False)
    return run


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("name", NETWORKS)
def test_threads_and_pieces_change_no_bit(name: str, precision: str) -> None:
    """1, 2 and 4 threads, at once and in uneven pieces, one of them a single step."""
    net = NETWORKS[name]()
    one = ns.run(net, DURATION, threads=1, precision=precision, progress=False)
    assert all(len(record) > 0 for record in one.spikes.values())
    expected = bits(one)
    for threads in (2, 4):
        run = ns.run(net, DURATION, threads=threads, precision=precision, progress=False)
        assert run.provenance["threads_allowed"] == threads
        assert bits(run) == expected
    for threads, pieces in ((1, (0.5, 100.0, 49.5)), (2, (37.0, 0.5, 12.5, 100.0))):
        assert bits(in_pieces(net, pieces, threads=threads, precision=precision)) == expected


@pytest.mark.parametrize("name", NETWORKS)
def test_the_default_number_of_threads_changes_no_bit(name: str) -> None:
    """Whatever is chosen by itself."""
    net = NETWORKS[name]()
    chosen = ns.run(net, 30, progress=False)
    assert bits(chosen) == bits(ns.run(net, 30, threads=1, progress=False))


@pytest.mark.parametrize("name", NETWORKS)
def test_building_again_gives_the_same_bits(name: str) -> None:
    """A network described again, a session reset, a session beside another one."""
    net = NETWORKS[name]()
    session, other = ns.compile(net, threads=1), ns.compile(NETWORKS[name](), threads=2)
    first, beside = session.run(30, progress=False), other.run(30, progress=False)
    assert bits(first) == bits(beside)
    session.reset()
    assert bits(session.run(30, progress=False)) == bits(first)


def test_other_seeds_and_trials_and_precisions_are_seen() -> None:
    """The digest tells apart what differs: the comparison above can fail."""
    found = [
        bits(ns.run(microcircuit(), 50, threads=1, progress=False)),
        bits(ns.run(microcircuit(seed=4), 50, threads=1, progress=False)),
        bits(ns.run(microcircuit(), 50, threads=1, trial=1, progress=False)),
        bits(ns.run(microcircuit(), 50, threads=1, precision="single", progress=False)),
    ]
    assert len(set(found)) == len(found)
    run = ns.run(cuba(), 20, threads=1, progress=False)
    trace = run.states["exc"]["V_m"]
    changed = trace.array.copy()
    changed[-1, -1] = np.nextafter(changed[-1, -1], 0.0)
    states = {**run.states, "exc": {"V_m": ns.Trace(
        array=changed, times=trace.times, ids=trace.ids, unit=trace.unit
    )}}  # fmt: skip
    assert bits(run) != bits(
        ns.Run(
            name=run.name, interval=run.interval, populations=run.populations, spikes=run.spikes,
            states=states, weights=run.weights, provenance=run.provenance,
        )
    )  # fmt: skip

"""What can be done to a session, on every backend: run on, look, change, go back."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import pytest

import neurosim as ns
from neurosim.backend import find_backend
from neurosim.errors import (
    ApproximationWarning,
    DescriptionError,
    NeurosimError,
    SimulationError,
    UnknownNameError,
    UnsupportedError,
)
from tests.conformance.comparing import assert_close, assert_same
from tests.conformance.networks import CASES, Case, everything

pytestmark = pytest.mark.compiled

BACKENDS = ns.backends()
QUICK = [name for name in BACKENDS if not find_backend(name).capabilities.costly]
COSTLY = [name for name in BACKENDS if name not in QUICK]


def small() -> ns.Network:
    """Return a network of what every simulator has: LIF neurons, jumps, given spikes, drive."""
    net = ns.Network("small", seed=12)
    source = net.population("source", 2, ns.SpikeTimes([[0.1, 4.0, 21.0], [3.0, 3.1, 25.0]]))
    exc = net.population("exc", 4, ns.LIF(I_e=[300.0, 380.0, 420.0, 480.0], t_ref=1.0))
    inh = net.population("inh", 2, ns.LIF(synapses=ns.Delta(), I_e=[380.0, 460.0]))
    net.initialise(exc, V_m=ns.Uniform(-70, -55), I_exc=20.0)
    net.project(source, exc, ns.AllToAll(), weight=120.0, delay=0.3, receptor="exc")
    net.project(exc, inh, ns.FixedIndegree(2), weight=ns.Normal(3, 0.5), delay=ns.Uniform(0.1, 3))
    net.project(inh, exc, ns.AllToAll(), weight=-80.0, delay=0.1, receptor="inh")
    net.drive(exc, ns.Poisson(rate=300), weight=40.0, receptor="exc")
    return everything(net)


@pytest.mark.parametrize("backend", QUICK)
def test_warnings_name_the_line_of_the_user(backend: str) -> None:
    """However deep the code that warns: of rounding by all, in compile and in run."""
    net = ns.Network("rounded")
    net.population("cells", 1, ns.LIF(t_ref=2.04))
    expect_refusals(backend, net)
    for call in (lambda: ns.compile(net, backend), lambda: ns.run(net, 1.0, backend)):
        with pytest.warns(ApproximationWarning, match="t_ref") as told:
            call()
        assert {w.filename for w in told} == {__file__}


def expect_refusals(backend: str, network: ns.Network, **options: Any) -> None:
    """End the test here where the network is refused, as declared."""
    told = ns.explain(network, backend, **options)
    if told.refused:
        with pytest.raises(UnsupportedError) as caught:
            ns.compile(network, backend, **options)
        assert told.refused[0].how in str(caught.value)
        pytest.xfail(f"refused, as declared: {told.refused[0].how}")


def compiled(backend: str, network: ns.Network | None = None, **options: Any) -> ns.Session:
    network = network or small()
    expect_refusals(backend, network, **options)
    return ns.compile(network, backend, **options)


@contextmanager
def allowed_by(backend: str, feature: str) -> Iterator[None]:
    """Expect what the declaration says of a feature of sessions: that it works, or is refused."""
    support = find_backend(backend).capabilities.declared(feature)
    if support.level == "refused":
        with pytest.raises(UnsupportedError) as caught:
            yield
        assert support.how in str(caught.value)
        pytest.xfail(f"refused, as declared: {support.how}")
    yield


# --- running ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", QUICK)
def test_pieces_make_the_whole(backend: str) -> None:
    """Runs of 0.1, 12.4 and 17.5 ms are one of 30 ms, with spikes under way at each border."""
    whole = compiled(backend).run(30)
    session = compiled(backend)
    assert session.time == 0
    pieces = session.run(0.1)
    with allowed_by(backend, "session:pieces"):
        pieces = pieces + session.run(12.4)
    assert session.time == pytest.approx(12.5)
    pieces = pieces + session.run(17.5)
    assert session.time == pytest.approx(30)
    assert len(whole.spikes["exc"]) > 2
    assert_same(pieces, whole, 0.1)


@pytest.mark.parametrize("backend", QUICK)
def test_reset_goes_back_to_the_start(backend: str) -> None:
    session = compiled(backend)
    first = session.run(20)
    with allowed_by(backend, "session:reset"):
        session.reset()
    assert session.time == 0
    assert_same(session.run(20), first, 0.1)


@pytest.mark.parametrize("backend", QUICK)
def test_trials_differ_as_those_of_the_core_do(backend: str) -> None:
    runs = [compiled(backend, trial=k).run(30) for k in (0, 1)]
    for k, run in enumerate(runs):
        assert_same(run, compiled("cpu", trial=k).run(30), 0.1)
        assert run.provenance["trial"] == k
    assert not np.array_equal(
        runs[0].states["exc"]["V_m"].array, runs[1].states["exc"]["V_m"].array
    )


@pytest.mark.parametrize("backend", QUICK)
def test_a_session_is_a_snapshot_and_leaves_the_network_alone(backend: str) -> None:
    network = small()
    before = network.content_hash()
    session = compiled(backend, network)
    assert network.content_hash() == before
    late = network.population("late", 3, ns.LIF(I_e=900.0))
    network.project(late, network["exc"], ns.AllToAll(), weight=500.0, receptor="exc")
    run = session.run(20)
    assert "late" not in run.populations
    assert_same(run, compiled("cpu").run(20), 0.1)


@pytest.mark.parametrize("backend", QUICK)
def test_a_second_session_does_not_disturb_the_first_unheard(backend: str) -> None:
    """Simulators with one global state refuse the older session; none returns wrong results."""
    first, expected = compiled(backend), compiled("cpu").run(20)
    second = compiled(backend)
    assert_same(second.run(20), expected, 0.1)
    try:
        run = first.run(20)
    except NeurosimError as error:
        assert "session" in str(error)  # noqa: PT017
    else:
        assert_same(run, expected, 0.1)


# --- looking and changing -----------------------------------------------------------------------


@pytest.mark.parametrize("backend", QUICK)
def test_states_and_parameters_are_read_in_our_units(backend: str) -> None:
    session, core = compiled(backend), compiled("cpu")
    for name in ("V_m", "I_exc", "I_inh", "I_e", "tau_m", "t_ref", "tau_exc"):
        assert_close(
            session.get(session.network["exc"], name), core.get(core.network["exc"], name), name
        )
    part = session.network["exc"][[3, 1]]
    assert_close(
        session.get(part, "V_m"), core.get(core.network["exc"], "V_m")[[3, 1]], "V_m of a view"
    )
    session.run(15)
    core.run(15)
    for name in ("V_m", "I_exc", "I_inh"):
        assert_close(
            session.get(session.network["exc"], name), core.get(core.network["exc"], name), name
        )


def assert_equal_values(session: ns.Session, core: ns.Session, name: str) -> None:
    """Check that two sessions tell the same of a state or parameter."""
    assert_close(
        session.get(session.network["exc"], name), core.get(core.network["exc"], name), name
    )


def change(session: ns.Session) -> None:
    """Set a state and parameters, of all neurons and of some."""
    exc = session.network["exc"]
    session.set(exc[:2], V_m=[-55.0, -52.0])
    session.set(exc, I_e=430.0, tau_m=12.0)


@pytest.mark.parametrize("backend", QUICK)
def test_what_is_set_counts_from_then_on(backend: str) -> None:
    session, core = compiled(backend), compiled("cpu")
    session.run(10)
    core.run(10)
    change(core)
    with allowed_by(backend, "session:set"):
        change(session)
    assert_close(
        session.get(session.network["exc"], "V_m"), core.get(core.network["exc"], "V_m"), "V_m"
    )
    assert_close(session.get(session.network["exc"], "I_e"), np.full(4, 430.0), "I_e")
    with allowed_by(backend, "session:pieces"):
        run = session.run(20)
    assert_same(run, core.run(20), 0.1)


@pytest.mark.parametrize("backend", QUICK)
def test_synaptic_states_are_set(backend: str) -> None:
    session, core = compiled(backend), compiled("cpu")
    core.set(core.network["exc"][[3, 0]], I_exc=[200.0, 10.0])
    with allowed_by(backend, "session:set_synapses"):
        session.set(session.network["exc"][[3, 0]], I_exc=[200.0, 10.0])
    assert_same(session.run(20), core.run(20), 0.1)


@pytest.mark.parametrize("backend", QUICK)
def test_connections_are_those_of_the_core(backend: str) -> None:
    session, core = compiled(backend), compiled("cpu")
    for name in ("source->exc", "exc->inh", "inh->exc"):
        mine, theirs = session.connections(name), core.connections(name)
        np.testing.assert_array_equal(mine.pre, theirs.pre)
        np.testing.assert_array_equal(mine.post, theirs.post)
        np.testing.assert_allclose(mine.weight, theirs.weight, rtol=1e-12)
        np.testing.assert_allclose(mine.delay, theirs.delay, rtol=1e-12)
        again = session.connections(session.network.projections[name])
        np.testing.assert_array_equal(again.post, theirs.post)


WRONG: dict[str, tuple[Callable[[ns.Session], object], type[Exception], str]] = {
    "state": (lambda s: s.get(s.network["exc"], "V"), UnknownNameError, "V_m"),
    "name": (lambda s: s.set(s.network["exc"], Vm=-60.0), UnknownNameError, "V_m"),
    "number": (lambda s: s.set(s.network["exc"], V_m=np.nan), DescriptionError, "V_m"),
    "size": (lambda s: s.set(s.network["exc"], V_m=[1.0, 2.0, 3.0]), DescriptionError, "V_m"),
    "source": (lambda s: s.set(s.network["source"], rate=3.0), DescriptionError, "source"),
    "population": (lambda s: s.get(cast(Any, "ecx"), "V_m"), DescriptionError, "exc"),
    "projection": (lambda s: s.connections("exc->ihn"), UnknownNameError, "exc->inh"),
    "duration": (lambda s: s.run(0.05), DescriptionError, "multiple of the time step"),
    "end": (lambda s: s.run(-1), DescriptionError, "duration"),
    "inputs": (lambda s: s.run(1, inputs={"exc": 1}), UnknownNameError, "inputs"),
}


@pytest.mark.parametrize("backend", QUICK)
def test_wrong_words_are_refused_by_name(backend: str) -> None:
    session = compiled(backend)
    for call, kind, named in WRONG.values():
        with pytest.raises(kind, match=named):
            call(session)
    assert_same(session.run(20), compiled("cpu").run(20), 0.1)  # and change nothing


@pytest.mark.parametrize("backend", QUICK)
def test_states_beyond_the_numbers_stop_the_run(backend: str) -> None:
    net = ns.Network("explosion")
    model = ns.NeuronModel(
        "explosive", equations="dx/dt = x**3/tau : 1\ntau : ms", parameters={"tau": 10.0}
    )
    cells = net.population("cells", 2, model)
    net.initialise(cells, x=[0.0, 2.0])
    net.record(cells, "x")
    if ns.explain(net, backend).refused:
        with pytest.raises(UnsupportedError, match="'cells'"):
            ns.compile(net, backend)
        return
    session = compiled(backend, net)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of numpy, on the way there
        with pytest.raises(SimulationError, match="'cells'"):
            session.run(50)


# --- what a run tells ---------------------------------------------------------------------------

PROVENANCE = {
    "backend", "seed", "trial", "network_hash", "dt", "precision", "approximations", "versions",
    "wall_seconds",
}  # fmt: skip


def check_provenance(backend: str, run: ns.Run, network: ns.Network) -> None:
    told = run.provenance
    assert set(told) >= PROVENANCE
    assert (told["backend"], told["seed"], told["dt"]) == (backend, network.seed, 0.1)
    assert told["network_hash"] == network.content_hash()
    assert {"python", "neurosim-snn"} <= set(told["versions"])
    needed = {r.distribution for r in find_backend(backend).capabilities.requires if not r.beside}
    assert needed <= set(told["versions"])
    assert {"build", "run"} <= set(told["wall_seconds"])
    for entry in told["approximations"]:
        assert {"part", "how", "bound", "unit"} <= set(entry)


@pytest.mark.parametrize("backend", QUICK)
def test_the_provenance_is_complete(backend: str) -> None:
    network = small()
    check_provenance(backend, compiled(backend, network).run(5), network)


@pytest.mark.parametrize("backend", QUICK)
@pytest.mark.parametrize(
    "options", [{"precision": "single"}, {"threads": 1}, {"synapse_format": "fixed16"}], ids=str
)
def test_options_are_heeded_or_refused(backend: str, options: dict[str, Any]) -> None:
    expect_refusals(backend, small())
    told = ns.explain(small(), backend, **options)
    if told.refused:
        with pytest.raises(UnsupportedError, match=r"Options of the run"):
            ns.compile(small(), backend, **options)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        run = compiled(backend, **options).run(5)
    if "precision" in options:
        assert run.provenance["precision"] == "single"
    reference = compiled("cpu").run(5)
    off = run.states["exc"]["V_m"].array - reference.states["exc"]["V_m"].array
    assert np.abs(off).max() < 1e-2


@pytest.mark.filterwarnings("ignore::neurosim.errors.ApproximationWarning")
@pytest.mark.parametrize("backend", COSTLY)
@pytest.mark.parametrize("case", [c for c in CASES.values() if c.costly], ids=lambda c: c.name)
def test_costly_backends_keep_to_the_contract(backend: str, case: Case) -> None:
    """All of the above that one network can show, for those that take many seconds for each."""
    network, core = case.build(), ns.compile(case.build())
    session = ns.compile(network, backend)
    assert session.time == 0
    for name in ("exc->exc", "inh->exc"):
        np.testing.assert_array_equal(session.connections(name).post, core.connections(name).post)
    assert_close(
        session.get(session.network["exc"], "V_m"), core.get(core.network["exc"], "V_m"), "V_m"
    )
    with pytest.raises(UnknownNameError):
        session.get(session.network["exc"], "V")
    run = session.run(case.duration)
    check_provenance(backend, run, network)
    assert_same(run, core.run(case.duration), 0.1)
    assert session.time == pytest.approx(case.duration)
    with allowed_by(backend, "session:pieces"):
        assert_same(session.run(5), core.run(5), 0.1)

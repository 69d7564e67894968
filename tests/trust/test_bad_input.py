"""Wrong input at the level of runs: refused with object, field, value and remedy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neurosim as ns

pytestmark = pytest.mark.compiled

Call = Callable[[], Any]

RUNAWAY = ns.NeuronModel("runaway", equations="dV_m/dt = V_m**2/(ms*mV) : mV", initial={"V_m": 5.0})


def cells(model: Any = None, size: int = 4) -> ns.Network:
    """A population "cells" whose spikes and potentials are recorded."""
    net = ns.Network("net")
    population = net.population("cells", size, model or ns.LIF())
    net.record(population, "V_m" if model is RUNAWAY else ["spikes", "V_m"])
    return net


def loop(synapses: Any = None, rule: Any = None, **options: Any) -> ns.Network:
    """The population "cells" connected among themselves by a projection named "loop"."""
    net = cells(ns.LIF(synapses=synapses or ns.ExpCurrent()))
    population = net.populations["cells"]
    given_: dict[str, Any] = {"weight": 1.0, "receptor": "exc"}
    net.project(population, population, rule or ns.AllToAll(), name="loop", **(given_ | options))
    return net


def image(kind: str = "spikes") -> ns.Network:
    """A population "image" of 2 x 3 that is fed while running."""
    net = ns.Network("net")
    net.population("image", (2, 3), ns.Input(kind))  # type: ignore[arg-type]
    return net


def run(net: ns.Network, duration: Any = 1, **options: Any) -> ns.Run:
    """One short run on one thread."""
    return ns.run(net, duration, **{"threads": 1, **options})


def session(net: ns.Network | None = None) -> Any:
    """A session; of any type, since what is handed to it is wrong."""
    return ns.compile(net or cells(), threads=1)


def driven(source: Any, **options: Any) -> ns.Network:
    """The population "cells" with a drive."""
    net = cells()
    net.drive(net.populations["cells"], source, receptor="exc", **options)
    return net


def injected(current: Any) -> ns.Network:
    """The population "cells" with an injected current."""
    net = cells()
    net.inject(net.populations["cells"], current)
    return net


def recorded_every(every: Any) -> ns.Network:
    """The population "cells" with a current recorded now and then."""
    net = cells()
    net.record(net.populations["cells"], "I_exc", every=every)
    return net


def initialised(**states: Any) -> ns.Network:
    """The population "cells" with initial values."""
    net = cells()
    net.initialise(net.populations["cells"], **states)
    return net


def sources(source: Any) -> ns.Network:
    """A population "in" of a source."""
    net = ns.Network("net")
    net.population("in", source.size or 2, source)
    return net


ZEROS = np.zeros((2, 3))
WIDE = np.array([[1e-12, 1e6, 1.0, 1.0]] * 4)

TABLE: dict[str, tuple[Call, type[Exception], tuple[str, ...]]] = {
    # what is wrong: the call, the error, and what its message says (object, field, value, remedy)
    "duration below 0": (
        lambda: run(cells(), -1), ns.DescriptionError, ("run: duration", "-1", "above 0")),
    "duration 0": (
        lambda: run(cells(), 0), ns.DescriptionError, ("run: duration", "0", "above 0")),
    "duration NaN": (
        lambda: run(cells(), math.nan), ns.DescriptionError, ("run: duration", "nan", "finite")),
    "duration in mV": (
        lambda: run(cells(), "3 mV"), ns.UnitError, ("run: duration", "3 mV", "time in ms")),
    "duration between steps": (
        lambda: run(cells(), 1.05), ns.DescriptionError,
        ("run: duration", "1.05", "multiple of the time step, 0.1 ms", "Nearest: 1 or 1.1")),
    "duration between steps, in a session": (
        lambda: session().run("0.25 ms"), ns.DescriptionError,
        ("run: duration", "0.25", "multiple", "Nearest: 0.2 or 0.3")),
    "duration of more steps than are told apart": (
        lambda: run(cells(), 1e300), ns.DescriptionError, ("run: duration", "1e+300", "at most")),
    "dt 0": (lambda: run(cells(), dt=0), ns.DescriptionError, ("dt", "is 0", "above 0")),
    "dt far too small": (
        lambda: run(cells(), 1e-300, dt=1e-300), ns.DescriptionError,
        ("'cells': t_ref", "2.0", "at most")),
    "a misspelt backend": (
        lambda: run(cells(), backend="cpuu"), ns.UnknownNameError,
        ("backend", "'cpuu'", "Did you mean 'cpu'?")),
    "a backend that is no name": (
        lambda: run(cells(), backend=["cpu"]), ns.UnknownNameError, ("backend", "['cpu']")),
    "a precision nobody knows": (
        lambda: run(cells(), precision="doubel"), ns.UnknownNameError,
        ("precision", "'doubel'", "'single'", "Did you mean 'double'?")),
    "no threads": (
        lambda: run(cells(), threads=0), ns.DescriptionError, ("threads", "is 0", "1 or more")),
    "one and a half threads": (
        lambda: run(cells(), threads=1.5), ns.DescriptionError, ("threads", "1.5", "1 or more")),
    "a trial below 0": (
        lambda: run(cells(), trial=-1), ns.DescriptionError, ("trial", "-1", "0 or more")),
    "a format nobody knows": (
        lambda: run(cells(), synapse_format="fixed"), ns.UnknownNameError,
        ("synapse_format", "'fixed'", "Did you mean 'fixed16'?")),
    "approximations that are no names": (
        lambda: run(cells(), approximate=3), ns.DescriptionError, ("approximate", "3", "list of")),
    "a misspelt option": (
        lambda: run(cells(), tread=2), ns.UnknownNameError,
        ("run: option", "'tread'", "Did you mean 'threads'?")),
    "no network": (
        lambda: ns.run("net", 1), ns.DescriptionError,  # type: ignore[arg-type]
        ("network", "'net'", "a neurosim.Network")),
    "an empty network": (
        lambda: run(ns.Network("net")), ns.DescriptionError,
        ("Network 'net'", "populations", "is 0", "net.population(")),
    "progress that is no switch": (
        lambda: run(cells(), progress="no"), ns.DescriptionError,
        ("run: progress", "'no'", "True, False or None")),
    "a receptor that does not exist": (
        lambda: loop(receptor="ecx"), ns.UnknownNameError,
        ("Projection 'loop'", "receptor", "'ecx'", "Did you mean 'exc'?")),
    "a receptor left out where there are two": (
        lambda: loop(receptor=None), ns.DescriptionError,
        ("Projection 'loop'", "receptor", "None", "'exc', 'inh'")),
    "a weight that is NaN": (
        lambda: loop(weight=math.nan), ns.DescriptionError,
        ("Projection 'loop': weight", "nan", "pA", "finite")),
    "an array of weights with a NaN": (
        lambda: loop(weight=np.full((4, 4), math.nan)), ns.DescriptionError,
        ("Projection 'loop': weight", "nan")),
    "weights in mV onto currents": (
        lambda: loop(weight="1 mV"), ns.UnitError, ("Projection 'loop': weight", "1 mV", "pA")),
    "weights of a range too wide for single precision": (
        lambda: run(loop(weight=WIDE), precision="single"), ns.CapacityError,
        ("'loop'", "weight (1e-12)", "precision='single'", "Use precision='double'")),
    "weights of a range too wide for double precision": (
        lambda: run(loop(weight=WIDE * [1e-10, 1e10, 1, 1])), ns.CapacityError,
        ("'loop'", "weight (1e-22)", "relative error", "smaller range")),
    "weights whose sums are beyond all numbers": (
        lambda: run(loop(weight=1e308)), ns.CapacityError,
        ("Projection 'loop'", "weight", "1e+308", "too large")),
    "weights whose sums are below all numbers": (
        lambda: run(loop(weight=5e-324)), ns.CapacityError,
        ("Projection 'loop'", "weight", "e-324", "too small")),
    "a negative conductance": (
        lambda: loop(ns.ExpConductance(), weight=-1.0), ns.DescriptionError,
        ("Projection 'loop': weight", "-1.0", "at least 0")),
    "a negative conductance that is drawn": (
        lambda: run(loop(ns.ExpConductance(), weight=ns.Normal(0.1, 1))), ns.DescriptionError,
        ("Projection 'loop': weight", "is -", "conductance", "clip=(0, inf)")),
    "a delay below a step": (
        lambda: run(loop(delay=0.04)), ns.DescriptionError,
        ("Projection 'loop': delay", "0.04", "at least one step (dt = 0.1 ms)", "dt <= 0.04")),
    "a table of delays below a step": (
        lambda: run(loop(delay=np.full((4, 4), 0.04))), ns.DescriptionError,
        ("Projection 'loop': delay", "0.04", "at least one step")),
    "a delay that is drawn below 0": (
        lambda: run(loop(delay=ns.Normal(1, 2))), ns.DescriptionError,
        ("Projection 'loop': delay", "-", "one step or more", "clip=(0.1, inf)")),
    "a delay longer than any ring": (
        lambda: run(loop(delay=1e300)), ns.DescriptionError,
        ("Projection 'loop': delay", "1e+300", "at most")),
    "more sources than there are": (
        lambda: run(loop(rule=ns.FixedIndegree(9, multapses=False))), ns.DescriptionError,
        ("Projection 'loop'", "FixedIndegree.number", "is 9", "at most 4", "multapses=True")),
    "more synapses than memory holds": (
        lambda: run(loop(rule=ns.FixedTotalNumber(10**13))), ns.CapacityError,
        ("'net'", "10,000,000,000,000 synapses", "GB are available")),
    "a recorder between steps": (
        lambda: run(recorded_every(0.25)), ns.DescriptionError,
        ("Recorder of 'cells': every", "0.25", "multiple of the time step", "Nearest: 0.2")),
    "a recorder of an interval beyond all steps": (
        lambda: run(recorded_every(1e300)), ns.DescriptionError,
        ("Recorder of 'cells': every", "1e+300", "at most")),
    "a recorder of what does not exist": (
        lambda: cells().record(cells().populations["cells"], "V"), ns.DescriptionError, ("cells",)),
    "an initial value in the wrong unit": (
        lambda: run(initialised(V_m=ns.Normal("3 pA", 1))), ns.UnitError,
        ("'cells': initial value of V_m", "3.0 pA", "mV")),
    "an initial value of what does not exist": (
        lambda: initialised(V=-60.0), ns.UnknownNameError,
        ("'cells': initial value", "'V'", "'V_m'")),
    "an initial value beyond single precision": (
        lambda: run(initialised(V_m=-1e300), precision="single"), ns.DescriptionError,
        ("'cells': initial value of V_m", "-1e+300", "Use precision='double'")),
    "a refractory time beyond all counters": (
        lambda: run(cells(ns.LIF(t_ref=1e300))), ns.DescriptionError,
        ("Population 'cells': t_ref", "1e+300", "at most")),
    "a drive whose weight is NaN": (
        lambda: driven(ns.Poisson(rate=1), weight=math.nan), ns.DescriptionError,
        ("Drive of 'cells': weight", "nan", "pA")),
    "a drive without a form on this backend": (
        lambda: run(driven(ns.GammaProcess(rate=1, shape=1))), ns.UnsupportedError,
        ("'cells'", "GammaProcess", "Nearest that works: a population")),
    "a drive of too many spikes per step": (
        lambda: run(driven(ns.Poisson(rate=1e9))), ns.DescriptionError,
        ("Poisson.rate", "100000", "at most 3200", "Lower the rate or dt")),
    "a gamma process of too many spikes per step": (
        lambda: run(sources(ns.GammaProcess(rate=1e7, shape=1.0))), ns.SimulationError,
        ("Population 'in'", "t = 0.1 ms", "Lower the rate")),
    "noise held for less than whole steps": (
        lambda: run(injected(ns.NoiseCurrent(sd=1, dt=0.25))), ns.DescriptionError,
        ("NoiseCurrent.dt", "0.25", "multiple of the time step 0.1 ms")),
    "a step of current beyond all steps": (
        lambda: run(injected(ns.StepCurrent(times=[1e300], amplitudes=[1.0]))),
        ns.DescriptionError, ("StepCurrent.times", "1e+300", "at most")),
    "a current beyond single precision": (
        lambda: run(injected(ns.ConstantCurrent(amplitude=1e300)), precision="single"),
        ns.NeurosimError, ("'cells'",)),
    "a spike before the first step": (
        lambda: run(sources(ns.SpikeTimes([[0.01]]))), ns.DescriptionError,
        ("Population 'in': spike times", "0.0", "at least half a step")),
    "a spike beyond all steps": (
        lambda: run(sources(ns.SpikeTimes([[1e300]]))), ns.DescriptionError,
        ("SpikeTimes.trains", "1e+300", "at most")),
    "input that is missing": (
        lambda: run(image()), ns.DescriptionError,
        ("run: inputs['image']", "None", "(10, 2, 3)", "(2, 3) to be held")),
    "input for what takes none": (
        lambda: run(cells(), inputs={"cells": ZEROS}), ns.UnknownNameError,
        ("run: inputs", "'cells'")),
    "input of the wrong shape": (
        lambda: run(image(), inputs={"image": ZEROS.T}), ns.DescriptionError,
        ("run: inputs['image']", "(3, 2)", "(10, 2, 3)")),
    "rows of unequal length": (
        lambda: run(image(), inputs={"image": [[1], [1, 2]]}), ns.DescriptionError,
        ("run: inputs['image']", "[[1], [1, 2]]", "equal length")),
    "inputs without names": (
        lambda: run(image(), inputs=[ZEROS]), ns.DescriptionError, ("run: inputs", "mapping")),
    "numbers of spikes below 0": (
        lambda: run(image(), inputs={"image": ZEROS - 1}), ns.DescriptionError,
        ("run: inputs['image']", "-1", "whole, 0 or more")),
    "half spikes": (
        lambda: run(image(), inputs={"image": ZEROS + 0.5}), ns.DescriptionError,
        ("run: inputs['image']", "0.5", "whole, 0 or more")),
    "more spikes at once than sums are made for": (
        lambda: run(image(), inputs={"image": ZEROS + 1e300}), ns.DescriptionError,
        ("run: inputs['image']", "1e+300", "at most 256 spikes", "Spread them")),
    "currents that are NaN": (
        lambda: run(image("current"), inputs={"image": ZEROS + math.nan}), ns.DescriptionError,
        ("run: inputs['image']", "NaN", "finite")),
    "spikes that were not recorded": (
        lambda: run(image(), inputs={"image": ZEROS}).spikes["image"], ns.NotRecordedError,
        ("run.spikes", "'image'", 'net.record(net["image"], "spikes")')),
    "a state that was not recorded": (
        lambda: run(cells()).states["cells"]["I_exc"], ns.NotRecordedError,
        ("run.states['cells']", "'I_exc'", "'V_m'", 'net.record(net["cells"], "I_exc"')),
    "weights that were not recorded": (
        lambda: run(loop()).weights["loop"], ns.NotRecordedError,
        ("run.weights", "'loop'", 'net.record(net["loop"], "weight"')),
    "a stretch that was not simulated": (
        lambda: run(cells()).between(0, 5), ns.DescriptionError,
        ("between", "(0, 5)", "0 to 1 ms")),
    "a neuron that was not recorded": (
        lambda: run(cells()).states["cells"]["V_m"].of(9), ns.UnknownNameError, ("9", "'3'")),
    "setting what does not exist": (
        lambda: session().set("cells", I_E=1.0), ns.UnknownNameError,
        ("session.set", "'cells'", "'I_E'", "Did you mean 'I_e'?")),
    "setting NaN": (
        lambda: session().set("cells", V_m=math.nan), ns.DescriptionError,
        ("session.set: V_m of 'cells'", "nan", "mV", "finite")),
    "setting too few values": (
        lambda: session().set("cells", V_m=[1.0, 2.0]), ns.DescriptionError,
        ("session.set: V_m of 'cells'", "(2,)", "each of the 4 neurons")),
    "setting a time constant to 0": (
        lambda: session().set("cells", tau_m=0.0), ns.DescriptionError,
        ("session.set: tau_m of 'cells'", "0.0", "above 0")),
    "setting neurons of another network": (
        lambda: session().set(ns.Network("other").population("other", 3, ns.LIF()), V_m=1.0),
        ns.DescriptionError, ("session.set: view", "'other'", "of the network 'net'")),
    "setting no neurons at all": (
        lambda: session().set(3, V_m=1.0), ns.DescriptionError,
        ("session.set: view", "is 3", "population or a view")),
    "reading what does not exist": (
        lambda: session().get("cells", "V"), ns.UnknownNameError, ("'cells'", "'V'", "'V_m'")),
    "reading what is no name": (
        lambda: session().get("cells", ["V_m"]), ns.DescriptionError,
        ("session.get", "['V_m']", "name")),
    "connections of what does not exist": (
        lambda: session(loop()).connections("lop"), ns.UnknownNameError,
        ("session.connections: projection", "'lop'", "Did you mean 'loop'?")),
    "connections of a number": (
        lambda: session(loop()).connections(3), ns.DescriptionError,
        ("session.connections: projection", "is 3", "name")),
    "a state that leaves the finite numbers": (
        lambda: run(cells(RUNAWAY), 50), ns.SimulationError,
        ("Population 'cells'", "variable V_m", "neuron 0", "t = ", "smaller dt")),
}  # fmt: skip


@pytest.mark.parametrize("wrong", TABLE)
def test_wrong_input_is_refused_with_its_place_and_remedy(wrong: str) -> None:
    """A NeurosimError of the kind told, whose message has every part told."""
    call, kind, parts = TABLE[wrong]
    assert issubclass(kind, ns.NeurosimError)
    with pytest.raises(kind) as caught:
        call()
    for part in parts:
        assert part in str(caught.value), f"{part!r} is not in: {caught.value}"


def test_the_right_input_beside_the_wrong_one_passes() -> None:
    """The table refuses its values, not the calls."""
    run(cells(), 1.1)
    run(loop(delay=0.1, weight=-1.0, rule=ns.FixedIndegree(9)))
    run(loop(ns.ExpConductance(), weight=ns.Normal(0.1, 1, clip=(0, None))))
    run(loop(delay=ns.Normal(1, 2, clip=(0.1, None))))
    run(loop(weight=np.array([[1e-2, 1e3, 1.0, 1.0]] * 4)), precision="single")
    run(recorded_every(0.2))
    run(image(), inputs={"image": ZEROS + 256})
    run(cells(ns.LIF(t_ref=1e5)), precision="single")


# --- whatever is written --------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers()
    | st.text(max_size=5) | st.binary(max_size=3)
    | st.sampled_from([
        "cells", "loop", "V_m", "spikes", "exc", "1 ms", "3 mV", "cpu", 1e300, -1e300, 1e-300,
        2**63, -(2**63), 10**400, np.float64("nan"), np.array([1.0, math.inf]), np.ones((4, 4)),
        np.array(["a"]), np.array(None), object(), int, ns.Normal(0, 1), ns.Normal(1, 5),
        ns.Uniform(-1e300, 1e300), ns.AllToAll(), ns.LIF(), ns.Poisson(rate=1e4), ns.LIF,
        ns.ConstantCurrent(amplitude=1e300), range(3), lambda: 3, slice(2),
    ]),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)  # fmt: skip


def project(argument: str, value: Any) -> Any:
    """One argument of project is anything."""
    net = cells()
    population = net.populations["cells"]
    given_: dict[str, Any] = {
        "pre": population, "post": population, "rule": ns.AllToAll(), "weight": 1.0, "delay": 1.0,
        "receptor": "exc", "source": None, "plasticity": None, "release": 1.0, "name": "loop",
    }  # fmt: skip
    given_[argument] = value
    net.project(given_.pop("pre"), given_.pop("post"), given_.pop("rule"), **given_)
    return run(net)


def record(argument: str, value: Any) -> Any:
    """One argument of record is anything."""
    net = cells()
    given_: dict[str, Any] = {
        "target": net.populations["cells"], "variable": "I_exc", "every": None, "reduce": None,
        "initial": False,
    }  # fmt: skip
    given_[argument] = value
    net.record(given_.pop("target"), given_.pop("variable"), **given_)
    return run(net)


def option(argument: str, value: Any) -> Any:
    """One argument of run is anything (no long runs: those are not wrong)."""
    if argument == "duration" and isinstance(value, (int, float)) and not value < 1e3:
        value = -1
    if argument == "dt" and not isinstance(value, str):
        return ns.compile(cells(), dt=value, threads=1)
    given_: dict[str, Any] = {"network": cells(), "duration": 1.0, "threads": 1}
    given_[argument] = value
    return ns.run(given_.pop("network"), given_.pop("duration"), **given_)


def driving(argument: str, value: Any) -> Any:
    """One argument of drive is anything."""
    net = cells()
    given_: dict[str, Any] = {
        "target": net.populations["cells"], "source": ns.Poisson(rate=10.0), "weight": 1.0,
        "receptor": "exc",
    }  # fmt: skip
    given_[argument] = value
    net.drive(given_.pop("target"), given_.pop("source"), **given_)
    return run(net)


CALLS: dict[str, Callable[[Any], Any]] = {
    **{
        f"run: {a}": lambda v, a=a: option(a, v)  # type: ignore[misc]
        for a in (
            "network", "duration", "backend", "dt", "threads", "precision", "trial",
            "synapse_format", "approximate", "inputs", "progress",
        )
    },
    **{
        f"project: {a}": lambda v, a=a: project(a, v)  # type: ignore[misc]
        for a in (
            "pre", "post", "rule", "weight", "delay", "receptor", "source", "plasticity",
            "release", "name",
        )
    },
    **{
        f"record: {a}": lambda v, a=a: record(a, v)  # type: ignore[misc]
        for a in ("target", "variable", "every", "reduce", "initial")
    },
    **{
        f"drive: {a}": lambda v, a=a: driving(a, v)  # type: ignore[misc]
        for a in ("target", "source", "weight", "receptor")
    },
    "inject: target": lambda v: cells().inject(v, ns.ConstantCurrent(amplitude=1.0)),
    "inject: current": lambda v: run(injected(v)),
    "initialise: target": lambda v: cells().initialise(v, V_m=1.0),
    "initialise: V_m": lambda v: run(initialised(V_m=v)),
    "population: name": lambda v: ns.Network("net").population(v, 1, ns.LIF()),
    "population: size": lambda v: ns.Network("net").population("p", v, ns.LIF()),
    "population: model": lambda v: run(cells_of(v)),
    "population: positions": lambda v: ns.Network("net").population("p", 4, ns.LIF(), positions=v),
    "session.run: inputs": lambda v: session(image()).run(1, inputs={"image": v}),
    "session.run: currents": lambda v: session(image("current")).run(1, inputs={"image": v}),
    "session.set: view": lambda v: session().set(v, V_m=1.0),
    "session.set: V_m": lambda v: set_and_run("V_m", v),
    "session.set: tau_m": lambda v: set_and_run("tau_m", v),
    "session.set: t_ref": lambda v: set_and_run("t_ref", v),
    "session.get: view": lambda v: session().get(v, "V_m"),
    "session.get: name": lambda v: session().get("cells", v),
    "session.connections": lambda v: session(loop()).connections(v),
    "run.spikes": lambda v: run(cells()).spikes[v],
    "run.between": lambda v: run(cells()).between(v, 1.0),
    "network[]": lambda v: cells()[v],
}  # fmt: skip


def cells_of(model: Any) -> ns.Network:
    """A population of anything."""
    net = ns.Network("net")
    net.population("cells", 4, model)
    return net


def set_and_run(name: str, value: Any) -> Any:
    """A parameter or state set to anything, and a run with it."""
    made = session()
    made.set("cells", **{name: value})
    return made.run(1)


ESCAPED: dict[str, Any] = {
    "project: source": [],
    "record: reduce": np.ones(2),
    "record: variable": np.ones(2),
    "run.between": 10**400,
}
"""Arguments that other exceptions once came through for."""


@pytest.mark.parametrize("call", ESCAPED)
def test_what_once_escaped(call: str) -> None:
    """Refused by a NeurosimError."""
    with pytest.raises(ns.NeurosimError):
        CALLS[call](ESCAPED[call])


@settings(max_examples=500)
@given(call=st.sampled_from(sorted(CALLS)), value=anything)
def test_whatever_is_written_works_or_is_a_neurosim_error(call: str, value: Any) -> None:
    """No other exception, no warning but of a rounded time: nothing wrong reaches a kernel."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ns.ApproximationWarning)
            made = CALLS[call](value)
    except ns.NeurosimError:
        return
    if isinstance(made, ns.Run):
        for traces in made.states.values():
            assert all(np.isfinite(trace.array).all() for trace in traces.values())

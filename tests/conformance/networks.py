"""The networks that every backend faces, as data: small, each with a few features.

A new feature is a new case here; a new backend changes nothing. What a backend is expected to do
with a case follows from what it declares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

import neurosim as ns
from neurosim.features import NEURONS, SYNAPSES


@dataclass(frozen=True, kw_only=True)
class Case:
    """One network and how it is run.

    Attributes
    ----------
    name : str
    build : callable
        () -> Network.
    steps : int
    dt : float
        [ms].
    inputs : mapping
        ``Input`` population -> array (steps, size).
    trial : int
    spikes : bool
        Whether any neuron fires, so that there is something to compare.
    chance : bool
        Whether it draws numbers that are given to nobody (failing synapses), so that other
        backends agree on average only.
    costly : bool
        Whether it is what backends that take many seconds for a network face.
    """

    name: str
    build: Callable[[], ns.Network]
    steps: int = 300
    dt: float = 0.1
    inputs: Mapping[str, Any] = field(default_factory=dict)
    trial: int = 0
    spikes: bool = True
    chance: bool = False
    costly: bool = False

    @property
    def duration(self) -> float:
        """Length of the run [ms]."""
        return self.steps * self.dt


CASES: dict[str, Case] = {}


def add(name: str, build: Callable[[], ns.Network], **facts: Any) -> None:
    """Add a case."""
    assert name not in CASES, name
    CASES[name] = Case(name=name, build=build, **facts)


def case(name: str, **facts: Any) -> Callable[[Callable[[], ns.Network]], None]:
    """Add the function below as a case."""
    return lambda build: add(name, build, **facts)


TRAINS = [[0.1, 3.0, 3.1, 12.0], [5.0, 5.0, 14.2, 20.0], [7.7, 8.0, 8.1, 8.2, 25.0]]
"""Given spikes: in the very first step, twice at once, in a burst."""

WEIGHTS = {"pA": 150.0, "nS": 12.0, "mV": 6.0, "1": 1.0}
"""Of one synapse, by the unit of its receptor."""


def everything(net: ns.Network) -> ns.Network:
    """Record all spikes and all states of all neurons."""
    for population in net.populations.values():
        facts = population.interface
        found = ["spikes"] if facts.emits_spikes else []
        net.record(population, [*found, *facts.state_units])
    return net


def stimulated(name: str, model: Any, *, n: int = 3, weight: float = 1.0) -> ns.Network:
    """Return neurons whose receptors are sent given spikes, and that send to each other."""
    net = ns.Network(name, seed=5)
    source = net.population("source", 3, ns.SpikeTimes(TRAINS))
    cells = net.population("cells", n, model)
    for k, receptor in enumerate(cells.interface.receptors):
        strength = weight * WEIGHTS[receptor.unit]
        if "inh" in receptor.name:
            strength *= 0.2 if receptor.nonnegative else -0.5
        to = {"receptor": receptor.name}
        net.project(source, cells, ns.AllToAll(), weight=strength, delay=0.1, **to)
        if cells.interface.emits_spikes and k == 0:
            some = ns.AllToAll(autapses=False)
            net.project(cells, cells, some, weight=0.3 * strength, delay=1.5, **to)
    return everything(net)


# --- every neuron, every receptor ---------------------------------------------------------------

CURRENTS = {
    "AdEx": 900.0, "ExponentialIF": 600.0, "FitzHughNagumo": 0.8, "GIF": 500.0,
    "HodgkinHuxley": 1500.0, "Izhikevich": 12.0, "LIF": 400.0, "LTC": 100.0, "MorrisLecar": 2000.0,
    "PerfectIntegrator": 400.0, "QuadraticIF": 600.0, "TraubMiles": 1000.0, "TwoCompartment": 600.0,
}  # fmt: skip
"""Constant currents at which each neuron fires within the run."""

for _name in NEURONS:
    _current = np.array([1.0, 1.1, 1.3]) * CURRENTS[_name]
    _weight = {"FitzHughNagumo": 0.002, "Izhikevich": 0.02}.get(_name, 1.0)
    _model = getattr(ns, _name)(I_e=_current)
    _build = partial(stimulated, _name, _model, weight=_weight)
    add(f"neuron:{_name}", _build, spikes=_name != "LTC")

for _kind in SYNAPSES:
    if _kind in ("GapJunction", "ContinuousInput"):
        continue
    _synapses = getattr(ns, _kind)()
    if _kind == "AlphaConductance":  # the default rises within two steps: too coarse for Euler
        _synapses = ns.AlphaConductance(exc=1.5)
    _model = ns.LIF(synapses=_synapses, I_e=[350.0, 420.0, 560.0], t_ref=1.0)
    add(f"receptor:{_kind}", partial(stimulated, _kind, _model))


@case("receptors:several")
def several() -> ns.Network:
    synapses = ns.Receptors(ns.ExpConductance(), slow=ns.NMDA(decay=20.0), kick=ns.Delta())
    return stimulated("several", ns.LIF(synapses=synapses, I_e=350.0))


@case("receptors:three currents")
def three() -> ns.Network:
    synapses = ns.Receptors(
        a=ns.ExpCurrent.receptor(tau=1.0), b=ns.ExpCurrent.receptor(tau=4.0),
        c=ns.ExpCurrent.receptor(tau=9.0),
    )  # fmt: skip
    return stimulated("three", ns.LIF(synapses=synapses, I_e=350.0))


@case("parrot", spikes=False)
def parrot() -> ns.Network:
    net = ns.Network("parrot")
    source = net.population("source", 3, ns.SpikeTimes(TRAINS))
    relay = net.population("relay", 2, ns.Parrot())
    cell = net.population("cell", 1, ns.LIF())
    net.project(source, relay, ns.AllToAll(), delay=0.5)
    net.project(relay, cell, ns.AllToAll(), weight=100, receptor="exc", delay=0.3)
    net.record(relay, "spikes")
    net.record(cell, ["V_m", "I_exc"])
    return net


@case("learning synapses")
def learning_synapses() -> ns.Network:
    """Pairs, and release that depends on the spikes before."""
    net = ns.Network("learning", seed=5)
    source = net.population("source", 3, ns.SpikeTimes(TRAINS))
    cells = net.population("cells", 3, ns.LIF(synapses=ns.ExpCurrent()))
    for rule, weight in (
        (ns.STDP(w_max=900, a_plus=60, a_minus=70), 500.0),
        (ns.TsodyksMarkram(U=0.6, tau_rec=10, tau_facil=30), 900.0),
    ):
        net.project(
            source, cells, ns.AllToAll(), weight=weight, delay=ns.Uniform(0.1, 2), receptor="exc",
            plasticity=rule,
        )  # fmt: skip
    return everything(net)


@case("learning synapses that keep their sign")
def signed_synapses() -> ns.Network:
    """The lower bound is 0, so that the oracle knows it by that."""
    net = ns.Network("learning", seed=5)
    source = net.population("source", 3, ns.SpikeTimes(TRAINS))
    cells = net.population("cells", 3, ns.LIF(synapses=ns.ExpCurrent()))
    net.project(
        source, cells, ns.AllToAll(), weight=500, delay=0.4, receptor="exc",
        plasticity=ns.STDP(w_max=900, a_plus=60, a_minus=700, sign="fixed"),
    )  # fmt: skip
    return everything(net)


@case("learning synapses that follow a membrane, and modulators")
def following_synapses() -> ns.Network:
    net = ns.Network("following", seed=5)
    source = net.population("source", 3, ns.SpikeTimes(TRAINS))
    cells = net.population("cells", 3, ns.LIF(synapses=ns.ExpCurrent()))
    clopath = ns.Clopath(theta_minus=-71, theta_plus=-66, a_ltd=30, a_ltp=2, w_max=900)
    dopamine = ns.DopamineSTDP(a_plus=300, a_minus=200, w_max=900)
    for rule, modulator in ((clopath, None), (dopamine, source)):
        net.project(
            source, cells, ns.AllToAll(), weight=400, delay=0.1, receptor="exc", plasticity=rule,
            modulator=modulator,
        )  # fmt: skip
    return everything(net)


@case("gap junctions")
def gap_junctions() -> ns.Network:
    net = ns.Network("gap")
    synapses = ns.Receptors(ns.ExpCurrent(), gap=ns.GapJunction())
    cells = net.population("cells", 3, ns.LIF(synapses=synapses, I_e=[0.0, 420.0, 500.0]))
    net.project(cells, cells, ns.AllToAll(autapses=False), weight=2, source="V_m", receptor="gap")
    return everything(net)


@case("rate coupling", spikes=False)
def rate_coupling() -> ns.Network:
    net = ns.Network("rates")
    model = ns.NeuronModel(
        "rate", equations="dx/dt = (-x + tanh(c))/tau : 1\ntau : ms\nc : 1",
        inputs={"c": "additive"}, parameters={"tau": 10.0},
    )  # fmt: skip
    units = net.population("units", 3, model)
    net.initialise(units, x=[0.1, -0.2, 0.7])
    weights = np.array([[0, 1.5, -1], [2, 0, 0.5], [-1, 0.3, 0.2]])
    net.project(units, units, ns.FromMatrix(weights), source="x", receptor="c")
    return everything(net)


@case("coupling functions", spikes=False)
def coupling_functions() -> ns.Network:
    """A function of both sides, of the sum, with parameters of each connection and delays."""
    net = ns.Network("functions")
    phases = net.population("phases", 3, ns.Kuramoto(f=[10.0, 12.0, 17.0]))
    nodes = net.population("nodes", 2, ns.WilsonCowan(tau_E=2.5, tau_I=3.75))
    graded = net.population("graded", 3, ns.LTC(I_e=[0.0, 200.0, 500.0]))
    net.initialise(phases, theta=[0.1, 2.0, 4.0])
    sine = ns.CouplingFunction.sine(lag=ns.Uniform(0, 1))
    net.project(phases, phases, ns.AllToAll(), weight=0.1, source=sine, receptor="theta")
    net.project(
        phases, nodes, ns.AllToAll(), weight=0.4, delay=1.13, receptor="E",
        source=ns.CouplingFunction("cos(theta_pre) - E_post*I_post"),
    )  # fmt: skip
    squashed = ns.CouplingFunction.sigmoid_of_sum("E", slope=3.0, midpoint=0.2, height=0.5)
    net.project(
        nodes, nodes, ns.FromMatrix(np.array([[0, 1.0], [2.0, 0]])), delay=2.0, source=squashed,
        receptor="I", name="squashed",
    )  # fmt: skip
    reversal = np.array([[0, -90.0, 0], [0, 0, -90.0], [-90.0, 0, 0]])
    synapse = ns.CouplingFunction.conductance(slope=0.3, midpoint=-55.0, reversal=reversal)
    net.project(graded, graded, ns.AllToAll(), weight=5.0, delay=0.5, source=synapse)
    return everything(net)


@case("rates to spikes and back", chance=True)
def border() -> ns.Network:
    """Rates make spikes, spikes make rates."""
    net = ns.Network("border")
    nodes = net.population("nodes", 2, ns.WilsonCowan(synapses=ns.SpikeFilter(tau=5)))
    spikes = net.population("spikes", 20, ns.PoissonFromRate(offset=20.0))
    net.project(nodes, spikes, ns.AllToAll(), weight=400.0, source="E", receptor="rate", delay=0.35)
    net.project(spikes, nodes, ns.AllToAll(), weight=0.02, receptor="spikes", delay=0.5)
    return everything(net)


@case("rate coupling with delays", spikes=False)
def delayed_coupling() -> ns.Network:
    """Delays of whole steps and between them, below one step and of none; a gap junction, too."""
    net = ns.Network("delayed rates")
    model = ns.NeuronModel(
        "rate", equations="dx/dt = (-x + tanh(c) + d)/tau : 1\ntau : ms\nc : 1\nd : 1",
        inputs={"c": "additive", "d": "diffusive"}, parameters={"tau": 4.0},
    )  # fmt: skip
    units = net.population("units", 3, model)
    others = net.population("others", 2, model)
    net.initialise(units, x=[0.1, -0.2, 0.7])
    net.initialise(others, x=-0.4)
    weights = np.array([[0, 1.5, -1], [2, 0, 0.5], [-1, 0.3, 0.2]])
    delays = np.array([[0, 1.0, 2.35], [0.04, 0.1, 3.3], [0.25, 0, 5.0]])
    net.project(
        units, units, ns.FromMatrix(weights), delay=delays, source="x", receptor="c", name="in"
    )
    net.project(units, others, ns.AllToAll(), weight=0.3, delay=0.77, source="x", receptor="d")
    net.project(
        others + units, units + others, ns.FixedProbability(0.5), weight=0.2,
        delay=ns.Uniform(0, 3), source="x", receptor="c", name="mixed",
    )  # fmt: skip
    return everything(net)


@case("rate coupling with a past", spikes=False)
def past_before_the_start() -> ns.Network:
    """What was before the start, told of some units, is read until the delays are over."""
    net = ns.Network("past")
    model = ns.NeuronModel(
        "rate", equations="dx/dt = (-x + c)/tau : 1\ntau : ms\nc : 1",
        inputs={"c": "additive"}, parameters={"tau": 4.0},
    )  # fmt: skip
    units = net.population("units", 3, model)
    net.initialise(units, x=0.5)
    net.initialise(units[:2], x=ns.History([-5, -2, 0], [[0.1, 0.2], [-1.0, 0.4], [0.3, 0.0]]))
    delays = np.array([[0, 1.0, 2.35], [0.4, 0.1, 3.3], [5.0, 0, 4.0]])
    net.project(units, units, ns.AllToAll(), delay=delays, source="x", receptor="c", name="late")
    return everything(net)


# --- equations and methods ----------------------------------------------------------------------

LINEAR = "dV/dt = (E - V + R*I)/tau : mV (clamped)\nI = {I} : pA\n" + (
    "tau : ms\nE : mV\nR : GOhm\nV_th : mV\nV_r : mV\nt_ref : ms"
)
PARAMETERS = {"tau": 10.0, "E": -70.0, "R": 0.05, "V_th": -50.0, "V_r": -65.0, "t_ref": 1.0}


def equations(method: str, term: str = "s + 450*pA", **more: Any) -> ns.NeuronModel:
    """Return an integrate-and-fire neuron in words of its own."""
    text = LINEAR.format(I=term) + "\nds/dt = -s/(3*ms) : pA" + more.pop("also", "")
    return ns.NeuronModel(
        "mine", equations=text, threshold=more.pop("threshold", "V > V_th"), reset="V = V_r",
        refractory="t_ref", inputs={"in": "jump s"}, initial={"V": "E"},
        parameters=PARAMETERS | more.pop("parameters", {}), method=method, **more,
    )  # fmt: skip


for _method in ("exact", "exponential_euler", "rk4", "rk2", "euler"):
    add(f"method:{_method}", partial(stimulated, _method, equations(_method)))


def noisy(method: str, noise: str) -> ns.Network:
    text = f"dV/dt = (E - V)/tau + {noise} : mV\ntau : ms\nE : mV"
    parameters = {"tau": 10.0, "E": -60.0}
    if "sigma" in noise:
        text, parameters = text + "\nsigma : mV", {**parameters, "sigma": 8.0}
    model = ns.NeuronModel(
        "noisy", equations=text, threshold="V >= -50*mV", reset="V = -70*mV",
        parameters=parameters, initial={"V": "E"}, method=method,
    )  # fmt: skip
    net = ns.Network(f"noise {method}", seed=8)
    net.population("cells", 3, model)
    return everything(net)


for _method, _noise in (
    ("exact", "sigma*sqrt(2/tau)*xi"),
    ("euler", "sigma*sqrt(2/tau)*xi"),
    ("heun", "0.1*V*sqrt(1/tau)*xi"),
    ("milstein", "0.1*V*sqrt(1/tau)*xi"),
):
    add(f"noise:{_method}", partial(noisy, _method, _noise))


@case("threshold:strict")
def strict() -> ns.Network:
    """Exactly at the threshold nothing happens where it is written with >."""
    net = ns.Network("strict")
    source = net.population("source", 1, ns.SpikeTimes([[1.0, 5.0]]))
    model = ns.NeuronModel(
        "strict",
        equations="v : mV",
        inputs={"in": "jump v"},
        threshold="v > 20*mV",
        reset="v = 0*mV",
    )
    cells = net.population("cells", 2, model)
    net.project(source, cells, ns.FromList([(0, 0, 20.0), (0, 1, 20.5)]))
    return everything(net)


@case("reset:several lines")
def adapting() -> ns.Network:
    model = ns.NeuronModel(
        "adapting",
        equations="dv/dt = (I_e - w - g*v)/c : mV\ndw/dt = -w/tau : pA\nI_e : pA\ng : nS\nc : pF\n"
        "tau : ms\nb : pA",
        threshold="v >= 15*mV", reset="v -= 15*mV; w += b",
        parameters={"I_e": 300.0, "g": 10.0, "c": 100.0, "tau": 30.0, "b": 40.0},
    )  # fmt: skip
    net = ns.Network("adapting")
    net.population("cells", 1, model)
    return everything(net)


_subtract = ns.LIF(I_e=400.0, reset="subtract")
_zero = ns.LIF(I_e=450.0, reset="zero", E_L=0.0, V_th=15.0)
add("reset:subtract", partial(stimulated, "subtract", _subtract))
add("reset:zero", partial(stimulated, "zero", _zero))


# --- steps: threshold, refractoriness, delays -----------------------------------------------------


@case("threshold:tie")
def tie() -> ns.Network:
    """A jump exactly to the threshold fires, in the step it arrives."""
    net = ns.Network("tie")
    source = net.population("source", 1, ns.SpikeTimes([[0.1, 4.0, 4.1]]))
    cells = net.population("cells", 2, ns.LIF(synapses=ns.Delta(), t_ref=1.0))
    gap = cells.model.V_th - cells.model.E_L
    net.project(source, cells, ns.FromList([(0, 0, gap, 0.1), (0, 1, gap - 1e-9, 0.1)]))
    return everything(net)


@case("refractory:arrivals")
def while_refractory() -> ns.Network:
    """Jumps of the membrane are lost while a neuron is held; currents are not."""
    net = ns.Network("arrivals")
    times = [[1.0 + 0.1 * k for k in range(25)]]
    source = net.population("source", 1, ns.SpikeTimes(times))
    jumps = net.population("jumps", 3, ns.LIF(synapses=ns.Delta(), t_ref=[0.1, 0.7, 2.0]))
    flows = net.population("flows", 3, ns.LIF(t_ref=[0.1, 0.7, 2.0]))
    net.project(source, jumps, ns.AllToAll(), weight=11.0, delay=0.1)
    net.project(source, flows, ns.AllToAll(), weight=400.0, delay=0.1, receptor="exc")
    return everything(net)


@case("refractory:none and rounded")
def no_refractoriness() -> ns.Network:
    net = ns.Network("none")
    source = net.population("source", 1, ns.SpikeTimes([[1.0, 1.1, 1.2, 5.0]]))
    cells = net.population("cells", 2, ns.LIF(synapses=ns.Delta(), t_ref=0.0, I_e=[0.0, 600.0]))
    net.population("rounded", 2, ns.LIF(t_ref=np.array([0.96, 1.04]), I_e=900.0))
    net.project(source, cells, ns.AllToAll(), weight=25.0, delay=0.1)
    return everything(net)


@case("delays:one and many steps")
def delays() -> ns.Network:
    net = ns.Network("delays")
    source = net.population("source", 1, ns.SpikeTimes([[0.1, 2.0]]))
    pairs = [(0, k, 500.0, d) for k, d in enumerate((0.1, 0.2, 1.0, 5.5, 17.3, 26.0))]
    cells = net.population("cells", 6, ns.LIF(I_e=400.0))
    net.project(source, cells, ns.FromList(pairs), receptor="exc")
    net.project(cells, cells, ns.OneToOne(), weight=-30.0, delay=0.1, receptor="inh")
    return everything(net)


def wired(name: str, *ways: Mapping[str, Any]) -> ns.Network:
    """Return neurons that fire one after the other and are connected in several ways."""
    net = ns.Network(name, seed=11)
    model = ns.LIF(I_e=np.linspace(300, 520, 6))
    cells = net.population("cells", (2, 3), model, positions=ns.Grid())
    for way in ways:
        net.project(cells, cells, **{"receptor": "exc", "delay": 1.0, **way})
    return everything(net)


add(
    "rules:drawn",
    partial(
        wired,
        "drawn",
        {"rule": ns.FixedProbability(0.4, autapses=False), "weight": 20.0},
        {"rule": ns.FixedIndegree(4), "weight": 15.0},
        {"rule": ns.FixedOutdegree(3, multapses=False), "weight": 25.0},
        {"rule": ns.FixedTotalNumber(15), "weight": 10.0},
        {"rule": ns.DistanceDependent("exp(-d/2)"), "weight": 20.0},
    ),
)
add(
    "rules:listed",
    partial(
        wired,
        "listed",
        {"rule": ns.AllToAll(), "weight": 5.0},
        {"rule": ns.OneToOne(), "weight": 60.0},
        {"rule": ns.FromMatrix(np.triu(np.full((6, 6), 20.0)))},
        {"rule": ns.FromList([(0, 1), (0, 1), (2, 2), (5, 0)]), "weight": 40.0},
        {"rule": ns.Conv2D(np.full((1, 1, 3, 3), 10.0), padding=1)},
    ),
)
_four = ns.FixedIndegree(4)
add(
    "weights and delays",
    partial(
        wired,
        "weights and delays",
        {"rule": _four, "weight": ns.Normal(20.0, 5.0), "delay": ns.Uniform(0.1, 6.0)},
        {
            "rule": _four,
            "weight": np.linspace(5, 40, 36).reshape(6, 6),
            "delay": np.linspace(0.1, 9.0, 36).reshape(6, 6),
        },
        {
            "rule": _four,
            "weight": ns.FunctionOfDistance("20*exp(-d/3)"),
            "delay": ns.FunctionOfDistance("0.5 + 0.4*d"),
        },
    ),
)


@case("release", chance=True, steps=1000)
def release() -> ns.Network:
    """About half of a thousand spikes pass."""
    net = ns.Network("release", seed=3)
    source = net.population("source", 50, ns.Poisson(rate=200))
    cells = net.population("cells", 20, ns.LIF(synapses=ns.Delta(), t_ref=0.0))
    net.project(source, cells, ns.FixedIndegree(5), weight=25.0, release=0.5, delay=0.1)
    return everything(net)


@case("steps of whole numbers", dt=1.0, steps=60)
def whole_numbers() -> ns.Network:
    """Jumps onto neurons without a leak: sums of a few numbers, which integers hold exactly."""
    net = ns.Network("whole numbers", seed=13)
    source = net.population("source", 4, ns.SpikeTimes([[1.0, 9.0, 30.0], [2.0], [2.0], [40.0]]))
    model = ns.PerfectIntegrator(synapses=ns.Delta(), V_th=10.0, reset="to", I_e=62.5)
    cells = net.population("cells", 5, model)
    net.project(source, cells, ns.FixedIndegree(3), weight=2.5, delay=ns.Uniform(1, 20))
    net.project(cells, cells, ns.OneToOne(), weight=-5.0, delay=3.0)
    return everything(net)


@case("milliseconds without refractoriness", dt=1.0, steps=120)
def milliseconds() -> ns.Network:
    """What chips have: leaky neurons with one current, and no time in which they are held."""
    net = ns.Network("milliseconds", seed=14)
    source = net.population("source", 8, ns.Poisson(rate=60))
    model = ns.LIF(tau_m=20.0, t_ref=0.0, V_reset=-68.0, synapses=ns.ExpCurrent(exc=5, inh=5))
    cells = net.population("cells", 6, model)
    net.initialise(cells, V_m=ns.Uniform(-68, -58))
    net.project(source, cells, ns.AllToAll(), weight=ns.Normal(90, 20), delay=2.0, receptor="exc")
    net.project(cells, cells, ns.FixedIndegree(2), weight=-60.0, delay=4.0, receptor="inh")
    net.inject(cells[:3], ns.ConstantCurrent(amplitude=150.0))
    net.record(cells, ["spikes", "V_m"])
    return net


# --- values of neurons, views ---------------------------------------------------------------------


@case("values per neuron")
def values_per_neuron() -> ns.Network:
    net = ns.Network("values", seed=4)
    drawn = ns.LIF(
        tau_m=ns.Uniform(8, 12), C_m=np.array([200.0, 250.0, 300.0, 220.0]), I_e=450.0,
        V_th=ns.Normal(-50, 1, clip=(-53, -47)), t_ref=ns.Uniform(0.5, 3.0),
    )  # fmt: skip
    cells = net.population("cells", 4, drawn)
    net.initialise(cells, V_m=ns.Uniform(-68, -56), I_exc=[0.0, 50.0, 100.0, 0.0])
    net.initialise(cells[1], V_m=-51.5)
    return everything(net)


@case("views")
def views() -> ns.Network:
    net = ns.Network("views", seed=6)
    a = net.population("a", (2, 3), ns.LIF(I_e=np.linspace(380, 480, 6)))
    b = net.population("b", 4, ns.LIF(synapses=ns.ExpCurrent(exc=1.0), I_e=450.0))
    net.project(a[1, ::-1] + b[::2], (b + a)[[7, 0, 3, 5]], ns.FixedIndegree(3), weight=80.0,
                delay=0.7, receptor="exc")  # fmt: skip
    net.project(b, a[:, 0], ns.AllToAll(), weight=-40.0, delay=2.0, receptor="inh")
    net.initialise((a + b)[2:8], V_m=np.linspace(-60, -55, 6))
    net.record(a[1], ["spikes", "V_m"])
    net.record(b[[3, 1]], ["spikes", "I_exc"])
    return net


@case("recorders", spikes=False)
def recorders() -> ns.Network:
    net = ns.Network("recorders", seed=6)
    a = net.population("a", 4, ns.LIF(I_e=[0.0, 100.0, 200.0, 450.0]))
    synapses = net.project(a, a, ns.FixedIndegree(2), weight=ns.Normal(50, 9), receptor="exc")
    net.record(a, "V_m", every=0.5, initial=True)
    net.record(a[1:], "V_m", reduce="mean")
    net.record(a[:2], "I_exc", reduce="mean", every=2.0)
    net.record(synapses, "weight", every=10.0, initial=True)
    return net


@case("silence", spikes=False)
def silence() -> ns.Network:
    net = ns.Network("silence")
    cells = net.population("cells", 3, ns.LIF())
    net.project(cells, cells, ns.AllToAll(), weight=50.0, receptor="exc")
    return everything(net)


@case("one neuron", steps=200)
def one() -> ns.Network:
    net = ns.Network("one")
    net.population("cell", 1, ns.LIF(I_e=500.0))
    return everything(net)


# --- what comes from outside ----------------------------------------------------------------------

SOURCES = {
    "Poisson": ns.Poisson(rate=np.array([50.0, 300.0, 2000.0])),
    "RateSteps": ns.Poisson(rate=ns.RateSteps(times=[5.0, 15.0], rates=[800.0, 100.0])),
    "GammaProcess": ns.GammaProcess(rate=300.0, shape=3.0),
    "CorrelatedPoisson": ns.CorrelatedPoisson(rate=300.0, correlation=0.3),
    "SpikeTimes": ns.SpikeTimes(TRAINS),
}


@case("sources", trial=2)
def sources() -> ns.Network:
    net = ns.Network("sources", seed=9)
    cells = net.population("cells", 3, ns.LIF(I_e=200.0))
    for name, source in SOURCES.items():
        trains = net.population(name, 3, source)
        net.project(trains, cells, ns.AllToAll(), weight=60.0, delay=0.4, receptor="exc")
    return everything(net)


def driven(*names: str) -> ns.Network:
    net = ns.Network("driven", seed=9)
    cells = net.population("cells", 3, ns.LIF(I_e=300.0))
    jumps = net.population("jumps", 3, ns.LIF(synapses=ns.Delta(), t_ref=1.0))
    for name in names:
        net.drive(cells, SOURCES[name], weight=[120.0, 150.0, 180.0], receptor="exc")
        net.drive(jumps, SOURCES[name], weight=4.0)
    net.drive(cells[:2], ns.Poisson(rate=500), weight=-30.0, receptor="inh")
    return everything(net)


add("drives", partial(driven, "Poisson", "RateSteps"), trial=1)
add("drive:GammaProcess", partial(driven, "GammaProcess"))
add("drive:SpikeTimes", partial(driven, "SpikeTimes"))


@case("currents")
def currents() -> ns.Network:
    net = ns.Network("currents", seed=2)
    cells = net.population("cells", 12, ns.LIF(I_e=20.0))
    steps = ns.StepCurrent(times=[0.0, 5.0, 5.1, 20.0], amplitudes=[0, 900, 500, 0])
    net.inject(cells[:3], ns.ConstantCurrent(amplitude=[400.0, 500.0, 600.0]))
    net.inject(cells[3:6], steps)
    net.inject(cells[6:9], ns.NoiseCurrent(mean=400.0, sd=300.0, dt=0.5))
    net.inject(cells[9:], ns.NoiseCurrent(mean=400.0, sd=200.0, tau=3.0))
    net.inject(cells[1::2], ns.ConstantCurrent(amplitude=30.0))
    return everything(net)


COUNTS = np.zeros((300, 2), np.int64)
COUNTS[0, 0], COUNTS[40, 1], COUNTS[41, 1], COUNTS[200, 0] = 1, 3, 1, 2
FLOW = np.stack([np.linspace(0, 800, 300), 300 + 200 * np.sin(np.arange(300) / 20)], axis=1)


@case("input:spikes", inputs={"in": COUNTS})
def input_of_spikes() -> ns.Network:
    net = ns.Network("spikes come in")
    source = net.population("in", 2, ns.Input("spikes"))
    cells = net.population("cells", 2, ns.LIF(I_e=400.0))
    net.project(source, cells, ns.AllToAll(), weight=300.0, delay=0.1, receptor="exc")
    return everything(net)


@case("input:current", inputs={"in": FLOW})
def input_of_current() -> ns.Network:
    net = ns.Network("currents come in")
    source = net.population("in", 2, ns.Input("current"))
    cells = net.population("cells", 2, ns.LIF(I_e=100.0))
    net.project(source, cells, ns.FromMatrix(np.array([[1.0, 0.2], [0.3, 1.0]])))
    net.record(cells, ["spikes", "V_m"])
    return net


@case("input:rates", spikes=False, inputs={"in": FLOW / 400})
def input_of_rates() -> ns.Network:
    net = ns.Network("numbers come in")
    source = net.population("in", 2, ns.Input("current"))
    areas = net.population("areas", 3, ns.WilsonCowan())
    units = net.population("units", 2, ns.ThresholdLinearRate(tau=4, theta=0.2))
    net.project(source, areas, ns.AllToAll(), weight=ns.Uniform(0, 1), receptor="E")
    net.project(source[0], areas, ns.AllToAll(), weight=-0.3, receptor="I")
    net.project(source, units, ns.OneToOne(), weight=0.8)
    net.project(areas, units, ns.AllToAll(), weight=0.5, source="E")
    net.record(areas, ["E", "I"])
    net.record(units, "r")
    return net


@case("neuron:SigmaDelta", dt=1.0, steps=12, inputs={"image": FLOW[:12] / 400})
def changes_are_sent() -> ns.Network:
    net = ns.Network("sigma-delta", dt=1.0)
    image = net.population("image", 2, ns.Input("current"))
    encoder = net.population("encoder", 2, ns.SigmaDelta(theta=0.05, activation="none"))
    units = net.population("units", 3, ns.SigmaDelta(theta=0.08, bias=[0.1, -0.2, 0.0]))
    net.project(image, encoder, ns.OneToOne(), receptor="a")
    weights = np.array([[0.7, 0.4, -0.6], [-0.3, 0.9, 0.8]])
    net.project(encoder, units, ns.AllToAll(), weight=weights, source="sent", receptor="a")
    for cells in (encoder, units):
        net.record(cells, ["spikes", "a", "sent"])
    return net


# --- other steps, and much at once ----------------------------------------------------------------


@case("dt:1", dt=1.0, steps=60)
def whole_milliseconds() -> ns.Network:
    net = ns.Network("izhikevich", seed=3, dt=1.0)
    cells = net.population(
        "cells", 4, ns.Izhikevich(synapses=ns.Pulse(), I_e=[8.0, 10.0, 12.0, 14.0])
    )
    net.project(cells, cells, ns.AllToAll(), weight=ns.Uniform(0, 4), delay=1.0)
    return everything(net)


@case("dt:0.025", dt=0.025)
def fine_steps() -> ns.Network:
    return stimulated("fine", ns.LIF(I_e=1200.0, t_ref=0.5))


@case("combined", costly=True, steps=400)
def combined() -> ns.Network:
    """Much of the above in one network, for those who take long for each."""
    net = ns.Network("combined", seed=21)
    noise = net.population("noise", 10, ns.Poisson(rate=400))
    given = net.population("given", 3, ns.SpikeTimes(TRAINS))
    exc = net.population("exc", 12, ns.LIF(I_e=ns.Uniform(300, 420), t_ref=ns.Uniform(0.5, 2)))
    inh = net.population("inh", 5, ns.LIF(synapses=ns.Delta(), t_ref=1.0, I_e=360.0))
    net.initialise(exc, V_m=ns.Uniform(-70, -51))
    net.project(noise, exc, ns.FixedIndegree(4), weight=60.0, delay=0.5, receptor="exc")
    net.project(given, inh, ns.AllToAll(), weight=6.0, delay=0.1)
    net.project(exc, exc, ns.FixedProbability(0.3), weight=ns.Normal(40, 8),
                delay=ns.Uniform(0.1, 4), receptor="exc")  # fmt: skip
    net.project(exc[::2], inh, ns.FixedOutdegree(2), weight=1.5, delay=0.8)
    net.project(inh, exc, ns.AllToAll(), weight=-60.0, delay=0.2, receptor="inh")
    net.drive(inh, ns.Poisson(rate=1500), weight=0.8)
    net.inject(exc[:4], ns.StepCurrent(times=[10.0, 25.0], amplitudes=[150.0, -50.0]))
    return everything(net)


# --- binary units -------------------------------------------------------------------------------


def binary(update: Any) -> ns.Network:
    """Binary units that patterns, weights, rates and spikes reach, and that reach rates."""
    n, generator = 10, np.random.default_rng(8)
    net = ns.Network("binary", seed=5)
    trains = [[0.5, 3.0, 12.0], [5.0, 5.0, 14.0, 20.0], [7.5, 8.0, 25.0]]
    source = net.population("source", 3, ns.SpikeTimes(trains))
    model = ns.Binary(update=update, bias=generator.normal(0, 0.3, n), tau_spikes=4.0)
    units = net.population("units", n, model)
    rate = ns.NeuronModel(
        "rate", equations="dx/dt = (-x + c)/tau : 1\ntau : ms\nc : 1", inputs={"c": "additive"},
        parameters={"tau": 6.0}, initial={"x": 0.3},
    )  # fmt: skip
    rates = net.population("rates", 4, rate)
    patterns = np.where(generator.random((3, n)) < 0.5, -1, 1)
    net.project(units, units, ns.PatternCoupling(patterns), weight=0.7)
    some = ns.FromMatrix(generator.normal(0, 0.4, (n, n)) * (1 - np.eye(n)))
    net.project(units, units, some, source="s")
    net.project(units, rates, ns.FixedProbability(0.5), weight=0.5, source="s")
    net.project(rates, units, ns.FixedProbability(0.5), weight=-0.9, source="x")
    net.project(source, units, ns.AllToAll(), weight=ns.Normal(0, 2), delay=1.5)
    net.initialise(units, s=np.where(generator.random(n) < 0.5, -1, 1))
    return everything(net)


add("binary:sequential", partial(binary, "sequential"), dt=0.5, steps=60, spikes=False)
add("binary:synchronous", partial(binary, "synchronous"), dt=0.5, steps=60, spikes=False)

"""Capabilities as data: the catalogue is complete, declarations are, and refusals follow."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim import capabilities as c
from neurosim import features as f
from neurosim.backend import Options, find_backend
from neurosim.errors import ApproximationWarning, UnknownNameError, UnsupportedError
from neurosim.lower.lowering import lower

# --- the catalogue ------------------------------------------------------------------------------


def test_the_catalogue_has_every_model_and_kind_there_is() -> None:
    """What the front door offers has a key; nothing else has."""
    assert {*f.NEURONS, *f.RATES, "Parrot"} == set(ns._HOMES["neurosim.describe.neurons"])
    assert {*f.SYNAPSES, *f.PLAIN, "Receptors"} == set(ns._HOMES["neurosim.describe.synapses"])
    keys = {
        "rule": ("describe.rules", "describe.explicit", "describe.pattern_coupling"),
        "source": ("describe.sources",),
        "current": ("describe.currents",),
    }
    for group, homes in keys.items():
        offered = {name for home in homes for name in ns._HOMES[f"neurosim.{home}"]}
        known = {k.partition(":")[2].partition("(")[0] for k in f.features() if k.startswith(group)}
        assert known == offered
    assert {x.group for x in f.features().values()} == set(f.GROUPS)


def model_of(name: str, kind: str) -> Any:
    """Return the neuron of a key, as "LIF", "Delta"."""
    if kind == f.SEVERAL:
        kind = "Pulse+ExpCurrent"
    if kind == "none":
        synapses: Any = None
    elif "+" in kind:
        first, second = kind.split("+")
        synapses = ns.Receptors(getattr(ns, first)(), getattr(ns, second)())
    else:
        synapses = getattr(ns, kind)()
    more = {"dendrite": None} if name == "TwoCompartment" else {}
    return getattr(ns, name)(synapses=synapses, **more)


NEURON_KEYS = [k for k in f.features() if k.startswith("neuron:") and "/" in k]


@pytest.mark.parametrize("key", NEURON_KEYS)
def test_every_pair_of_neuron_and_synapse_exists(key: str) -> None:
    """Each key is a model that can be written, and whose key it is."""
    name, kind = key.removeprefix("neuron:").split("/")
    model = model_of(name, kind)
    spec = model.neuron_model().spec()
    assert spec.states or spec.hazard is not None
    assert f.feature_of(f.neuron_key(model)).key == key


def rich_networks() -> Iterator[ns.Network]:
    """Networks that together ask for everything but the pairs of neurons and synapses."""
    net = ns.Network("spikes")
    per_neuron = np.linspace(1, 2, 4)
    a = net.population(
        "a",
        4,
        ns.LIF(t_ref=per_neuron, tau_m=ns.Normal(10, 1, redraw=(1, None))),
        positions=ns.Line(),
    )
    b = net.population("b", (1, 2, 2), ns.LIF(synapses=ns.Delta()), positions=ns.Grid())
    p = net.population("p", 4, ns.LIF(synapses=ns.Pulse(), t_ref=1))
    r = net.population("r", 4, ns.Parrot())
    steps = ns.RateSteps(times=[0], rates=[3])
    sources = [
        ns.Poisson(rate=5),
        ns.GammaProcess(rate=5, shape=2),
        ns.CorrelatedPoisson(rate=5),
        ns.SpikeTimes([[1.0]]),
        ns.Input("spikes"),
        ns.Input("current"),
        ns.Poisson(rate=steps),
    ]
    made = [net.population(f"s{k}", 1, source) for k, source in enumerate(sources)]
    net.project(made[5], a, ns.AllToAll())
    net.project(made[5], net.population("u", 2, ns.LinearRate()), ns.AllToAll())
    net.initialise(a, V_m=ns.Normal(-60, 1))
    net.initialise(b, V_m=-60)
    to: dict[str, Any] = {"receptor": "exc"}
    net.project(a, a, ns.FixedProbability(0.5), weight=ns.Normal(1, 0.1), **to)
    net.project(a, a, ns.FixedIndegree(2), delay=ns.Uniform(1, 2), **to)
    net.project(a, a, ns.FixedOutdegree(2), weight=np.ones((4, 4)), delay=np.ones((4, 4)), **to)
    net.project(a, a, ns.FixedTotalNumber(2), release=0.5, **to)
    net.project(a, a, ns.DistanceDependent("exp(-d)"), **to)
    net.project(a[:2], a[2:], ns.OneToOne(), **to)
    net.project(a, b, ns.FromMatrix(np.ones((4, 4))))
    net.project(a, b, ns.FromList([(0, 0, 1.0, 1.0), (0, 0, 2.0, 1.0)]))
    net.project(b, b, ns.Conv2D(np.ones((1, 1, 1, 1))))
    net.project(a + p, r, ns.AllToAll())
    for source in (
        ns.Poisson(rate=5),
        ns.GammaProcess(rate=5, shape=2),
        ns.SpikeTimes([[1.0]] * 4),
    ):
        net.drive(a, source, receptor="exc")
    for current in (
        ns.ConstantCurrent(amplitude=1), ns.StepCurrent(times=[1], amplitudes=[1]),
        ns.NoiseCurrent(sd=1),
    ):  # fmt: skip
        net.inject(a, current)
    net.project(a, b, ns.OneToOne(), weight=0.5, plasticity=ns.STDP(sign="fixed"), name="learned")
    net.project(a, b, ns.OneToOne(), weight=0.5, plasticity=ns.Clopath())
    net.project(a, b, ns.OneToOne(), weight=0.5, plasticity=ns.DopamineSTDP(), modulator=a)
    net.record(a[:2], ["spikes", "V_m"], every=1, initial=True)
    net.record(b, "V_m", reduce="mean")
    net.record(net["a->b"], "weight")
    yield net
    net = ns.Network("equations")
    decay = "dx/dt = -x/tau + {} : 1\ntau : ms"
    for k, (noise, method) in enumerate(
        [
            ("0/ms", "exact"), ("0/ms", "exponential_euler"), ("0/ms", "rk4"), ("0/ms", "rk2"),
            ("0/ms", "euler"), ("0/ms", "semi_implicit"), ("sqrt(1/tau)*xi", "euler"),
            ("x*sqrt(1/tau)*xi", "heun"), ("x*sqrt(1/tau)*xi", "milstein"),
        ]
    ):  # fmt: skip
        model = ns.NeuronModel(
            f"m{k}", equations=decay.format(noise), parameters={"tau": 10.0}, method=method
        )
        net.population(f"m{k}", 1, model)
    rate = ns.NeuronModel(
        "rate", equations="dx/dt = (-x + c)/tau : 1\ntau : ms\nc : 1", inputs={"c": "additive"},
        parameters={"tau": 10.0},
    )  # fmt: skip
    q = net.population("q", 2, rate)
    net.project(q, q, ns.AllToAll(), source="x", receptor="c", delay=2)
    net.initialise(q, x=ns.History([-2, 0], [1.0, 0.0]))
    product = ns.CouplingFunction("x_pre*x_post")
    net.project(q, q, ns.AllToAll(), source=product, receptor="c")
    net.population("noise", 1, ns.PoissonFromRate())
    gap = net.population("gap", 2, ns.GIF(synapses=ns.GapJunction()))
    net.project(gap, gap, ns.AllToAll(), source="V_m", receptor="gap")
    counter = ns.NeuronModel(
        "counter", equations="n : 1", inputs={"in": "jump n"}, threshold="n >= 2", reset="n = 0"
    )
    net.population("counter", 1, counter)
    units = net.population("units", 3, ns.Binary())
    net.project(units, units, ns.PatternCoupling([[1, -1, 1]]))
    yield net


def test_every_use_is_in_the_catalogue_and_every_entry_is_used() -> None:
    found = {f.feature_of(use.feature).key for net in rich_networks() for use in f.uses(net)}
    options = Options(precision="single", threads=2, synapse_format="fixed16", trial=3,
                      integrator="heun")  # fmt: skip
    found |= {use.feature for use in f.option_uses(options)}
    of_sessions = {key for key in f.features() if key.startswith("session:")}
    assert found | set(NEURON_KEYS) | of_sessions == set(f.features())
    for net in rich_networks():
        lower(net, 0.1)  # the networks mean something


def test_titles_tell_features_apart() -> None:
    titles = [f.title_of(key) for key in f.features() if "*" not in key]
    told_by_group = [t for t in titles if titles.count(t) > 1]
    assert set(told_by_group) <= {"Poisson", "GammaProcess", "SpikeTimes"}  # sources and drives
    assert f.title_of("neuron:AdEx/Delta+NMDA") == "AdEx with Delta, NMDA"


class Mine(ns.LIF):
    """A model of somebody else: the class is not ours."""

    __slots__ = ()


def test_models_written_elsewhere_are_known_by_their_equations() -> None:
    assert f.neuron_key(Mine()) == "neuron:equations"
    assert f.neuron_key(ns.LIF()) == "neuron:LIF/ExpCurrent"
    both = ns.TwoCompartment(dendrite=ns.NMDA())
    assert f.neuron_key(both) == "neuron:TwoCompartment/ExpCurrent+NMDA"


# --- declarations -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ns.backends())
def test_every_backend_declares_every_feature(name: str) -> None:
    """A feature that is new to the catalogue fails here until each backend says what of it."""
    capabilities = find_backend(name).capabilities
    assert capabilities.backend == name
    missing = [key for key in f.features() if not capabilities.declares(key)]
    assert not missing
    declared = [*capabilities.supports.values(), *(case.support for case in capabilities.cases)]
    for support in declared:
        if support.level == "approximated":
            assert support.how
            assert support.bound
        if support.level == "refused":
            assert support.how


@pytest.mark.parametrize("name", ns.backends())
def test_no_declaration_is_dead(name: str) -> None:
    """Each pattern and each case means something of the catalogue: no misspelt key."""
    from fnmatch import fnmatchcase

    capabilities = find_backend(name).capabilities
    keys = [*f.features(), *(key.replace("*+*", "A+B") for key in f.features())]
    patterns = [*capabilities.supports, *(case.feature for case in capabilities.cases)]
    mixtures = [key for key in f.features() if key.endswith(f.SEVERAL)]
    dead = [
        p
        for p in patterns
        if not any(fnmatchcase(key, p) for key in keys)
        and not any(fnmatchcase(p, mixture) for mixture in mixtures)
    ]
    assert not dead


# --- refusals -----------------------------------------------------------------------------------


def fake(**supports: Any) -> c.Capabilities:
    """Return capabilities that pass everything but `supports`, whose keys are groups."""
    return c.Capabilities(
        backend="fake", title="for tests", supports={**supports.pop("of", {}), "*": c.PASSES}
    )


def small() -> ns.Network:
    net = ns.Network("small")
    a = net.population("a", 2, ns.LIF())
    b = net.population("b", 2, ns.LIF())
    net.project(a, b, ns.AllToAll(), receptor="exc", release=0.5)
    return net


def test_what_passes_is_silent() -> None:
    assert c.check(small(), fake()) == []


def test_a_refusal_names_part_reason_and_remedy() -> None:
    capabilities = fake(of={"synapse:release": c.refused("synapses are reliable", "release=1")})
    expected = (
        "Projection 'a->b': synapses that fail (release) on backend 'fake': synapses are "
        "reliable. Nearest that works: release=1."
    )
    with pytest.raises(UnsupportedError) as caught:
        c.check(small(), capabilities)
    assert str(caught.value) == expected
    # Permission changes nothing where nothing else can be done.
    with pytest.raises(UnsupportedError):
        c.check(small(), capabilities, ("release",))


def test_what_is_undeclared_is_refused() -> None:
    nothing = c.Capabilities(backend="fake", title="", supports={"neuron:*": c.PASSES})
    with pytest.raises(UnsupportedError, match="the backend 'fake' declares nothing about it"):
        c.check(small(), nothing)


def test_permission_replaces_what_is_refused() -> None:
    support = c.refused("synapses are reliable", if_asked="weights are multiplied by release")
    capabilities = fake(of={"synapse:release": support})
    with pytest.raises(UnsupportedError, match=r"Nearest that works: approximate=\['release'\]"):
        c.check(small(), capabilities)
    for name in ("release", "synapse:release"):
        with pytest.warns(ApproximationWarning, match="weights are multiplied by release"):
            made = c.check(small(), capabilities, (name,))
        assert made == [
            {
                "part": "Projection 'a->b'", "how": "weights are multiplied by release",
                "bound": "", "unit": "",
            }
        ]  # fmt: skip


def test_a_misspelt_permission_is_told() -> None:
    asked = c.refused("synapses are reliable", if_asked="they are")
    capabilities = fake(of={"synapse:release": asked})
    with pytest.raises(UnknownNameError, match=r"one of 'release'\. Did you mean 'release'\?"):
        c.check(small(), capabilities, ("relaese",))
    with pytest.raises(UnknownNameError, match="there are none"):
        c.check(small(), fake(), ("relaese",))
    c.check(small(), fake(), ("release",))  # what is not needed does no harm


def held(t_ref: Any) -> ns.Network:
    """Return neurons that are refractory, and have one receptor."""
    net = ns.Network("held")
    net.population("a", 2, ns.LIF(t_ref=t_ref, synapses=ns.ExpCurrent.receptor(tau=5)))
    return net


def test_what_can_be_asked_for_is_what_helps() -> None:
    """On every backend: each name that is listed turns a refusal into an approximation."""
    for name in ns.backends():
        capabilities = find_backend(name).capabilities
        for short in c.permissions(capabilities):
            # A network that needs this permission belongs here, with the others that it needs.
            net, others = {
                "release": (small(), []),
                "refractoriness": (held(2.0), []),
                "refractoriness_per_neuron": (held([1.0, 2.0]), ["refractoriness"]),
            }[short]
            assert any(j.level == "refused" for j in c.judge(net, capabilities, others))
            judged = c.judge(net, capabilities, [short, *others])
            assert all(j.level != "refused" for j in judged)
            assert any(j.asked for j in judged)


def test_an_approximation_warns_once_for_all_its_parts() -> None:
    support = c.approximated("integrated adaptively", "1e-3 relative")
    capabilities = fake(of={"neuron:LIF/*": support})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = c.check(small(), capabilities)
    assert [str(w.message) for w in caught] == [
        "Backend 'fake', Population 'a', 'b': integrated adaptively; off by 1e-3 relative."
    ]
    assert [m["part"] for m in made] == ["Population 'a'", "Population 'b'"]


def test_cases_come_before_declarations_and_the_first_counts() -> None:
    case = c.Case(
        feature="neuron:LIF/*", when="called 'b'", test=lambda use: use.subject.name == "b",
        support=c.refused("it is b"),
    )  # fmt: skip
    capabilities = c.Capabilities(
        backend="fake", title="", supports={"*": c.PASSES, "neuron:*": c.refused("never reached")},
        cases=(case,),
    )  # fmt: skip
    with pytest.raises(UnsupportedError, match=r"Population 'b'.*it is b"):
        c.check(small(), capabilities)


def test_options_are_judged_too() -> None:
    capabilities = fake(of={"option:single": c.refused("states are doubles", "double")})
    assert c.check(small(), capabilities, (), Options()) == []
    with pytest.raises(UnsupportedError, match="single precision on backend 'fake'"):
        c.check(small(), capabilities, (), Options(precision="single"))


def test_two_drives_of_one_population_are_two_uses() -> None:
    """A case may look at the subject, so equal keys and parts are not one use."""
    net = ns.Network("two")
    a = net.population("a", 2, ns.LIF())
    for weight in (1.0, -1.0):
        net.drive(a, ns.Poisson(rate=5), weight=weight, receptor="exc")
    drives = [use.subject.weight for use in f.uses(net) if use.feature == "drive:Poisson"]
    assert drives == [1.0, -1.0]

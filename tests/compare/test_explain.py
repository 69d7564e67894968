"""`ns.explain` and `ns.export`: what they tell is what happens."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim import capabilities, installed
from neurosim.backend import Options, Script
from neurosim.capabilities import PASSES, Capabilities, Case, Requirement, approximated, refused
from neurosim.errors import DescriptionError, UnknownNameError, UnsupportedError


class Fake:
    """A backend that is only a declaration, and writes scripts of one line."""

    name = "fake"
    drafted: tuple[dict[str, Any], ...] = ()

    def __init__(self, supports: dict[str, Any], **more: Any) -> None:
        self.capabilities = Capabilities(
            backend="fake", title="for tests", supports={**supports, "*": PASSES}, **more
        )

    def compile(self, network: ns.Network, options: Options) -> ns.Session:
        """Refuse or approximate; a session there is not."""
        made = capabilities.check(network, self.capabilities, options.approximate, options)
        raise RuntimeError(f"{len(made)} approximations")

    def export(self, network: ns.Network, duration: float, options: Options) -> Script:
        """Return a text that shows what arrived."""
        declared = self.capabilities.of_scripts
        made = capabilities.require(network, declared, options.approximate, options)
        if any(p.size == 13 for p in network.populations.values()):
            raise UnsupportedError("Population 'a': size", "13 is not written", "12")
        text = f"# {network.name} for {duration:g} ms at {options.dt:g} ms\n"
        return Script(text=text, approximations=(*made, *self.drafted))


def network() -> ns.Network:
    net = ns.Network("net", seed=2)
    a = net.population("a", 10, ns.LIF(t_ref=2.0))
    b = net.population("b", 10, ns.LIF(t_ref=2.0))
    net.project(a, b, ns.FixedIndegree(3), weight=ns.Normal(10, 1), receptor="exc", release=0.5)
    net.record(b, "spikes")
    return net


SUPPORTS = {
    "neuron:LIF/*": approximated("integrated adaptively", "1e-3 relative"),
    "synapse:release": refused("synapses are reliable", "release=1", if_asked="they are"),
}


def test_every_use_is_found_at_its_level() -> None:
    net = network()
    told = ns.explain(net, Fake(SUPPORTS))
    by_key = {(f.part, f.feature): f for f in told.findings}
    assert {(use.part, use.feature) for use in capabilities.uses(net)} == set(by_key)
    lif = by_key["Population 'a'", "neuron:LIF/ExpCurrent"]
    assert (lif.level, lif.how, lif.bound) == (
        "approximated", "integrated adaptively", "1e-3 relative",
    )  # fmt: skip
    release = by_key["Projection 'a->b'", "synapse:release"]
    assert (release.level, release.how) == ("refused", "synapses are reliable")
    assert release.nearest == "release=1, or approximate=['release'] (they are)"
    assert len(told.passes) + len(told.approximated) + len(told.refused) == len(told.findings)


def test_it_runs_exactly_where_compiling_does_not_refuse() -> None:
    for approximate in ((), ("release",)):
        fake = Fake(SUPPORTS)
        told = ns.explain(network(), fake, approximate=approximate)
        if told.runs:
            n = len(told.approximated)
            with (
                pytest.warns(ns.ApproximationWarning),
                pytest.raises(RuntimeError, match=f"{n} approximations"),
            ):
                fake.compile(network(), told.options)
        else:
            with pytest.raises(UnsupportedError):
                fake.compile(network(), told.options)
        assert told.runs == bool(approximate)


def test_the_text_names_parts_reasons_and_remedies() -> None:
    assert str(ns.explain(network(), Fake(SUPPORTS))) == (
        "Network 'net' on 'fake', dt = 0.1 ms: refused, for 1 thing.\n"
        "\n"
        "Population 'a', 'b'\n"
        "    approximated  LIF with ExpCurrent: integrated adaptively; off by 1e-3 relative\n"
        "    passes        arrivals add to a state; refractory time; method: exact\n"
        "\n"
        "Projection 'a->b'\n"
        "    refused       synapses that fail (release): synapses are reliable. Nearest that "
        "works: release=1, or approximate=['release'] (they are)\n"
        "    passes        FixedIndegree; weights: drawn from a distribution; delays: one for all "
        "synapses; static synapses; several synapses between two neurons\n"
        "\n"
        "Recorder of 'b'\n"
        "    passes        record: spikes"
    )


def test_as_many_things_are_counted_as_are_listed() -> None:
    """The same refusal in two projections that differ otherwise is listed twice."""
    net = network()
    a, b = net.populations["a"], net.populations["b"]
    net.project(a, b, ns.OneToOne(), weight=1.0, receptor="exc", release=0.5, name="second")
    text = str(ns.explain(net, Fake(SUPPORTS)))
    assert sum(line.startswith("    refused") for line in text.splitlines()) == 2
    assert "refused, for 2 things" in text


def test_a_model_that_is_refused_has_no_integrator() -> None:
    supports = {
        "neuron:LIF/*": refused("no such neuron"),
        "method:*": approximated("an integrator of its own", "little"),
    }
    told = ns.explain(network(), Fake(supports))
    assert not told.approximated
    assert {f.feature for f in told.refused} == {"neuron:LIF/ExpCurrent"}
    assert ns.explain(network(), Fake({**supports, "neuron:LIF/*": PASSES})).approximated


def test_the_table_says_what_the_text_says() -> None:
    from rich.console import Console

    told = ns.explain(network(), Fake(SUPPORTS))
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(told)
    table = console.export_text()
    for line in str(told).splitlines():
        for piece in filter(None, line.split("  ")):
            assert piece.strip() in table


def test_json_has_everything() -> None:
    told = ns.explain(network(), Fake(SUPPORTS), precision="single")
    data = json.loads(json.dumps(told.to_dict()))
    assert data["backend"] == "fake"
    assert data["options"]["precision"] == "single"
    assert data["options"]["approximate"] == []
    assert len(data["findings"]) == len(told.findings)
    assert data["runs"] is False


def test_a_missing_simulator_is_told_and_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = (Requirement(distribution="no-such-simulator", versions=">=3", extra="nest"),)
    told = ns.explain(network(), Fake(SUPPORTS, requires=needs))
    assert told.problem == (
        "Backend 'fake' needs the package no-such-simulator>=3, which is not installed. "
        "Install it with: pip install 'neurosim-snn[nest]'"
    )
    assert told.problem in str(told)
    assert told.refused


def test_what_takes_long_is_told_before_it_does() -> None:
    told = ns.explain(network(), Fake(SUPPORTS, costly="a program is compiled"))
    assert str(told).splitlines()[1] == "It takes long: a program is compiled."
    assert told.to_dict()["costly"] == "a program is compiled"
    assert "It takes long" not in str(ns.explain(network(), Fake(SUPPORTS)))
    fake: Any = Fake(SUPPORTS, costly="a program is compiled", exports=True)
    assert "It takes long" not in str(ns.explain(network(), fake, script=True))


# --- numbers ------------------------------------------------------------------------------------


def cells(**more: Any) -> tuple[ns.Network, ns.Population]:
    net = ns.Network("cells", seed=1)
    return net, net.population("cells", 20, ns.LIF(**more))


def test_times_that_are_rounded_are_told_with_their_bound() -> None:
    net, population = cells(t_ref=2.04)
    net.project(population, population, ns.OneToOne(), delay=1.57, receptor="exc")
    found = {
        "Population 'cells': t_ref": "up to 0.04 ms",
        "Projection 'cells->cells': delay": "up to 0.03 ms",
    }
    for name in ("cpu", "nest", "brian2"):
        told = ns.explain(net, name)
        # No backend approximates anything here: all are given the same rounded times.
        assert not told.approximated
        assert {f"{f.part}: {f.title}": f.bound for f in told.rounded} == found
        assert told.headline.endswith("runs, with 2 things rounded to time steps.")
        assert ", on every backend; off by up to 0.04 ms" in str(told)
    assert not ns.explain(net, "cpu", dt=0.01).rounded
    both = ns.explain(net, "cpu", precision="single").headline
    assert "2 things approximated and 2 things rounded to time steps" in both


@pytest.mark.parametrize(
    "options",
    [{}, {"precision": "single"}, {"synapse_format": "fixed16"}, {"synapse_format": "full"}],
)
@pytest.mark.compiled
def test_what_is_told_of_weights_is_what_a_run_does(options: dict[str, Any]) -> None:
    """The forecast, made without building, against the provenance of the network as built."""
    net, population = cells()
    source = net.population("source", 20, ns.Poisson(rate=500))
    many: dict[str, Any] = {"receptor": "exc", "delay": 1.0}
    net.project(population, population, ns.FixedIndegree(5), weight=ns.Normal(30, 9), **many)
    net.project(source, population, ns.AllToAll(), weight=1 / 3, **many)
    net.project(population, population, ns.AllToAll(), weight=np.full((20, 20), 0.1), **many)
    session: Any = ns.compile(net, **options)
    told = ns.explain(net, **options)
    synapses = session.engine.synapses
    for name, form in synapses.formats.items():
        here = [f for f in told.findings if f.part == f"Projection {name!r}" and "stored" in f.how]
        assert [f.how for f in here] == [f"stored as {form} integers"]
        bound = synapses.bounds[name]
        if bound <= 2.0**-53:
            assert here[0].level == "passes"
        else:
            assert here[0].level == "approximated"
            said = float(here[0].bound.split()[2])
            assert bound <= said < 10 * bound


def test_a_network_too_large_to_look_at_gets_the_guaranteed_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from neurosim_backends import cpu

    monkeypatch.setattr(cpu, "LOOKED_AT", 10)
    told = ns.explain(network(), "cpu", precision="single")
    (weights,) = [f for f in told.approximated if f.title == "weights"]
    assert (weights.how, weights.bound) == ("stored as integers", "up to 1e-03 relative")


def test_a_step_that_cannot_be_is_told_as_a_refusal() -> None:
    net, population = cells()
    net.project(population, population, ns.OneToOne(), delay=0.5, receptor="exc")
    told = ns.explain(net, "cpu", dt=1.0)
    (finding,) = told.refused
    assert (finding.part, finding.title) == ("Projection 'cells->cells'", "delay")
    assert "Use delay >= 1 or dt <= 0.5" in finding.how


def test_what_cannot_be_meant_is_refused() -> None:
    net, _ = cells()
    with pytest.raises(DescriptionError, match=r"explain: network is 3; expected a neurosim"):
        ns.explain(3)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="explain: option is 'theads'"):
        ns.explain(net, theads=3)
    with pytest.raises(UnknownNameError, match=r"one of 'release'\. Did you mean 'release'"):
        ns.explain(net, "nest", approximate=["relese"])
    with pytest.raises(UnknownNameError, match="backend is 'nset'"):
        ns.explain(net, "nset")


# --- export -------------------------------------------------------------------------------------


def test_export_returns_the_text_and_writes_it(tmp_path: Path) -> None:
    net, _ = cells()
    fake: Any = Fake({}, exports=True)
    text = "# cells for 2000 ms at 0.05 ms\n"
    assert ns.export(net, fake, duration="2 s", dt=0.05) == text
    path = tmp_path / "script.py"
    assert ns.export(net, fake, path, duration="2 s", dt=0.05) == text
    assert path.read_text() == text
    with pytest.raises(DescriptionError, match=r"expected a file that does not exist yet.*overwr"):
        ns.export(net, fake, path)
    ns.export(net, fake, str(path), overwrite=True)
    assert path.read_text() == "# cells for 1000 ms at 0.1 ms\n"


def test_export_refuses_what_cannot_be(tmp_path: Path) -> None:
    net, _ = cells()
    fake: Any = Fake({"neuron:*": refused("no neurons")}, exports=True)
    with pytest.raises(UnsupportedError, match="Backend 'fake': export: it writes no scripts"):
        ns.export(net, Fake({}))
    with pytest.raises(UnsupportedError, match=r"Population 'cells'.*no neurons"):
        ns.export(net, fake, tmp_path / "script.py")
    assert not (tmp_path / "script.py").exists()
    with pytest.raises(DescriptionError, match="a file in a folder that exists"):
        ns.export(net, fake, tmp_path / "nowhere" / "script.py")
    with pytest.raises(DescriptionError, match="the name of a file, not of a folder"):
        ns.export(net, fake, tmp_path, overwrite=True)
    with pytest.raises(DescriptionError, match="export: duration"):
        ns.export(net, Fake({}, exports=True), duration=0.05)
    with pytest.raises(UnknownNameError, match=r"export: option is 'overwrit'.* 'overwrite'\?"):
        ns.export(net, Fake({}, exports=True), overwrit=True)
    with pytest.raises(UnknownNameError, match="export: option is 'threds'"):
        ns.export(net, Fake({}, exports=True), threds=2)


# --- explain, of a script -----------------------------------------------------------------------

ANEW = Case(
    "synapse:release", "in a script", PASSES, lambda use: use.subject.release == 0.5
)  # fmt: skip
OTHERWISE = Case("neuron:LIF/*", "in a script", refused("no neurons"), lambda use: use.seed == 2)


def test_a_script_may_be_refused_other_things_than_a_run() -> None:
    """One declaration, with exceptions for scripts; and what is told is what export does."""
    fake: Any = Fake(SUPPORTS, exports=True, script_cases=(ANEW,))
    assert ns.explain(network(), fake).refused
    told = ns.explain(network(), fake, script=True)
    assert not told.refused
    assert told.script
    assert "as a script of 'fake', dt = 0.1 ms: can be written, with 1 thing" in told.headline
    with pytest.warns(ns.ApproximationWarning, match="Script for 'fake', Population 'a', 'b'"):
        ns.export(network(), fake)
    fake = Fake({}, exports=True, script_cases=(OTHERWISE,))
    assert not ns.explain(network(), fake).refused
    assert ns.explain(network(), fake, script=True).refused
    with pytest.raises(UnsupportedError, match="no neurons"):
        ns.export(network(), fake)


def test_what_shows_only_in_writing_is_told() -> None:
    net = ns.Network("net")
    net.population("a", 13, ns.LIF())
    fake: Any = Fake({}, exports=True)
    (finding,) = ns.explain(net, fake, script=True).refused
    assert (finding.part, finding.title) == ("Population 'a'", "size")
    assert (finding.how, finding.nearest) == ("13 is not written", "12")
    assert not ns.explain(net, fake).refused
    fake.drafted = ({"part": "Population 'a'", "how": "by dice", "bound": "luck", "unit": ""},)
    (finding,) = ns.explain(network(), fake, script=True).approximated
    assert (finding.how, finding.bound) == ("by dice", "luck")


@pytest.mark.parametrize("backend", ["brian2", "nest"])
def test_all_that_shows_in_writing_is_told_at_once(backend: str) -> None:
    """Values that would have to be listed, in every part of a network that can have them."""
    each = np.linspace(1, 2, 6000)
    net = ns.Network("long")
    a = net.population("a", 6000, ns.LIF(E_L=-70 + each, V_th=-50 + each))
    b = net.population("b", 6000, ns.LIF(tau_m=9.0))
    net.initialise(b, V_m=-60 + each)
    net.project(a, b, ns.OneToOne(), weight=1.0, receptor="exc", name="fine")
    net.drive(b, ns.Poisson(rate=100 * each), weight=1.0, receptor="exc")
    net.inject(a, ns.ConstantCurrent(amplitude=each))
    told = ns.explain(net, backend, script=True)
    places = {f"{f.part}: {f.title}" for f in told.refused}
    for place in ("Population 'a': E_L", "Population 'a': V_th", "Drive of 'b'", "Injection into"):
        assert any(p.startswith(place) for p in places), places
    assert any(p.startswith("Population 'b'") for p in places)
    assert not any("fine" in p for p in places)
    with pytest.raises(UnsupportedError) as caught:
        ns.export(net, backend)
    assert len(caught.value.others) + 1 == len(told.refused)
    assert "Refused as well:\n" in str(caught.value)


def test_all_that_is_declared_is_refused_at_once() -> None:
    supports = {"neuron:LIF/*": refused("no neurons"), "synapse:release": refused("no dice")}
    with pytest.raises(UnsupportedError, match="no neurons") as caught:
        Fake(supports).compile(network(), Options())
    assert [e.part.split(":")[0] for e in caught.value.others] == [
        "Population 'b'", "Projection 'a->b'",
    ]  # fmt: skip
    told = str(caught.value)
    assert told.count("no neurons") == 2
    assert "no dice" in told
    # An integrator is not missed where the model is.
    supports["method:*"] = refused("no integrators")
    with pytest.raises(UnsupportedError) as caught:
        Fake(supports).compile(network(), Options())
    assert "no integrators" not in str(caught.value)


def test_a_message_tells_a_few_refusals_and_how_many_more() -> None:
    others = [UnsupportedError(f"Population '{k}'", "no") for k in range(6)]
    told = str(UnsupportedError("Population 'x'", "no", others=others))
    assert "Population '3'" in told
    assert "Population '4'" not in told
    assert told.endswith("... and 2 more: neurosim.explain has all.")


def test_a_backend_without_scripts_has_none_to_explain() -> None:
    with pytest.raises(UnsupportedError, match="Backend 'cpu': export: it writes no scripts"):
        ns.explain(network(), "cpu", script=True)
    with pytest.raises(DescriptionError, match="explain: script is 'yes'"):
        ns.explain(network(), "cpu", script="yes")  # type: ignore[arg-type]


# --- availability -------------------------------------------------------------------------------


def versions(monkeypatch: pytest.MonkeyPatch, **there: str | None) -> None:
    """Pretend that these distributions have these versions; None: not installed."""
    real = capabilities._installed
    found = {name.replace("_", "-"): version for name, version in there.items()}
    monkeypatch.setattr(capabilities, "_installed", lambda n: found[n] if n in found else real(n))
    monkeypatch.setattr(capabilities, "_has_module", lambda name: False)


NEEDS = (
    Requirement(distribution="brian2", versions=">=2.9", extra="brian2"),
    Requirement(distribution="numpy", versions="<2.4", extra="brian2", beside="brian2<2.10"),
)


@pytest.mark.parametrize(
    ("there", "problem"),
    [
        ({"brian2": "2.9.0", "numpy": "2.3.5"}, ""),
        ({"brian2": "2.10", "numpy": "2.4.0"}, ""),
        (
            {"brian2": "2.9.0", "numpy": "2.4.0"},
            "Backend 'fake' needs numpy<2.4 beside brian2<2.10; installed is numpy 2.4.0. "
            "Install it with: pip install 'neurosim-snn[brian2]'",
        ),
        (
            {"brian2": "2.8.0.4", "numpy": "2.3.5"},
            "Backend 'fake' needs brian2>=2.9; installed is brian2 2.8.0.4. "
            "Install it with: pip install 'neurosim-snn[brian2]'",
        ),
        (
            {"brian2": None},
            "Backend 'fake' needs the package brian2>=2.9, which is not installed. "
            "Install it with: pip install 'neurosim-snn[brian2]'",
        ),
    ],
)
def test_requirements_name_what_to_install(
    there: dict[str, Any], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions(monkeypatch, **there)
    declared = Fake({}, requires=NEEDS).capabilities
    assert declared.problem() == problem
    if problem:
        with pytest.raises(capabilities.UnavailableError) as caught:
            declared.require_available()
        assert str(caught.value) == problem
        assert isinstance(caught.value, ImportError)
    else:
        declared.require_available()


def test_a_simulator_without_a_distribution_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `conda install nest-simulator`, which registers no Python distribution."""
    need = Requirement(distribution="no-such-simulator", versions=">=3", module="json")
    assert Fake({}, requires=(need,)).capabilities.problem() == ""
    need = Requirement(distribution="no-such-simulator", versions=">=3", module="no_such_module")
    told = Fake({}, requires=(need,)).capabilities.problem()
    assert told.endswith("Install it with: pip install 'no-such-simulator>=3'")


def test_a_case_sees_what_is_special() -> None:
    case = Case(
        feature="synapse:release", when="release below 0.6",
        test=lambda use: use.subject.release < 0.6, support=refused("too unreliable"),
    )  # fmt: skip
    assert [f.how for f in ns.explain(network(), Fake({}, cases=(case,))).refused] == [
        "too unreliable"
    ]


def test_backends_may_be_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        def load(self) -> Any:
            return lambda: Fake(SUPPORTS)

    points = {**installed.entry_points(), "fake": Point()}
    monkeypatch.setattr(installed, "entry_points", lambda: points)
    assert not ns.explain(network(), "fake").runs

"""`ns.certify`: tiers by what was planted, refusals without an exception, trials that differ."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import neurosim as ns
from neurosim import installed
from neurosim.backend import Options, find_backend
from neurosim.capabilities import PASSES, Requirement, approximated, judge, refused
from neurosim.cli import app
from neurosim.compare import comparing
from neurosim.compare import lockstep as lockstep_module
from neurosim.compare.certify import certify
from neurosim.compare.diagnosis import Diagnosis
from neurosim.compare.trials import Ensemble, _parting, find_ensemble, grid_spikes
from neurosim.compare.verdicts import Tier
from neurosim.errors import (
    DescriptionError,
    NeurosimError,
    SimulationError,
    UnknownNameError,
    UnsupportedError,
)
from neurosim_models import vogels_abbott_cuba
from tests.compare.small_networks import Copy, Stumbling, chain, driven, relay, with_model

pytestmark = pytest.mark.compiled


@pytest.fixture
def no_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Causes have tests of their own; looking for them takes its time."""
    monkeypatch.setattr(comparing, "diagnose", lambda *args: Diagnosis())


def other_drive(options: Options) -> Options:
    return replace(options, trial=options.trial + 100)


# --- tiers ----------------------------------------------------------------------------------


def test_a_copy_is_bit_exact() -> None:
    c = certify(driven(), ["cpu", Copy()], 50)
    assert [(r.backend, r.population, r.tier) for r in c.rows] == [
        ("copy", "exc", Tier.BIT_EXACT),
        ("copy", "inh", Tier.BIT_EXACT),
    ]
    assert c.same_until == {"copy": 50}
    assert repr(certify(driven(), [Copy()], 7.3).same_until["copy"]) == "7.3"
    assert c.cause == {"copy": None}
    assert c.horizon is not None
    assert "Horizon of the network" in str(c)
    assert c.trials == (0, 0)
    assert c.agrees
    assert "all states the same bits" in str(c)


def test_rounding_that_moves_no_spike_is_the_same_on_the_grid(no_causes: None) -> None:
    single = Copy("single", options=lambda o: replace(o, precision="single"))
    c = certify(chain(), [single], 20)
    assert {r.tier for r in c.rows} == {Tier.SAME_SPIKES}
    lockstep = c.report("single").lockstep
    assert lockstep is not None
    bounds = [s.largest_relative for s in lockstep.states if not s.bit_exact]
    assert bounds
    assert max(bounds) < 1e-5
    assert "differ by at most" in str(c)


def test_another_realisation_of_the_drive_is_statistically_equivalent(no_causes: None) -> None:
    c = certify(driven(), [Copy(options=other_drive)], 300, trials=(12, 4), resolution=0.1,
                level=0.01)  # fmt: skip
    assert {r.tier for r in c.rows} == {Tier.EQUIVALENT}, str(c)
    assert c.agrees
    assert c.trials == (12, 4)
    assert "other realisations of drive" in c.varied
    for row in c.rows:
        assert row.statistics is not None
        assert row.statistics.detectable is not None
        assert row.statistics.detectable <= 0.1 * row.statistics.rate
    until = c.same_until["copy"]
    assert until is not None
    assert f"Same spikes on the grid until {until:.10g} ms" in str(c)
    assert "; horizon " in str(c)


def test_the_same_network_too_short_is_undecided(no_causes: None) -> None:
    c = certify(driven(), [Copy(options=other_drive)], 30, trials=(12, 4), resolution=0.02)
    assert {r.tier for r in c.rows} == {Tier.UNDECIDED}
    assert not c.agrees
    for row in c.rows:
        assert row.statistics is not None
        assert row.statistics.enough is not None
        assert row.statistics.enough > 30


def test_states_of_few_neurons_make_a_tier_that_says_so(
    monkeypatch: pytest.MonkeyPatch, no_causes: None
) -> None:
    monkeypatch.setattr(lockstep_module, "WATCHED", 60 * 3 * 100)
    monkeypatch.setattr(lockstep_module, "FOLLOWED", 60 * 3 * 100)
    c = certify(driven(), [Copy()], 60)
    assert c.tier("copy") == Tier.BIT_EXACT
    seen = "of all neurons up to 10 ms and of 10 of them up to 60 ms"
    assert all(row.why.endswith(f"all states that were compared ({seen}) the same bits")
               for row in c.rows)  # fmt: skip
    assert f"States {seen} differ by at most:" in str(c).replace("\n", " ")


def test_populations_of_several_axes_show_the_neuron_that_differs_first(no_causes: None) -> None:
    """Numbered with the last axis fastest: neuron 13 of 4 x 5 is in row 2."""
    net = ns.Network("sheet", seed=2)
    sheet = net.population("sheet", (4, 5), ns.LIF(V_reset=-70, E_L=-70))
    net.inject(sheet[2, 3], ns.StepCurrent(times=[0.0], amplitudes=[500.0]))
    c = certify(net, [Copy(network=with_model("sheet", tau_m=9.0))], 60, statistics=False)
    excerpt = c.report("copy").excerpt
    assert excerpt is not None
    assert (excerpt.population, excerpt.neuron) == ("sheet", 13)
    assert excerpt.ours != excerpt.theirs


def test_a_higher_threshold_is_found_named_and_judged() -> None:
    late = Copy("late", network=with_model("exc", V_th=-53.0))
    c = certify(driven(), [late], 200, trials=(12, 4), resolution=0.1)
    assert c.tier("late", "exc") == Tier.DIFFERENT
    assert c.tier("late") == c.tier() == Tier.DIFFERENT
    cause = c.cause["late"]
    assert cause is not None
    assert (cause.kind, cause.what) == ("parameter", "V_th")
    assert "exc" in cause.part
    assert cause.size == pytest.approx(2.0)
    report = c.report("late")
    assert report.lockstep is not None
    first = report.lockstep.first_spike
    assert first is not None
    assert first.population == "exc"
    assert set(first.states) == {"V_m", "I_exc", "I_inh"}
    assert c.horizon is not None
    excerpt = report.excerpt
    assert excerpt is not None
    at = int(np.argmin(np.abs(np.array(excerpt.times) - first.before)))
    assert (excerpt.ours[at], excerpt.theirs[at]) == first.states["V_m"]
    assert excerpt.unit == "mV"
    text = str(c)
    for told in ("late", "different", "Cause (parameter)", "First different spike"):
        assert told in text
    adoption = report.adoption
    assert adoption is not None
    assert (adoption.vanished, adoption.explains_all) == (("exc",), True)
    with_it, without = adoption.statistics["exc"], c.rows[0].statistics
    assert without is not None
    assert abs(with_it.rate - with_it.other_rate) < 0.2 * abs(without.rate - without.other_rate)


def test_a_cause_is_named_where_statistics_see_nothing() -> None:
    """One step of refractory time: too small for rates, yet found."""
    late = Copy("late", network=with_model("exc", t_ref=2.1))
    c = certify(driven(), [late], 50, statistics=False)
    cause = c.cause["late"]
    assert cause is not None
    assert cause.kind == "refractory time"
    assert c.tier() == Tier.UNDECIDED


def test_populations_have_tiers_of_their_own(no_causes: None) -> None:
    """What lies upstream of a fault is the same to the end, though some spike differs."""
    c = certify(chain(), [Copy(network=with_model("second", V_th=-52.0))], 100, trials=(12, 4))
    assert c.tier("copy", "first") == Tier.SAME_SPIKES
    assert c.tier("copy", "second") == Tier.DIFFERENT
    (row,) = [r for r in c.rows if r.population == "first"]
    assert row.statistics is None


def test_statistics_are_made_where_asked_only(no_causes: None) -> None:
    asked = certify(chain(), [Copy()], 60, statistics=True, trials=(6, 2))
    assert {r.tier for r in asked.rows} == {Tier.BIT_EXACT}
    assert all(r.statistics is not None for r in asked.rows)
    assert asked.curves
    never = certify(chain(), [Copy(options=other_drive)], 60, statistics=False)
    assert never.tier("copy", "first") == Tier.UNDECIDED
    assert never.trials == (0, 0)


def test_a_population_that_never_fires_has_nothing_to_compare() -> None:
    net = ns.Network("silent")
    net.population("cells", 2, ns.LIF())
    c = certify(net, [Copy()], 10)
    assert c.tier() == Tier.BIT_EXACT
    assert "no spikes on either side" in c.rows[0].why


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in ns.backends()
        if n != "cpu"
        and not (declared := find_backend(n).capabilities).costly
        and all(j.level != "refused" for j in judge(driven(), declared))
    ],
)
def test_other_simulators_fire_the_same_spikes(name: str) -> None:
    """Current-based LIF neurons, on all that take them and are not slow to start."""
    c = certify(driven(), [name], 20)
    assert c.tier() in (Tier.BIT_EXACT, Tier.SAME_SPIKES), str(c)
    assert name in c.report(name).provenance["backend"]


# --- what cannot run ------------------------------------------------------------------------


def test_a_refusal_is_a_row() -> None:
    supports = {"neuron:LIF/*": refused("it has no membranes", "PerfectIntegrator"), "*": PASSES}
    c = certify(driven(), [Copy("poor", supports=supports), Copy()], 20)
    assert c.tier("poor") == c.tier() == Tier.REFUSED
    assert c.tier("copy") == Tier.BIT_EXACT
    assert c.same_until["poor"] is None
    assert all("it has no membranes" in r.why for r in c.rows if r.backend == "poor")
    assert "Nearest that works: PerfectIntegrator" in str(c)
    assert str(c).count("it has no membranes") == 1
    assert c.to_html().count("it has no membranes") == 1
    assert str(c).count("no form of LIF with ExpCurrent: see below") == 2


def test_a_backend_that_is_not_installed_is_a_row() -> None:
    lacking = (Requirement(distribution="no-such-simulator", extra="nest"),)
    c = certify(driven(), [Copy("absent", requires=lacking)], 20)
    assert c.tier("absent") == Tier.REFUSED
    assert "pip install 'neurosim-snn[nest]'" in c.rows[0].why


def test_a_refusal_that_only_shows_when_compiling_is_a_row() -> None:
    error = UnsupportedError("Population 'exc'", "too many neurons", "fewer")
    c = certify(driven(), [Stumbling(error)], 20)
    assert c.tier() == Tier.REFUSED
    assert "too many neurons" in c.rows[0].why


def test_a_backend_that_leaves_the_finite_numbers_is_different() -> None:
    c = certify(driven(), [Stumbling(SimulationError("V_m of 'exc' is NaN"))], 20)
    assert c.tier() == Tier.DIFFERENT
    assert "V_m of 'exc' is NaN" in c.rows[0].why


def test_trials_that_cannot_be_run_leave_it_undecided(no_causes: None) -> None:
    broken = Stumbling(NeurosimError("no licence left"), sessions=2)
    broken._options = other_drive
    c = certify(driven(), [broken], 20, trials=(4, 2))
    assert c.tier() == Tier.UNDECIDED
    assert "no licence left" in c.rows[0].why


def test_a_backend_that_does_not_repeat_itself_is_different(no_causes: None) -> None:
    sessions = iter(range(100))
    moody = Copy("moody", options=lambda o: other_drive(o) if next(sessions) == 0 else o)
    c = certify(driven(), [moody], 20)
    assert c.tier() == Tier.DIFFERENT
    assert "does not repeat itself" in c.rows[0].why


def test_approximations_are_listed_and_do_not_warn() -> None:
    supports = {"neuron:LIF/*": approximated("integrated adaptively", "1e-3"), "*": PASSES}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        c = certify(driven(), [Copy(supports=supports)], 20)
    assert "Approximated: Populations 'exc', 'inh'" in str(c)
    assert "integrated adaptively; off by 1e-3" in str(c)


# --- trials ---------------------------------------------------------------------------------


def ensemble_of(net: ns.Network, duration: float = 100.0) -> Any:
    return find_ensemble(net, find_backend("cpu"), duration, Options())


def spikes(run: ns.Run) -> dict[str, Any]:
    return {k: [a.tolist() for a in grid_spikes(r, 0.1)] for k, r in run.spikes.items()}


def test_trials_of_a_driven_network_have_other_drive() -> None:
    ensemble = ensemble_of(driven())
    assert (ensemble.size, ensemble.driven, ensemble.constant) == (0.0, True, ())
    cpu = find_backend("cpu")
    found = [spikes(ensemble.run(cpu, k)) for k in range(4)]
    assert all(a != b for i, a in enumerate(found) for b in found[:i])
    assert spikes(ensemble.run(Copy(), 2)) == found[2]


def test_trials_of_a_chaotic_network_without_drive_are_perturbed() -> None:
    net = vogels_abbott_cuba(scale=0.1)
    ensemble = ensemble_of(net, 150.0)
    assert not ensemble.driven
    assert 0 < ensemble.size <= 1e-3
    assert ensemble.constant == ()
    assert "initial states changed" in ensemble.varied
    cpu = find_backend("cpu")
    first, second = (spikes(ensemble.run(cpu, k)) for k in (0, 1))
    assert first != second
    assert first == spikes(ns.run(net, 150))
    assert spikes(ensemble.run(Copy(), 1)) == second


def test_no_two_trials_may_be_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a perturbation moves one neuron or none, to one side or the other: COBA by 10^-6."""
    tried: list[float] = []
    run = Ensemble.run

    def of_two_kinds(self: Any, backend: Any, k: int) -> Any:
        tried.append(self.size)
        return run(self, backend, k % 2 if self.size < 1e-3 else k)

    net = vogels_abbott_cuba(scale=0.1)
    monkeypatch.setattr(Ensemble, "run", of_two_kinds)
    found = ensemble_of(net, 150.0)
    assert set(tried) == {0.0, 1e-9, 1e-6, 1e-3}
    assert (found.size, found.constant) == (1e-3, ())


def test_trials_part_where_the_first_of_two_differs() -> None:
    def trial(*spikes: tuple[int, int]) -> Any:
        return np.array([s[0] for s in spikes]), np.array([s[1] for s in spikes])

    one, two = trial((3, 0), (5, 1), (9, 0)), trial((3, 0), (6, 1), (9, 0))
    assert _parting([one, two]) == 5
    assert _parting([one, two, trial((3, 0), (5, 1), (9, 1))]) == 9
    assert _parting([one, trial((3, 0), (5, 1))]) == 9
    assert _parting([one, two, one]) is None


def test_a_network_without_drive_or_chaos_says_so(no_causes: None) -> None:
    assert ensemble_of(relay()).constant == ("cells",)
    later = Copy(network=with_model("cells", t_ref=15.0))
    c = certify(relay(), [later], 100, trials=(16, 4))
    assert c.varied.startswith("differing in nothing; the spikes of 'cells'")
    assert "without drive or chaos" in c.varied
    assert c.tier() == Tier.DIFFERENT


def test_trials_of_both_sides_share_no_realisation(
    no_causes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else pairs would be alike, and exchangeability lost."""
    used: dict[str, list[int]] = {"cpu": [], "copy": []}
    run = Ensemble.run

    def noted(self: Any, backend: Any, k: int) -> Any:
        used[backend.name].append(k)
        return run(self, backend, k)

    monkeypatch.setattr(Ensemble, "run", noted)
    certify(driven(), [Copy(options=other_drive)], 20, trials=(5, 3))
    ours, theirs = used["cpu"][-5:], used["copy"]  # those before tell what makes trials differ
    assert ours == [0, 1, 2, 3, 4]
    assert theirs == [5, 6, 7]


# --- inputs ---------------------------------------------------------------------------------


def fed(kind: Any = "spikes") -> ns.Network:
    net = ns.Network("fed")
    image = net.population("image", (2, 3), ns.Input(kind))
    cells = net.population("cells", 6, ns.LIF())
    weight = {"spikes": 3000.0, "current": 1.0}[kind]
    receptor = {"spikes": "exc", "current": None}[kind]
    net.project(image, cells, ns.OneToOne(), weight=weight, receptor=receptor)
    return net


def test_inputs_are_replayed_as_they_were_handed_over() -> None:
    array = np.random.default_rng(0).poisson(0.05, (200, 2, 3))
    net = fed()
    c = certify(net, [Copy()], 20, inputs={"image": array})
    assert c.tier() == Tier.BIT_EXACT
    net.record(net["cells"], "spikes")
    run = ns.run(net, 20, inputs={"image": array})
    assert len(run.spikes["cells"]) > 0
    assert f"{len(run.spikes['cells']):,} spikes" in c.rows[0].why
    with pytest.raises(DescriptionError, match="image"):
        certify(net, [Copy()], 20)


def test_currents_cannot_be_replayed() -> None:
    with pytest.raises(UnsupportedError, match="StepCurrent"):
        certify(fed("current"), [Copy()], 20, inputs={"image": np.zeros((2, 3))})


# --- arguments ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"backends": ["cpu"]}, DescriptionError, "at least one to compare"),
        ({"backends": ["nets"]}, UnknownNameError, "nest"),
        ({"duration": 0.05}, DescriptionError, "certify: duration"),
        ({"trials": 0}, DescriptionError, "certify: trials"),
        ({"trials": (4, 1)}, DescriptionError, "certify: trials"),
        ({"trials": True}, DescriptionError, "certify: trials"),
        ({"level": 1.5}, DescriptionError, "certify: level"),
        ({"resolution": 0}, DescriptionError, "certify: resolution"),
        ({"statistics": "yes"}, DescriptionError, "certify: statistics"),
        ({"precison": "single"}, UnknownNameError, "precision"),
        ({"statistic": True}, UnknownNameError, "'resolution'.*Did you mean 'statistics'"),
        ({"backends": [Copy(), Copy()]}, DescriptionError, "'copy' is there twice"),
        ({"inputs": {"exc": 1}}, UnknownNameError, "exc"),
    ],
)
def test_nonsense_is_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    given: dict[str, Any] = {"backends": [Copy()], "duration": 10, **arguments}
    with pytest.raises(error, match=message):
        certify(driven(), given.pop("backends"), given.pop("duration"), **given)


def test_a_network_without_neurons_that_fire_is_refused() -> None:
    net = ns.Network("sources")
    net.population("in", 3, ns.Poisson(rate=10))
    with pytest.raises(DescriptionError, match="neurons that fire"):
        certify(net, [Copy()], 10)


class Forgetful(Copy):
    """A copy that leaves a variable, or the spikes, of a population out of its runs."""

    left_out = "V_m"

    def compile(self, network: ns.Network, options: Options) -> Any:
        """Run, and forget."""
        session = super().compile(network, options)
        run = session.run

        def forgetting(*args: Any, **kwargs: Any) -> ns.Run:
            found: ns.Run = run(*args, **kwargs)
            if self.left_out == "spikes":
                return replace(found, spikes={})
            kept = {p: {k: v for k, v in s.items() if k != "V_m"} for p, s in found.states.items()}
            return replace(found, states=kept)

        session.run = forgetting
        return session


def test_what_a_backend_did_not_record_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        NeurosimError,
        match=r"'other' did not record V_m of 'exc'.* run the network that `compile` is handed",
    ):
        certify(driven(), [Forgetful("other")], 10)
    monkeypatch.setattr(Forgetful, "left_out", "spikes")
    with pytest.raises(NeurosimError, match="'other' did not record the spikes of 'exc'"):
        certify(driven(), [Forgetful("other")], 10)


@pytest.mark.parametrize("patience", [0, 1e6])
def test_a_cause_is_looked_for_as_long_as_all_before_or_as_one_wants(
    patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    def diagnosis(*args: Any) -> Diagnosis:
        given.append(args[-1])
        return Diagnosis(untried={"delay": 0})

    monkeypatch.setattr(comparing, "diagnose", diagnosis)
    theirs = Copy(network=with_model("exc", V_th=-54.5))
    c = certify(driven(), theirs, 20, statistics=False, patience=patience)
    assert c.report("copy").untried == {"delay": 0}
    assert given[0] == patience if patience else 0 < given[0] < 1e3
    with pytest.raises(DescriptionError, match="certify: patience is -1; expected"):
        certify(driven(), theirs, 20, patience=-1)


# --- command line ---------------------------------------------------------------------------


class Entry:
    """An entry point of a backend."""

    def __init__(self, made: Copy) -> None:
        self.made = made

    def load(self) -> Any:
        """Return what makes the backend."""
        return lambda: self.made


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, no_causes: None) -> None:
    """Copies that can be named on the command line."""
    known = dict(installed.entry_points())
    copies = (
        Copy(),
        Copy("shifted", network=with_model("exc", V_th=-52.0)),
        Copy("absent", requires=(Requirement(distribution="no-such-simulator"),)),
        Interrupting("broken", 2),
    )
    found = {**known, **{copy.name: Entry(copy) for copy in copies}}
    monkeypatch.setattr(installed, "entry_points", lambda: found)


@pytest.mark.parametrize(
    ("backends", "code", "told"),
    [
        ("cpu,copy", 0, "bit-exact"),
        ("copy,shifted", 1, "different"),
        ("copy,absent", 3, "no-such-simulator"),
        ("copy,broken", 130, "interrupted"),
        ("copy,nobody", 2, "nobody"),
        ("cpu", 2, "at least one to compare with 'cpu'"),
        ("copy,copy", 2, "'copy' is there twice"),
    ],
)
def test_the_command_line_tells_by_its_exit_code(
    registered: None, tmp_path: Path, backends: str, code: int, told: str
) -> None:
    script = tmp_path / "nets.py"
    script.write_text("from tests.compare.small_networks import driven as make\n")
    page, data = tmp_path / "c.html", tmp_path / "c.json"
    words = ["certify", f"{script}:make", "--backends", backends, "--duration", "60"]
    files = ["--html", str(page), "--json", str(data)] if code != 2 else []
    result = CliRunner().invoke(app, [*words, *files], env={"COLUMNS": "300"})
    assert result.exit_code == code, result.output
    assert told in result.output
    if files:
        assert "<svg" in page.read_text() or code != 1
        assert ns.Certificate.load(data).network == "driven"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--level", "2"], "certify: level"),
        (["--duration", "-3"], "--duration"),
        ([], "LIF.tau_m"),
    ],
)
def test_every_mistake_of_the_command_line_ends_with_2(
    registered: None, tmp_path: Path, words: list[str], text: str
) -> None:
    """1 would say that simulators differ."""
    script = tmp_path / "nets.py"
    made = "from tests.compare.small_networks import driven as make\n"
    wrong = "import neurosim as ns\ndef make(): ns.LIF(tau_m=-1)\n"
    script.write_text(made if words else wrong)
    result = CliRunner().invoke(app, ["certify", f"{script}:make", "--backends", "copy", *words])
    assert result.exit_code == 2, result.output
    assert text in result.output


def test_the_command_line_tells_of_ctrl_c_by_its_own_words(
    registered: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Interrupting, "warns", True)
    script = tmp_path / "nets.py"
    script.write_text("from tests.compare.small_networks import driven as make\n")
    words = ["certify", f"{script}:make", "--backends", "broken", "--duration", "60"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 130, result.output
    assert "Warning" not in result.output


def test_the_command_line_refuses_files_before_it_runs(registered: None, tmp_path: Path) -> None:
    words = ["certify", "cuba", "--backends", "copy"]
    result = CliRunner().invoke(app, [*words, "--html", str(tmp_path / "c.pdf")])
    assert result.exit_code == 2
    assert ".html" in result.output


# --- Ctrl-C -----------------------------------------------------------------------------------


class Interrupting(Copy):
    """A copy in one of whose runs Ctrl-C is pressed: sessions return what they have by then."""

    warns = False

    def __init__(self, name: str, runs: int, **more: Any) -> None:
        super().__init__(name, **more)
        self.left = runs

    def compile(self, network: ns.Network, options: Options) -> Any:
        """Run, as often as was said."""
        session = super().compile(network, options)
        run = session.run

        def interrupted(*args: Any, **kwargs: Any) -> ns.Run:
            self.left -= 1
            found: ns.Run = run(*args, **kwargs)
            if self.left >= 0:
                return found
            if self.warns:
                warnings.warn("Interrupted at t = 1 ms", RuntimeWarning, stacklevel=1)
            return replace(found, provenance={**found.provenance, "interrupted": True})

        session.run = interrupted
        return session


def test_a_run_that_ctrl_c_broke_off_is_not_taken_for_a_whole_one() -> None:
    """What was found stays: the first backend whole, the second to its first different spike."""
    one = Copy("one")
    two = Interrupting("two", 4, network=with_model("exc", V_th=-54.5))
    c = certify(driven(), [one, two, Copy("three")], 40)
    assert c.interrupted
    assert c.tier("one") == Tier.BIT_EXACT
    assert c.tier("two") == c.tier("three") == Tier.UNDECIDED
    assert c.report("two").lockstep is not None
    assert c.report("three").lockstep is None
    assert comparing.UNREACHED in c.report("three").problem
    assert c.trials == (0, 0)
    assert ns.Certificate.from_json(c.to_json()) == c


def test_nothing_is_said_to_be_interrupted_that_was_not() -> None:
    assert not certify(driven(), [Interrupting("whole", 1000)], 20).interrupted


@pytest.mark.parametrize("where", ["horizon", "diagnose", "find_ensemble"])
def test_ctrl_c_between_runs_keeps_what_was_found(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(comparing, where, pressed)
    c = certify(driven(), [Copy(network=with_model("exc", V_th=-54.5))], 40, statistics=None
                if where == "find_ensemble" else False)  # fmt: skip
    assert c.interrupted
    assert c.tier() == Tier.UNDECIDED
    lockstep = c.report("copy").lockstep
    assert lockstep is not None
    assert not lockstep.same_spikes
    assert "interrupted" in str(c)


def test_the_whole_run_stops_where_all_populations_differ(no_causes: None) -> None:
    """Only for populations that never differ is the rest of a long run needed."""
    ran: list[float] = []

    class Counting(Copy):
        def compile(self, network: ns.Network, options: Options) -> Any:
            session = super().compile(network, options)
            run = session.run

            def counted(duration: float, **more: Any) -> ns.Run:
                ran.append(duration)
                found: ns.Run = run(duration, **more)
                return found

            session.run = counted
            return session

    certify(driven(), [Counting(options=other_drive)], 1000, statistics=False)
    assert max(ran) <= 200
    ran.clear()
    c = certify(chain(), [Counting(network=with_model("second", V_th=-54.0))], 1000,
                statistics=False)  # fmt: skip
    assert sum(ran) >= 1000
    assert c.tier("copy", "first") == Tier.SAME_SPIKES


def test_what_a_simulator_does_not_take_is_told() -> None:
    """Initial values that NEST cuts off show only when they are put there, in no declaration."""
    net = ns.Network("below zero")
    cells = net.population("cells", 4, ns.TraubMiles(synapses=ns.ExpConductance()))
    net.initialise(cells, g_inh=[-5.0, 3.0, -20.0, 0.0])
    c = certify(net, "nest", 0.5, statistics=False)
    (found,) = [f for f in c.report("nest").findings if "negative" in f.how]
    assert (found.part, found.title) == ("Population 'cells'", "initial value of g_inh")
    assert found.bound == "up to 20 nS"

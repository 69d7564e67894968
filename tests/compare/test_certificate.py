"""The report object: tiers, text, page and JSON say the same, whole and escaped."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import neurosim as ns
from neurosim.compare.adoption import Adoption
from neurosim.compare.diagnosis import Cause
from neurosim.compare.explain import Finding
from neurosim.compare.horizon import Horizon
from neurosim.compare.lockstep import FirstSpike, Lockstep, StateDifference
from neurosim.compare.statistics import Comparison, Statistics
from neurosim.compare.verdicts import Curve, Excerpt, Report, Row, Tier, worst
from neurosim.errors import DescriptionError, UnknownNameError

NAME = "L4 <exc> & co"


def comparison(measure: str, p: float) -> Comparison:
    return Comparison(measure=measure, distance=0.31, spread=0.11, p=p, adjusted=min(1, 4 * p))


def statistics(verdict: str = "different") -> Statistics:
    return Statistics(
        verdict=verdict,
        reason="mean rate 11 Hz against 10 Hz (+10 %), p = 0.0008",
        comparisons=(comparison("mean rate", 0.0002), comparison("rates", 0.5)),
        left_out={"CVs": "too few spikes: 3 neurons with 3 spikes in one of the trials"},
        rate=10.0,
        other_rate=11.0,
        interval=(0.6, 1.4),
        detectable=0.25,
    )


def certificate() -> ns.Certificate:
    first = FirstSpike(
        population=NAME,
        neuron=7,
        ours=12.4,
        theirs=None,
        before=12.3,
        states={"V_m": (-50.1, -50.2), "I_exc": (3.0, 3.0)},
    )
    states = (
        StateDifference(
            population=NAME, variable="V_m", unit="mV", largest_absolute=0.1, largest_relative=1e-3
        ),
        StateDifference(
            population="inh", variable="V_m", unit="mV", largest_absolute=0.0,
            largest_relative=0.0, bit_exact=True,
        ),
    )  # fmt: skip
    lockstep = Lockstep(
        ours="cpu", theirs="peer", dt=0.1, duration=100.0, same_until=12.3, first_spike=first,
        states=states, n_spikes=1234, not_recorded=((NAME, "w"),),
    )  # fmt: skip
    cause = Cause(
        kind="delay", part="Projection 'a->b'", what="delay", size=0.1, unit="ms",
        text="all delays are 1 step longer", evidence=("as it is: differs", "changed: the same"),
    )  # fmt: skip
    times = (12.2, 12.3, 12.4)
    peer = Report(
        backend="peer",
        title="another simulator",
        findings=(
            Finding(part=f"Population {NAME!r}", feature="neuron:LIF", title="LIF",
                    level="approximated", how="integrated adaptively", bound="1e-3"),
        ),
        lockstep=lockstep,
        cause=cause,
        looked_for_cause=True,
        adoption=Adoption(
            statistics={NAME: statistics(), "inh": replace(statistics("equivalent"), rate=7.75)},
            vanished=("inh",),
            remaining=(NAME,),
        ),
        excerpt=Excerpt(population=NAME, neuron=7, variable="V_m", unit="mV", times=times,
                        ours=(-50.2, -50.1, -60.0), theirs=(-50.3, -50.2, -50.0)),
        provenance={"versions": {"peer": "1.0"}},
        seconds=1.5,
    )  # fmt: skip
    poor = Report(backend="poor", title="a poor one", problem="Backend 'poor' needs what is not.")
    row = Row(backend="peer", population=NAME, size=80, tier=Tier.DIFFERENT, why="rates",
              statistics=statistics())  # fmt: skip
    curve = tuple(float(k) for k in range(5))
    return ns.Certificate(
        network="net <1>",
        duration=100.0,
        dt=0.1,
        reference="cpu",
        rows=(
            row,
            replace(row, population="inh", size=20, tier=Tier.SAME_SPIKES, statistics=None),
            *(Row(backend="poor", population=p, size=1, tier=Tier.REFUSED, why="needs what is not")
              for p in (NAME, "inh")),
        ),
        reports=(peer, poor),
        horizon=Horizon(size=1e-15, duration=100.0, times=(55.5, None, 60.0)),
        level=0.01,
        resolution=0.05,
        trials=(16, 4),
        varied="other realisations of drive and noise",
        curves=tuple(
            Curve(backend=b, population=NAME, measure=m, lowest=curve, middle=curve, highest=curve)
            for b in ("cpu", "peer")
            for m in ("rates", "correlations")
        ),
        provenance={"network_hash": "abc", "seed": 3},
    )  # fmt: skip


def test_a_cause_that_leaves_something_is_told_as_one_in_part_with_what_fits_as_well() -> None:
    c = certificate()
    assert "Cause (delay): all delays are 1 step longer" in str(c)
    cause = c.report("peer").cause
    assert cause is not None
    other = replace(cause, kind="weight", text="all weights are less")
    partly = replace(cause, accounts="It accounts for 118 of 121 spikes.", alternatives=(other,))
    c = replace(c, reports=(replace(c.report("peer"), cause=partly), c.report("poor")))
    for said in (str(c), c.to_html()):
        words = " ".join(said.split())
        assert "Cause in part (delay): all delays are 1 step longer" in words
        assert "It accounts for 118 of 121 spikes." in words
        assert "Not to be told apart from it on this network: all weights are less" in words
    assert ns.Certificate.from_json(c.to_json()) == c


def test_what_there_was_no_time_to_try_is_told() -> None:
    c = certificate()
    report = replace(
        c.report("peer"), cause=None, adoption=None, tried=("a",), tried_kinds={"weight": 3},
        untried={"parameter": 7, "delay": 0},
    )  # fmt: skip
    c = replace(c, reports=(report, c.report("poor")))
    words = " ".join(str(c).split())
    assert "confirmed by a controlled re-run, before the time for it was over." in words
    assert "Tried, and not confirmed: weight (3)." in words
    told = "Not tried, as the search had taken as long as it may (patience=): parameter (7), delay."
    assert told in words
    assert told in " ".join(c.to_html().split())
    assert ns.Certificate.from_json(c.to_json()) == c


def test_the_tier_of_several_is_the_worst() -> None:
    c = certificate()
    assert c.tier("peer", NAME) == Tier.DIFFERENT
    assert c.tier("peer", "inh") == Tier.SAME_SPIKES
    assert c.tier("peer") == Tier.DIFFERENT
    assert c.tier(population="inh") == c.tier() == Tier.REFUSED
    assert not c.agrees
    assert worst([Tier.EQUIVALENT, Tier.BIT_EXACT]) == Tier.EQUIVALENT
    assert worst([Tier.EQUIVALENT, Tier.UNDECIDED]) == Tier.UNDECIDED
    assert [t for t in Tier if t.agrees] == list(Tier)[:3]
    with pytest.raises(UnknownNameError, match="peer"):
        c.tier("per")
    with pytest.raises(UnknownNameError, match="inh"):
        c.tier("peer", "inhh")


def test_what_is_asked_of_it() -> None:
    c = certificate()
    assert c.backends == ("peer", "poor")
    assert c.same_until == {"peer": 12.3, "poor": None}
    found = c.cause["peer"]
    assert found is not None
    assert found.kind == "delay"
    assert c.cause["poor"] is None


FACTS = (
    "Same spikes on the grid until 12.3 ms (1,234 spikes); horizon 55.5 ms (2 of 3 "
    "copies parted within 100 ms).",
    f"First different spike: neuron 7 of '{NAME}' fires at 12.4 ms on cpu, is silent on peer.",
    "Cause (delay): all delays are 1 step longer",
    "changed: the same",
    "Statistics repeated with this cause in our core: Population 'inh' can no longer be told apart "
    "('inh': 11 against 7.75 Hz, and a shift of 3.2 % would have been seen); "
    f"Population '{NAME}' still differs ('{NAME}': mean rate 11 Hz against 10 Hz (+10 %), "
    "p = 0.0008). So it is not all that the two sides do otherwise.",
    "integrated adaptively; off by 1e-3.",
    "Backend 'poor' needs what is not.",
    "16 trials of cpu and 4 of the other (other realisations of drive and noise)",
    "Holm: 2 tests on peer, the strictest at 0.005",
    "CVs (too few spikes",
)


def test_the_text_tells_everything() -> None:
    text = re.sub(r"\s+", " ", str(certificate()))
    for fact in FACTS:
        assert fact in text, fact
    assert "V_m -50.1" in text
    assert f"w of '{NAME}'" in text
    assert "2.5 %" in text  # the smallest shift, 0.25 of 10 Hz


class Page(HTMLParser):
    """Checks that elements close in order; collects text, classes of elements and addresses."""

    VOID = frozenset({"meta", "br", "hr", "img", "link"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.count: dict[str, int] = {}
        self.addresses: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        self.addresses += [v or "" for k, v in attrs if k in ("href", "src", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.addresses += [v or "" for k, v in attrs if k in ("href", "src", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += " " + data


def test_until_when_states_of_whom_were_compared_is_told() -> None:
    c = certificate()
    told = "States up to 12.3 ms differ by at most: V_m"
    assert told in str(c).replace("\n", " ")
    assert "Largest differences of states up to 12.3 ms</h3>" in c.to_html()
    peer, poor = c.reports
    assert peer.lockstep is not None
    for until, expected in (
        (12.0, "of all neurons up to 12 ms and of 9 of them up to 12.3 ms"),
        (20.0, "up to 12.3 ms"),
    ):
        lockstep = replace(peer.lockstep, watched_until=until, followed={NAME: 8, "inh": 1})
        few = replace(c, reports=(replace(peer, lockstep=lockstep), poor))
        assert f"States {expected} differ by at most: V_m" in str(few).replace("\n", " ")
        assert f"Largest differences of states {expected}</h3>" in few.to_html()
        assert ns.Certificate.from_json(few.to_json()) == few


def test_the_page_tells_everything_and_needs_nothing_else() -> None:
    page = Page(certificate().to_html())
    text = re.sub(r"\s+", " ", page.text)
    for fact in FACTS:
        if not fact.startswith("CVs"):
            assert fact in text, fact
    assert "not compared: too few spikes" in text
    assert "confidence interval of the difference +0.6 to +1.4 Hz" in text
    assert "Statistics with the cause in our core as the reference" in text
    assert '"network_hash": "abc"' in text
    assert page.count["svg"] == 2  # the traces, and the distributions of one population
    assert page.count.get("script", 0) == 0
    assert all(a.startswith("#") for a in page.addresses)
    assert "exc>" not in page.count  # names are text, not markup


def test_notebooks_show_the_same_without_a_page_around_it() -> None:
    c = certificate()
    assert "<html" not in c._repr_html_()
    assert c._repr_html_() in c.to_html()


def test_a_certificate_comes_back_from_its_json() -> None:
    c = certificate()
    back = ns.Certificate.from_json(c.to_json())
    assert back == c
    assert isinstance(back.rows[0].tier, Tier)
    assert str(back) == str(c)
    assert back.to_html() == c.to_html()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data.update(schema="neurosim certificate 99"), "schema"),
        (lambda data: data.pop("schema"), "a certificate"),
        (lambda data: data.pop("rows"), "Damaged"),
        (lambda data: data["rows"][0].update(tier="fine"), "Damaged"),
        (lambda data: data["rows"][0].update(colour="red"), "no 'colour'"),
        (lambda data: data.update(trials=[1, 2, 3]), "Damaged"),
    ],
)
def test_a_damaged_file_is_refused(damage: Any, message: str) -> None:
    data = json.loads(certificate().to_json())
    damage(data)
    with pytest.raises(DescriptionError, match=message):
        ns.Certificate.from_json(json.dumps(data))
    for text in ("", "[]", "3", "{"):
        with pytest.raises(DescriptionError, match="certificate"):
            ns.Certificate.from_json(text)


def test_files_by_their_ending(tmp_path: Path) -> None:
    c = certificate()
    assert c.save(tmp_path / "c.html").read_text(encoding="utf-8") == c.to_html()
    assert ns.Certificate.load(c.save(tmp_path / "c.json")) == c
    assert c.save(str(tmp_path / "c.txt")).read_text(encoding="utf-8") == str(c)
    with pytest.raises(DescriptionError, match=r"\.html"):
        c.save(tmp_path / "c.pdf")
    with pytest.raises(DescriptionError, match="a file in a folder that exists"):
        c.save(tmp_path / "nowhere" / "c.html")
    with pytest.raises(DescriptionError, match="not of a folder"):
        c.save(tmp_path)


def test_a_report_without_differences_has_no_empty_tables() -> None:
    c = certificate()
    bare = replace(c, rows=c.rows[1:2], reports=(Report(backend="peer", title="x"),),
                   horizon=None, trials=(0, 0), curves=())  # fmt: skip
    page = Page(bare.to_html())
    assert page.count["table"] == 1
    assert "svg" not in page.count
    assert "Statistics" not in str(bare)


def test_what_was_tried_in_vain_is_told() -> None:
    """Integrators with their numbers, the others by class in the text, all in page and JSON."""
    c = certificate()
    many = tuple(f"Leaves steps unexplained: hypothesis {k}." for k in range(20))
    steps = "Steps by rk2: off by 0.001 of the largest values, 0.0003 by rk4."
    peer = replace(
        c.reports[0], cause=None, tried=(*many, steps),
        tried_kinds={"refractory time": 20, "integrator": 1},
    )  # fmt: skip
    c = replace(c, reports=(peer, c.reports[1]))
    text = re.sub(r"\s+", " ", str(c))
    assert "Tried, and not confirmed: refractory time (20), integrator (1)." in text
    assert steps in text
    assert "hypothesis 3" not in text
    page = c.to_html()
    assert "All that was tried (21)" in page
    assert all(line in page for line in many)
    assert ns.Certificate.from_json(c.to_json()).reports[0].tried == peer.tried
    assert "It may be what is approximated, see below" in text
    few = replace(c, reports=(replace(peer, tried=many[:3], findings=()), c.reports[1]))
    assert "what is approximated" not in str(few)
    assert "hypothesis 2" in str(few)


def test_what_several_populations_share_is_told_once() -> None:
    c = certificate()
    finding = c.reports[0].findings[0]
    other = replace(finding, part="Population 'inh'", bound="2e-3")
    several = replace(
        c.reports[0], findings=(finding, replace(finding, part="Population 'x'"), other)
    )
    text = re.sub(r"\s+", " ", str(replace(c, reports=(several, c.reports[1]))))
    assert (
        f"Approximated: Populations '{NAME}', 'x', LIF: integrated adaptively; off by 1e-3." in text
    )
    assert "Approximated: Population 'inh', LIF: integrated adaptively; off by 2e-3." in text


def test_times_rounded_on_both_sides_are_no_difference() -> None:
    c = certificate()
    rounded = Finding(
        part="Projection 'p'", feature="", title="delay", level="rounded",
        how="rounded to the nearest step of 0.1 ms", bound="up to 0.03 ms",
    )  # fmt: skip
    c = replace(c, reports=(replace(c.reports[0], findings=(rounded,)), c.reports[1]))
    text = re.sub(r"\s+", " ", str(c))
    assert "Rounded on both sides alike: Projection 'p', delay: to the nearest step" in text
    assert "Approximated" not in text
    assert ns.Certificate.from_json(c.to_json()) == c


def test_the_horizon_says_how_many_copies_parted() -> None:
    c = certificate()
    assert c.horizon is not None
    none = replace(c, horizon=replace(c.horizon, times=(None, None, None)))
    text = re.sub(r"\s+", " ", str(none))
    assert "beyond 100 ms: none of 3 copies fired another spike by then" in text
    assert "say nothing" not in text
    assert "single spikes of two simulators say nothing" in re.sub(r"\s+", " ", str(c))


def test_an_interrupted_certificate_says_so() -> None:
    c = replace(certificate(), interrupted=True)
    assert ", interrupted" in c.headline
    assert "what was not reached by then is undecided" in re.sub(r"\s+", " ", str(c))
    assert "what was not reached by then is undecided" in c.to_html()
    assert ns.Certificate.from_json(c.to_json()).interrupted

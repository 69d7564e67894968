"""The table of docs/certificates.md: written from what is kept, and not stale."""

from __future__ import annotations

from types import ModuleType

import pytest

import neurosim as ns
from benchmarks import certificates
from neurosim.compare.lockstep import FOLLOWED, WATCHED
from neurosim.compare.observing import evenly
from neurosim.compare.verdicts import Tier
from neurosim_models import vogels_abbott_cuba
from tests.compare.small_networks import Copy, driven, with_model
from tests.docs_scripts import docs_script


@pytest.fixture
def module() -> ModuleType:
    return docs_script("make_certificates")


def test_the_table_is_up_to_date(module: ModuleType) -> None:
    text = module.TARGET.read_text()
    assert text.count(module.BEGIN) == text.count(module.END) == 1
    assert text == module.page(text), "stale: run `python docs/make_certificates.py`"


def test_the_page_tells_how_many_states_are_compared(module: ModuleType) -> None:
    text = module.TARGET.read_text()
    for values in (WATCHED, FOLLOWED):
        assert f"{values / 1e6:g} million values" in text
    net = vogels_abbott_cuba()
    steps, per_step = 100_000, 4000 * 3
    few = sum(ids.size for ids in evenly(net, FOLLOWED / (steps * per_step)).values())
    until = WATCHED // per_step * 0.1
    assert f"*States of all neurons up to {until:g} ms and of {few} of them up to 10000 ms*" in text


def test_every_row_is_of_a_network_and_says_how_it_was_made() -> None:
    for row in certificates.kept():
        assert row["tier"] in list(Tier)
        made = certificates.command_of(row["name"], row["backend"], row["duration"])
        assert row["command"].startswith(made)
        # What is not the same has a cause, or says that none was found.
        if row["tier"] == Tier.REFUSED:
            assert row["problem"]
        elif row["tier"] not in (Tier.BIT_EXACT, Tier.SAME_SPIKES):
            assert row["looked_for_cause"]


@pytest.mark.compiled
def test_a_row_says_what_its_certificate_says(module: ModuleType) -> None:
    net = driven()
    certificate = ns.certify(net, [Copy(network=with_model("exc", V_th=-54.0))], 60)
    made = certificates.summary(certificate, net, "copy")
    assert made["neurons"] == 60
    assert made["tier"] == certificate.tier("copy").value
    assert made["same_until"] == certificate.same_until["copy"]
    assert made["states_compared"] == f"up to {made['same_until']:.10g} ms"
    shifts = [
        row.statistics.detectable / row.statistics.rate
        for row in certificate.rows
        if row.statistics is not None and row.statistics.detectable is not None
    ]
    assert made["smallest_shift"] == max(shifts)
    cause = certificate.cause["copy"]
    assert cause is not None
    assert made["cause"] == {"kind": cause.kind, "text": cause.text, "accounts": ""}
    told = {**made, "title": "Driven", "command": "as it is"}
    row = module.cells(told)
    assert row[:4] == ["Driven, 60", "copy", "60 ms", certificate.tier("copy").value]
    assert cause.text in row[7]
    assert made["statistics_with_cause"].startswith("Statistics repeated with this cause")
    assert row[7].endswith(made["statistics_with_cause"])
    partly = {**told, "cause": {**made["cause"], "accounts": "It accounts for 118 of 121 spikes."}}
    assert module.cells(partly)[7].startswith(f"in part {cause.kind}: ")
    assert "It accounts for 118 of 121 spikes. Statistics repeated" in module.cells(partly)[7]
    del told["statistics_with_cause"]  # as in files that were kept before
    assert module.cells(told)[7].endswith(cause.text)

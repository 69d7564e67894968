"""A network prints itself before it is built."""

from __future__ import annotations

import numpy as np

from neurosim.describe.distributions import Normal
from neurosim.describe.network import Network
from neurosim.describe.neurons import LIF
from neurosim.describe.rules import AllToAll, FixedIndegree, FixedTotalNumber
from neurosim.describe.sources import Poisson
from neurosim.describe.synapses import Delta
from neurosim.equations import NeuronModel
from tests.describe.builders import balanced


def test_text() -> None:
    text = repr(balanced())
    lines = text.splitlines()
    assert lines[0].startswith("Network 'balanced' (seed 42): 100 neurons, ")
    for title in ("Populations", "Projections", "Drive and injected current", "Recorders"):
        assert title in lines
    row = next(line for line in lines if "exc->exc+inh" in line)
    for word in ("FixedProbability(0.02)", " 160 ", "16.2 pA", "0.1 ms", " yes ", " no"):
        assert word in row
    row = next(line for line in lines if "inh->exc+inh" in line)
    assert "FixedIndegree(3)" in row
    assert " 300 " in row
    assert "Normal(2, 0.1, redraw=(1, None)) ms" in text
    assert "every 1 ms" in text
    assert max(map(len, lines)) < 200
    assert not any(line != line.rstrip() for line in lines)


def test_columns_stand_below_each_other() -> None:
    lines = repr(balanced()).splitlines()
    start = lines.index("Projections")
    header, rows = lines[start + 1], lines[start + 2 : start + 6]
    at = header.index("receptor")
    assert {row[at : at + 3] for row in rows} == {"exc", "inh"}


def test_html_is_escaped() -> None:
    net = Network("<b>&")
    a = net.population("a<b", 2, LIF(synapses=Delta()))
    net.project(a, a, AllToAll(), weight=np.ones((2, 2)))
    html = net._repr_html_()
    assert "&lt;b&gt;&amp;" in html
    assert "a&lt;b-&gt;a&lt;b" in html
    assert html.count("<table>") == html.count("</table>") == 2


def test_an_empty_network_prints() -> None:
    assert repr(Network("empty")) == "Network 'empty' (seed 0): 0 neurons, 0 synapses, about 0 B"


def test_estimates() -> None:
    """The cortical microcircuit in small: totals are sums over projections."""
    net = Network("sums")
    a = net.population("a", 1000, LIF(synapses=Delta()))
    net.project(a, a, FixedTotalNumber(20_000), weight=0.1)
    net.project(a, a, FixedIndegree(10), weight=np.full((1000, 1000), 0.1))
    size = net.estimate()
    assert (size.neurons, size.synapses) == (1000, 30_000)
    assert size.bytes > 20_000 * 2 + 10_000 * 5
    assert size.recording_bytes_per_ms == 0


def test_recordings_are_estimated() -> None:
    net = Network("recorded", dt=0.5)
    a = net.population("a", 1000, LIF(synapses=Delta()))
    net.record(a, ["spikes", "V_m"])
    net.record(a, "V_m", reduce="mean", every=2)
    net.record(net.project(a, a, FixedIndegree(10), weight=0.1), "weight", every=10)
    assert net.estimate().recording_bytes_per_ms == 8 * (1000 / 0.5 + 1 / 2 + 10_000 / 10)
    assert "16 kB per ms" in repr(net)


def test_models_from_equations_and_long_numbers_are_shown_in_short() -> None:
    net = Network("short")
    own = NeuronModel(
        "eif_thr",
        equations="dv/dt = -v/tau : mV\ndw/dt = -w/tau : pA",
        threshold="v > 1*mV",
        reset="v = 0*mV",
        parameters={"tau": "0.123456789 ms"},
    )
    a = net.population("a", 10, own)
    b = net.population("b", (4, 4), LIF(tau_m=10 / 3, synapses=Delta()))
    net.project(a[::-1], b, AllToAll(), weight=Normal(1 / 3, 0.1 + 0.2))
    net.drive(b[1, :] + b[0, :], Poisson(rate=1e4 / 3))
    net.record(a[:3], "v")
    text = repr(net)
    assert "NeuronModel 'eif_thr' (states v, w)" in text
    assert "LIF(tau_m=3.33333, " in text
    assert "Normal(0.333333, 0.3) mV" in text
    assert "b[4 of 16]+b[4 of 16]  Poisson(rate=3333.33)" in text
    assert "a[0:3]" in text

"""Scales that calibration chooses: what was seen stays in its registers, as finely as it can."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import neurosim as ns
from neurosim.compare.verdicts import Tier
from neurosim.kernels.loihi import ALIGNMENT, STATE_LIMIT
from neurosim_backends.lava import Lava
from neurosim_backends.loihi import Loihi

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.filterwarnings("ignore::neurosim.errors.ApproximationWarning"),
]


def inhibited(kind: Any = None) -> ns.Network:
    """Return integrators that spikes carry eight thresholds below the reset, and that come back."""
    net = ns.Network("inhibited", dt=1.0)
    up = net.population("up", 1, kind or ns.SpikeTimes([np.arange(1.0, 100.0).tolist()]))
    down = net.population("down", 1, ns.SpikeTimes([np.arange(20.0, 31.0).tolist()]))
    model = ns.PerfectIntegrator(synapses=ns.Delta(), V_th=8.0, reset="to")
    cells = net.population("cells", 3, model)
    net.project(up, cells, ns.AllToAll(), weight=[[2.0, 3.0, 4.0]])
    net.project(down, cells, ns.AllToAll(), weight=-8.0)
    net.record(cells, ["spikes", "V_m"])
    return net


def faint() -> ns.Network:
    """Return neurons whose inputs are below what the scale of the network alone can tell from 0."""
    net = ns.Network("faint", seed=2, dt=0.1)
    source = net.population("source", 60, ns.Poisson(rate=300))
    lif = ns.LIF(
        tau_m=20, C_m=250, E_L=-65, V_reset=-65, V_th=-50, t_ref=0, I_e=185,
        synapses=ns.Receptors(syn=ns.ExpCurrent.receptor(tau=5.0)),
    )  # fmt: skip
    cells = net.population("cells", 12, lif)
    net.initialise(cells, V_m=ns.Uniform(-65, -50))
    net.project(source, cells, ns.AllToAll(), weight=0.5)
    net.record(cells, "spikes")
    return net


def tier(net: ns.Network, backend: Any, duration: float) -> Tier:
    found = ns.certify(net, backend, duration, patience=0, statistics=False, progress=False)
    return found.tier()


def registers(backend: Loihi, net: ns.Network) -> tuple[Any, ...]:
    made = ns.compile(net, backend).quantised.network  # type: ignore[attr-defined]
    cells = next(p for p in made.populations if p.name == "cells")
    return cells.vth, *(g.weight.tolist() for g in made.groups), [g.exponent for g in made.groups]


def test_what_is_clipped_without_calibration_is_the_same_run_with_it() -> None:
    net = inhibited()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        plain = ns.run(net, 100, "loihi")
    assert plain.provenance["clips"] > 0
    assert any("24 bits" in str(w.message) for w in said)
    assert tier(net, "loihi", 100) is not Tier.BIT_EXACT
    chip = Loihi(calibrate=100)
    assert tier(net, chip, 100) is Tier.BIT_EXACT
    run, core = ns.run(net, 100, chip), ns.run(net, 100)
    assert run.provenance["clips"] == run.provenance["wraps"] == 0
    assert len(core.spikes["cells"]) > 5
    assert core.spikes["cells"].times.tolist() != plain.spikes["cells"].times.tolist()
    # As fine as the margin allows: between a half and all of the register is used.
    reached = 2.0 * -core.states["cells"]["V_m"].array.min() / 8.0
    vth = registers(chip, net)[0] + 1
    assert STATE_LIMIT / 2 < (vth << ALIGNMENT) * reached < STATE_LIMIT


def test_what_is_lost_to_rounding_without_calibration_is_there_with_it() -> None:
    net = faint()
    described, plain = ns.run(net, 200), ns.run(net, 200, "loihi")
    chip = ns.run(net, 200, Loihi(calibrate=200))
    counts = [r.spikes["cells"].counts() for r in (described, plain, chip)]
    assert counts[0].sum() > 60
    assert counts[1].sum() < 0.5 * counts[0].sum()
    assert abs(int(counts[2].sum()) - int(counts[0].sum())) < 0.1 * counts[0].sum()
    told = ns.explain(net, Loihi(calibrate=200))
    scale = next(f for f in told.approximated if f.how.startswith("a threshold of"))
    assert (scale.part, scale.title) == ("Population 'cells'", "scale")
    assert "after 2000 steps in floating point: V_m down to -6" in scale.how
    assert "pA; up to 2 times that is held" in scale.how
    assert scale.bound.endswith("mV")


def test_calibration_is_deterministic_and_takes_inputs() -> None:
    """The same registers each time, for any number of threads, handed over or written down."""
    fed = inhibited(ns.Input("spikes"))
    given = {"up": np.ones((99, 1))}
    backends = [Loihi(calibrate=given), Loihi(calibrate=given), Loihi(calibrate=99)]
    made = [registers(b, n) for b, n in zip(backends, (fed, fed, inhibited()), strict=True)]
    assert made[0] == made[1] == made[2]
    assert made[0] != registers(Loihi(), fed)
    assert registers(Loihi(calibrate=given, margin=4), fed)[0] < made[0][0]
    same = ns.certify(
        fed, Loihi(calibrate=given), 99, inputs=given, statistics=False, progress=False
    )
    assert same.tier() is Tier.BIT_EXACT


def test_sums_of_weights_that_would_overflow_lower_the_scale() -> None:
    """A neuron whose synapses together are beyond Lava's 32 bits at the finest scale runs."""
    net = ns.Network("dense", dt=1.0)
    source = net.population("source", 700, ns.SpikeTimes([[5.0]] * 2 + [[]] * 698))
    model = ns.PerfectIntegrator(synapses=ns.Delta(), V_th=8.0, reset="to")
    cells = net.population("cells", 1, model)
    net.project(source, cells, ns.AllToAll(), weight=8.0)
    net.record(cells, "spikes")
    assert ns.run(net, 10, "loihi").spikes["cells"].times.tolist() == [6.0]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"calibrate": -1}, r"Loihi\.calibrate"),
        ({"calibrate": {}}, r"Loihi\.calibrate"),
        ({"calibrate": {"up": np.ones(3)}}, r"shape \(n_steps, \*shape\)"),
        ({"calibrate": {"up": [[np.nan]]}}, "finite numbers"),
        ({"calibrate": {"up": np.ones((3, 1)), "b": np.ones((4, 1))}}, "equally many steps"),
        ({"calibrate": 10, "margin": 0.5}, r"Loihi\.margin"),
        ({"margin": "x"}, r"Loihi\.margin is 'x'"),
        ({"margin": 8}, r"Loihi\.margin is 8; expected 2 without calibrate"),
        ({"calibrate": {"a": [[1.0], [1.0, 2.0]]}}, r"Loihi\.calibrate\['a'\]"),
    ],
)
def test_calibrations_that_cannot_be_meant(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ns.DescriptionError, match=match):
        Loihi(**options)


@pytest.mark.parametrize(
    ("calibrate", "match"),
    [
        (10, r"'up'\] is None; expected an array"),
        ({"up": np.ones((5, 2))}, "1 numbers for each step"),
        ({"upp": np.ones((5, 1))}, "Did you mean 'up'"),
    ],
)
def test_inputs_that_do_not_fit_the_network(calibrate: Any, match: str) -> None:
    with pytest.raises(ns.DescriptionError, match=match):
        ns.compile(inhibited(ns.Input("spikes")), Loihi(calibrate=calibrate))
    assert Lava(calibrate=calibrate).wish is not None

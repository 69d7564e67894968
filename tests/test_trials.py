"""Showing samples, acting in an environment, scaling weights and setting rates between runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import neurosim as ns

RATES = np.array([[80.0, 0, 40, 0, 60], [0.0, 90, 0, 70, 20]])


def learner(source: Any = None, **options: Any) -> ns.Session:
    """Five inputs, three neurons that learn, one teacher onto the last of them."""
    net = ns.Network("learner", seed=5)
    pixels = net.population("pixels", 5, source or ns.Poisson(rate=np.zeros(5)))
    teacher = net.population("teacher", 1, ns.Poisson(rate=np.zeros(1)))
    cells = net.population("cells", 3, ns.LIF(synapses=ns.ExpCurrent(exc=5)))
    net.project(
        pixels, cells, ns.AllToAll(), weight=ns.Uniform(200, 400), delay=ns.Uniform(0.5, 3),
        receptor="exc", plasticity=ns.STDP(a_plus=8, a_minus=8.4, w_max=600), name="learned",
    )  # fmt: skip
    net.project(teacher, cells[2:], ns.AllToAll(), weight=4000, receptor="exc", name="teaching")
    net.record(cells, "spikes")
    net.record(pixels, "spikes")
    return ns.compile(net, **{"dt": 0.5, "threads": 1, **options})


# --- Session.normalise ----------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("axis", ["post", "pre"])
def test_weights_add_up_to_what_is_told(axis: Any, precision: str) -> None:
    """Each neuron's weights keep their proportions, or end at a bound."""
    session, twin = (learner(precision=precision) for _ in range(2))
    for each in (session, twin):
        each.set("pixels", rate=RATES[0] + 30)
        each.run(400)  # what silent sources have missed is pending
    before = twin.get("learned", "w").reshape(5, 3)
    along = 0 if axis == "post" else 1
    size = 3 if axis == "post" else 5
    totals = np.linspace(300, 3500, size)
    session.normalise("learned", total=totals, axis=axis)
    factor = np.expand_dims(totals / before.sum(axis=along), along)
    expected = np.minimum(before * factor, 600)
    assert (expected == 600).any()
    assert (expected < 600).any()
    rounding = 1e-12 if precision == "double" else 1e-6
    np.testing.assert_allclose(session.get("learned", "w").reshape(5, 3), expected, rtol=rounding)
    session.normalise("learned", total=500.0, axis=axis)
    sums = session.get("learned", "w").reshape(5, 3).sum(axis=along)
    np.testing.assert_allclose(sums, 500, rtol=rounding)


def test_scaling_gives_the_same_bits_with_any_number_of_threads() -> None:
    found = []
    for threads in (1, 3):
        session = learner(threads=threads)
        session.set("pixels", rate=RATES[1])
        for _ in range(3):
            session.normalise("learned", total=900)
            session.run(100)
        found.append(session.get("learned", "w"))
    assert np.array_equal(found[0], found[1])


def test_rate_couplings_are_scaled_too() -> None:
    net = ns.Network("rates", seed=1)
    x = net.population("x", 3, ns.LinearRate(I=[0.6, 0.3, 0.2]))
    y = net.population("y", 2, ns.LinearRate(tau=1))
    net.project(
        x, y, ns.AllToAll(), weight=ns.Uniform(0.1, 1), source="r", receptor="r",
        plasticity=ns.Hebb(eta=0.001), name="w",
    )  # fmt: skip
    session = ns.compile(net)
    session.normalise("w", total=[1.0, 2.0])
    assert session.get("w", "w").reshape(3, 2).sum(axis=0) == pytest.approx([1, 2])


def test_what_cannot_be_scaled_is_refused() -> None:
    session = learner()
    with pytest.raises(ns.DescriptionError, match="one for each of the 3 neurons"):
        session.normalise("learned", total=[1.0, 2.0])
    with pytest.raises(ns.DescriptionError, match="a plastic projection"):
        session.normalise("teaching", total=1.0)
    with pytest.raises(ns.UnknownNameError, match="axis"):
        session.normalise("learned", total=1.0, axis="both")  # type: ignore[arg-type]
    with pytest.raises(ns.SimulationError, match=r"postsynaptic neuron 0 add up to .* -3"):
        session.normalise("learned", total=-3.0)
    session.set("learned", w=0.0)
    with pytest.raises(ns.SimulationError, match="postsynaptic neuron 0 add up to 0"):
        session.normalise("learned", total=3.0)


# --- rates of sources -----------------------------------------------------------------------------


def test_rates_that_are_set_are_rates_that_were_described() -> None:
    for described, given in ((np.zeros(5), RATES[0]), (60.0, 25.0)):
        session = learner(ns.Poisson(rate=described))
        session.set("pixels", rate=given)
        other = learner(ns.Poisson(rate=given))
        spikes, expected = (s.run(300).spikes["pixels"] for s in (session, other))
        assert expected.ids.size > 5
        assert np.array_equal(spikes.times, expected.times)
        assert np.array_equal(spikes.ids, expected.ids)
        session.reset()
        assert np.array_equal(session.run(300).spikes["pixels"].times, expected.times)


def test_a_part_of_the_sources_is_set() -> None:
    session = learner()
    session.set(session.network.populations["pixels"][1:3], rate=[100.0, 200.0])
    counts = session.run(2000).spikes["pixels"].counts()
    assert (counts[[0, 3, 4]] == 0).all()
    assert counts[1:3] == pytest.approx([200, 400], rel=0.25)


def test_rates_that_cannot_be_are_refused() -> None:
    session = learner()
    with pytest.raises(ns.DescriptionError, match="rate of 'pixels'"):
        session.set("pixels", rate=-1.0)
    with pytest.raises(ns.DescriptionError, match="one for each of the 5 neurons"):
        session.set("pixels", rate=np.zeros(4))
    with pytest.raises(ns.UnknownNameError, match="V_m"):
        session.set("pixels", V_m=-70.0)
    narrow = learner(ns.Poisson(rate=0.0))
    with pytest.raises(ns.DescriptionError, match="Describe the source with one rate for each"):
        narrow.set("pixels", rate=1000.0)
    scheduled = learner(ns.SpikeTimes([[1.0]] * 5))
    with pytest.raises(ns.DescriptionError, match="a Poisson source with rates of its own"):
        scheduled.set("pixels", rate=5.0)


# --- Trials ---------------------------------------------------------------------------------------


def test_trials_do_what_one_would_write_by_hand() -> None:
    session, by_hand = learner(), learner()
    trials = ns.Trials(
        session, "pixels", shown=100, rest=50, scale={"learned": 900.0}, teacher="teacher"
    )
    responses = trials.learn(RATES, [200.0, 0.0], snapshots={"learned": 1})
    counts, weights = [], []
    for rates, taught in zip(RATES, (200.0, 0.0), strict=True):
        by_hand.normalise("learned", total=900.0)
        by_hand.set("pixels", rate=rates)
        by_hand.set("teacher", rate=taught)
        counts.append(by_hand.run(100).spikes["cells"].counts())
        by_hand.set("pixels", rate=0.0)
        by_hand.set("teacher", rate=0.0)
        by_hand.run(50)
        weights.append(by_hand.get("learned", "w"))
    assert np.array_equal(responses.counts["cells"], counts)
    assert np.array_equal(responses.weights["learned"], weights)
    assert not np.array_equal(weights[0], weights[1])
    assert responses.taken_after["learned"].tolist() == [1, 2]
    assert (len(responses), trials.presented) == (2, 2)
    # The teacher makes its neuron fire, and is silent without a lesson.
    assert counts[0][2] > 10
    # Judging changes nothing, and comes back to the same state of learning afterwards.
    learned = session.get("learned", "w")
    judged = trials.respond(RATES)
    assert judged.counts["pixels"].sum(axis=1).min() > 5
    assert np.array_equal(session.get("learned", "w"), learned)
    trials.learn(RATES[:1])
    assert not np.array_equal(session.get("learned", "w"), learned)


def test_samples_come_again_until_they_suffice() -> None:
    session = learner()
    brighter: list[int] = []

    def again(trial: ns.Trial) -> Any:
        brighter.append(int(trial.counts["pixels"].sum()))
        return None if brighter[-1] >= 30 else 2 * trial.sample

    trials = ns.Trials(session, "pixels", shown=100, again=again)
    found = [t.presentations for t in trials.each([RATES[0] / 4], learning=True)]
    assert found == [len(brighter)]
    assert found[0] > 1
    assert brighter == sorted(brighter)


def test_inputs_and_neurons_are_told_as_well() -> None:
    net = ns.Network("told", seed=1)
    image = net.population("image", (2, 2), ns.Input("spikes"))
    cells = net.population("cells", 4, ns.LIF(synapses=ns.ExpCurrent(exc=5)))
    net.project(image, cells, ns.OneToOne(), weight=4000, receptor="exc")
    net.record(cells, "spikes")
    sample = np.array([[1, 0], [0, 0]])
    session = ns.compile(net, dt=0.5)
    assert ns.Trials(session, "image", shown=20, rest=100).respond([sample]).counts["cells"][0, 0]
    silent = ns.Trials(session, "cells", variable="I_e", shown=50, rest=10, teacher="image")
    with pytest.raises(ns.DescriptionError, match="None, without a teacher or while responding"):
        list(silent.each([0.0], [sample], learning=False))
    counts = silent.learn([np.array([0.0, 500, 0, 0]), 0.0], progress=True).counts["cells"]
    assert counts[0, 1] > 2
    assert counts.sum() == counts[0, 1]


def test_what_is_frozen_is_what_was_frozen_before() -> None:
    session = learner()
    trials = ns.Trials(session, "pixels", shown=100)
    before = session.get("learned", "w")
    trials.respond(10 * RATES)
    assert np.array_equal(session.get("learned", "w"), before)
    next(trials.each(10 * RATES, learning=False))  # who stops asking
    with pytest.raises(ns.DescriptionError):
        trials.respond([10 * RATES[0], np.full(5, np.nan)])
    assert not session.frozen
    session.set("pixels", rate=10 * RATES[0])
    session.run(100, progress=False)
    after = session.get("learned", "w")
    assert not np.array_equal(after, before)
    # What the user holds stays so.
    session.freeze("learned")
    trials.learn(10 * RATES)
    trials.respond(10 * RATES)
    assert session.frozen == ("learned",)
    assert np.array_equal(session.get("learned", "w"), after)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_while_responding_leaves_nothing_frozen(error: type[BaseException]) -> None:
    def again(trial: ns.Trial) -> None:
        raise error

    session = learner()
    with pytest.raises(error):
        ns.Trials(session, "pixels", shown=10, again=again).respond(RATES)
    assert not session.frozen


def test_trials_refuse_what_the_network_does_not_have() -> None:
    session = learner()
    for wrong, told in (
        (dict(into="pixel"), "Trials: into"),
        (dict(into="cells"), "variable of 'cells'"),
        (dict(into="pixels", variable="V_m"), "variable of 'pixels'"),
        (dict(into="pixels", teacher="taecher"), "Trials: teacher"),
        (dict(into="pixels", scale={"teaching": 1.0}), "Trials: scale"),
        (dict(into="pixels", shown=0.3), "Trials: shown"),
        (dict(into="pixels", rest=-1), "Trials: rest"),
    ):
        with pytest.raises(ns.NeurosimError, match=told):
            ns.Trials(session, **{"shown": 10.0, **wrong})  # type: ignore[arg-type]
    trials = ns.Trials(session, "pixels", shown=10.0, teacher="teacher")
    with pytest.raises(ns.DescriptionError, match="as many as there are samples"):
        trials.learn(RATES, [0.0])
    with pytest.raises(ns.UnknownNameError, match="snapshots"):
        trials.learn(RATES, snapshots={"teaching": 1})
    with pytest.raises(ns.DescriptionError, match="1 or more"):
        trials.learn(RATES, snapshots={"learned": 0})
    with pytest.raises(ns.DescriptionError, match="one for each of the 5 neurons"):
        trials.learn([np.zeros(4)])


# --- ClosedLoop -----------------------------------------------------------------------------------


class Corridor:
    """Five places; the reward is at one end. Steps left or right, or none."""

    def __init__(self) -> None:
        self.at = 2

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        self.at = 2 if options is None else options["at"]
        return self.at, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self.at += int(action)
        return self.at, float(self.at == 4), self.at in (0, 4), False, {}


def walker() -> ns.Session:
    net = ns.Network("walker", seed=2)
    inputs = net.population("inputs", 20, ns.Poisson(rate=40))
    legs = net.population("legs", 2, ns.LIF(synapses=ns.ExpCurrent(exc=5)))
    net.project(
        inputs, legs, ns.AllToAll(), weight=60, receptor="exc", name="p",
        plasticity=ns.RewardModulatedSTDP(w_max=100, a_plus=1, a_minus=1.1),
    )  # fmt: skip
    net.record(legs, "spikes")
    return ns.compile(net, dt=0.5)


def legs(run: ns.Run) -> int:
    left, right = run.spikes["legs"].counts()
    return int(np.sign(right - left))


@pytest.mark.parametrize("reward", ["p", None])
def test_a_network_walks_and_is_rewarded(reward: str | None) -> None:
    session = walker()
    loop = ns.ClosedLoop(
        session, Corridor(), step=50, reward=reward, act=legs,
        sense=lambda place: {"legs": {"I_e": [0.0, 150.0 * (place < 4)]}},
    )  # fmt: skip
    before = session.get("p", "w")
    episode = loop.episode(longest=50)
    assert episode.ended == "terminated"
    assert episode.observations[0] == 2
    assert episode.observations[-1] == 4
    assert len(episode) == len(episode.observations) - 1 == episode.counts["legs"].shape[0]
    assert episode.total == 1
    assert [int(np.sign(c[1] - c[0])) for c in episode.counts["legs"]] == episode.actions
    changed = not np.array_equal(session.get("p", "w"), before)
    assert changed == (reward is not None)
    assert loop.episode(longest=1, options={"at": 1}).ended == "longest"


def test_loops_refuse_what_does_not_fit() -> None:
    session = walker()
    given: dict[str, Any] = dict(step=10, sense=lambda place: {}, act=legs)
    for wrong, told in (
        (dict(environment=3), "an object with reset and step"),
        (dict(reward="q"), "ClosedLoop: reward"),
        (dict(step=0.3), "ClosedLoop: step"),
        (dict(act=None), "ClosedLoop: act"),
    ):
        with pytest.raises(ns.NeurosimError, match=told):
            ns.ClosedLoop(session, **{"environment": Corridor(), **given, **wrong})
    for sense, told in (
        (lambda place: 3, "a mapping by population"),
        (lambda place: {"leg": {}}, "ClosedLoop: sense"),
        (lambda place: {"legs": 3.0}, "only Inputs take arrays"),
    ):
        with pytest.raises(ns.NeurosimError, match=told):
            ns.ClosedLoop(session, Corridor(), **{**given, "sense": sense}).episode()

    class Old(Corridor):
        def step(self, action: int) -> Any:
            return super().step(action)[:4]

    with pytest.raises(ns.DescriptionError, match=r"environment.step.*5 values"):
        ns.ClosedLoop(session, Old(), **given).episode()
    with pytest.raises(ns.DescriptionError, match="longest"):
        ns.ClosedLoop(session, Corridor(), **given).episode(longest=0)

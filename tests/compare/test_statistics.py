"""Statistics of certificates: the level is kept, the stated power is the power."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neurosim.compare import statistics as cs
from neurosim.compare.statistics import Sample
from neurosim.errors import DescriptionError
from neurosim.records import SpikeRecord

N, T = 40, 1000.0
LEVEL = 0.05


def trains(seed: int, *, n: int = N, duration: float = T, thinning: float = 0.0) -> SpikeRecord:
    """Gamma-renewal neurons with rates of their own, the same in all trials, and a common gain.

    The gain makes neurons of one trial dependent, as the state of a network does.
    """
    rates = np.random.default_rng(7).gamma(4, 3, n) / 1000
    random = np.random.default_rng(seed)
    gain = 1 + 0.03 * random.standard_normal()
    times, ids = [], []
    for k, rate in enumerate(rates * gain):
        steps = random.gamma(2, 1 / (2 * rate), int(rate * duration * 2 + 30))
        train = np.round(np.cumsum(steps) - random.uniform(0, 1 / rate), 1)
        train = train[(train > 0) & (train <= duration)]
        train = train[random.random(train.size) >= thinning]
        times.append(train)
        ids.append(np.full(train.size, k))
    order = np.argsort(np.concatenate(times), kind="stable")
    return SpikeRecord(
        times=np.concatenate(times)[order],
        ids=np.concatenate(ids)[order],
        size=n,
        interval=(0.0, duration),
    )


@cache
def trial(seed: int, thinning: float = 0.0) -> Sample:
    return cs.sample(trains(seed, thinning=thinning))


def compared(
    reference: Sequence[Sample], other: Sequence[Sample], *, level: float = LEVEL
) -> cs.Statistics:
    return cs.compare_trials({"p": reference}, {"p": other}, level=level, resolution=0.2)["p"]


# --- the level ------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", ["mean rate", "rates", "CVs", "correlations"])
def test_p_values_of_trials_of_one_simulator_keep_the_level(measure: str) -> None:
    """P(p <= a) is at most a, and not much below, over many splits of trials into groups."""
    n, m, pool, repeats = 8, 3, 44, 250
    matrix = cs.distance_matrix([trial(k).of(measure) for k in range(pool)], measure)
    random = np.random.default_rng(1)
    # Groups of 11 trials that share none, from many orders of the pool.
    orders = (random.permutation(pool) for _ in itertools.count())
    groups = itertools.chain.from_iterable(order.reshape(-1, n + m) for order in orders)
    ps = np.array(
        [cs.permutation_p(matrix[np.ix_(g, g)], n) for g in itertools.islice(groups, repeats)]
    )
    for level in (0.05, 0.2):
        found = int((ps <= level).sum())
        least, most = stats.binom.interval(0.9999, repeats, level)
        assert least <= found <= most, (level, found / repeats)


def test_trials_of_one_simulator_are_called_different_as_rarely_as_stated() -> None:
    """Over all measures of two populations together, after Holm."""
    repeats, wrong, level = 14, 0, 0.2
    for k in range(repeats):
        names = {"a": 22 * k, "b": 22 * k + 11}
        reference = {name: [trial(s + j + 1000) for j in range(8)] for name, s in names.items()}
        other = {name: [trial(s + j + 1008) for j in range(3)] for name, s in names.items()}
        found = cs.compare_trials(reference, other, level=level, resolution=0.2)
        wrong += any(s.verdict == "different" for s in found.values())
    assert wrong <= stats.binom.ppf(0.9999, repeats, level)


def test_the_p_value_counts_labellings() -> None:
    """Against a loop over all of them, with sums of squares written as Anderson (2001) does."""
    random = np.random.default_rng(3)
    points = random.normal(size=(7, 2))
    matrix = np.linalg.norm(points[:, None] - points[None], axis=-1)

    def within(groups: Sequence[Sequence[int]]) -> float:
        sums = [sum(matrix[i, j] ** 2 for i, j in itertools.combinations(g, 2)) for g in groups]
        return float(sum(s / len(g) for s, g in zip(sums, groups, strict=True)))

    everything = range(7)
    given_split = within([[0, 1, 2, 3], [4, 5, 6]])
    splits = [
        within([[k for k in everything if k not in few], few])
        for few in itertools.combinations(everything, 3)
    ]
    expected = np.mean([s <= given_split + 1e-12 for s in splits])
    assert cs.permutation_p(matrix, 4) == pytest.approx(expected)
    assert cs.smallest_p(4, 3) == 1 / len(splits)


def test_groups_of_one_size_have_mirror_images() -> None:
    far = np.where(np.arange(8)[:, None] // 4 == np.arange(8) // 4, 0.0, 1.0)
    assert cs.permutation_p(far, 4) == pytest.approx(cs.smallest_p(4, 4)) == 2 / 70


@given(ps=st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_as_the_stepwise_rule_says(ps: list[float]) -> None:
    adjusted = cs.holm({("p", str(k)): p for k, p in enumerate(ps)})
    order = sorted(range(len(ps)), key=lambda k: ps[k])
    going = True
    for rank, k in enumerate(order):
        going = going and (len(ps) - rank) * ps[k] <= LEVEL
        assert (adjusted["p", str(k)] <= LEVEL) == going


def test_distances_of_distributions_are_those_of_kolmogorov_and_smirnov() -> None:
    one, two = np.array([0.0, 1.0, 1.0, 3.0]), np.array([1.0, 2.0])
    grid = np.linspace(-1, 4, 501)
    cumulative = [(v[:, None] <= grid).mean(axis=0) for v in (one, two)]
    matrix = cs.distance_matrix([one, two], "rates")
    assert matrix[0, 1] == matrix[1, 0] == np.abs(cumulative[0] - cumulative[1]).max()
    assert matrix[0, 0] == 0


# --- power ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(12, 3), (8, 3), (20, 2)])
def test_the_smallest_detectable_shift_is_detected_with_the_stated_power(n: int, m: int) -> None:
    """Shifts of just that size, up and down, planted into trials of normal means."""
    random, repeats, seen, level = np.random.default_rng(n), 300, 0, 0.02
    for k in range(repeats):
        reference = random.normal(10, 1, n)
        shift = cs.detectable_shift(reference, m, level=level)
        assert shift is not None
        other = random.normal(10 + shift * (-1) ** k, 1, m)
        means = [np.array([v]) for v in (*reference, *other)]
        seen += cs.permutation_p(cs.distance_matrix(means, "mean rate"), n) <= level
    least, most = stats.binom.interval(0.9999, repeats, cs.POWER)
    assert least - 0.05 * repeats <= seen <= most + 0.05 * repeats, seen / repeats


def test_a_planted_rate_shift_of_the_stated_size_is_seen() -> None:
    """The whole procedure on spike trains: thinned by what it says it would see."""
    n, m, repeats, seen = 8, 3, 10, 0
    for k in range(repeats):
        reference = [trial(5000 + 40 * k + j) for j in range(n)]
        same = [trial(5000 + 40 * k + n + j) for j in range(m)]
        s = compared(reference, same)
        assert s.detectable is not None
        thinning = round(s.detectable / s.rate, 3)
        thinned = [cs.sample(trains(5000 + 40 * k + 20 + j, thinning=thinning)) for j in range(m)]
        seen += compared(reference, thinned).verdict == "different"
    # All four measures look on, so it may be seen more often than 80 %.
    assert seen >= stats.binom.ppf(1e-4, repeats, cs.POWER - 0.1), seen / repeats


def test_a_tenfold_smaller_shift_is_mostly_not_seen() -> None:
    n, m, repeats, seen = 8, 3, 6, 0
    for k in range(repeats):
        reference = [trial(5000 + 40 * k + j) for j in range(n)]
        thinned = [cs.sample(trains(5000 + 40 * k + 30 + j, thinning=0.01)) for j in range(m)]
        seen += compared(reference, thinned).verdict == "different"
    assert seen <= repeats // 2


def test_the_detectable_shift_falls_with_the_spread_and_with_trials() -> None:
    means = np.random.default_rng(0).normal(10, 1, 16)
    shift = cs.detectable_shift(means, 4, level=0.01)
    assert shift is not None
    tighter = cs.detectable_shift((means - 10) / 3 + 10, 4, level=0.01)
    assert tighter == pytest.approx(shift / 3)
    more = cs.detectable_shift(means, 8, level=0.01)
    assert more is not None
    assert more < shift
    assert cs.detectable_shift(means, 1, level=0.01) is None  # 17 labellings


# --- verdicts -------------------------------------------------------------------------------


def test_other_irregularity_at_the_same_rate_is_different() -> None:
    """What only the CVs tell: neurons that fire like clocks."""
    reference = [trial(k) for k in range(16)]

    def clock(seed: int) -> Sample:
        random = np.random.default_rng(seed)
        record = trains(seed)
        times, ids = [], []
        for k, count in enumerate(record.counts()):
            if count:
                steps = T / count
                times.append(steps * (np.arange(count) + random.uniform(0.01, 1)))
                ids.append(np.full(count, k))
        order = np.argsort(np.concatenate(times), kind="stable")
        return cs.sample(
            SpikeRecord(
                times=np.concatenate(times)[order],
                ids=np.concatenate(ids)[order],
                size=N,
                interval=(0.0, T),
            )
        )

    s = compared(reference, [clock(100 + k) for k in range(4)])
    by_measure = {c.measure: c for c in s.comparisons}
    assert s.verdict == "different"
    assert by_measure["CVs"].adjusted <= LEVEL < by_measure["mean rate"].adjusted
    assert by_measure["CVs"].distance > 5 * by_measure["CVs"].spread
    assert "CVs" in s.reason


def test_too_little_data_is_undecided_and_says_how_much_would_do() -> None:
    short = [cs.sample(trains(k, duration=100.0)) for k in range(20)]
    found = cs.compare_trials({"p": short[:16]}, {"p": short[16:]}, level=0.01, resolution=0.02)
    s = found["p"]
    assert s.verdict == "undecided"
    assert s.enough is not None
    assert s.enough > 100
    assert s.detectable is not None
    assert s.enough == pytest.approx(100 * (s.detectable / (0.02 * s.rate)) ** 2, rel=0.11)
    assert f"{s.enough:g} ms" in s.reason


def test_too_few_trials_are_undecided_and_say_how_many_would_do() -> None:
    samples = [trial(k) for k in range(6)]
    s = cs.compare_trials({"p": samples[:4]}, {"p": samples[4:]}, level=0.01, resolution=0.2)["p"]
    assert s.verdict == "undecided"
    assert s.detectable is None
    assert "3 beside 12 can" in s.reason
    assert cs.smallest_p(12, 3) <= 0.01 / 4 < cs.smallest_p(8, 2)


def test_enough_data_of_one_simulator_is_equivalent() -> None:
    s = compared([trial(k) for k in range(16)], [trial(k) for k in range(16, 20)])
    assert s.verdict == "equivalent"
    assert len(s.comparisons) == 4
    means = np.array([trial(k).rates.mean() for k in range(16)])
    strictest = LEVEL / 4
    assert s.detectable == cs.detectable_shift(means, 4, level=strictest)
    assert not s.left_out
    assert s.interval is not None
    assert s.interval[0] < s.other_rate - s.rate < s.interval[1]


def test_measures_without_values_are_left_out_with_the_reason() -> None:
    """A few spikes make rates, but no CVs: that is too little to call anything equivalent."""
    random = np.random.default_rng(0)

    def sparse() -> Sample:
        times = np.sort(random.uniform(1, T, 60))
        ids = random.permutation(60)
        return cs.sample(SpikeRecord(times=times, ids=ids, size=60, interval=(0.0, T)))

    samples = [sparse() for _ in range(20)]
    s = cs.compare_trials({"p": samples[:16]}, {"p": samples[16:]}, level=0.01, resolution=0.3)["p"]
    assert "too few spikes" in s.left_out["CVs"]
    assert s.verdict == "undecided"
    assert s.enough is not None
    assert s.enough > T


def test_trials_that_never_vary_tell_every_difference() -> None:
    """Neither drive nor chaos: the distribution of the reference is a point."""
    same = [trial(0)] * 16
    assert compared(same, [trial(0)] * 4).verdict == "equivalent"
    assert compared(same, [trial(1)] * 4).verdict == "different"


def test_numbers_of_trials_are_checked() -> None:
    with pytest.raises(DescriptionError, match="as many trials"):
        compared([trial(0)], [trial(1)])
    with pytest.raises(DescriptionError, match="as many trials"):
        cs.compare_trials({"p": [trial(0)] * 3}, {"q": [trial(0)]}, level=0.05, resolution=0.1)

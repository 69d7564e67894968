"""Spike statistics against laws, slow answers and elephant."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim import analysis as an
from neurosim.analysis.trains import bin_edges, binned_counts
from neurosim.errors import CapacityError, DescriptionError, MissingPackageError

T = 1000.0

trains_of_any_kind = st.lists(
    st.lists(st.floats(0.001, T), max_size=20).map(sorted), min_size=1, max_size=5
)


def poisson_trains(rate: float, n: int, duration: float, seed: int) -> list[np.ndarray]:
    """Poisson trains of `rate` [Hz] over `duration` [ms]."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rate * duration / 1000, n)
    return [np.sort(rng.uniform(0, duration, k)) for k in counts]


# --- rates and bins


@given(trains=trains_of_any_kind)
def test_mean_rate_is_spikes_over_time(trains: list[list[float]]) -> None:
    assert an.mean_rates(trains, 0, T).tolist() == [pytest.approx(len(t)) for t in trains]


@given(trains=trains_of_any_kind, n_bins=st.integers(1, 50))
def test_bins_hold_every_spike_once(trains: list[list[float]], n_bins: int) -> None:
    counts = binned_counts(trains, bin_edges(0, T, T / n_bins))
    assert counts.sum(axis=1).tolist() == [len(t) for t in trains]


@pytest.mark.parametrize("start", [0, 77, 10**6])
@pytest.mark.parametrize("width", [1, 3, 7, 10])
def test_bins_on_the_grid_are_closed_above(start: int, width: int) -> None:
    """A spike at k * 0.1 lies in the bin that ends at or after it, however it is rounded."""
    steps = np.arange(1, 2101)
    edges = bin_edges(start, start + 210.0, width / 10)
    counts = binned_counts([(start * 10 + steps) * 0.1], edges)[0]
    assert counts.tolist() == [width] * (2100 // width)


def test_a_population_rate_counts_silent_neurons() -> None:
    histogram = an.population_rate([1.0, 2.0, 15.0], 4, 0, 20, bin=10)
    assert histogram.counts.tolist() == [2, 1]
    assert histogram.rates.tolist() == [50.0, 25.0]
    assert histogram.centres.tolist() == [5.0, 15.0]
    assert histogram.bin == 10.0


def test_bins_must_fill_the_stretch() -> None:
    with pytest.raises(DescriptionError, match=r"divides the 100 ms.*t_stop=98"):
        an.population_rate([1.0], 1, 0, 100, bin=7)


def test_psth_averages_trials_with_their_error() -> None:
    trials = an.align([10.0, 11, 30, 50.5], [10, 30, 50], before=1, after=4)
    assert [t.tolist() for t in trials] == [[0.0, 1.0], [0.0], [0.5]]
    histogram = an.psth(trials, -1, 4, bin=1)
    assert histogram.counts.tolist() == [2, 2, 0, 0, 0]
    assert histogram.rates[0] == pytest.approx(2000 / 3)
    assert histogram.errors[0] == pytest.approx(1000 * np.std([1, 1, 0], ddof=1) / np.sqrt(3))
    assert histogram.errors[2:].tolist() == [0, 0, 0]
    with pytest.raises(DescriptionError, match="at least 2 trials"):
        an.psth(trials[:1], -1, 4, bin=1)


# --- intervals


@given(period=st.floats(0.1, 50), n=st.integers(3, 60))
def test_a_clock_has_no_variation(period: float, n: int) -> None:
    train = [np.arange(1, n + 1) * period]
    assert an.isi_cv(train).values == pytest.approx(0, abs=1e-12)
    assert an.local_variation(train).values == pytest.approx(0, abs=1e-12)
    assert an.isis(train) == pytest.approx(np.full(n - 1, period))


def test_poisson_trains_have_cv_and_lv_of_one() -> None:
    """Within 4 standard errors: for n intervals CV has the s.d. 1 / sqrt(n), LV sqrt(2 / n)."""
    trains = poisson_trains(20, 100, 100_000, seed=1)
    intervals = an.isis(trains).size
    cv, lv = an.isi_cv(trains), an.local_variation(trains)
    # The finite train lowers the mean CV by about 1 / n; n is about 2000 here.
    assert abs(cv.mean() + 1 / 2000 - 1) < 4 / np.sqrt(intervals)
    assert np.std(cv.values) == pytest.approx(1 / np.sqrt(2000), rel=0.3)
    assert abs(lv.mean() - 1) < 4 * np.sqrt(2 / intervals)


def test_neurons_with_too_few_spikes_are_left_out_and_counted() -> None:
    trains: list[list[float]] = [[], [1.0], [1.0, 2.0], [1.0, 2.0, 4.0], [1.0, 2.0, 3.0, 9.0]]
    for measure in (an.isi_cv, an.local_variation):
        result = measure(trains)
        assert result.neurons.tolist() == [3, 4]
        assert (result.n_used, result.n_left_out, result.n_neurons) == (2, 3, 5)
        assert np.isfinite(result.values).all()
    assert an.isi_cv(trains, min_spikes=4).neurons.tolist() == [4]
    with pytest.raises(DescriptionError, match=r"all 3 neurons.*at least 3 spikes"):
        an.isi_cv(trains[:3]).mean()
    with pytest.raises(DescriptionError, match="min_spikes"):
        an.isi_cv(trains, min_spikes=2)


def test_spikes_at_one_time_have_no_variation_to_speak_of() -> None:
    with pytest.raises(DescriptionError, match=r"trains\[1\].*different times"):
        an.isi_cv([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])
    with pytest.raises(DescriptionError, match=r"trains\[1\].*one time"):
        an.local_variation([[1.0, 2.0, 3.0], [4.0, 5.0, 5.0, 5.0]])
    with pytest.raises(DescriptionError, match=r"trains\[0\]"):
        an.revised_local_variation([[5.0, 5.0, 5.0]], refractory=0.0)


# --- counts


def test_poisson_counts_have_a_fano_factor_of_one() -> None:
    trains = poisson_trains(30, 50, 50_000, seed=2)
    windows = 500
    unbiased = an.fano_factor(trains, 0, 50_000, window=100, ddof=1)
    assert abs(unbiased.mean() - 1) < 4 * np.sqrt(2 / (windows * 50))
    biased = an.fano_factor(trains, 0, 50_000, window=100)
    assert biased.values == pytest.approx(unbiased.values * (windows - 1) / windows)
    pooled = np.concatenate(trains)
    value = an.population_fano(pooled, 0, 50_000, bin=10, ddof=1)
    assert abs(value - 1) < 4 * np.sqrt(2 / 5000)


@given(n=st.integers(1, 30), seed=st.integers(0, 1000))
def test_neurons_firing_together_multiply_the_population_fano(n: int, seed: int) -> None:
    train = poisson_trains(20, 1, 2000, seed)[0]
    if train.size:
        one = an.population_fano(train, 0, 2000, bin=20)
        assert an.population_fano(np.tile(train, n), 0, 2000, bin=20) == pytest.approx(n * one)


def test_independent_trains_are_uncorrelated() -> None:
    """Mean of n(n-1)/2 coefficients of variance 1 / bins each, within 4 standard errors."""
    trains = poisson_trains(20, 60, 20_000, seed=3)
    result = an.count_correlations(trains, 0, 20_000, bin=10)
    assert result.values.size == 60 * 59 // 2
    assert abs(result.mean()) < 4 / np.sqrt(2000 * result.values.size)
    assert result.values.std() == pytest.approx(1 / np.sqrt(2000), rel=0.1)


@given(seed=st.integers(0, 1000), n=st.integers(2, 5))
def test_identical_trains_are_fully_correlated(seed: int, n: int) -> None:
    train = poisson_trains(20, 1, 2000, seed)[0]
    result = an.count_correlations([train] * n, 0, 2000, bin=20)
    assert result.values == pytest.approx(1.0)
    assert (np.abs(result.values) <= 1).all()
    assert result.matrix() == pytest.approx(np.ones((n, n)))


def test_constant_counts_are_left_out_and_counted() -> None:
    trains = [[], [5.0, 15.0], [3.0], [12.0], []]
    result = an.count_correlations(trains, 0, 20, bin=10)
    assert result.neurons.tolist() == [2, 3]
    assert result.n_constant == 3
    assert result.values.tolist() == [pytest.approx(-1.0)]
    with pytest.raises(DescriptionError, match="2 neurons whose counts vary"):
        an.count_correlations(trains[:3], 0, 20, bin=10).mean()


def test_a_subset_is_drawn_by_the_seed() -> None:
    trains = poisson_trains(20, 30, 5000, seed=4)
    one, same, other = (
        an.count_correlations(trains, 0, 5000, bin=10, n_neurons=10, seed=s) for s in (1, 1, 2)
    )
    assert one.neurons.tolist() == same.neurons.tolist() != other.neurons.tolist()
    assert one.values.tolist() == same.values.tolist()
    whole = an.count_correlations(trains, 0, 5000, bin=10).matrix()
    assert one.matrix() == pytest.approx(whole[np.ix_(one.neurons, one.neurons)])
    with pytest.raises(DescriptionError, match="at most the 30"):
        an.count_correlations(trains, 0, 5000, bin=10, n_neurons=31)
    with pytest.raises(CapacityError, match="n_neurons"):
        an.count_correlations([[]] * 20_000, 0, 5000, bin=10)


# --- rhythm


def test_the_spectrum_of_poisson_neurons_is_flat_at_2r_over_n() -> None:
    n, rate, duration = 50, 20.0, 100_000.0
    pooled = np.concatenate(poisson_trains(rate, n, duration, seed=5))
    spectrum = an.rate_spectrum(pooled, n, 0, duration, bin=1, segment=500)
    inner = spectrum.power[2:-1]
    # Hann windows overlapping by half leave about 11/18 of the segments independent.
    error = 2 * rate / n / np.sqrt(inner.size * spectrum.n_segments * 11 / 18)
    assert abs(inner.mean() - 2 * rate / n) < 4 * error
    assert spectrum.frequencies[1] == pytest.approx(2.0)
    assert spectrum.frequencies[-1] == pytest.approx(500.0)


def test_the_spectrum_finds_a_rhythm() -> None:
    rng = np.random.default_rng(6)
    t = np.arange(1, 50_001) * 0.1
    times = t[rng.uniform(size=t.size) < 0.2 * (1 + np.sin(2 * np.pi * 0.04 * t))]
    spectrum = an.rate_spectrum(times, 1, 0, 5000, bin=1)
    assert spectrum.peak() == pytest.approx(40.0)
    assert spectrum.n_segments == 9
    with pytest.raises(DescriptionError, match="band"):
        spectrum.peak(600, 700)


def test_the_power_integrates_to_the_variance() -> None:
    rng = np.random.default_rng(7)
    times = rng.uniform(0, 4000, 5000)
    spectrum = an.rate_spectrum(times, 3, 0, 4000, bin=1, segment=4000)
    rate = an.population_rate(times, 3, 0, 4000, bin=1).rates
    assert spectrum.power.sum() * spectrum.frequencies[1] == pytest.approx(rate.var(), rel=0.05)


def test_silence_has_no_power() -> None:
    assert not an.rate_spectrum([], 5, 0, 1000, bin=1).power.any()


@given(n=st.integers(2, 10), seed=st.integers(0, 100))
def test_equal_voltages_have_a_synchrony_of_one(n: int, seed: int) -> None:
    v = np.random.default_rng(seed).normal(-60, 5, (50, 1))
    assert an.voltage_synchrony(np.tile(v, n)) == pytest.approx(1.0)


def test_independent_voltages_have_a_synchrony_of_one_over_root_n() -> None:
    v = np.random.default_rng(8).normal(-60, 5, (20_000, 100))
    assert an.voltage_synchrony(v) == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize(
    "traces", [np.zeros((5, 3)), np.zeros((5, 1)), np.zeros((1, 5)), np.full((5, 3), np.nan)]
)
def test_synchrony_of_nothing_is_refused(traces: np.ndarray) -> None:
    with pytest.raises(DescriptionError, match="voltage_synchrony"):
        an.voltage_synchrony(traces)


# --- nothing, and nonsense


@pytest.mark.parametrize(
    "ask",
    [
        lambda: an.population_fano([], 0, 100, bin=10),
        lambda: an.trial_fano_factor([0, 0]),
        lambda: an.trial_fano_factor([3]),
        lambda: an.trial_fano_factor([1.5, 2.0]),
        lambda: an.fano_factor([[]], 0, 100, window=10).mean(),
        lambda: an.fano_factor([[]], 0, 100, window=100),
        lambda: an.fano_factor([[1.0]], 0, 100, window=10, ddof=2),
        lambda: an.isi_cv([]).mean(),
        lambda: an.mean_rates([[1.0]], 5, 5),
        lambda: an.mean_rates([[2.0, 1.0]], 0, 5),
        lambda: an.mean_rates([[np.nan]], 0, 5),
        lambda: an.mean_rates([["a"]], 0, 5),
        lambda: an.mean_rates([1.0, 2.0], 0, 5),
        lambda: an.population_rate([1.0], 0, 0, 5, bin=1),
        lambda: an.population_rate([np.inf], 1, 0, 5, bin=1),
        lambda: an.population_rate([1.0], 1, 0, 5, bin=-1),
        lambda: an.population_rate([1.0], 1, 0, 5, bin=np.nan),
        lambda: an.rate_spectrum([1.0], 1, 0, 100, bin=1, segment=7),
        lambda: an.rate_spectrum([1.0], 1, 0, 100, bin=1, segment=101),
        lambda: an.instantaneous_rate([], 0, 5, width=1.0),
        lambda: an.instantaneous_rate([1.0, 2.0], 0, 5),
    ],
)
def test_undefined_measures_say_what_is_missing(ask: Callable[[], Any]) -> None:
    with pytest.raises(DescriptionError):
        ask()


@given(trains=trains_of_any_kind)
def test_no_measure_returns_nan(trains: list[list[float]]) -> None:
    results: list[Any] = [an.mean_rates(trains, 0, T), an.isis(trains)]
    for ask in (
        lambda: an.isi_cv(trains).values,
        lambda: an.local_variation(trains).values,
        lambda: an.fano_factor(trains, 0, T, window=100).values,
        lambda: an.count_correlations(trains, 0, T, bin=100).values,
        lambda: an.population_fano(np.concatenate(trains), 0, T, bin=100),
        lambda: an.rate_spectrum(np.concatenate(trains), len(trains), 0, T, bin=10).power,
    ):
        try:
            results.append(ask())
        except DescriptionError:
            continue
    assert all(np.isfinite(r).all() for r in results)


# --- elephant


@given(seed=st.integers(0, 10_000))
def test_the_same_numbers_as_elephant(seed: int) -> None:
    import neo
    import quantities as pq
    from elephant import statistics
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient

    trains = [t for t in poisson_trains(30, 6, 1000, seed) if t.size >= 3]
    assert an.isi_cv(trains).values == pytest.approx([statistics.cv(np.diff(t)) for t in trains])
    lv = an.local_variation(trains).values
    assert lv == pytest.approx([statistics.lv(np.diff(t)) for t in trains])
    windows = [[t[(t > k) & (t <= k + 100)] for k in range(0, 1000, 100)] for t in trains]
    fano = [statistics.fanofactor(w) for w in windows]
    assert an.fano_factor(trains, 0, 1000, window=100).values == pytest.approx(fano)
    over_trials = an.trial_fano_factor([len(t) for t in trains])
    assert over_trials == pytest.approx(statistics.fanofactor(trains))
    neo_trains = [neo.SpikeTrain(t, units=pq.ms, t_stop=1000) for t in trains]
    matrix = correlation_coefficient(BinnedSpikeTrain(neo_trains, bin_size=20 * pq.ms))
    ours = an.count_correlations(trains, 0, 1000, bin=20)
    assert ours.matrix() == pytest.approx(matrix)
    revised = an.revised_local_variation(trains, refractory=2.0).values
    expected = [statistics.lvr(np.diff(t) * pq.ms, 2 * pq.ms) for t in trains]
    assert revised == pytest.approx(expected)


def test_a_smooth_rate_keeps_the_number_of_spikes() -> None:
    times = np.array([400.0, 450, 500, 510, 520])
    samples, rates = an.instantaneous_rate(times, 0, 1000, width=20.0)
    assert samples.size == rates.size == 1000
    assert rates.sum() / 1000 == pytest.approx(5, rel=0.01)
    assert abs(samples[np.argmax(rates)] - 510) < 5


@pytest.mark.parametrize(
    "ask",
    [
        lambda: an.instantaneous_rate([1.0, 2.0, 3.0], 0, 5),
        lambda: an.revised_local_variation([[1.0, 2.0, 3.0]]),
    ],
)
def test_without_elephant_the_error_says_how_to_get_it(
    ask: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("elephant", "elephant.kernels", "elephant.statistics"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackageError, match=r"elephant.*neurosim-snn\[analysis\]"):
        ask()


def test_our_own_measures_need_no_elephant() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        import subprocess

        code = (
            "import sys; from neurosim import analysis as a;"
            "a.isi_cv([[1., 2., 4.]]); a.fano_factor([[1., 2.]], 0, 4, window=1);"
            "a.count_correlations([[1.], [2.]], 0, 4, bin=1);"
            "sys.exit(any(m in sys.modules for m in ('elephant', 'neo', 'scipy', 'matplotlib')))"
        )
        subprocess.run([sys.executable, "-c", code], check=True)

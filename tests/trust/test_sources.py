"""Sources: their distributions, through the whole engine, with seeds that are fixed.

Every figure is held against its exact standard error: 5 of them, which a right source misses once
in two million times. p-values of other tests have the same limit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

import neurosim as ns

pytestmark = pytest.mark.compiled

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

DT = 0.1
LIMIT = 5.0
P = 2 * stats.norm.sf(LIMIT)


def counted(run: ns.Run, name: str, *, steps: int = 1) -> Counts:
    """Number of spikes per bin of `steps` time steps and neuron: (n_bins, n)."""
    record = run.spikes[name]
    bins = round(record.duration / DT) // steps
    label = np.rint((record.times - record.t_start) / DT).astype(np.int64) - 1
    flat = np.bincount(label // steps * record.size + record.ids, minlength=bins * record.size)
    return flat.reshape(bins, record.size)


def as_population(source: Any, n: int, duration: float, **options: Any) -> ns.Run:
    """The trains of a population of this source."""
    net = ns.Network("sources", seed=options.pop("seed", 1))
    population = net.population("in", n, source)
    net.record(population, "spikes")
    return ns.run(net, duration, threads=1, **options)


def as_drive(source: Any, n: int, duration: float, **options: Any) -> ns.Run:
    """The trains that drive neurons which repeat what arrives."""
    net = ns.Network("drive", seed=options.pop("seed", 1))
    parrots = net.population("in", n, ns.Parrot())
    net.drive(parrots, source, weight=1.0)
    net.record(parrots, "spikes")
    return ns.run(net, duration, threads=1, **options)


WAYS = {"population": as_population, "drive": as_drive}


def z_of_mean(counts: Any, mean: float) -> float:
    """Deviation of the mean of Poisson numbers, in standard errors."""
    return (float(np.mean(counts)) - mean) / math.sqrt(mean / np.size(counts))


def z_of_variance(counts: Any, mean: float) -> float:
    """Deviation of the mean square about `mean` of Poisson numbers from `mean`.

    The fourth central moment is mean + 3 mean^2, so that the square has the variance
    mean + 2 mean^2.
    """
    square = float(np.mean((np.asarray(counts, np.float64) - mean) ** 2))
    return (square - mean) / math.sqrt((mean + 2 * mean**2) / np.size(counts))


def z_of_product(one: Counts, two: Counts, mean: float) -> float:
    """Mean product of deviations of independent Poisson numbers, in standard errors."""
    return float(np.mean((one - mean) * (two - mean))) / (mean / math.sqrt(one.size))


def p_of_poisson(counts: Counts, mean: float) -> float:
    """p-value of a chi-square test of the distribution; bins expect at least 20."""
    expected = counts.size * stats.poisson.pmf(np.arange(200), mean)
    inside = np.flatnonzero(expected >= 20)
    low, high = inside[0], inside[-1] + 1
    seen = np.bincount(np.clip(counts.ravel(), low, high) - low, minlength=high - low + 1)
    tail = counts.size * stats.poisson.sf(high - 1, mean)
    below = counts.size * stats.poisson.cdf(low - 1, mean) if low else 0.0
    wanted = np.concatenate([expected[low:high], [tail]])
    wanted[0] += below
    if tail < 20:
        seen = np.append(seen[:-2], seen[-2:].sum())
        wanted = np.append(wanted[:-2], wanted[-2:].sum())
    return float(stats.chi2.sf(((seen - wanted) ** 2 / wanted).sum(), wanted.size - 1))


# --- Poisson --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("rate", "n", "duration", "bin_steps"),
    [(1.0, 2000, 2000.0, 1000), (1000.0, 500, 200.0, 1), (100_000.0, 100, 200.0, 1)],
)
def test_poisson(way: str, rate: float, n: int, duration: float, bin_steps: int) -> None:
    """Mean, variance and distribution; independence across neurons and across steps."""
    counts = counted(WAYS[way](ns.Poisson(rate=rate), n, duration), "in", steps=bin_steps)
    mean = rate * 1e-3 * DT * bin_steps
    assert abs(z_of_mean(counts, mean)) < LIMIT
    assert abs(z_of_variance(counts, mean)) < LIMIT
    assert p_of_poisson(counts, mean) > P
    # Sums keep their variance only where the parts are independent.
    over_neurons, over_time = counts.sum(axis=1), counts.sum(axis=0)
    assert abs(z_of_variance(over_neurons, n * mean)) < LIMIT
    assert abs(z_of_variance(over_time, counts.shape[0] * mean)) < LIMIT
    for lag in (1, 2, 3, 7):
        assert abs(z_of_product(counts[lag:], counts[:-lag], mean)) < LIMIT
    for apart in (1, 2, 16, 64):
        assert abs(z_of_product(counts[:, apart:], counts[:, :-apart], mean)) < LIMIT
    assert abs(z_of_product(counts[1:, 1:], counts[:-1, :-1], mean)) < LIMIT


def test_slow_poisson_trains_have_exponential_intervals() -> None:
    """1 Hz at the resolution of a step: times are uniform, waiting times geometric."""
    run = as_population(ns.Poisson(rate=1.0), 5000, 2000.0, seed=4)
    labels = np.rint(run.spikes["in"].times / DT)
    assert stats.kstest((labels - 0.5) / 20_000, "uniform").pvalue > P
    first = np.array([train[0] if train.size else np.inf for train in run.spikes["in"].trains()])
    for t in (50.0, 200.0, 1000.0):
        share = -math.expm1(-t * 1e-3)
        found = (np.mean(first <= t + DT / 2) - share) / math.sqrt(share * (1 - share) / 5000)
        assert abs(found) < LIMIT


@pytest.mark.parametrize("way", WAYS)
def test_rates_that_change_in_time(way: str) -> None:
    """Nothing before the first time and where the rate is 0; each stretch at its own rate."""
    steps = ns.RateSteps(times=[10.0, 30.0, 50.0], rates=[1000.0, 0.0, 5000.0])
    counts = counted(WAYS[way](ns.Poisson(rate=steps), 300, 80.0), "in")
    assert counts[:100].sum() == 0
    assert counts[300:500].sum() == 0
    for stretch, mean in ((counts[100:300], 0.1), (counts[500:], 0.5)):
        assert abs(z_of_mean(stretch, mean)) < LIMIT
        assert abs(z_of_mean(stretch[:20], mean)) < LIMIT
        assert abs(z_of_mean(stretch[-20:], mean)) < LIMIT
        assert abs(z_of_variance(stretch, mean)) < LIMIT


@pytest.mark.parametrize("way", WAYS)
def test_rates_of_single_neurons(way: str) -> None:
    """Every neuron has its own mean and variance, 0 and many per step included."""
    rates = np.tile([0.0, 40.0, 900.0, 12_000.0, 300_000.0], 4)
    counts = counted(WAYS[way](ns.Poisson(rate=rates), 20, 300.0), "in")
    assert counts[:, rates == 0].sum() == 0
    for k in np.flatnonzero(rates):
        mean = rates[k] * 1e-4
        assert abs(z_of_mean(counts[:, k], mean)) < LIMIT
        assert abs(z_of_variance(counts[:, k], mean)) < LIMIT
    for k in range(15):
        one, two = counts[:, k], counts[:, k + 5]
        if rates[k]:
            assert abs(z_of_product(one, two, rates[k] * 1e-4)) < LIMIT
    changing = ns.RateSteps(times=[0.0, 20.0], rates=[[1000.0, 0.0], [0.0, 3000.0]])
    counts = counted(WAYS[way](ns.Poisson(rate=changing), 2, 400.0), "in")
    assert counts[200:, 0].sum() == counts[:200, 1].sum() == 0
    assert abs(z_of_mean(counts[:200, 0], 0.1)) < LIMIT
    assert abs(z_of_mean(counts[200:, 1], 0.3)) < LIMIT


@pytest.mark.parametrize("way", WAYS)
def test_trials_and_seeds(way: str) -> None:
    """The same trial repeats itself; another trial or another seed is independent of it."""
    mean, n, duration = 0.1, 200, 100.0
    source = ns.Poisson(rate=1000.0)
    first = counted(WAYS[way](source, n, duration), "in")
    assert np.array_equal(first, counted(WAYS[way](source, n, duration), "in"))
    assert np.array_equal(first[:500], counted(WAYS[way](source, n, 50.0), "in"))
    for other in ({"trial": 1}, {"trial": 2}, {"seed": 2}):
        counts = counted(WAYS[way](source, n, duration, **other), "in")
        assert abs(z_of_product(first, counts, mean)) < LIMIT
        assert abs(z_of_mean(counts, mean)) < LIMIT


def test_drives_are_independent_of_each_other_and_of_populations() -> None:
    """Two drives of the same neurons, a population of the same rate: no common spikes."""
    net = ns.Network("three", seed=5)
    one = net.population("one", 200, ns.Parrot())
    two = net.population("two", 200, ns.Parrot())
    source = net.population("source", 200, ns.Poisson(rate=1000.0))
    for target in (one, two):
        net.drive(target, ns.Poisson(rate=1000.0), weight=1.0)
    net.drive(two, ns.Poisson(rate=2000.0), weight=1.0)
    net.record(one + two + source, "spikes")
    run = ns.run(net, 200, threads=1)
    first, second, third = (counted(run, name) for name in ("one", "two", "source"))
    assert abs(z_of_mean(second, 0.3)) < LIMIT
    assert abs(z_of_variance(second, 0.3)) < LIMIT
    size = math.sqrt(first.size)
    assert abs(np.mean((first - 0.1) * (second - 0.3))) < LIMIT * math.sqrt(0.03) / size
    assert abs(z_of_product(first, third, 0.1)) < LIMIT


# --- renewal and correlated trains ----------------------------------------------------------------


@pytest.mark.parametrize("shape", [0.5, 1.0, 4.0, 30.0])
def test_gamma_intervals(shape: float) -> None:
    """Mean 1 / rate, CV 1 / sqrt(shape), gamma-distributed, uncorrelated.

    The first 60 intervals of each train, which all end within the run: all intervals of a stretch
    of time would be biased towards short ones. Their CV has the standard error
    CV sqrt((1 + CV^2) / 2 / m).
    """
    n, each, rate = 300, 60, 50.0
    run = as_population(ns.GammaProcess(rate=rate, shape=shape), n, 4000.0)
    intervals = np.array([np.diff(train[: each + 1]) for train in run.spikes["in"].trains()])
    assert intervals.shape == (n, each)
    m, mean, cv = intervals.size, 1000 / rate, 1 / math.sqrt(shape)
    assert abs(intervals.mean() - mean) < LIMIT * mean * cv / math.sqrt(m)
    found = intervals.std() / intervals.mean()
    assert abs(found - cv) < LIMIT * cv * math.sqrt((1 + cv**2) / 2 / m)
    # Times are rounded up to the grid; spreading them back over it hides the steps.
    random = np.random.default_rng(1)
    spread = intervals + DT * (random.random(intervals.shape) - random.random(intervals.shape))
    law = stats.gamma(shape, scale=mean / shape)
    long = spread[spread > 1.0]
    inside = (law.cdf(long) - law.cdf(1.0)) / law.sf(1.0)
    assert stats.kstest(inside, "uniform").pvalue > P
    deviations = intervals - mean
    lag = np.mean(deviations[:, 1:] * deviations[:, :-1]) / (mean * cv) ** 2
    assert abs(lag) < LIMIT / math.sqrt(n * (each - 1))


@pytest.mark.parametrize("shape", [0.5, 4.0])
def test_gamma_starts(shape: float) -> None:
    """In equilibrium the rate is constant from time 0; after a spike at 0 it begins as the law."""
    n, rate, t = 20_000, 50.0, 5.0
    run = as_population(ns.GammaProcess(rate=rate, shape=shape), n, 10.0)
    counts = counted(run, "in", steps=50)
    expected = n * rate * 1e-3 * t
    for k in range(2):
        spread = math.sqrt(n * counts[k].var())
        assert abs(counts[k].sum() - expected) < LIMIT * spread
    source = ns.GammaProcess(rate=rate, shape=shape, start="ordinary")
    run = as_population(source, n, t)
    fired = np.unique(run.spikes["in"].ids).size
    share = stats.gamma(shape, scale=1000 / rate / shape).cdf(t)
    assert abs(fired - n * share) < LIMIT * math.sqrt(n * share * (1 - share))


def test_gamma_parameters_of_single_neurons() -> None:
    """Rates and shapes may be arrays; drawn trains differ between neurons, trials and seeds."""
    rates, shapes = np.array([20.0, 100.0] * 100), np.array([1.0, 9.0] * 100)
    source = ns.GammaProcess(rate=rates, shape=shapes)
    run = as_population(source, 200, 3000.0)
    per_neuron = np.bincount(run.spikes["in"].ids, minlength=200)
    for k, (rate, shape) in enumerate(((20.0, 1.0), (100.0, 9.0))):
        # Over long times the variance of the count is CV^2 times its mean.
        mean = rate * 3.0
        spread = math.sqrt(mean / shape / 100)
        assert abs(per_neuron[k::2].mean() - mean) < LIMIT * spread
    for other in ({"trial": 1}, {"seed": 2}):
        again = as_population(source, 200, 3000.0, **other)
        assert not np.array_equal(per_neuron, np.bincount(again.spikes["in"].ids, minlength=200))


@pytest.mark.parametrize("bin_steps", [1, 50])
@pytest.mark.parametrize("correlation", [0.1, 0.6, 1.0])
def test_correlated_poisson(correlation: float, bin_steps: int) -> None:
    """Each train is Poisson; counts of any two have the given correlation in any window.

    With m mother spikes per bin of mean mu / c, each copied by B of n neurons (B binomial), the
    count of all has the cumulants mu / c E[B^k]: its variance n mu (1 + (n - 1) c) tells the mean
    correlation of all pairs, and the fourth cumulant tells the error.
    """
    n, rate, duration = 20, 2000.0, 10_000.0
    source = ns.CorrelatedPoisson(rate=rate, correlation=correlation)
    counts = counted(as_population(source, n, duration), "in", steps=bin_steps)
    mean = rate * 1e-3 * DT * bin_steps
    for k in range(n):
        assert abs(z_of_mean(counts[:, k], mean)) < LIMIT
        assert abs(z_of_variance(counts[:, k], mean)) < LIMIT
    copies = np.arange(n + 1)
    law = stats.binom.pmf(copies, n, correlation) * mean / correlation
    second, fourth = (float((law * copies**k).sum()) for k in (2, 4))
    expected = n * mean * (1 + (n - 1) * correlation)
    assert second == pytest.approx(expected)
    total = counts.sum(axis=1)
    assert abs(total.mean() - n * mean) < LIMIT * math.sqrt(second / total.size)
    square = float(np.mean((total - n * mean) ** 2))
    assert abs(square - expected) < LIMIT * math.sqrt((fourth + 2 * second**2) / total.size)
    # Nothing is common between different bins.
    deviations = total - n * mean
    lag = np.mean(deviations[1:] * deviations[:-1]) / expected
    assert abs(lag) < LIMIT / math.sqrt(total.size)


# --- given spikes ---------------------------------------------------------------------------------


def test_spike_times_are_rounded_to_the_nearest_step() -> None:
    """Any order; twice the same time is two spikes; what lies beyond comes in the next piece."""
    trains = [[2.04, 0.14, 0.16, 1.0, 1.0], [], [5.06, 0.06, 4.94, 9.96]]
    net = ns.Network("times")
    source = net.population("in", 3, ns.SpikeTimes(trains))
    net.record(source, "spikes")
    session = ns.compile(net, threads=1)
    first, second = session.run(5), session.run(10)
    steps = [np.rint(t / DT).astype(int).tolist() for t in first.spikes["in"].trains()]
    assert steps == [[1, 2, 10, 10, 20], [], [1, 49]]
    steps = [np.rint(t / DT).astype(int).tolist() for t in second.spikes["in"].trains()]
    assert steps == [[], [], [51, 100]]


def test_spikes_handed_over_while_running() -> None:
    """x[k] are numbers of spikes at the end of step k; two dimensions, pieces, held input."""
    random = np.random.default_rng(2)
    net = ns.Network("input")
    image = net.population("image", (2, 3), ns.Input("spikes"))
    copy = net.population("copy", 6, ns.Parrot())
    net.project(image, copy, ns.OneToOne(), weight=1.0, delay=0.3)
    net.record(image + copy, "spikes")
    session = ns.compile(net, threads=1)
    x = random.integers(0, 4, (200, 2, 3)) * (random.random((200, 2, 3)) < 0.2)
    run = session.run(12, inputs={"image": x[:120]}) + session.run(8, inputs={"image": x[120:]})
    assert np.array_equal(counted(run, "image"), x.reshape(200, 6))
    assert np.array_equal(counted(run, "copy")[3:], x.reshape(200, 6)[:-3])
    held = session.run(1, inputs={"image": np.array([[0, 1, 2], [3, 0, 0]])})
    assert np.array_equal(counted(held, "image"), np.tile([0, 1, 2, 3, 0, 0], (10, 1)))


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("kind", ["times", "input", "relay"])
def test_many_spikes_at_once_add_up(kind: str, precision: str) -> None:
    """200 spikes of one neuron in one step move the target by 200 weights: no sum wraps."""
    at_once = 200
    net = ns.Network("at once")
    inputs = {}
    if kind == "times":
        source = net.population("in", 3, ns.SpikeTimes([[0.1] * at_once, [], [0.1]]))
    elif kind == "input":
        source = net.population("in", 3, ns.Input("spikes"))
        inputs = {"in": np.array([[at_once, 0, 1], *np.zeros((9, 3))])}
    else:
        first = net.population("first", 3, ns.SpikeTimes([[0.1] * at_once, [], [0.1]]))
        source = net.population("in", 3, ns.Parrot())
        net.project(first, source, ns.OneToOne(), weight=1.0)
    cells = net.population("cells", 3, ns.PerfectIntegrator(V_th=1e9, synapses=ns.Delta()))
    net.project(source, cells, ns.OneToOne(), weight=0.5)
    net.record(cells, "V_m")
    run = ns.compile(net, threads=1, precision=precision).run(1, inputs=inputs)
    assert run.states["cells"]["V_m"].array[-1].tolist() == [0.5 * at_once, 0.0, 0.5]


def test_more_spikes_at_once_than_accumulators_are_made_for_are_refused() -> None:
    """Input beyond the declared limit is an error that names it, and not a wrong sum."""
    net = ns.Network("at once")
    net.population("in", 2, ns.Input("spikes"))
    session = ns.compile(net, threads=1)
    with pytest.raises(ns.DescriptionError, match=r"inputs\['in'\].* at most 256 spikes"):
        session.run(0.1, inputs={"in": [[257, 0]]})
    assert session.time == 0.0


# --- currents -------------------------------------------------------------------------------------

TAU, C = 10.0, 200.0


def leaky() -> ns.LIF:
    """A membrane at rest at 0 mV that never fires."""
    return ns.LIF(tau_m=TAU, C_m=C, E_L=0.0, V_th=1e6, V_reset=0.0, synapses=None)


def membrane(currents: Floats) -> Floats:
    """V_m after each step, each of which sees one row of currents throughout."""
    v = np.zeros(currents.shape[1])
    out = np.empty_like(currents)
    decay = math.exp(-DT / TAU)
    for k, current in enumerate(currents):
        v = v * decay + current * TAU / C * (1 - decay)
        out[k] = v
    return out


def currents_seen(net: ns.Network, duration: float, **options: Any) -> Floats:
    """The current of each step and neuron of "cells", perfect integrators: C dV / dt."""
    run = ns.run(net, duration, threads=1, **options)
    v = run.states["cells"]["V_m"].array
    return np.asarray(np.diff(v, axis=0) * (C / DT), np.float64)


def integrators(n: int, current: Any, seed: int = 1) -> ns.Network:
    """n neurons whose V_m adds up the current, from the start of the run on."""
    net = ns.Network("currents", seed=seed)
    model = ns.PerfectIntegrator(C_m=C, V_th=1e9, V_reset=0.0, synapses=None)
    cells = net.population("cells", n, model)
    net.initialise(cells, V_m=0.0)
    net.inject(cells, current)
    net.record(cells, "V_m", initial=True)
    return net


def test_step_and_constant_currents() -> None:
    """A step sees the current at its start; times are rounded; currents of one neuron add up."""
    net = ns.Network("steps")
    cells = net.population("cells", 3, leaky())
    net.inject(cells, ns.StepCurrent(times=[1.0, 2.04, 3.06], amplitudes=[100.0, -50.0, 25.0]))
    net.inject(cells[1:], ns.StepCurrent(times=[0.0, 4.0], amplitudes=[[1.0, 2.0], [0.0, 300.0]]))
    net.inject(cells, ns.ConstantCurrent(amplitude=[10.0, 0.0, -7.0]))
    net.record(cells, "V_m")
    expected = np.tile([10.0, 0.0, -7.0], (60, 1))
    expected[10:20] += 100
    expected[20:31] -= 50
    expected[31:] += 25
    expected[:40, 1:] += [1.0, 2.0]
    expected[40:, 2] += 300
    run = ns.run(net, 6, threads=1)
    np.testing.assert_allclose(
        run.states["cells"]["V_m"].array, membrane(expected), rtol=1e-12, atol=1e-12
    )


def test_currents_handed_over_while_running() -> None:
    """x[k] is what step k sees, weighted and summed over connections; in pieces, and held."""
    random = np.random.default_rng(3)
    net = ns.Network("input")
    image = net.population("image", 4, ns.Input("current"))
    cells = net.population("cells", 2, leaky())
    weights = np.array([[1.0, 0.0], [0.5, -2.0], [0.0, 1.0], [3.0, 0.25]])
    net.project(image, cells, ns.FromMatrix(weights))
    net.record(cells, "V_m")
    x = random.normal(0, 100, (90, 4))
    session = ns.compile(net, threads=1)
    run = session.run(5, inputs={"image": x[:50]}) + session.run(4, inputs={"image": x[50:]})
    run = run + session.run(1, inputs={"image": np.array([1.0, 2.0, 3.0, 4.0])})
    expected = np.concatenate([x, np.tile([1.0, 2.0, 3.0, 4.0], (10, 1))]) @ weights
    np.testing.assert_allclose(
        run.states["cells"]["V_m"].array, membrane(expected), rtol=1e-10, atol=1e-12
    )


def test_white_noise_current() -> None:
    """Held for its interval; normal, with mean and s.d.; independent over intervals and neurons."""
    n, mean, sd = 200, 30.0, 80.0
    seen = currents_seen(integrators(n, ns.NoiseCurrent(mean=mean, sd=sd, dt=0.5)), 200.0)
    held = seen.reshape(400, 5, n)
    np.testing.assert_allclose(held, held[:, :1].repeat(5, axis=1), atol=1e-6)
    x = (held[:, 0] - mean) / sd
    size = math.sqrt(x.size)
    assert abs(x.mean()) < LIMIT / size
    assert abs((x**2).mean() - 1) < LIMIT * math.sqrt(2) / size
    assert stats.kstest(x.ravel(), "norm").pvalue > P
    assert abs((x[1:] * x[:-1]).mean()) < LIMIT / size
    assert abs((x[:, 1:] * x[:, :-1]).mean()) < LIMIT / size
    assert abs((x.sum(axis=1) ** 2 / n).mean() - 1) < LIMIT * math.sqrt(2 / 400)
    every_step = currents_seen(integrators(50, ns.NoiseCurrent(sd=sd)), 50.0) / sd
    assert abs((every_step[1:] * every_step[:-1]).mean()) < LIMIT / math.sqrt(every_step.size)
    assert abs((every_step**2).mean() - 1) < LIMIT * math.sqrt(2 / every_step.size)


def test_coloured_noise_current() -> None:
    """Stationary from the start: mean, s.d., and autocorrelation exp(-t / tau)."""
    n, mean, sd, tau = 2000, -20.0, 60.0, 4.0
    seen = currents_seen(integrators(n, ns.NoiseCurrent(mean=mean, sd=sd, tau=tau)), 60.0)
    x = (seen - mean) / sd
    for k in (0, 1, 50, 599):
        assert abs(x[k].mean()) < LIMIT / math.sqrt(n)
        assert abs((x[k] ** 2).mean() - 1) < LIMIT * math.sqrt(2 / n)
        assert stats.kstest(x[k], "norm").pvalue > P
    for lag in (1, 10, 40, 120):
        expected = math.exp(-lag * DT / tau)
        # Neurons are independent: their spread gives the error of the average over time.
        each = (x[lag:] * x[:-lag]).mean(axis=0)
        assert abs(each.mean() - expected) < LIMIT * each.std(ddof=1) / math.sqrt(n)
        assert each.std(ddof=1) / math.sqrt(n) < 0.02
    # Innovations are white, so the process is the exact one and not merely one like it.
    decay = math.exp(-DT / tau)
    jumps = (x[1:] - decay * x[:-1]) / math.sqrt(1 - decay**2)
    size = math.sqrt(jumps.size)
    assert abs((jumps**2).mean() - 1) < LIMIT * math.sqrt(2) / size
    assert abs((jumps[1:] * jumps[:-1]).mean()) < LIMIT / size
    assert abs((jumps[:, 1:] * jumps[:, :-1]).mean()) < LIMIT / size


def test_noise_of_single_neurons_and_of_trials() -> None:
    """Mean and s.d. may be arrays; another trial or seed is another, uncorrelated noise."""
    means, sds = np.array([0.0, 50.0] * 20), np.array([10.0, 100.0] * 20)
    source = ns.NoiseCurrent(mean=means, sd=sds)
    first = (currents_seen(integrators(40, source), 100.0) - means) / sds
    assert np.all(np.abs(first.mean(axis=0)) < LIMIT / math.sqrt(1000))
    assert np.all(np.abs((first**2).mean(axis=0) - 1) < LIMIT * math.sqrt(2 / 1000))
    again = (currents_seen(integrators(40, source), 100.0) - means) / sds
    assert np.array_equal(first, again)
    for net, options in ((integrators(40, source), {"trial": 1}), (integrators(40, source, 2), {})):
        other = (currents_seen(net, 100.0, **options) - means) / sds
        assert abs((first * other).mean()) < LIMIT / math.sqrt(first.size)

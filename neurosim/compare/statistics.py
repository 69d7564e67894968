"""Whether two sets of trials could come from one simulator: tests on rates, CVs and correlations.

Trials of the reference (other realisations of the drive, or of tiny changes of the initial state)
and trials of another backend, all different, are exchangeable if both simulate the same network.
So the test is a permutation test: trials are as far from each other as the Kolmogorov-Smirnov
distance of their distributions over neurons says; are the trials of a group closer to one another
than they would be if the labels were dealt out at random? Neurons need not be independent, nor
distributions normal: per-neuron rates of one wiring are much more alike than independent samples
are, and the p-value of a Kolmogorov-Smirnov test of two runs would not know that.

Sources
-------
Kolmogorov-Smirnov distance: `scipy.stats.ks_2samp`. Permutation test on distances: Anderson (2001),
Austral Ecology 26, eqs. 1-3 (the pseudo-F orders labellings as the sum of squares within groups
does). Exact level, also with labellings drawn at random: Phipson & Smyth (2010), Stat. Appl. Genet.
Mol. Biol. 9:39. Several tests: Holm (1979), Scand. J. Statist. 6. Distributions of rates, CVs and
correlations against the spread over seeds: van Albada et al. (2018), Front. Neurosci. 12:291.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.optimize import brentq

from neurosim.analysis import count_correlations, isi_cv
from neurosim.errors import DescriptionError
from neurosim.records import SpikeRecord

Floats = npt.NDArray[np.float64]

MEASURES = ("mean rate", "rates", "CVs", "correlations")
"""What is compared: the mean over the population, then distributions over neurons and pairs."""

UNITS = {"mean rate": "Hz", "rates": "1", "CVs": "1", "correlations": "1"}
"""Of the distance of two trials: a difference of rates, or of cumulative distributions."""

POWER = 0.8
"""Probability with which the smallest rate shift that is told would have been seen."""

LABELLINGS = 9999
"""Most labellings of a permutation test; where there are more, so many are drawn at random."""

PAIRED_NEURONS = 200
"""Neurons whose pairwise correlations are compared, as in van Albada et al. (2018)."""

BIN = 5.0
"""Width of the bins in which spikes are counted for correlations [ms]."""

LEAST = 10
"""Fewest values (neurons with a CV, pairs) of a trial that count as a distribution."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """What one trial says of one population.

    Attributes
    ----------
    duration : float
        Length of the trial [ms].
    rates : (n_neurons,) float64
        Of every neuron, silent ones included [Hz].
    cvs : (n,) float64
        CV of inter-spike intervals, of the neurons with at least 3 spikes.
    correlations : (n_pairs,) float64
        Of spike counts, of pairs of neurons whose counts vary.
    """

    duration: float
    rates: Floats
    cvs: Floats
    correlations: Floats

    @property
    def n_spikes(self) -> int:
        """Spikes of the population in the trial."""
        return round(float(self.rates.sum()) * self.duration / 1000)

    def of(self, measure: str) -> Floats:
        """Return the values of a measure, (n,)."""
        values: Mapping[str, Floats] = {
            "mean rate": self.rates.mean(keepdims=True),
            "rates": self.rates,
            "CVs": self.cvs,
            "correlations": self.correlations,
        }
        return values[measure]


def sample(record: SpikeRecord) -> Sample:
    """Return the measures of one trial.

    The neurons whose correlations are taken are drawn with a fixed seed: the same ones in every
    trial of every backend.
    """
    trains = record.trains()
    n = min(record.n_recorded, PAIRED_NEURONS)
    bins = max(int(record.duration / BIN + 1e-9), 2)
    pairs = count_correlations(
        trains, record.t_start, record.t_stop, bin=record.duration / bins, n_neurons=n, seed=1
    )
    return Sample(
        duration=record.duration,
        rates=record.rates(),
        cvs=isi_cv(trains).values,
        correlations=pairs.values,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One measure of one population, compared.

    Attributes
    ----------
    measure : str
        One of `MEASURES`.
    distance : float
        Mean distance of a trial of the other backend from one of the reference; see `UNITS`.
    spread : float
        Mean distance of two trials of the reference.
    p : float
        Of the permutation test, for itself.
    adjusted : float
        After Holm, over all measures of all populations of this backend.
    """

    measure: str
    distance: float
    spread: float
    p: float
    adjusted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What the trials say of one population on one backend.

    Attributes
    ----------
    verdict : {"equivalent", "different", "undecided"}
    reason : str
        In words.
    comparisons : tuple of Comparison
    left_out : mapping of str to str
        Measures that have no value here, and why.
    rate, other_rate : float
        Mean rate of the reference and of the other backend [Hz].
    interval : (float, float) or None
        Confidence interval of the difference of rates [Hz] (Welch's t), at 1 - `level`; None
        where trials do not vary.
    detectable : float or None
        The smallest shift of the population's rate [Hz] that the test sees with a probability of
        `POWER`; None where the test can see nothing at this level.
    enough : float or None
        How long a run [ms] would decide, where it is undecided and that can be told.
    """

    verdict: str
    reason: str
    comparisons: tuple[Comparison, ...]
    left_out: Mapping[str, str]
    rate: float
    other_rate: float
    interval: tuple[float, float] | None
    detectable: float | None
    enough: float | None = None


def compare_trials(
    reference: Mapping[str, Sequence[Sample]],
    other: Mapping[str, Sequence[Sample]],
    *,
    level: float,
    resolution: float,
) -> dict[str, Statistics]:
    """Compare all populations of a backend with the reference.

    Parameters
    ----------
    reference, other : mapping of str to sequence of Sample
        Trials by population: at least 2 on each side, no realisation twice.
    level : float
        Probability that anything at all is called different although both are the same.
    resolution : float
        Relative shift of a population's rate that must be detectable for "equivalent".

    Returns
    -------
    dict of str to Statistics
    """
    n = _n_reference(reference, other)
    usable: dict[tuple[str, str], Floats] = {}
    left_out: dict[str, dict[str, str]] = {name: {} for name in reference}
    for name, trials in reference.items():
        both = [*trials, *other[name]]
        for measure in MEASURES:
            missing = _missing(both, measure)
            if missing:
                left_out[name][measure] = missing
            else:
                usable[name, measure] = distance_matrix([s.of(measure) for s in both], measure)
    ps = {key: permutation_p(matrix, n) for key, matrix in usable.items()}
    adjusted = holm(ps)
    made = {}
    for name in reference:
        comparisons = tuple(
            _comparison(
                measure, usable[name, measure], n, ps[name, measure], adjusted[name, measure]
            )
            for measure in MEASURES
            if (name, measure) in usable
        )
        made[name] = _judge(
            reference[name], other[name], comparisons, left_out[name],
            level=level, resolution=resolution, strictest=level / len(usable),
        )  # fmt: skip
    return made


def distance_matrix(values: Sequence[Floats], measure: str) -> Floats:
    """Return the distance of every two trials, (n_trials, n_trials): KS, or of the mean rates."""
    if measure == "mean rate":
        means = np.concatenate(values)
        return np.abs(means[:, None] - means[None, :])
    n = len(values)
    matrix = np.zeros((n, n))
    ordered = [np.sort(v) for v in values]
    for i in range(n):
        for j in range(i):
            # Only the distance is wanted: its p-value would take neurons for independent.
            found = stats.ks_2samp(ordered[i], ordered[j], method="asymp")
            matrix[i, j] = matrix[j, i] = found.statistic
    return matrix


def permutation_p(matrix: Floats, n_reference: int) -> float:
    """Return the p-value of "all trials are exchangeable".

    Parameters
    ----------
    matrix : (n, n) float64
        Distances; the first `n_reference` trials are one group, the rest the other.

    Returns
    -------
    float
        Exact where there are at most `LABELLINGS` labellings; else from that many drawn at random
        and the given one, which keeps the level.
    """
    squared = matrix**2

    def closeness(one: Floats, two: Floats, axis: int = -1) -> Floats:
        return -(_within(squared, one) + _within(squared, two))

    indices = np.arange(len(matrix))
    found = stats.permutation_test(
        (indices[:n_reference], indices[n_reference:]),
        closeness,
        vectorized=True,
        n_resamples=LABELLINGS,
        batch=1000,
        alternative="greater",
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def _within(squared: Floats, group: Floats) -> Floats:
    """Return the sum of squares within groups, (...); `group` holds indices, (..., n)."""
    k = np.asarray(group).astype(np.int64)
    total = squared[k[..., :, None], k[..., None, :]].sum(axis=(-1, -2))
    share: Floats = total / (2 * k.shape[-1])
    return share


def smallest_p(n_reference: int, n_other: int) -> float:
    """Return the smallest p-value that the permutation test can have."""
    n = math.comb(n_reference + n_other, n_other)
    if n > LABELLINGS:
        return 1 / (LABELLINGS + 1)
    # With groups of one size, each labelling has a mirror image.
    return (2 if n_reference == n_other else 1) / n


def holm(ps: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """Return p-values adjusted for their number (Holm 1979).

    >>> holm({("a", "x"): 0.01, ("a", "y"): 0.03, ("a", "z"): 0.04})
    {('a', 'x'): 0.03, ('a', 'y'): 0.06, ('a', 'z'): 0.06}
    """
    adjusted = {}
    highest = 0.0
    for rank, (key, p) in enumerate(sorted(ps.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, (len(ps) - rank) * p))
        adjusted[key] = highest
    return adjusted


def detectable_shift(
    means: Floats, n_other: int, *, level: float, least: float = 0.0
) -> float | None:
    """Return the smallest shift of a mean that the test on means sees with probability `POWER`.

    From the spread of the reference's trials and the noncentral t distribution: the permutation
    test of a difference of means has the power of Student's t at the level it can really have.

    Parameters
    ----------
    means : (n_reference,) float64
        Of each trial.
    n_other : int
        Trials of the other backend.
    level : float
        Of this one test, the correction for the number of tests included.
    least : float
        Standard deviation that trials have at least.

    Returns
    -------
    float or None
        None if no outcome can be significant at this level.
    """
    n = means.size
    step = smallest_p(n, n_other)
    attained = math.floor(level / step + 1e-9) * step
    if attained == 0:
        return None
    freedom = n + n_other - 2
    critical = stats.t.ppf(1 - attained / 2, freedom)

    def missed(shift: float) -> float:
        inside = stats.nct.cdf([critical, -critical], freedom, shift)
        return float(inside[0] - inside[1]) - (1 - POWER)

    far = critical
    while missed(far) > 0:  # not far beyond the answer, where scipy's nct has no value
        far += 1.0
    shift = brentq(missed, 0.0, far)
    deviation = max(float(means.std(ddof=1)), least)
    return float(shift * deviation * math.sqrt(1 / n + 1 / n_other))


def _missing(samples: Sequence[Sample], measure: str) -> str:
    """Return why a measure cannot be compared, or ""."""
    size = samples[0].rates.size
    if measure == "CVs" and size < LEAST:
        return f"{size} neuron{'s' * (size != 1)}, fewer than {LEAST}"
    if measure == "correlations" and size * (size - 1) // 2 < LEAST:
        return f"{size} neurons make fewer than {LEAST} pairs"
    if measure == "rates" and size == 1:
        return "one neuron is no distribution"
    fewest = min(s.of(measure).size for s in samples)
    if measure in ("CVs", "correlations") and fewest < LEAST:
        what = "neurons with 3 spikes" if measure == "CVs" else "pairs of neurons that fire"
        return f"too few spikes: {fewest} {what} in one of the trials"
    return ""


def _comparison(measure: str, matrix: Floats, n: int, p: float, adjusted: float) -> Comparison:
    return Comparison(
        measure=measure,
        distance=float(matrix[:n, n:].mean()),
        spread=float(matrix[:n, :n][np.triu_indices(n, 1)].mean()),
        p=p,
        adjusted=adjusted,
    )


def _judge(
    reference: Sequence[Sample],
    other: Sequence[Sample],
    comparisons: tuple[Comparison, ...],
    left_out: Mapping[str, str],
    *,
    level: float,
    resolution: float,
    strictest: float,
) -> Statistics:
    means = np.array([s.rates.mean() for s in reference])
    others = np.array([s.rates.mean() for s in other])
    rate, other_rate = float(means.mean()), float(others.mean())
    duration = reference[0].duration
    one_spike = 1000.0 / (duration * reference[0].rates.size)
    detectable = detectable_shift(means, others.size, level=strictest, least=one_spike)
    enough = None
    seen = [c for c in comparisons if c.adjusted <= level]
    short = [f"{k}: {why}" for k, why in left_out.items() if why.startswith("too few")]
    if seen:
        verdict = "different"
        reason = "; ".join(_told(c, rate, other_rate) for c in seen)
    elif detectable is None:
        verdict = "undecided"
        needed = _trials_needed(means.size, others.size, strictest)
        reason = (
            f"{others.size} trials beside {means.size} of the reference can tell nothing at this "
            f"level; {needed} beside {max(means.size, 4 * needed)} can"
        )
    elif rate == 0:
        verdict, reason = "undecided", "no spikes in any trial of the reference"
    elif detectable > resolution * rate:
        verdict = "undecided"
        enough = _rounded_up(duration * (detectable / (resolution * rate)) ** 2)
        reason = (
            f"a shift of the rate below {100 * detectable / rate:.2g} % would not have been seen; "
            f"to see {100 * resolution:g} %, run for {enough:g} ms"
        )
    elif short:
        verdict = "undecided"
        enough = _longer(reference)
        reason = "; ".join(short) + (f"; run for {enough:g} ms" if enough else "")
    else:
        verdict = "equivalent"
        reason = f"a shift of the rate of {100 * detectable / rate:.2g} % would have been seen"
    return Statistics(
        verdict=verdict,
        reason=reason,
        comparisons=comparisons,
        left_out=dict(left_out),
        rate=rate,
        other_rate=other_rate,
        interval=_interval(means, others, level),
        detectable=detectable,
        enough=enough,
    )


def _told(c: Comparison, rate: float, other_rate: float) -> str:
    if c.measure == "mean rate":
        change = f" ({100 * (other_rate / rate - 1):+.2g} %)" if rate > 0 else ""
        what = f"mean rate {other_rate:.4g} Hz against {rate:.4g} Hz{change}"
    else:
        what = f"{c.measure}: KS distance {c.distance:.3g}, {c.spread:.3g} between reference trials"
    return f"{what}, p = {c.adjusted:.2g}"


def _interval(means: Floats, others: Floats, level: float) -> tuple[float, float] | None:
    if not (means.std() > 0 and others.std() > 0):
        return None
    found = stats.ttest_ind(others, means, equal_var=False).confidence_interval(1 - level)
    return float(found.low), float(found.high)


def _trials_needed(n: int, m: int, level: float) -> int:
    """Return the least number of trials of the other backend that can be significant."""
    for k in range(m, 100):
        if smallest_p(max(n, 4 * k), k) <= level:
            return k
    raise DescriptionError("certify: level", level, f"at least {1 / LABELLINGS:g} for each test")


def _longer(reference: Sequence[Sample]) -> float | None:
    """Return how long a run [ms] gives `LEAST` neurons about 6 spikes each, if they fire at all."""
    counts = np.mean([s.rates for s in reference], axis=0) * reference[0].duration / 1000
    active = np.sort(counts)[::-1][: LEAST + 1][-1]
    if not active > 0:
        return None
    return _rounded_up(reference[0].duration * max(6 / float(active), 1.5))


def _rounded_up(duration: float) -> float:
    """Return a duration with two digits, rounded up.

    >>> _rounded_up(1234.0)
    1300.0
    """
    unit = 10.0 ** (math.floor(math.log10(duration)) - 1)
    return math.ceil(duration / unit - 1e-9) * unit


def _n_reference(
    reference: Mapping[str, Sequence[Sample]], other: Mapping[str, Sequence[Sample]]
) -> int:
    """Return the number of trials of the reference, after a look at all of them."""
    n = {len(trials) for trials in reference.values()}
    m = {len(trials) for trials in other.values()}
    if len(n) != 1 or len(m) != 1 or min(n) < 2 or min(m) < 2 or set(reference) != set(other):
        raise DescriptionError(
            "compare_trials", (n, m), "as many trials of every population, 2 or more on each side"
        )
    return n.pop()

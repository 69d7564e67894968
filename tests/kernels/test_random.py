"""Counter-based random numbers: known answers, laws, and the same numbers without the jit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from neurosim.errors import DescriptionError
from neurosim.kernels import random as r
from neurosim.kernels.jit import kernel

Floats = npt.NDArray[np.float64]
ONES = 0xFFFFFFFF
PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0)


def words(*numbers: Any) -> list[Any]:
    return [np.uint64(n) for n in numbers]


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (PI[:4], PI[4:], (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ],
)
def test_philox4x32_known_answers(
    counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """The known answers published with Random123 (Salmon et al. 2011), 10 rounds."""
    assert tuple(int(w) for w in r.philox4x32(*words(*counter), *words(*key))) == expected


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0), 0, (0xFF1DAE59, 0x6CD10DF2)),
        ((ONES, ONES), ONES, (0x2C3F628B, 0xAB4FD7AD)),
        (PI[:2], PI[2], (0xDD7CE038, 0xF62A4C12)),
    ],
)
def test_philox2x32_known_answers(
    counter: tuple[int, ...], key: int, expected: tuple[int, ...]
) -> None:
    """The known answers published with Random123, 10 rounds."""
    assert tuple(int(w) for w in r.philox2x32(*words(*counter, key))) == expected


@kernel
def threefry(counter: Any, key: Any, out: Any) -> None:
    k0, k1, k2, k3 = key[0], key[1], key[2], key[3]
    k4 = np.uint32(r._PARITY ^ k0 ^ k1 ^ k2 ^ k3)
    w = r._threefry(counter[0], counter[1], counter[2], counter[3], k0, k1, k2, k3, k4)
    out[0], out[1], out[2], out[3] = w


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0,) * 4, (0,) * 4, (0x531C7E4F, 0x39491EE5, 0x2C855A92, 0x3D6ABF9A)),
        ((ONES,) * 4, (ONES,) * 4, (0xC4189358, 0x1C9CC83A, 0xD5881C67, 0x6A0A89E0)),
        (
            PI[:4],
            (*PI[4:], 0x082EFA98, 0xEC4E6C89),
            (0x4AA71D8F, 0x734738C2, 0x431FC6A8, 0xAE6DEBF1),
        ),
    ],
)
def test_threefry4x32_known_answers(
    counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """The known answers published with Random123, 13 rounds."""
    out = np.zeros(4, np.uint32)
    threefry(np.array(counter, np.uint32), np.array(key, np.uint32), out)
    assert tuple(int(w) for w in out) == expected


@kernel
def many(n: int, e: int, k0: Any, k1: Any, out: Any) -> None:
    for i in range(n):
        w0, w1, w2, w3 = r.philox4x32(i, e, 0, 0, k0, k1)
        out[0, i] = w0
        out[1, i] = w1
        out[2, i] = w2
        out[3, i] = w3


def test_loops_draw_the_same_words_as_single_calls() -> None:
    """A vectorised loop, its remainder included, gives what single calls give."""
    key = r.make_key(5, r.WIRING)
    out = np.empty((4, 67), np.uint32)
    many(67, 3, *key, out)
    for i in (0, 1, 31, 63, 64, 66):
        single = r.philox4x32(*words(i, 3, 0, 0, *key))
        assert [int(w) for w in out[:, i]] == [int(w) for w in single]


def test_words_are_uniform_and_unrelated() -> None:
    """Bytes of all words are uniform, and words of neighbouring counters uncorrelated."""
    out = np.empty((4, 40_000), np.uint32)
    many(40_000, 0, *r.make_key(1, r.WIRING), out)
    counts = np.bincount(out.view(np.uint8).ravel(), minlength=256)
    assert stats.chisquare(counts).pvalue > 1e-4
    u = out / 2.0**32
    assert np.abs(np.corrcoef(u)[np.triu_indices(4, 1)]).max() < 4 / 200
    assert abs(np.corrcoef(u[0, 1:], u[0, :-1])[0, 1]) < 4 / 200


def test_keys_differ_in_every_argument() -> None:
    """Seed, purpose, index and part each change the key, and do not stand in for each other."""
    arguments = [
        (s, p, i, j)
        for s in (0, 1, 2, 1 << 40, -1)
        for p in (1, 2)
        for i in (0, 1, 2)
        for j in (0, 1)
    ]
    assert len({r.make_key(*a) for a in arguments}) == len(arguments)


@given(st.integers(0, ONES), st.integers(0, ONES))
def test_uniforms_lie_inside_and_mirror(a: int, b: int) -> None:
    """Uniforms never touch 0 or 1, and complementary words give complementary numbers."""
    high, low = words(a, b)
    for u, mirrored in (
        (r.uniform32(high), r.uniform32(np.uint64(ONES - a))),
        (r.uniform53(high, low), r.uniform53(*words(ONES - a, ONES - b))),
    ):
        assert 0.0 < u < 1.0
        assert u + mirrored == 1.0


@kernel
def apply(which: int, x: Any, out: Any) -> None:
    for i in range(x.size):
        if which == 0:
            out[i] = r.normal_quantile(x[i])
        elif which == 1:
            out[i] = r.normal_quantile_selects(x[i])
        else:
            out[i] = r.logarithm(x[i])


def probabilities() -> Floats:
    rng = np.random.default_rng(1)
    p = np.concatenate([rng.random(20_000), 10.0 ** -rng.uniform(0, 300, 20_000)])
    edges = [0.075, np.nextafter(0.075, 0), np.nextafter(0.075, 1), 0.925, 0.5, np.exp(-25.0)]
    return np.concatenate([p, edges])


@pytest.mark.parametrize("which", [0, 1])
def test_normal_quantile_against_scipy(which: int) -> None:
    """Relative error below 2e-15 from 1e-300 to 1, with branches and with selects."""
    p = probabilities()
    p = p[np.abs(p - 0.5) > 1e-8]
    out = np.empty_like(p)
    apply(which, p, out)
    np.testing.assert_allclose(out, special.ndtri(p), rtol=2e-15)


def test_logarithm_is_good_to_one_unit() -> None:
    """ln to 1 unit in the last place over the range of normal numbers."""
    rng = np.random.default_rng(2)
    x = np.concatenate([10.0 ** rng.uniform(-300, 300, 20_000), rng.random(20_000) + 0.5, [1.0]])
    out = np.empty_like(x)
    apply(2, x, out)
    assert np.all(np.abs(out - np.log(x)) <= np.spacing(np.abs(np.log(x))))


def sample(n: int, *law: Any) -> Floats:
    out = np.empty(n)
    r.draw_many(r.prepare_law(*law), *r.make_key(3, r.WEIGHT), np.arange(n), out)
    return out


INF = np.inf
LAWS = {
    "uniform": ((1, 2.0, 5.0), stats.uniform(2, 3)),
    "uniform redrawn": ((1, 2.0, 5.0, 3.0, 9.0, 2), stats.uniform(3, 2)),
    "normal": ((2, 1.0, 2.0), stats.norm(1, 2)),
    "normal redrawn below": ((2, 1.0, 2.0, 0.0, INF, 2), stats.truncnorm(-0.5, INF, 1, 2)),
    "normal redrawn both": ((2, 1.0, 2.0, 0.0, 1.5, 2), stats.truncnorm(-0.5, 0.25, 1, 2)),
    "normal redrawn far above": ((2, 0.0, 1.0, 20.0, 21.0, 2), stats.truncnorm(20, 21)),
    "normal redrawn far below": ((2, 0.0, 1.0, -9.0, -8.0, 2), stats.truncnorm(-9, -8)),
    "log-normal": ((3, 0.5, 0.7), stats.lognorm(0.7, scale=np.exp(0.5))),
    "exponential": ((4, 1.0, 3.0), stats.expon(1, 3)),
    "exponential redrawn": ((4, 1.0, 3.0, 2.0, 9.0, 2), stats.truncexpon(7 / 3, 2, 3)),
}


@pytest.mark.parametrize("name", LAWS)
def test_values_follow_their_law(name: str) -> None:
    """Drawn values against scipy's distribution (Kolmogorov-Smirnov)."""
    law, reference = LAWS[name]
    assert stats.kstest(sample(20_000, *law), reference.cdf).pvalue > 1e-4


def test_log_normal_redrawn_is_the_law_given_the_bounds() -> None:
    """Redrawing keeps the shape within the bounds: compared with rejection, done slowly."""
    x = sample(20_000, 3, 0.0, 0.5, 0.5, 1.5, 2)
    y = np.exp(0.5 * np.random.default_rng(4).standard_normal(60_000))
    assert x.min() >= 0.5
    assert x.max() <= 1.5
    assert stats.ks_2samp(x, y[(y >= 0.5) & (y <= 1.5)]).pvalue > 1e-4


def test_clipping_moves_mass_to_the_bounds() -> None:
    """Clipped normals have the tail's probability on each bound and the law between."""
    x = sample(20_000, 2, 0.0, 1.0, -1.0, 0.5, 1)
    for bound, mass in ((-1.0, stats.norm.cdf(-1)), (0.5, stats.norm.sf(0.5))):
        assert stats.binomtest(int((x == bound).sum()), x.size, mass).pvalue > 1e-4
    inside = x[(x > -1) & (x < 0.5)]
    assert stats.kstest(inside, stats.truncnorm(-1, 0.5).cdf).pvalue > 1e-4


@given(
    st.sampled_from([1, 2, 3, 4]), st.floats(-3, 3), st.floats(0, 3),
    st.floats(-4, 4), st.floats(0, 4), st.sampled_from([0, 1, 2]),
)  # fmt: skip
def test_values_respect_bounds_and_are_monotone(
    kind: int, a: float, b: float, low: float, width: float, bound: int
) -> None:
    """No value outside the bounds, none that is not finite, and none out of order."""
    b = a + b if kind == 1 else b
    try:
        law = r.prepare_law(kind, a, b, low, low + width, bound)
    except DescriptionError:
        assert bound == 2
        return
    x = np.array([r.draw(law, u) for u in (2.0**-53, 0.01, 0.3, 0.5, 0.9, 1 - 2.0**-53)])
    assert np.all(np.isfinite(x))
    if bound:
        assert np.all((low <= x) & (x <= low + width))
    steps = np.diff(x)
    assert np.all(steps >= 0) or np.all(steps <= 0)


@pytest.mark.parametrize(
    "law",
    [
        (2, 0.0, -1.0), (2, np.nan, 1.0), (2, 0.0, INF), (1, 2.0, 1.0), (4, 0.0, -1.0), (7, 0.0),
        (0, 3.0, 0.0, 4.0, 5.0, 2), (1, 0.0, 1.0, 2.0, 3.0, 2), (2, 0.0, 1.0, 50.0, 60.0, 2),
        (3, 0.0, 1.0, -2.0, -1.0, 2), (4, 0.0, 1.0, -2.0, -1.0, 2), (2, 0.0, 1.0, 2.0, 1.0, 1),
    ],
)  # fmt: skip
def test_impossible_laws_are_refused(law: tuple[Any, ...]) -> None:
    """A law without values within its bounds, or with broken numbers, is refused by place."""
    with pytest.raises(DescriptionError, match="Projection 'a': weight"):
        partial(r.prepare_law, place="Projection 'a': weight")(*law)


SCRIPT = """
import json, warnings
warnings.simplefilter("error")
import numpy as np
from neurosim.kernels import random as r
from neurosim.kernels.jit import JIT
out = np.empty(9)
lists = []
for law in ((2, 1.0, 2.0, 0.0, np.inf, 2), (1, 2.0, 5.0), (4, 1.0, 3.0), (3, 0.0, 0.5)):
    r.draw_many(r.prepare_law(*law), *r.make_key(3, r.WEIGHT), np.arange(9) << 31, out)
    lists.append(out.tolist())
print(json.dumps([JIT, lists]))
"""


def test_the_same_numbers_without_the_jit() -> None:
    """Plain Python gives the same values to rounding, without a warning."""
    results = []
    for disabled in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": disabled}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        results.append(json.loads(done.stdout))
    (with_jit, values), (without, plain) = results
    assert (with_jit, without) == (True, False)
    np.testing.assert_allclose(values, plain, rtol=1e-14)

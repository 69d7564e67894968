"""Random numbers without state: each one is a pure function of what it is for.

A number is drawn by enciphering a *counter* (which neuron, which step, which draw) under a *key*
(seed and purpose). Nothing depends on the order of drawing, on threads or on blocks.

Words are 32-bit numbers held in uint64: products of two stay below 2^64, so that no operation
overflows and none needs a cast, compiled or not (in numba ``uint32 op uint32`` is uint64 anyway,
and a forgotten cast is both wrong and slow).

The smallest functions are marked `inlined`: left to itself LLVM calls them, and a loop around a
call is not vectorised (measured: 4x slower).

Sources: Salmon, Moraes, Dror & Shaw (2011), Parallel random numbers: as easy as 1, 2, 3, SC '11
(Philox). Wichura (1988), Algorithm AS 241, Applied Statistics 37 (normal quantile). Steele, Lea &
Flood (2014), Fast splittable pseudorandom number generators, OOPSLA '14 (key mixing).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.errors import DescriptionError
from neurosim.kernels.jit import add32, inlined, kernel, rotate32

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# What a number is for. Part of the key: a purpose added later changes no number drawn now.
WIRING = 1
WEIGHT = 2
DELAY = 3
COUNT = 4
DRIVE = 5
SOURCE = 6
NOISE = 7
RELEASE = 8
INITIAL = 9
PARAMETER = 10
CURRENT = 11
UPDATE = 12
ENCODE = 13
HAZARD = 14
POSITION = 15

_MASK64 = (1 << 64) - 1


def _mix64(x: int) -> int:
    """Scramble 64 bits (finaliser of SplitMix64)."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & _MASK64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & _MASK64
    return x ^ (x >> 31)


def make_key(seed: int, purpose: int, index: int = 0, part: int = 0) -> tuple[np.uint64, np.uint64]:
    """Return the two 32-bit words of a key.

    Parameters
    ----------
    seed : int
        Taken modulo 2^64.
    purpose : int
        One of the constants of this module (`WIRING`, `DRIVE`, ...).
    index, part : int
        What tells apart several users of one purpose, e.g. the index of a projection.

    Returns
    -------
    tuple of np.uint64
        Two words below 2^32, for `philox4x32`.
    """
    golden = 0x9E3779B97F4A7C15
    x = _mix64((seed + golden) & _MASK64)
    for word in (purpose, index, part):
        # The word goes in unmixed: mixed like the seed it would cancel a seed equal to it.
        x = _mix64(((x ^ (word & _MASK64)) + golden) & _MASK64)
    return np.uint64(x & 0xFFFFFFFF), np.uint64(x >> 32)


_U = np.uint64
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_M2 = np.uint64(0xD256D193)
_W0 = 0x9E3779B9
_W1 = 0xBB67AE85
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)

# r-fold Weyl increments: the key of round r is key + r W modulo 2^32.
_A1, _A2, _A3, _A4, _A5, _A6, _A7, _A8, _A9 = (
    np.uint64(r * _W0 & 0xFFFFFFFF) for r in range(1, 10)
)
_B1, _B2, _B3, _B4, _B5, _B6, _B7, _B8, _B9 = (
    np.uint64(r * _W1 & 0xFFFFFFFF) for r in range(1, 10)
)


@inlined
def _round4(x0: Any, x1: Any, x2: Any, x3: Any, a: Any, b: Any) -> tuple[Any, Any, Any, Any]:
    m = _M0 * x0
    n = _M1 * x2
    return (n >> _32) ^ x1 ^ (a & _LOW), n & _LOW, (m >> _32) ^ x3 ^ (b & _LOW), m & _LOW


@inlined
def philox4x32(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[Any, Any, Any, Any]:
    """Return four random 32-bit words (uint64 below 2^32) of Philox-4x32 with 10 rounds.

    c0..c3 : integers, taken modulo 2^32   the counter (not negative without the jit)
    k0, k1 : integers, taken modulo 2^32   the key, from `make_key`
    """
    x0 = _U(c0) & _LOW
    x1 = _U(c1) & _LOW
    x2 = _U(c2) & _LOW
    x3 = _U(c3) & _LOW
    a = _U(k0) & _LOW
    b = _U(k1) & _LOW
    x0, x1, x2, x3 = _round4(x0, x1, x2, x3, a, b)
    x0, x1, x2, x3 = _round4(x0, x1, x2, x3, a + _A1, b + _B1)
    x0, x1, x2, x3 = _round4(x0, x1, x2, x3, a + _A2, b + _B2)
    x0, x1, x2, x3 = _round4(x0, x1, x2, x3, a + _A3, b + _B3)
    x0, x1, x2, x3 = _round4(x0, x1, x2, x3, a + _A4, b + _B4)
    x0, x1, x2, x3 = _round4(x0, x1, x2, x3, a + _A5, b + _B5)
    x0, x1, x2, x3 = _round4(x0, x1, x2, x3, a + _A6, b + _B6)
    x0, x1, x2, x3 = _round4(x0, x1, x2, x3, a + _A7, b + _B7)
    x0, x1, x2, x3 = _round4(x0, x1, x2, x3, a + _A8, b + _B8)
    return _round4(x0, x1, x2, x3, a + _A9, b + _B9)


@inlined
def _round2(x0: Any, x1: Any, a: Any) -> tuple[Any, Any]:
    m = _M2 * x0
    return (m >> _32) ^ (a & _LOW) ^ x1, m & _LOW


@inlined
def philox2x32(c0: Any, c1: Any, k: Any) -> tuple[Any, Any]:
    """Return two random 32-bit words (uint64 below 2^32) of Philox-2x32 with 10 rounds.

    Half the work of `philox4x32` where one word per counter is enough. Its key has 32 bits only:
    use it with a key of its own, and where 2^32 different streams suffice.
    """
    x0 = _U(c0) & _LOW
    x1 = _U(c1) & _LOW
    a = _U(k) & _LOW
    x0, x1 = _round2(x0, x1, a)
    x0, x1 = _round2(x0, x1, a + _A1)
    x0, x1 = _round2(x0, x1, a + _A2)
    x0, x1 = _round2(x0, x1, a + _A3)
    x0, x1 = _round2(x0, x1, a + _A4)
    x0, x1 = _round2(x0, x1, a + _A5)
    x0, x1 = _round2(x0, x1, a + _A6)
    x0, x1 = _round2(x0, x1, a + _A7)
    x0, x1 = _round2(x0, x1, a + _A8)
    return _round2(x0, x1, a + _A9)


_PARITY = np.uint32(0x1BD11BDA)


@inlined
def _round(x0: Any, x1: Any, x2: Any, x3: Any, a: Any, b: Any) -> tuple[Any, Any, Any, Any]:
    x0 = add32(x0, x1)
    x2 = add32(x2, x3)
    return x0, np.uint32(rotate32(x1, a) ^ x0), x2, np.uint32(rotate32(x3, b) ^ x2)


@inlined
def _four_rounds(
    x0: Any, x1: Any, x2: Any, x3: Any, r0: Any, r1: Any, r2: Any, r3: Any, r4: Any, r5: Any,
    r6: Any, r7: Any,
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """Mix four times, x1 and x3 changing places after each round."""
    x0, x1, x2, x3 = _round(x0, x1, x2, x3, r0, r1)
    x0, x3, x2, x1 = _round(x0, x3, x2, x1, r2, r3)
    x0, x1, x2, x3 = _round(x0, x1, x2, x3, r4, r5)
    x0, x3, x2, x1 = _round(x0, x3, x2, x1, r6, r7)
    return x0, x1, x2, x3


@inlined
def threefry4x32(c0: Any, c1: Any, c2: Any, k0: Any, k1: Any) -> tuple[Any, Any, Any, Any]:
    """Return four random uint32 of Threefry-4x32 with 13 rounds (Salmon et al. 2011).

    All its lanes are 32 bits wide, and it multiplies nothing: in a loop over c0 it takes two
    thirds of the time of `philox4x32` (measured).

    c0..c2 : uint32   the counter (its last word is 0)
    k0, k1 : uint32   the key, from `make_key` (its other words are 0)
    """
    zero = np.uint32(0)
    k4 = np.uint32(_PARITY ^ k0 ^ k1)
    return _threefry(c0, c1, c2, zero, k0, k1, zero, zero, k4)


@inlined
def _threefry(
    x0: Any, x1: Any, x2: Any, x3: Any, k0: Any, k1: Any, k2: Any, k3: Any, k4: Any
) -> tuple[Any, Any, Any, Any]:
    x0, x1, x2, x3 = add32(x0, k0), add32(x1, k1), add32(x2, k2), add32(x3, k3)
    x0, x1, x2, x3 = _four_rounds(x0, x1, x2, x3, 10, 26, 11, 21, 13, 27, 23, 5)
    x0, x1, x2 = add32(x0, k1), add32(x1, k2), add32(x2, k3)
    x3 = add32(x3, add32(k4, np.uint32(1)))
    x0, x1, x2, x3 = _four_rounds(x0, x1, x2, x3, 6, 20, 17, 11, 25, 10, 18, 20)
    x0, x1, x2 = add32(x0, k2), add32(x1, k3), add32(x2, k4)
    x3 = add32(x3, add32(k0, np.uint32(2)))
    x0, x1, x2, x3 = _four_rounds(x0, x1, x2, x3, 10, 26, 11, 21, 13, 27, 23, 5)
    x0, x1, x2 = add32(x0, k3), add32(x1, k4), add32(x2, k0)
    x3 = add32(x3, add32(k1, np.uint32(3)))
    return _round(x0, x1, x2, x3, 6, 20)


_2M32 = 2.0**-32
_2M53 = 2.0**-53
_6 = np.uint64(6)
_25 = np.uint64(25)
_ONE = np.uint64(1)


@inlined
def uniform32(word: Any) -> Any:
    """Return (word + 1/2) 2^-32: inside (0, 1), symmetric about 1/2."""
    # By way of int64: the conversion from uint64 takes three instructions more.
    return (np.float64(np.int64(word)) + 0.5) * _2M32


@inlined
def uniform53(high: Any, low: Any) -> Any:
    """Return an odd multiple of 2^-53 from two words: inside (0, 1), symmetric about 1/2.

    52 random bits; so 1 - u is exact, and u as small as 2^-53 occurs.
    """
    bits = ((_U(high) >> _6) << _U(27)) | ((_U(low) >> _6) << _ONE) | _ONE
    return np.float64(np.int64(bits)) * _2M53


_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_SQRT_HALF_BITS = np.int64(0x3FE6A09E667F3BCD)
_MANTISSA = np.int64(0xFFFFFFFFFFFFF)
_52 = np.int64(52)


@inlined
def logarithm(x: float) -> float:
    """Return ln x for finite normal x > 0, to 1 unit in the last place, without branches.

    Reduction to [sqrt(1/2), sqrt(2)) and the minimax series in s = f / (2 + f) of FreeBSD's msun
    (e_log.c, 1993). The mathematics library's function is a call, which no loop survives.
    """
    shifted = np.float64(x).view(np.int64) - _SQRT_HALF_BITS
    exponent = np.float64(np.int32(shifted >> _52))
    mantissa = np.int64((shifted & _MANTISSA) + _SQRT_HALF_BITS).view(np.float64)
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (
        3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01)
    )
    odd = z * (
        6.666666666666735130e-01
        + w
        * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    half = 0.5 * f * f
    tail = s * (half + (even + odd)) + exponent * _LN2_LOW
    return exponent * _LN2_HIGH - ((half - tail) - f)


@inlined
def quantile_centre(q: float) -> float:
    """Normal quantile of 1/2 + q, |q| <= 0.425."""
    r = 0.180625 - q * q
    top = 2509.0809287301226727
    top = top * r + 33430.575583588128105
    top = top * r + 67265.770927008700853
    top = top * r + 45921.953931549871457
    top = top * r + 13731.693765509461125
    top = top * r + 1971.5909503065514427
    top = top * r + 133.14166789178437745
    top = top * r + 3.387132872796366608
    bottom = 5226.495278852854561
    bottom = bottom * r + 28729.085735721942674
    bottom = bottom * r + 39307.89580009271061
    bottom = bottom * r + 21213.794301586595867
    bottom = bottom * r + 5394.1960214247511077
    bottom = bottom * r + 687.1870074920579083
    bottom = bottom * r + 42.313330701600911252
    bottom = bottom * r + 1.0
    return q * top / bottom


@inlined
def _quantile_middle(r: float) -> float:
    """Minus the normal quantile of exp(-r^2), r <= 5."""
    r = r - 1.6
    top = 7.7454501427834140764e-4
    top = top * r + 0.0227238449892691845833
    top = top * r + 0.24178072517745061177
    top = top * r + 1.27045825245236838258
    top = top * r + 3.64784832476320460504
    top = top * r + 5.7694972214606914055
    top = top * r + 4.6303378461565452959
    top = top * r + 1.42343711074968357734
    bottom = 1.05075007164441684324e-9
    bottom = bottom * r + 5.475938084995344946e-4
    bottom = bottom * r + 0.0151986665636164571966
    bottom = bottom * r + 0.14810397642748007459
    bottom = bottom * r + 0.68976733498510000455
    bottom = bottom * r + 1.6763848301838038494
    bottom = bottom * r + 2.05319162663775882187
    bottom = bottom * r + 1.0
    return top / bottom


@inlined
def _quantile_far(r: float) -> float:
    """Minus the normal quantile of exp(-r^2), r > 5."""
    r = r - 5.0
    top = 2.01033439929228813265e-7
    top = top * r + 2.71155556874348757815e-5
    top = top * r + 0.0012426609473880784386
    top = top * r + 0.026532189526576123093
    top = top * r + 0.29656057182850489123
    top = top * r + 1.7848265399172913358
    top = top * r + 5.4637849111641143699
    top = top * r + 6.6579046435011037772
    bottom = 2.04426310338993978564e-15
    bottom = bottom * r + 1.4215117583164458887e-7
    bottom = bottom * r + 1.8463183175100546818e-5
    bottom = bottom * r + 7.868691311456132591e-4
    bottom = bottom * r + 0.0148753612908506148525
    bottom = bottom * r + 0.13692988092273580531
    bottom = bottom * r + 0.59983220655588793769
    bottom = bottom * r + 1.0
    return top / bottom


@inlined
def normal_quantile(p: float) -> float:
    """Return z with P(Z <= z) = p for standard normal Z, 0 < p < 1, to about 1e-15 relative.

    AS 241 (PPND16), with its branches. For loops over many, see `normal_quantile_selects`.
    """
    q = p - 0.5
    if abs(q) <= 0.425:
        return quantile_centre(q)
    r = math.sqrt(-logarithm(min(p, 1.0 - p)))
    z = _quantile_middle(r) if r <= 5.0 else _quantile_far(r)
    return -z if q < 0.0 else z


@inlined
def quantile_tail(p: float) -> float:
    """Return the normal quantile where |p - 1/2| > 0.425, without branches."""
    r = math.sqrt(-logarithm(min(p, 1.0 - p)))
    middle = _quantile_middle(r)
    far = _quantile_far(r)
    tail = middle if r <= 5.0 else far
    return -tail if p < 0.5 else tail


@inlined
def normal_quantile_selects(p: float) -> float:
    """Return the same number as `normal_quantile`, to rounding, without branches."""
    q = p - 0.5
    tail = quantile_tail(p)
    centre = quantile_centre(q)
    return centre if abs(q) <= 0.425 else tail


@inlined
def normal32_selects(word: Any) -> Any:
    """Return a standard normal from one word, without branches; |z| < 6.34.

    The third region of AS 241 begins at 7.3, beyond what 32 bits reach, and is left out.
    """
    p = uniform32(word)
    q = p - 0.5
    middle = _quantile_middle(math.sqrt(-logarithm(min(p, 1.0 - p))))
    signed = -middle if q < 0.0 else middle
    centre = quantile_centre(q)
    return centre if abs(q) <= 0.425 else signed


@inlined
def exponential(u: float) -> float:
    """Return a standard exponential from a uniform in (0, 1): -ln u."""
    return -logarithm(u)


CONSTANT, UNIFORM, NORMAL, LOG_NORMAL, EXPONENTIAL = range(5)
UNBOUNDED, CLIPPED, REDRAWN = range(3)


def prepare_law(
    kind: int,
    a: float,
    b: float = 0.0,
    low: float = -math.inf,
    high: float = math.inf,
    bound: int = UNBOUNDED,
    place: str = "distribution",
) -> Floats:
    """Turn a random variable into the eight numbers that `draw` reads.

    Parameters
    ----------
    kind : int
        0 constant `a`; 1 uniform on [a, b); 2 normal, mean a, s.d. b; 3 log-normal, exp(N(a, b));
        4 exponential of mean b, shifted by a.
    low, high : float
        Bounds of the value.
    bound : int
        0 none; 1 the value is clipped to the bounds; 2 it is redrawn until it lies within them.
        The law of what redrawing ends with is the law given that the value lies within; it is
        drawn by inversion of that law's distribution function, from one uniform.
    place : str
        For messages: where the distribution was given.

    Returns
    -------
    (8,) float64
        kind, location, scale, p at u = 0, p at u = 1 minus p at u = 0, lower and upper limit of
        the result, 0.

    Raises
    ------
    DescriptionError
        If a number is not finite, a scale negative, or no value within the bounds is possible.
    """
    where = f"a distribution of kind {kind} with a = {a:g}, b = {b:g}"
    if not (math.isfinite(a) and math.isfinite(b)):
        raise DescriptionError(place, where, "finite parameters")
    if kind not in (CONSTANT, UNIFORM, NORMAL, LOG_NORMAL, EXPONENTIAL):
        raise DescriptionError(place, kind, "a kind from 0 to 4")
    if kind in (NORMAL, LOG_NORMAL, EXPONENTIAL) and b < 0:
        raise DescriptionError(place, b, "a width of 0 or more")
    if kind == UNIFORM and b < a:
        raise DescriptionError(place, where, "bounds a <= b")
    if math.isnan(low) or math.isnan(high) or low > high:
        raise DescriptionError(place, (low, high), "bounds low <= high")
    if bound == UNBOUNDED:
        low, high = -math.inf, math.inf
    within = f"a distribution with some probability between {low:g} and {high:g}"
    if b == 0 and kind != UNIFORM:
        a = math.exp(a) if kind == LOG_NORMAL else a
        kind = CONSTANT
    if kind == UNIFORM and a == b:
        kind = CONSTANT
    if kind == CONSTANT:
        if bound == REDRAWN and not low <= a <= high:
            raise DescriptionError(place, a, within, "Use clip= instead of redraw=.")
        return np.array([CONSTANT, a, 0.0, 0.0, 1.0, low, high, 0.0])
    first, span = 0.0, 1.0
    if bound == REDRAWN:
        if kind == UNIFORM:
            a, b = max(a, low), min(b, high)
            span = b - a
        elif kind == EXPONENTIAL:
            # In terms of the survival function, which is what keeps its precision far out.
            first = math.exp(-max(high - a, 0.0) / b)
            span = math.exp(-max(low - a, 0.0) / b) - first
        else:
            lower, upper = low, high
            if kind == LOG_NORMAL:
                lower = math.log(low) if low > 0 else -math.inf
                upper = math.log(high) if high > 0 else -math.inf
            z_low, z_high = (lower - a) / b, (upper - a) / b
            if z_low > 0:
                # An upper tail: mirrored, since small probabilities keep their precision.
                z_low, z_high, b = -z_high, -z_low, -b
            root = math.sqrt(0.5)
            first = 0.5 * math.erfc(-z_low * root)
            span = 0.5 * math.erfc(-z_high * root) - first
        if not span > 0:
            raise DescriptionError(place, where, within, "Use clip=, or other bounds.")
    if kind == UNIFORM:
        span = 1.0
    return np.array([kind, a, b if kind != UNIFORM else b - a, first, span, low, high, 0.0])


@kernel
def draw(law: Floats, u: float) -> float:
    """Return the value of a random variable at a uniform number.

    law : (8,) float64   from `prepare_law`
    u   : float64        in (0, 1)

    Monotone in u, which lets a builder tabulate rounded values; falling for the exponential and
    for a normal bounded to its upper tail, where small probabilities keep their precision.
    """
    kind = law[0]
    x = law[1]
    if kind == 1.0:
        x = x + law[2] * u
    elif kind > 1.0:
        p = law[3] + law[4] * u
        if kind == 4.0:
            x = x + law[2] * exponential(p)
        else:
            x = x + law[2] * normal_quantile(p)
            if kind == 3.0:
                x = math.exp(x)
    return float(min(max(x, law[5]), law[6]))


@kernel
def draw_many(law: Floats, k0: Any, k1: Any, entities: Ints, out: Floats) -> None:
    """Draw one value per entity, from 52 random bits each.

    law      : (8,) float64          from `prepare_law`
    k0, k1   : uint64                from `make_key`
    entities : (n,) int64            what each value is for: element k has the counter
                                     (entities[k] mod 2^32, entities[k] / 2^32, 0, 0)
    out      : (n,) float64, written
    """
    for k in range(out.size):
        entity = np.uint64(entities[k])
        w0, w1, _, _ = philox4x32(entity, entity >> _32, np.uint64(0), np.uint64(0), k0, k1)
        out[k] = draw(law, uniform53(w0, w1))

"""Elementary functions that vectorise, in double and in single precision.

numba's wheel brings no vector mathematics library, so a loop that calls libm's `exp` runs one
neuron at a time. The functions here are polynomials without branches: inlined into a loop they
become plain vector arithmetic, on SSE2 as on AVX-512 and NEON.

Each takes and returns one float of the precision in its name (``exp_double(float64)``,
``exp_single(float32)``); nothing in the single ones is ever promoted. NaN gives NaN, overflow gives
inf, underflow passes through the subnormals to 0. Largest errors found in units in the last place,
over the whole range and with or without fused multiply-add, are held by the tests:

    exp 1, log 1.25, expm1 1.75, exprel 2.25, log1p 1.5, tanh 3, sinh 2.5, cosh 1.5, sigmoid 2.5.

The method is Cody & Waite (1980), "Software Manual for the Elementary Functions": reduction with
the logarithm of two in two parts, then a polynomial. Its coefficients are near-minimax fits
(Chebyshev interpolation in 60 digits). Rounding to an integer and building a power of two go
through the low bits of a float (adding 1.5 * 2**52), because neither float-to-int64 conversion nor
an arithmetic shift of int64 exists as a vector instruction before AVX-512; the arguments are
clamped first, so the range in which that is valid is never left.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurosim.kernels.jit import JIT, inlined

if JIT:
    from numba.extending import intrinsic

    @intrinsic
    def select(typing_context: Any, condition: Any, yes: Any, no: Any) -> Any:
        """Choose `yes` where `condition`, else `no`; both have been computed.

        `a if c else b` makes a branch, which the compiler turns into a select only if the sides
        are cheap; a loop with a branch left in it is vectorised differently from its remainder.
        """
        result = typing_context.unify_types(yes, no)
        if result is None:
            return None
        signature = result(condition, yes, no)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            sides = [
                context.cast(builder, value, kind, signature.return_type)
                for value, kind in zip(arguments[1:], signature.args[1:], strict=True)
            ]
            return builder.select(arguments[0], *sides)

        return signature, generate

else:

    def select(condition: Any, yes: Any, no: Any) -> Any:
        """Choose `yes` where `condition`, else `no`; both have been computed."""
        return yes if condition else no


# --- double precision -----------------------------------------------------------------------

_LOG2E = 1.4426950408889634
# ln 2 to 42 bits, so that its product with an exponent is exact, and the rest.
_LN2_HIGH = float.fromhex("0x1.62e42fefa3800p-1")
_LN2_LOW = 5.497923018708371e-14
# Adding this rounds to an integer whose low bits, 1023 higher, are the exponent field of 2**n.
_ROUND = 1.5 * 2.0**52 + 1023.0

_E2 = 0.5
_E3 = 0.16666666666666669
_E4 = 0.041666666666623824
_E5 = 0.008333333333330039
_E6 = 0.0013888888917367081
_E7 = 0.00019841269863171557
_E8 = 2.4801521057868204e-05
_E9 = 2.7557268276905696e-06
_E10 = 2.7620201591031547e-07
_E11 = 2.5100472505694996e-08

_L1 = 0.666666666666667
_L2 = 0.3999999999989889
_L3 = 0.28571428626253836
_L4 = 0.22222211089379496
_L5 = 0.1818289243253687
_L6 = 0.15331611722055008
_L7 = 0.14617807153417325

_SHIFT = np.uint64(52)
_MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
_ONE_BITS = np.uint64(0x3FF0000000000000)
_INTEGER_BITS = np.uint64(0x4330000000000000)


@inlined
def _power_of_two_double(rounded: Any) -> Any:
    """Return 2**n, where `rounded` is n + _ROUND and n is between -1022 and 1023."""
    return np.uint64(np.float64(rounded).view(np.uint64) << _SHIFT).view(np.float64)


@inlined
def _excess_double(r: Any) -> Any:
    """Return exp(r) - 1 for |r| <= ln(2)/2, to the relative accuracy of r."""
    q = _E11
    q = q * r + _E10
    q = q * r + _E9
    q = q * r + _E8
    q = q * r + _E7
    q = q * r + _E6
    q = q * r + _E5
    q = q * r + _E4
    q = q * r + _E3
    q = q * r + _E2
    return r + (r * r) * q


@inlined
def exp_double(x: Any) -> Any:
    """Return e**x; subnormal results are exact to their last place too."""
    x = select(x > 710.0, 710.0, x)
    x = select(x < -746.0, -746.0, x)
    n = (x * _LOG2E + _ROUND) - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    # 2**n in two factors: neither overflows nor is subnormal, only the last product rounds.
    half = n * 0.5 + _ROUND
    rest = (n - (half - _ROUND)) + _ROUND
    return ((1.0 + _excess_double(r)) * _power_of_two_double(half)) * _power_of_two_double(rest)


@inlined
def expm1_double(x: Any) -> Any:
    """Return e**x - 1, relatively accurate near 0."""
    x = select(x > 710.0, 710.0, x)
    x = select(x < -40.0, -40.0, x)
    n = (x * _LOG2E + _ROUND) - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    half = n * 0.5 + _ROUND
    rest = (n - (half - _ROUND)) + _ROUND
    back = ((half - _ROUND) - n) + _ROUND
    scale = _power_of_two_double(half)
    part = scale * _excess_double(r) + (scale - _power_of_two_double(back))
    return part * _power_of_two_double(rest)


@inlined
def exprel_double(x: Any) -> Any:
    """Return (e**x - 1) / x, which is 1 at 0.

    The last factor of e**x is applied after the division, so that the result overflows only
    where it must, not where e**x does.
    """
    x = select(x > 720.0, 720.0, x)
    low = select(x < -40.0, -40.0, x)
    n = (low * _LOG2E + _ROUND) - _ROUND
    r = (low - n * _LN2_HIGH) - n * _LN2_LOW
    half = n * 0.5 + _ROUND
    rest = (n - (half - _ROUND)) + _ROUND
    back = ((half - _ROUND) - n) + _ROUND
    scale = _power_of_two_double(half)
    part = scale * _excess_double(r) + (scale - _power_of_two_double(back))
    zero = x == 0.0
    ratio = (part / select(zero, 1.0, x)) * _power_of_two_double(rest)
    return select(zero, 1.0, ratio)


@inlined
def log_double(x: Any) -> Any:
    """Return the natural logarithm: -inf at 0, NaN below."""
    tiny = x < 2.2250738585072014e-308
    scaled = select(tiny, x * 18014398509481984.0, x)
    bits = np.float64(scaled).view(np.uint64)
    exponent = np.uint64(np.uint64(bits >> _SHIFT) | _INTEGER_BITS).view(np.float64)
    e = exponent - (4503599627370496.0 + 1023.0)
    e = select(tiny, e - 54.0, e)
    m = np.uint64(np.uint64(bits & _MANTISSA) | _ONE_BITS).view(np.float64)
    large = m > 1.4142135623730951
    m = select(large, m * 0.5, m)
    e = select(large, e + 1.0, e)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = _L7
    p = p * z + _L6
    p = p * z + _L5
    p = p * z + _L4
    p = p * z + _L3
    p = p * z + _L2
    p = p * z + _L1
    # log m = 2 artanh s = 2 s + s z p, and 2 s = f - s f, in which f is exact.
    result = e * _LN2_HIGH + ((f - s * (f - z * p)) + e * _LN2_LOW)
    result = select(x == math.inf, x, result)
    result = select(x == 0.0, -math.inf, result)
    return select(x >= 0.0, result, math.nan)


@inlined
def log1p_double(x: Any) -> Any:
    """Return log(1 + x), relatively accurate near 0."""
    u = 1.0 + x
    lost = (x - (u - 1.0)) / u
    return log_double(u) + select((u > 0.0) & (u < math.inf), lost, 0.0)


@inlined
def tanh_double(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    e = expm1_double(-2.0 * abs(x))
    t = -e / (e + 2.0)
    return select(x < 0.0, -t, t)


@inlined
def sinh_double(x: Any) -> Any:
    """Return the hyperbolic sine; infinite from |x| = 709.78, where e**|x| is."""
    e = expm1_double(abs(x))
    s = select(e > 1.0e17, e, e + e / (e + 1.0)) * 0.5
    return select(x < 0.0, -s, s)


@inlined
def cosh_double(x: Any) -> Any:
    """Return the hyperbolic cosine; infinite from |x| = 709.78, where e**|x| is."""
    e = exp_double(abs(x))
    return 0.5 * e + 0.5 / e


@inlined
def sigmoid_double(x: Any) -> Any:
    """Return 1 / (1 + e**-x)."""
    e = exp_double(-abs(x))
    return select(x < 0.0, e, 1.0) / (1.0 + e)


# --- single precision -----------------------------------------------------------------------
# In numba float32 with a float literal is float64: every constant is a float32 by name.

_f = np.float32

_S_0 = _f(0.0)
_S_HALF = _f(0.5)
_S_1 = _f(1.0)
_S_2 = _f(2.0)
_S_INF = _f(math.inf)
_S_NAN = _f(math.nan)

_S_LOG2E = _f(1.4426950408889634)
_S_LN2_HIGH = _f(0.693145751953125)
_S_LN2_LOW = _f(1.4286068203094173e-06)
_S_ROUND = _f(1.5 * 2.0**23 + 127.0)

_S_EXP_TOP = _f(90.0)
_S_EXP_BOTTOM = _f(-105.0)
_S_EXPM1_BOTTOM = _f(-20.0)
_S_EXPREL_TOP = _f(95.0)
_S_SINH_LARGE = _f(1.0e8)

_S_E2 = _f(0.5)
_S_E3 = _f(0.16666576666119928)
_S_E4 = _f(0.04166655421298415)
_S_E5 = _f(0.008363232883682618)
_S_E6 = _f(0.0013926250831497611)

_S_L1 = _f(0.6666668509542907)
_S_L2 = _f(0.39988757716604845)
_S_L3 = _f(0.29580985929974424)

_S_SHIFT = np.uint32(23)
_S_MANTISSA = np.uint32(0x007FFFFF)
_S_ONE_BITS = np.uint32(0x3F800000)
_S_INTEGER_BITS = np.uint32(0x4B000000)
_S_EXPONENT_OFFSET = _f(2.0**23 + 127.0)
_S_TINY = _f(1.1754943508222875e-38)
_S_TINY_FACTOR = _f(2.0**25)
_S_TINY_EXPONENT = _f(25.0)
_S_SQRT2 = _f(1.4142135)


@inlined
def _power_of_two_single(rounded: Any) -> Any:
    """Return 2**n, where `rounded` is n + _S_ROUND and n is between -126 and 127."""
    return np.uint32(np.float32(rounded).view(np.uint32) << _S_SHIFT).view(np.float32)


@inlined
def _excess_single(r: Any) -> Any:
    """Return exp(r) - 1 for |r| <= ln(2)/2, to the relative accuracy of r."""
    q = _S_E6
    q = q * r + _S_E5
    q = q * r + _S_E4
    q = q * r + _S_E3
    q = q * r + _S_E2
    return r + (r * r) * q


@inlined
def exp_single(x: Any) -> Any:
    """Return e**x; subnormal results are exact to their last place too."""
    x = select(x > _S_EXP_TOP, _S_EXP_TOP, x)
    x = select(x < _S_EXP_BOTTOM, _S_EXP_BOTTOM, x)
    n = (x * _S_LOG2E + _S_ROUND) - _S_ROUND
    r = (x - n * _S_LN2_HIGH) - n * _S_LN2_LOW
    half = n * _S_HALF + _S_ROUND
    rest = (n - (half - _S_ROUND)) + _S_ROUND
    return ((_S_1 + _excess_single(r)) * _power_of_two_single(half)) * _power_of_two_single(rest)


@inlined
def expm1_single(x: Any) -> Any:
    """Return e**x - 1, relatively accurate near 0."""
    x = select(x > _S_EXP_TOP, _S_EXP_TOP, x)
    x = select(x < _S_EXPM1_BOTTOM, _S_EXPM1_BOTTOM, x)
    n = (x * _S_LOG2E + _S_ROUND) - _S_ROUND
    r = (x - n * _S_LN2_HIGH) - n * _S_LN2_LOW
    half = n * _S_HALF + _S_ROUND
    rest = (n - (half - _S_ROUND)) + _S_ROUND
    back = ((half - _S_ROUND) - n) + _S_ROUND
    scale = _power_of_two_single(half)
    part = scale * _excess_single(r) + (scale - _power_of_two_single(back))
    return part * _power_of_two_single(rest)


@inlined
def exprel_single(x: Any) -> Any:
    """Return (e**x - 1) / x, which is 1 at 0."""
    x = select(x > _S_EXPREL_TOP, _S_EXPREL_TOP, x)
    low = select(x < _S_EXPM1_BOTTOM, _S_EXPM1_BOTTOM, x)
    n = (low * _S_LOG2E + _S_ROUND) - _S_ROUND
    r = (low - n * _S_LN2_HIGH) - n * _S_LN2_LOW
    half = n * _S_HALF + _S_ROUND
    rest = (n - (half - _S_ROUND)) + _S_ROUND
    back = ((half - _S_ROUND) - n) + _S_ROUND
    scale = _power_of_two_single(half)
    part = scale * _excess_single(r) + (scale - _power_of_two_single(back))
    zero = x == _S_0
    ratio = (part / select(zero, _S_1, x)) * _power_of_two_single(rest)
    return select(zero, _S_1, ratio)


@inlined
def log_single(x: Any) -> Any:
    """Return the natural logarithm: -inf at 0, NaN below."""
    tiny = x < _S_TINY
    scaled = select(tiny, x * _S_TINY_FACTOR, x)
    bits = np.float32(scaled).view(np.uint32)
    exponent = np.uint32(np.uint32(bits >> _S_SHIFT) | _S_INTEGER_BITS).view(np.float32)
    e = exponent - _S_EXPONENT_OFFSET
    e = select(tiny, e - _S_TINY_EXPONENT, e)
    m = np.uint32(np.uint32(bits & _S_MANTISSA) | _S_ONE_BITS).view(np.float32)
    large = m > _S_SQRT2
    m = select(large, m * _S_HALF, m)
    e = select(large, e + _S_1, e)
    f = m - _S_1
    s = f / (_S_2 + f)
    z = s * s
    p = _S_L3
    p = p * z + _S_L2
    p = p * z + _S_L1
    result = e * _S_LN2_HIGH + ((f - s * (f - z * p)) + e * _S_LN2_LOW)
    result = select(x == _S_INF, x, result)
    result = select(x == _S_0, -_S_INF, result)
    return select(x >= _S_0, result, _S_NAN)


@inlined
def log1p_single(x: Any) -> Any:
    """Return log(1 + x), relatively accurate near 0."""
    u = _S_1 + x
    lost = (x - (u - _S_1)) / u
    return log_single(u) + select((u > _S_0) & (u < _S_INF), lost, _S_0)


@inlined
def tanh_single(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    e = expm1_single(-_S_2 * abs(x))
    t = -e / (e + _S_2)
    return select(x < _S_0, -t, t)


@inlined
def sinh_single(x: Any) -> Any:
    """Return the hyperbolic sine; infinite from |x| = 88.72, where e**|x| is."""
    e = expm1_single(abs(x))
    s = select(e > _S_SINH_LARGE, e, e + e / (e + _S_1)) * _S_HALF
    return select(x < _S_0, -s, s)


@inlined
def cosh_single(x: Any) -> Any:
    """Return the hyperbolic cosine; infinite from |x| = 88.72, where e**|x| is."""
    e = exp_single(abs(x))
    return _S_HALF * e + _S_HALF / e


@inlined
def sigmoid_single(x: Any) -> Any:
    """Return 1 / (1 + e**-x)."""
    e = exp_single(-abs(x))
    return select(x < _S_0, e, _S_1) / (_S_1 + e)

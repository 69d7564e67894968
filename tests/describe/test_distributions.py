"""Distributions refuse nonsense, know their support, and take the unit of their place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neurosim.describe.distributions import (
    Distribution,
    Exponential,
    FunctionOfDistance,
    LogNormal,
    Normal,
    Uniform,
)
from neurosim.describe.formulas import Formula
from neurosim.errors import DescriptionError, UnitError

numbers = st.floats(-50, 50)
positive = st.floats(0.01, 50)


def law(d: Distribution) -> Any:
    match d:
        case Uniform(low=low, high=high):
            return stats.uniform(low, high - low)
        case Normal(mean=mean, sd=sd):
            return stats.norm(mean, sd)
        case LogNormal(mu=mu, sigma=sigma):
            return stats.lognorm(sigma, scale=math.exp(mu))
        case Exponential(scale=scale, offset=offset):
            return stats.expon(offset, scale)
    raise AssertionError(d)


distributions = st.one_of(
    st.builds(lambda a, b: Uniform(a, a + b), numbers, positive),
    st.builds(Normal, numbers, positive),
    st.builds(LogNormal, st.floats(-3, 3), st.floats(0.01, 3)),
    st.builds(Exponential, positive, numbers),
)


@given(distributions, st.floats(-200, 200))
def test_probabilities_are_those_of_scipy(d: Distribution, x: float) -> None:
    """They decide whether redrawing would ever end."""
    assert d._below(x) == pytest.approx(law(d).cdf(x), abs=1e-12)
    low, high = law(d).support()
    assert d.support == pytest.approx((low, high))


@given(distributions, numbers, positive)
def test_redrawing_is_refused_exactly_where_it_would_not_end(
    d: Distribution, low: float, width: float
) -> None:
    accepted = float(np.diff(law(d).cdf([low, low + width]))[0])
    if abs(accepted - 1e-4) < 1e-9:
        return
    fields = [getattr(d, name) for name in d._own()]
    if accepted >= 1e-4:
        least, most = type(d)(*fields, redraw=(low, low + width)).support
        assert low <= least <= most <= low + width
    else:
        with pytest.raises(DescriptionError, match=r"\.redraw"):
            type(d)(*fields, redraw=(low, low + width))


@given(distributions, numbers, positive)
def test_clipping_bounds_the_support(d: Distribution, low: float, width: float) -> None:
    fields = [getattr(d, name) for name in d._own()]
    least, most = type(d)(*fields, clip=(low, low + width)).support
    assert low <= least <= most <= low + width


def test_numbers_with_units() -> None:
    d = Normal("1.5 ms", "750 us", redraw=("0.1 ms", None))
    assert d.in_unit("ms", "x") == Normal(1.5, 0.75, redraw=(0.1, None))
    assert Uniform(-60, "-50 mV").in_unit("mV", "x") == Uniform(-60, -50)
    assert Exponential("3 Hz").in_unit("Hz", "x") == Exponential(3)
    with pytest.raises(UnitError, match=r"Projection 'p': delay: Normal.mean.*It is a voltage"):
        Normal("3 mV", 1).in_unit("ms", "Projection 'p': delay")
    with pytest.raises(UnitError, match=r"Normal.sd.*a time in ms"):
        Normal("3 ms", "1 mV")
    with pytest.raises(DescriptionError, match=r"Uniform.high"):
        Uniform(0, "-50 mV").in_unit("mV", "x")  # no number can be compared before


@pytest.mark.parametrize(
    "make",
    [
        lambda: Uniform(1, 1),
        lambda: Uniform(2, 1),
        lambda: Uniform(math.nan, 1),
        lambda: Uniform([0, 1], 2),
        lambda: Normal(0, -1),
        lambda: Normal(0, math.inf),
        lambda: Normal(True, 1),
        lambda: Normal("0", 1),
        lambda: Normal(None, 1),
        lambda: Normal(0, 1, clip=(1, 0)),
        lambda: Normal(0, 1, clip=(0, 1), redraw=(0, 1)),
        lambda: Normal(0, 1, clip=3),  # type: ignore[arg-type]
        lambda: Normal(0, 1, clip=(None, None)),
        lambda: Normal(0, 1, clip=(0, 1, 2)),  # type: ignore[arg-type]
        lambda: Normal(0, 1, clip=(math.nan, 1)),
        lambda: Normal(0, 1, redraw=(1, 1)),
        lambda: Normal(0, 0, redraw=(1, 2)),
        lambda: LogNormal(0, -1),
        lambda: LogNormal("1 ms", 1),
        lambda: LogNormal(700, 10),
        lambda: Exponential(0),
        lambda: Exponential(-1),
    ],
)
def test_nonsense_is_refused(make: Any) -> None:
    with pytest.raises(DescriptionError) as caught:
        make()
    assert caught.value.place.split(".")[0] in ("Uniform", "Normal", "LogNormal", "Exponential")


def test_they_print_as_they_are_written() -> None:
    for text in ("Uniform(-60, -50)", "Normal(1.5, 0.75, redraw=(0.1, None))", "Exponential(2, 1)"):
        assert repr(eval(text)) == text


@given(st.floats(0, 5), st.floats(0.1, 3))
def test_formulas(d: float, scale: float) -> None:
    at = np.array([[d, 2 * d]])
    np.testing.assert_array_equal(Formula(f"exp(-d/{scale!r})")(at), np.exp(-at / scale))
    np.testing.assert_array_equal(
        Formula("where(d < 1, maximum(1 - d, 0), +pi*d**2)")(at),
        np.where(at < 1, np.maximum(1 - at, 0), np.pi * at**2),
    )
    np.testing.assert_array_equal(Formula("3")(at), [[3, 3]])


def test_formulas_have_a_normal_form() -> None:
    assert Formula("1+ d/(0.3)") == Formula("1.0 + d / 0.30")
    assert Formula("1 + d") != Formula("d + 1")
    assert FunctionOfDistance("1+d") == FunctionOfDistance(Formula("1 + d"))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')", "d.real", "d[0]", "x", "lambda: d", "[d]", "d if d else 1", "d and 1",
        "not d", "1 < d < 2", "d == 1", "exp()", "exp(d, d)", "exp(x=d)", "getattr(d, 'a')", "'d'",
        "True", "1j", "1e999", "", "exp(d", "d; d", "d := 1", "exp(*d)", "d @ d", "d // 2", "None",
        "(" * 500 + "d" + ")" * 500, "\x00",
    ],
)  # fmt: skip
def test_formulas_run_nothing_else(text: str) -> None:
    with pytest.raises(DescriptionError, match="a formula"):
        Formula(text)


def test_formulas_refuse_what_is_not_finite() -> None:
    with pytest.raises(DescriptionError, match="at d = 0 is -inf"):
        Formula("log(d)")(np.array([1.0, 0.0]))

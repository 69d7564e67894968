"""The boundary: what passes, into which float, and what is refused with which words."""

from __future__ import annotations

import importlib
import math
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.errors import DescriptionError, UnitError
from neurosim.units import (
    Quantity,
    coherent_unit,
    defer,
    parse_quantity,
    parse_unit,
    quantity_name,
    same_dimension,
    to_float,
    to_scalar,
)

PLACE = "LIF.tau_m"
MASKED: Any = np.ma.array([1.0, 2.0], mask=[False, True])  # type: ignore[no-untyped-call]
finite = st.floats(-1e12, 1e12)


@given(finite)
def test_a_number_is_taken_as_it_is(x: float) -> None:
    result = to_float(x, "ms", PLACE)
    assert type(result) is float
    assert result == x


@given(st.decimals(-(10**6), 10**6, places=6), st.sampled_from(["ms", "s", "us", "min"]))
def test_texts_are_rounded_once(number: Decimal, unit: str) -> None:
    """The oracle is exact arithmetic."""
    factors = {"ms": "1", "s": "1000", "us": "1/1000", "min": "60000"}
    exact = Fraction(number) * Fraction(factors[unit])
    assert to_float(f"{number:f} {unit}", "ms", PLACE) == float(exact)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("20 ms", "ms", 20.0),
        ("20ms", "ms", 20.0),
        ("0.3 s", "ms", 300.0),
        ("-65 mV", "mV", -65.0),
        (".5 nA", "pA", 500.0),
        ("1e-1 nF", "pF", 100.0),
        ("12_800 Hz", "Hz", 12800.0),
        ("8/s", "Hz", 8.0),
        ("2 kHz", "Hz", 2000.0),
        ("10 1/ms", "Hz", 10000.0),
        ("5 uS", "nS", 5000.0),
        ("100 Mohm", "GOhm", 0.1),
        ("0.1 GΩ", "GOhm", 0.1),
        ("5 µs", "ms", 0.005),
        ("20 * millisecond", "ms", 20.0),
        ("3 volt/second", "mV/ms", 3.0),
        ("1 uF/cm**2", "uF/cm^2", 1.0),
        ("1 uF/cm2", "pF/um**2", 0.01),
        ("7 (pA*ms)/mV", "pF", 7.0),
        ("4 mV/sqrt", "mV", None),
        ("2 1/ms**0.5", "1/ms**(1/2)", 2.0),
        ("2 V", "mV", 2000.0),
        ("1 mM", "mM", 1.0),
        ("1 mol/m**3", "mM", 1.0),
    ],
)
def test_texts(text: str, unit: str, value: float | None) -> None:
    if value is None:
        with pytest.raises(UnitError, match="no unit is called 'sqrt'"):
            to_float(text, unit, PLACE)
    else:
        assert to_float(text, unit, PLACE) == value


def test_the_set_is_coherent() -> None:
    """nS*mV = pA, pF*mV/ms = pA, GOhm*pA = mV: no factors inside."""
    for product, unit in (("nS*mV", "pA"), ("pF*mV/ms", "pA"), ("GOhm*pA", "mV"), ("nS*GOhm", "1")):
        assert parse_unit(product).ratio(parse_unit(unit)) == 1


@pytest.mark.parametrize("unit", ["ms", "mV", "pA", "pF", "nS", "GOhm", "um", "K", "mM", "1"])
def test_coherent_names(unit: str) -> None:
    assert coherent_unit(parse_unit(unit).dimension) == unit


@given(
    st.lists(
        st.tuples(st.sampled_from(["ms", "mV", "pA", "pF", "nS", "um", "K"]), st.integers(-3, 3)),
        max_size=4,
    )
)
def test_coherent_units_are_products_of_coherent_units(powers: list[tuple[str, int]]) -> None:
    unit = parse_unit("1")
    for name, power in powers:
        if power:
            unit = unit * parse_unit(name) ** Fraction(power)
    assert parse_unit(coherent_unit(unit.dimension)).ratio(unit) == 1


def test_parse_quantity_goes_to_the_coherent_set() -> None:
    assert parse_quantity("20 ms") == (20.0, "ms")
    assert parse_quantity("12.8 kHz") == (12.8, "1/ms")
    assert parse_quantity("1 uF/cm2") == (0.01, "pA*ms/(mV*um**2)")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (None, "no value"),
        (True, "truth value"),
        (np.True_, "truth value"),
        (math.nan, "finite"),
        (math.inf, "finite"),
        (np.float32("nan"), "finite"),
        (10**400, "finite"),
        (1j, "Complex"),
        (np.complex128(1), "Complex"),
        ("20", "needs a unit"),
        ("ms", "number with a unit"),
        ("", "number with a unit"),
        ("nan ms", "number with a unit"),
        ("inf ms", "number with a unit"),
        ("1e999 ms", "too large"),
        ("20 mV", "a voltage"),
        ("20 furlongs", "no unit is called 'furlongs'"),
        ("20 ms)", "cannot read"),
        ("20 (ms", "not closed"),
        ("20 ms**", "power"),
        ("20 ms/", "missing"),
        ("20 ms; 1", "cannot read"),
        ("1e99999999 ms", "no unit is called 'e'"),
        ("1 min**99999999", "up to 99"),
        ("1 min99999999", "up to 99"),
        (b"20 ms", "bytes"),
        ({}, "dict"),
        (object(), "object"),
        ([1.0, None], r"\[1\] is None"),
        ([1.0, math.nan], r"\[1\] is nan"),
        ([[1.0], [1.0, 2.0]], "equal length"),
        (np.array([1.0, np.inf]), r"\[1\] is inf"),
        (np.array([True]), "bool"),
        (np.array([1j]), "complex"),
        (np.array([object()]), "object"),
        (np.array(["2011-01-01"], "datetime64"), "datetime64"),
        (MASKED, "masked"),
    ],
)
def test_what_is_no_time_is_refused_with_the_reason(bad: Any, words: str) -> None:
    with pytest.raises(DescriptionError, match=words) as caught:
        to_float(bad, "ms", PLACE)
    assert PLACE in str(caught.value)
    assert "a time in ms" in str(caught.value) or "too large" in words


def test_the_message_names_both_dimensions() -> None:
    with pytest.raises(UnitError) as caught:
        to_float("20 mV", "ms", PLACE)
    assert str(caught.value) == ("LIF.tau_m is '20 mV'; expected a time in ms. It is a voltage.")


@pytest.mark.parametrize("package", ["pint", "brian2", "quantities"])
def test_quantities_of_other_packages(package: str) -> None:
    ms, mV, array = _units_of(package)
    assert to_float(20 * ms, "ms", PLACE) == 20.0
    assert to_float(0.02 * 1000 * ms, "s", PLACE) == 0.02
    values = to_float(array * ms, "ms", PLACE)
    assert isinstance(values, np.ndarray)
    np.testing.assert_allclose(values, [1, 2, 3], rtol=1e-15)
    mixed = to_float([1 * ms, "2 ms", 3], "ms", PLACE)
    np.testing.assert_allclose(mixed, [1, 2, 3], rtol=1e-15)
    for wrong in (20 * mV, array * mV, [20 * mV]):
        with pytest.raises(UnitError, match="a voltage"):
            to_float(wrong, "ms", PLACE)
    assert to_float(20 * ms / (1 * ms), "1", PLACE) == 20.0
    with pytest.raises(DescriptionError):
        to_float(np.nan * ms, "ms", PLACE)
    deferred = defer(array * mV, PLACE)
    assert isinstance(deferred, Quantity)
    np.testing.assert_allclose(to_float(deferred, "V", PLACE), [0.001, 0.002, 0.003], rtol=1e-15)


def _units_of(package: str) -> tuple[Any, Any, Any]:
    values = np.array([1.0, 2.0, 3.0])
    if package == "pint":
        import pint

        registry: Any = pint.UnitRegistry()
        return registry.ms, registry.mV, values
    if package == "brian2":
        import brian2

        return brian2.ms, brian2.mV, values
    import quantities

    return quantities.ms, quantities.mV, values


def test_pint_scales_exactly_and_knows_offsets() -> None:
    pint = importlib.import_module("pint")
    u = pint.UnitRegistry()
    assert to_float(0.3 * u.s, "ms", PLACE) == 300.0
    assert to_float(100 * u.us, "ms", PLACE) == 0.1
    assert to_float(u.Quantity(20, u.degC), "K", PLACE) == 293.15
    assert to_float(2 * u.minute, "ms", PLACE) == 120_000.0


def test_quantities_of_unknown_packages_are_refused() -> None:
    class Length(np.ndarray):
        unit = "m"

    with pytest.raises(UnitError, match="not understood"):
        to_float(np.zeros(3).view(Length), "ms", PLACE)


def test_bounds() -> None:
    with pytest.raises(DescriptionError, match="a time in ms above 0"):
        to_float(0, "ms", PLACE, above=0)
    with pytest.raises(DescriptionError, match=r"LIF.tau_m\[1\] is -1.0"):
        to_float([1, -1], "ms", PLACE, at_least=0)
    with pytest.raises(DescriptionError, match="at least 0 and at most 1"):
        to_scalar(1.5, "1", PLACE, at_least=0, at_most=1)
    with pytest.raises(DescriptionError, match="one value"):
        to_scalar([1.0], "1", PLACE)


def test_arrays_are_copies_that_cannot_be_written() -> None:
    mine = np.ones(3)
    kept = to_float(mine, "ms", PLACE)
    mine[0] = 7
    assert isinstance(kept, np.ndarray)
    assert kept[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 2


def test_words() -> None:
    assert quantity_name("mV") == "a voltage"
    assert same_dimension("1/ms", "Hz")
    assert not same_dimension("pA", "pF")


def test_importing_is_light() -> None:
    code = "import sys, neurosim.units; print([m for m in ('pint','sympy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("value", [[10**400], [1.0, -(10**400)], [[1, 2], [3, 10**400]]])
def test_whole_numbers_beyond_the_floats_are_refused_by_their_place(value: Any) -> None:
    with pytest.raises(DescriptionError, match=r"weight\[\d\].*(too large|finite)"):
        to_float(value, "pA", "weight")

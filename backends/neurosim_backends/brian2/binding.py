"""Brian2 itself: imported when first used, and left as it was found."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself that Brian2 spells its parser's functions as one did."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@cache
def brian2() -> Any:
    """Return the module."""
    with _quiet():
        import brian2

    return brian2


@cache
def reserved_names() -> frozenset[str]:
    """Return the names that mean something in Brian2's texts."""
    from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
    from brian2.units.allunits import all_units

    units = {str(u) for u in all_units}
    return frozenset({*DEFAULT_FUNCTIONS, *DEFAULT_CONSTANTS, *units})


@contextmanager
def settings(device: Any, preferences: Mapping[str, Any], **options: Any) -> Iterator[None]:
    """Use a device and preferences for a while; the user's own come back afterwards.

    Parameters
    ----------
    device : str or brian2.Device
    preferences : mapping
        Name -> value.
    **options
        Of the device.
    """
    b = brian2()
    from brian2.devices.device import reset_device

    before = {name: b.prefs[name] for name in preferences}
    b.set_device(device, **options)
    try:
        for name, value in preferences.items():
            b.prefs[name] = value
        # What leaves the finite numbers is found, and told by name, without warnings of numpy.
        with np.errstate(all="ignore"), _quiet():
            yield
    finally:
        for name, value in before.items():
            b.prefs[name] = value
        reset_device()


@cache
def quick_functions() -> dict[str, Any]:
    """Return functions of numpy code in place of Brian2's own.

    Its `exprel` checks units in every call, and writes its result into the message of an error
    that does not happen: 4 ms for a hundred neurons.
    """
    from scipy.special import exprel

    b = brian2()
    function = b.Function(exprel, arg_units=[1], return_unit=1, arg_names=["x"])
    function.implementations.add_implementation("numpy", code=lambda x: exprel(np.asarray(x)))
    return {"exprel": function}

"""Brian2 collects garbage before every run: 0.4 s, if all that tests import is looked at."""

import gc

import pytest


@pytest.fixture(autouse=True)
def unburdened_collections() -> None:
    """Leave what earlier tests left behind out of the garbage collections of this one."""
    gc.freeze()

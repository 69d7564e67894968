"""Rules for every test: figures stay off the screen, examples repeat, the network is shut."""

import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from _pytest import doctest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"

# The same examples on every machine and in every run; look further afield with
# HYPOTHESIS_PROFILE=explore.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("explore", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture
def brian2_in_numpy() -> Iterator[None]:
    """Have Brian2 compile nothing: for short runs its numpy code is ready much sooner."""
    import brian2

    before = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "numpy"
    yield
    brian2.prefs.codegen.target = before


_patch = pytest.MonkeyPatch()
_plain_doctests = doctest.DoctestModule


def pytest_collectstart() -> None:
    """Take back what `import brian2` puts in the place of pytest's collector of doctests.

    Brian2's own fails on the `__init__.py` of a package.
    """
    doctest.DoctestModule = _plain_doctests  # type: ignore[misc]


def pytest_configure() -> None:
    """Shut the network for the whole process, doctests and tutorials included."""
    for name in ("connect", "connect_ex", "sendto"):
        _patch.setattr(socket.socket, name, _guarded_method(getattr(socket.socket, name)))
    _patch.setattr(socket, "getaddrinfo", _guarded_lookup(socket.getaddrinfo))


def pytest_unconfigure() -> None:
    """Open it again."""
    _patch.undo()


def _guarded_method(original: Any) -> Any:
    def guarded(self: socket.socket, *args: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_unless_loopback(args[-1][0])  # the address is the last argument of all three
        return original(self, *args)

    return guarded


def _guarded_lookup(original: Any) -> Any:
    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_unless_loopback(host)
        return original(host, *args, **kwargs)

    return guarded


def _refuse_unless_loopback(host: Any) -> None:
    if host in (None, "", "localhost"):
        return
    try:
        allowed = ipaddress.ip_address(host).is_loopback
    except ValueError:
        allowed = False
    if not allowed:
        raise RuntimeError(f"A test tried to reach {host!r}; tests use no network.")

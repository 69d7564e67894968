"""NEST's kernel: one in a process, silent, and in the hands of one session at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from neurosim.capabilities import UnavailableError
from neurosim.errors import DescriptionError, SimulationError, UnsupportedError, warn
from neurosim_backends.nest.declared import VERSIONS

TICS_PER_MS = 1000
"""NEST's own unit of time: a microsecond."""

FINE_TICS_PER_MS = 1_000_000
"""For time steps that are no whole microseconds."""

MARK = "neurosim_parrot_neuron"
"""A model in every kernel that we filled: gone when somebody else has emptied it."""

_owner: object | None = None

_n_own = 0


@cache
def load() -> Any:
    """Return the module `nest`, imported without its banner; it speaks up in errors only.

    Raises
    ------
    UnavailableError
        If it is too old; one that was built from source tells its version only here.
    """
    before = os.environ.get("PYNEST_QUIET")
    os.environ["PYNEST_QUIET"] = "1"
    try:
        import nest
    finally:
        if before is None:
            del os.environ["PYNEST_QUIET"]
        else:
            os.environ["PYNEST_QUIET"] = before
    module: Any = nest
    if not hasattr(module, "VerbosityLevel"):
        raise UnavailableError(
            f"Backend 'nest' needs NEST {VERSIONS}; installed is NEST {module.__version__}. "
            f"Install it with: pip install 'nest-simulator{VERSIONS}'"
        )
    module.verbosity = module.VerbosityLevel.ERROR
    return module


def take(owner: object, *, dt: float, threads: int, seed: int) -> Any:
    """Empty the kernel for a session; the one that had it before has lost it.

    Nodes that somebody else made are lost, too: a `UserWarning` says how many.

    Parameters
    ----------
    owner : object
        The session.
    dt : float
        Resolution [ms].
    threads : int
        Of NEST.
    seed : int
        Of NEST's random numbers, for the few models that draw any.

    Raises
    ------
    DescriptionError
        If NEST cannot count in such time steps.
    """
    global _owner
    nest = load()
    tics = _tics_per_ms(dt)
    n_foreign = _count_foreign(nest)
    if n_foreign:  # told before they go: whoever makes this warning an error keeps them
        warn(
            f"Backend 'nest': NEST's kernel holds {n_foreign:,} nodes that neurosim did not make; "
            "this session empties it, so they are gone, with their connections and the kernel's "
            "settings. A process has one kernel: run one of the two networks in another process.",
            UserWarning,
        )
    nest.ResetKernel()
    _owner = owner
    nest.set(tics_per_ms=tics, resolution=dt)
    nest.set(local_num_threads=threads, rng_seed=seed, print_time=False)
    nest.CopyModel("parrot_neuron", MARK)
    return nest


def settle() -> None:
    """Take note that all nodes in the kernel are ours: a network is built."""
    global _n_own
    _n_own = load().network_size


def release(owner: object) -> None:
    """Forget a session whose network could not be built."""
    global _owner
    settle()
    if _owner is owner:
        _owner = None


def _count_foreign(nest: Any) -> int:
    n_nodes: int = nest.network_size
    return n_nodes - _n_own if MARK in nest.node_models else n_nodes


def require(owner: object, name: str, now: float) -> Any:
    """Return the module `nest`, whose kernel still holds the network of `owner`.

    Raises
    ------
    UnsupportedError
        If another session has taken the kernel, or somebody else has emptied or run it.
    """
    nest = load()
    if _owner is not owner:
        raise UnsupportedError(
            f"Session of network {name!r} in NEST",
            "NEST holds one network at a time, and a session made later has taken its place",
            "finish with one session before the next is compiled, or compile this one again",
        )
    if abs(nest.biological_time - now) > 1e-6 * max(1.0, now):
        raise UnsupportedError(
            f"Session of network {name!r} in NEST",
            "NEST's kernel was reset or run by other code than the session's",
            "compile it again",
        )
    return nest


def _tics_per_ms(dt: float) -> int:
    for tics in (TICS_PER_MS, FINE_TICS_PER_MS):
        if round(dt * tics) >= 1 and abs(dt * tics - round(dt * tics)) < 1e-6:
            return tics
    raise DescriptionError(
        "compile: dt", dt, "a multiple of 1e-6 ms", "NEST counts time in whole units (tics)."
    )


@contextmanager
def explained(part: str, *, running: bool = False) -> Iterator[None]:
    """Turn what NEST objects to into an error that names the part.

    Parameters
    ----------
    running : bool
        Whether time passes: then it is the simulation that failed.

    Raises
    ------
    UnsupportedError
        With NEST's own words.
    SimulationError
        If running.
    """
    nest = load()
    try:
        yield
    except nest.NESTError as error:
        words = " ".join(str(error).split()).rstrip(".")
        if running:
            raise SimulationError(f"{part}: NEST stopped: {words}.") from None
        raise UnsupportedError(part, f"NEST refuses it: {words}") from None

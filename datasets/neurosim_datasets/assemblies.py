"""Spike trains with planted cell assemblies: what a detector should find is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import check_bool, to_int
from neurosim.errors import DescriptionError
from neurosim.units import to_scalar
from neurosim_datasets.events import Floats, Ints, trains_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PlantedAssemblies:
    """Spike trains, and what was planted in them. The arrays are read-only.

    Attributes
    ----------
    trains : tuple of n_neurons float64 arrays
        Ascending times [ms] in (0, duration], as `neurosim.SpikeTimes` takes them.
    members : tuple of n_assemblies int64 arrays
        Neurons of each assembly, ascending.
    latencies : tuple of n_assemblies float64 arrays
        When each member fires after its assembly is called [ms].
    activations : tuple of n_assemblies float64 arrays
        When each assembly is called [ms], ascending.
    duration : float
        [ms]
    """

    trains: tuple[Floats, ...]
    members: tuple[Ints, ...]
    latencies: tuple[Floats, ...]
    activations: tuple[Floats, ...]
    duration: float

    def __repr__(self) -> str:
        spikes = sum(train.size for train in self.trains)
        calls = sum(times.size for times in self.activations)
        return (
            f"PlantedAssemblies({len(self.members)} in {len(self.trains)} neurons, called {calls} "
            f"times in {self.duration:g} ms, {spikes} spikes)"
        )


def planted_assemblies(
    n_neurons: int,
    n_assemblies: int,
    size: int,
    *,
    duration: object = 10_000.0,
    rate: object = 5.0,
    call_rate: object = 2.0,
    participation: float = 0.8,
    jitter: object = 2.0,
    spread: object = 0.0,
    overlap: bool = False,
    seed: int = 0,
) -> PlantedAssemblies:
    """Return Poisson spike trains in which groups of neurons fire together now and then.

    Parameters
    ----------
    n_neurons, n_assemblies, size : int
        How many neurons, assemblies, and neurons of each assembly.
    duration : float or text
        [ms]
    rate : float or text
        Of the spikes of each neuron that belong to no assembly [Hz].
    call_rate : float or text
        How often each assembly is called [Hz], at random times.
    participation : float
        Chance that a member fires when its assembly is called, in [0, 1].
    jitter : float or text
        Standard deviation of the time at which it does [ms].
    spread : float or text
        0: members fire at once. Above: each has a latency of its own, drawn once from 0 to this
        [ms], so that the assembly is a pattern in space and time.
    overlap : bool
        Whether a neuron may belong to several assemblies. False: none does.
    seed : int
        The same seed gives the same trains.

    Returns
    -------
    PlantedAssemblies
        Spikes of assemblies that jitter or latency puts outside of (0, duration] are left out.

    Raises
    ------
    DescriptionError
        If a number is no such number, or neurons do not suffice.

    Source: the procedure of Lopes-dos-Santos, Ribeiro & Tort (2013), J. Neurosci. Methods
    220:149-166, with latencies as in Masquelier, Guyonneau & Thorpe (2008), PLoS ONE 3:e1377.

    Examples
    --------
    >>> planted = planted_assemblies(50, 3, 10, seed=1)
    >>> len(planted.trains), [len(group) for group in planted.members]
    (50, [10, 10, 10])
    """
    place = "planted_assemblies"
    neurons = to_int(n_neurons, f"{place}: n_neurons", at_least=1)
    groups = to_int(n_assemblies, f"{place}: n_assemblies")
    each = to_int(size, f"{place}: size", at_least=1)
    check_bool(overlap, f"{place}: overlap")
    needed = each if overlap else each * groups
    if needed > neurons:
        raise DescriptionError(
            f"{place}: n_neurons", neurons, f"at least {needed}",
            None if overlap else "overlap=True lets neurons belong to several assemblies.",
        )  # fmt: skip
    time = to_scalar(duration, "ms", f"{place}: duration", above=0)
    alone = to_scalar(rate, "Hz", f"{place}: rate", at_least=0)
    calls = to_scalar(call_rate, "Hz", f"{place}: call_rate", at_least=0)
    chance = to_scalar(participation, "1", f"{place}: participation", at_least=0, at_most=1)
    width = to_scalar(jitter, "ms", f"{place}: jitter", at_least=0)
    longest = to_scalar(spread, "ms", f"{place}: spread", at_least=0)
    generator = np.random.Generator(np.random.Philox(to_int(seed, f"{place}: seed")))

    if overlap:
        chosen = [generator.permutation(neurons)[:each] for _ in range(groups)]
    else:
        chosen = np.split(generator.permutation(neurons)[: each * groups], max(groups, 1))[:groups]
    members = tuple(np.sort(group) for group in chosen)
    ids, times = _poisson(generator, neurons, alone, time)
    found = [(ids, times)]
    latencies, activations = [], []
    for group in members:
        own = generator.uniform(0, longest, each)
        called = np.sort(_poisson(generator, 1, calls, time)[1])
        fires = generator.random((called.size, each)) < chance
        when = called[:, np.newaxis] + own + width * generator.standard_normal(fires.shape)
        inside = fires & (when > 0) & (when <= time)
        found.append((np.broadcast_to(group, fires.shape)[inside], when[inside]))
        latencies.append(own)
        activations.append(called)
    ids, times = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return PlantedAssemblies(
        trains=tuple(map(_kept, trains_of(times, ids, neurons))),
        members=tuple(map(_kept, members)),
        latencies=tuple(map(_kept, latencies)),
        activations=tuple(map(_kept, activations)),
        duration=time,
    )


def _poisson(
    generator: np.random.Generator, neurons: int, rate: float, duration: float
) -> tuple[Ints, Floats]:
    """Return neurons and times [ms] in (0, duration] of independent Poisson trains."""
    count = generator.poisson(rate * duration / 1000, neurons)
    ids = np.repeat(np.arange(neurons), count)
    return ids, duration * (1 - generator.random(ids.size))


def _kept(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False
    return array

"""The associative memory of Hopfield (1982), and those with other interactions."""

from __future__ import annotations

from typing import Any

import numpy as np

import neurosim as ns
from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError
from neurosim.units import to_scalar


def hopfield(
    patterns: Any = None,
    *,
    size: int = 1000,
    load: float = 0.05,
    interaction: ns.Linear | ns.Polynomial | ns.ExponentialInteraction | None = None,
    temperature: float = 0.0,
    noise: float = 0.2,
    seed: int = 1,
) -> ns.Network:
    """Associative memory of binary units, shown a noisy version of its first pattern.

    Units of -1 and 1 update one at a time, each once in a millisecond; patterns are coupled by
    Hebb's rule with the factor 1/N (`Linear`) unless another interaction is given.

    Parameters
    ----------
    patterns : (n_patterns, n_units) array of -1 and 1 (and 0), optional
        Left out: ``round(load * size)`` random ones of `size` units.
    size : int
        Units, where patterns are left out.
    load : float
        Random patterns per unit; retrieval breaks down at 0.138 (Amit, Gutfreund & Sompolinsky,
        1985).
    interaction : Linear, Polynomial or ExponentialInteraction, optional
    temperature : float
    noise : float
        Fraction of units that are flipped in the first pattern at the start.
    seed : int
        Of patterns, noise and the order of updates.

    Returns
    -------
    Network
        Population "units", whose state `s` is recorded every millisecond and at the start.

    Source: Hopfield (1982), Neural networks and physical systems with emergent collective
    computational abilities, PNAS 79:2554-2558, doi 10.1073/pnas.79.8.2554.
    """
    share = to_scalar(load, "1", "hopfield: load", above=0)
    flipped = to_scalar(noise, "1", "hopfield: noise", at_least=0, at_most=1)
    random = np.random.Generator(np.random.Philox(to_int(seed, "hopfield: seed")))
    if patterns is None:
        n_units = to_int(size, "hopfield: size", at_least=1)
        number = round(share * n_units)
        if number < 1:
            expected = f"at least {1 / n_units:g}, one pattern of {n_units} units"
            raise DescriptionError("hopfield: load", load, expected)
        patterns = np.where(random.random((number, n_units)) < 0.5, -1, 1)
    coupling = ns.PatternCoupling(
        patterns, **({} if interaction is None else {"interaction": interaction})
    )
    first = coupling.patterns.dense(0, 1)[0]
    # Where a diluted pattern says nothing a unit starts at random.
    cue = np.where(first == 0, np.where(random.random(first.size) < 0.5, -1, 1), first)
    cue = np.where(random.random(first.size) < flipped, -cue, cue)
    net = ns.Network("hopfield", seed=seed, dt=1.0)
    units = net.population("units", first.size, ns.Binary(temperature=temperature))
    net.project(units, units, coupling, name="memory")
    net.initialise(units, s=cue)
    net.record(units, "s", every=1.0, initial=True)
    return net

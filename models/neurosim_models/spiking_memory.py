"""An associative memory whose units are integrate-and-fire neurons: patterns recalled by spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError
from neurosim.units import to_scalar

CUE = 60.0
"""How long the cue is shown [ms]."""


def spiking_memory(
    patterns: Any, cue: Any, *, strength: float = 1.0, cue_current: float = 120.0,
    background: float = 195.0, noise: float = 60.0, seed: int = 1,
) -> ns.Network:  # fmt: skip
    """Associative memory of leaky integrate-and-fire neurons with Hebb's weights.

    Neuron j is coupled to i with the charge of W_ij = (1/N) sum_mu xi_i xi_j, Hopfield's weights,
    of either sign. A neuron of a pattern (+1) that fires excites those of the pattern and inhibits
    the others (-1), so that a pattern sustains itself. Constant current and independent noise keep
    neurons close to the threshold. For the first 60 ms the cue drives neurons up and down.

    Parameters
    ----------
    patterns : (n_patterns, n) array of -1 and 1
    cue : (n,) array of -1 and 1
    strength : float
        Factor of all weights; 0 cuts the coupling.
    cue_current : float
        Of the cue, times its entries [pA].
    background : float
        Constant current [pA]; 200 bring the potential to the threshold.
    noise : float
        Standard deviation of the current of each neuron [pA].
    seed : int
        Of the noise and the potentials at the start.

    Returns
    -------
    Network
        Population "units", whose spikes are recorded. `spike_overlaps` reads what is recalled.

    Notes
    -----
    Gerstner & van Hemmen show for neurons with a spike response, and noise, that such a network has
    the stationary states of the binary one where spikes are asynchronous. Membrane: 20 ms, 200 pF,
    threshold 20 mV above rest, refractory for 5 ms; exponential currents of 5 ms.

    Source: Gerstner & van Hemmen (1992), Associative memory in a network of 'spiking' neurons,
    Network: Comput. Neural Syst. 3:139-164, doi 10.1088/0954-898X_3_2_004; Hopfield (1982), PNAS
    79:2554-2558.
    """
    weights = ns.store(patterns, "hebb")
    # Each neuron's weights sum to 0, so that it reads which of the others fire, not how many.
    weights = np.round(weights - weights.mean(axis=0), 12)
    factor = to_scalar(strength, "1", "spiking_memory: strength", at_least=0)
    shown = np.asarray(cue)
    if shown.shape != (len(weights),) or not np.isin(shown, (-1, 1)).all():
        raise DescriptionError(
            "spiking_memory: cue", cue, f"{len(weights)} values of -1 and 1, one for each unit"
        )
    cell = ns.LIF(
        tau_m=20, C_m=200, E_L=-70, V_th=-50, V_reset=-60, t_ref=5, I_e=background,
        synapses=ns.ExpCurrent(exc=5),
    )  # fmt: skip
    net = ns.Network("spiking memory", seed=seed)
    units = net.population("units", len(weights), cell)
    net.initialise(units, V_m=ns.Uniform(-70, -50))
    # N/2 neurons that fire at 50 Hz then bring +-500 pA.
    charges = ns.FromMatrix(PER_SPIKE * factor * weights)
    net.project(units, units, charges, delay=1.0, receptor="exc", name="memory")
    net.inject(units, ns.NoiseCurrent(sd=noise, tau=5.0))
    driven = to_scalar(cue_current, "pA", "spiking_memory: cue_current") * shown
    net.inject(units, ns.StepCurrent(times=[0.0, CUE], amplitudes=[driven, 0.0 * driven]))
    net.record(units, "spikes")
    return net


PER_SPIKE = 4000.0
"""Current of one spike through a weight of 1 [pA]."""


def spike_overlaps(
    run: ns.Run, patterns: Any, *, start: float, stop: float
) -> npt.NDArray[np.float64]:
    """Return the overlap of what fires with each pattern: (n_patterns,).

    A unit is +1 if it fires more often than half of the highest rate (the 95th percentile) between
    two times, else -1, as the states of binary units; a silent network has no state and overlap 0.

    Parameters
    ----------
    run : Run
        Of `spiking_memory`.
    patterns : (n_patterns, n) array of -1 and 1
    start, stop : float
        [ms]
    """
    xi = np.asarray(patterns, np.float64)
    to_int(int(stop > start), "spike_overlaps: stop > start", at_least=1)
    spikes = run.spikes["units"]
    chosen = (spikes.times > start) & (spikes.times <= stop)
    counts = np.bincount(spikes.ids[chosen], minlength=xi.shape[1])
    if not counts.any():
        return np.zeros(len(xi))
    state = np.where(counts > 0.5 * np.percentile(counts, 95), 1.0, -1.0)
    return np.asarray(xi @ state / xi.shape[1])

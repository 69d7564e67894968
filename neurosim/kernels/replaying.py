"""The random numbers of noise and hazards as arrays, as the generated kernels draw them."""

from __future__ import annotations

from neurosim.kernels.jit import kernel
from neurosim.kernels.random import (
    HAZARD,
    NOISE,
    normal_quantile_selects,
    philox4x32,
    uniform53,
)


@kernel
def noise_normals(out, first_id, step, key0, key1):
    """Draw the standard normals that one step of a population reads.

    out      : (n_normals, n) float64, written
    first_id : global id of neuron 0
    """
    for number in range(out.shape[0]):
        counter = number // 2 + ((step >> 32) << 16)
        for k in range(out.shape[1]):
            w = philox4x32(first_id + k, step, counter, NOISE, key0, key1)
            high, low = (w[0], w[1]) if number % 2 == 0 else (w[2], w[3])
            out[number, k] = normal_quantile_selects(uniform53(high, low))


@kernel
def hazard_uniforms(out, first_id, step, key0, key1):
    """Draw the uniform number that escape noise compares with in one step: out (n,) float64."""
    counter = (step >> 32) << 16
    for k in range(out.size):
        w = philox4x32(first_id + k, step, counter, HAZARD, key0, key1)
        out[k] = uniform53(w[0], w[1])

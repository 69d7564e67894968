"""What is handed over while running, written into the network, so that it can be replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from neurosim.backend import checked_inputs
from neurosim.describe.network import Network
from neurosim.describe.sources import SpikeTimes
from neurosim.errors import UnsupportedError


def with_inputs(network: Network, inputs: Mapping[str, Any], n_steps: int, dt: float) -> Network:
    """Return the network with every `Input` population replaced by the spikes it was handed.

    Raises
    ------
    DescriptionError
        As ``session.run`` would: for inputs that are missing or misshapen.
    UnsupportedError
        For currents.
    """
    checked = checked_inputs(network, inputs, n_steps, "certify: inputs")
    if not checked:
        return network
    copy = network.copy()
    for name, array in checked.items():
        population = network.populations[name]
        if population.model.kind != "spikes":
            raise UnsupportedError(
                f"certify: inputs[{name!r}]",
                "currents handed over while running cannot be replayed step by step",
                "net.inject with a StepCurrent",
            )
        counts = array.astype(np.int64)
        times = (np.arange(n_steps) + 1) * dt
        trains = [np.repeat(times, column).tolist() for column in counts.T]
        copy._populations[name] = replace(population, model=SpikeTimes(trains))
    return copy

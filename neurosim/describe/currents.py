"""Currents that are injected into neurons: ``net.inject(exc, ns.StepCurrent(...))``.

They add to the model's constant current `I_e`. Amplitudes are in pA, times in ms; what one step
sees is the current at its start.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

import numpy as np

from neurosim.describe.sources import step_times, step_values
from neurosim.describe.values import Quantity, Value, described, quantity, require_same_size, scalar
from neurosim.errors import DescriptionError


@described
class Current(Value):
    """The base of all currents."""

    @property
    def size(self) -> int | None:
        """The number of neurons its arrays are for; None where any number will do."""
        return None


@described
class ConstantCurrent(Current):
    """A constant current.

    Attributes
    ----------
    amplitude : float, (n,) array or Distribution
        [pA].
    """

    amplitude: Quantity = quantity("pA", default=0.0)

    @property
    def size(self) -> int | None:
        """The number of neurons the amplitudes are for; None where any number will do."""
        return self.amplitude.size if isinstance(self.amplitude, np.ndarray) else None


@described
class StepCurrent(Current):
    """A current that changes in steps: ``amplitudes[i]`` from ``times[i]`` on.

    Before the first time it is 0, after the last it stays. Times are rounded to the nearest step
    of the simulation.

    Attributes
    ----------
    times : (k,) array
        Ascending, >= 0 [ms].
    amplitudes : (k,) or (k, n) array
        [pA]; (k, n) gives each of n neurons its own.
    """

    times: Any
    amplitudes: Any

    def _check(self) -> None:
        times = step_times(self.times, "StepCurrent.times")
        amplitudes = step_values(self.amplitudes, times.size, "pA", "StepCurrent.amplitudes")
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "amplitudes", amplitudes)

    @property
    def size(self) -> int | None:
        """The number of neurons the amplitudes are for; None where any number will do."""
        return int(self.amplitudes.shape[1]) if self.amplitudes.ndim == 2 else None


@described
class NoiseCurrent(Current):
    """A Gaussian current, independent for each neuron.

    White noise (`tau` left out): a value drawn from N(mean, sd^2) is held for each interval of
    length `dt`. Its effect on a membrane grows with sqrt(dt), so `dt` is part of its meaning;
    left out, it is the step of the simulation. (The noise_generator of NEST.)

    Coloured noise (`tau` given): an Ornstein-Uhlenbeck process of that correlation time,

        dI/dt = (mean - I) / tau + sd sqrt(2 / tau) xi(t),

    stationary from the start with mean `mean` and standard deviation `sd`, advanced exactly from
    step to step.

    Attributes
    ----------
    mean, sd : float or (n,) array
        [pA].
    dt : float, optional
        Interval of white noise [ms]; a multiple of the step of the simulation.
    tau : float, optional
        Correlation time of coloured noise [ms].

    Source: Uhlenbeck & Ornstein (1930), Phys. Rev. 36:823-841; exact step: Gillespie (1996), Phys.
    Rev. E 54:2084-2091.
    """

    mean: Quantity = quantity("pA", default=0.0)
    sd: Quantity = quantity("pA", default=0.0, range="nonnegative")
    dt: Any = field(default=None)
    tau: Any = field(default=None)

    def _check(self) -> None:
        require_same_size(self)
        for name in ("dt", "tau"):
            value = getattr(self, name)
            if value is not None:
                checked = scalar(value, "ms", "positive", f"NoiseCurrent.{name}")
                object.__setattr__(self, name, checked)
        if self.dt is not None and self.tau is not None:
            raise DescriptionError(
                "NoiseCurrent.dt",
                self.dt,
                "None, since tau is given",
                "Coloured noise is exact at every step and needs no interval.",
            )

    @property
    def size(self) -> int | None:
        """The number of neurons the arrays are for; None where any number will do."""
        for value in (self.mean, self.sd):
            if isinstance(value, np.ndarray):
                return value.size
        return None

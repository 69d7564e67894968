"""Fields that several tests share."""

from __future__ import annotations

from typing import Any

import numpy as np


def wilson_cowan_1972(x: Any, P: float = 1.25) -> tuple[Any, Any]:
    """Wilson & Cowan (1972), Biophys. J. 12:1-24, in units of tau, parameters of fig. 11.

    dE/dt = -E + (1 - E) S(16 E - 12 I + P; 1.3, 4), dI/dt = -I + (1 - I) S(15 E - 3 I; 2, 3.7)
    """

    def S(x: Any, a: float, theta: float) -> Any:
        return 1 / (1 + np.exp(-a * (x - theta))) - 1 / (1 + np.exp(a * theta))

    E, I = x
    return (
        -E + (1 - E) * S(16 * E - 12 * I + P, 1.3, 4.0),
        -I + (1 - I) * S(15 * E - 3 * I, 2.0, 3.7),
    )

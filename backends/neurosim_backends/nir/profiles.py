"""For whom a file is written: what each reader of NIR takes over as it is, found by running them.

Versions: snnTorch 1.0.0, Norse 1.1.0, SpikingJelly 2.0.0, nirtorch 2.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ProfileName = Literal["snntorch", "norse", "spikingjelly", "generic"]

READERS_STEP = 1e-4
"""The time step [s] that snnTorch has built in, and that the others are told: 0.1 ms."""

MARGIN = 2.0**-20
"""How far below V_th a threshold is written, as a part of it, for readers in single precision.

NIR fires above a threshold, we fire at it, too: so V_m = V_th has to lie above, after the rounding
errors of float32, of about 2^-23 each.
"""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What one reader can be given.

    Attributes
    ----------
    title : str
        Its name in messages.
    step : float or None
        Time step [s] that constants are written for; None for that of the network.
    uniform : bool
        Whether all neurons of a node share time constants and threshold.
    delays : bool
        Whether delays, leak potentials and bare filters have nodes it reads.
    recurrence : bool
        Whether a population may feed itself through a flat edge, one step later.
    single : bool
        Whether there is one input and one output.
    integrators : bool
        Whether IF is read as what it is.
    walks : bool
        Whether it runs nodes in the order in which a walk from the input meets them.
    groups : bool
        Whether grouped convolutions are read.
    """

    title: str
    step: float | None = READERS_STEP
    uniform: bool = True
    delays: bool = False
    recurrence: bool = True
    single: bool = True
    integrators: bool = True
    walks: bool = False
    groups: bool = True


PROFILES: dict[str, Profile] = {
    "snntorch": Profile(title="snnTorch", recurrence=False, integrators=False),
    "norse": Profile(title="Norse", uniform=False, walks=True),
    "spikingjelly": Profile(title="SpikingJelly", groups=False),
    "generic": Profile(
        title="profile 'generic'", step=None, uniform=False, delays=True, single=False
    ),
}

"""Loihi 1 and 2 as targets of `ns.check`: how many cores a network takes, and what they hold."""

from neurosim_backends.loihi_chips.target import Loihi1 as Loihi1
from neurosim_backends.loihi_chips.target import Loihi2 as Loihi2

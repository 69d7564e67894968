"""Loihi's integers: the description, quantised, on our own core."""

from neurosim_backends.loihi.backend import Loihi as Loihi

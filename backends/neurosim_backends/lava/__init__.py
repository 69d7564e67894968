"""Lava: the description, quantised, in Lava's own models of Loihi."""

from neurosim_backends.lava.backend import Lava as Lava

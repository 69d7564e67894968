"""NEST as a backend: standard models, mapped by an explicit table."""

from neurosim_backends.nest.backend import Nest as Nest

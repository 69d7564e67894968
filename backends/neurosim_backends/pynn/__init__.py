"""PyNN: live on its NEST, and scripts for all of its simulators, SpiNNaker among them."""

from neurosim_backends.pynn.backend import Pynn as Pynn

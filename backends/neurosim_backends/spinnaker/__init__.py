"""SpiNNaker 1 and 2 as targets of `ns.check`: cores, as sPyNNaker uses them, and its own word."""

from neurosim_backends.spinnaker.target import Spinnaker1 as Spinnaker1
from neurosim_backends.spinnaker.target import Spinnaker2 as Spinnaker2

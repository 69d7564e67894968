"""Built-in neuron models."""

from neurosim.describe.neurons.base import Neuron as Neuron
from neurosim.describe.neurons.integrate_and_fire import LIF as LIF
from neurosim.describe.neurons.integrate_and_fire import Parrot as Parrot
from neurosim.describe.neurons.integrate_and_fire import PerfectIntegrator as PerfectIntegrator
from neurosim.describe.neurons.integrate_and_fire import TwoCompartment as TwoCompartment

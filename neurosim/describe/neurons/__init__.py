"""Built-in neuron models."""

from neurosim.describe.neurons.base import Neuron as Neuron
from neurosim.describe.neurons.conductance import HodgkinHuxley as HodgkinHuxley
from neurosim.describe.neurons.conductance import TraubMiles as TraubMiles
from neurosim.describe.neurons.escape import GIF as GIF
from neurosim.describe.neurons.excitable import FitzHughNagumo as FitzHughNagumo
from neurosim.describe.neurons.excitable import MorrisLecar as MorrisLecar
from neurosim.describe.neurons.integrate_and_fire import LIF as LIF
from neurosim.describe.neurons.integrate_and_fire import Parrot as Parrot
from neurosim.describe.neurons.integrate_and_fire import PerfectIntegrator as PerfectIntegrator
from neurosim.describe.neurons.integrate_and_fire import TwoCompartment as TwoCompartment
from neurosim.describe.neurons.nonlinear import AdEx as AdEx
from neurosim.describe.neurons.nonlinear import ExponentialIF as ExponentialIF
from neurosim.describe.neurons.nonlinear import Izhikevich as Izhikevich
from neurosim.describe.neurons.nonlinear import QuadraticIF as QuadraticIF

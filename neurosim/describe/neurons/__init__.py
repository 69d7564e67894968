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
from neurosim.describe.neurons.rates import LTC as LTC
from neurosim.describe.neurons.rates import JansenRit as JansenRit
from neurosim.describe.neurons.rates import Kuramoto as Kuramoto
from neurosim.describe.neurons.rates import LinearRate as LinearRate
from neurosim.describe.neurons.rates import OrnsteinUhlenbeck as OrnsteinUhlenbeck
from neurosim.describe.neurons.rates import PoissonFromRate as PoissonFromRate
from neurosim.describe.neurons.rates import StuartLandau as StuartLandau
from neurosim.describe.neurons.rates import ThresholdLinearRate as ThresholdLinearRate
from neurosim.describe.neurons.rates import WilsonCowan as WilsonCowan
from neurosim.describe.neurons.rates import WongWang as WongWang
from neurosim.describe.neurons.rates import WongWangEI as WongWangEI
from neurosim.describe.neurons.sigma_delta import SigmaDelta as SigmaDelta

"""Figures with matplotlib, which is loaded when the first one is drawn.

Every function draws into the ``ax`` it is given, or into a new figure, and returns the axes;
`overview` returns a figure. Populations have the same colour in every figure.
"""

from __future__ import annotations

from neurosim.plot.activity import overview as overview
from neurosim.plot.activity import population_rates as population_rates
from neurosim.plot.activity import raster as raster
from neurosim.plot.brains import brain as brain
from neurosim.plot.brains import connectivity_dynamics as connectivity_dynamics
from neurosim.plot.brains import fc_against_sc as fc_against_sc
from neurosim.plot.brains import order_parameter as order_parameter
from neurosim.plot.brains import power_spectra as power_spectra
from neurosim.plot.brains import region_matrix as region_matrix
from neurosim.plot.connectivity import connectivity_graph as connectivity_graph
from neurosim.plot.connectivity import degree_distribution as degree_distribution
from neurosim.plot.connectivity import weight_matrix as weight_matrix
from neurosim.plot.memory import free_energy as free_energy
from neurosim.plot.memory import memory_curve as memory_curve
from neurosim.plot.memory import phase_diagram as phase_diagram
from neurosim.plot.phase import bifurcation_diagram as bifurcation_diagram
from neurosim.plot.phase import periods as periods
from neurosim.plot.phase import phase_portrait as phase_portrait
from neurosim.plot.statistics import isi_histogram as isi_histogram
from neurosim.plot.statistics import power_spectrum as power_spectrum
from neurosim.plot.statistics import psth as psth
from neurosim.plot.style import population_colours as population_colours
from neurosim.plot.traces import traces as traces

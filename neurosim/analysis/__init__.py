"""Statistics of spikes and signals, cell assemblies, associative memories; on plain arrays.

Times are in ms, rates in Hz. See `neurosim.analysis.trains` for what a train is and for what is
returned where a measure has no value: never NaN.
"""

from __future__ import annotations

from neurosim.analysis import dynamics as dynamics
from neurosim.analysis import memory as memory
from neurosim.analysis.assemblies import Assemblies as Assemblies
from neurosim.analysis.assemblies import NonNegativeFactors as NonNegativeFactors
from neurosim.analysis.assemblies import adjusted_rand as adjusted_rand
from neurosim.analysis.assemblies import affinities as affinities
from neurosim.analysis.assemblies import detect_assemblies as detect_assemblies
from neurosim.analysis.assemblies import non_negative_factors as non_negative_factors
from neurosim.analysis.bold import balloon_windkessel as balloon_windkessel
from neurosim.analysis.connectivity import ConnectivityDynamics as ConnectivityDynamics
from neurosim.analysis.connectivity import LaggedConnectivity as LaggedConnectivity
from neurosim.analysis.connectivity import connectivity_dynamics as connectivity_dynamics
from neurosim.analysis.connectivity import fc_sc_correlation as fc_sc_correlation
from neurosim.analysis.connectivity import functional_connectivity as functional_connectivity
from neurosim.analysis.connectivity import lagged_connectivity as lagged_connectivity
from neurosim.analysis.counts import Correlations as Correlations
from neurosim.analysis.counts import count_correlations as count_correlations
from neurosim.analysis.counts import fano_factor as fano_factor
from neurosim.analysis.counts import population_fano as population_fano
from neurosim.analysis.counts import trial_fano_factor as trial_fano_factor
from neurosim.analysis.distances import Avalanches as Avalanches
from neurosim.analysis.distances import avalanches as avalanches
from neurosim.analysis.distances import spike_coincidence as spike_coincidence
from neurosim.analysis.distances import van_rossum_distance as van_rossum_distance
from neurosim.analysis.intervals import isi_cv as isi_cv
from neurosim.analysis.intervals import isis as isis
from neurosim.analysis.intervals import local_variation as local_variation
from neurosim.analysis.intervals import revised_local_variation as revised_local_variation
from neurosim.analysis.rates import Psth as Psth
from neurosim.analysis.rates import RateHistogram as RateHistogram
from neurosim.analysis.rates import align as align
from neurosim.analysis.rates import instantaneous_rate as instantaneous_rate
from neurosim.analysis.rates import mean_rates as mean_rates
from neurosim.analysis.rates import population_rate as population_rate
from neurosim.analysis.rates import psth as psth
from neurosim.analysis.rhythm import Spectrum as Spectrum
from neurosim.analysis.rhythm import rate_spectrum as rate_spectrum
from neurosim.analysis.rhythm import voltage_synchrony as voltage_synchrony
from neurosim.analysis.spectra import Spectra as Spectra
from neurosim.analysis.spectra import power_spectra as power_spectra
from neurosim.analysis.synchrony import Synchrony as Synchrony
from neurosim.analysis.synchrony import band_pass as band_pass
from neurosim.analysis.synchrony import order_parameter as order_parameter
from neurosim.analysis.synchrony import phase_synchrony as phase_synchrony
from neurosim.analysis.synchrony import phases as phases
from neurosim.analysis.trains import PerNeuron as PerNeuron
from neurosim.analysis.trains import binned_counts as binned_counts

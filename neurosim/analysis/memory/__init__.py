"""Theory and analysis of associative memories, on plain arrays.

Temperatures and free energies are in the units of each theory's couplings, which its module gives;
every solver either reaches its tolerance or raises `ConvergenceError`, which says where.
"""

from __future__ import annotations

from neurosim.analysis.memory.boltzmann import MeanField as MeanField
from neurosim.analysis.memory.boltzmann import boltzmann_mean_field as boltzmann_mean_field
from neurosim.analysis.memory.boltzmann import monotone_coupling as monotone_coupling
from neurosim.analysis.memory.breaking import GlassState as GlassState
from neurosim.analysis.memory.breaking import dynamical_temperature as dynamical_temperature
from neurosim.analysis.memory.breaking import gardner_temperature as gardner_temperature
from neurosim.analysis.memory.breaking import glass_state as glass_state
from neurosim.analysis.memory.breaking import glass_temperature as glass_temperature
from neurosim.analysis.memory.breaking import ground_state_energy as ground_state_energy
from neurosim.analysis.memory.codes import clique_density as clique_density
from neurosim.analysis.memory.codes import clique_error as clique_error
from neurosim.analysis.memory.codes import false_match_probability as false_match_probability
from neurosim.analysis.memory.codes import union_size as union_size
from neurosim.analysis.memory.codes import willshaw_density as willshaw_density
from neurosim.analysis.memory.dense import dataset_entropy as dataset_entropy
from neurosim.analysis.memory.dense import dense_diagram as dense_diagram
from neurosim.analysis.memory.dense import dense_spinodal as dense_spinodal
from neurosim.analysis.memory.dense import dense_spinodal_temperature as dense_spinodal_temperature
from neurosim.analysis.memory.dense import dense_state as dense_state
from neurosim.analysis.memory.dense import dense_transition as dense_transition
from neurosim.analysis.memory.dual import DualForm as DualForm
from neurosim.analysis.memory.hopfield import free_energy_profile as free_energy_profile
from neurosim.analysis.memory.hopfield import hopfield_diagram as hopfield_diagram
from neurosim.analysis.memory.hopfield import hopfield_disordered as hopfield_disordered
from neurosim.analysis.memory.hopfield import hopfield_replicon_line as hopfield_replicon_line
from neurosim.analysis.memory.hopfield import hopfield_spinodal as hopfield_spinodal
from neurosim.analysis.memory.hopfield import hopfield_state as hopfield_state
from neurosim.analysis.memory.hopfield import hopfield_transition as hopfield_transition
from neurosim.analysis.memory.measures import Curve as Curve
from neurosim.analysis.memory.measures import basin as basin
from neurosim.analysis.memory.measures import capacity_curve as capacity_curve
from neurosim.analysis.memory.measures import corrupted as corrupted
from neurosim.analysis.memory.measures import energy as energy
from neurosim.analysis.memory.measures import overlap as overlap
from neurosim.analysis.memory.multitasking import (
    hierarchical_amplitudes as hierarchical_amplitudes,
)
from neurosim.analysis.memory.multitasking import hierarchy_is_stable as hierarchy_is_stable
from neurosim.analysis.memory.multitasking import (
    multitasking_amplitudes as multitasking_amplitudes,
)
from neurosim.analysis.memory.noise import RetrievalNoise as RetrievalNoise
from neurosim.analysis.memory.noise import expected_retrieval_noise as expected_retrieval_noise
from neurosim.analysis.memory.noise import learned_overlap as learned_overlap
from neurosim.analysis.memory.noise import retrieval_noise as retrieval_noise
from neurosim.analysis.memory.noise import stable_fraction as stable_fraction
from neurosim.analysis.memory.replica import Line as Line
from neurosim.analysis.memory.replica import PhaseDiagram as PhaseDiagram
from neurosim.analysis.memory.replica import ReplicaState as ReplicaState
from neurosim.analysis.memory.scaling import Measured as Measured
from neurosim.analysis.memory.scaling import PowerLaw as PowerLaw
from neurosim.analysis.memory.scaling import fit_power_law as fit_power_law
from neurosim.analysis.memory.scaling import outer_product_error as outer_product_error

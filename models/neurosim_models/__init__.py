"""Published networks, each a function that returns a `neurosim.Network`.

Every function that draws anything takes `seed`, and keywords for the size; the spikes of all
populations are recorded, of memories and filters whose units have none, the states; of
`diehl_cook`, those of its excitatory neurons, of `one_shot_patterns`, those of its outputs.

>>> from neurosim_models import vogels_abbott_cuba
>>> vogels_abbott_cuba(scale=0.1).size
400
"""

import neurosim as _neurosim

if not hasattr(_neurosim, "_HOMES"):
    _found = getattr(_neurosim, "__file__", None) or list(_neurosim.__path__)
    raise ImportError(
        f"{__name__} needs the neurosim of the distribution neurosim-snn, but `import neurosim` "
        f"finds {_found}. If that is a script of yours, rename it; if it is another project of "
        f"this name, it cannot be installed beside neurosim-snn."
    )

from neurosim_models.brette_2007 import cobahh as cobahh
from neurosim_models.brette_2007 import vogels_abbott_coba as vogels_abbott_coba
from neurosim_models.brette_2007 import vogels_abbott_cuba as vogels_abbott_cuba
from neurosim_models.brunel_2000 import brunel as brunel
from neurosim_models.burgers_2023 import PID as PID
from neurosim_models.burgers_2023 import Blimp as Blimp
from neurosim_models.burgers_2023 import BlimpControllers as BlimpControllers
from neurosim_models.burgers_2023 import blimp_controllers as blimp_controllers
from neurosim_models.burgers_2023 import fly as fly
from neurosim_models.continuous_memories import attention_energy as attention_energy
from neurosim_models.continuous_memories import attention_memory as attention_memory
from neurosim_models.continuous_memories import graded_energy as graded_energy
from neurosim_models.continuous_memories import graded_hopfield as graded_hopfield
from neurosim_models.contrastive_hebbian import ContrastiveHebbian as ContrastiveHebbian
from neurosim_models.contrastive_hebbian import contrastive_hebbian as contrastive_hebbian
from neurosim_models.davies_2025 import OneShotPatterns as OneShotPatterns
from neurosim_models.davies_2025 import one_shot_patterns as one_shot_patterns
from neurosim_models.diehl_cook_2015 import DiehlCook as DiehlCook
from neurosim_models.diehl_cook_2015 import diehl_cook as diehl_cook
from neurosim_models.discrete_memories import bidirectional_memory as bidirectional_memory
from neurosim_models.discrete_memories import clique_memory as clique_memory
from neurosim_models.discrete_memories import sequence_memory as sequence_memory
from neurosim_models.discrete_memories import willshaw_memory as willshaw_memory
from neurosim_models.evolution import EvolutionStrategy as EvolutionStrategy
from neurosim_models.fast_weights import FastWeights as FastWeights
from neurosim_models.fast_weights import fast_weights as fast_weights
from neurosim_models.gaussian_filter import GaussianFilter as GaussianFilter
from neurosim_models.gaussian_filter import gaussian_filter as gaussian_filter
from neurosim_models.hopfield_1982 import hopfield as hopfield
from neurosim_models.microcircuit import potjans_diesmann as potjans_diesmann
from neurosim_models.perturbation import Perturbation as Perturbation
from neurosim_models.perturbation import perturbation_rule as perturbation_rule
from neurosim_models.sign_constraints import every_small_network as every_small_network
from neurosim_models.sign_constraints import truth_tables as truth_tables
from neurosim_models.sign_constraints import xor_learner as xor_learner
from neurosim_models.song_2000 import song_miller_abbott as song_miller_abbott
from neurosim_models.spiking_memory import spike_overlaps as spike_overlaps
from neurosim_models.spiking_memory import spiking_memory as spiking_memory
from neurosim_models.thalamocortical import izhikevich_2003 as izhikevich_2003
from neurosim_models.vogels_2011 import vogels_sprekeler as vogels_sprekeler

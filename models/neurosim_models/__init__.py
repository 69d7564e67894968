"""Published networks, each a function that returns a `neurosim.Network`.

Every function takes `seed` and keywords for the size; the spikes of all populations are recorded.

>>> from neurosim_models import vogels_abbott_cuba
>>> vogels_abbott_cuba(scale=0.1).size
400
"""

from neurosim_models.brette_2007 import cobahh as cobahh
from neurosim_models.brette_2007 import vogels_abbott_coba as vogels_abbott_coba
from neurosim_models.brette_2007 import vogels_abbott_cuba as vogels_abbott_cuba
from neurosim_models.brunel_2000 import brunel as brunel
from neurosim_models.microcircuit import potjans_diesmann as potjans_diesmann
from neurosim_models.thalamocortical import izhikevich_2003 as izhikevich_2003

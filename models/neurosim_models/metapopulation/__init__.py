"""Learning in a metapopulation of Wilson-Cowan nodes with planted attractors.

Source: Marino, Buffoni, Chicchi, Di Patti, Febbe, Giambagli & Fanelli (2025), Learning in
Wilson-Cowan model for metapopulation, Neural Comput. 37:701-741, arXiv:2406.16453.
"""

from neurosim_models.metapopulation.model import (
    WilsonCowanMetapopulation as WilsonCowanMetapopulation,
)
from neurosim_models.metapopulation.nodes import FixedPoint as FixedPoint
from neurosim_models.metapopulation.nodes import WilsonCowanNode as WilsonCowanNode
from neurosim_models.metapopulation.training import Training as Training
from neurosim_models.metapopulation.training import gradient as gradient
from neurosim_models.metapopulation.training import train as train

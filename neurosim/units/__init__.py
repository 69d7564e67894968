"""The boundary: texts and quantities in, plain floats out.

Inside neurosim every number is a float in the coherent set ms, mV, pA, pF, nS, GOhm (and um, K,
mM where they are needed); rates are in Hz. What a user writes may also be a text (``"20 ms"``) or
a quantity of pint, brian2 or quantities; it is checked against the declared dimension here, turned
into that unit, and refused here if it is no finite real number.
"""

from neurosim.units.algebra import DIMENSIONLESS as DIMENSIONLESS
from neurosim.units.algebra import Dimension as Dimension
from neurosim.units.algebra import Unit as Unit
from neurosim.units.algebra import coherent_unit as coherent_unit
from neurosim.units.algebra import declared as declared
from neurosim.units.algebra import parse_unit as parse_unit
from neurosim.units.algebra import quantity_name as quantity_name
from neurosim.units.algebra import same_dimension as same_dimension
from neurosim.units.boundary import Floats as Floats
from neurosim.units.boundary import Quantity as Quantity
from neurosim.units.boundary import defer as defer
from neurosim.units.boundary import magnitudes as magnitudes
from neurosim.units.boundary import parse_quantity as parse_quantity
from neurosim.units.boundary import to_float as to_float
from neurosim.units.boundary import to_scalar as to_scalar

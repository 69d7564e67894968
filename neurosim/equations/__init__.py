"""Model texts: parsed, unit-checked, classified and turned into update rules.

Importing this package does not load sympy; the first model does.
"""

from neurosim.equations.model import NeuronModel as NeuronModel

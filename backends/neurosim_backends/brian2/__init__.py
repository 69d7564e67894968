"""Brian2 as a backend: equations emitted from ours, advanced by Brian2's own state updaters."""

from neurosim_backends.brian2.backend import Brian2 as Brian2
from neurosim_backends.brian2.backend import Brian2Cpp as Brian2Cpp

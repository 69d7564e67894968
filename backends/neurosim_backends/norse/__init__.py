"""Norse: the network as a module of PyTorch, its populations as cells with tuples of states."""

from neurosim_backends.norse.backend import Norse as Norse

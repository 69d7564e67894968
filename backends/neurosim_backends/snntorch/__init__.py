"""snnTorch: the network as a module of PyTorch, to be trained."""

from neurosim_backends.snntorch.backend import SnnTorch as SnnTorch

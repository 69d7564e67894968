"""Trained networks of PyTorch as spiking networks: `neurosim.convert`."""

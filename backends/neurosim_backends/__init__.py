"""Backends of neurosim: one target each, found through the entry points ``neurosim.backends``."""

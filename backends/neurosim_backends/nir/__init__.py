"""NIR, the neuromorphic intermediate representation: networks to it and from it, and the proof."""

from neurosim_backends.nir.exchange import Nir as Nir

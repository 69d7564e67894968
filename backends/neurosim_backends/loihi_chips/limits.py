"""What cores of Loihi hold, each number with its source."""

from __future__ import annotations

from neurosim.fit.limits import Chip, Limit
from neurosim_backends.loihi.chip import MOST_SLOTS

DAVIES = "Davies et al. (2018), IEEE Micro 38(1):82-99"
NENGO = "NengoLoihi 1.1, block.py"
NENGO_CORE = "NengoLoihi 1.1, hardware/nxsdk_objects.py"
BRIEF = "Intel Labs (2021), Loihi 2 technology brief"
LAVA = "Lava 0.10, DelayDense: 6 bits"

WEIGHT_BITS = (1, 2, 3, 4, 5, 6, 8)
"""Sizes in which Loihi 1 stores weights (NengoLoihi 1.1, block.py, SynapseConfig)."""

INDEX_BITS = (6, 7, 8, 9, 10, 11, 12)
"""Sizes in which Loihi 1 stores the index of a compartment (the same)."""

BLOCK_WEIGHTS = 64
"""Most weights of one block of synapse memory (the same: 6 bits count them)."""

BLOCK_HEADER = 10
"""Bits before the weights of a block: 4 say which format, 6 how many (the same)."""

WORD = 64
"""Blocks begin at multiples of so many bits (the same)."""

LOIHI1 = Chip(
    name="loihi1",
    title="Loihi: 128 cores of 1,024 compartments",
    limits=(
        Limit(name="compartments", title="compartments", value=1024, source=f"{DAVIES}; {NENGO}"),
        Limit(name="input_axons", title="input axons", value=4096, source=NENGO),
        Limit(name="output_axons", title="output axons", value=4096, source=NENGO),
        Limit(
            name="synapse_bits", title="synapse memory", value=1_048_576, unit="bits",
            source=f"{DAVIES} (128 KB); {NENGO}",
        ),
        Limit(
            name="compartment_configurations", title="compartment configurations", value=32,
            source=NENGO_CORE,
        ),
        Limit(
            name="threshold_configurations", title="threshold configurations", value=8,
            source=NENGO_CORE,
        ),
        Limit(name="cores", title="cores", value=128, per="chip", source=DAVIES),
        Limit(
            name="weight_bits", title="bits of a weight", value=8, per="synapse",
            source=f"{DAVIES} (1 to 9 with the sign); {NENGO}: 1 to 6, or 8",
        ),
        Limit(
            name="delay", title="delay beyond the first step", value=MOST_SLOTS, per="synapse",
            unit="steps", source=LAVA,
        ),
        Limit(
            name="refractory", title="refractory time", value=63, per="neuron", unit="steps",
            source="brian2-loihi 0.5.2 (1 to 64 with the step of the spike)",
        ),
    ),
    remarks=(
        "Synapses of a core share its memory in blocks: 64 ceil((n (weight + delay + index) + 10) "
        "/ 64) bits for n <= 64 of one input axon; where all are connected with all there is no "
        "index. Sources are not on cores: their spikes come from outside.",
    ),
)  # fmt: skip

LOIHI2 = Chip(
    name="loihi2",
    title="Loihi 2: 128 cores of 8,192 neurons",
    limits=(
        Limit(
            name="compartments", title="neurons", value=8192,
            source=f"{BRIEF}: 1 million on 128 cores",
        ),
        Limit(
            name="synapses", title="synapses", value=937_500,
            source=f"{BRIEF}: 120 million on 128 cores; what a synapse takes is not published",
        ),
        Limit(name="cores", title="cores", value=128, per="chip", source=BRIEF),
        Limit(
            name="delay", title="delay beyond the first step", value=MOST_SLOTS, per="synapse",
            unit="steps", source=LAVA,
        ),
    ),
    counted=(("input_axons", "input axons"), ("output_axons", "output axons")),
    remarks=(
        "Numbers of Loihi 2 are those of a chip divided by its cores: what shares the memory of a "
        "core is not published. Axons are counted, and compared with nothing.",
    ),
)  # fmt: skip

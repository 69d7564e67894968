"""What chips of SpiNNaker hold, and how sPyNNaker uses them; each number with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neurosim.fit.limits import Chip, Limit

FURBER = "Furber et al. (2014), Proc. IEEE 102(5):652-665"
MACHINE1 = "SpiNNMachine 7.4.1, version_spin1.py"
MACHINE2 = "SpiNNMachine 7.4.1, version_spin2.py"
CONSTANTS = "sPyNNaker 7.4.1, utilities/constants.py"
POISSON = "sPyNNaker 7.4.1, models/spike_source/spike_source_poisson.py"
VERTEX = "sPyNNaker 7.4.1, models/neuron/population_vertex.py"
DELAYS = "sPyNNaker 7.4.1, models/utility_models/delays/delay_extension_vertex.py"

RING_BUFFER_BITS = 14
"""Neurons, receptors and delays of a core together index so many entries of 2 bytes (CONSTANTS)."""

DELAY_STAGES = 8
"""Times the delays of a core that its delay extensions add to them (DELAYS)."""

SYNAPSE_TYPES = 2
"""Receptors of the standard models: excitatory, inhibitory."""

SYNAPSES_PER_SECOND = 13_000_000
"""That a core processes where others compute the neurons (synapse_dynamics_static.py, after
Knight & Furber (2016), Front. Neurosci. 10:420)."""

SPIKES_PER_SECOND = 30
"""Of any source, for planning (spynnaker.cfg)."""

SIGMAS = 5.0
"""By which the expected sum of a step is exceeded at most, for the scale of weights (the same)."""

ROW_HEADER_WORDS = 3
"""Before the synapses of a row, a word of 4 bytes each (synapse_io.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board of chips.

    Attributes
    ----------
    version : int
        As sPyNNaker numbers them.
    chips : int
    cores : int
        Of all chips.
    """

    version: int
    chips: int
    cores: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What is not for the network: cores of the system, on every chip and on those with Ethernet.

    Attributes
    ----------
    boards : mapping of int to Board
    board : int
        The one that is taken where none is named.
    system_cores, ethernet_cores : int
        On each chip (SCAMP and the extra monitor); besides, on the chip with Ethernet.
    """

    boards: Mapping[int, Board]
    board: int
    system_cores: int = 2
    ethernet_cores: int = 1


def _limits(
    cores: int, cores_source: str, sdram: int, routes: int, source: str
) -> tuple[Limit, ...]:
    return (
        Limit(
            name="neurons", title="neurons", value=256, source=f"{CONSTANTS}: the longest row"
        ),
        Limit(name="poisson_sources", title="Poisson sources", value=500, source=POISSON),
        Limit(
            name="ring_buffer_bytes", title="ring buffers in DTCM", value=2 << RING_BUFFER_BITS,
            unit="bytes", source=f"{CONSTANTS}: half of DTCM, which has 64 KB ({MACHINE1})",
        ),
        Limit(
            name="synapse_bytes", title="rows of synapses in SDRAM", value=sdram, unit="bytes",
            source=f"{source}: the SDRAM of a whole chip",
        ),
        Limit(name="cores", title="cores", value=cores, per="chip", source=cores_source),
        Limit(
            name="sdram", title="SDRAM", value=sdram, per="chip", unit="bytes", source=source
        ),
        Limit(
            name="routes", title="entries of the routing table", value=routes, per="chip",
            source=source,
        ),
        Limit(
            name="weight_bits", title="bits of a weight", value=16, per="synapse",
            source=f"{VERTEX}: with a scale that the receptors of a population share",
        ),
        Limit(
            name="delay", title="delay onto a core of 256 neurons, without extensions",
            value=1 << (RING_BUFFER_BITS - 9), per="synapse", unit="steps",
            source=f"{VERTEX}; {DELAYS}: {DELAY_STAGES} times as many more with extensions",
        ),
    )  # fmt: skip


REMARKS = (
    "Cores are those that sPyNNaker 7.4.1 would use, which places each population by itself. Rows "
    "of synapses are estimated; chips are filled one after the other.",
)

SPINNAKER1 = Chip(
    name="spinnaker1",
    title="SpiNNaker: 18 cores a chip, two of them for the system",
    limits=_limits(18, f"{FURBER}; {MACHINE1}", 123_469_792, 1023, MACHINE1),
    remarks=REMARKS,
)

SPINNAKER2 = Chip(
    name="spinnaker2",
    title="SpiNNaker 2: 153 cores a chip, two of them for the system",
    limits=_limits(
        153, f"Hoeppner et al. (2021), arXiv:2103.08392: 152; with one more, {MACHINE2}", 1 << 30,
        16_384, MACHINE2,
    ),
    remarks=(
        *REMARKS,
        "sPyNNaker places networks on SpiNNaker 2 by the rules of SpiNNaker.",
    ),
)  # fmt: skip

MACHINE_1 = Machine(
    boards={
        3: Board(version=3, chips=4, cores=72),
        5: Board(version=5, chips=48, cores=856),
    },
    board=5,
)
MACHINE_2 = Machine(
    boards={
        201: Board(version=201, chips=1, cores=153),
        248: Board(version=248, chips=48, cores=7331),
    },
    board=248,
)

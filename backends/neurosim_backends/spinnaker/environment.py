"""The interpreter and the packages that sPyNNaker asks for."""

from __future__ import annotations

import sys

from neurosim.environments import Environment

ENVIRONMENT = Environment(
    name="spinnaker",
    python=sys.version_info[:2],
    packages=(
        "sPyNNaker==1!7.4.1", "SpiNNFrontEndCommon==1!7.4.1", "SpiNNaker_PACMAN==1!7.4.1",
        "SpiNNMachine==1!7.4.1", "SpiNNMan==1!7.4.1", "SpiNNUtilities==1!7.4.1", "spalloc==1!7.4.1",
        "PyNN==0.13.0", "neo==0.14.6", "quantities==0.16.4", "lazyarray==0.7.0", "csa==0.1.13",
        "numpy==2.4.6", "scipy==1.17.1", "matplotlib==3.11.2", "ebrains-drive==0.7.0",
        "jsonschema==4.26.0", "PyYAML==6.0.3", "requests==2.34.2", "websocket-client==1.9.2",
    ),
    variable="NEUROSIM_SPINNAKER_PYTHON",
)  # fmt: skip
"""sPyNNaker runs on our Python; but it puts itself into PyNN, and pins versions of its own."""

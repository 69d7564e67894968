"""The interpreter and the packages that Lava asks for."""

from __future__ import annotations

from neurosim.environments import Environment

ENVIRONMENT = Environment(
    name="lava",
    python=(3, 10),
    packages=(
        "lava-nc==0.10.0", "numpy==1.26.4", "scipy==1.15.3", "networkx==2.8.7",
        "scikit-learn==1.7.2", "joblib==1.6.0", "threadpoolctl==3.8.0", "asteval==0.9.33",
        "cloudpickle==3.1.2",
    ),
    variable="NEUROSIM_LAVA_PYTHON",
)  # fmt: skip
"""Lava 0.10 asks for Python 3.10 and for a numpy before 2."""

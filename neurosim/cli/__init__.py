"""The command line: ``neurosim run``, ``explain``, ``certify``, ``list``, ``doctor`` and others.

Everything heavy is imported inside the commands, so that ``neurosim --help`` appears at once. A
module that adds commands is named below.
"""

from __future__ import annotations

from neurosim.cli import certify as _certify  # noqa: F401
from neurosim.cli import environments as _environments  # noqa: F401
from neurosim.cli import fit as _fit  # noqa: F401
from neurosim.cli import folders as _folders  # noqa: F401
from neurosim.cli import nir as _nir  # noqa: F401
from neurosim.cli import other_sides as _other_sides  # noqa: F401
from neurosim.cli.app import app as app

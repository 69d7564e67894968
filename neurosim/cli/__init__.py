"""The command line: ``neurosim run``, ``list`` and ``doctor``.

Everything heavy is imported inside the commands, so that ``neurosim --help`` appears at once.
"""

from __future__ import annotations

from neurosim.cli.app import app as app

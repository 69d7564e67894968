"""``python -m neurosim``: the command line."""

from neurosim.cli import app

app(prog_name="neurosim")

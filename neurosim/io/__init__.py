"""Runs as files and in the formats of other tools (HDF5, neo, xarray), and as text."""

from __future__ import annotations

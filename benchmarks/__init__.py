"""Measurements of speed and memory; figures in the documentation come from here."""

"""Compiled functions on arrays and scalars; they know nothing of descriptions."""

"""From a description to the Plan that every backend reads."""

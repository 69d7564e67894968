"""Does a network fit on a chip: limits as data, placements, what does not fit, what would help."""

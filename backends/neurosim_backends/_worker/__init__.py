"""A simulator in an interpreter of its own: a client here, a process that it talks to there."""

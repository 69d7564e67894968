"""What a network is: frozen values, and `Network`, the one builder."""

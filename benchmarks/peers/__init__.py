"""One script per simulator and network: each runs alone and prints one line of JSON."""

"""The CPU engine: a Plan built into arrays, and the compiled loop that advances them."""

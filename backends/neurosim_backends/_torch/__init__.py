"""What the backends on PyTorch share: a Plan as a module, and the session that runs it."""

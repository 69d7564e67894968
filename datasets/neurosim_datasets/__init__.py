"""Stimuli, pattern sets and their loaders; each file of data stands beside its licence."""

import neurosim as _neurosim

if not hasattr(_neurosim, "_HOMES"):
    _found = getattr(_neurosim, "__file__", None) or list(_neurosim.__path__)
    raise ImportError(
        f"{__name__} needs the neurosim of the distribution neurosim-snn, but `import neurosim` "
        f"finds {_found}. If that is a script of yours, rename it; if it is another project of "
        f"this name, it cannot be installed beside neurosim-snn."
    )

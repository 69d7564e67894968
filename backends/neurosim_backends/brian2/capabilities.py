"""What Brian2 can do of what a network may ask for."""

from __future__ import annotations

from neurosim.capabilities import PASSES, Capabilities, Requirement

REQUIRES = (
    Requirement(distribution="brian2", versions=">=2.9", extra="brian2"),
    Requirement(distribution="numpy", versions="<2.4", extra="brian2", beside="brian2<2.10"),
)

RUNTIME = Capabilities(
    backend="brian2",
    title="Brian2 in this process, equations emitted from ours",
    supports={"*": PASSES},
    requires=REQUIRES,
)

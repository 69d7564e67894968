"""What is measured, and against whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A way to run another simulator.

    Attributes
    ----------
    name, title : str
    extra : str
        Of this distribution's extras, the one that installs it.
    distribution : str
        Whose version counts.
    script : str
        Beginning of the names of its modules in `benchmarks.peers`.
    arguments : tuple of str
        What its scripts are told beside what all are told.
    precisions : tuple of str
        It has no others.
    single_thread : bool
        Whether one thread is all it has.
    environment : tuple of (str, str)
        Variables to set; ``{threads}`` is filled in.
    """

    name: str
    title: str
    extra: str
    distribution: str
    script: str
    arguments: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ("single", "double")
    single_thread: bool = False
    environment: tuple[tuple[str, str], ...] = ()


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            name="nest", title="NEST", extra="nest", distribution="nest-simulator",
            script="nest", precisions=("double",),
            # Pinned threads, as NEST's documentation recommends.
            environment=(("OMP_NUM_THREADS", "{threads}"), ("OMP_PROC_BIND", "true")),
        ),
        Peer(
            name="brian2-cpp", title="Brian2 C++ standalone", extra="brian2",
            distribution="brian2", script="brian2", arguments=("--target", "cpp"),
        ),
        Peer(
            name="brian2-cython", title="Brian2 cython", extra="brian2", distribution="brian2",
            script="brian2", arguments=("--target", "cython"), single_thread=True,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A network and how long it runs.

    Attributes
    ----------
    name, title : str
    network : str
        As in `benchmarks.peers.ours`.
    scale : float
        Of the number of neurons.
    duration, warm_up : float
        Measured, and before it [ms].
    precision : {"single", "double"}
        Of neurosim, and of the peer where it has it.
    drive : str or None
        Of the microcircuit.
    eta : float or None
        External rate of the network that learns, relative to threshold.
    peers : tuple of str
        Those it is compared with unless others are named.
    repeats : int
        How often each side runs, unless told otherwise.
    """

    name: str
    title: str
    network: str
    scale: float = 1.0
    duration: float = 1000.0
    warm_up: float = 200.0
    precision: str = "double"
    drive: str | None = None
    eta: float | None = None
    peers: tuple[str, ...] = tuple(PEERS)
    repeats: int = 3

    def script(self, peer: Peer | None) -> tuple[str, ...]:
        """Return the module that runs this network, and what it is told of the network."""
        drive = () if self.drive is None else ("--drive", self.drive)
        drive = drive if self.eta is None else ("--eta", f"{self.eta:g}")
        if peer is None:
            return ("benchmarks.peers.ours", "--network", self.network, *drive)
        if self.network in ("cuba", "coba", "cobahh"):
            return (f"benchmarks.peers.{peer.script}_vogels_abbott", "--synapses", self.network)
        return (f"benchmarks.peers.{peer.script}_{self.network}", *drive)

    def arguments(self, peer: Peer | None, threads: int, seed: int) -> list[str]:
        """Return the arguments of Python that run one side once."""
        return [
            "-m", *self.script(peer), *(peer.arguments if peer else ()),
            "--scale", f"{self.scale:g}", "--duration", f"{self.duration:g}",
            "--warm-up", f"{self.warm_up:g}", "--precision", self.precision,
            "--threads", str(threads), "--seed", str(seed),
        ]  # fmt: skip


def _microcircuit(scale: float, drive: str, **more: Any) -> Workload:
    external = "Poisson" if drive == "poisson" else "constant current"
    return Workload(
        name=f"microcircuit-{scale:g}" + ("-dc" if drive == "dc" else ""),
        title=f"microcircuit, scale {scale:g}, {external}",
        network="microcircuit", scale=scale, drive=drive, precision="single", warm_up=500.0,
        **more,
    )  # fmt: skip


COMPILED = ("nest", "brian2-cpp")

WORKLOADS = {
    workload.name: workload
    for workload in (
        _microcircuit(0.1, "poisson"),
        _microcircuit(0.1, "dc"),
        _microcircuit(0.3, "poisson", peers=COMPILED),
        _microcircuit(0.3, "dc", peers=COMPILED),
        _microcircuit(1.0, "poisson", peers=COMPILED),
        _microcircuit(1.0, "dc", peers=COMPILED),
        Workload(
            name="brunel", title="Brunel, 12,500 neurons, 15.6 M synapses", network="brunel",
            peers=COMPILED,
        ),
        Workload(
            name="cuba-4000", title="CUBA, 4,000 neurons", network="cuba", duration=5000.0,
            repeats=7,
        ),
        Workload(
            name="cuba-20000", title="CUBA, 20,000 neurons", network="cuba", scale=5.0,
            duration=2000.0, repeats=5,
        ),
        Workload(
            name="coba-4000", title="COBA, 4,000 neurons", network="coba", repeats=7,
        ),
        Workload(
            name="coba-20000", title="COBA, 20,000 neurons", network="coba", scale=5.0, repeats=5,
        ),
        Workload(name="cobahh", title="COBAHH, 4,000 neurons", network="cobahh", repeats=5),
        Workload(
            name="sparse", title="sparse, 100,000 neurons x 1,000 synapses", network="sparse",
            precision="single", peers=COMPILED,
        ),
        Workload(
            name="stdp-15", title="STDP, 11,250 neurons, 8.1 M plastic synapses, 15 Hz",
            network="stdp", eta=1.2, peers=COMPILED,
        ),
        Workload(
            name="stdp-39", title="STDP, 11,250 neurons, 8.1 M plastic synapses, 39 Hz",
            network="stdp", eta=2.0, peers=COMPILED,
        ),
    )
}  # fmt: skip

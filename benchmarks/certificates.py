"""Certificates of published networks over seconds: ``python -m benchmarks.certificates coba nest``.

Each network is certified on one backend at the size at which it was published, over 10 s unless
told otherwise, and what came out is kept in ``benchmarks/results/certificates``, one file for each
pair. ``python docs/make_certificates.py`` writes the table of docs/certificates.md from them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

import neurosim as ns
from benchmarks.keeping import RESULTS, context, write
from neurosim.compare.sentences import adoption_told, compared_told
from neurosim_models import (
    brunel,
    cobahh,
    izhikevich_2003,
    vogels_abbott_coba,
    vogels_abbott_cuba,
)

KEPT = RESULTS / "certificates"

DURATION = 10_000.0
"""How long every network is compared [ms]."""


def adex() -> ns.Network:
    """4,000 adapting and fast-spiking exponential neurons with conductances, driven at random."""
    net = ns.Network("adex", seed=3)
    synapses = ns.ExpConductance(exc=5, inh=10)
    exc = net.population("exc", 3200, ns.AdEx(a=2, b=60, t_ref=2.0, synapses=synapses))
    inh = net.population("inh", 800, ns.AdEx(a=0, b=0, t_ref=2.0, synapses=synapses))
    every = exc + inh
    net.initialise(every, V_m=ns.Uniform(-70, -52), w=ns.Uniform(0, 100))
    rule = ns.FixedProbability(0.02)
    net.project(exc, every, rule, weight=1.0, delay=0.5, receptor="exc")
    net.project(inh, every, rule, weight=8.0, delay=0.5, receptor="inh")
    net.drive(every, ns.Poisson(rate=4000.0), weight=1.2, receptor="exc")
    net.record(every, "spikes")
    return net


NETWORKS: dict[str, tuple[str, Callable[[], ns.Network]]] = {
    "cuba": ("CUBA (Vogels & Abbott 2005)", vogels_abbott_cuba),
    "coba": ("COBA (Vogels & Abbott 2005)", vogels_abbott_coba),
    "cobahh": ("COBAHH (Brette et al. 2007)", cobahh),
    "adex": ("AdEx with conductances", adex),
    "brunel": ("Brunel (2000), regime C", lambda: brunel(scale=0.32)),
    "izhikevich": ("Izhikevich (2003)", izhikevich_2003),
}
"""Name -> title and network."""


def summary(certificate: ns.Certificate, network: ns.Network, backend: str) -> dict[str, Any]:
    """Return what the table says of one network on one backend, as plain values."""
    report = certificate.report(backend)
    rows = [row for row in certificate.rows if row.backend == backend]
    shifts = [
        row.statistics.detectable / row.statistics.rate
        for row in rows
        if row.statistics is not None
        and row.statistics.detectable is not None
        and row.statistics.rate > 0
    ]
    horizon = certificate.horizon
    cause, lockstep = report.cause, report.lockstep
    return {
        "network": network.name,
        "neurons": sum(row.size for row in rows),
        "backend": backend,
        "duration": certificate.duration,
        "dt": certificate.dt,
        "tier": certificate.tier(backend).value,
        "populations": {row.population: [row.tier.value, row.why] for row in rows},
        "same_until": certificate.same_until[backend],
        "states_compared": "" if lockstep is None else compared_told(lockstep),
        "horizon": None if horizon is None else horizon.first,
        "smallest_shift": max(shifts, default=None),
        "trials": list(certificate.trials),
        "cause": None
        if cause is None
        else {"kind": cause.kind, "text": cause.text, "accounts": cause.accounts},
        "evidence": [] if cause is None else list(cause.evidence),
        "statistics_with_cause": "" if report.adoption is None else adoption_told(report.adoption),
        "looked_for_cause": report.looked_for_cause,
        "problem": report.problem,
        "seconds": round(report.seconds),
    }


def command_of(name: str, backend: str, duration: float) -> str:
    """Return the command that makes a row."""
    more = "" if duration == DURATION else f" --duration {duration:g}"
    return f"python -m benchmarks.certificates {name} {backend}{more}"


def kept(into: Path = KEPT) -> list[dict[str, Any]]:
    """Return what is kept, in the order of `NETWORKS` and of the names of backends."""
    found = [json.loads(path.read_text()) for path in sorted(into.glob("*.json"))]
    return sorted(found, key=lambda row: list(NETWORKS).index(row["name"]))


def main(
    name: Annotated[str, typer.Argument(help=f"one of {', '.join(NETWORKS)}")],
    backend: Annotated[str, typer.Argument(help="brian2, brian2_cpp, nest")],
    duration: Annotated[float, typer.Option(help="[ms]")] = DURATION,
    keep: Annotated[
        Path | None, typer.Option(help="folder of runs that are not made twice, to go on later")
    ] = None,
    into: Annotated[Path, typer.Option(help="folder of the results")] = KEPT,
) -> None:
    """Certify one network on one backend, print the certificate and keep what came out."""
    if name not in NETWORKS:
        raise typer.BadParameter(f"{name!r} is no network; there are: {', '.join(NETWORKS)}")
    title, build = NETWORKS[name]
    network = build()
    certificate = ns.certify(network, backend, duration, keep=keep)
    print(certificate, flush=True)
    row = {"name": name, "title": title, **summary(certificate, network, backend)}
    write(into / f"{name}-{backend}.json", {**row, **context(command_of(name, backend, duration))})


if __name__ == "__main__":
    typer.run(main)

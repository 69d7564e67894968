"""`certify`: one network on several backends, and how far they agree."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosim.backend import Backend, make_options, whole_steps
from neurosim.compare.feeding import with_inputs
from neurosim.compare.request import (
    PATIENCE,
    TRIALS,
    Request,
    checked_backends,
    checked_choice,
    checked_folder,
    checked_patience,
    checked_share,
    checked_trials,
)
from neurosim.describe.network import Network
from neurosim.errors import DescriptionError

if TYPE_CHECKING:
    from neurosim.compare.certificate import Certificate


def certify(
    network: Network,
    backends: Sequence[str | Backend] | str | Backend,
    duration: Any,
    *,
    dt: Any = None,
    trials: int | tuple[int, int] = TRIALS,
    approximate: Sequence[str] = (),
    inputs: Mapping[str, Any] | None = None,
    statistics: bool | None = None,
    level: float = 0.01,
    resolution: float = 0.05,
    patience: float = PATIENCE,
    keep: str | Path | None = None,
    progress: bool | None = None,
    **options: Any,
) -> Certificate:
    """Run a network on several backends, and report how far they agree and why they do not.

    Wiring, drive and noise are identical on all sides, number by number. Spikes are compared one by
    one first; only where some differ (or where asked) do statistics over further trials decide.

    Parameters
    ----------
    network : Network
    backends : sequence of str or Backend
        What to compare with the reference, the CPU core, which may be listed or left out.
    duration : number or quantity
        Of every run [ms].
    dt : number or quantity, optional
        Time step [ms]; left out, the one the network was made for, else 0.1.
    trials : int or (int, int)
        Trials for the statistics: of each backend other than the reference, which gets four times
        as many; or (reference, other).
    approximate : sequence of str
        Parts that a backend may leave out or replace although it has no form of them.
    inputs : mapping of str to array, optional
        For ``Input`` populations, as in ``session.run``.
    statistics : bool, optional
        None: where spikes differ; True: on every population; False: nowhere.
    level : float
        Probability that a backend is called different on any population although it is not.
    resolution : float
        "Statistically equivalent" is said of a population only if a relative shift of its rate of
        this size would have been seen with a probability of 80 %.
    patience : float
        How long a cause is looked for [s of processor time], unless all that was done before it
        took longer. What was not tried by then is told; ``float("inf")`` tries everything.
    keep : str or Path, optional
        Folder in which whole runs are kept, for statistics need many: asked again, after a Ctrl-C
        or with more trials, the certificate takes them from there. Runs of other versions of what
        made them are made anew, and runs of backends that are handed over as objects with
        settings of their own always.
    progress : bool, optional
        Whether to show what is being done; if left out, in terminals.
    **options
        See `neurosim.Options`.

    Returns
    -------
    Certificate
        With the row *refused* where a backend has no form of something or is not installed: that
        raises nothing. After a Ctrl-C it holds what was found until then, `interrupted` is true,
        and what was not reached is undecided.

    Raises
    ------
    NeurosimError
        If the network or an argument cannot be meant, or the reference cannot run it.
    """
    if not isinstance(network, Network):
        raise DescriptionError("certify: network", network, "a neurosim.Network")
    others = checked_backends(backends)
    given = {"dt": dt, "approximate": approximate, **options}
    own = (
        "dt", "trials", "approximate", "inputs", "statistics", "level", "resolution", "patience",
        "keep", "progress",
    )  # fmt: skip
    chosen = make_options(network, given, "certify: option", own)
    n_steps = whole_steps(duration, chosen.dt, "certify: duration")
    pair = checked_trials(trials)
    wanted = checked_choice(statistics, "certify: statistics")
    shown = checked_choice(progress, "certify: progress")
    shares = [
        checked_share(share, f"certify: {name}")
        for name, share in (("level", level), ("resolution", resolution))
    ]
    seconds = checked_patience(patience)
    folder = checked_folder(keep, "certify: keep")
    # Loaded here, with compilers and statistics: a mistake in the call is told at once.
    from neurosim.compare.comparing import Comparison

    request = Request(
        network=with_inputs(network, inputs or {}, n_steps, chosen.dt),
        described=network,
        duration=n_steps * chosen.dt,
        options=chosen,
        trials=pair,
        statistics=wanted,
        level=shares[0],
        resolution=shares[1],
        patience=seconds,
        keep=folder,
    )
    with _shown(sys.stderr.isatty() if shown is None else shown) as say:
        return Comparison(request, others, say).certificate()


@contextmanager
def _shown(wanted: bool) -> Iterator[Any]:
    """Yield a function that shows what is being done, in a line that replaces itself."""
    if not wanted:
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status("certify") as status:
        yield lambda text: status.update(text)

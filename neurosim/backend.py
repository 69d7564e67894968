"""The contract of a backend, and the two calls that use one: `compile` and `run`.

A backend takes a network and returns a `Session`; a session runs, is looked at, changed, and runs
on. Backends are found through the entry-point group ``neurosim.backends``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from neurosim import installed
from neurosim.capabilities import Capabilities
from neurosim.describe.network import Network
from neurosim.describe.population import Population, Selectable, require_view
from neurosim.describe.projection import Projection
from neurosim.equations.stages import STAGES
from neurosim.errors import DescriptionError, UnknownNameError, UnsupportedError, warn
from neurosim.installed import backends as backends
from neurosim.installed import check_backend
from neurosim.lower.plan import Plan
from neurosim.results import Run
from neurosim.units import to_scalar

DT = 0.1
"""Time step [ms] where neither the run nor the network says one."""

LONGEST = 2**53
"""Most steps of a run: all of them are told apart by a float64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run, as opposed to what.

    Attributes
    ----------
    dt : float
        Time step [ms].
    threads : int or None
        Upper bound of threads; None leaves it to the backend.
    precision : {"double", "single"}
        Of the state.
    trial : int
        Which realisation of drive and noise; wiring and initial values follow ``Network(seed=)``.
    synapse_format : {"auto", "full", "fixed16"}
        How drawn weights are stored: exactly as the accumulator holds them, or in 16 bits.
    approximate : tuple of str
        Parts that a backend may leave out or replace although it has no form of them.
    integrator : {"heun", "rk4"} or None
        Advances all continuous populations together, reading their coupling in every stage of a
        step; None advances each by the method of its model, with coupling held over the step.
    """

    dt: float = 0.1
    threads: int | None = None
    precision: str = "double"
    trial: int = 0
    synapse_format: str = "auto"
    approximate: tuple[str, ...] = ()
    integrator: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dt", to_scalar(self.dt, "ms", "compile: dt", above=0))
        if self.threads is not None:
            _check_int(self.threads, "compile: threads", 1, "a number of threads, 1 or more")
        _check_int(self.trial, "compile: trial", 0, "a whole number, 0 or more")
        for name, known in (
            ("precision", ("double", "single")),
            ("synapse_format", ("auto", "full", "fixed16")),
        ):
            value: Any = getattr(self, name)
            if not isinstance(value, str) or value not in known:
                raise UnknownNameError(f"compile: {name}", value, known)
        chosen: Any = self.integrator
        if chosen is not None and not (isinstance(chosen, str) and chosen in STAGES):
            raise UnknownNameError("compile: integrator", chosen, STAGES)
        parts: Any = self.approximate
        listed = isinstance(parts, (list, tuple, set, frozenset))
        if not (listed and all(isinstance(p, str) for p in parts)):
            raise DescriptionError("compile: approximate", parts, "a list of names of parts")
        object.__setattr__(self, "approximate", tuple(parts))


@runtime_checkable
class Backend(Protocol):
    """Something that runs networks.

    Attributes
    ----------
    name : str
        As in ``ns.run(net, T, backend=name)``.
    capabilities : Capabilities
        What it can do. Reading it imports nothing foreign: it is known of backends whose
        simulator is not installed.
    """

    name: str
    capabilities: Capabilities

    def compile(self, network: Network, options: Options) -> Session:
        """Take a snapshot of the network and make it ready to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A network as a program for a simulator.

    Attributes
    ----------
    text : str
    approximations : tuple of dict
        What it is not as described, as in ``provenance["approximations"]``: part, how, bound,
        unit. All of it stands in the text, too.
    """

    text: str
    approximations: tuple[dict[str, Any], ...] = ()


@runtime_checkable
class Exporter(Protocol):
    """A backend that writes networks as scripts of its own community."""

    def export(self, network: Network, duration: float, options: Options) -> Script:
        """Return a script that runs the network for `duration` [ms].

        Raises
        ------
        UnsupportedError
            Naming the part that the simulator, or a script, has no form of.
        """


@runtime_checkable
class Foreteller(Protocol):
    """A backend that knows before a run how it will round."""

    def foretell(self, plan: Plan, options: Options) -> list[dict[str, Any]]:
        """Return what a run would tell under ``provenance["approximations"]``, without building.

        Apart from the declaration and from times that are rounded to steps, which others tell.
        Entries have part, how, bound (a float) and unit; a bound of 0 is exact.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Connections of one projection, sorted by (pre, post, delay, order of drawing).

    Attributes
    ----------
    pre, post : (n,) int64
        Positions within the projection's `pre` and `post`: neuron ids where these are whole
        populations.
    weight : (n,) float64
        In the unit of the receptor.
    delay : (n,) float64
        [ms].
    """

    pre: npt.NDArray[np.int64]
    post: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    delay: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.pre.size)


class Session(ABC):
    """A network that is ready to run. Times are in ms.

    Attributes
    ----------
    network : Network
        The network as it was when the session was made.
    options : Options
        How it runs.
    """

    def __init__(self, network: Network, options: Options) -> None:
        self.network = network
        self.options = options

    @property
    def dt(self) -> float:
        """Time step [ms]."""
        return self.options.dt

    @property
    @abstractmethod
    def time(self) -> float:
        """Where the session stands [ms]."""

    def run(
        self,
        duration: Any,
        *,
        inputs: Mapping[str, Any] | None = None,
        progress: bool | None = None,
    ) -> Run:
        """Run on for `duration`, and return what this call recorded.

        Parameters
        ----------
        duration : float or quantity
            Above 0, a multiple of dt [ms].
        inputs : mapping of str to array
            For every ``Input`` population an array (n_steps, *shape), or (*shape,), held constant.
        progress : bool, optional
            Whether to show a progress bar; if left out, in terminals and notebooks, for runs that
            take longer than a second.

        Returns
        -------
        Run
            Spikes in (t, t + duration] and the states sampled then. After a Ctrl-C it covers what
            was simulated until then, and ``provenance["interrupted"]`` is true.

        Raises
        ------
        DescriptionError
            If the duration is not a positive multiple of dt, or inputs are missing or misshapen.
        SimulationError
            If a state leaves the finite numbers.
        """
        n_steps = whole_steps(duration, self.dt, "run: duration")
        if progress is not None and not isinstance(progress, bool):
            raise DescriptionError("run: progress", progress, "True, False or None")
        if inputs is not None and not isinstance(inputs, Mapping):
            raise DescriptionError("run: inputs", inputs, "a mapping of population names to arrays")
        checked = checked_inputs(self.network, inputs or {}, n_steps)
        return self._run(n_steps, checked, progress)

    @abstractmethod
    def _run(
        self, n_steps: int, inputs: Mapping[str, npt.NDArray[Any]], progress: bool | None
    ) -> Run:
        """Run `n_steps`; `inputs` are complete, of shape (n_steps, size)."""

    @abstractmethod
    def set(self, view: Selectable | str | Projection, **values: Any) -> None:
        """Set states or parameters of some neurons, e.g. ``session.set(exc, I_e=250.0)``.

        Of a plastic projection set the weight `w` or a variable of its synapses: one value, or one
        for each connection in the order of `connections`.
        """

    @abstractmethod
    def get(self, view: Selectable | str | Projection, name: str) -> npt.NDArray[np.float64]:
        """Return the present value of a state or parameter: shape (len(view),).

        Of a plastic projection the weight `w` or a variable of its synapses: shape
        (n_connections,), in the order of `connections`.
        """

    def signal(self, projection: str | Projection, **values: Any) -> None:
        """Do what a plasticity rule says on a signal, now and for all synapses of a projection.

        Parameters
        ----------
        **values : float
            Each of the signals of the rule: ``session.signal("p", reward=0.5)``.

        Raises
        ------
        DescriptionError
            If the projection has no rule that waits for signals.
        """
        raise self._no_plasticity()

    @property
    def frozen(self) -> tuple[str, ...]:
        """Names of the plastic projections that `freeze` holds."""
        return ()

    def freeze(self, projection: str | Projection | None = None) -> None:
        """Hold the synapses of a plastic projection, or of all, as they are from now on.

        Traces of neurons, and short-term plasticity, go on.
        """
        raise self._no_plasticity()

    def unfreeze(self, projection: str | Projection | None = None) -> None:
        """Let the synapses of a projection, or of all, change again."""
        raise self._no_plasticity()

    def normalise(
        self, projection: str | Projection, *, total: Any, axis: Literal["post", "pre"] = "post"
    ) -> None:
        """Scale the weights of every neuron of a plastic projection so that they add up to `total`.

        Multiplicative synaptic scaling (Turrigiano et al. 1998, Nature 391:892), done now. Weights
        that would leave their bounds are put back within them, so that the sum of such a neuron is
        less than told. A projection that is frozen is scaled, too.

        Parameters
        ----------
        total : float or array
            Sum of the weights [unit of the receptor]: one number, or one for each neuron.
        axis : {"post", "pre"}
            Whose weights are summed up: those onto every postsynaptic neuron, or those of every
            presynaptic one.

        Raises
        ------
        DescriptionError
            If the projection is not plastic.
        SimulationError
            If the weights of a neuron add up to nothing, or to the other sign than `total`.
        """
        raise self._no_plasticity()

    def _no_plasticity(self) -> UnsupportedError:
        return UnsupportedError(
            "Plastic synapses",
            "this backend lets them learn by their rule; it does not set, hold or reward them",
            "backend='cpu'",
        )

    @abstractmethod
    def reset(self) -> None:
        """Go back to t = 0 and the initial state; weights and parameters stay as they are."""

    @abstractmethod
    def connections(self, projection: str | Projection) -> Connections:
        """Return the connections of a projection."""

    def _check_view(self, view: object, place: str) -> Selectable:
        """Return a view of this session's network; populations may be named."""
        if isinstance(view, str):
            named = self.network[view]
            if not isinstance(named, Population):
                raise DescriptionError(place, view, "the name of a population")
            return named
        checked = require_view(view, place)
        for population, _ in checked.segments:
            own = self.network.populations.get(population.name)
            if own is None or own.size != population.size or own.offset != population.offset:
                raise DescriptionError(
                    place, population, f"a population of the network {self.network.name!r}"
                )
        return checked


def checked_inputs(
    network: Network, inputs: Mapping[str, Any], n_steps: int, place: str = "run: inputs"
) -> dict[str, npt.NDArray[Any]]:
    """Return what `Input` populations are handed as arrays (n_steps, size), all of them.

    `place` is what messages call `inputs`.

    Raises
    ------
    DescriptionError
        If one is missing, misshapen, or of the wrong kind.
    UnknownNameError
        For a population that takes no input.
    """
    fed = {
        p.name: p
        for p in network.populations.values()
        if p.interface.is_source and hasattr(p.model, "kind")
    }
    for name in inputs:
        if name not in fed:
            raise UnknownNameError(place, name, fed)
    checked: dict[str, npt.NDArray[Any]] = {}
    for name, population in fed.items():
        if name not in inputs:
            shape = (n_steps, *population.shape)
            raise DescriptionError(
                f"{place}[{name!r}]", None,
                f"an array of shape {shape}, or {population.shape} to be held constant",
            )  # fmt: skip
        checked[name] = _check_input(inputs[name], population, n_steps, f"{place}[{name!r}]")
    return checked


def _check_input(value: Any, population: Population, n_steps: int, place: str) -> npt.NDArray[Any]:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        raise DescriptionError(place, value, "an array: rows of equal length") from None
    full = (n_steps, *population.shape)
    if array.dtype.kind not in "biuf":
        raise DescriptionError(place, value, "an array of numbers")
    if array.shape == population.shape and array.shape != full:
        array = np.broadcast_to(array, full)
    if array.shape != full:
        raise DescriptionError(
            place, array, f"the shape {full}, or {population.shape} to be held constant"
        )
    if not np.all(np.isfinite(array)):
        raise DescriptionError(place, array, "finite numbers")
    if population.model.kind == "spikes" and (np.any(array < 0) or np.any(array != np.rint(array))):
        raise DescriptionError(place, array, "numbers of spikes: whole, 0 or more")
    return array.reshape(n_steps, population.size)


def whole_steps(duration: Any, dt: float, place: str) -> int:
    """Return how many steps a duration is.

    Raises
    ------
    DescriptionError
        If it is not a positive multiple of dt (to one part in 10^6 of a step).
    """
    value = to_scalar(duration, "ms", place, above=0)
    if not value / dt <= LONGEST:
        raise DescriptionError(place, value, f"at most {LONGEST:g} steps, {LONGEST * dt:g} ms")
    steps = round(value / dt)
    if steps < 1 or not math.isclose(value / dt, steps, rel_tol=1e-12, abs_tol=1e-6):
        lower, upper = math.floor(value / dt), math.ceil(value / dt)
        nearest = " or ".join(f"{s * dt:g}" for s in (lower, upper) if s > 0)
        raise DescriptionError(
            place, value, f"a multiple of the time step, {dt:g} ms", f"Nearest: {nearest}."
        )
    return steps


def _check_int(value: object, place: str, least: int, expected: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise DescriptionError(place, value, expected)


def find_backend(name: Any) -> Backend:
    """Return a backend by name; a backend is returned as it is.

    Raises
    ------
    UnknownNameError
        If no installed package provides it.
    """
    if not isinstance(name, (str, type)) and isinstance(name, Backend):
        return name
    check_backend(name)
    backend: Backend = installed.entry_points()[str(name)].load()()
    return backend


def compile(
    network: Network,
    backend: str | Backend = "cpu",
    *,
    dt: Any = None,
    threads: int | None = None,
    precision: str = "double",
    trial: int = 0,
    synapse_format: str = "auto",
    approximate: Sequence[str] = (),
    integrator: str | None = None,
) -> Session:
    """Take a snapshot of a network and make it ready to run.

    Parameters
    ----------
    network : Network
        What to run.
    backend : str or Backend
        Where: the name of an installed backend, see `backends`, or one itself.
    dt : number or quantity, optional
        Time step [ms]; left out, the one the network was made for, else 0.1.
    threads, precision, trial, synapse_format, approximate, integrator
        See `Options`.

    Returns
    -------
    Session

    Raises
    ------
    NeurosimError
        Naming the part of the network or the option that cannot be.
    """
    if not isinstance(network, Network):
        raise DescriptionError("compile: network", network, "a neurosim.Network")
    if network.dt is not None and dt is not None and time_step(network, dt) != network.dt:
        warn(
            f"Network {network.name!r} was made for dt = {network.dt:g} ms; at dt = "
            f"{time_step(network, dt):g} ms it means something else."
        )
    options = Options(
        dt=time_step(network, dt), threads=threads, precision=precision, trial=trial,
        synapse_format=synapse_format, approximate=approximate,  # type: ignore[arg-type]
        integrator=integrator,
    )  # fmt: skip
    return find_backend(backend).compile(network, options)


def check_option_names(given: Mapping[str, Any], place: str, own: Sequence[str] = ()) -> None:
    """Refuse options that do not exist; `own` are arguments that the caller has beside them."""
    options = [f.name for f in fields(Options)]
    for name in given:
        if name not in options:
            raise UnknownNameError(place, name, dict.fromkeys([*own, *options]))


def make_options(
    network: Network, given: Mapping[str, Any], place: str, own: Sequence[str] = ()
) -> Options:
    """Return the options of a run from what a caller wrote, with the time step of the network.

    Parameters
    ----------
    network : Network
    given : mapping
        Options by name.
    place : str
        What errors call them.
    own : sequence of str
        Arguments that the caller has beside them, named where an option does not exist.

    Raises
    ------
    UnknownNameError
        For an option that does not exist.
    """
    check_option_names(given, place, own)
    return Options(**{**given, "dt": time_step(network, given.get("dt"))})


def time_step(network: Network, dt: Any) -> float:
    """Return the step of a run: as told, as the network was made for, or 0.1 ms."""
    if dt is None:
        return network.dt or DT
    return to_scalar(dt, "ms", "compile: dt", above=0)


def run(
    network: Network,
    duration: Any,
    backend: str | Backend = "cpu",
    *,
    inputs: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    **options: Any,
) -> Run:
    """Run a network from its initial state: `compile`, then `Session.run`.

    Parameters
    ----------
    network : Network
        What to run.
    duration : float or quantity
        How long [ms].
    backend : str or Backend
        Where.
    inputs, progress
        See `Session.run`.
    **options
        See `Options`.
    """
    check_option_names(options, "run: option")
    if isinstance(network, Network):
        step = time_step(network, options.get("dt"))
        whole_steps(duration, step, "run: duration")
    session = compile(network, backend, **options)
    return session.run(duration, inputs=inputs, progress=progress)

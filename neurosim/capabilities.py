"""What backends can do, as data: one declaration per backend, and the uses a network makes.

A *feature* is one thing that a description can ask for, named by a key such as
``"neuron:LIF/ExpCurrent"`` or ``"rule:FixedIndegree"``. A backend declares its support of every
feature once; refusals, the support table of the docs, ``ns.explain`` and the skips of the
conformance suite all read that declaration.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib import metadata
from typing import Any, Literal

from neurosim.describe.network import Network
from neurosim.describe.population import Population
from neurosim.describe.projection import INJECTED
from neurosim.errors import ApproximationWarning, NeurosimError, UnsupportedError

Level = Literal["passes", "approximated", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """How well a backend has a feature.

    Attributes
    ----------
    level : {"passes", "approximated", "refused"}
    how : str
        What is done instead, or why there is no form of it.
    bound : str
        How far off an approximation is.
    nearest : str
        The nearest thing that works, where the feature is refused.
    if_asked : str
        What happens to a refused feature that the caller names in ``approximate=``; "" where even
        that cannot help.
    """

    level: Level
    how: str = ""
    bound: str = ""
    nearest: str = ""
    if_asked: str = ""


PASSES = Support(level="passes")


def approximated(how: str, bound: str) -> Support:
    """Return the support of something that is replaced by something near it."""
    return Support(level="approximated", how=how, bound=bound)


def refused(how: str, nearest: str = "", *, if_asked: str = "") -> Support:
    """Return the support of something that a backend has no form of."""
    return Support(level="refused", how=how, nearest=nearest, if_asked=if_asked)


@dataclass(frozen=True, slots=True)
class Use:
    """One feature that a network asks for, and where.

    Attributes
    ----------
    feature : str
        Its key.
    part : str
        The part of the network, as messages name it: ``"Population 'exc'"``.
    subject : object
        The object of the description: a Population, Projection, Drive, ...
    """

    feature: str
    part: str
    subject: Any = field(compare=False, repr=False, default=None)

    @property
    def short(self) -> str:
        """The name by which ``approximate=`` allows it: the key without its group."""
        return self.feature.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Case:
    """An exception to a declaration: what holds of a feature where a condition is met.

    Attributes
    ----------
    feature : str
        Key, or a pattern of keys as in `Capabilities.supports`.
    when : str
        The condition in words, for the support table.
    test : callable
        Use -> bool.
    support : Support
    """

    feature: str
    when: str
    test: Callable[[Use], bool]
    support: Support


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A distribution that a backend needs.

    Attributes
    ----------
    distribution : str
        Name on PyPI.
    versions : str
        As in a requirement: ``">=2.9"``; "" for any.
    extra : str
        The extra of ``neurosim-snn`` that brings it.
    beside : str
        Another requirement, as ``"brian2<2.10"``: this one counts only where that is fulfilled.
    """

    distribution: str
    versions: str = ""
    extra: str = ""
    beside: str = ""


class UnavailableError(NeurosimError, ImportError):
    """A backend is declared, but what it runs on is missing or of a version that does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one backend can do.

    Attributes
    ----------
    backend : str
        Its name.
    title : str
        What it is, in a line.
    supports : mapping of str to Support
        Feature keys, or patterns with ``*``, to support; the first that matches counts. What none
        matches is refused.
    cases : tuple of Case
        Exceptions, looked at before `supports`.
    requires : tuple of Requirement
        What must be installed.
    exports : bool
        Whether ``ns.export`` writes a script for it.
    """

    backend: str
    title: str
    supports: Mapping[str, Support]
    cases: tuple[Case, ...] = ()
    requires: tuple[Requirement, ...] = ()
    exports: bool = False

    def declared(self, feature: str) -> Support:
        """Return what is declared of a feature, exceptions apart."""
        for pattern, support in self.supports.items():
            if fnmatchcase(feature, pattern):
                return support
        return refused(f"the backend '{self.backend}' declares nothing about it")

    def of(self, use: Use) -> Support:
        """Return the support of one use."""
        for case in self.cases:
            if fnmatchcase(use.feature, case.feature) and case.test(use):
                return case.support
        return self.declared(use.feature)

    def require_available(self) -> None:
        """Check that what the backend runs on is there.

        Raises
        ------
        UnavailableError
            Naming what is missing or of the wrong version, and the command that installs it.
        """
        for requirement in self.requires:
            problem = unmet(requirement)
            if problem:
                extra = requirement.extra or self.backend
                raise UnavailableError(
                    f"Backend '{self.backend}' needs {problem}. "
                    f"Install it with: pip install 'neurosim-snn[{extra}]'"
                )


@cache
def _installed(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def unmet(requirement: Requirement) -> str:
    """Return what is wrong with the installation of a requirement, or ""."""
    from packaging.requirements import Requirement as Parsed
    from packaging.specifiers import SpecifierSet

    if requirement.beside:
        other = Parsed(requirement.beside)
        there = _installed(other.name)
        if there is None or not other.specifier.contains(there, prereleases=True):
            return ""
    wanted = f"{requirement.distribution}{requirement.versions}"
    found = _installed(requirement.distribution)
    if found is None:
        return f"the package {wanted}, which is not installed"
    if not SpecifierSet(requirement.versions).contains(found, prereleases=True):
        because = f" beside {requirement.beside}" if requirement.beside else ""
        return f"{wanted}{because}; installed is {requirement.distribution} {found}"
    return ""


# --- what a network uses -------------------------------------------------------------------------


def synapse_kinds(model: Any) -> str:
    """Return the kinds of a built-in neuron's receptors: "ExpCurrent", "Delta+NMDA", "none"."""
    synapses = getattr(model, "synapses", None)
    if synapses is None:
        return "none"
    kind = type(synapses).__name__
    if kind == "Receptors":
        kinds = sorted({type(r).__name__.removesuffix("Receptor") for _, r in synapses.named})
        return "+".join(kinds)
    return kind.removesuffix("Receptor")


def neuron_key(model: Any) -> str:
    """Return the feature key of a neuron model: class and kinds of receptors, or "equations"."""
    if type(model).__name__ == "NeuronModel":
        return "neuron:equations"
    return f"neuron:{type(model).__name__}/{synapse_kinds(model)}"


def uses(network: Network) -> tuple[Use, ...]:
    """Return every feature that a network asks for, part by part, in the order of definition."""
    return tuple(_uses(network))


def _uses(network: Network) -> Iterator[Use]:
    for population in network.populations.values():
        yield from _population_uses(population)
    for projection in network.projections.values():
        yield from _projection_uses(projection)
    for drive in network.drives:
        part = f"Drive of {_names(drive.target)}"
        yield Use(f"drive:{type(drive.source).__name__}", part, drive)
    for injection in network.injections:
        part = f"Current into {_names(injection.target)}"
        yield Use(f"current:{type(injection.current).__name__}", part, injection)
    for recorder in network.recorders:
        yield from _recorder_uses(recorder)


def _population_uses(population: Population) -> Iterator[Use]:
    part = f"Population {population.name!r}"
    model = population.model
    if getattr(model, "is_source", False):
        kind = f"{type(model).__name__}"
        if kind == "Input":
            kind = f"Input({model.kind})"
        yield Use(f"source:{kind}", part, population)
        return
    yield Use(neuron_key(model), part, population)
    text = model if type(model).__name__ == "NeuronModel" else model.neuron_model()
    spec = text.spec()
    if spec.n_normals:
        yield Use("mechanism:noise", part, population)
    if spec.hazard is not None:
        yield Use("mechanism:escape_noise", part, population)
    if spec.refractory is not None:
        yield Use("mechanism:refractoriness", part, population)
    if spec.multiplicity is not None:
        yield Use("mechanism:multiplicity", part, population)
    yield Use(f"method:{spec.method}", part, population)


def _projection_uses(projection: Any) -> Iterator[Use]:
    part = f"Projection {projection.name!r}"
    yield Use(f"rule:{type(projection.rule).__name__}", part, projection)
    if projection.source is not None:
        kind = "injected" if projection.receptor == INJECTED else "coupling"
        yield Use(f"coupling:{kind}", part, projection)
        return
    yield Use("synapse:static", part, projection)
    if projection.release < 1:
        yield Use("synapse:release", part, projection)


def _recorder_uses(recorder: Any) -> Iterator[Use]:
    part = f"Recorder of {recorder.label!r}"
    if recorder.variable in ("spikes", "weight"):
        yield Use(f"record:{recorder.variable}", part, recorder)
    else:
        yield Use("record:mean" if recorder.reduce == "mean" else "record:state", part, recorder)


def _names(view: Any) -> str:
    return " + ".join(repr(population.name) for population, _ in view.segments)


def check(
    network: Network, capabilities: Capabilities, approximate: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Refuse what a backend cannot do; return what it approximates.

    Parameters
    ----------
    network : Network
    capabilities : Capabilities
    approximate : tuple of str
        Features, or their short names, that may be left out or replaced.

    Returns
    -------
    list of dict
        For ``run.provenance["approximations"]``: part, how, bound. Each is shown once as an
        `ApproximationWarning`.

    Raises
    ------
    UnsupportedError
        For the first part that has no form.
    """
    made: list[dict[str, Any]] = []
    for use in uses(network):
        support = capabilities.of(use)
        if support.level == "passes":
            continue
        how = support.how
        if support.level == "refused":
            allowed = use.feature in approximate or use.short in approximate
            if not (allowed and support.if_asked):
                raise UnsupportedError(
                    f"{use.part}: {use.short} on backend '{capabilities.backend}'",
                    support.how,
                    support.nearest or None,
                )
            how = support.if_asked
        made.append({"part": use.part, "how": how, "bound": support.bound, "unit": ""})
        warnings.warn(
            f"Backend '{capabilities.backend}', {use.part}: {how}"
            + (f" (off by {support.bound})." if support.bound else "."),
            ApproximationWarning,
            stacklevel=4,
        )
    return made

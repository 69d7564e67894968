"""What backends can do, as data: one declaration per backend.

A backend declares its support of every feature of the catalogue (`neurosim.features`) once;
refusals, the support table of the docs, ``ns.explain`` and the expectations of the conformance
suite all read that declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from typing import Any, Literal

from neurosim.describe.network import Network
from neurosim.environments import Environment
from neurosim.errors import NeurosimError, UnknownNameError, UnsupportedError, warn
from neurosim.features import Use as Use
from neurosim.features import features, option_uses
from neurosim.features import neuron_key as neuron_key
from neurosim.features import synapse_kinds as synapse_kinds
from neurosim.features import uses as uses

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


def always(use: Use) -> bool:
    """Whatever the use: the test of a case that holds of all of a feature."""
    return True


@dataclass(frozen=True, slots=True)
class Case:
    """An exception to a declaration: what holds of a feature where a condition is met.

    Attributes
    ----------
    feature : str
        Key, or a pattern of keys as in `Capabilities.supports`.
    when : str
        The condition in words, for the support table.
    support : Support
    test : callable, optional
        Use -> bool; left out where the feature itself is the condition.
    here : callable, optional
        Use -> Support: the same in the numbers of one use, where they tell more than the words.
    """

    feature: str
    when: str
    support: Support
    test: Callable[[Use], bool] = always
    here: Callable[[Use], Support] | None = None

    def concerns(self, feature: str) -> bool:
        """Whether it may hold of a feature."""
        return fnmatchcase(feature, self.feature)


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
    module : str
        What is imported. Where no distribution is registered, as after an installation with conda
        or from source, a module of this name will do, whatever its version.
    """

    distribution: str
    versions: str = ""
    extra: str = ""
    beside: str = ""
    module: str = ""


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
    environment : Environment or None
        Where its simulator lives, if that is not this interpreter.
    exports : bool
        Whether ``ns.export`` writes a script for it.
    script_cases : tuple of Case
        What is otherwise in a script, which draws everything anew; looked at before `cases`.
    where : str
        How refusals speak of it.
    costly : str
        What takes many seconds in every session, as where a program is compiled, and what of it is
        kept; the conformance suite then shows it a few networks only. "" where nothing does.
    """

    backend: str
    title: str
    supports: Mapping[str, Support]
    cases: tuple[Case, ...] = ()
    requires: tuple[Requirement, ...] = ()
    environment: Environment | None = None
    exports: bool = False
    script_cases: tuple[Case, ...] = ()
    where: str = "on backend"
    costly: str = ""

    @property
    def of_scripts(self) -> Capabilities:
        """What is declared of a script, as opposed to a run."""
        return replace(self, cases=(*self.script_cases, *self.cases), where="in a script of")

    def declares(self, feature: str) -> bool:
        """Whether anything is declared of a feature."""
        return any(fnmatchcase(feature, pattern) for pattern in self.supports)

    def declared(self, feature: str) -> Support:
        """Return what is declared of a feature, exceptions apart."""
        for pattern, support in self.supports.items():
            if fnmatchcase(feature, pattern):
                return support
        return refused(f"the backend '{self.backend}' declares nothing about it")

    def of(self, use: Use) -> Support:
        """Return the support of one use."""
        for case in self.cases:
            if case.concerns(use.feature) and case.test(use):
                return case.support if case.here is None else case.here(use)
        return self.declared(use.feature)

    def problem(self) -> str:
        """Return what keeps the backend from running here and what to do about it, or ""."""
        for requirement in self.requires:
            lacking = unmet(requirement)
            if lacking:
                line = install_line(requirement)
                return f"Backend '{self.backend}' needs {lacking}. Install it with: {line}"
        lacking = self.environment.problem if self.environment is not None else ""
        if self.environment is not None and lacking:
            line = self.environment.install_line
            return f"Backend '{self.backend}' needs {lacking}. Install it with: {line}"
        return ""

    def require_available(self) -> None:
        """Check that what the backend runs on is there.

        Raises
        ------
        UnavailableError
            Naming what is missing or of the wrong version, and the command that installs it.
        """
        problem = self.problem()
        if problem:
            raise UnavailableError(problem)


def install_line(requirement: Requirement) -> str:
    r"""Return what to type to get a requirement.

    >>> install_line(Requirement(distribution="brian2", versions=">=2.9", extra="brian2"))
    "pip install 'neurosim-snn[brian2]'"
    >>> install_line(Requirement(distribution="brian2", versions=">=2.9"))
    "pip install 'brian2>=2.9'"
    """
    if requirement.extra:
        return f"pip install 'neurosim-snn[{requirement.extra}]'"
    return f"pip install '{requirement.distribution}{requirement.versions}'"


def installed(requirement: Requirement) -> str | None:
    """Return the version of a requirement that is there; "" if that is not known; else None.

    Nothing is imported.
    """
    found = _installed(requirement.distribution)
    if found is None and requirement.module and _has_module(requirement.module):
        return ""
    return found


@cache
def _installed(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


@cache
def _has_module(name: str) -> bool:
    return find_spec(name) is not None


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
    found = installed(requirement)
    if found is None:
        return f"the package {wanted}, which is not installed"
    if found and not SpecifierSet(requirement.versions).contains(found, prereleases=True):
        because = f" beside {requirement.beside}" if requirement.beside else ""
        return f"{wanted}{because}; installed is {requirement.distribution} {found}"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What becomes of one use on one backend.

    Attributes
    ----------
    use : Use
    support : Support
        As declared.
    asked : bool
        Whether the caller allowed to leave out or replace what is refused, and that can be done.
    """

    use: Use
    support: Support
    asked: bool = False

    @property
    def level(self) -> Level:
        """The level of the support; "approximated" where the caller asked for it."""
        return "approximated" if self.asked else self.support.level

    @property
    def how(self) -> str:
        """What is done instead, or why nothing can be."""
        return self.support.if_asked if self.asked else self.support.how


def learns_at_spikes_only() -> dict[str, Support]:
    """Return what a backend declares whose plastic synapses know of nothing but spikes."""
    told = refused(
        "its synapses learn from the spikes of both sides, and from nothing else",
        "a rule of pre, post, on_pre and on_post, or backend='cpu'",
    )
    return dict.fromkeys(("synapse:following", "synapse:stepwise", "synapse:modulated"), told)


def judge(
    network: Network,
    capabilities: Capabilities,
    approximate: Iterable[str] = (),
    options: Any = None,
) -> tuple[Judgement, ...]:
    """Tell what a backend makes of every use of a network.

    Parameters
    ----------
    network : Network
    capabilities : Capabilities
    approximate : iterable of str
        Features, or their short names, that may be left out or replaced.
    options : Options, optional
        Judged, too, if given.

    Raises
    ------
    UnknownNameError
        If `approximate` names what no network can ask for; it lists what this backend can do if
        asked.
    """
    found = uses(network)
    if options is not None:
        found += option_uses(options)
        found = tuple(replace(use, dt=options.dt) for use in found)
    found = tuple(replace(use, seed=network.seed) for use in found)
    allowed = frozenset(approximate)
    _check_names(allowed, found, capabilities)
    judged = []
    for use in found:
        support = capabilities.of(use)
        named = use.feature in allowed or use.short in allowed
        asked = support.level == "refused" and named and bool(support.if_asked)
        judged.append(Judgement(use=use, support=support, asked=asked))
    return tuple(judged)


def told_of(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Leave out the integrators of models that a backend does not have."""
    known = list(judgements)
    absent = {
        j.use.part for j in known if j.level == "refused" and j.use.feature.startswith("neuron:")
    }
    return [j for j in known if not (j.use.feature.startswith("method:") and j.use.part in absent)]


def refuse(refusals: Sequence[UnsupportedError]) -> None:
    """Raise the first refusal with all others, if there are any.

    Raises
    ------
    UnsupportedError
    """
    if refusals:
        first, *others = refusals
        raise UnsupportedError(first.part, first.reason, first.nearest, others=others)


def permissions(capabilities: Capabilities) -> tuple[str, ...]:
    """Return the names that ``approximate=`` takes: of what a backend refuses unless it is asked.

    >>> release = refused("synapses are reliable", if_asked="weights are scaled")
    >>> permissions(Capabilities(backend="b", title="", supports={"synapse:release": release}))
    ('release',)
    """
    found: dict[str, None] = {}
    for key in features():
        cases = [case.support for case in capabilities.cases if case.concerns(key)]
        if any(support.if_asked for support in (capabilities.declared(key), *cases)):
            found[key.partition(":")[2]] = None
    return tuple(found)


def _check_names(
    allowed: frozenset[str], found: tuple[Use, ...], capabilities: Capabilities
) -> None:
    if not allowed:
        return
    keys = [*features(), *(use.feature for use in found)]
    known = {*keys, *(key.partition(":")[2] for key in keys)}
    for name in sorted(allowed - known):
        raise UnknownNameError("compile: approximate", name, permissions(capabilities))


def require(
    network: Network,
    capabilities: Capabilities,
    approximate: Iterable[str] = (),
    options: Any = None,
) -> list[dict[str, Any]]:
    """Refuse what a backend cannot do; return what it approximates.

    Parameters
    ----------
    network, capabilities, approximate, options
        See `judge`.

    Returns
    -------
    list of dict
        For ``run.provenance["approximations"]``: part, how, bound, unit.

    Raises
    ------
    UnsupportedError
        For the first part that has no form, and with all others.
    """
    made: list[dict[str, Any]] = []
    judgements = judge(network, capabilities, approximate, options)
    refusals = [
        UnsupportedError(
            f"{j.use.part}: {j.use.title} {capabilities.where} '{capabilities.backend}'",
            j.how,
            nearest_of(j.use, j.support) or None,
        )
        for j in told_of(judgements)
        if j.level == "refused"
    ]
    refuse(refusals)
    for judged in judgements:
        use, support = judged.use, judged.support
        if judged.level == "approximated":
            bound = support.bound
            made.append({"part": use.part, "how": judged.how, "bound": bound, "unit": ""})
    return made


def check(
    network: Network,
    capabilities: Capabilities,
    approximate: Iterable[str] = (),
    options: Any = None,
) -> list[dict[str, Any]]:
    """Do as `require` does, and show each way to approximate as an `ApproximationWarning`."""
    made = require(network, capabilities, approximate, options)
    for line in told(made):
        warn(f"Backend '{capabilities.backend}', {line}.")
    return made


def told(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return one line for each way to approximate, with all its parts and the largest bound.

    >>> told([{"part": "Population 'a': t_ref", "how": "rounded", "bound": b, "unit": "ms"}
    ...       for b in (0.01, 0.02)])
    ["Population 'a': t_ref: rounded; off by up to 0.02 ms"]
    """
    parts: dict[tuple[str, str], dict[str, None]] = {}
    bounds: dict[tuple[str, str], list[Any]] = {}
    for entry in entries:
        way = (entry["how"], entry["unit"])
        parts.setdefault(way, {})[entry["part"]] = None
        bounds.setdefault(way, []).append(entry["bound"])
    lines = []
    for (how, unit), where in parts.items():
        numbers = [b for b in bounds[how, unit] if isinstance(b, (int, float))]
        words = dict.fromkeys(b for b in bounds[how, unit] if isinstance(b, str) and b)
        bound = "; off by " + ", ".join(words) if words else ""
        if numbers:
            bound = f"; off by up to {max(numbers):.2g} {unit}"
        lines.append(f"{listed(where)}: {how}{bound}")
    return lines


def nearest_of(use: Use, support: Support) -> str:
    """Return the nearest thing that works where a use is refused: other words, or permission."""
    if not support.if_asked:
        return support.nearest
    permission = f"approximate=[{use.short!r}] ({support.if_asked})"
    return f"{support.nearest}, or {permission}" if support.nearest else permission


def listed(parts: Iterable[str], most: int = 3) -> str:
    """Return names of parts, shortened: the kind once, and the first few names.

    >>> listed(["Population 'a'", "Population 'b'"])
    "Population 'a', 'b'"
    >>> listed([f"Projection '{k}'" for k in range(9)])
    "Projection '0', '1', '2' and 6 more"
    """
    names = list(parts)
    kind = names[0].partition(" '")[0]
    shown = names[:most]
    if all(name.startswith(f"{kind} '") for name in names):
        shown = [names[0], *(name.removeprefix(f"{kind} ") for name in shown[1:])]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown) + more

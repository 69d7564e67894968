"""What a backend puts into a folder, and how it runs that again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

from neurosim.backend import Options
from neurosim.capabilities import Capabilities
from neurosim.describe.network import Network

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Package:
    """A network and one run of it, as numbers.

    Attributes
    ----------
    facts : dict
        What JSON can say: with the arrays, all that is needed to run it again.
    arrays : mapping of str to mapping of str to int32 array
        File (.npz) -> name -> whole numbers.
    about : mapping of str to str
        Name of an array -> what it is, for messages and for people who read the manifest.
    texts : mapping of str to str
        File -> text that follows from the facts alone: scripts, pages to read.
    reports : mapping of str to str
        File -> text that does not: certificates.
    remarks : dict
        More for the manifest, by name.
    approximations : list of dict
        As in ``provenance["approximations"]``: part, how, bound, unit.
    """

    facts: dict[str, Any]
    arrays: Mapping[str, Arrays]
    about: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    reports: Mapping[str, str] = field(default_factory=dict)
    remarks: Mapping[str, Any] = field(default_factory=dict)
    approximations: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something in a folder that is not as it should be.

    Attributes
    ----------
    file : str
    what : str
    population : str or None
    step : int or None
        Counted from 0.
    neuron : int or None
        Within the population.
    """

    file: str
    what: str
    population: str | None = None
    step: int | None = None
    neuron: int | None = None

    def __str__(self) -> str:
        place = [self.file]
        if self.population is not None:
            place.append(f"population {self.population!r}")
        if self.step is not None:
            place.append(f"step {self.step}")
        if self.neuron is not None:
            place.append(f"neuron {self.neuron}")
        return f"{', '.join(place)}: {self.what}"


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """A run that was made again.

    Attributes
    ----------
    differences : tuple of Difference
    told : str
        What ran, with versions and how much was compared.
    """

    differences: tuple[Difference, ...]
    told: str


@runtime_checkable
class Repeater(Protocol):
    """A backend that runs a package again."""

    name: str
    capabilities: Capabilities

    def repeat(self, package: Package) -> Repeated:
        """Run what `facts` and `arrays` say, and compare with the run that they hold.

        Raises
        ------
        DescriptionError
            If the facts or arrays cannot be meant: nothing of them is trusted.
        """


@runtime_checkable
class Packer(Repeater, Protocol):
    """A backend whose networks can be taken away as a folder.

    Attributes
    ----------
    main : str
        Of the texts, the one that `export` returns.
    repeated_on : tuple of str
        Backends that repeat its packages, itself among them.
    """

    main: str
    repeated_on: tuple[str, ...]

    def pack(
        self, network: Network, n_steps: int, options: Options, inputs: Mapping[str, Any],
        certificate: bool,
    ) -> Package:  # fmt: skip
        """Return a network with a run of `n_steps`; with a certificate of that, if wanted."""

    def texts(self, facts: Mapping[str, Any]) -> dict[str, str]:
        """Return the texts that follow from facts.

        Raises
        ------
        DescriptionError
            If the facts cannot be meant.
        """

"""The network: the one builder of a description."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from neurosim.describe.checks import check_name, to_int
from neurosim.describe.contents import Contents
from neurosim.describe.coupling import CouplingFunction
from neurosim.describe.estimate import Estimate, estimate
from neurosim.describe.explicit import FromList
from neurosim.describe.inputs import (
    Drive,
    Injection,
    make_drive,
    make_initial_values,
    make_injection,
)
from neurosim.describe.parameters import Replaced, with_values
from neurosim.describe.population import Population, Selectable, View, require_view
from neurosim.describe.positions import place
from neurosim.describe.projection import Projection, make_projection
from neurosim.describe.recorders import Recorder, make_recorders
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.explained import explained_call
from neurosim.units import to_scalar

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Network(Contents):
    """A network as a description: plain values, checked when written, without a time step.

    Parameters
    ----------
    name : str
    seed : int
        Fixes wiring, weights, delays, random positions and initial values.
    dt : number or quantity, optional
        The time step [ms] the network was made for, where its meaning depends on one; a run takes
        it unless told otherwise.

    Attributes
    ----------
    populations, projections : mapping
        Name -> `Population`, `Projection`, in order of definition.
    initial_values, drives, injections, recorders : tuple
        What `initialise`, `drive`, `inject` and `record` were told.
    """

    @explained_call("net.population")
    def population(
        self, name: str, size: int | tuple[int, ...], model: Any, *, positions: Any = None
    ) -> Population:
        """Add a population.

        Parameters
        ----------
        name : str
            Unique within the network.
        size : int or tuple of int
            Number of neurons, or the axes of their arrangement such as (28, 28).
        model : Model or Source
            A neuron model, or a source of spikes. Arrays among its parameters give every neuron
            its own value.
        positions : Grid, Line, RandomPositions, Coordinates or (n, d) array, optional
            Where the neurons are, for rules and values that depend on distance.

        Raises
        ------
        DescriptionError
            If the name is taken, or size, model and positions do not fit together.
        """
        check_name(name, "Population.name")
        self._require_free(name, "Population.name")
        where = f"Population {name!r}"
        axes = size if isinstance(size, (tuple, list)) else (size,)
        if not axes:
            raise DescriptionError(f"{where}: size", size, "a number of neurons, or one per axis")
        shape = tuple(to_int(n, f"{where}: size", at_least=1) for n in axes)
        index = len(self._populations)
        population = Population(
            name=name,
            shape=shape,
            model=model,
            positions=None if positions is None else place(positions, shape, (self._seed, index)),
            index=index,
            offset=self.size,
        )
        self._populations[name] = population
        return population

    @explained_call("net.initialise")
    def initialise(self, target: Selectable, /, **states: Any) -> None:
        """Say what state variables are at the start.

        Parameters
        ----------
        target : Population or View
        **states
            State variable -> a number or quantity, an array with one value per neuron of
            `target`, or a Distribution. Later calls replace earlier ones.

        Raises
        ------
        UnknownNameError
            If a model has no such state.
        """
        made = make_initial_values(self._own(target, "initialise: target"), states)
        self._initial_values.extend(made)

    @explained_call("net.project")
    def project(
        self,
        pre: Selectable,
        post: Selectable,
        rule: Any,
        *,
        weight: Any = 1.0,
        delay: Any = None,
        receptor: str | None = None,
        source: str | CouplingFunction | None = None,
        plasticity: Any = None,
        modulator: Any = None,
        release: Any = 1.0,
        name: str | None = None,
    ) -> Projection:
        """Connect neurons.

        Parameters
        ----------
        pre, post : Population or View
            A view over several populations makes one projection: counts are over the union.
        rule : Rule
            Who is connected to whom.
        weight : number, quantity, (n_pre, n_post) array, Distribution or FunctionOfDistance
            In the unit of the receptor. Left out where the rule brings the weights.
        delay : as weight, or None
            [ms]. None: one step for spikes; none for continuous coupling, which then reads the
            value at the start of the step. Delays of spikes are rounded to steps; those of
            continuous coupling are not: between two steps a state is on the straight line, before
            the start it had its initial value.
        receptor : str, optional
            Where spikes arrive, or the coupling. May be left out where the model has one only.
        source : str or CouplingFunction, optional
            For continuous coupling (gap junctions, rates): the state variable that is read, or what
            is computed from states of both sides.
        plasticity : PlasticityRule or a named rule such as STDP, optional
            How spikes change the synapses; static ones if left out.
        modulator : Population or View, optional
            The neurons whose spikes or states a rule with `modulator` or `on_modulator` follows.
        release : float
            Probability that a spike passes a synapse, drawn for every spike and synapse.
        name : str, optional
            By default "pre->post", with "#2" and so on where that is taken.

        Raises
        ------
        DescriptionError
            If anything does not fit together; names projection and argument.
        """
        sources = self._own(pre, "project: pre")
        targets = self._own(post, "project: post")
        if name is None:
            name = self._free_name(f"{sources.label}->{targets.label}")
        else:
            check_name(name, "Projection.name", arrow=True)
            self._require_free(name, "Projection.name")
        projection = make_projection(
            name,
            sources,
            targets,
            rule,
            weight=weight,
            delay=delay,
            receptor=receptor,
            source=source,
            plasticity=plasticity,
            release=release,
            where=_caller(),
            modulator=None if modulator is None else self._own(modulator, "project: modulator"),
        )
        self._projections[name] = projection
        return projection

    @explained_call("net.drive")
    def drive(
        self, target: Selectable, source: Any, *, weight: Any = 1.0, receptor: str | None = None
    ) -> Drive:
        """Give every neuron its own independent source; no synapses are stored.

        Parameters
        ----------
        target : Population or View
        source : Source
            For example ``Poisson(rate=12_800)``; arrays in it hold one value per neuron.
        weight : number, quantity or (n,) array
            In the unit of the receptor.
        receptor : str, optional
            May be left out where the model has one only.
        """
        made = make_drive(self._own(target, "drive: target"), source, weight, receptor, _caller())
        self._drives.append(made)
        return made

    @explained_call("net.inject")
    def inject(self, target: Selectable, current: Any) -> Injection:
        """Add a current to the constant current `I_e` of neurons.

        Parameters
        ----------
        target : Population or View
        current : ConstantCurrent, StepCurrent or NoiseCurrent
        """
        made = make_injection(self._own(target, "inject: target"), current, _caller())
        self._injections.append(made)
        return made

    @explained_call("net.record")
    def record(
        self,
        target: Selectable | Projection,
        variable: str | list[str],
        *,
        every: Any = None,
        reduce: str | None = None,
        initial: bool = False,
    ) -> tuple[Recorder, ...]:
        """Keep a variable while running.

        Parameters
        ----------
        target : Population, View or Projection
        variable : str or list of str
            "spikes", state variables; "weight" of a projection.
        every : number or quantity, optional
            Interval of samples [ms], a multiple of the time step. None: every step.
        reduce : "mean", optional
            Keep the average over the neurons (of each population) only.
        initial : bool
            Sample the start of each run, too.

        Returns
        -------
        tuple of Recorder
            One per variable and population. Saying the same twice is saying it once.

        Raises
        ------
        UnknownNameError
            If a model has no such variable.
        DescriptionError
            If the variable of this population is recorded already, in another way.
        """
        subject: View | Projection
        if isinstance(target, Projection):
            if self._projections.get(target.name) is not target:
                raise DescriptionError("record: target", target, "a projection of this network")
            subject = target
        else:
            subject = self._own(target, "record: target")
        made = make_recorders(
            subject, variable, every=every, reduce=reduce, initial=initial, where=_caller()
        )
        kept = {recorder.subject: recorder for recorder in self._recorders}
        for recorder in made:
            earlier = kept.setdefault(recorder.subject, recorder)
            if not earlier.same_as(recorder):
                raise DescriptionError(
                    f"Recorder of {recorder.label!r}: variable",
                    recorder.variable,
                    "a variable that is not recorded yet",
                    f"It is, in another way, since {earlier.where}.",
                )
        self._recorders = list(kept.values())
        return tuple(kept[recorder.subject] for recorder in made)

    def __getitem__(self, name: str) -> Any:  # a Population or a Projection: the name tells which
        if isinstance(name, str):
            if name in self._populations:
                return self._populations[name]
            if name in self._projections:
                return self._projections[name]
        raise UnknownNameError(
            f"Network {self._name!r}", name, [*self._populations, *self._projections]
        )

    def copy(self) -> Network:
        """Return a network of the same parts; what is added to one is not added to the other."""
        other = Network(self._name, seed=self._seed, dt=self._dt)
        other._populations = dict(self._populations)
        other._projections = dict(self._projections)
        other._initial_values = list(self._initial_values)
        other._drives = list(self._drives)
        other._injections = list(self._injections)
        other._recorders = list(self._recorders)
        return other

    @explained_call("net.with_weights")
    def with_weights(self, weights: Mapping[str, Any]) -> Network:
        """Return the same network with the connections of some projections listed, and weighted.

        Parameters
        ----------
        weights : mapping of str to Connections
            Projection -> what ``session.connections`` tells of it, such as after a training; all
            of a session on snnTorch at once: ``session.weights()``. Anything with `pre`, `post`
            (positions), `weight` and `delay` [ms] will do.

        Returns
        -------
        Network
            A new one. Populations are the same objects.

        Raises
        ------
        UnknownNameError
            For a projection that does not exist.
        DescriptionError
            If connections, or their weights, are not possible.
        """
        other = self.copy()
        for name, found in weights.items():
            if name not in self._projections:
                raise UnknownNameError("net.with_weights", name, self._projections)
            p = self._projections[name]
            place = f"net.with_weights: {name!r}"
            if not all(hasattr(found, part) for part in ("pre", "post", "weight", "delay")):
                raise DescriptionError(place, found, "connections, as session.connections tells")
            if not np.all(np.isfinite(found.weight)):
                raise DescriptionError(f"{place}: weight", found.weight, "finite numbers")
            pairs = np.stack([found.pre, found.post], axis=1)
            delay = None if p.continuous and not np.any(found.delay) else found.delay
            other._projections[name] = make_projection(
                name, p.pre, p.post, FromList(pairs, found.weight, delay), weight=1.0, delay=None,
                receptor=p.receptor, source=p.source, plasticity=p.plasticity, release=p.release,
                where=_caller(), modulator=p.modulator,
            )  # fmt: skip
        return other

    @explained_call("net.with_parameters")
    def with_parameters(self, values: Mapping[str, Mapping[str, Any]]) -> Network:
        """Return the same network with other parameters of some neurons.

        Parameters
        ----------
        values : mapping
            Population -> {parameter of its equations: number or quantity, or one per neuron},
            such as ``session.learned()`` on snnTorch and Norse tells after a training.

        Returns
        -------
        Network
            A new one. Other populations are the same objects.

        Raises
        ------
        UnknownNameError
            For a population or parameter that does not exist.
        DescriptionError
            If a model refuses a value.
        """
        if not isinstance(values, Mapping):
            raise DescriptionError(
                "net.with_parameters: values", values,
                "a mapping of populations to mappings of parameters, "
                "such as {'exc': {'tau_m': 20.0}}",
            )  # fmt: skip
        other = self.copy()
        for name, of_population in values.items():
            if name not in self._populations:
                raise UnknownNameError("net.with_parameters", name, self._populations)
            if not isinstance(of_population, Mapping):
                raise DescriptionError(
                    f"net.with_parameters: {name!r}", of_population,
                    "a mapping of parameters, such as {'tau_m': 20.0}",
                )  # fmt: skip
            if of_population:
                made = with_values(self._populations[name], of_population)
                other._populations[name] = made
        replaced = Replaced(other._populations)
        other._projections = {n: replaced.of(p) for n, p in self._projections.items()}
        other._initial_values = [replaced.of(part) for part in self._initial_values]
        other._drives = [replaced.of(part) for part in self._drives]
        other._injections = [replaced.of(part) for part in self._injections]
        other._recorders = [replaced.of(part) for part in self._recorders]
        return other

    def estimate(
        self, *, precision: str = "double", synapse_format: str = "auto", dt: Any = None
    ) -> Estimate:
        """Return the expected numbers of neurons, synapses and bytes, without building.

        Parameters
        ----------
        precision : {"double", "single"}
            As in ``ns.compile``.
        synapse_format : {"auto", "full", "fixed16"}
            As in ``ns.compile``.
        dt : number or quantity, optional
            Time step [ms]: delays of the same step share a header. Left out, as in ``ns.run``.
        """
        place = "Network.estimate"
        for name, value, known in (
            ("precision", precision, ("double", "single")),
            ("synapse_format", synapse_format, ("auto", "full", "fixed16")),
        ):
            if value not in known:
                raise UnknownNameError(f"{place}: {name}", value, known)
        step = None if dt is None else to_scalar(dt, "ms", f"{place}: dt", above=0)
        return estimate(self, precision, synapse_format, step)

    def content_hash(self) -> str:
        """Return 64 hexadecimal digits that change exactly when the meaning changes.

        Values written differently (``"20 ms"`` and 20.0, a list and an array) mean the same, and
        so do descriptions in another order where order plays no part. The name of the network
        means nothing; names of populations and projections, and the seed, do.
        """
        from neurosim.describe.hashing import network_hash

        return network_hash(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to one self-contained file, which ``neurosim.load`` reads.

        An existing file is replaced at once or not at all.
        """
        from neurosim.describe.files import save_network

        save_network(self, path)

    def __repr__(self) -> str:
        from neurosim.describe.printing import network_text

        return network_text(self)

    def _repr_html_(self) -> str:
        from neurosim.describe.printing import network_html

        return network_html(self)

    def _own(self, target: object, where: str) -> View:
        """Return a view of populations of this network; refuse everything else."""
        chosen = require_view(target, where)
        for population, _ in chosen.segments:
            if self._populations.get(population.name) is not population:
                raise DescriptionError(
                    where,
                    population,
                    f"a population of this network, {self._name!r}",
                    "It belongs to another network.",
                )
        return chosen if isinstance(chosen, View) else View(tuple(chosen.segments), chosen.shape)

    def _require_free(self, name: str, where: str) -> None:
        if name in self._populations or name in self._projections:
            taken = [*self._populations, *self._projections]
            raise DescriptionError(
                where, name, "a name that is not taken", f"Taken are {', '.join(map(repr, taken))}."
            )

    def _free_name(self, wanted: str) -> str:
        name, number = wanted, 1
        while name in self._projections:
            number += 1
            name = f"{wanted}#{number}"
        return name


def _caller() -> str:
    """Return "file:line" of the innermost frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_PACKAGE) and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"

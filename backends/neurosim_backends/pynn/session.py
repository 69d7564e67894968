"""A network that PyNN built in NEST's kernel, run and looked at as any network of NEST."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np

from neurosim.describe.learning import STDP
from neurosim.describe.population import Population
from neurosim.describe.sources import Input
from neurosim.engine.wiring import Connections
from neurosim.lower.plan import Floats, Ints, PlanPopulation
from neurosim_backends.nest import kernel
from neurosim_backends.nest.binding import Binding, Signs, bind
from neurosim_backends.nest.building import Built
from neurosim_backends.nest.devices import SpikeSenders
from neurosim_backends.nest.session import NestSession
from neurosim_backends.pynn.cells import CELL_ROWS, Cell, cell_of, cell_parameters
from neurosim_backends.pynn.learning import mechanism_of


@cache
def load() -> Any:
    """Return the module `pyNN.nest`, imported without compiling anything.

    Where its extensions of NEST are missing, PyNN compiles them as it is imported, into its own
    folder, which takes a minute. No standard cell needs them: it is told that there is no
    nest-config, without which it goes on.
    """
    kernel.load()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyNN.core as core

        find, core.find = core.find, lambda command: None
        try:
            import pyNN.nest as simulator
        finally:
            core.find = find
    return simulator


@contextmanager
def _silent() -> Iterator[None]:
    """Keep PyNN from telling that NEST has states it does not let one set: these are started here.

    And from old spellings of NEST's settings, in its own code.
    """
    logger = logging.getLogger("PyNN")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


class _Passed:
    """Sources whose spikes are sent by relays: PyNN's SpikeSourceArray is a pair of both."""

    def __init__(self, ids: Ints) -> None:
        self.ids = ids

    def send(self, labels: Ints, ids: Ints) -> None:
        """Do nothing."""


class _Array:
    """The spikes of a SpikeSourceArray: what its generators send, its relays pass on a step later.

    Parameters
    ----------
    population : pyNN.nest.Population
    """

    def __init__(self, nest: Any, population: Any, dt: float) -> None:
        self._senders = SpikeSenders(nest, population.size, dt, population.node_collection_source)
        first = population.node_collection[0].global_id
        self.ids = np.arange(first, first + population.size)

    def send(self, labels: Ints, ids: Ints) -> None:
        """Have spikes sent; the first label is two steps ahead, but before our time begins."""
        self._senders.send(labels - 1, ids)


class PynnBuilt(Built):
    """A network in NEST's kernel whose populations and projections are PyNN's."""

    def _bound(
        self, population: Population, p: PlanPopulation, signs: Mapping[str, Signs]
    ) -> Binding:
        return bind(population, p, signs, self.parameters[p.index], self.dt, known=CELL_ROWS)

    # --- populations --------------------------------------------------------------------------

    def _create(self, nest: Any) -> None:
        self._sim = load()
        self._made: dict[int, Any] = {}
        """Population -> that of PyNN."""
        state = self._sim.simulator.state
        # As `sim.setup` does, but for a kernel that is empty, whose resolution is set already, and
        # whose generators stay on the grid.
        state.populations, state.current_sources, state.recording_devices = [], [], []
        state.recorders = set()
        state.running = False
        with _silent():
            state.spike_precision = "on_grid"
            super()._create(nest)

    def _neurons(self, nest: Any, p: PlanPopulation) -> Any:
        binding = self.bindings[p.index]
        cell = cell_of(binding)
        made = cell_parameters(binding, self.parameters[p.index])
        # At rest until our time begins: receptors only, which say how fast currents decay.
        receptors = {k: v for k, v in made.items() if k.startswith(("tau_syn", "e_rev"))}
        receptors = {k: v for k, v in receptors.items() if k.endswith(("_E", "_I"))}
        self._made[p.index] = self._population(p, cell, receptors)
        return self._made[p.index].node_collection

    def _population(self, p: PlanPopulation, cell: Cell, parameters: Mapping[str, Any]) -> Any:
        model = getattr(self._sim, cell.name)(**parameters)
        return self._sim.Population(p.size, model, label=p.name)

    def _sources(self, nest: Any, p: PlanPopulation, teaches: bool) -> None:
        if isinstance(p.source, Input):  # its spikes are not known a step before
            super()._sources(nest, p, teaches)
            return
        made = self._sim.Population(p.size, self._sim.SpikeSourceArray(), label=p.name)
        relays: Any = _Array(nest, made, self.dt)
        passed: Any = _Passed(relays.ids)
        self.relays[p.index], self.trains[p.index] = relays, passed
        self._made[p.index] = made

    def put_parameters(self, population: int, where: Ints | None = None) -> None:
        """Have PyNN set the parameters of a population, which it translates itself."""
        binding, p = self.bindings[population], self.plan.populations[population]
        made = cell_parameters(binding, self.parameters[population])
        with kernel.explained(f"Population {p.name!r}: parameters"), _silent():
            self._made[population].set(**made)

    # --- projections --------------------------------------------------------------------------

    def _connect(self, nest: Any, wiring: Mapping[int, Connections]) -> None:
        steps = [int(c.delay_steps.max(initial=1)) for c in wiring.values()]
        self._sim.simulator.state.set_delays(self.dt, max(steps, default=1) * self.dt)
        for made in self._made.values():
            if made._deferred_parrot_connections:
                made._connect_parrot_neurons()
        with _silent():
            super()._connect(nest, wiring)

    def _join(
        self, nest: Any, pre: Ints, post: Ints, weight: Floats, delay: Floats, port: int,
        release: float = 1.0,
    ) -> None:  # fmt: skip
        """Connect by projections of PyNN; drives and Inputs, which PyNN has not, as in NEST."""
        place = self._place(pre)
        theirs = np.isin(place, list(self._made))
        rest = ~theirs
        super()._join(nest, pre[rest], post[rest], weight[rest], delay[rest], port, release)
        synapse = self._sim.StaticSynapse()
        if release < 1:
            synapse = self._sim.SimpleStochasticSynapse(p=release)
        self._project(
            place[theirs], pre[theirs], post[theirs], weight[theirs], delay[theirs], synapse
        )

    def _place(self, nodes: Ints) -> Ints:
        """Return which of our populations nodes belong to; -1 for none."""
        if not nodes.size:
            return np.empty(0, np.int64)
        ours = self._our_id[np.minimum(nodes, self._our_id.size - 1)]
        ours = np.where(nodes < self._our_id.size, ours, -1)
        offsets = np.array([p.offset for p in self.plan.populations])
        return np.where(ours < 0, -1, np.searchsorted(offsets, ours, side="right") - 1)

    def _project(
        self, place: Ints, pre: Ints, post: Ints, weight: Floats, delay: Floats, synapse: Any
    ) -> None:
        """Make a projection for each pair of populations, and each receptor.

        Parameters
        ----------
        place : (n,) int64
            Population of the presynaptic neurons.
        pre, post : (n,) int64
            Nodes; those of `post` are of one population.
        weight : (n,) float64
            As NEST has them, whose sign names the receptor.
        delay : (n,) float64
            [ms]
        """
        if not pre.size:
            return
        target = int(self._place(post[:1])[0])
        cell = cell_of(self.bindings[target])
        to = self._made[target]
        conductance = bool(to.celltype.conductance_based)
        for source in np.unique(place):
            of = self._made[int(source)]
            for receptor, chosen in (("excitatory", weight >= 0), ("inhibitory", weight < 0)):
                here = chosen & (place == source)
                if not here.any():
                    continue
                theirs = weight[here] * cell.unit
                listed = np.column_stack([
                    pre[here] - of.node_collection[0].global_id,
                    post[here] - to.node_collection[0].global_id,
                    np.abs(theirs) if conductance else theirs,
                    delay[here],
                ])  # fmt: skip
                self._sim.Projection(
                    of, to, self._sim.FromListConnector(listed), synapse, receptor_type=receptor
                )

    def _learn(
        self, nest: Any, k: int, p: PlanPopulation, pre: Ints, post: Ints, weight: Floats,
        delay: Floats,
    ) -> None:  # fmt: skip
        rule, name = self._rules[k], self.plan.projections[k].name
        learning: Any = self.network.projections[name].plasticity
        port = self.bindings[p.index].ports[self.plan.projections[k].receptor]
        self._set_traces(p, rule, name)
        sim = self._sim
        if isinstance(learning, STDP):
            made = mechanism_of(learning)
            largest = made.w_max * cell_of(self.bindings[p.index]).unit
            synapse = sim.STDPMechanism(
                timing_dependence=sim.SpikePairRule(**made.timing),
                weight_dependence=getattr(sim, made.dependence)(w_min=0.0, w_max=largest),
            )
        else:
            synapse = sim.TsodyksMarkramSynapse(
                U=learning.U, tau_rec=learning.tau_rec, tau_facil=learning.tau_facil
            )
        labelled = synapse._get_nest_synapse_model
        # A model of its own for each projection, so that its synapses can be told from others'.
        synapse._get_nest_synapse_model = lambda: self._own_model(nest, k, labelled())
        nodes = self._node_of[pre]
        self._project(
            self._place(nodes), nodes, self._node_of[post],
            port.weights(weight, post - p.offset), delay, synapse,
        )  # fmt: skip


class PynnSession(NestSession):
    """A network in PyNN's NEST."""

    backend = "pynn"
    make = PynnBuilt

    def _models(self) -> dict[str, str]:
        found = self._built.bindings.items()
        return {self.plan.populations[k].name: cell_of(b).name for k, b in found}

    def _versions(self) -> dict[str, str]:
        return {"PyNN": metadata.version("PyNN"), **super()._versions()}

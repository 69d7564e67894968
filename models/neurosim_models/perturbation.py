"""Learning by trying: weights or neurons are disturbed, and what helped is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.units import to_scalar

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Kind = Literal["weight", "node"]


def perturbation_rule(
    kind: Kind = "weight", *, largest: float, tau: float = 10.0,
    sign: Literal["free", "fixed"] = "free",
) -> ns.PlasticityRule:  # fmt: skip
    """Return a rule of three factors: a disturbance, what the synapse saw, and what came of it.

        "weight"  a spike carries w + d;            told D:  w -= D d
        "node"    the neuron is disturbed by d;     told D:  w -= D d x    x: trace of tau

    d, named `tried`, is a variable of each synapse that `Perturbation` sets; of "node" it is that
    of its neuron. Neither derivatives nor the weights of other synapses are needed.

    Parameters
    ----------
    kind : {"weight", "node"}
    largest : float
        Bound of the weights on both sides of 0 [unit of the receptor].
    tau : float
        Of the presynaptic trace [ms]: that of the membrane.
    sign : {"free", "fixed"}
        See `PlasticityRule`.

    Source: "weight" with signs as disturbances is SPSA: Spall (1992), IEEE Trans. Autom. Control
    37:332; "node": Widrow & Lehr (1990), Proc. IEEE 78:1415; both as three-factor learning: Fiete &
    Seung (2006), Phys. Rev. Lett. 97:048104.
    """
    bound = to_scalar(largest, "1", "perturbation_rule: largest", above=0)
    if kind not in ("weight", "node"):
        raise UnknownNameError("perturbation_rule: kind", str(kind), ("weight", "node"))
    if kind == "weight":
        return ns.PlasticityRule(
            "weight perturbation", synapse="tried : 1", on_pre="effect = w + tried",
            on_signal="w -= told*tried; tried = 0", signals=("told",), w_min=-bound, w_max=bound,
            max_effect=2, sign=sign,
        )  # fmt: skip
    return ns.PlasticityRule(
        "node perturbation", pre="dx/dt = -x/tau : 1\ntau : ms", synapse="tried : 1",
        on_pre="x += 1", on_signal="w -= told*tried*x; tried = 0", signals=("told",),
        parameters={"tau": tau}, w_min=-bound, w_max=bound, sign=sign,
    )  # fmt: skip


class Perturbation:
    """Disturbs the plastic synapses of a session both ways, and tells them what came of it.

    In a trial all weights (or neurons) are disturbed by +size or -size each, at random; the loss is
    measured so, and with all disturbances turned round. With
    ``told = rate (L+ - L-)/(2 size^2)`` the mean change of the weights is minus `rate` times the
    gradient; after K trials its cosine with the gradient is about sqrt(K/(K + D - 1)), with D
    weights, or D neurons, that were disturbed.

    Parameters
    ----------
    session : Session
        Its plastic projections have the rule of `perturbation_rule`.
    loss : callable
        Takes the session, at t = 0, runs it, and returns a number.
    size : float
        Of the disturbance [unit of the weights; of `node`].
    rate : float
    node : (str, str), optional
        For the rule "node": the population that is disturbed, and its parameter that is added to
        what it does. The disturbance is added to what the parameter is. Projections onto this
        population learn; all others are left alone.
    seed : int
    """

    def __init__(
        self, session: ns.Session, loss: Callable[[ns.Session], float], *, size: float, rate: float,
        node: tuple[str, str] | None = None, seed: int = 1,
    ) -> None:  # fmt: skip
        self.session, self._loss = session, loss
        self._size = to_scalar(size, "1", "Perturbation: size", above=0)
        self._rate = to_scalar(rate, "1", "Perturbation: rate", at_least=0)
        self._node = node
        self._rng = np.random.default_rng(seed)
        if node is not None:
            session.get(*node)  # which says what is not there
        self._learning: dict[str, tuple[int, Ints, Ints]] = {}
        for name, p in session.network.projections.items():
            if p.plasticity is not None:
                n, reached, of_node = self._reached(p)
                if node is None or of_node.size:
                    self._check_rule(name, p.plasticity.plasticity_rule())
                    self._learning[name] = n, reached, of_node
        if not self._learning:
            onto = "" if node is None else f" onto {node[0]!r}"
            raise DescriptionError(
                "Perturbation: session", session, f"a projection that learns{onto}"
            )

    def _reached(self, projection: ns.Projection) -> tuple[int, Ints, Ints]:
        """Return how many synapses there are, which reach the node's population, and whom there."""
        post = self.session.connections(projection.name).post
        neuron = np.full(len(projection.post), -1)
        start = 0
        for population, indices in projection.post.segments:
            if self._node is not None and population.name == self._node[0]:
                neuron[start : start + len(indices)] = indices
            start += len(indices)
        reached = np.flatnonzero(neuron[post] >= 0)
        return post.size, reached, neuron[post[reached]]

    def _check_rule(self, name: str, rule: ns.PlasticityRule) -> None:
        if rule.signals != ("told",):
            raise DescriptionError(
                "Perturbation: session", name, "projections with perturbation_rule()"
            )
        # A rule that disturbs weights says so in what a spike carries.
        carried = any(c.name == "effect" and "tried" in c.reads for c in rule.program.on_pre)
        if carried and self._node is not None:
            raise DescriptionError(
                "Perturbation: node", self._node, 'None, or perturbation_rule("node")',
                f'Projection {name!r} has perturbation_rule("weight"): its weights are disturbed.',
            )  # fmt: skip
        if not carried and self._node is None:
            raise DescriptionError(
                "Perturbation: node", None, "a population and its parameter that is disturbed",
                f'Projection {name!r} has perturbation_rule("node").',
            )  # fmt: skip

    def trial(self) -> float:
        """Try, and learn; returns the mean loss of both tries."""
        of_nodes = None
        if self._node is None:
            drawn = {name: self._draw(n) for name, (n, _, _) in self._learning.items()}
        else:
            of_nodes = self._draw(len(self.session.get(*self._node)))
            drawn = {}
            for name, (n, reached, of_node) in self._learning.items():
                drawn[name] = np.zeros(n)
                drawn[name][reached] = of_nodes[of_node]
        more, less = self._tries(drawn, of_nodes)
        if not np.isfinite(more + less):
            raise DescriptionError("Perturbation: loss", (more, less), "finite numbers")
        told = self._rate * (more - less) / (2 * self._size**2)
        for name, disturbance in drawn.items():
            self.session.set(name, tried=disturbance)
            self.session.signal(name, told=told)
        return (more + less) / 2

    def _tries(self, drawn: dict[str, Floats], of_nodes: Floats | None) -> tuple[float, float]:
        """Return the loss of both ways; what was disturbed is then as it was, also on errors."""
        if self._node is None or of_nodes is None:
            try:
                more, less = (self._try(drawn, way) for way in (1.0, -1.0))
            finally:
                for name in drawn:
                    self.session.set(name, tried=0.0)
            return more, less
        population, parameter = self._node
        before = self.session.get(population, parameter)
        try:
            more, less = (
                self._try({population: before + way * of_nodes}, variable=parameter)
                for way in (1.0, -1.0)
            )
        finally:
            self.session.set(population, **{parameter: before})
        return more, less

    def _draw(self, n: int) -> Floats:
        return np.asarray(self._size * (2 * self._rng.integers(0, 2, n) - 1), np.float64)

    def _try(self, drawn: dict[str, Floats], way: float = 1.0, *, variable: str = "tried") -> float:
        self.session.reset()  # which forgets what was tried before
        for name, values in drawn.items():
            self.session.set(name, **{variable: way * values})
        return float(self._loss(self.session))

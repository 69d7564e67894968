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
        what it does.
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
        self._post: dict[str, npt.NDArray[np.int64]] = {}
        for name, p in session.network.projections.items():
            if p.plasticity is not None:
                if p.plasticity.plasticity_rule().signals != ("told",):
                    raise DescriptionError(
                        "Perturbation: session", name, "projections with perturbation_rule()"
                    )
                self._post[name] = session.connections(name).post
        if not self._post:
            raise DescriptionError("Perturbation: session", session, "a projection that learns")

    def trial(self) -> float:
        """Try, and learn; returns the mean loss of both tries."""
        drawn = {name: self._draw(post.size) for name, post in self._post.items()}
        of_nodes = None
        if self._node is not None:
            of_nodes = self._draw(len(self.session.network[self._node[0]]))
            drawn = {name: of_nodes[post] for name, post in self._post.items()}
        more, less = (self._try(drawn, of_nodes, way) for way in (1.0, -1.0))
        if not np.isfinite(more + less):
            raise DescriptionError("Perturbation: loss", (more, less), "finite numbers")
        told = self._rate * (more - less) / (2 * self._size**2)
        for name, disturbance in drawn.items():
            self.session.set(name, tried=disturbance)
            self.session.signal(name, told=told)
        if self._node is not None:
            self.session.set(self._node[0], **{self._node[1]: 0.0})
        return (more + less) / 2

    def _draw(self, n: int) -> Floats:
        return np.asarray(self._size * (2 * self._rng.integers(0, 2, n) - 1), np.float64)

    def _try(self, drawn: dict[str, Floats], of_nodes: Floats | None, way: float) -> float:
        self.session.reset()  # which forgets what was tried before
        if self._node is not None and of_nodes is not None:
            self.session.set(self._node[0], **{self._node[1]: way * of_nodes})
        else:
            for name, disturbance in drawn.items():
                self.session.set(name, tried=way * disturbance)
        return float(self._loss(self.session))

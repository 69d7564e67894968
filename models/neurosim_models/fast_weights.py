"""Memories in weights that are written while a network runs: Hebb, decay, delta, gated delta."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.analysis.memory import DualForm
from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.units import to_scalar

Floats = npt.NDArray[np.float64]

RULES = MappingProxyType(
    {
        "hebb": "rate*f_pre*v_post",
        "decay": "rate*f_pre*v_post - (1 - keep)*w/ms",
        "delta": "rate*f_pre*(v_post - y_post)",
        "gated delta": "rate*f_pre*(v_post - keep*y_post) - (1 - keep)*w/ms",
    }
)
"""Name -> dw/dt; f is the feature of the key, y what is recalled of it."""

FEATURES = MappingProxyType({"linear": "k", "relu": "max(k, 0)"})


def fast_weights(
    n_keys: int, n_values: int, *, rule: str = "delta", rate: float = 1.0, keep: float = 1.0,
    feature: str = "linear", seed: int = 1,
) -> ns.Network:  # fmt: skip
    """Network whose plastic weights W are a memory that is written one pair at a time.

    With key k, value v and what is recalled y = W phi(k), one step of 1 ms changes the weights to

        hebb         W + rate v phi^T                                   linear attention
        decay        keep W + rate v phi^T                              with forgetting
        delta        W + rate (v - y) phi^T                             DeltaNet
        gated delta  keep (W - rate y phi^T) + rate v phi^T             gated DeltaNet

    `FastWeights` writes and reads; the network by itself is one with a rule for rates, and learns
    in every step unless it is frozen.

    Parameters
    ----------
    n_keys, n_values : int
        Numbers in a key and in a value.
    rule : {"hebb", "decay", "delta", "gated delta"}
    rate : float
        Learning rate of a write.
    keep : float
        What is left of all weights after a write, for the rules with decay.
    feature : {"linear", "relu"}
        phi.
    seed : int

    Returns
    -------
    Network
        Populations "keys" (states `k` and `f` = phi(k)) and "values" (states `v`, what is to be
        stored, and `y`, what is recalled); projection "memory".

    Source: Schlag, Irie & Schmidhuber (2021), Linear transformers are secretly fast weight
    programmers, ICML, arXiv 2102.11174; Katharopoulos et al. (2020), Transformers are RNNs, ICML,
    arXiv 2006.16236; Yang, Kautz & Hatamizadeh (2025), Gated delta networks, ICLR, arXiv
    2412.06464; Widrow & Hoff (1960).
    """
    place = "fast_weights"
    for name, chosen, known in (("rule", rule, RULES), ("feature", feature, FEATURES)):
        if chosen not in known:
            raise UnknownNameError(f"{place}: {name}", chosen, known)
    kept = to_scalar(keep, "1", f"{place}: keep", at_least=0, at_most=1)
    if kept != 1 and "keep" not in RULES[rule]:
        raise DescriptionError(f"{place}: keep", keep, f"1: the rule {rule!r} forgets nothing")
    parameters: dict[str, Any] = {"rate": to_scalar(rate, "1", f"{place}: rate")}
    declared = "rate : 1/ms"
    if "keep" in RULES[rule]:
        parameters["keep"] = kept
        declared += "\nkeep : 1"
    # With this time constant an Euler step of 1 ms arrives at what is on the right.
    key = ns.NeuronModel(
        "key", equations=f"dk/dt = 0*k/ms : 1\ndf/dt = ({FEATURES[feature]} - f)/ms : 1",
        method="euler",
    )  # fmt: skip
    value = ns.NeuronModel(
        "value", equations="dv/dt = 0*v/ms : 1\ndy/dt = (c - y)/ms : 1\nc : 1",
        inputs={"c": "additive"}, method="euler",
    )  # fmt: skip
    learning = ns.PlasticityRule(
        rule, synapse=f"dw/dt = {RULES[rule]} : 1\n{declared}", parameters=parameters
    )  # fmt: skip
    net = ns.Network("fast weights", seed=seed, dt=1.0)
    keys = net.population("keys", to_int(n_keys, f"{place}: n_keys", at_least=1), key)
    values = net.population("values", to_int(n_values, f"{place}: n_values", at_least=1), value)
    net.project(
        keys, values, ns.AllToAll(), weight=0.0, source="f", receptor="c",
        plasticity=learning, name="memory",
    )  # fmt: skip
    return net


class FastWeights:
    """A session of `fast_weights` that is written and read.

    Parameters
    ----------
    *sizes, **options
        Of `fast_weights`.

    Attributes
    ----------
    session : Session
    """

    def __init__(self, *sizes: int, **options: Any) -> None:
        self.session = ns.compile(fast_weights(*sizes, **options), threads=1)
        self.session.freeze("memory")
        self._stored: list[tuple[Floats, Floats]] = []
        self._initial = self.weights

    def read(self, key: Any) -> Floats:
        """Return what is recalled of a key: (n_values,)."""
        self.session.set("keys", k=np.asarray(key, np.float64))
        self.session.run(2, progress=False)  # one step to the feature, one to the answer
        return np.array(self.session.get("values", "y"))

    def write(self, key: Any, value: Any) -> None:
        """Store a pair: what the key recalls is read, then the rule acts for one step."""
        recalled = self.read(key)
        told = np.asarray(value, np.float64)
        self.session.set("values", v=told)
        self.session.unfreeze("memory")
        self.session.run(1, progress=False)
        self.session.freeze("memory")
        rule = self._rule
        if "keep" not in RULES[rule.name]:
            error = told if rule.name == "hebb" else told - recalled
            feature = np.array(self.session.get("keys", "f"))
            self._stored.append((feature, float(rule.parameters["rate"]) * error))

    def dual(self) -> DualForm:
        """Return the weights as the sum of what `write` has stored since they were last set.

        Its keys are features phi(k), its values are rate v of Hebb's rule, rate (v - y) of the
        delta rule; its weights have the shape (n_keys, n_values). Set ``weights`` to those with
        other strengths, and the network recalls with them.

        Raises
        ------
        DescriptionError
            For rules with decay, which fade what was stored, and where nothing was.
        """
        if "keep" in RULES[self._rule.name]:
            raise DescriptionError(
                "FastWeights.dual: rule", self._rule.name, "'hebb' or 'delta', which keep all pairs"
            )
        if not self._stored:
            raise DescriptionError("FastWeights.dual: pairs", 0, "at least one that was written")
        keys, errors = (np.array(part) for part in zip(*self._stored, strict=True))
        return DualForm(self._initial.T, keys, errors)

    @property
    def _rule(self) -> ns.PlasticityRule:
        rule = self.session.network["memory"].plasticity
        assert isinstance(rule, ns.PlasticityRule)
        return rule

    @property
    def weights(self) -> Floats:
        """W, (n_values, n_keys); setting it forgets which pairs had been stored."""
        shape = (len(self.session.network["keys"]), len(self.session.network["values"]))
        return np.array(self.session.get(self.session.network["memory"], "w")).reshape(shape).T

    @weights.setter
    def weights(self, values: Any) -> None:
        new = np.array(values, np.float64)
        if new.shape != self.weights.shape:
            raise DescriptionError(
                "FastWeights.weights", new, f"{self.weights.shape} numbers: (n_values, n_keys)"
            )
        self.session.set("memory", w=new.T.ravel())
        self._stored.clear()
        self._initial = new

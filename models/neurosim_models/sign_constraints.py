"""What networks without inhibition cannot compute: exclusive or."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse

import neurosim as ns
from neurosim_models.perturbation import perturbation_rule

PATTERNS = ((0, 0), (0, 1), (1, 0), (1, 1))
"""What both inputs do."""

XOR = np.array([False, True, True, False])

BETWEEN = 20
"""Steps from one pattern to the next, of 1 ms: ten time constants."""

_LATENCY = 3
"""Steps from a pattern to the answer."""


def shown_patterns() -> npt.NDArray[np.int64]:
    """Return the spikes of both inputs while all four patterns are shown, (n_steps, 2)."""
    spikes = np.zeros((BETWEEN * len(PATTERNS), 2), np.int64)
    spikes[::BETWEEN] = PATTERNS
    return spikes


def _unit(thresholds: Any) -> ns.LIF:
    return ns.LIF(
        tau_m=2, C_m=2, E_L=0, V_reset=0, V_th=thresholds, t_ref=0, synapses=ns.Delta()
    )  # fmt: skip


def every_small_network(
    *, inhibition: bool = False, levels: Iterable[int] = (0, 1, 2)
) -> ns.Network:
    """All networks of two inputs, two hidden neurons and an output, on a grid of weights.

    A neuron fires when what arrives together reaches its threshold: 0.5, 1.5 or 2.5. Hidden neurons
    with all pairs of weights and all thresholds stand beside each other, and behind them outputs
    with all pairs of them, all weights and all thresholds. Weights are the `levels`, with
    `inhibition` those of the outputs also negative.

    Without, no output computes more than three of the four cases of exclusive or: sums with weights
    of one sign, and thresholds, never fall when an input rises, whatever the depth; exclusive or
    does. Reconstructed: the argument is elementary, the paper's own proof was not available.

    Returns
    -------
    Network
        Populations "inputs", "hidden" and "outputs"; shown `shown_patterns` with a step of 1 ms.

    Source: networks with weights of one sign are monotonic: Sill (1998), Monotonic networks, NIPS
    10.
    """
    weights = sorted(set(levels))
    thresholds = (0.5, 1.5, 2.5)
    hidden_kinds = list(itertools.product(weights, weights, thresholds))
    signed = sorted({s * w for w in weights for s in ((1, -1) if inhibition else (1,))})
    pairs = np.array(list(itertools.combinations(range(len(hidden_kinds)), 2)))
    kinds = np.array(list(itertools.product(signed, signed, thresholds)))
    first, second = (np.repeat(pairs[:, k], len(kinds)) for k in (0, 1))
    chosen = np.tile(kinds, (len(pairs), 1))
    n = len(chosen)
    column = np.arange(n)
    onto = scipy.sparse.csr_array(
        (
            np.concatenate([chosen[:, 0], chosen[:, 1]]),
            (np.concatenate([first, second]), np.concatenate([column, column])),
        ),
        shape=(len(hidden_kinds), n),
    )
    onto.eliminate_zeros()
    net = ns.Network("every small network", dt=1.0)
    inputs = net.population("inputs", 2, ns.Input("spikes"))
    table = np.array(hidden_kinds)
    hidden = net.population("hidden", len(table), _unit(table[:, 2]))
    outputs = net.population("outputs", n, _unit(chosen[:, 2]))
    net.project(inputs, hidden, ns.FromMatrix(table[:, :2].T))
    net.project(hidden, outputs, ns.FromMatrix(onto))
    net.record(outputs, "spikes")
    return net


def truth_tables(network: ns.Network) -> npt.NDArray[np.bool_]:
    """Return what each output of `every_small_network` answers to the patterns, (n, 4)."""
    spikes = shown_patterns()
    run = ns.run(network, len(spikes), inputs={"inputs": spikes}, threads=1, progress=False)
    fired = run.spikes["outputs"]
    answers = np.zeros((fired.size, len(PATTERNS)), np.bool_)
    answers[fired.ids, (np.rint(fired.times).astype(np.int64) - 1) // BETWEEN] = True
    return answers


def xor_learner(
    *, inhibitory: int = 0, sign: Literal["free", "fixed"] = "fixed", seed: int = 1
) -> ns.Network:
    """Four hidden neurons and a sum, which learn by `Perturbation` and may keep their signs.

    Parameters
    ----------
    inhibitory : int
        How many of the hidden neurons inhibit the sum, from the last.
    sign : {"free", "fixed"}
        Whether weights may change it.
    seed : int

    Returns
    -------
    Network
        Populations "inputs", "hidden" and "sum"; projections "in" and "out".
    """
    net = ns.Network("xor learner", seed=seed, dt=1.0)
    inputs = net.population("inputs", 2, ns.Input("spikes"))
    hidden = net.population("hidden", 4, _unit([0.5, 1.5, 0.5, 1.5]))
    total = net.population("sum", 1, _unit(1e6))
    rule = perturbation_rule(largest=4, sign=sign)
    start = ns.Uniform(0.4, 1.2)
    net.project(inputs, hidden, ns.AllToAll(), weight=start, plasticity=rule, name="in")
    draw = np.random.default_rng(seed).uniform(0.2, 0.6, (4, 1))
    draw[4 - inhibitory :] *= -1
    net.project(hidden, total, ns.FromMatrix(draw), plasticity=rule, name="out")
    net.record(total, "V_m")
    return net


def answers(session: ns.Session) -> npt.NDArray[np.float64]:
    """Return the sum of `xor_learner` for each of the patterns, (4,), from t = 0 on."""
    spikes = shown_patterns()
    run = session.run(len(spikes), inputs={"inputs": spikes}, progress=False)
    trace: npt.NDArray[np.float64] = run.states["sum"]["V_m"].array[_LATENCY - 1 :: BETWEEN, 0]
    return trace


def xor_loss(session: ns.Session) -> float:
    """Return the mean square of the errors of the sum, for `Perturbation`."""
    return float(((answers(session) - XOR) ** 2).mean())

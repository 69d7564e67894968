"""Memories of graded units: Hopfield's of 1984, and modern ones, which are attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.errors import DescriptionError
from neurosim.units import to_scalar

Floats = npt.NDArray[np.float64]

LARGEST_EXPONENT = 600.0
"""exp of more is no float64; less than minus that is 0."""


def graded_hopfield(
    weights: Any, cue: Any, *, gain: float = 4.0, tau: float = 10.0, seed: int = 1
) -> ns.Network:
    """Associative memory of graded units, tau du_i/dt = -u_i + sum_j W_ji tanh(gain u_j).

    With symmetric weights `graded_energy` never rises; with a large gain its minima are those of
    binary units. Run with ``integrator="rk4"``, units and coupling are advanced together.

    Parameters
    ----------
    weights : (n, n) array
        From unit to unit, such as of `neurosim.store`.
    cue : (n,) array
        The outputs V = tanh(gain u) at the start, between -1 and 1, which are not reached.
    gain : float
    tau : float
        [ms]
    seed : int

    Returns
    -------
    Network
        Population "units", whose state `u` is recorded every millisecond and at the start.

    Source: Hopfield (1984), Neurons with graded response have collective computational properties
    like those of two-state neurons, PNAS 81:3088-3092, doi 10.1073/pnas.81.10.3088.
    """
    matrix = np.array(weights, np.float64)
    steep = to_scalar(gain, "1", "graded_hopfield: gain", above=0)
    start = np.asarray(cue, np.float64)
    if start.shape != matrix.shape[:1] or not np.all(np.abs(start) < 1):
        raise DescriptionError(
            "graded_hopfield: cue", cue, f"{len(matrix)} values between -1 and 1, both excluded"
        )
    model = ns.NeuronModel(
        "graded", equations="du/dt = (-u + c)/tau : 1\ntau : ms\nc : 1", inputs={"c": "additive"},
        parameters={"tau": tau},
    )  # fmt: skip
    net = ns.Network("graded hopfield", seed=seed)
    units = net.population("units", len(matrix), model)
    output = ns.CouplingFunction.tanh("u", gain=steep)
    net.project(units, units, ns.FromMatrix(matrix), source=output, receptor="c", name="memory")
    net.initialise(units, u=np.arctanh(start) / steep)
    net.record(units, "u", every=1.0, initial=True)
    return net


def graded_energy(weights: Any, u: Any, *, gain: float = 4.0) -> float:
    """Return the energy of graded units, -V^T W V / 2 + sum_i int_0^V_i g^-1(V) dV.

    V = tanh(gain u) are their outputs.

    Source: Hopfield (1984), equation 8, without a constant input.
    """
    x = gain * np.asarray(u, np.float64)
    V = np.tanh(x)
    # int artanh = V artanh V + log(1 - V^2)/2, in which log(1 - V^2) = -2 log cosh x.
    inverse = V * x - np.logaddexp(x, -x) + np.log(2.0)
    return float(-0.5 * V @ np.asarray(weights) @ V + inverse.sum() / gain)


def attention_memory(
    keys: Any, query: Any, *, values: Any = None, beta: float = 8.0, tau_features: float = 10.0,
    tau_memories: float = 1.0, seed: int = 1,
) -> ns.Network:  # fmt: skip
    """Modern Hopfield network: features and one unit per memory, coupled by a softmax.

        tau_m dh_k/dt = sum_i keys_ki v_i - h_k
        tau_f dv_i/dt = sum_k keys_ki f_k - v_i,     f = softmax(beta h)

    Its fixed points are those of the update v <- keys^T softmax(beta keys v), which is attention;
    with `values` a further layer of units reads values^T f, the answer to a query. There is no
    three-body weight: each connection joins a feature and a memory.

    Parameters
    ----------
    keys : (n_memories, n) array
    query : (n,) array
        The features at the start.
    values : (n_memories, m) array, optional
    beta : float
        Inverse temperature.
    tau_features, tau_memories : float
        [ms]
    seed : int

    Returns
    -------
    Network
        Populations "memories" (state `h`), "features" and, with values, "answers" (state `v`); all
        are recorded every millisecond and at the start.

    Raises
    ------
    DescriptionError
        If exp(beta h) could leave the floating-point numbers: then scale keys or beta.

    Source: Krotov & Hopfield (2021), Large associative memory problem in neurobiology and machine
    learning, ICLR, arXiv 2008.06996, equations 1, 2 and 10; Ramsauer et al. (2021), Hopfield
    networks is all you need, ICLR, arXiv 2008.02217.
    """
    k = np.array(keys, np.float64)
    steep = to_scalar(beta, "1", "attention_memory: beta", above=0)
    start = np.asarray(query, np.float64)
    if k.ndim != 2 or start.shape != k.shape[1:]:
        raise DescriptionError("attention_memory: query", query, "one number for each column")
    # Features stay in the convex hull of the query and the keys.
    points = np.vstack([k, start])
    largest = steep * float(np.abs(k @ points.T).max())
    if not largest <= LARGEST_EXPONENT:
        raise DescriptionError(
            "attention_memory: beta", beta,
            f"at most {LARGEST_EXPONENT * steep / largest:g} with keys of this length",
            "Divide the keys by the root of their length.",
        )  # fmt: skip
    memory = ns.NeuronModel(
        "memory", equations="dh/dt = (c - h)/tau : 1\ntau : ms\nc : 1", inputs={"c": "additive"},
        parameters={"tau": tau_memories},
    )  # fmt: skip
    feature = ns.NeuronModel(
        "feature", equations="dv/dt = (top/bottom - v)/tau : 1\ntau : ms\ntop : 1\nbottom : 1",
        inputs={"top": "additive", "bottom": "additive"}, parameters={"tau": tau_features},
    )  # fmt: skip
    net = ns.Network("attention memory", seed=seed)
    memories = net.population("memories", len(k), memory)
    features = net.population("features", k.shape[1], feature)
    net.initialise(features, v=start)
    net.initialise(memories, h=k @ start)
    open_ = ns.CouplingFunction("exp(beta*h_pre)", parameters={"beta": steep})
    net.project(features, memories, ns.FromMatrix(k.T), source="v", receptor="c", name="scores")
    layers = {"features": (features, k)}
    if values is not None:
        read = np.array(values, np.float64)
        if read.ndim != 2 or len(read) != len(k):
            raise DescriptionError("attention_memory: values", values, "a row for each key")
        layers["answers"] = net.population("answers", read.shape[1], feature), read
    for name, (units, matrix) in layers.items():
        net.project(
            memories, units, ns.FromMatrix(matrix), source=open_, receptor="top",
            name=f"to {name}",
        )  # fmt: skip
        net.project(
            memories, units, ns.AllToAll(), source=open_, receptor="bottom",
            name=f"sum to {name}",
        )  # fmt: skip
        net.record(units, "v", every=1.0, initial=True)
    net.record(memories, "h", every=1.0, initial=True)
    return net


def attention_energy(keys: Any, v: Any, h: Any, *, beta: float = 8.0) -> float:
    """Return the energy of features and memories, which never rises.

        E = v^T v / 2 + h^T f - log(sum_k exp(beta h_k)) / beta - f^T keys v,   f = softmax(beta h)

    Source: Krotov & Hopfield (2021), equation 2, for the Lagrangians v^T v / 2 and
    log(sum exp(beta h)) / beta.
    """
    k, x, scores = (np.asarray(a, np.float64) for a in (keys, v, h))
    log_sum = float(np.logaddexp.reduce(beta * scores))
    f = np.exp(beta * scores - log_sum)
    return float(x @ x / 2 + f @ scores - log_sum / beta - f @ k @ x)

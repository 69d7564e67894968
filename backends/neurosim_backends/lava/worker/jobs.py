"""What the worker does: one network in Lava, from arrays to arrays.

Runs in Lava's interpreter, Python 3.10, without neurosim.
"""

import os
from typing import Any

import numpy as np
from lava.magma.core.learning.learning_rule import Loihi2FLearningRule
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.conv.process import Conv
from lava.proc.dense.process import DelayDense, Dense
from lava.proc.io.source import RingBuffer
from lava.proc.learning_rules.stdp_learning_rule import STDPLoihi
from lava.proc.sdn.process import ActivationMode
from lava.proc.sparse.process import DelaySparse, Sparse
from lava.utils.weightutils import SignMode
from probed import ProbedDelta, ProbedDense, ProbedLIF, ProbedSigmaDelta, ProbedSparse
from scipy.sparse import csr_matrix

MOST_DENSE = 1 << 18
"""Numbers in the largest matrix that is handed over as a dense one."""

MESSAGE_BITS = 16
"""Of graded spikes."""

SIGNS = {
    "mixed": SignMode.MIXED,
    "excitatory": SignMode.EXCITATORY,
    "inhibitory": SignMode.INHIBITORY,
}


def run(job: Any, arrays: Any, folder: Any, running: Any) -> Any:
    """Run a network.

    job : dict
        "populations", "groups", "convolutions", "n_steps", "tag", as `neurosim_backends.lava.jobs`
        writes them.
    arrays : mapping of str to array
        Values of single neurons and synapses, under "p0_v", "g3_weight", ...
    folder : str
        Where processes may leave files.
    running : threading.Event
        Set while no process of Lava has a reason to end.

    Returns a dict of arrays: "p0_u", "p0_v" (n_steps, n_watched), "p0_spikes" (n_steps, size); of
    neurons that send numbers "p0_residue", too, and messages as spikes; of groups that learn
    "g0_w", "g0_x", "g0_y" after each step that is wanted.
    """
    n_steps = job["n_steps"]
    processes: Any = []
    paths: Any = {}
    compartments: Any = []
    for k, p in enumerate(job["populations"]):
        if p["kind"] == "generators":
            data = np.zeros((p["size"], n_steps), np.int32)
            data[arrays[f"p{k}_neuron"], arrays[f"p{k}_step"]] = arrays[f"p{k}_many"]
            processes.append(RingBuffer(data=data))
            continue
        paths[f"p{k}"] = os.path.join(folder, f"p{k}.npz")
        compartments.append(k)
        probe = {"path": paths[f"p{k}"], "n_steps": n_steps, "watched": arrays[f"p{k}_watched"]}
        if p["kind"] in ("encoders", "sigma_deltas"):
            processes.append(_sends_numbers(k, p, arrays, probe))
            continue
        values = {x: arrays[f"p{k}_{x}"] for x in ("bias_mant", "bias_exp", "u", "v")}
        processes.append(
            ProbedLIF(
                shape=(p["size"],), du=p["du"], dv=p["dv"], vth=p["vth"], name=p["name"],
                **probe, **values,
            )
        )  # fmt: skip
    part = list(range(len(processes)))
    for k, g in enumerate(job["groups"]):
        if g["learning"]:
            paths[f"g{k}"] = os.path.join(folder, f"g{k}.npz")
            synapses = _learning_synapses(
                g, {x: arrays[f"g{k}_{x}"] for x in ("pre", "post", "weight", "wanted")},
                (job["populations"][g["post"]]["size"], job["populations"][g["pre"]]["size"]),
                n_steps, paths[f"g{k}"],
            )  # fmt: skip
            processes[g["post"]].s_out.connect(synapses.s_in_bap)
        else:
            synapses = _synapses(
                g, {x: arrays[f"g{k}_{x}"] for x in ("pre", "post", "weight", "slot")},
                (job["populations"][g["post"]]["size"], job["populations"][g["pre"]]["size"]),
                job["tag"],
            )  # fmt: skip
        processes[g["pre"]].s_out.connect(synapses.s_in)
        synapses.a_out.connect(processes[g["post"]].a_in)
        joined, other = part[g["pre"]], part[g["post"]]
        part = [joined if x == other else x for x in part]
    for k, c in enumerate(job["convolutions"]):
        _convolve(c, arrays[f"c{k}_kernel"], processes[c["pre"]], processes[c["post"]], job["tag"])
        joined, other = part[c["pre"]], part[c["post"]]
        part = [joined if x == other else x for x in part]
    # A run takes what is connected with the process it is called on.
    for root in {part[k] for k in compartments}:
        first = processes[next(k for k in compartments if part[k] == root)]
        running.set()
        first.run(
            condition=RunSteps(num_steps=n_steps), run_cfg=Loihi2SimCfg(select_tag=job["tag"])
        )
        running.clear()
        first.stop()
    found: Any = {}
    for key, path in paths.items():
        with np.load(path, allow_pickle=False) as seen:
            found.update({f"{key}_{name}": seen[name] for name in seen.files})
    return found


def _synapses(g: Any, a: Any, shape: Any, tag: Any) -> Any:
    """Return the process of a group of synapses; `shape` is (post, pre)."""
    fixed = tag == "fixed_pt"
    facts: Any = {"name": g["name"], "num_message_bits": MESSAGE_BITS if g["graded"] else 0}
    if fixed:
        facts.update(
            weight_exp=g["exponent"], num_weight_bits=g["bits"], sign_mode=SIGNS[g["sign"]]
        )
    weight = a["weight"].astype(np.int32 if fixed else float)
    delayed = bool(a["slot"].any())
    if shape[0] * shape[1] * (int(a["slot"].max(initial=0)) + 1) > MOST_DENSE:
        weights = csr_matrix((weight, (a["post"], a["pre"])), shape=shape)
        if not delayed:
            return Sparse(weights=weights, **facts)
        delays = csr_matrix((a["slot"].astype(int), (a["post"], a["pre"])), shape=shape)
        return DelaySparse(weights=weights, delays=delays, **facts)
    weights = np.zeros(shape, weight.dtype)
    weights[a["post"], a["pre"]] = weight
    if not delayed:
        return Dense(weights=weights, **facts)
    delays = np.zeros(shape, int)
    delays[a["post"], a["pre"]] = a["slot"]
    return DelayDense(weights=weights, delays=delays, **facts)


def _sends_numbers(k: Any, p: Any, arrays: Any, probe: Any) -> Any:
    """Return the process of neurons that send numbers; encoders are given theirs."""
    facts = {
        "shape": (p["size"],), "vth": p["vth"], "spike_exp": p["spike_exp"],
        "state_exp": p["state_exp"], **probe,
    }  # fmt: skip
    if p["kind"] == "sigma_deltas":
        mode = ActivationMode.RELU if p["rectifies"] else ActivationMode.UNIT
        return ProbedSigmaDelta(bias=arrays[f"p{k}_bias"], act_mode=mode, name=p["name"], **facts)
    made = ProbedDelta(**facts)
    data = np.zeros((p["size"], probe["n_steps"]), np.int32)
    data[arrays[f"p{k}_neuron"], arrays[f"p{k}_step"]] = arrays[f"p{k}_many"]
    RingBuffer(data=data).s_out.connect(made.a_in)
    return made


def _convolve(c: Any, kernel: Any, pre: Any, post: Any, tag: Any) -> None:
    """Connect two processes by a convolution.

    Lava has channels last, and turns kernels around: a convolution in the sense of mathematics.
    """
    weight = kernel[:, :, ::-1, ::-1].transpose(0, 2, 3, 1)
    channels, height, width = c["before"]
    made = Conv(
        weight=np.ascontiguousarray(weight, np.int32 if tag == "fixed_pt" else float),
        input_shape=(height, width, channels), padding=tuple(c["padding"]),
        stride=tuple(c["stride"]), dilation=tuple(c["dilation"]), groups=c["blocks"],
        num_message_bits=MESSAGE_BITS if c["graded"] else 0, name=c["name"],
    )  # fmt: skip
    pre.s_out.reshape((channels, height, width)).transpose((1, 2, 0)).connect(made.s_in)
    made.a_out.transpose((2, 0, 1)).flatten().connect(post.a_in)


def _learning_synapses(g: Any, a: Any, shape: Any, n_steps: Any, path: Any) -> Any:
    """Return the process of a group that learns; `shape` is (post, pre)."""
    rule = g["learning"]
    facts: Any = {
        "name": g["name"], "num_message_bits": MESSAGE_BITS if g["graded"] else 0,
        "weight_exp": g["exponent"], "num_weight_bits": g["bits"], "sign_mode": SIGNS[g["sign"]],
        "learning_rule": _learning_rule(rule), "path": path, "n_steps": n_steps,
        "wanted": a["wanted"], "pre": a["pre"], "post": a["post"],
    }  # fmt: skip
    weight = a["weight"].astype(np.int32)
    if weight.size < shape[0] * shape[1]:
        weights = csr_matrix((weight, (a["post"], a["pre"])), shape=shape)
        return ProbedSparse(weights=weights, **facts)
    weights = np.zeros(shape, np.int32)
    weights[a["post"], a["pre"]] = weight
    return ProbedDense(weights=weights, **facts)


def _learning_rule(rule: Any) -> Any:
    """Return Lava's STDPLoihi, or what it would write, if it could, for two exponents."""
    (minus, e_minus), (plus, e_plus) = rule["minus"], rule["plus"]
    facts = {
        "x1_impulse": rule["x_impulse"], "y1_impulse": rule["y_impulse"],
        "t_epoch": rule["epoch"], "rng_seed": rule["seed"],
    }  # fmt: skip
    if e_minus == e_plus and minus and plus:
        return STDPLoihi(
            learning_rate=2.0**e_minus, A_minus=minus, A_plus=plus, tau_plus=rule["x_tau"],
            tau_minus=rule["y_tau"], **facts,
        )  # fmt: skip
    products = [
        f"({m}) * 2 ^ {e} * {events}"
        for m, e, events in ((minus, e_minus, "x0 * y1"), (plus, e_plus, "y0 * x1"))
        if m
    ]
    return Loihi2FLearningRule(
        dw=" + ".join(products), x1_tau=rule["x_tau"], y1_tau=rule["y_tau"], **facts
    )

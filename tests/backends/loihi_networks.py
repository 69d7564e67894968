"""Random networks of integers, within the ranges that Lava documents, and how they are run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import neurosim as ns
from neurosim_backends.loihi.chip import (
    Chip,
    Compartments,
    Generators,
    Given,
    Group,
    IntegerNetwork,
    Ints,
    Learning,
    Seen,
)
from neurosim_backends.loihi.messages import Convolution, Encoders, SigmaDeltas
from tests.conversion.digits_cnn import digits, trained


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A network, and the spikes that its generators are given."""

    network: IntegerNetwork
    given: Given
    n_steps: int
    weights_after: tuple[int, ...] = ()

    @property
    def watched(self) -> Ints:
        """All that have states."""
        n = self.network
        return np.concatenate(
            [
                np.arange(n.offsets[k], n.offsets[k + 1])
                for k, p in enumerate(n.populations)
                if not isinstance(p, Generators)
            ]
        )


def random_trial(seed: int) -> Trial:
    """Draw a network: every seed has its own mixture of registers, bits, delays and signs."""
    draw = np.random.default_rng(seed)
    sizes = draw.integers(1, 14, size=draw.choice([1, 1, 2]))
    n_generators = int(draw.integers(1, 8))
    populations: list[Any] = [Generators(name="given", size=n_generators)]
    populations += [_compartments(draw, f"p{k}", int(n)) for k, n in enumerate(sizes)]
    groups = []
    for post in range(1, len(populations)):
        groups.append(_group(draw, 0, post, populations))
        for pre in range(1, len(populations)):
            if draw.random() < 0.5:
                groups.append(_group(draw, pre, post, populations))
    n_steps = int(draw.integers(66, 80))
    fires = draw.random((n_steps, n_generators)) < draw.uniform(0.02, 0.5)
    step, neuron = np.nonzero(fires)
    if any(g.graded for g in groups):
        repeated = draw.integers(1, 9, step.size)
        step, neuron = np.repeat(step, repeated), np.repeat(neuron, repeated)
    return Trial(
        network=IntegerNetwork(populations=tuple(populations), groups=tuple(groups)),
        given=Given.of(step, neuron),
        n_steps=n_steps,
    )


def _compartments(draw: np.random.Generator, name: str, n: int) -> Compartments:
    high = 1 << 23
    wild = draw.random() < 0.4  # states from end to end, and biases that saturate
    return Compartments(
        name=name,
        du=int(draw.choice(np.array([0, 1, 4095, draw.integers(4096)]))),
        dv=int(draw.choice(np.array([0, 1, 4095, draw.integers(4096)]))),
        vth=int(
            draw.choice(np.array([0, 1, 131071, draw.integers(1, 3000), draw.integers(131072)]))
        ),
        bias_mant=draw.integers(-4096, 4096, n) if wild else draw.integers(-60, 200, n),
        bias_exp=draw.integers(0, 8, n),
        u=draw.integers(1 - high, high, n) if wild else draw.integers(-500, 500, n),
        v=draw.integers(1 - high, high, n) if wild else draw.integers(-500, 500, n),
    )


def _group(draw: np.random.Generator, pre: int, post: int, populations: list[Any]) -> Group:
    n_pre, n_post = populations[pre].size, populations[post].size
    chosen = np.flatnonzero(draw.random(n_pre * n_post) < draw.choice([0.2, 0.7, 1.0]))
    if not chosen.size:
        chosen = np.array([0])
    longest = int(draw.choice([0, 1, 7, 63]))
    low, high = [(-256, 255), (-300, 300), (0, 255), (-255, 0), (-20, 20)][draw.integers(5)]
    return Group(
        name=f"{pre}->{post}",
        pre=pre,
        post=post,
        pre_id=chosen % n_pre,
        post_id=chosen // n_pre,
        weight=draw.integers(low, high + 1, chosen.size),
        slot=draw.integers(0, longest + 1, chosen.size),
        exponent=int(draw.integers(-8, 8)),
        bits=int(draw.integers(1, 9)),
        sign=["mixed", "mixed", "excitatory", "inhibitory"][draw.integers(4)],  # type: ignore[arg-type]
        graded=pre == 0 and post % 2 == 1,
    )


def learning_trial(seed: int) -> Trial:
    """Draw a network whose synapses learn: of every seed other signs, epochs, impulses, products.

    Every second one has all pairs, which is another process of Lava's.
    """
    draw = np.random.default_rng([7, seed])
    n, m = int(draw.integers(2, 9)), int(draw.integers(2, 9))
    populations = (
        Generators(name="given", size=n),
        Compartments(
            name="cells", du=1000, dv=300, vth=int(draw.integers(0, 300)),
            bias_mant=draw.integers(-50, 400, m), bias_exp=np.full(m, 5),
            u=np.zeros(m, int), v=np.zeros(m, int),
        ),
    )  # fmt: skip
    pairs = np.arange(n * m) if seed % 2 else np.flatnonzero(draw.random(n * m) < 0.6)
    if not pairs.size:
        pairs = np.array([0])
    taught = _learning_group(draw, populations, pairs, (0, 1), seed)
    loop = np.flatnonzero(~np.eye(m, dtype=bool).ravel())
    groups = (taught, _learning_group(draw, populations, loop, (1, 1), seed + 1))
    n_steps = 60
    step, neuron = np.nonzero(draw.random((n_steps, n)) < draw.uniform(0.1, 0.5))
    if taught.graded:
        repeated = draw.integers(1, 4, step.size)
        step, neuron = np.repeat(step, repeated), np.repeat(neuron, repeated)
    return Trial(
        network=IntegerNetwork(populations=populations, groups=groups),
        given=Given.of(step, neuron), n_steps=n_steps, weights_after=(1, 7, 20, 21, 22, 59, 60),
    )  # fmt: skip


def _learning_group(
    draw: np.random.Generator, populations: Any, pairs: Ints, ends: tuple[int, int], seed: int
) -> Group:
    n_pre = populations[ends[0]].size
    sign: Any = ("mixed", "excitatory", "inhibitory")[seed % 3]
    low, high = {"mixed": (-256, 255), "excitatory": (0, 255), "inhibitory": (-255, 0)}[sign]
    weight = draw.integers(low, high + 1, pairs.size)
    some = 100 if high else -100
    exponents = draw.integers(-7, 9, 2)
    if draw.random() < 0.5:
        exponents[:] = exponents[0]
    mantissas = draw.integers(1, 8, 2) * draw.choice([-1, 1, 1], 2)
    if draw.random() < 0.2:
        mantissas[0] = 0
    return Group(
        name=f"{ends[0]}->{ends[1]}", pre=ends[0], post=ends[1], pre_id=pairs % n_pre,
        post_id=pairs // n_pre, weight=np.where(np.abs(weight) < 2, some, weight),
        slot=np.zeros(pairs.size, int), exponent=int(draw.integers(-3, 4)), sign=sign,
        graded=ends[0] == 0 and seed % 5 == 0,
        learning=Learning(
            epoch=int(draw.choice([1, 1, 2, 4, 7])), x_impulse=int(draw.integers(1, 128)),
            y_impulse=int(draw.integers(1, 128)), x_tau=int(draw.integers(1, 60)),
            y_tau=int(draw.integers(1, 256)), minus=(int(-mantissas[0]), int(exponents[0])),
            plus=(int(mantissas[1]), int(exponents[1])), seed=int(draw.integers(1 << 31)),
        ),
    )  # fmt: skip


def message_trial(seed: int) -> Trial:
    """Draw convolutions of spikes, of payloads and of messages, and neurons that send numbers.

    Every seed has its own shapes, strides, paddings, dilations, blocks, exponents and thresholds.
    Numbers are so large in some that sums of convolutions wrap around.
    """
    draw = np.random.default_rng([8, seed])
    wild = seed % 4 == 3
    blocks = int(draw.choice([1, 1, 2]))
    shape = (blocks * int(draw.integers(1, 3)), *draw.integers(3, 6, 2).tolist())
    n = int(np.prod(shape))
    populations: list[Any] = [
        Generators(name="given", size=n),
        Encoders(
            name="encoders", size=n, vth=int(draw.integers(0, 40)),
            spike_exp=int(draw.integers(0, 3)), state_exp=int(draw.integers(0, 4)),
        ),
    ]  # fmt: skip
    convolutions, shapes = [], []
    for pre in (0, 0, 1):
        kernel, after, form = _convolution(draw, shape, blocks, wild)
        shapes.append(after)
        convolutions.append(
            Convolution(
                name=f"{pre}->{len(populations)}", pre=pre, post=len(populations), kernel=kernel,
                before=shape, after=after, blocks=blocks, graded=bool(pre or len(populations) == 3),
                **form,
            )
        )  # fmt: skip
        m = int(np.prod(after))
        populations.append(_sigma_deltas(draw, m) if pre else _compartments(draw, "fires", m))
    last = len(populations)
    populations.append(_sigma_deltas(draw, int(draw.integers(2, 6))))
    populations.append(_sigma_deltas(draw, 3))
    groups = [
        replace(_group(draw, *ends, populations), graded=True, exponent=int(draw.integers(-6, 2)))
        for ends in ((last - 1, last), (2, last), (last, last + 1), (last + 1, last))
    ]
    groups = [replace(g, slot=np.zeros_like(g.slot), weight=g.weight // 16) for g in groups]
    n_steps = 16
    parts = []
    for first, most in ((0, 4), (n, 60000 if wild else 200)):
        step, neuron = np.nonzero(draw.random((n_steps, n)) < 0.4)
        many = draw.integers(-most if first else 1, most, step.size)
        parts.append(Given(step=step, neuron=neuron + first, many=many))
    return Trial(
        network=IntegerNetwork(
            populations=tuple(populations), groups=tuple(groups), convolutions=tuple(convolutions)
        ),
        given=Given.gathered(parts), n_steps=n_steps,
    )  # fmt: skip


def _convolution(
    draw: np.random.Generator, shape: tuple[int, int, int], blocks: int, wild: bool
) -> tuple[Ints, tuple[int, int, int], dict[str, Any]]:
    """Return a kernel, what it leads to, and how it moves."""
    form: dict[str, tuple[int, int]] = {
        "stride": (int(draw.integers(1, 4)), int(draw.integers(1, 3))),
        "padding": (int(draw.integers(0, 3)), int(draw.integers(0, 2))),
        "dilation": (int(draw.integers(1, 3)), int(draw.integers(1, 3))),
    }
    taps, after = [], []
    for k, (extent, stride, padding, dilation) in enumerate(
        zip(shape[1:], *form.values(), strict=True)
    ):
        most = (extent + 2 * padding - 1) // dilation + 1
        taps.append(int(draw.integers(1, min(3 + k, most) + 1)))
        after.append((extent + 2 * padding - dilation * (taps[-1] - 1) - 1) // stride + 1)
    out = blocks * int(draw.integers(1, 4))
    high = 256 if wild else 40
    kernel = draw.integers(-high, high, (out, shape[0] // blocks, *taps))
    return kernel, (out, after[0], after[1]), form


def _sigma_deltas(draw: np.random.Generator, n: int) -> SigmaDeltas:
    return SigmaDeltas(
        name="sums", vth=int(draw.integers(0, 30)), bias=draw.integers(-50, 50, n),
        spike_exp=int(draw.integers(0, 2)), state_exp=int(draw.integers(0, 7)),
        rectifies=bool(draw.integers(2)),
    )  # fmt: skip


def together(trials: Sequence[Trial]) -> Trial:
    """Return several trials as one, since each job of Lava's takes a second to begin.

    Networks do not touch one another, but for synapses of weight 0 that make them one run.
    """
    populations: list[Any] = []
    groups: list[Group] = []
    convolutions: list[Convolution] = []
    given: list[Given] = []
    n_steps = max(t.n_steps for t in trials)
    offset = 0
    for number, t in enumerate(trials):
        base = len(populations)
        for g in t.network.groups:
            moved = replace(g, name=f"{number}: {g.name}", pre=g.pre + base, post=g.post + base)
            groups.append(moved)
        for c in t.network.convolutions:
            moved_too = replace(c, pre=c.pre + base, post=c.post + base)
            convolutions.append(moved_too)
        if number:
            joint = next(
                k for k, p in enumerate(t.network.populations) if isinstance(p, Compartments)
            )
            nothing = np.zeros(1, int)
            groups.append(
                Group(
                    name=f"{number - 1} to {number}", pre=0, post=base + joint, pre_id=nothing,
                    post_id=nothing, weight=nothing, slot=nothing,
                )
            )  # fmt: skip
        populations += t.network.populations
        own = t.given
        given.append(Given(step=own.step, neuron=own.neuron + offset, many=own.many))
        offset += t.network.size
    return Trial(
        network=IntegerNetwork(
            populations=tuple(populations), groups=tuple(groups), convolutions=tuple(convolutions)
        ),
        given=Given.gathered(given), n_steps=n_steps,
        weights_after=tuple(sorted({s for t in trials for s in t.weights_after})),
    )  # fmt: skip


def corner_trial() -> Trial:
    """What random networks hardly meet: currents and potentials exactly at their limits.

    Eight generators bring 2^17 together, which is M = 2^23 after the shift by 6 bits.
    """
    high = 1 << 23
    n = 6
    pairs = [(pre, post) for post in range(3) for pre in range(8)]
    weight = [128, -128, 127]
    populations = (
        Generators(name="given", size=8),
        Compartments(
            name="limits", du=4095, dv=4095, vth=131071, bias_mant=np.zeros(n, int),
            bias_exp=np.zeros(n, int), u=np.zeros(n, int), v=np.full(n, 1 - high),
        ),
        Compartments(  # 64 * 3 is reached exactly by the second, passed by the third
            name="ties", du=0, dv=0, vth=3, bias_mant=np.array([95, 96, 97, -1, 0, 1]),
            bias_exp=np.array([0, 0, 0, 7, 0, 1]), u=np.zeros(n, int), v=np.zeros(n, int),
        ),
        Compartments(  # v falls to its lower limit, and no further
            name="floor", du=4095, dv=0, vth=5, bias_mant=np.full(n, -4096),
            bias_exp=np.full(n, 7), u=np.zeros(n, int),
            v=np.array([524290, 524289, 524288, 524287, 1, 2]) - high,
        ),
    )  # fmt: skip
    limits = Group(
        name="limits", pre=0, post=1, pre_id=np.array([p for p, _ in pairs]),
        post_id=np.array([q for _, q in pairs]), weight=np.array([weight[q] for _, q in pairs]),
        slot=np.zeros(len(pairs), int), exponent=7,
    )  # fmt: skip
    halves = Group(
        name="halves", pre=0, post=2, pre_id=np.arange(3), post_id=np.array([0, 1, 3]),
        weight=np.array([-2, 6, -254]), slot=np.array([0, 5, 63]), exponent=-2,
    )  # fmt: skip
    step, neuron = np.nonzero(np.isin(np.arange(70), [0, 1, 2, 5])[:, None] & np.ones((1, 8), bool))
    return Trial(
        network=IntegerNetwork(populations=populations, groups=(limits, halves)),
        given=Given.of(step, neuron),
        n_steps=70,
    )


def digits_in_changes() -> tuple[Any, Any, Any]:
    """Return the digits CNN as sigma-delta neurons, and the images and labels held out."""
    seen, labels, images, classes = digits()
    calibration = [(seen[:200], labels[:200])]
    converted = ns.convert(trained(), calibration, method="sigma_delta", timesteps=1)
    return converted, images, classes


# --- as files -------------------------------------------------------------------------------------

GOLDEN = Path(__file__).with_name("loihi_golden.npz")
"""What Lava did, for machines without it: ``python tools/make_loihi_golden.py``."""


def trial_of(job: dict[str, Any], arrays: Any, prefix: str) -> Trial:
    """Return the trial that a job for Lava was made of; its arrays are found under a prefix."""
    populations: list[Any] = []
    given: list[Given] = []
    offset = 0
    for k, p in enumerate(job["populations"]):
        if p["kind"] in ("generators", "encoders"):
            step, neuron, many = (arrays[f"{prefix}p{k}_{x}"] for x in ("step", "neuron", "many"))
            given.append(Given(step=step, neuron=neuron + offset, many=many))
        registers = {x: v for x, v in p.items() if x != "kind"}
        if p["kind"] == "generators":
            populations.append(Generators(name="given", size=p["size"]))
        elif p["kind"] == "encoders":
            populations.append(Encoders(**registers))
        elif p["kind"] == "sigma_deltas":
            registers["bias"] = np.asarray(arrays[f"{prefix}p{k}_bias"], np.int64)
            registers.pop("size")
            populations.append(SigmaDeltas(**registers))
        else:
            facts = {x: arrays[f"{prefix}p{k}_{x}"] for x in ("bias_mant", "bias_exp", "u", "v")}
            facts = {name: np.asarray(a, np.int64) for name, a in facts.items()}
            registers = {x: p[x] for x in ("name", "du", "dv", "vth")}
            populations.append(Compartments(**registers, **facts))
        offset += p["size"]
    for g in job["groups"]:
        if g["learning"] is not None:
            rule: Any = {
                k: tuple(v) if isinstance(v, list) else v for k, v in g["learning"].items()
            }
            g["learning"] = Learning(**rule)
    groups = tuple(
        Group(
            **g, pre_id=arrays[f"{prefix}g{k}_pre"], post_id=arrays[f"{prefix}g{k}_post"],
            weight=arrays[f"{prefix}g{k}_weight"], slot=arrays[f"{prefix}g{k}_slot"],
        )
        for k, g in enumerate(job["groups"])
    )  # fmt: skip
    forms: list[dict[str, Any]] = [
        {x: tuple(v) if isinstance(v, list) else v for x, v in c.items()}
        for c in job["convolutions"]
    ]
    convolutions = tuple(
        Convolution(
            **c,
            kernel=np.asarray(arrays[f"{prefix}c{k}_kernel"], np.int64),
        )
        for k, c in enumerate(forms)
    )
    network = IntegerNetwork(
        populations=tuple(populations), groups=groups, convolutions=convolutions
    )
    return Trial(
        network=network, given=Given.gathered(given), n_steps=job["n_steps"],
        weights_after=tuple(job["weights_after"]),
    )  # fmt: skip


def golden_trials() -> list[tuple[Trial, Seen]]:
    """Return networks, and what Lava did with them."""
    with np.load(GOLDEN, allow_pickle=False) as file:
        arrays = dict(file)
    found = []
    for k, job in enumerate(json.loads(str(arrays["jobs"]))):
        seen = {x: arrays[f"t{k}_{x}"].astype(np.int64) for x in SEEN}
        learning = [n for n, g in enumerate(job["groups"]) if g["learning"] is not None]
        weights, xs, ys = (
            {n: arrays[f"t{k}_{n}_{of}"].astype(np.int64) for n in learning} for of in "wxy"
        )
        traces = {n: (xs[n], ys[n]) for n in learning}
        trial = trial_of(job, arrays, f"t{k}_")
        found.append((trial, Seen(**seen, weights=weights, traces=traces)))
    return found


def run_ours(trial: Trial) -> Seen:
    """Run a trial on our kernel."""
    made = Chip(trial.network)
    return made.run(
        trial.n_steps, trial.given, trial.watched, weights_after=trial.weights_after
    )  # fmt: skip


SEEN = ("step", "neuron", "many", "u", "v", "residue")


def differences(one: Seen, other: Seen) -> list[str]:
    """Return what is not the same, bit by bit."""
    found = [x for x in SEEN if not np.array_equal(getattr(one, x), getattr(other, x))]
    if one.weights.keys() != other.weights.keys():
        return [*found, "which groups learn"]
    for k, weights in one.weights.items():
        if not np.array_equal(weights, other.weights[k]):
            found.append(f"weights of group {k}")
        for name, x, y in zip("xy", one.traces[k], other.traces[k], strict=True):
            if not np.array_equal(x, y):
                found.append(f"trace {name} of group {k}")
    return found

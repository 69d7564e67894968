"""Contrastive Hebbian learning with phases of fixed or of random lengths, as a rate network."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.trials import held
from neurosim.units import to_scalar

Floats = npt.NDArray[np.float64]

SETTLE = 8
"""Steps that a network has to settle in before a phase is learned from [ms]."""

PHASES = ("fixed", "random")

_CONTRAST = "dw/dt = eta*m_post*r_pre*r_post : 1\neta : 1/ms"
_MODULATED = "dm/dt = (phase - m)/ms : 1\nphase : 1"


class Phase(NamedTuple):
    """A stretch of time: what is shown, whether the outputs are told, and how weights change."""

    image: int
    clamped: bool
    modulator: float
    steps: int


def contrastive_hebbian(
    n_inputs: int, n_hidden: int, n_outputs: int, *, rate: float = 0.0015, feedback: float = 0.2,
    tau: float = 1.25, seed: int = 1,
) -> ns.Network:  # fmt: skip
    """Layers of rate units that learn from the difference of a free and a clamped phase.

        tau dr/dt = -r + 1/(1 + exp(-(weighted sum of the layers above and below + bias)))
        dw/dt     = rate m(t) r_pre r_post

    The outputs follow this equation while the network is free, and what the teacher says while
    they are clamped. The modulator m, which all units receive, is positive in clamped phases and
    negative in free ones. Outputs project back with `feedback` times the weights that go up; this
    part learns by the same rule, `feedback` times as fast, so that both stay proportional, and the
    weights of the hidden layer learn 1/`feedback` times as fast. Then learning follows the gradient
    of the error as far as feedback is weak.

    `ContrastiveHebbian` shows images in phases; the network by itself is one with four inputs
    ("images", "teacher", "clamp" and "modulator"), which can be given in any other order.

    Parameters
    ----------
    n_inputs, n_hidden, n_outputs : int
    rate : float
        What a clamped and a free phase change together, per product of two rates.
    feedback : float
    tau : float
        [ms]; the network is to be run with steps of 1 ms, as it says.
    seed : int
        Of the first weights, uniform as of Glorot & Bengio (2010).

    Returns
    -------
    Network
        Populations "pixels", "hidden" and "outputs" (state `r`), "one" (the bias), and inputs;
        projections "up", "out", "back", "bias hidden" and "bias outputs" learn.

    Source: Movellan (1991), Contrastive Hebbian learning in the continuous Hopfield model,
    Connectionist Models; Xie & Seung (2003), Equivalence of backpropagation and contrastive
    Hebbian learning in a layered network, Neural Comput. 15:441, equations 2.1 and 2.4.
    """
    place = "contrastive_hebbian"
    sizes = [
        to_int(n, f"{place}: {name}", at_least=1)
        for name, n in (("n_inputs", n_inputs), ("n_hidden", n_hidden), ("n_outputs", n_outputs))
    ]
    eta = to_scalar(rate, "1", f"{place}: rate", at_least=0)
    gamma = to_scalar(feedback, "1", f"{place}: feedback", above=0)
    slow = to_scalar(tau, "ms", f"{place}: tau", above=0)
    pixel = ns.NeuronModel(
        "pixel", equations="dr/dt = (image - r)/ms : 1\nimage : 1", inputs={"image": "additive"},
        method="euler",
    )  # fmt: skip
    hidden = ns.NeuronModel(
        "hidden",
        equations=f"dr/dt = (tanh(c) - r)/tau : 1\ntau : ms\nc : 1\n{_MODULATED}",
        inputs={"c": "additive", "phase": "additive"}, parameters={"tau": slow}, method="euler",
    )  # fmt: skip
    output = ns.NeuronModel(
        "output",
        equations="dr/dt = ((1 - clamp)/(1 + exp(-c)) + clamp*told - r)/tau : 1\ntau : ms\n"
        f"c : 1\nclamp : 1\ntold : 1\n{_MODULATED}",
        inputs={name: "additive" for name in ("c", "phase", "clamp", "told")},
        parameters={"tau": slow}, method="euler",
    )  # fmt: skip
    constant = ns.NeuronModel("constant", equations="dr/dt = 0*r/ms : 1", method="euler")

    net = ns.Network("contrastive hebbian", seed=seed, dt=1.0)
    pixels = net.population("pixels", sizes[0], pixel)
    middle = net.population("hidden", sizes[1], hidden)
    outputs = net.population("outputs", sizes[2], output)
    one = net.population("one", 1, constant)
    net.initialise(one, r=1.0)
    images = net.population("images", sizes[0], ns.Input("current"))
    net.project(images, pixels, ns.OneToOne(), weight=1.0, receptor="image")
    teacher = net.population("teacher", sizes[2], ns.Input("current"))
    net.project(teacher, outputs, ns.OneToOne(), weight=1.0, receptor="told")
    clamp = net.population("clamp", 1, ns.Input("current"))
    net.project(clamp, outputs, ns.AllToAll(), weight=1.0, receptor="clamp")
    modulator = net.population("modulator", 1, ns.Input("current"))
    for layer in (middle, outputs):
        net.project(modulator, layer, ns.AllToAll(), weight=1.0, receptor="phase")

    generator = np.random.default_rng(seed)
    up, out = (generator.uniform(-1, 1, (n, m)) * np.sqrt(6 / (n + m)) for n, m in pairwise(sizes))

    def learning(name: str, speed: float) -> dict[str, Any]:
        rule = ns.PlasticityRule(name, synapse=_CONTRAST, parameters={"eta": eta * speed})
        return {"source": "r", "receptor": "c", "plasticity": rule, "name": name}

    net.project(pixels, middle, ns.FromMatrix(up), **learning("up", 1 / gamma))
    net.project(middle, outputs, ns.FromMatrix(out), **learning("out", 1.0))
    net.project(outputs, middle, ns.FromMatrix(gamma * out.T), **learning("back", gamma))
    net.project(one, middle, ns.AllToAll(), weight=0.0, **learning("bias hidden", 1 / gamma))
    net.project(one, outputs, ns.AllToAll(), weight=0.0, **learning("bias outputs", 1.0))
    net.record(outputs, "r")
    return net


class ContrastiveHebbian:
    """The network of `contrastive_hebbian` in a session: images are shown, and told apart.

    Each image has a free and a clamped phase. In each the network settles, and then the modulator
    is on, so that weights change while it goes on: nothing of the one phase is kept for the other.
    The modulator is -1/`length` in free phases and 1/`length` in clamped ones.

        fixed    the free phase comes first, and the modulator is on for `length` steps
        random   either comes first, and the modulator is on for a number of steps that is drawn
                 for each phase, from 1 to 2 `length` - 1: `length` on average

    Parameters
    ----------
    network : Network
        From `contrastive_hebbian`.
    phases : {"fixed", "random"}
    length : int
        [steps of 1 ms]
    seed : int
        Of the lengths and orders of phases.

    Attributes
    ----------
    session : Session

    Source: Williams, Bredenberg & Lajoie (2023), Flexible phase dynamics for bio-plausible
    contrastive learning, ICML, arXiv 2302.12431: phases of random lengths and order, weights that
    learn within each. Their equations were not available; the rest is reconstructed.
    """

    LEARNING = ("up", "out", "back", "bias hidden", "bias outputs")
    """The projections that learn."""

    def __init__(
        self, network: ns.Network, *, phases: str = "fixed", length: int = 4, seed: int = 1
    ) -> None:
        if phases not in PHASES:
            raise UnknownNameError("ContrastiveHebbian: phases", phases, PHASES)
        self.session = ns.compile(network, threads=1)
        self._sizes = {name: len(network[name]) for name in ("images", "teacher")}
        self._phases = phases
        self._length = to_int(length, "ContrastiveHebbian: length", at_least=1)
        self._generator = np.random.default_rng(seed)

    def learn(self, images: Any, labels: Any, *, strength: float = 1.0) -> None:
        """Show each image once, in the order given.

        Parameters
        ----------
        images : (n, n_inputs) array
        labels : (n,) int array
            Which output is told to be 1; all others are told to be 0.
        strength : float
            Factor of the modulator. The noise of random phases is smaller the slower one learns.
        """
        shown = self._checked(images)
        told = np.asarray(labels)
        n_outputs = self._sizes["teacher"]
        if told.shape != shown.shape[:1] or told.dtype.kind not in "iu":
            raise DescriptionError("ContrastiveHebbian: labels", told, f"{len(shown)} integers")
        if not np.all((told >= 0) & (told < n_outputs)):
            raise DescriptionError(
                "ContrastiveHebbian: labels", told, f"numbers from 0 to {n_outputs - 1}"
            )
        factor = to_scalar(strength, "1", "ContrastiveHebbian: strength", at_least=0)
        self._show(shown, np.eye(n_outputs)[told], list(self._schedule(len(shown), factor)))

    def respond(self, images: Any) -> Floats:
        """Show images to the free network with its weights held; return its outputs, (n, n_out)."""
        shown = self._checked(images)
        phases = [Phase(k, clamped=False, modulator=0.0, steps=SETTLE) for k in range(len(shown))]
        with held(self.session, self.LEARNING):
            outputs = self._show(shown, np.zeros((len(shown), self._sizes["teacher"])), phases)
        return outputs[SETTLE - 1 :: SETTLE]

    def predict(self, images: Any) -> npt.NDArray[np.int64]:
        """Return the output that answers most to each image, (n,)."""
        best: npt.NDArray[np.int64] = np.argmax(self.respond(images), axis=1)
        return best

    def _schedule(self, n_images: int, strength: float) -> Iterator[Phase]:
        for k in range(n_images):
            order, steps = [False, True], [self._length] * 2
            if self._phases == "random":
                self._generator.shuffle(order)
                steps = self._generator.integers(1, 2 * self._length, 2).tolist()
            for clamped, length in zip(order, steps, strict=True):
                yield Phase(k, clamped, 0.0, SETTLE)
                yield Phase(k, clamped, (strength if clamped else -strength) / self._length, length)

    def _show(self, images: Floats, told: Floats, phases: list[Phase]) -> Floats:
        """Run through phases; return the outputs after every step, (n_steps, n_outputs)."""
        steps = [p.steps for p in phases]
        which = np.repeat([p.image for p in phases], steps)
        clamp = np.repeat([float(p.clamped) for p in phases], steps)[:, np.newaxis]
        modulator = np.repeat([p.modulator for p in phases], steps)[:, np.newaxis]
        run = self.session.run(
            len(which) * self.session.dt,
            inputs={
                "images": images[which], "teacher": told[which], "clamp": clamp,
                "modulator": modulator,
            },
            progress=False,
        )  # fmt: skip
        return np.array(run.states["outputs"]["r"].array)

    def _checked(self, images: Any) -> Floats:
        n = self._sizes["images"]
        place, expected = "ContrastiveHebbian: images", f"rows of {n} finite numbers"
        try:
            shown = np.asarray(images, np.float64)
        except (TypeError, ValueError):
            raise DescriptionError(place, images, expected) from None
        if shown.ndim != 2 or shown.shape[1] != n or not len(shown):
            raise DescriptionError(place, shown, expected)
        wrong = shown[~np.isfinite(shown)]
        if wrong.size:
            raise DescriptionError(place, wrong[0], expected)
        return shown

"""A spiking controller of a blimp's height, evolved to do what a PID controller does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError
from neurosim.units import to_float, to_scalar

Floats = npt.NDArray[np.float64]

RATE = 30.0
"""Turns of the control loop in a second."""

TICK = 1000 / RATE
"""One turn [ms], and the step of the network."""

HEIGHTS = (3.0, 2.0, 1.0, 2.5, 1.5)
"""Heights that are asked for, one after the other [m]."""

STRONGEST = 10.0
"""Largest command, in either direction."""

STEEPEST = 2.0
"""Slopes [m/s] beyond are cut off for neurons: no flight is as fast, a new height to reach is."""

SLOWEST = 20_000.0
"""Longest time constant that evolves [ms]."""

GENES = 6
"""What evolves of each neuron: both gains, bias, both time constants, and what a spike is worth."""


class Blimp:
    """The height of one or several blimps, as an environment: 40 s at each of five heights.

    The transfer function was identified from flights with a radar at 30 Hz; u is the command of the
    motors, at most 10 in size,

        h(t) = 1.990293321618669 h(t-1) - 0.990311599031747 h(t-2)
               - 0.000969428630164 u(t-1) + 0.001018772629138 u(t-2)

    A turn takes a command for each, and gives what is seen before the next: the error [m], from the
    height to the one that is asked for, and its slope [m/s], the difference to the turn before. The
    reward is minus the mean square of the errors.

    Parameters
    ----------
    copies : int
        Blimps that fly beside each other.
    heights : sequence of float
        What is asked for [m].
    hold : float
        How long each is asked for [s].

    Source: the model in github.com/tudelft/blimp_snn, of Gonzalez-Alvarez, Dupeyroux, Corradi & de
    Croon (2021), Evolved neuromorphic radar-based altitude controller for an autonomous open-source
    blimp, arXiv 2110.00646.
    """

    def __init__(
        self, copies: int = 1, *, heights: Sequence[float] = HEIGHTS, hold: float = 40.0
    ) -> None:
        self.copies = to_int(copies, "Blimp: copies", at_least=1)
        asked = np.atleast_1d(to_float(heights, "1", "Blimp: heights"))
        turns = round(to_scalar(hold, "1", "Blimp: hold", above=0) * RATE)
        self.wanted = np.repeat(asked, turns)
        if not self.wanted.size:
            raise DescriptionError("Blimp: hold", hold, f"{1 / RATE:.3g} s or more, one turn")
        self.reset()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Begin on the ground, at rest; nothing is random.

        Returns
        -------
        (copies, 2) float64, dict
            Errors and slopes.
        """
        still = np.zeros(self.copies)
        self._heights, self._command, self._turn = (still, still), still, 0
        self._error = np.full(self.copies, self.wanted[0])
        return self._seen(), {"height": still}

    def step(self, action: Any) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Take a command for each; what is beyond the strongest is cut off."""
        command = np.asarray(action, np.float64)
        if command.shape != (self.copies,) or not np.isfinite(command).all():
            raise DescriptionError("Blimp.step: action", action, f"{self.copies} finite numbers")
        if self._turn == len(self.wanted):
            raise DescriptionError("Blimp.step: action", action, "reset() first: it has landed")
        loss = float((self._error**2).mean())
        (h1, h2), u2 = self._heights, self._command
        u1 = np.clip(command, -STRONGEST, STRONGEST)
        height = (
            1.990293321618669 * h1 - 0.990311599031747 * h2
            - 0.000969428630164 * u1 + 0.001018772629138 * u2
        )  # fmt: skip
        self._heights, self._command = (height, h1), u1
        self._turn += 1
        return self._seen(), -loss, self._turn == len(self.wanted), False, {"height": height}

    def _seen(self) -> Floats:
        wanted = self.wanted[min(self._turn, len(self.wanted) - 1)]
        error = wanted - self._heights[0]
        slope = (error - self._error) * RATE
        self._error = error
        return np.stack([error, slope], axis=1)


class PID:
    """The controller that is to be learned: u = 4.3 e + 0.06 (integral of e) + 5 (slope of e).

    The integral [m s] is held within 20 of 0, the command within 10.

    Source: the gains in github.com/tudelft/blimp_snn.
    """

    def __init__(self) -> None:
        self._integral: Any = 0.0

    def reset(self) -> None:
        """Forget the integral: a flight begins."""
        self._integral = 0.0

    def __call__(self, seen: Floats) -> Floats:
        """Return the commands (copies,) for what a `Blimp` shows, (copies, 2)."""
        error, slope = seen.T
        self._integral = np.clip(self._integral + error / RATE, -20, 20)
        wanted = 4.3 * error + 0.06 * self._integral + 5 * slope
        return np.asarray(np.clip(wanted, -STRONGEST, STRONGEST), np.float64)


@runtime_checkable
class _Resettable(Protocol):
    """A controller that remembers something of a flight."""

    def reset(self) -> None: ...


def fly(blimp: Blimp, controller: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """Fly to the end with a controller that is a function.

    One that has a method `reset`, as `PID`, begins anew.

    Returns
    -------
    seen : (n_turns, copies, 2) float64
        Errors and slopes.
    commands : (n_turns, copies) float64
    """
    if isinstance(controller, _Resettable):
        controller.reset()
    seen, commands, ended = [blimp.reset()[0]], [], False
    while not ended:
        commands.append(controller(seen[-1]))
        observation, _, ended, _, _ = blimp.step(commands[-1])
        seen.append(observation)
    return np.array(seen[:-1]), np.array(commands)


def blimp_controllers(candidates: int = 1, *, neurons: int = 40, seed: int = 1) -> ns.Network:
    """Spiking controllers of a blimp beside each other, each a layer of neurons and a command.

    Each neuron sees the error e and its slope s with gains of its own, and keeps a trace z of its
    spikes; the command is the sum of the traces, a turn later:

        tau dv/dt     = -v + g_error e + g_slope s + b      fires at v >= 1: v -= 1, z += worth
        tau_out dz/dt = -z                                  u(t + 1 turn) = sum of z(t)

    One step of the network is one turn of the control loop, 1/30 s. Slow traces integrate, fast
    ones follow: the paper evolves two such networks, with 160 neurons in all, and adds them up.
    Reconstructed: the paper's own code was not available, and cells and layers are ours.

    Parameters
    ----------
    candidates : int
        Controllers; they share nothing.
    neurons : int
        Of each.
    seed : int

    Returns
    -------
    Network
        Populations "error" and "slope" (an input for each candidate), "cells" (candidates, neurons)
        and "command" (state `r`). `BlimpControllers` gives the cells their genes.

    Source: after Burgers, Stroobants & de Croon (2023), Evolving spiking neural networks to mimic
    PID control for autonomous blimps, arXiv 2309.12937.
    """
    k = to_int(candidates, "blimp_controllers: candidates", at_least=1)
    n = to_int(neurons, "blimp_controllers: neurons", at_least=1)
    cell = ns.NeuronModel(
        "controller",
        equations="""
        dv/dt = (-v + g_error*e + g_slope*s + b)/tau : 1
        dz/dt = -z/tau_out : 1
        e : 1
        s : 1
        g_error : 1
        g_slope : 1
        b : 1
        worth : 1
        tau : ms
        tau_out : ms
        """,
        threshold="v >= 1",
        reset="v -= 1; z += worth",
        inputs={"error": "additive e", "slope": "additive s"},
        parameters={
            "g_error": 0, "g_slope": 0, "b": 0, "worth": 0, "tau": 100, "tau_out": 100,
        },
    )  # fmt: skip
    net = ns.Network("blimp_controllers", seed=seed, dt=TICK)
    cells = net.population("cells", (k, n), cell)
    command = net.population("command", k, ns.LinearRate(tau=1))
    own = np.kron(np.eye(k), np.ones((1, n)))  # each candidate to its own cells
    for name in ("error", "slope"):
        source = net.population(name, k, ns.Input("current"))
        net.project(source, cells, ns.FromMatrix(own), receptor=name)
    net.project(cells, command, ns.FromMatrix(own.T), source="z", receptor="r")
    net.record(cells, "spikes")
    net.record(command, "r")
    return net


class BlimpControllers:
    """The network of `blimp_controllers` in a session, to be judged and flown.

    Genes are numbers of the order of 1, six for each neuron: the gains of error and slope, the
    bias, log(tau / 100 ms), log(tau_out / 100 ms), and what a spike is worth. Time constants end at
    5 ms and 20 s.

    Parameters
    ----------
    candidates, neurons, seed
        Of `blimp_controllers`.

    Attributes
    ----------
    session : Session
    """

    def __init__(self, candidates: int = 1, *, neurons: int = 40, seed: int = 1) -> None:
        network = blimp_controllers(candidates, neurons=neurons, seed=seed)
        self.candidates, self.neurons = network.populations["cells"].shape
        self.session = ns.compile(network, threads=1)

    def first_genes(self, seed: int) -> Floats:
        """Return random genes to start from, (6 neurons,).

        Half of the neurons see errors upwards and push up, half the other way.
        """
        rng = np.random.default_rng(seed)
        side = np.where(np.arange(self.neurons) % 2, 1.0, -1.0)
        gains = side * np.abs(rng.normal(1, 0.5, (2, self.neurons)))
        bias = rng.uniform(-0.5, 1, self.neurons)
        slow = rng.normal(0, 0.5, (2, self.neurons))
        worth = side * rng.uniform(0.1, 0.5, self.neurons)
        return np.vstack([gains, bias, slow, worth]).T.ravel()

    def express(self, genes: Any) -> None:
        """Give every candidate its genes, (candidates, 6 neurons), and begin anew."""
        given = np.asarray(genes, np.float64)
        shape = (self.candidates, GENES * self.neurons)
        if given.shape != shape or not np.isfinite(given).all():
            raise DescriptionError("BlimpControllers: genes", genes, f"finite numbers {shape}")
        columns = given.reshape(-1, GENES).T
        fast, out = np.clip(100 * np.exp(np.clip(columns[3:5], -10, 10)), 5, SLOWEST)
        self.session.set(
            "cells", g_error=columns[0], g_slope=columns[1], b=columns[2], tau=fast, tau_out=out,
            worth=columns[5],
        )  # fmt: skip
        self.session.reset()

    def commands(self, genes: Any, seen: Any) -> Floats:
        """Show errors and slopes, (n_turns, 2), to all candidates; what each commands.

        Returns
        -------
        (n_turns, candidates) float64
        """
        self.express(genes)
        shown = self._cut(np.asarray(seen, np.float64))
        each = np.repeat(shown[:, :, np.newaxis], self.candidates, axis=2)
        run = self.session.run(
            len(each) * TICK, inputs={"error": each[:, 0], "slope": each[:, 1]}, progress=False
        )
        told = run.states["command"]["r"].array
        return np.clip(told, -STRONGEST, STRONGEST)

    def costs(self, genes: Any, seen: Any, wanted: Any) -> Floats:
        """Return how far each candidate's commands are from what is wanted, (n_turns,).

        The mean absolute difference, plus 1 minus Pearson's correlation (1 where a candidate says
        the same all the time).

        Returns
        -------
        (candidates,) float64
        """
        told, right = self.commands(genes, seen), np.asarray(wanted, np.float64)
        apart = np.abs(told - right[:, np.newaxis]).mean(axis=0)
        spread = told.std(axis=0) * right.std()
        together = (told - told.mean(axis=0)).T @ (right - right.mean()) / len(right)
        alike = np.divide(together, spread, out=np.zeros_like(spread), where=spread > 0)
        return np.asarray(apart + 1 - alike, np.float64)

    def flights(self, genes: Any, blimp: Blimp) -> Floats:
        """Let all candidates fly, each its own blimp; the root mean square of their errors [m].

        Returns
        -------
        (candidates,) float64
        """
        errors = np.array(self.fly(genes, blimp).observations[:-1])[:, :, 0]
        return np.asarray(np.sqrt((errors**2).mean(axis=0)), np.float64)

    def fly(self, genes: Any, blimp: Blimp) -> ns.Episode:
        """Fly to the end, each candidate a blimp; returns all that was seen, done and fired."""
        self.express(genes)
        loop = ns.ClosedLoop(
            self.session, blimp, step=TICK, sense=self._sense,
            act=lambda run: run.states["command"]["r"].array[-1],
        )  # fmt: skip
        return loop.episode(longest=len(blimp.wanted))

    def _sense(self, seen: Floats) -> dict[str, Floats]:
        error, slope = self._cut(seen).T
        return {"error": error, "slope": slope}

    @staticmethod
    def _cut(seen: Floats) -> Floats:
        return np.stack([seen[:, 0], np.clip(seen[:, 1], -STEEPEST, STEEPEST)], axis=1)

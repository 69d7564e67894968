"""Patterns learned at one sight, by STDP and homeostasis: after Davies et al. (2025)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError
from neurosim.units import to_scalar

Floats = npt.NDArray[np.float64]

DRIVE = 15.0
"""What brings a resting output to its threshold [mV]: from -65 to -50."""

SHOWN, REST = 20.0, 200.0
"""How long there is for an answer, and the silence after it [ms]."""

TAUGHT_AT = 5.0
"""When the teacher makes an output fire, after the pattern [ms]."""

SPARE = 1e-6
"""By how much the sum of the weights exceeds what is told, so that rounding decides nothing."""


def one_shot_patterns(
    *, inputs: int = 1000, outputs: int = 3, learning: float = 1.0, seed: int = 1
) -> ns.Network:
    """Detectors of spatial patterns, each of which is shown once.

    Reconstructed: the paper's equations were not available. A pattern is a set of inputs that fire
    together. All inputs are connected with all outputs, by synapses of weight 0 at first; an output
    is a leaky integrator (10 ms, -65 mV, threshold -50 mV) in which each spike adds w. A teacher
    makes one output fire 5 ms after its pattern. The rule is STDP in its simplest form: when the
    output fires,

        w += A_plus     of inputs that have fired within about the last 20 ms,
        w -= A_minus    of all others,                                        0 <= w <= 30 mV

    Homeostasis then scales the weights of the output to the sum that makes it fire: see
    `OneShotPatterns`.

    Parameters
    ----------
    inputs, outputs : int
    learning : float
        Factor of both amplitudes; 0 for none.
    seed : int

    Returns
    -------
    Network
        Populations "inputs", "teacher" and "outputs"; projection "learned". It is to be run with a
        step of 0.5 ms, as it says.

    Source: after Davies, Gait, Rowley & Di Nuovo (2025), Supervised learning of spatial features
    with STDP and homeostasis using Spiking Neural Networks on SpiNNaker, Neurocomputing 611:128650,
    arXiv 2312.02659.
    """
    n_inputs = to_int(inputs, "one_shot_patterns: inputs", at_least=1)
    n_outputs = to_int(outputs, "one_shot_patterns: outputs", at_least=1)
    factor = to_scalar(learning, "1", "one_shot_patterns: learning", at_least=0)
    rule = ns.PlasticityRule(
        "one shot",
        pre="dx/dt = -x/tau : 1\ntau : ms",
        on_pre="x = 1",
        on_post="w += a_plus*int(x > 0.37) - a_minus*int(x <= 0.37)",
        parameters={"tau": 20, "a_plus": factor, "a_minus": factor},
        w_min=0, w_max=2 * DRIVE,
    )  # fmt: skip
    net = ns.Network("one_shot_patterns", seed=seed, dt=0.5)
    pixels = net.population("inputs", n_inputs, ns.Input("spikes"))
    teacher = net.population("teacher", n_outputs, ns.Input("spikes"))
    model = ns.LIF(
        tau_m=10, E_L=-65, V_th=-65 + DRIVE, V_reset=-65, t_ref=2,
        synapses=ns.Receptors(exc=ns.Delta(), taught=ns.Delta()),
    )  # fmt: skip
    cells = net.population("outputs", n_outputs, model)
    net.project(
        pixels, cells, ns.AllToAll(), weight=0.0, delay=0.5, receptor="exc", plasticity=rule,
        name="learned",
    )  # fmt: skip
    net.project(teacher, cells, ns.OneToOne(), weight=2 * DRIVE, delay=0.5, receptor="taught")
    net.record(cells, "spikes")
    return net


class OneShotPatterns:
    """The network of `one_shot_patterns` in a session: pattern k is for output k.

    After a pattern was learned, the weights of its output are scaled to a sum of ``DRIVE/rho``: the
    output fires if at least a part rho of its pattern is there.

    Parameters
    ----------
    network : Network, optional
        From `one_shot_patterns`; by default that with 1,000 inputs and 3 outputs.
    rho : float
        The homeostatic factor, in (0, 1]: 1 tolerates no input that is missing.
    homeostasis : bool
        Whether weights are scaled at all.

    Attributes
    ----------
    session : Session
    """

    def __init__(
        self, network: ns.Network | None = None, *, rho: float = 0.9, homeostasis: bool = True
    ) -> None:
        network = one_shot_patterns() if network is None else network
        self.session = ns.compile(network, threads=1)
        self.n_inputs = network.populations["inputs"].size
        self.n_outputs = network.populations["outputs"].size
        self.rho = to_scalar(rho, "1", "OneShotPatterns: rho", above=0, at_most=1)
        self._homeostasis = homeostasis
        self._trials = ns.Trials(self.session, "inputs", shown=SHOWN, rest=REST, teacher="teacher")

    @property
    def weights(self) -> Floats:
        """Learned weights, (n_inputs, n_outputs) [mV]."""
        return self.session.get("learned", "w").reshape(self.n_inputs, self.n_outputs)

    def learn(self, patterns: Any) -> None:
        """Show each pattern once, and make its output fire.

        Parameters
        ----------
        patterns : (n_patterns, n_inputs) array of 0 and 1
            At most as many as there are outputs.
        """
        shown = self._checked(patterns)
        if len(shown) > self.n_outputs:
            raise DescriptionError(
                "OneShotPatterns: patterns", shown, f"at most {self.n_outputs}, one for each output"
            )
        steps = round(SHOWN / self.session.dt)
        lessons = np.zeros((len(shown), steps, self.n_outputs))
        told = np.arange(len(shown))
        lessons[told, round(TAUGHT_AT / self.session.dt), told] = 1
        for trial in self._trials.each(self._spikes(shown), lessons, learning=True):
            if self._homeostasis:
                total = self.weights.sum(axis=0)
                if total[trial.index] > 0:
                    total[trial.index] = DRIVE / self.rho * (1 + SPARE)
                self.session.normalise("learned", total=total)

    def respond(self, patterns: Any) -> npt.NDArray[np.bool_]:
        """Show patterns to the outputs as they are: whether each fires, (n_patterns, n_outputs)."""
        responses = self._trials.respond(self._spikes(self._checked(patterns)))
        return responses.counts["outputs"] > 0

    def _checked(self, patterns: Any) -> npt.NDArray[Any]:
        shown = np.asarray(patterns)
        if shown.ndim != 2 or shown.shape[1] != self.n_inputs or not np.isin(shown, (0, 1)).all():
            raise DescriptionError(
                "OneShotPatterns: patterns", shown, f"rows of {self.n_inputs} zeros and ones"
            )
        return shown

    def _spikes(self, shown: npt.NDArray[Any]) -> Any:
        """Return an iterator of what the inputs do: all spikes of a pattern in its first step."""
        for pattern in shown:
            spikes = np.zeros((round(SHOWN / self.session.dt), self.n_inputs))
            spikes[0] = pattern
            yield spikes

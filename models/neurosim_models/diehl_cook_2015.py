"""Digits learned without labels: Diehl & Cook (2015)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import neurosim as ns
from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError, SimulationError
from neurosim.units import to_float, to_scalar

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHOWN, REST = 350.0, 150.0
"""How long a sample is shown, and the silence after it [ms]."""

FULL_INTENSITY = 63.75
"""Rate of the brightest pixel at first [Hz]: 255/8 times an intensity of 2."""

MORE_INTENSITY = FULL_INTENSITY / 2
"""What is added to it for a sample that has made too few spikes [Hz]."""

FEWEST_SPIKES = 5
"""A sample that makes fewer is shown again, brighter."""

MOST_REPETITIONS = 20

TOTAL_WEIGHT = 78.0
"""Sum of the learned weights of a neuron [nS], at 784 inputs."""

_MEMBRANE = """
dV_m/dt = (E_L - V_m)/tau_m + (g_exc*(E_exc - V_m) + g_inh*(E_inh - V_m))/C_m : mV (clamped)
dg_exc/dt = -g_exc/tau_exc : nS
dg_inh/dt = -g_inh/tau_inh : nS
tau_m : ms
C_m : pF
tau_exc : ms
tau_inh : ms
E_L : mV
E_exc : mV
E_inh : mV
V_th : mV
V_reset : mV
"""

_ADAPTATION = """
dtheta/dt = -adapting*theta/tau_theta : mV
tau_theta : ms
theta_plus : mV
adapting : 1
"""


def _excitatory() -> ns.NeuronModel:
    return ns.NeuronModel(
        "LIF with an adaptive threshold",
        equations=_MEMBRANE + _ADAPTATION,
        threshold="V_m >= V_th + theta",
        reset="V_m = V_reset; theta += adapting*theta_plus",
        refractory="t_ref",
        inputs={"exc": "jump g_exc", "inh": "jump g_inh"},
        parameters={
            "tau_m": 100, "C_m": 100, "tau_exc": 1, "tau_inh": 2, "E_L": -65, "E_exc": 0,
            "E_inh": -100, "V_th": -72, "V_reset": -65, "t_ref": 5, "tau_theta": 1e7,
            "theta_plus": 0.05, "adapting": 1,
        },
        initial={"V_m": -105.0, "theta": 20.0},
    )  # fmt: skip


def _inhibitory() -> ns.NeuronModel:
    return ns.NeuronModel(
        "LIF",
        equations=_MEMBRANE,
        threshold="V_m >= V_th",
        reset="V_m = V_reset",
        refractory="t_ref",
        inputs={"exc": "jump g_exc", "inh": "jump g_inh"},
        parameters={
            "tau_m": 10, "C_m": 10, "tau_exc": 1, "tau_inh": 2, "E_L": -60, "E_exc": 0,
            "E_inh": -85, "V_th": -40, "V_reset": -45, "t_ref": 2,
        },
        initial={"V_m": -100.0},
    )  # fmt: skip


def diehl_cook(
    *, neurons: int = 400, inputs: int = 784, learning: float = 1.0, seed: int = 1
) -> ns.Network:
    """Winner-take-all network that learns digits without their labels.

    Every pixel is a Poisson neuron; all are connected with all excitatory neurons, by synapses that
    learn. Each excitatory neuron drives an inhibitory one of its own (10.4 nS), which inhibits all
    the others (17 nS). With a leak of 1 nS,

        100 ms dV/dt = -65 mV - V + g_exc (0 mV - V) + g_inh (-100 mV - V)      excitatory
         10 ms dV/dt = -60 mV - V + g_exc (0 mV - V) + g_inh ( -85 mV - V)      inhibitory

    conductances decay with 1 ms (excitation) and 2 ms. Excitatory neurons fire at theta - 72 mV,
    and are held at -65 mV for 5 ms; theta starts at 20 mV, rises by 0.05 mV with each of their
    spikes and decays within 10^7 ms. Inhibitory ones fire at -40 mV and are held at -45 mV for 2
    ms.

    The rule is the one of the code that was published with the paper, with two postsynaptic traces;
    each trace is set to 1 by a spike, those of 20 ms by name x and y, that of 40 ms z:

        on_pre:  w -= 0.0001 y;   x = 1
        on_post: w += 0.01 x z;   y = 1; z = 1           0 <= w <= 1 nS

    (The paper's text has other rules beside it, with a target x_tar of the presynaptic trace.)
    Learned synapses have delays of up to 10 ms, on the axon.

    Parameters
    ----------
    neurons : int
        Excitatory ones, and as many inhibitory ones.
    inputs : int
        Pixels.
    learning : float
        Factor of both rates; 0 for none.
    seed : int

    Returns
    -------
    Network
        Populations "pixels", "exc" and "inh"; projection "learned". It is to be run with a step of
        0.5 ms, as it says. Pixels are silent until told their rates: `DiehlCook` does so, and keeps
        the sum of each neuron's weights.

    Source: Diehl & Cook (2015), Unsupervised learning of digit recognition using
    spike-timing-dependent plasticity, Front. Comput. Neurosci. 9:99, doi 10.3389/fncom.2015.00099,
    and its code, github.com/peter-u-diehl/stdp-mnist.
    """
    size = to_int(neurons, "diehl_cook: neurons", at_least=2)
    n_inputs = to_int(inputs, "diehl_cook: inputs", at_least=1)
    factor = to_scalar(learning, "1", "diehl_cook: learning", at_least=0)
    rule = ns.PlasticityRule(
        "Diehl & Cook",
        pre="dx/dt = -x/tau : 1\ntau : ms",
        post="dy/dt = -y/tau : 1\ndz/dt = -z/tau_slow : 1\ntau_slow : ms",
        on_pre="w -= eta_pre*y; x = 1",
        on_post="w += eta_post*x*z; y = 1; z = 1",
        parameters={
            "tau": 20, "tau_slow": 40, "eta_pre": 1e-4 * factor, "eta_post": 1e-2 * factor,
        },
        w_min=0, w_max=1, delay="axonal", coincidence="both",
    )  # fmt: skip
    net = ns.Network("diehl_cook", seed=seed, dt=0.5)
    pixels = net.population("pixels", n_inputs, ns.PoissonFromRate())
    exc = net.population("exc", size, _excitatory())
    inh = net.population("inh", size, _inhibitory())
    net.project(
        pixels, exc, ns.AllToAll(), weight=ns.Uniform(0.003, 0.303), delay=ns.Uniform(0.5, 10),
        receptor="exc", plasticity=rule, name="learned",
    )  # fmt: skip
    net.project(exc, inh, ns.OneToOne(), weight=10.4, delay=0.5, receptor="exc")
    others = ns.FromMatrix(17.0 * (1 - np.eye(size)))
    net.project(inh, exc, others, delay=0.5, receptor="inh")
    net.record(exc, "spikes")
    return net


class DiehlCook:
    """The network of `diehl_cook` in a session, to be shown images.

    A sample is shown for 350 ms, followed by 150 ms of silence. Beforehand, while learning, the
    weights of each neuron are scaled to a sum of 78 nS (at 784 inputs; in proportion for others);
    one that would pass 1 nS is left there. A sample that makes fewer than 5 spikes is shown again,
    by half the first intensity brighter.

    Parameters
    ----------
    network : Network, optional
        From `diehl_cook`; by default the published one.
    threads, precision
        Of ``ns.compile``.

    Attributes
    ----------
    session : Session
        To be looked at, and changed.
    trials : Trials
        What shows the images.
    """

    def __init__(
        self, network: ns.Network | None = None, *, threads: int | None = None,
        precision: Any = "double",
    ) -> None:  # fmt: skip
        network = diehl_cook() if network is None else network
        self.session = ns.compile(network, threads=threads, precision=precision)
        self.n_inputs = network.populations["pixels"].size
        self.n_neurons = network.populations["exc"].size
        self.trials = ns.Trials(
            self.session, "pixels", variable="offset", shown=SHOWN, rest=REST,
            scale={"learned": self._total}, again=_brighter,
            while_learning={"exc": {"adapting": 1.0}},
            while_responding={"exc": {"adapting": 0.0}},
        )  # fmt: skip

    @property
    def presented(self) -> int:
        """Samples that were shown, repetitions among them."""
        return self.trials.presented

    @property
    def _total(self) -> float:
        return TOTAL_WEIGHT * self.n_inputs / 784

    @property
    def weights(self) -> Floats:
        """Learned weights, (n_inputs, n_neurons) [nS]."""
        return self.session.get("learned", "w").reshape(self.n_inputs, self.n_neurons)

    @property
    def theta(self) -> Floats:
        """What has been added to the thresholds, (n_neurons,) [mV]."""
        return self.session.get("exc", "theta")

    def normalise(self) -> None:
        """Scale the weights of each neuron to their sum; one that would pass 1 nS is left there."""
        self.session.normalise("learned", total=self._total)

    def learn(self, images: Any) -> Ints:
        """Show images one after the other, and learn.

        Parameters
        ----------
        images : (n_images, ...) array
            Intensities in [0, 1], one per pixel.

        Returns
        -------
        (n_images, n_neurons) int64
            Spikes of the excitatory neurons while each was shown.

        Raises
        ------
        DescriptionError
            For images of another size or with values outside [0, 1].
        SimulationError
            For an image that makes too few spikes, however bright it is.
        """
        return self.trials.learn(FULL_INTENSITY * self._checked(images)).counts["exc"]

    def respond(self, images: Any) -> Ints:
        """Show images to the network as it is; neither weights nor thresholds change.

        Takes, returns and raises what `learn` does.
        """
        return self.trials.respond(FULL_INTENSITY * self._checked(images)).counts["exc"]

    def _checked(self, images: Any) -> Floats:
        array = np.asarray(to_float(images, "1", "DiehlCook: images", at_least=0, at_most=1))
        if array.ndim < 2 or np.prod(array.shape[1:]) != self.n_inputs:
            raise DescriptionError(
                "DiehlCook: images", array, f"an array of images, each of {self.n_inputs} pixels"
            )
        return array.reshape(len(array), self.n_inputs)


def _brighter(trial: ns.Trial) -> Floats | None:
    """Return the image of a trial, brighter, if it made too few spikes."""
    if trial.counts["exc"].sum() >= FEWEST_SPIKES:
        return None
    shown = FULL_INTENSITY + (trial.presentations - 1) * MORE_INTENSITY
    if trial.presentations == MOST_REPETITIONS:
        raise SimulationError(
            f"DiehlCook: image {trial.index} makes fewer than {FEWEST_SPIKES} spikes even at "
            f"{shown:g} Hz. Is there ink in it?"
        )
    brighter: Floats = trial.sample * ((shown + MORE_INTENSITY) / shown)
    return brighter


def assigned(counts: Any, labels: Any) -> Ints:
    """Return the class to which each neuron answers most.

    Parameters
    ----------
    counts : (n_images, n_neurons) array
        Spikes, as `DiehlCook.respond` returns them.
    labels : (n_images,) array of int
        Classes from 0.

    Returns
    -------
    (n_neurons,) int64
        -1 for a neuron that was silent.
    """
    counts, labels = np.asarray(counts), np.asarray(labels)
    if counts.ndim != 2 or labels.shape != (len(counts),) or not labels.size:
        raise DescriptionError("assigned: labels", labels, "one class for each row of counts")
    kinds = np.unique(labels)
    means = np.array([counts[labels == kind].mean(axis=0) for kind in kinds])
    found: Ints = np.where(means.max(axis=0) > 0, kinds[means.argmax(axis=0)], -1)
    return found


def predicted(counts: Any, classes: Any) -> Ints:
    """Return the class whose neurons fire most for each image, on the average.

    Parameters
    ----------
    counts : (n_images, n_neurons) array
    classes : (n_neurons,) array of int
        From `assigned`.

    Returns
    -------
    (n_images,) int64
    """
    counts, classes = np.asarray(counts), np.asarray(classes)
    kinds = np.unique(classes[classes >= 0])
    if counts.ndim != 2 or classes.shape != counts.shape[1:] or not kinds.size:
        raise DescriptionError("predicted: classes", classes, "one for each neuron, one above -1")
    means = np.array([counts[:, classes == kind].mean(axis=1) for kind in kinds])
    found: Ints = kinds[means.argmax(axis=0)]
    return found

"""Intrinsic homeostasis added to a model: the text that a user could have typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.units import to_scalar

if TYPE_CHECKING:
    from neurosim.equations import NeuronModel

KINDS = ("target", "adaptive")


def homeostatic(
    model: Any, *, kind: str = "target", rate: Any = None, step: Any = 1.0, tau: Any = None,
    initial: Any = 0.0,
) -> NeuronModel:  # fmt: skip
    """Return a model whose threshold follows its own spikes.

    The state `theta` [mV] is added to the threshold, and rises by `step` at every spike.

    ==========  ===========================  ====================================================
    "target"    dtheta/dt = -step rate       theta stands still where the neuron fires at `rate`,
                                             on the average: intrinsic plasticity with a target
    "adaptive"  dtheta/dt = -theta/tau       theta decays: a neuron that fires much is held back
    ==========  ===========================  ====================================================

    With "target" the mean rate over a long time T is off by (theta(T) - theta(0))/(step T), and by
    nothing else, whatever the input.

    Parameters
    ----------
    model : Neuron or NeuronModel
        With a threshold on a state in mV, such as "V_m >= V_th".
    kind : {"target", "adaptive"}
    rate : number
        The target [Hz]; the parameter ``rate_target``.
    step : number
        [mV], above 0; the parameter ``theta_step``.
    tau : number
        [ms], above 0; the parameter ``tau_theta``.
    initial : number
        First value of theta [mV].

    Raises
    ------
    DescriptionError
        For models without a threshold, or with a theta already.

    Source: "target": the integral control of Zenke, Hennequin & Gerstner (2013), PLoS Comput. Biol.
    9:e1003330, section "Homeostasis", in the threshold in place of the weights, with the spikes
    themselves for their average; intrinsic excitability: Desai, Rutherford & Turrigiano (1999),
    Nat. Neurosci. 2:515. "adaptive": Diehl & Cook (2015), Front. Comput. Neurosci. 9:99.

    Examples
    --------
    >>> import neurosim as ns
    >>> homeostatic(ns.LIF(), rate=5.0).threshold
    'V_m >= V_th + theta'
    """
    from neurosim.equations import NeuronModel
    from neurosim.equations.statements import parse_equations

    if kind not in KINDS:
        raise UnknownNameError("homeostatic: kind", kind, KINDS)
    wanted, unwanted = ("rate", "tau") if kind == "target" else ("tau", "rate")
    given = {"rate": rate, "tau": tau}
    if given[wanted] is None or given[unwanted] is not None:
        raise DescriptionError(
            f"homeostatic: {wanted if given[wanted] is None else unwanted}",
            given[wanted] if given[wanted] is None else given[unwanted],
            f"{wanted}, and no {unwanted}, for kind={kind!r}",
        )
    if isinstance(model, type) or not hasattr(model, "neuron_model"):
        raise DescriptionError("homeostatic: model", model, "a neuron model, not a source or class")
    made: NeuronModel = model.neuron_model()
    if made.threshold is None or made.reset is None:
        raise DescriptionError("homeostatic: model", made.name, "a model with threshold and reset")
    _, mark, right = made.threshold.partition(">")
    if not mark or ">" in right.lstrip("=") or any(word in made.threshold for word in ("<", "&")):
        raise DescriptionError(
            "homeostatic: model", made.threshold, "a threshold such as 'V_m >= V_th'"
        )
    taken = {line.name for line in parse_equations(made.equations)}
    values: dict[str, Any] = {"theta_step": to_scalar(step, "mV", "homeostatic: step", above=0)}
    if kind == "target":
        values["rate_target"] = to_scalar(rate, "Hz", "homeostatic: rate", at_least=0)
        lines = ["dtheta/dt = -theta_step*rate_target : mV", "rate_target : Hz"]
    else:
        values["tau_theta"] = to_scalar(tau, "ms", "homeostatic: tau", above=0)
        lines = ["dtheta/dt = -theta/tau_theta : mV", "tau_theta : ms"]
    for name in ("theta", *values):
        if name in taken:
            raise DescriptionError("homeostatic: model", made.name, f"a model without {name}")
    return NeuronModel(
        f"{made.name} with homeostasis",
        equations="\n".join([made.equations, *lines, "theta_step : mV"]),
        threshold=f"{made.threshold} + theta",
        reset=f"{made.reset}; theta += theta_step",
        refractory=made.refractory,
        inputs=made.inputs,
        parameters={**made.parameters, **values},
        initial={**made.initial, "theta": to_scalar(initial, "mV", "homeostatic: initial")},
        hazard=made.hazard,
        multiplicity=made.multiplicity,
        method=made.method if made.method in ("euler", "heun", "milstein") else None,
    )

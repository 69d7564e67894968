"""Noise added to a model: the text that a user could have typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurosim.errors import DescriptionError, UnknownNameError

if TYPE_CHECKING:
    from neurosim.equations import NeuronModel

KINDS = ("additive", "multiplicative", "ornstein_uhlenbeck")


def noisy(
    model: Any, state: str, sigma: Any, *, kind: str = "additive", tau: Any = None,
    method: str | None = None,
) -> NeuronModel:  # fmt: skip
    """Return a model with noise in the equation of one state.

    ====================  ===================================  ====================================
    additive              dx/dt = ... + sigma xi               sigma in the unit of x per sqrt(ms)
    multiplicative        dx/dt = ... + sigma x xi             sigma in 1/sqrt(ms)
    ornstein_uhlenbeck    dx/dt = ... + z,                     sigma is the s.d. of z, in the unit
                          dz/dt = -z/tau + sigma sqrt(2/tau)   of x per ms
                          xi
    ====================  ===================================  ====================================

    Every neuron has its own noise. Multiplicative noise is taken in the sense of Stratonovich
    unless `method` is "euler" or "milstein" (see `NeuronModel`).

    Parameters
    ----------
    model : Neuron or NeuronModel
    state : str
        A state with an equation.
    sigma : number or array
        Its parameter is called ``sigma_<state>``.
    kind : {"additive", "multiplicative", "ornstein_uhlenbeck"}
    tau : number
        Correlation time [ms] of "ornstein_uhlenbeck"; the parameter ``tau_noise_<state>``.
    method : str, optional
        By default the model's own where it allows noise, else the default of the equations.

    Examples
    --------
    >>> import neurosim as ns
    >>> noisy(ns.WongWang(), "S", 0.001).noise
    'additive'
    """
    from neurosim.equations import NeuronModel
    from neurosim.equations.statements import parse_equations

    if kind not in KINDS:
        raise UnknownNameError("noisy: kind", kind, KINDS)
    if (tau is not None) != (kind == "ornstein_uhlenbeck"):
        expected = "a time in ms" if tau is None else "None: only ornstein_uhlenbeck has one"
        raise DescriptionError("noisy: tau", tau, expected)
    if isinstance(model, type) or not hasattr(model, "neuron_model"):
        raise DescriptionError("noisy: model", model, "a neuron model, not a source or a class")
    made: NeuronModel = model.neuron_model()
    lines = parse_equations(made.equations)
    equations = {line.name: line for line in lines if line.kind == "equation"}
    if state not in equations:
        raise UnknownNameError("noisy: state", state, equations)
    line = equations[state]
    unit = line.unit.text
    size, correlation = f"sigma_{state}", f"tau_noise_{state}"
    noise, process = f"{size}*xi_{state}", f"noise_{state}"
    per_root, per_ms = f"({unit})/sqrt(ms)", f"({unit})/ms"
    declared = {size: "1/sqrt(ms)" if kind == "multiplicative" else per_root}
    more: list[str] = []
    if kind == "multiplicative":
        noise = f"{state}*{noise}"
    if kind == "ornstein_uhlenbeck":
        noise = process
        declared = {size: per_ms, correlation: "ms"}
        more.append(
            f"d{process}/dt = -{process}/{correlation}"
            f" + {size}*sqrt(2/{correlation})*xi_{state} : {per_ms}"
        )
    names = {line.name for line in lines}
    for name in (*declared, *([process] if more else [])):
        if name in names:
            raise DescriptionError("noisy: state", state, f"a state without noise; {name} is there")
    # An expression ends at the colon of its unit: the language has no other.
    end = made.equations.index(":", line.start)
    text = (
        f"{made.equations[: line.start]}({made.equations[line.start : end].strip()}) + {noise} "
        f"{made.equations[end:]}"
    )
    more += [f"{name} : {its}" for name, its in declared.items()]
    values = {size: sigma} | ({correlation: tau} if tau is not None else {})
    return NeuronModel(
        f"{made.name} with noise",
        equations="\n".join([text, *more]),
        threshold=made.threshold,
        reset=made.reset,
        refractory=made.refractory,
        inputs=made.inputs,
        parameters={**made.parameters, **values},
        initial=made.initial,
        hazard=made.hazard,
        multiplicity=made.multiplicity,
        method=method or (made.method if made.method in ("euler", "heun", "milstein") else None),
    )

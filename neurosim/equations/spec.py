"""What a model text becomes: a straight-line program for one step, with everything it needs.

A `ModelSpec` is the hand-over from the equations room to whoever runs a model: the CPU core turns
it into a kernel, a referee backend reads `derivatives` and writes its own equations.

Inside it all values are floats in the coherent set ms, mV, pA, pF, nS, GOhm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import sympy

Value = float | np.ndarray
"""One number for the whole population, or one per neuron: shape (n,), float64."""


@dataclass(frozen=True)
class Assignment:
    """One line of a program: `name` becomes the value of `expression`.

    Names are assigned once (the programs are in single-assignment form), apart from the lines of
    a reset, which may write a state several times and are carried out in order.
    """

    name: str
    expression: sympy.Expr


@dataclass(frozen=True)
class Receptor:
    """Where arriving spikes go.

    Attributes
    ----------
    name : str
        The word used in ``net.project(..., receptor=name)``.
    kind : {"jump", "pulse"}
        "jump" adds the arriving weights to the state `target` at t + dt; if `target` is clamped
        and the neuron refractory they are discarded (a delta receptor). "pulse" makes the symbol
        `target` the sum of the weights that arrive in this step (due at t + dt) and 0 otherwise;
        the program of the step reads it.
    target : str
        A state ("jump") or an input symbol of the program ("pulse").
    unit : str
        Unit of the weight.
    nonnegative : bool
        Whether negative weights are refused (conductances).
    """

    name: str
    kind: Literal["jump", "pulse"]
    target: str
    unit: str
    nonnegative: bool = False


@dataclass(frozen=True)
class Coupling:
    """A continuous input: a weighted sum over presynaptic state variables, read at t.

    `name` is the receptor word, `symbol` what the program reads: `target`, or the name where that
    is empty. "additive" is sum_j w_ij x_j, "diffusive" is sum_j w_ij (x_j - x_i) (a gap junction),
    x being the `source` variable of the projection.
    """

    name: str
    kind: Literal["additive", "diffusive"]
    unit: str
    target: str = ""

    @property
    def symbol(self) -> str:
        """The symbol that the program reads."""
        return self.target or self.name


@dataclass(frozen=True)
class ModelSpec:
    """A model, classified and discretised for one integration method (but for any dt).

    Symbols that a program may read, all real sympy symbols: states at t; parameters; constants;
    `dt` [ms]; `active` (1.0 if the neuron is not refractory during this step, else 0.0);
    `I_injected` if `injectable` (added current [pA], constant over the step); pulse targets;
    symbols of couplings; `normal_0` .. `normal_{n_normals-1}` (independent standard normals, fresh
    in each step).

    Attributes
    ----------
    name : str
        For messages only; nothing computed depends on it.
    states : tuple of str
        State variables in the order of the text.
    parameters : tuple of str
        Parameters that any program or constant reads (t_ref included where there is one).
    units : mapping
        Unit of every state and parameter, "1" where dimensionless.
    defaults : mapping
        Default value of every parameter as given in the text or by the constructor.
    initial : mapping
        Default initial value of every state; a float, or the name of a parameter.
    clamped : tuple of str
        States held while the neuron is refractory.
    refractory : str or None
        Parameter that holds the refractory time [ms]; None where the model has none.
    receptors, couplings
        The inputs by name.
    program : tuple of Assignment
        One step: local names, then every state's value at t + dt before arrivals, found under
        ``next_names[state]``. Clamped states already respect `active`.
    next_names : mapping
        State -> local name (or the state itself where nothing changes it).
    threshold : sympy boolean or None
        Condition on the states at t + dt (symbols as the states) under which the neuron fires.
    hazard : sympy expression or None
        Escape noise: firing intensity [1/ms] of the state at t + dt; the neuron fires with
        probability 1 - exp(-hazard * dt).
    reset : tuple of Assignment
        Carried out in order on the states at t + dt of neurons that fired.
    multiplicity : sympy expression or None
        Number of spikes emitted at once, where it can exceed one (relays).
    n_normals : int
        How many standard normals one step of one neuron reads.
    injectable : bool
        Whether injected current (`I_e` and ``net.inject``) has a place in the equations.
    method : str
        "exact", "exponential_euler", "semi_implicit", "rk4", "rk2", "euler", "heun", "milstein" or
        "none".
    derivatives : tuple of Assignment
        The right-hand sides dx/dt as written (after substituting sub-expressions), noise apart.
    noise : mapping
        State -> {noise symbol: factor}, the factors b of dx = f dt + b dW.
    source_text : str
        The normalised text this came from; two models with the same text are the same model.
    constants_function : callable
        See `constants`.
    arrivals : {"before_threshold", "before_reset", "after_reset"}
        Where in the step jumps are added: before the threshold is tested, between test and reset,
        or after the reset.
    refractory_arrivals : {"lost", "added"}
        What becomes of jumps onto clamped states of refractory neurons.

    The first values of the last two are what the Plan pins and every description means; the others
    are variants of the semantics, for comparisons with other simulators.
    """

    name: str
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    units: Mapping[str, str]
    defaults: Mapping[str, float]
    initial: Mapping[str, float | str]
    clamped: tuple[str, ...]
    refractory: str | None
    receptors: tuple[Receptor, ...]
    couplings: tuple[Coupling, ...]
    program: tuple[Assignment, ...]
    next_names: Mapping[str, str]
    threshold: Any
    hazard: sympy.Expr | None
    reset: tuple[Assignment, ...]
    multiplicity: sympy.Expr | None
    n_normals: int
    injectable: bool
    method: str
    derivatives: tuple[Assignment, ...]
    noise: Mapping[str, Mapping[str, sympy.Expr]]
    source_text: str
    constant_names: tuple[str, ...]
    constants_function: Callable[[Mapping[str, Value], float], dict[str, Value]] = field(
        compare=False, repr=False
    )
    arrivals: Literal["before_threshold", "before_reset", "after_reset"] = "before_threshold"
    refractory_arrivals: Literal["lost", "added"] = "lost"

    def constants(self, parameters: Mapping[str, Value], dt: float) -> dict[str, Value]:
        """Compute what the program reads besides parameters (propagators, decay factors).

        Parameters
        ----------
        parameters : mapping
            Every name of `self.parameters` -> float, or float64 array of shape (n,).
        dt : float
            Time step [ms].

        Returns
        -------
        dict
            Every name of `self.constant_names` -> float, or array (n,) where any parameter that
            it depends on is an array.
        """
        return self.constants_function(parameters, dt)

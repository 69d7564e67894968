"""Our models and the models of NEST that are the same, as data.

A `Row` says that a neuron of ours with certain kinds of receptors is one model of NEST, what its
parameters and states are called there, how NEST tells the receptors apart, and how exactly it
advances them. What no row says has no form in NEST.

Expressions such as ``"C_m/tau_m"`` are products and quotients of our parameters, of ``dt`` and of
numbers; see `evaluate`.

Sources: the model pages of NEST 3.10 (https://nest-simulator.readthedocs.io) and the files
models/*.cpp of that release; every row is compared with our core in tests/trust.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from neurosim.capabilities import PASSES, Support, approximated
from neurosim_backends.nest.published import STEP_OF_2003

Style = Literal["jump", "sign", "ports", "relay"]
"""How NEST tells receptors apart: "jump": all arrivals add to V_m; "sign": by the sign of the
weight, excitatory and inhibitory; "ports": by a number, from 1; "relay": there is one, and weights
do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What one kind of receptor is called in NEST.

    Names are stems: "tau_syn" stands for tau_syn_ex and tau_syn_in where receptors are told apart
    by sign, and for an element of the list tau_syn where they have numbers.

    Attributes
    ----------
    parameters : mapping
        Our parameter without the receptor's name (``"tau"`` of tau_exc) -> stem.
    state : str
        Stem of the current or conductance, `I` or `g` with us.
    rate : str
        Stem of NEST's second state, the rate of rise; "" where there is none.
    rise, decay : str
        Our time constants of the second state and of the first.
    conductance : bool
        Whether weights are conductances; inhibitory ones carry a minus sign in NEST.
    peak : str
        "" for single exponentials; "alpha" or "beta": how x, our second state, drives the first.
    """

    parameters: Mapping[str, str]
    state: str
    rate: str = ""
    rise: str = ""
    decay: str = "tau"
    conductance: bool = False
    peak: Literal["", "alpha", "beta"] = ""


KINDS: Mapping[str, Kind] = {
    "ExpCurrent": Kind(parameters={"tau": "tau_syn"}, state="I_syn"),
    "AlphaCurrent": Kind(
        parameters={"tau": "tau_syn"}, state="I_syn", rate="dI_syn", rise="tau", peak="alpha"
    ),
    "ExpConductance": Kind(
        parameters={"tau": "tau_syn", "E": "E"}, state="g", conductance=True
    ),
    "AlphaConductance": Kind(
        parameters={"tau": "tau_syn", "E": "E"}, state="g", rate="dg", rise="tau",
        conductance=True, peak="alpha",
    ),
    "BetaConductance": Kind(
        parameters={"tau_rise": "tau_rise", "tau_decay": "tau_decay", "E": "E"}, state="g",
        rate="dg", rise="tau_rise", decay="tau_decay", conductance=True, peak="beta",
    ),
}  # fmt: skip
"""Kinds of receptors with kinetics of their own."""

JUMPS: Mapping[str, str] = {"Delta": "1", "Pulse": ""}
"""Kinds whose arrivals NEST adds to V_m, with the factor of their weights. That of `Pulse` is the
model's, `Row.pulse`: a current that lasts one step moves V_m by a fixed amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model of NEST that is one of ours.

    Attributes
    ----------
    model : str
        NEST's name.
    neuron : str
        Our class, or what `published` calls equations that are known.
    kinds : tuple of str
        Kinds of its receptors: keys of `KINDS`, any of `JUMPS`, or none.
    style : Style
    at_most : int or None
        Number of receptors it can have.
    parameters : mapping
        NEST's parameter -> expression in ours, receptors apart.
    vectors : mapping
        NEST's list of numbers -> our parameters ``stem_1``, ``stem_2``, ... with a factor.
    fixed : mapping
        NEST's parameters that have one value here, which is no number.
    states : mapping
        Our state -> NEST's, receptors apart.
    shown : frozenset of str
        Stems of synaptic states that NEST shows in a neuron's status, as opposed to recorders only.
    taken : frozenset of str
        Stems of those that NEST lets one set there; negative values are not among `unsigned`.
    recorded : frozenset of str
        Stems of synaptic states that a multimeter records.
    unsigned : frozenset of str
        Stems of first states that NEST refuses below 0.
    inhibition : float
        -1 where NEST keeps inhibitory currents without their sign.
    crossed : bool
        Whether NEST's second state decays with our time of decay, and drives a first state that
        decays with our time of rise: the sum has the same shape.
    current : str
        What our injected currents are multiplied with.
    pulse : str
        What a weight of `Pulse` is multiplied with to give a jump of V_m [mV].
    support : Support
    note : str
        What makes it the same model, where that is not obvious.
    """

    model: str
    neuron: str
    kinds: tuple[str, ...]
    style: Style
    at_most: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    vectors: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    fixed: Mapping[str, bool] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=lambda: {"V_m": "V_m"})
    shown: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    recorded: frozenset[str] = frozenset()
    unsigned: frozenset[str] = frozenset()
    inhibition: float = 1.0
    crossed: bool = False
    current: str = "1"
    pulse: str = ""
    support: Support = PASSES
    note: str = ""

    @property
    def has_kinetics(self) -> bool:
        """Whether its receptors have states of their own."""
        return bool(self.kinds) and self.kinds[0] in KINDS


def same(*names: str) -> dict[str, str]:
    """Return parameters that are called the same on both sides."""
    return {name: name for name in names}


def stems(*names: str) -> frozenset[str]:
    """Return a set of stems."""
    return frozenset(names)


# --- how exactly ----------------------------------------------------------------------------------

ADAPTIVE = approximated(
    "NEST integrates conductances and membrane with adaptive steps (Runge-Kutta-Fehlberg 4(5))",
    "our error, of the order in dt that is told of the method, and the tolerance of NEST's",
)
ADAPTIVE_SPIKES = approximated(
    "NEST integrates with adaptive steps and resets V_m within the step, at its own substep",
    "our error, of the order in dt that is told of the method, and at each spike less than dt in "
    "the time of the reset",
)
AT_MAXIMUM = approximated(
    "NEST integrates with adaptive steps and tells a spike at the maximum of V_m instead of V_th",
    "the time from V_th to the maximum, besides our error, of the order in dt that is told of the "
    "method: spikes came less than 0.6 ms later under the constant currents that were tried",
)
OWN_DICE = approximated(
    "NEST draws escapes from random numbers of its own, holds spike-triggered currents over a step "
    "and reads the moving threshold at its start",
    "another realisation of the same process; an error of first order in dt in the adaptation",
)
DICE_AS_TOLD = approximated(
    "NEST draws it, as told of the neuron", "another realisation of the same process"
)

# --- the rows -------------------------------------------------------------------------------------

_LIF = {
    **same("tau_m", "C_m", "E_L", "V_th", "V_reset", "t_ref", "I_e"),
}
_LIF_G = {
    "g_L": "C_m/tau_m",
    **same("C_m", "E_L", "V_th", "V_reset", "t_ref", "I_e"),
}
_ADEX = {
    "V_th": "V_T",
    **same("C_m", "g_L", "E_L", "Delta_T", "a", "b", "tau_w", "V_peak", "V_reset", "t_ref", "I_e"),
}
_EIF = {
    "V_th": "V_T",
    "a": "0",
    "b": "0",
    **same("C_m", "g_L", "E_L", "Delta_T", "V_peak", "V_reset", "t_ref", "I_e"),
}
_AEIF_AS_LIF = {
    "Delta_T": "0",
    "a": "0",
    "b": "0",
    "V_peak": "V_th",
    **_LIF_G,
}
_HH = same("C_m", "g_Na", "g_K", "g_L", "E_Na", "E_K", "E_L", "t_ref", "I_e")
_GIF = {
    "V_T_star": "V_T",
    "lambda_0": "1000*lambda_0",
    **same("C_m", "g_L", "E_L", "Delta_V", "V_reset", "t_ref", "I_e"),
}
_GIF_VECTORS = {
    "q_stc": ("q_stc", 1.0),
    "tau_stc": ("tau_stc", 1.0),
    "q_sfa": ("q_sfa", 1.0),
    "tau_sfa": ("tau_sfa", 1.0),
}
_GATES = {"V_m": "V_m", "m": "Act_m", "h": "Inact_h", "n": "Act_n"}
_CURRENT_ONLY = stems("I_syn")
_G = stems("g")
_G_DG = stems("g", "dg")


def _adex_rows(neuron: str, parameters: Mapping[str, str], note: str) -> tuple[Row, ...]:
    """Return the rows of AdEx, or of ExponentialIF, which is AdEx without adaptation."""
    states = {"V_m": "V_m", "w": "w"} if neuron == "AdEx" else {"V_m": "V_m"}

    def row(model: str, kinds: tuple[str, ...], style: Style, **more: Any) -> Row:
        return Row(
            model=model, neuron=neuron, kinds=kinds, style=style, parameters=parameters,
            states=states, support=more.pop("support", ADAPTIVE_SPIKES), note=note, **more,
        )  # fmt: skip

    early = approximated(
        "NEST integrates with adaptive steps, resets V_m within the step, and adds arrivals after "
        "the first substep of the step at whose end they are due",
        "less than dt in the times of arrivals and of the reset, besides our error, of the order "
        "in dt that is told of the method",
    )
    current: dict[str, Any] = {
        "shown": stems("I_syn"), "taken": stems("I_syn"), "recorded": stems("I_syn"),
        "unsigned": stems("I_syn"), "inhibition": -1.0,
    }  # fmt: skip
    alpha = {**current, "shown": stems("I_syn", "dI_syn"), "taken": stems("I_syn", "dI_syn")}
    conductance = {"shown": _G, "taken": _G, "recorded": _G, "unsigned": _G}
    return (
        row("aeif_psc_delta", (), "jump", support=early),
        row("aeif_psc_delta", ("Delta",), "jump", support=early),
        row("aeif_psc_exp", ("ExpCurrent",), "sign", at_most=2, **current),
        row("aeif_psc_alpha", ("AlphaCurrent",), "sign", at_most=2, **alpha),
        row("aeif_cond_exp", ("ExpConductance",), "sign", at_most=2, **conductance),
        row(
            "aeif_cond_alpha", ("AlphaConductance",), "sign", at_most=2, shown=_G_DG, taken=_G_DG,
            recorded=_G, unsigned=_G,
        ),
        row(
            "aeif_cond_alpha_multisynapse", ("AlphaConductance",), "ports", shown=_G_DG,
            recorded=_G,
        ),
        row(
            "aeif_cond_beta_multisynapse", ("BetaConductance",), "ports", shown=_G_DG, recorded=_G
        ),
    )  # fmt: skip


_LIF_AS_AEIF = "with Delta_T = 0 and a = b = 0 it is a LIF neuron that fires at V_th"

ROWS: tuple[Row, ...] = (
    Row(
        model="iaf_psc_delta", neuron="LIF", kinds=("Delta", "Pulse"), style="jump",
        parameters=_LIF, pulse="tau_m/C_m*(1-exp(-dt/tau_m))",
        note="refractory_input is false: spikes that arrive while it is refractory are lost",
    ),
    Row(model="iaf_psc_delta", neuron="LIF", kinds=(), style="jump", parameters=_LIF),
    Row(
        model="iaf_psc_exp", neuron="LIF", kinds=("ExpCurrent",), style="sign", at_most=2,
        parameters=_LIF, recorded=_CURRENT_ONLY,
    ),
    Row(
        model="iaf_psc_exp_multisynapse", neuron="LIF", kinds=("ExpCurrent",), style="ports",
        parameters=_LIF, recorded=_CURRENT_ONLY,
    ),
    Row(
        model="iaf_psc_alpha", neuron="LIF", kinds=("AlphaCurrent",), style="sign", at_most=2,
        parameters=_LIF, recorded=_CURRENT_ONLY, note="weights are peaks on both sides",
    ),
    Row(
        model="iaf_psc_alpha_multisynapse", neuron="LIF", kinds=("AlphaCurrent",), style="ports",
        parameters=_LIF, recorded=_CURRENT_ONLY,
    ),
    Row(
        model="iaf_cond_exp", neuron="LIF", kinds=("ExpConductance",), style="sign", at_most=2,
        parameters=_LIF_G, shown=_G, taken=_G, recorded=_G, support=ADAPTIVE,
    ),
    Row(
        model="iaf_cond_alpha", neuron="LIF", kinds=("AlphaConductance",), style="sign", at_most=2,
        parameters=_LIF_G, shown=_G_DG, taken=_G_DG, recorded=_G, support=ADAPTIVE,
    ),
    Row(
        model="iaf_cond_beta", neuron="LIF",
        crossed=True, kinds=("BetaConductance",), style="sign", at_most=2,
        parameters=_LIF_G, shown=_G_DG, taken=_G_DG, recorded=_G, support=ADAPTIVE,
    ),
    Row(
        model="aeif_cond_alpha_multisynapse", neuron="LIF", kinds=("AlphaConductance",),
        style="ports", parameters=_AEIF_AS_LIF, shown=_G_DG, recorded=_G,
        support=ADAPTIVE_SPIKES, note=_LIF_AS_AEIF,
    ),
    Row(
        model="aeif_cond_beta_multisynapse", neuron="LIF", kinds=("BetaConductance",),
        style="ports", parameters=_AEIF_AS_LIF, shown=_G_DG, recorded=_G,
        support=ADAPTIVE_SPIKES, note=_LIF_AS_AEIF,
    ),
    *_adex_rows("AdEx", _ADEX, "NEST's V_th is our V_T"),
    *_adex_rows("ExponentialIF", _EIF, "a = b = 0; NEST's V_th is our V_T"),
    Row(
        model="izhikevich", neuron="Izhikevich", kinds=("Delta", "Pulse"), style="jump",
        parameters={**same("a", "b", "c", "d", "V_th"), "I_e": "R*I_e"},
        states={"V_m": "V_m", "u": "U_m"}, current="R", pulse="R*dt",
        note="forward Euler steps of dt on both sides; a current counts in mV/ms there",
    ),
    Row(
        model="izhikevich", neuron="Izhikevich", kinds=(), style="jump",
        parameters={**same("a", "b", "c", "d", "V_th"), "I_e": "R*I_e"},
        states={"V_m": "V_m", "u": "U_m"}, current="R",
    ),
    Row(
        model="izhikevich", neuron=STEP_OF_2003, kinds=("Pulse",), style="jump",
        parameters={**same("a", "b", "c", "d", "V_th"), "I_e": "0"},
        fixed={"consistent_integration": False},
        states={"V_m": "V_m", "u": "U_m"}, current="R", pulse="R",
        note="the step of the script of 2003: V_m in two halves, then u with the new V_m",
    ),
    Row(
        model="hh_psc_alpha", neuron="HodgkinHuxley", kinds=("AlphaCurrent",), style="sign",
        at_most=2, parameters=_HH, states=_GATES, recorded=_CURRENT_ONLY, support=AT_MAXIMUM,
    ),
    Row(
        model="hh_psc_alpha", neuron="HodgkinHuxley", kinds=(), style="jump", parameters=_HH,
        states=_GATES, support=AT_MAXIMUM,
    ),
    Row(
        model="hh_cond_exp_traub", neuron="TraubMiles", kinds=("ExpConductance",), style="sign",
        at_most=2, parameters={**_HH, "V_T": "V_T"}, states=_GATES, recorded=_G,
        unsigned=_G, support=AT_MAXIMUM,
    ),
    Row(
        model="hh_cond_exp_traub", neuron="TraubMiles", kinds=(), style="jump",
        parameters={**_HH, "V_T": "V_T"}, states=_GATES, support=AT_MAXIMUM,
    ),
    Row(
        model="hh_cond_beta_gap_traub", neuron="TraubMiles", kinds=("BetaConductance",),
        style="sign", at_most=2, parameters={**_HH, "V_T": "V_T"}, states=_GATES, recorded=_G,
        unsigned=_G, support=AT_MAXIMUM,
    ),
    Row(
        model="gif_psc_exp", neuron="GIF", kinds=("ExpCurrent",), style="sign", at_most=2,
        parameters=_GIF, vectors=_GIF_VECTORS, recorded=_CURRENT_ONLY, support=OWN_DICE,
    ),
    Row(
        model="gif_psc_exp_multisynapse", neuron="GIF", kinds=("ExpCurrent",), style="ports",
        parameters=_GIF, vectors=_GIF_VECTORS, support=OWN_DICE,
    ),
    Row(
        model="gif_psc_exp", neuron="GIF", kinds=(), style="jump", parameters=_GIF,
        vectors=_GIF_VECTORS, support=OWN_DICE,
    ),
    Row(
        model="gif_cond_exp", neuron="GIF", kinds=("ExpConductance",), style="sign", at_most=2,
        parameters=_GIF, vectors=_GIF_VECTORS, shown=_G, taken=_G, recorded=_G, support=OWN_DICE,
    ),
    Row(
        model="gif_cond_exp_multisynapse", neuron="GIF", kinds=("ExpConductance",), style="ports",
        parameters=_GIF, vectors=_GIF_VECTORS, support=OWN_DICE,
    ),
    Row(model="parrot_neuron", neuron="Parrot", kinds=(), style="relay", states={}),
)  # fmt: skip
"""All of them; of several that fit the first is taken."""


def rows_of(neuron: str, kinds: frozenset[str]) -> tuple[Row, ...]:
    """Return the rows for a class of ours with receptors of these kinds, in order of preference."""
    found = [row for row in ROWS if row.neuron == neuron]
    if kinds:
        return tuple(row for row in found if kinds <= set(row.kinds))
    return tuple(row for row in found if not row.kinds)


def feature_keys(row: Row) -> tuple[str, ...]:
    """Return the keys of `neurosim.features` that a row serves; none where these are equations."""
    if row.neuron == STEP_OF_2003:
        return ()
    if not row.kinds:
        return (f"neuron:{row.neuron}/none",)
    keys = [f"neuron:{row.neuron}/{kind}" for kind in row.kinds]
    if len(row.kinds) > 1:
        keys.append(f"neuron:{row.neuron}/{'+'.join(sorted(row.kinds))}")
    return tuple(keys)


_WORD = re.compile(r"[A-Za-z_]\w*")


def evaluate(expression: str, values: Mapping[str, Any]) -> Any:
    """Return the value of an expression of a row.

    Parameters
    ----------
    values : mapping
        Our parameters, and dt, by name: floats or arrays.

    Examples
    --------
    >>> evaluate("C_m/tau_m", {"C_m": 200.0, "tau_m": 20.0})
    10.0
    """
    if expression in values:
        return values[expression]
    named = {name: values[name] for name in _WORD.findall(expression) if name != "exp"}
    found = eval(expression, {"__builtins__": {}, "exp": np.exp}, named)
    return found if np.ndim(found) else float(found)

"""PyNN's standard cells that are neurons of ours, as data, and their parameters from ours.

Source: the docstrings and translations of PyNN 0.13 (pyNN/standardmodels/cells.py and
pyNN/nest/standardmodels/cells.py). PyNN has nA, nF and uS where we have pA, pF and nS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neurosim_backends.nest.binding import Binding
from neurosim_backends.nest.table import KINDS, ROWS, Row, evaluate

LETTERS = {"ex": "E", "in": "I"}
"""Side of a receptor in NEST -> the last letter of its parameters in PyNN."""

STEMS = {"tau_syn": "tau_syn", "E": "e_rev"}
"""NEST's parameter of a receptor -> PyNN's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A standard cell of PyNN that is a neuron of ours.

    Attributes
    ----------
    name : str
        PyNN's.
    row : Row
        What PyNN makes of it in NEST.
    parameters : mapping
        PyNN's parameter -> expression in ours, receptors apart.
    unit : float
        What a weight in NEST is multiplied with to be one of PyNN: pA and nS are nA and uS, mV
        stay mV.
    states : mapping
        Our state -> (PyNN's, factor), receptors apart.
    on_spinnaker : bool
        Whether sPyNNaker 7.4 has it.
    """

    name: str
    row: Row
    parameters: Mapping[str, str]
    unit: float = 1e-3
    states: Mapping[str, tuple[str, float]]
    on_spinnaker: bool = True

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of `neurosim.features` that it serves."""
        kinds = self.row.kinds or ("none",)
        return tuple(f"neuron:{self.row.neuron}/{kind}" for kind in kinds)


_LIF = {
    "v_rest": "E_L", "v_reset": "V_reset", "v_thresh": "V_th", "tau_m": "tau_m",
    "tau_refrac": "t_ref", "cm": "C_m/1000", "i_offset": "I_e/1000",
}  # fmt: skip
_EIF = {
    "v_rest": "E_L", "v_reset": "V_reset", "v_thresh": "V_T", "v_spike": "V_peak",
    "delta_T": "Delta_T", "tau_refrac": "t_ref", "cm": "C_m/1000", "tau_m": "C_m/g_L",
    "i_offset": "I_e/1000",
}  # fmt: skip
_ADEX = {**_EIF, "a": "a", "b": "b/1000", "tau_w": "tau_w"}
_UNADAPTED = {**_EIF, "a": "0", "b": "0"}
_HH = {
    "gbar_Na": "g_Na/1000", "gbar_K": "g_K/1000", "g_leak": "g_L/1000", "cm": "C_m/1000",
    "v_offset": "V_T", "e_rev_Na": "E_Na", "e_rev_K": "E_K", "e_rev_leak": "E_L",
    "i_offset": "I_e/1000",
}  # fmt: skip
_IZHIKEVICH = {"a": "a", "b": "b", "c": "c", "d": "d", "i_offset": "R*I_e/1000"}

HELD = 2.0
"""Refractory time of PyNN's HH_cond_exp in NEST [ms]: a parameter that PyNN has no name for."""

_V: Mapping[str, tuple[str, float]] = {"V_m": ("v", 1.0)}
_V_W: Mapping[str, tuple[str, float]] = {**_V, "w": ("w", 1e-3)}


def _row(model: str, neuron: str, *kinds: str) -> Row:
    """Return NEST's row of a model; its receptors are told apart by sign, as with PyNN."""
    return next(
        row for row in ROWS
        if row.model == model and row.neuron == neuron and set(kinds) == set(row.kinds)
    )  # fmt: skip


CELLS: tuple[Cell, ...] = (
    Cell(name="IF_curr_exp", row=_row("iaf_psc_exp", "LIF", "ExpCurrent"), parameters=_LIF,
         states=_V),
    Cell(name="IF_curr_alpha", row=_row("iaf_psc_alpha", "LIF", "AlphaCurrent"), parameters=_LIF,
         states=_V),
    Cell(name="IF_curr_delta", row=_row("iaf_psc_delta", "LIF", "Delta", "Pulse"), parameters=_LIF,
         states=_V, unit=1.0),
    Cell(name="IF_curr_delta", row=_row("iaf_psc_delta", "LIF"), parameters=_LIF, states=_V,
         unit=1.0),
    Cell(name="IF_cond_exp", row=_row("iaf_cond_exp", "LIF", "ExpConductance"), parameters=_LIF,
         states=_V),
    Cell(name="IF_cond_alpha", row=_row("iaf_cond_alpha", "LIF", "AlphaConductance"),
         parameters=_LIF, states=_V, on_spinnaker=False),
    *(
        Cell(name=f"EIF_cond_{kind}_isfa_ista",
             row=_row(f"aeif_cond_{kind}", neuron, f"{kind.capitalize()}Conductance"),
             parameters=parameters, states=states, on_spinnaker=False)
        for neuron, parameters, states in (("AdEx", _ADEX, _V_W), ("ExponentialIF", _UNADAPTED, _V))
        for kind in ("exp", "alpha")
    ),
    Cell(name="HH_cond_exp", row=_row("hh_cond_exp_traub", "TraubMiles", "ExpConductance"),
         parameters=_HH, states=_V, on_spinnaker=False),
    Cell(name="Izhikevich", row=_row("izhikevich", "Izhikevich", "Delta", "Pulse"),
         parameters=_IZHIKEVICH, states=_V, unit=1.0),
    Cell(name="Izhikevich", row=_row("izhikevich", "Izhikevich"), parameters=_IZHIKEVICH,
         states=_V, unit=1.0),
)  # fmt: skip
"""All of them."""

CELL_ROWS = tuple(cell.row for cell in CELLS)


def cell_of(binding: Binding) -> Cell:
    """Return the cell of a population that is bound to one of `CELL_ROWS`."""
    return next(cell for cell in CELLS if cell.row is binding.row)


def cell_parameters(binding: Binding, ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return PyNN's parameters of a population: floats or (n,) arrays.

    Parameters
    ----------
    ours : mapping
        Our parameters: floats or (n,) arrays.
    """
    cell = cell_of(binding)
    values = {"V_reset": 0.0, **ours}  # LIF(reset="zero") has no V_reset
    rounded = binding.parameters(ours)
    if "t_ref" in rounded:
        values["t_ref"] = rounded["t_ref"]
    found = {name: evaluate(text, values) for name, text in cell.parameters.items()}
    for receptor, kind in binding.kinds.items():
        if kind not in KINDS:
            continue
        for stem, name in KINDS[kind].parameters.items():
            for side in binding.ports[receptor].sides:
                found[f"{STEMS[name]}_{LETTERS[side]}"] = ours[f"{stem}_{receptor}"]
    return found

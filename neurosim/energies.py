"""`energy`: of binary units, what their updates lower; of runs, what they would cost on a chip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from neurosim.backend import Session
from neurosim.describe.estimate import DEFAULT_DT
from neurosim.describe.inputs import check_state
from neurosim.describe.network import Network
from neurosim.describe.pattern_coupling import PatternCoupling
from neurosim.energy_estimates import (
    EnergyEstimate,
    Operations,
    estimate,
    find_profile,
    operations_of,
)
from neurosim.errors import DescriptionError, UnknownNameError, brief
from neurosim.lower.lowering import lower
from neurosim.lower.plan import Plan, PlanPopulation
from neurosim.results import Run
from neurosim.sessions import PlanSession

Bools: TypeAlias = npt.NDArray[np.bool_]


@overload
def energy(subject: Network | Session, states: Mapping[str, Any] | None = None) -> float: ...


@overload
def energy(subject: Any, *, profile: Any, network: Network | None = None) -> EnergyEstimate: ...


def energy(
    subject: Any,
    states: Mapping[str, Any] | None = None,
    *,
    profile: Any = None,
    network: Network | None = None,
) -> float | EnergyEstimate:
    """Return the energy of binary units, or an estimate of what a run would need on a chip.

    Without `profile`, that of all binary units of a network or session:

        E = -1/2 sum_ij w_ij s_i s_j - sum_i bias_i s_i + the energies of patterns

    With updates of single units at T = 0 it never rises; at T > 0 states occur as often as
    exp(-E/T) says.

    With `profile`, the operations of a run or of a converted image are counted and multiplied by
    constants from papers: an estimate, not a measurement (`neurosim.energy_estimates`).

    Parameters
    ----------
    subject : Network or Session; Run or ConversionReport
        Of a session its present state counts, of a network that at the start.
    states : mapping, optional
        Binary population -> (size,) values that count instead.
    profile : str or EnergyProfile, optional
        "45nm" (8 bits), "45nm-fp16", "45nm-fp32", "loihi", "spinnaker" or "spinnaker2".
    network : Network, optional
        The network of a run, which knows who is connected to whom.

    Returns
    -------
    float or EnergyEstimate
        Estimates are in pJ, by their parts, with the source of every constant.

    Raises
    ------
    DescriptionError
        If there is no energy: weights that are not symmetric, a unit coupled to itself, input that
        is not of binary units; or no binary unit. For runs: if the spikes of a population that
        projects were not recorded, or the network is another.
    """
    if profile is not None or isinstance(subject, Run):
        return _estimated(subject, profile, network)
    return _of_binary_units(subject, states)


def _estimated(subject: Any, profile: Any, network: Any) -> EnergyEstimate:
    profile = find_profile(profile)
    if isinstance(subject, Run):
        return estimate(operations_of(subject, network), profile)
    counted = getattr(subject, "operations", subject)
    if not isinstance(counted, Operations):
        raise DescriptionError("energy: subject", subject, "a neurosim.Run or ConversionReport")
    return estimate(counted, profile)


def _of_binary_units(subject: Any, states: Mapping[str, Any] | None) -> float:
    """Return the energy of all binary units of a network or session."""
    if isinstance(subject, PlanSession):
        network, plan = subject.network, subject.plan
    elif isinstance(subject, Network):
        network, plan = subject, lower(subject, subject.dt or DEFAULT_DT)
    else:
        raise DescriptionError("energy: subject", subject, "a neurosim.Network or a session")
    units = [p for p in plan.populations if p.binary is not None]
    if not units:
        raise DescriptionError("energy: subject", network.name, "a network with binary units")
    given = dict(states or {})
    for name in given:
        if name not in {p.name for p in units}:
            raise UnknownNameError("energy: states", name, [p.name for p in units])
    s, binary = np.zeros(plan.size), np.zeros(plan.size, np.bool_)
    session = subject if isinstance(subject, PlanSession) else None
    for p in units:
        present = p.initial["s"]
        if session is not None:
            present = session.get(network.populations[p.name], "s")
        s[p.ids] = _state_of(p, given.get(p.name, present))
        binary[p.ids] = True
    _refuse_other_input(plan, binary)
    total = _pairs(plan, s, binary)
    for p in units:
        total -= float(np.sum(p.parameters["bias"] * s[p.ids]))
    for memory in plan.memories:
        rule = PatternCoupling(memory.patterns, memory.interaction, memory.weights)
        total += memory.weight * rule.energy(s[plan.populations[memory.population].ids])
    return total


def _state_of(p: PlanPopulation, value: Any) -> Any:
    place = f"energy: states[{p.name!r}]"
    array = np.asarray(value, np.float64)
    if array.ndim and array.size != p.size:
        raise DescriptionError(place, brief(value), f"{p.size} values, one per unit")
    check_state(p.binary, "s", array, place)
    return array.ravel() if array.ndim else array


def _refuse_other_input(plan: Plan, binary: Bools) -> None:
    hint = "Energies are of binary units and what couples them."
    for projection in plan.projections:
        if binary[projection.post].any():
            raise DescriptionError(
                f"Projection {projection.name!r}", "spikes", "no spikes into binary units", hint
            )
    for drive in plan.drives:
        if binary[drive.ids].any():
            raise DescriptionError("A drive", "spikes", "no spikes into binary units", hint)
    for coupling in plan.couplings:
        if (binary[coupling.post] & ~binary[coupling.pre]).any():
            raise DescriptionError(
                f"Projection {coupling.name!r}", coupling.source,
                "states of binary units into binary units", hint,
            )  # fmt: skip


def _pairs(plan: Plan, s: Any, binary: Bools) -> float:
    """Return -1/2 s W s; refuse weights that are not symmetric, and those of a unit on itself."""
    from scipy.sparse import coo_array

    parts = [(c, binary[c.post]) for c in (*plan.recurrences, *plan.couplings)]
    if not any(inside.any() for _, inside in parts):
        return 0.0
    pre = np.concatenate([c.pre[inside] for c, inside in parts])
    post = np.concatenate([c.post[inside] for c, inside in parts])
    weight = np.concatenate([c.weight[inside] for c, inside in parts])
    matrix = coo_array((weight, (pre, post)), shape=(plan.size, plan.size)).tocsr()
    if matrix.diagonal().any():
        k = int(np.flatnonzero(matrix.diagonal())[0])
        raise DescriptionError(
            f"energy: weight of {_named(plan, k)} on itself", float(matrix[k, k]), "0",
            "AllToAll(autapses=False) leaves it out.",
        )  # fmt: skip
    rows, columns = (matrix - matrix.T).nonzero()
    if rows.size:
        i, j = int(rows[0]), int(columns[0])
        raise DescriptionError(
            f"energy: weights between {_named(plan, i)} and {_named(plan, j)}",
            (float(matrix[i, j]), float(matrix[j, i])), "equal weights in both directions",
            "Only symmetric weights have an energy.",
        )  # fmt: skip
    return -0.5 * float(s @ (matrix @ s))


def _named(plan: Plan, k: int) -> str:
    p = next(p for p in plan.populations if k in p.ids)
    return f"{p.name}[{k - p.offset}]"

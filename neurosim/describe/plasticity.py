"""`PlasticityRule`: what spikes do to synapses, as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np

from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.explained import explained
from neurosim.units import Quantity, coherent_unit, defer, to_scalar

if TYPE_CHECKING:
    from neurosim.equations.plasticity import RuleProgram

Side = Literal["dendritic", "axonal"]
Coincidence = Literal["none", "both"]
Sign = Literal["free", "fixed"]

Path = Literal["auto", "stepwise"]

_TEXTS = (
    "pre", "post", "synapse", "on_pre", "on_post", "on_signal", "on_step", "modulator",
    "on_modulator",
)  # fmt: skip


@runtime_checkable
class Plasticity(Protocol):
    """Anything that can be said as a `PlasticityRule`: the named rules, and the rule itself."""

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule as text."""


@explained
@dataclass(frozen=True, slots=True, eq=False)
class PlasticityRule:
    """A rule by which spikes change synapses, for ``net.project(..., plasticity=rule)``.

        pre = "dx/dt = -x/tau_plus : 1"          variables of the presynaptic neuron
        post = "dy/dt = -y/tau_minus : 1"        variables of the postsynaptic neuron
        synapse = "dc/dt = -c/tau_c : 1"         variables of each synapse, beside its weight w
        on_pre = "w -= a_minus*y; x += 1"        when a presynaptic spike reaches the synapse
        on_post = "w += a_plus*x; y += 1"        when a postsynaptic spike reaches the synapse
        on_signal = "w += reward*c"              when ``session.signal`` says so

    Texts are those of `NeuronModel`: one statement a line (or ``;``), units after the colon,
    conditions through ``where`` and ``int``. A line ``n : 1`` declares a variable that is constant
    between spikes, or, if no statement changes it, a parameter and its unit (``tau_plus : ms``).
    Where every variable decays by itself, to 0 or a level, a synapse need not be looked at before
    its next presynaptic spike, and what happened meanwhile is made up for exactly.

    A rule may follow the postsynaptic neuron (``delay="axonal"``): names such as ``V_post`` are its
    states at the end of the step, as numbers in their own units (for `on_pre`: of the step before
    the spike arrives), ``spiked_post`` is 1 in a step in which it fired. Lines of `post` may read
    them: ``du/dt = (V_post - u)/tau : 1`` is advanced in every step with V_post held as it was at
    its beginning (exactly if linear in u, else by Euler's method), ``psi = ... : 1`` names an
    expression. In the same way

        modulator = "dd/dt = -d/tau_d : 1"       variables of all synapses
        on_modulator = "d += 1"                  when a neuron of the modulators fires

    follow the population that ``net.project(..., modulator=population)`` names; ``r_mod`` is the
    mean of its state r.

        on_step = "w += dt*eta*x*(V_post - theta)"      at the end of every step, after all spikes

    is done to every synapse in every step, `dt` being the time step; a variable of synapses without
    a closed form is advanced there, too, by Euler's method. Such a rule costs what its synapses
    cost times the number of steps; `stepwise` tells why. Signals stay for `on_step` until they are
    set again.

    The weight `w`, its bounds `w_min`, `w_max` and everything added to it are numbers in the unit
    of the receptor. After every occasion w is put back within its bounds. A presynaptic spike
    carries w as it is after on_pre, or what the text says: ``effect = w*u*r``.

    For continuous coupling (``source=`` a state) a rule says how the weight changes with the states
    of both sides, which are read as numbers in their own units: ``synapse="dw/dt =
    eta*r_post*(r_pre - r_post*w) : 1"``. `post` may hold variables of the postsynaptic neuron that
    read its states (a sliding threshold), `signals` are numbers that stay until they are set again.
    All are advanced by Euler's method with the step of the run, from states as they were at its
    beginning; bounds may be left out.

    Statements are done in order; each sees what those before it have done. A variable of the other
    side is seen as it was just before the spikes of the moment.

    Parameters
    ----------
    name : str
        For messages and printing.
    pre, post, synapse : str
        Variables.
    on_pre, on_post, on_signal, on_step, on_modulator : str
        Statements.
    modulator : str
        Variables that follow the modulating population, one for all synapses.
    parameters : mapping
        Name -> number in the declared unit, or a text such as ``"20 ms"``.
    initial : mapping
        Variable -> first value: a number or the name of a parameter. Default 0.
    signals : tuple of str
        Names of the numbers that ``session.signal`` brings.
    w_min, w_max : float, optional
        Bounds of the weight, needed where the rule changes it: they also bound the sums that
        spikes bring, which are integers.
    max_effect : float
        Largest effect, whatever its sign, as a multiple of the largest weight; a run in which a
        synapse carries more stops with an error.
    delay : {"dendritic", "axonal"}
        On which side of the synapse the delay lies. "dendritic" (NEST): a presynaptic spike is at
        the synapse when it is emitted, a postsynaptic one by the delay later. "axonal" (Brian2): a
        presynaptic spike arrives by the delay later, a postsynaptic one at once.
    coincidence : {"none", "both"}
        What becomes of spikes of both sides that meet at the synapse in one step. "none" (NEST):
        neither sees the other. "both" (Brian2): on_pre comes first, and on_post sees what it did.
    sign : {"free", "fixed"}
        "fixed": no weight ever crosses 0 (Dale's law): one that starts above 0, or at 0, stays at
        or above it, one that starts below stays at or below it, whatever the bounds allow.
        ``session.set`` may give new signs.
    path : {"auto", "stepwise"}
        "stepwise" has all synapses seen to in every step even where they could wait for their
        sources: slower, with the same bits.

    Raises
    ------
    EquationError
        For texts that cannot be read, have no closed form or do not agree in units.
    DescriptionError
        For values that cannot be meant.

    Notes
    -----
    The usual rules have names: `STDP`, `TripletSTDP`, `SymmetricSTDP`, `InhibitorySTDP`,
    `RewardModulatedSTDP`, `DopamineSTDP`, `Clopath`, `EProp`, `TsodyksMarkram`; for rates `Hebb`,
    `Covariance`, `Oja`, `BCM`.
    """

    name: str
    pre: str = field(default="", kw_only=True)
    post: str = field(default="", kw_only=True)
    synapse: str = field(default="", kw_only=True)
    on_pre: str = field(default="", kw_only=True)
    on_post: str = field(default="", kw_only=True)
    on_signal: str = field(default="", kw_only=True)
    parameters: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    initial: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    on_step: str = field(default="", kw_only=True, metadata={"absent": ""})
    modulator: str = field(default="", kw_only=True, metadata={"absent": ""})
    on_modulator: str = field(default="", kw_only=True, metadata={"absent": ""})
    signals: tuple[str, ...] = field(default=(), kw_only=True)
    w_min: float | None = field(default=None, kw_only=True)
    w_max: float | None = field(default=None, kw_only=True)
    max_effect: float = field(default=1.0, kw_only=True)
    delay: Side = field(default="dendritic", kw_only=True)
    coincidence: Coincidence = field(default="none", kw_only=True)
    sign: Sign = field(default="free", kw_only=True)
    path: Path = field(default="auto", kw_only=True, metadata={"absent": "auto"})
    program: RuleProgram = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        from neurosim.equations.plasticity import RuleText, read_rule

        name: object = self.name
        if not isinstance(name, str) or not name:
            raise DescriptionError("PlasticityRule.name", name, "a text that is not empty")
        for part in _TEXTS:
            value: object = getattr(self, part)
            if not isinstance(value, str):
                raise DescriptionError(f"{self._place}: {part}", value, "a text")
        for part in ("parameters", "initial"):
            value = getattr(self, part)
            if not isinstance(value, Mapping):
                raise DescriptionError(f"{self._place}: {part}", value, "a mapping by name")
        if isinstance(self.signals, str):
            raise DescriptionError(f"{self._place}: signals", self.signals, "a tuple of names")
        object.__setattr__(self, "signals", tuple(self.signals))
        object.__setattr__(self, "synapse", self._declared())
        text = RuleText(
            **{part: getattr(self, part) for part in _TEXTS},
            parameters=tuple(self.parameters), signals=self.signals,
        )  # fmt: skip
        program = replace(read_rule(text, self._place), keeps_sign=self.sign == "fixed")
        object.__setattr__(self, "program", program)
        object.__setattr__(self, "parameters", self._values(program))
        object.__setattr__(self, "initial", self._initial(program))
        self._check_choices(program)
        self._check_rates(program)

    @property
    def _place(self) -> str:
        return f"PlasticityRule {self.name!r}"

    @property
    def stepwise(self) -> str:
        """Why all synapses are seen to in every step; "" where each waits for its source."""
        if self.program.why_stepwise or self.program.continuous or self.path == "auto":
            return self.program.why_stepwise
        return "path='stepwise' asks for it"

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which the weight stays; infinite where it has no bound."""
        low = -math.inf if self.w_min is None else self.w_min
        return low, math.inf if self.w_max is None else self.w_max

    def plasticity_rule(self) -> PlasticityRule:
        """Return the rule itself."""
        return self

    def _declared(self) -> str:
        """Return `synapse` with a line for every parameter whose value brought its unit along."""
        from neurosim.equations.statements import parse_equations

        declared = {
            line.name for part in ("pre", "post", "synapse", "modulator")
            for line in parse_equations(getattr(self, part))
        }  # fmt: skip
        lines = []
        for name, value in self.parameters.items():
            place = f"{self._place}: parameters"
            if not isinstance(name, str):
                raise DescriptionError(place, name, "names as keys")
            if name in declared or isinstance(value, (int, float)):
                continue
            deferred = defer(value, f"{place}[{name!r}]")
            if isinstance(deferred, Quantity):
                lines.append(f"{name} : {coherent_unit(deferred.unit.dimension)}")
        return "\n".join([*([self.synapse] if self.synapse else []), *lines])

    def _values(self, program: RuleProgram) -> Mapping[str, float]:
        missing = [n for n in program.parameters if n not in self.parameters]
        if missing:
            raise DescriptionError(
                f"{self._place}: parameters", sorted(self.parameters),
                f"a value for each of {', '.join(map(repr, missing))}",
            )  # fmt: skip
        used = {n for flow in program.flows.values() for n in _read_by(flow.rate, flow.level)}
        used |= {n for rate in program.rates.values() for n in _read_by(rate)}
        for change in (
            *program.on_pre, *program.on_post, *program.on_signal, *program.on_step,
            *program.on_modulator, *program.euler,
        ):  # fmt: skip
            used |= change.reads
        for followed in program.followed:
            used |= followed.reads
        used |= {v for v in self.initial.values() if isinstance(v, str)}
        values = {}
        for name, value in self.parameters.items():
            place = f"{self._place}: parameters[{name!r}]"
            if name not in used:
                raise DescriptionError(place, value, "a parameter that the texts read")
            values[name] = to_scalar(value, program.units[name].text, place)
        return MappingProxyType(values)

    def _initial(self, program: RuleProgram) -> Mapping[str, float]:
        known = [n for several in program.variables.values() for n in several]
        known += [f.name for f in program.followed if f.kind == "variable"]
        found = dict.fromkeys(known, 0.0)
        for name, value in self.initial.items():
            place = f"{self._place}: initial[{name!r}]"
            if name not in known:
                raise UnknownNameError(f"{self._place}: initial", name, known)
            if isinstance(value, str) and value in self.parameters:
                found[name] = float(self.parameters[value])
            else:
                found[name] = to_scalar(value, program.units[name].text, place)
        return MappingProxyType(found)

    def _check_choices(self, program: RuleProgram) -> None:
        for part, known in (
            ("delay", ("dendritic", "axonal")), ("coincidence", ("none", "both")),
            ("sign", ("free", "fixed")), ("path", ("auto", "stepwise")),
        ):  # fmt: skip
            if getattr(self, part) not in known:
                raise UnknownNameError(f"{self._place}: {part}", getattr(self, part), known)
        for part in ("w_min", "w_max"):
            value = getattr(self, part)
            if value is not None:
                checked = to_scalar(value, "1", f"{self._place}: {part}")
                object.__setattr__(self, part, checked)
        most = to_scalar(self.max_effect, "1", f"{self._place}: max_effect", above=0)
        object.__setattr__(self, "max_effect", most)
        if program.changes_weight:
            for part in ("w_min", "w_max"):
                if getattr(self, part) is None and not program.continuous:
                    raise DescriptionError(
                        f"{self._place}: {part}", None, "a bound, since the rule changes weights",
                        "It also bounds the sums that spikes bring, which are integers.",
                    )  # fmt: skip
            low, high = self.bounds
            if self.sign == "fixed" and not low <= 0 <= high:
                raise DescriptionError(
                    f"{self._place}: sign", self.sign,
                    f"'free' with bounds on one side of 0 ({low:g} to {high:g}): they keep it",
                )  # fmt: skip
            if not low < high:
                raise DescriptionError(f"{self._place}: w_min", low, f"less than w_max ({high:g})")
        if program.followed and self.delay != "axonal":
            raise DescriptionError(
                f"{self._place}: delay",
                self.delay,
                "'axonal'",
                f"The rule follows {program.followed[0].name}, which is at the synapse at once.",
            )
        if program.changes_weight:
            return
        if self.sign == "fixed":
            raise DescriptionError(
                f"{self._place}: sign",
                self.sign,
                "'free', since the rule leaves weights as they are",
            )
        elif self.w_min is not None or self.w_max is not None:
            changes = (*program.on_pre, *program.on_post, *program.on_step, *program.euler)
            read = {n for c in changes for n in c.reads}
            for part in ("w_min", "w_max"):
                if getattr(self, part) is not None and part not in read:
                    raise DescriptionError(
                        f"{self._place}: {part}", getattr(self, part),
                        "None, since the rule leaves weights as they are",
                    )  # fmt: skip

    def _check_rates(self, program: RuleProgram) -> None:
        """Refuse variables that grow by themselves: a negative time constant, as a rule."""
        if program.continuous and self.path != "auto":
            raise DescriptionError(
                f"{self._place}: path", self.path, "'auto': a rule of rates is done in every step"
            )
        for name, flow in program.flows.items():
            rate, level = self._number(flow.rate), self._number(flow.level)
            if not -1e300 < rate < 0 or not abs(level) < 1e300:
                raise self._growing(name, rate)
        for name, made in _advanced(program).items():
            found = _own_rate(name, made, self.parameters)
            # 0 is that of a sum over time, which a variable that is advanced in steps may be.
            if found is not None and not -1e300 < (rate := self._number(found)) <= 0:
                raise self._growing(name, rate)

    def _number(self, expression: Any) -> float:
        from neurosim.equations.evaluate import evaluate

        with np.errstate(all="ignore"):  # a time constant of 0 is told about by name
            return float(evaluate(expression, self.parameters))

    def _growing(self, name: str, rate: float) -> DescriptionError:
        return DescriptionError(
            f"{self._place}: parameters", dict(self.parameters),
            f"such that {name} decays (its rate is {rate:g} /ms)", "Time constants are above 0.",
        )  # fmt: skip

    def __reduce__(self) -> tuple[Any, ...]:
        given = {n: getattr(self, n) for n in (*_TEXTS, *_NUMBERS)}
        given["parameters"], given["initial"] = dict(self.parameters), dict(self.initial)
        return _restore, (self.name, given)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PlasticityRule):
            return NotImplemented
        return self.__reduce__() == other.__reduce__()

    def __hash__(self) -> int:
        return hash((self.name, *(getattr(self, n) for n in _TEXTS)))

    def __repr__(self) -> str:
        return f"PlasticityRule({self.name!r})"


_NUMBERS = ("signals", "w_min", "w_max", "max_effect", "delay", "coincidence", "sign", "path")


def _restore(name: str, given: dict[str, Any]) -> PlasticityRule:
    return PlasticityRule(name, **given)


def _advanced(program: RuleProgram) -> dict[str, Any]:
    """Return what becomes of each variable that is advanced in every step; weights have bounds."""
    from neurosim.equations.plasticity import STEP, WEIGHT
    from neurosim.equations.symbolic import symbol

    made = {f.name: f.expression for f in program.followed if f.kind == "variable"}
    made |= {change.name: change.expression for change in program.euler}
    for name, rate in program.rates.items():
        made[name] = symbol(name) + symbol(STEP) * rate
    return {name: m for name, m in made.items() if name != WEIGHT}


def _own_rate(name: str, made: Any, parameters: Mapping[str, float]) -> Any:
    """Return by how much a variable grows or decays by itself [1/ms]; None where that varies."""
    from neurosim.equations.plasticity import STEP
    from neurosim.equations.symbolic import symbol

    rate = made.diff(symbol(STEP)).diff(symbol(name)).subs(symbol(STEP), 0)
    return rate if _read_by(rate) <= parameters.keys() else None


def _read_by(*expressions: Any) -> set[str]:
    return {s.name for expression in expressions for s in expression.free_symbols}

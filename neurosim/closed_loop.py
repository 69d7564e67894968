"""A network that acts: an environment and a session take turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from neurosim.backend import Session, whole_steps
from neurosim.describe.sources import Input
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim.results import Run


@runtime_checkable
class Environment(Protocol):
    """What an environment of gymnasium has; any object with these two methods is one."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; returns (observation, info)."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act; returns (observation, reward, terminated, truncated, info)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Episode:
    """What happened from one reset to the end.

    Attributes
    ----------
    observations : list
        One more than there are actions.
    actions : list
    rewards : (n_steps,) float64
    ended : {"terminated", "truncated", "longest", "interrupted"}
        By the environment, or because there were as many steps as allowed; by a Ctrl-C.
    counts : dict
        Population -> (n_steps, n_recorded) int64: spikes in each step.
    """

    observations: list[Any]
    actions: list[Any]
    rewards: npt.NDArray[np.float64]
    ended: Literal["terminated", "truncated", "longest", "interrupted"]
    counts: Mapping[str, npt.NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def total(self) -> float:
        """Sum of the rewards."""
        return float(self.rewards.sum())


class ClosedLoop:
    """A session in a loop with an environment that has the interface of gymnasium.

    In each turn the network is told what is observed, runs for `step`, and what it did is turned
    into an action.

    Parameters
    ----------
    session : Session
    environment : object
        With ``reset(seed=, options=)`` and ``step(action)``, as those of gymnasium.
    step : float
        How long the network runs between two actions [ms].
    sense : callable
        Takes an observation; returns what the network is told: population -> an array for an
        ``Input``, or a mapping of what is set, ``{"left": {"I_e": 300.0}}``.
    act : callable
        Takes the `Run` of a turn; returns the action.
    reward : str, optional
        A projection whose rule waits for the signal "reward": it is told the reward of each turn.

    Raises
    ------
    DescriptionError, UnknownNameError
    """

    def __init__(
        self, session: Session, environment: Environment, *, step: Any,
        sense: Callable[[Any], Mapping[str, Any]], act: Callable[[Run], Any],
        reward: str | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(session, Session):
            raise DescriptionError("ClosedLoop: session", session, "what neurosim.compile returns")
        if not isinstance(environment, Environment):
            raise DescriptionError(
                "ClosedLoop: environment", environment, "an object with reset and step"
            )
        for name, given in (("sense", sense), ("act", act)):
            if not callable(given):
                raise DescriptionError(f"ClosedLoop: {name}", given, "a function")
        projections = session.network.projections
        if reward is not None:
            if reward not in projections:
                raise UnknownNameError("ClosedLoop: reward", str(reward), projections)
            rule = projections[reward].plasticity
            signals = () if rule is None else rule.plasticity_rule().signals
            if signals != ("reward",):
                raise DescriptionError(
                    "ClosedLoop: reward", reward,
                    f"a projection whose rule waits for 'reward' alone (this one: {signals})",
                )  # fmt: skip
        self.session, self.environment = session, environment
        self._step = whole_steps(step, session.dt, "ClosedLoop: step") * session.dt
        self._sense, self._act, self._reward = sense, act, reward

    def episode(
        self, *, longest: int = 10_000, seed: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> Episode:  # fmt: skip
        """Reset the environment, and act until it ends; the network goes on from where it is.

        Parameters
        ----------
        longest : int
            Most actions.
        seed, options
            Of ``environment.reset``.
        """
        count: object = longest
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
            raise DescriptionError("ClosedLoop: longest", longest, "a number of actions, 1 or more")
        observation = _several(self.environment.reset(seed=seed, options=options), 2, "reset")[0]
        observations, actions, rewards = [observation], [], []
        counts: dict[str, list[npt.NDArray[np.int64]]] = {}
        ended: Literal["terminated", "truncated", "longest", "interrupted"] = "longest"
        for _ in range(longest):
            run = self.session.run(self._step, inputs=self._tell(observation), progress=False)
            if run.provenance.get("interrupted"):
                ended = "interrupted"
                break
            action = self._act(run)
            told = _several(self.environment.step(action), 5, "step")
            observation, reward, terminated, truncated, _ = told
            if not np.isfinite(reward):
                raise DescriptionError("ClosedLoop: reward of the environment", reward, "a number")
            observations.append(observation)
            actions.append(action)
            rewards.append(float(reward))
            for name, spikes in run.spikes.items():
                counts.setdefault(name, []).append(spikes.counts())
            if self._reward is not None:
                self.session.signal(self._reward, reward=float(reward))
            if terminated or truncated:
                ended = "terminated" if terminated else "truncated"
                break
        return Episode(
            observations=observations, actions=actions, rewards=np.array(rewards), ended=ended,
            counts={name: np.array(rows) for name, rows in counts.items()},
        )  # fmt: skip

    def _tell(self, observation: Any) -> dict[str, Any]:
        """Set what is to be set; returns the inputs of the run."""
        told = self._sense(observation)
        if not isinstance(told, Mapping):
            raise DescriptionError("ClosedLoop: sense", told, "a mapping by population")
        populations = self.session.network.populations
        inputs = {}
        for name, value in told.items():
            if name not in populations:
                raise UnknownNameError("ClosedLoop: sense", str(name), populations)
            if isinstance(populations[name].model, Input):
                inputs[name] = value
            elif isinstance(value, Mapping):
                self.session.set(name, **value)
            else:
                raise DescriptionError(
                    f"ClosedLoop: sense[{name!r}]", value,
                    "a mapping of what is set, as {'I_e': 300.0}; only Inputs take arrays",
                )  # fmt: skip
        return inputs


def _several(returned: Any, n: int, method: str) -> tuple[Any, ...]:
    if not isinstance(returned, tuple) or len(returned) != n:
        raise DescriptionError(
            f"ClosedLoop: environment.{method}", returned, f"{n} values, as gymnasium returns"
        )
    return returned

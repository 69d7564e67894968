"""How long the next chunk of a run is, and how many threads it gets.

Threads wait for each other twice a step. Where a step is small, or the cores are busy with
something else, one thread is faster; which of the two holds is measured while running, since it
changes. Nothing in the result depends on it.
"""

from __future__ import annotations

CHUNK_SECONDS = 0.08
"""Wall time between two returns to Python, about: short enough for Ctrl-C and a smooth bar."""

PROBE_EVERY = 8
"""Every so many chunks the other number of threads is tried, for a tenth of a chunk."""

FEWEST_STEPS = 8
"""Of a measurement: in fewer, starting the threads would count for more than what they do."""

MOST_STEPS = 100_000


class Pace:
    """Chooses steps and threads of chunks.

    Parameters
    ----------
    most : int
        The most threads there may be; the choice is between them and one.
    """

    def __init__(self, most: int) -> None:
        self._candidates = (most,) if most == 1 else (most, 1)
        self._seconds_per_step: dict[int, float] = {}
        self._taken = dict.fromkeys(self._candidates, 0)
        self._steps = FEWEST_STEPS
        self._chunks = 0

    @property
    def workers(self) -> int:
        """The number of threads that is fastest, as far as is known."""
        known = self._seconds_per_step
        return min(known, key=known.__getitem__) if known else self._candidates[0]

    @property
    def mostly(self) -> int:
        """The number of threads that most steps were made with."""
        return max(self._taken, key=self._taken.__getitem__)

    def next_chunk(self) -> tuple[int, int]:
        """Return (threads, steps) of the next chunk."""
        for candidate in self._candidates:
            if candidate not in self._seconds_per_step:
                return candidate, self._steps
        best = self.workers
        # The first measurements are of cold caches, and one hiccup of the machine is enough to
        # change the choice: after both, the other number is soon tried again.
        soon = self._chunks < PROBE_EVERY and self._chunks & (self._chunks - 1) == 0
        if len(self._candidates) > 1 and (soon or self._chunks % PROBE_EVERY == PROBE_EVERY - 1):
            other = next(c for c in self._candidates if c != best)
            return other, max(FEWEST_STEPS, self._steps // 10)
        return best, self._steps

    def learn(self, workers: int, steps: int, seconds: float) -> None:
        """Take note of how long a chunk took."""
        if steps < 1:
            return
        self._chunks += 1
        self._taken[workers] += steps
        chosen = self.workers
        now = max(seconds, 1e-7) / steps
        known = self._seconds_per_step
        # What is known of the other number of threads is old by the time it is tried again.
        before = known.get(workers, now) if workers == self.workers else now
        known[workers] = 0.5 * (before + now)
        if self.workers != chosen:
            self._chunks = 0
        wanted = CHUNK_SECONDS / known[self.workers]
        self._steps = int(min(max(1.0, min(wanted, 4.0 * self._steps)), MOST_STEPS))

"""Leaky integrate-and-fire neurons from spike to spike, in continuous time, and their adjoint.

Between two events a neuron with exponential currents follows

    V(t) = A + (V - A) exp(-a t) + c sum_r I_r g_r(t)      I_r(t) = I_r exp(-b_r t)
    g_r(t) = (exp(-b_r t) - exp(-a t)) / (a - b_r)

with a = 1/tau_m, b_r = 1/tau_r, c = 1/C_m and A where V rests. So spikes are where V reaches the
threshold, not on a grid, and their times are differentiable: the way back jumps from event to
event, too (Wunderlich & Pehle 2021, Sci. Rep. 11:12829, doi 10.1038/s41598-021-91786-z, equations
for lambda_V and lambda_I and their jumps; here with the forward times as variables, so that times
of incoming spikes have gradients, and with refractory times).

The row of a neuron in `neurons` holds what `ROW` lists.
"""

from __future__ import annotations

import math
from typing import Any

from neurosim.kernels.jit import kernel

ROW = ("a", "rest", "threshold", "reset", "hold", "b_1", "b_2", "c", "V_m", "I_1", "I_2")
"""1/tau_m, A, V_th, V_reset, t_ref, 1/tau of both receptors, 1/C_m, initial V and currents."""

A, REST, THRESHOLD, RESET, HOLD, B_1, B_2, C, START, CURRENT_1, CURRENT_2 = range(len(ROW))

TOO_MANY = -1
"""What `fire` returns if a neuron has more spikes than there is room for."""


@kernel
def gain(a: float, b: float, t: float) -> float:
    """Return what a unit of current brings in t: (exp(-b t) - exp(-a t)) / (a - b).

    In this form nothing is lost where a is close to b, or equal, and nothing overflows.
    """
    slow, apart = min(a, b), abs(a - b) * t
    average = 1.0 if apart == 0.0 else -math.expm1(-apart) / apart
    return math.exp(-slow * t) * t * average


@kernel
def potential(t: float, v: float, i_1: float, i_2: float, p: Any) -> float:
    """Return V after t [ms] without events; p is the row of the neuron."""
    a = p[A]
    found: float = p[REST] + (v - p[REST]) * math.exp(-a * t)
    if i_1 != 0.0:
        found += p[C] * i_1 * gain(a, p[B_1], t)
    if i_2 != 0.0:
        found += p[C] * i_2 * gain(a, p[B_2], t)
    return found


@kernel
def slope(v: float, i_1: float, i_2: float, p: Any) -> float:
    """Return dV/dt."""
    found: float = p[A] * (p[REST] - v) + p[C] * (i_1 + i_2)
    return found


@kernel
def slope_after(t: float, v: float, i_1: float, i_2: float, p: Any) -> float:
    """Return dV/dt after t [ms] without events.

    As exp(-a t) dV/dt - c sum_r b_r I_r g_r(t), of which the sign is right long after, too, when V
    cannot be told from where it rests.
    """
    found: float = slope(v, i_1, i_2, p) * math.exp(-p[A] * t)
    if i_1 != 0.0:
        found -= p[C] * p[B_1] * i_1 * gain(p[A], p[B_1], t)
    if i_2 != 0.0:
        found -= p[C] * p[B_2] * i_2 * gain(p[A], p[B_2], t)
    return found


@kernel
def turning(low: float, high: float, v: float, i_1: float, i_2: float, p: Any) -> float:
    """Return where dV/dt changes its sign in [low, high], by halving; high if it does not.

    There must be one such place at most.
    """
    rising = slope_after(low, v, i_1, i_2, p) > 0
    if (slope_after(high, v, i_1, i_2, p) > 0) == rising:
        return high
    while True:
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            return middle
        if (slope_after(middle, v, i_1, i_2, p) > 0) == rising:
            low = middle
        else:
            high = middle


@kernel
def crossing(low: float, high: float, v: float, i_1: float, i_2: float, p: Any) -> float:
    """Return where V reaches the threshold in [low, high], where it rises all along.

    V(low) <= V_th < V(high). Newton's steps, and the middle of the bracket where one would leave
    it, or be more than half of the last but one: so it always ends.
    """
    threshold: float = p[THRESHOLD]
    a: float = p[A]
    if i_2 == 0.0 and i_1 != 0.0 and p[B_1] == 2.0 * a:
        # tau_m = 2 tau_s: with x = exp(-a t), k x^2 - (V - A + k) x + V_th - A = 0.
        k, h = p[C] * i_1 / a, threshold - p[REST]
        s = v - p[REST] + k
        root = math.sqrt(max(s * s - 4.0 * k * h, 0.0))
        # The larger x comes first; written so that nothing cancels.
        x = 0.5 * (s + root) / k if k > 0.0 and s > 0.0 else 2.0 * h / (s - root)
        if x > 0.0:
            found: float = -math.log(x) / a
            if low <= found <= high:
                return found
    t, step, before = 0.5 * (low + high), high - low, high - low
    while True:
        above = potential(t, v, i_1, i_2, p) - threshold
        if above > 0.0:
            high = t
        else:
            low = t
        rise = slope_after(t, v, i_1, i_2, p)
        move = above / rise if rise > 0.0 else high
        if low < t - move < high and 2.0 * abs(move) <= before:
            following, before, step = t - move, step, abs(move)
        else:
            following, before, step = 0.5 * (low + high), step, 0.5 * (high - low)
        if following <= low or following >= high or step <= 1e-16 * t:
            return following
        t = following


@kernel
def first_crossing(t: float, v: float, i_1: float, i_2: float, p: Any) -> float:
    """Return when V first rises above the threshold within t [ms]; -1.0 if it does not.

    Where V has its extremes is known: exp(a t) dV/dt is monotone with one current, and with two it
    turns once, where b_1 I_1(t) = -b_2 I_2(t).
    """
    threshold = p[THRESHOLD]
    if i_1 <= 0.0 and i_2 <= 0.0 and p[REST] <= threshold:
        return -1.0
    low = 0.0
    if i_1 == 0.0 or i_2 == 0.0:
        now, b = slope(v, i_1, i_2, p), p[B_1] if i_2 == 0.0 else p[B_2]
        extreme = t
        pull = p[C] * b * (i_1 + i_2)
        if pull != 0.0:
            q = now / pull
            x = (p[A] - b) * q
            if q > 0.0 and x > -1.0:
                extreme = q if x == 0.0 else q * math.log1p(x) / x
        if now > 0.0 or (now == 0.0 and pull < 0.0):
            high = min(extreme, t)
            if potential(high, v, i_1, i_2, p) > threshold:
                return crossing(0.0, high, v, i_1, i_2, p)
            return -1.0
        if extreme >= t or potential(t, v, i_1, i_2, p) <= threshold:
            return -1.0
        return crossing(extreme, t, v, i_1, i_2, p)
    turn = t
    ratio = -p[B_2] * i_2 / (p[B_1] * i_1)
    if ratio > 0.0 and p[B_1] != p[B_2]:
        when = math.log(ratio) / (p[B_2] - p[B_1])
        if 0.0 < when < t:
            turn = when
    end = turn
    while True:
        extreme = turning(low, end, v, i_1, i_2, p)
        for high in (extreme, end):
            # V is monotone from low to high; it falls, or stays below, or crosses.
            if high > low and potential(high, v, i_1, i_2, p) > threshold:
                return crossing(low, high, v, i_1, i_2, p)
            low = high
        if end >= t:
            return -1.0
        end = t


@kernel
def fire(
    when: Any, row: Any, counts: Any, weights: Any, receptor: Any, neurons: Any, duration: float,
    first: int, last: int, times: Any, rises: Any, returns: Any,
) -> int:  # fmt: skip
    """Run a layer over some copies of the batch.

    when     : (batch, m) float64           arrivals [ms], ascending
    row      : (batch, m) int64             what arrives: a row of `weights`
    counts   : (batch,) int64               how many arrivals there are
    weights  : (n, n_rows) float64          of each neuron
    receptor : (n_rows,) int64              0 or 1
    neurons  : (n, len(ROW)) float64
    duration : float64                      [ms]
    first, last                             which copies
    times    : (batch, n, room) float64, written   spikes; the rest stays as it is
    rises    : the same, written            dV/dt just before each
    returns  : the same, written            dV/dt when V is let go again; 0 beyond the end

    Returns the largest number of spikes of a neuron; TOO_MANY if there is no room.
    """
    room, most = times.shape[2], 0
    for b in range(first, last):
        for j in range(weights.shape[0]):
            p = neurons[j]
            v, i_1, i_2, t = p[START], p[CURRENT_1], p[CURRENT_2], 0.0
            held, until, number = False, 0.0, 0
            for e in range(counts[b] + 1):
                goal = when[b, e] if e < counts[b] else duration
                while t < goal:
                    if held:
                        stop = min(until, goal)
                        i_1 *= math.exp(-p[B_1] * (stop - t))
                        i_2 *= math.exp(-p[B_2] * (stop - t))
                        t = stop
                        if t >= until:
                            held = False
                            returns[b, j, number - 1] = slope(v, i_1, i_2, p)
                        continue
                    span = goal - t
                    found = first_crossing(span, v, i_1, i_2, p)
                    fires = found >= 0.0
                    if fires:
                        span = found
                    else:
                        v = potential(span, v, i_1, i_2, p)
                    i_1 *= math.exp(-p[B_1] * span)
                    i_2 *= math.exp(-p[B_2] * span)
                    if not fires:
                        t = goal
                        continue
                    if number == room:
                        return TOO_MANY
                    t = min(t + span, goal)
                    times[b, j, number] = t
                    rises[b, j, number] = slope(p[THRESHOLD], i_1, i_2, p)
                    v, until = p[RESET], t + p[HOLD]
                    held = until > t
                    returns[b, j, number] = 0.0 if held else slope(v, i_1, i_2, p)
                    number += 1
                if e < counts[b]:
                    weight = weights[j, row[b, e]]
                    if receptor[row[b, e]] == 0:
                        i_1 += weight
                    else:
                        i_2 += weight
            most = max(most, number)
    return most


@kernel
def fire_backward(
    when: Any, row: Any, counts: Any, weights: Any, receptor: Any, neurons: Any, duration: float,
    first: int, last: int, times: Any, rises: Any, returns: Any, of_times: Any,
    of_weights: Any, of_arrivals: Any,
) -> None:  # fmt: skip
    """Go back through what `fire` did: arguments up to `returns` are the same, and read.

    of_times    : (batch, n, room) float64        the loss by the times of spikes
    of_weights  : (n, n_rows) float64, added to   ... by the weights
    of_arrivals : (batch, m) float64, added to    ... by the times of arrivals

    l_v, l_1, l_2 are the loss by V and the currents at the present time. A neuron that is let go
    later by dT has done dV/dt dT less by then; one that would have been higher by dV before its
    spike fires dV / (dV/dt) earlier. A spike that only touches the threshold, dV/dt = 0, passes
    nothing: what it would pass is infinite.
    """
    for b in range(first, last):
        for j in range(weights.shape[0]):
            p = neurons[j]
            number = 0
            while number < times.shape[2] and times[b, j, number] <= duration:
                number += 1
            # What follows the last spike that matters does not matter.
            while number > 0 and of_times[b, j, number - 1] == 0.0:
                number -= 1
            if number == 0:
                continue
            l_v, l_1, l_2, of_return = 0.0, 0.0, 0.0, 0.0
            s, t = number - 1, times[b, j, number - 1]
            held = True  # what came after this spike is left out
            e = counts[b] - 1
            while e >= 0 and when[b, e] > t:
                e -= 1
            while s >= 0:
                release = times[b, j, s] + p[HOLD]
                event = times[b, j, s] if held else release
                arrives = e >= 0 and when[b, e] >= event
                goal = when[b, e] if arrives else event
                span = max(t - goal, 0.0)
                d_1, d_2 = math.exp(-p[B_1] * span), math.exp(-p[B_2] * span)
                if held:
                    l_1, l_2 = l_1 * d_1, l_2 * d_2
                else:
                    l_1 = l_1 * d_1 + l_v * p[C] * gain(p[A], p[B_1], span)
                    l_2 = l_2 * d_2 + l_v * p[C] * gain(p[A], p[B_2], span)
                    l_v *= math.exp(-p[A] * span)
                t = goal
                if arrives:
                    r = row[b, e]
                    weight, second = weights[j, r], receptor[r] == 1
                    of_weights[j, r] += l_2 if second else l_1
                    later = weight * (l_2 * p[B_2] if second else l_1 * p[B_1])
                    of_arrivals[b, e] += later if held else later - l_v * p[C] * weight
                    e -= 1
                elif held:
                    l_v = 0.0
                    if rises[b, j, s] > 0.0:
                        l_v = -(of_times[b, j, s] + of_return) / rises[b, j, s]
                    of_return, held = 0.0, False
                    s -= 1
                else:
                    of_return = -l_v * returns[b, j, s]
                    l_v, held = 0.0, True
            while e >= 0:  # before the first spike
                span = max(t - when[b, e], 0.0)
                l_1 = l_1 * math.exp(-p[B_1] * span) + l_v * p[C] * gain(p[A], p[B_1], span)
                l_2 = l_2 * math.exp(-p[B_2] * span) + l_v * p[C] * gain(p[A], p[B_2], span)
                l_v *= math.exp(-p[A] * span)
                t = when[b, e]
                r = row[b, e]
                weight, second = weights[j, r], receptor[r] == 1
                of_weights[j, r] += l_2 if second else l_1
                later = weight * (l_2 * p[B_2] if second else l_1 * p[B_1])
                of_arrivals[b, e] += later - l_v * p[C] * weight
                e -= 1

"""Loihi in integers: neurons that send numbers, and convolutions.

A sigma-delta neuron keeps the sum of what arrived, and sends by how much its activation has moved
since it last did, where that is at least the threshold. All numbers are whole, of 2^-e of a unit
of what is sent:

    sigma   <- sigma + a              a is what arrives in this step
    act'     = sigma + bias           max(sigma + bias, 0) where it rectifies
    delta    = act' - act + residue
    s        = delta if |delta| >= theta else 0
    residue <- delta - s;   act <- act'
    message  = s >> e                 to minus infinity: what is below a unit is lost

An encoder does the same with act' = a << (e + spike exponent), a being what it is given.

A convolution sums the kernel over all messages of a step, and keeps the lowest 24 bits of the sum,
signed.

Source: the fixed-point models `Delta`, `SigmaDelta` and `Conv` of Lava 0.10, which these equal bit
by bit. Sigma-delta: O'Connor & Welling (2017), ICLR, arXiv:1611.02024.
"""

from __future__ import annotations

from typing import Any

from neurosim.kernels.jit import inlined, kernel

MESSAGE_LIMIT = 1 << 23
"""States and sums of convolutions have 24 bits."""

# Columns of the table of convolutions.
(
    FROM, ONTO, COUNTS, CHANNELS, HEIGHT, WIDTH, OUT_CHANNELS, OUT_HEIGHT, OUT_WIDTH, KERNEL_HEIGHT,
    KERNEL_WIDTH, STRIDE_Y, STRIDE_X, PADDING_Y, PADDING_X, DILATION_Y, DILATION_X, BLOCKS,
    KERNEL_AT,
) = range(19)  # fmt: skip
C_WIDTH = 19


@inlined
def remaining(total: Any) -> Any:
    """Return the lowest 24 bits of a sum, signed."""
    return (total + MESSAGE_LIMIT) % (2 * MESSAGE_LIMIT) - MESSAGE_LIMIT


@kernel
def send_changes(
    first, end, is_given, rectifies, spike_exp, state_exp, threshold, row, sigma, act, residue,
    bias, fired_id, fired_many, n_fired,
):  # fmt: skip
    """Take the neurons first .. end - 1 through a step; return messages so far, and overflows.

    is_given  : bool                 encoders: their activation is what they are given
    rectifies : bool
    spike_exp, state_exp : int64
    threshold : int64                of states, shifted already
    row       : (n,) int32, cleared  what arrives, or is given
    sigma, act, residue : (n,) int32, written
    bias      : (n,) int32           shifted already
    fired_id, fired_many : (n,) int32, written from n_fired on
    """
    beyond = 0
    for k in range(first, end):
        if is_given:
            now = int(row[k]) << (spike_exp + state_exp)
        else:
            total = int(sigma[k]) + int(row[k])
            sigma[k] = total
            now = total + int(bias[k])
            if rectifies:
                now = max(now, 0)
        row[k] = 0
        delta = now - int(act[k]) + int(residue[k])
        act[k] = now
        beyond += abs(int(sigma[k])) >= MESSAGE_LIMIT or abs(now) >= MESSAGE_LIMIT
        sent = delta if abs(delta) >= threshold else 0
        residue[k] = delta - sent
        message = sent >> state_exp
        if message != 0:
            fired_id[n_fired] = k
            fired_many[n_fired] = message
            n_fired += 1
    return n_fired, beyond


@kernel
def convolve(form, kernel, fired_id, fired_many, fired, end, source, later, base, sums):
    """Add to what arrives next what a convolution makes of a step; return how many sums wrapped.

    form       : (C_WIDTH,) int64             a row of the table of convolutions
    kernel     : int32                        from KERNEL_AT on (height, width, channels, outputs
                                              of the block): outputs are next to one another
    fired_id, fired_many : int32              messages from `fired` to `end` are those of the source
    source, base : int64                      first ids of source and target
    later      : (n,) int32, added to         what arrives in the next step
    sums       : int64, zero before and after (height, width, channels) of the target
    """
    height, width = form[HEIGHT], form[WIDTH]
    out_height, out_width, n_out = form[OUT_HEIGHT], form[OUT_WIDTH], form[OUT_CHANNELS]
    each = n_out // form[BLOCKS]
    for f in range(fired, end):
        place = fired_id[f] - source
        many = int(fired_many[f]) if form[COUNTS] else 1
        column = place % width
        line = place // width % height
        channel = place // (width * height)
        block = channel // (form[CHANNELS] // form[BLOCKS])
        for i in range(form[KERNEL_HEIGHT]):
            y = line + form[PADDING_Y] - i * form[DILATION_Y]
            if y < 0 or y % form[STRIDE_Y] or y // form[STRIDE_Y] >= out_height:
                continue
            for j in range(form[KERNEL_WIDTH]):
                x = column + form[PADDING_X] - j * form[DILATION_X]
                if x < 0 or x % form[STRIDE_X] or x // form[STRIDE_X] >= out_width:
                    continue
                tap = i * form[KERNEL_WIDTH] + j
                at = form[KERNEL_AT] + (tap * form[CHANNELS] + channel) * each
                to = (y // form[STRIDE_Y] * out_width + x // form[STRIDE_X]) * n_out + block * each
                for k in range(each):
                    sums[to + k] += kernel[at + k] * many
    wrapped = 0
    n_places = out_height * out_width
    for place in range(n_places):
        for k in range(n_out):
            total = sums[place * n_out + k]
            kept = remaining(total)
            wrapped += kept != total
            later[base + k * n_places + place] += kept
            sums[place * n_out + k] = 0
    return wrapped

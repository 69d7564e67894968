"""Files of event cameras: N-MNIST, AEDAT 2.0 of the DVS128 (3.1 to read), Prophesee's DAT.

A file is read whole or not at all: where it is cut short or holds what its format does not have,
the error names the byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import numpy.typing as npt

from neurosim.describe.checks import to_int
from neurosim.errors import DescriptionError, UnknownNameError
from neurosim_datasets.events import Events, Ints

# --- N-MNIST

NMNIST_SIZE = (34, 34)
"""Width and height of the pictures of N-MNIST."""

OVERFLOW_ROW = 240
"""An event in this row, below the 240 rows of the sensor, is none: time has gone on by..."""

OVERFLOW_US = 2**13
"""... so much [us], for all events that follow."""

NMNIST_CLOCK = 2**23
"""Times of a record [us] are below this."""


def read_nmnist(path: str | Path, *, size: tuple[int, int] = NMNIST_SIZE) -> Events:
    """Read a ``.bin`` file of N-MNIST or N-Caltech101.

    Each event is five bytes: x, y, then one bit of polarity (1 is ON) and 23 bits of time [us],
    the highest byte first. A record with y = 240 is no event but a mark of the ATIS sensor: all
    times that follow, its own included, are 2^13 us later.

    Parameters
    ----------
    path : path
    size : (int, int)
        Width and height of the sensor: (34, 34) for N-MNIST; files do not say it.

    Raises
    ------
    DescriptionError
        If the file ends within an event, or an event lies beside the sensor.

    Source: Orchard, Jayawant, Cohen & Thakor (2015), Converting static image datasets to spiking
    neuromorphic datasets using saccades, Front. Neurosci. 9:437, doi 10.3389/fnins.2015.00437.
    """
    width, height = _size(size, "read_nmnist: size")
    content = _content(path, "read_nmnist")
    records = _records(content, 0, np.dtype("u1"), 5, path, "read_nmnist").reshape(-1, 5)
    x, y, high, middle, low = records.astype(np.int64).T
    mark = y == OVERFLOW_ROW
    kept = ~mark
    t = ((high & 0x7F) << 16) + (middle << 8) + low + OVERFLOW_US * np.cumsum(mark)
    _inside(x, y, width, height, kept, 0, 5, path, "read_nmnist")
    return Events(
        x=x[kept], y=y[kept], on=high[kept] >= 0x80, t=t[kept], width=width, height=height
    )


def write_nmnist(path: str | Path, events: Events) -> None:
    """Write a ``.bin`` file as N-MNIST has them; `read_nmnist` says what is in it.

    Times from 2^23 us on (8.4 s) are written behind marks of overflow.

    Raises
    ------
    DescriptionError
        If the sensor has more than 256 columns or 240 rows, or times from 2^23 us on do not
        ascend.
    """
    for side, most in (("width", 256), ("height", OVERFLOW_ROW)):
        if getattr(events, side) > most:
            raise DescriptionError(
                f"write_nmnist: events.{side}", getattr(events, side), f"at most {most}"
            )
    t = np.asarray(events.t)
    late = np.maximum.accumulate(t) if t.size else t
    # How many marks stand before each event: as few as bring its time below 2^23.
    marks = np.maximum(-((NMNIST_CLOCK - 1 - late) // OVERFLOW_US), 0)
    left = t - OVERFLOW_US * marks
    if (left < 0).any():
        k = int(np.flatnonzero(left < 0)[0])
        raise DescriptionError(
            f"write_nmnist: events.t[{k}]", int(t[k]),
            f"a time not {NMNIST_CLOCK} us before an earlier event's",
            "Sort them: events.chosen(np.argsort(events.t, kind='stable')).",
        )  # fmt: skip
    records = np.empty((t.size, 5), dtype=np.uint8)
    records[:, 0], records[:, 1] = events.x, events.y
    records[:, 2] = (events.on.astype(np.int64) << 7) + (left >> 16)
    records[:, 3], records[:, 4] = (left >> 8) & 0xFF, left & 0xFF
    before = np.diff(marks, prepend=0)
    mark = np.array([0, OVERFLOW_ROW, 0, 0, 0], dtype=np.uint8)
    rows = np.repeat(np.arange(t.size), before)
    Path(path).write_bytes(np.insert(records, rows, mark, axis=0).tobytes())


# --- AEDAT

DVS128_SIZE = (128, 128)

AEDAT_CLOCK = 2**32
"""Times of AEDAT 2.0 and of DAT [us] are below this."""

AEDAT_2 = b"#!AER-DAT2.0"

AEDAT_3 = b"#!AER-DAT3.1"

AEDAT_2_HEADER = (
    AEDAT_2,
    b"# This is a raw AE data file written by neurosim",
    b"# Data format is int32 address, int32 timestamp (8 bytes total), repeated for each event",
    b"# Timestamps tick is 1 us",
    b"# AEChip: ch.unizh.ini.jaer.chip.retina.DVS128",
    b"# End of ASCII Header",
)
"""Lines as jAER writes them; they end in CR LF."""

POLARITY_PACKET = 1
"""Type of the packets of AEDAT 3.1 that hold events of pixels."""


def read_aedat(
    path: str | Path,
    *,
    size: tuple[int, int] = DVS128_SIZE,
    on_bit: Literal[0, 1] = 0,
    special: Literal["refuse", "skip"] = "refuse",
) -> Events:
    """Read an AEDAT file: 2.0 of the DVS128, or 3.1, in which DvsGesture is published.

    *2.0* has eight bytes per event, the highest first: an address of 32 bits and a time [us].
    Bit 0 of the address is the polarity, bits 1 to 7 are the column, bits 8 to 14 the row, counted
    from the lower right corner as the sensor is looked at; bit 15 marks pulses on a pin. jAER,
    which wrote most of these files, takes a polarity bit of 0 as ON. Where times fall by more than
    2^31, the clock has gone round.

    *3.1* has packets, the lowest byte first. Those of events of pixels are read, all others
    (pulses, samples of motion sensors, frames) are not; events marked invalid are left out.

    Parameters
    ----------
    path : path
    size : (int, int)
        Width and height of the sensor. 2.0: of the DVS128 only.
    on_bit : {0, 1}
        2.0: which polarity bit is ON. Other programs than jAER, and the pages of iniVation, say 1.
    special : {"refuse", "skip"}
        2.0: what to do with pulses on the pin.

    Returns
    -------
    Events
        Pixel (0, 0) is at the upper left.

    Raises
    ------
    DescriptionError
        If it is no such file, ends within an event or a packet, or an event lies beside the
        sensor.

    Source: the pages on AEDAT at docs.inivation.com; jAER, DVS128.java, github.com/SensorsINI/jaer;
    Amir et al. (2017), A low power, fully event-based gesture recognition system, CVPR.
    """
    width, height = _size(size, "read_aedat: size")
    if on_bit not in (0, 1) or isinstance(on_bit, bool):
        raise DescriptionError("read_aedat: on_bit", on_bit, "0 or 1")
    if special not in ("refuse", "skip"):
        raise UnknownNameError("read_aedat: special", special, ("refuse", "skip"))
    content = _content(path, "read_aedat")
    version = content[: len(AEDAT_2)]
    if version == AEDAT_3:
        return _aedat_3(content, width, height, path)
    if version != AEDAT_2:
        _refuse(path, "read_aedat", 0, version, "#!AER-DAT2.0 or #!AER-DAT3.1")
    if (width, height) != DVS128_SIZE:
        raise DescriptionError(
            "read_aedat: size", size, "(128, 128): addresses of AEDAT 2.0 are read for the DVS128"
        )
    return _aedat_2(content, on_bit, special, path)


def _aedat_2(content: bytes, on_bit: int, special: str, path: str | Path) -> Events:
    start = _after_comments(content, b"#")
    records = _records(content, start, np.dtype(">u4"), 2, path, "read_aedat").reshape(-1, 2)
    address, raw = records.astype(np.int64).T
    pulse = (address & 0x8000) != 0
    wrong = np.flatnonzero((address >> 16 != 0) | (pulse & (special == "refuse")))
    if wrong.size:
        k = int(wrong[0])
        told = "an address of the DVS128, with bits 0 to 14 only"
        if address[k] >> 16 == 0:
            told += "; bit 15 is a pulse on a pin, which special='skip' leaves out"
        _refuse(path, "read_aedat", start + 8 * k, hex(int(address[k])), told)
    rounds = np.cumsum(np.diff(raw, prepend=raw[:1]) < -(AEDAT_CLOCK // 2))
    t = raw + AEDAT_CLOCK * rounds
    kept = ~pulse
    address, t = address[kept], t[kept]
    return Events(
        x=127 - ((address >> 1) & 0x7F), y=127 - ((address >> 8) & 0x7F),
        on=(address & 1) == on_bit, t=t, width=128, height=128,
    )  # fmt: skip


def _aedat_3(content: bytes, width: int, height: int, path: str | Path) -> Events:
    """Read the packets: a head of 28 bytes, then events of the size that it gives."""
    head = np.dtype(
        [("kind", "<i2"), ("source", "<i2"), ("size", "<i4"), ("offset", "<i4"),
         ("overflow", "<i4"), ("capacity", "<i4"), ("number", "<i4"), ("valid", "<i4")]
    )  # fmt: skip
    end = content.find(b"#!END-HEADER")
    line = content.find(b"\n", end)
    if end < 0 or line < 0:
        _refuse(path, "read_aedat", len(content), "the end of the file", "a line #!END-HEADER")
    at = line + 1
    columns: list[tuple[Ints, Ints, Ints, Ints]] = []
    while at < len(content):
        if len(content) - at < head.itemsize:
            _refuse(path, "read_aedat", at, f"{len(content) - at} bytes", "a packet's head, 28")
        packet = np.frombuffer(content, head, 1, at)[0]
        body, count = at + head.itemsize, int(packet["number"])
        length = count * int(packet["size"])
        if count < 0 or packet["size"] <= 0 or len(content) - body < length:
            _refuse(
                path, "read_aedat", at, f"a packet of {count} events of {packet['size']} bytes",
                f"one that fits the {len(content) - body} bytes that follow",
            )  # fmt: skip
        if packet["kind"] == POLARITY_PACKET:
            if packet["size"] != 8:
                _refuse(path, "read_aedat", at, f"events of {packet['size']} bytes", "8")
            data, time = np.frombuffer(content, "<u4", 2 * count, body).reshape(-1, 2).T
            data = data.astype(np.int64)
            x, y, valid = (data >> 17) & 0x7FFF, (data >> 2) & 0x7FFF, (data & 1) == 1
            _inside(x, y, width, height, valid, body, 8, path, "read_aedat")
            t = time.astype(np.int64) + (int(packet["overflow"]) << 31)
            columns.append((x[valid], y[valid], (data[valid] >> 1) & 1, t[valid]))
        at = body + length
    none = (np.empty(0, dtype=np.int64),) * 4
    x, y, on, t = (np.concatenate(parts) for parts in zip(none, *columns, strict=True))
    return Events(x=x, y=y, on=on == 1, t=t, width=width, height=height)


def write_aedat(path: str | Path, events: Events) -> None:
    """Write an AEDAT 2.0 file of the DVS128 as jAER does; `read_aedat` says what is in it.

    Raises
    ------
    DescriptionError
        If the sensor is not of 128 x 128 pixels, a time is 2^32 us (72 minutes) or later, or times
        fall by more than half of that.
    """
    if (events.width, events.height) != DVS128_SIZE:
        raise DescriptionError(
            "write_aedat: events", (events.width, events.height), "events of 128 x 128 pixels"
        )
    _within_clock(events, "write_aedat")
    fallen = np.flatnonzero(np.diff(events.t) < -(AEDAT_CLOCK // 2))
    if fallen.size:
        k = int(fallen[0]) + 1
        raise DescriptionError(
            f"write_aedat: events.t[{k}]", int(events.t[k]),
            "no time 2^31 us before the one before it", "A reader takes that for a clock going on.",
        )  # fmt: skip
    records = np.empty((len(events), 2), dtype=">u4")
    records[:, 0] = ((127 - events.y) << 8) + ((127 - events.x) << 1) + ~events.on
    records[:, 1] = events.t
    header = b"".join(line + b"\r\n" for line in AEDAT_2_HEADER)
    Path(path).write_bytes(header + records.tobytes())


# --- DAT of Prophesee

DAT_KINDS = {0: "Event2d", 12: "EventCD"}
"""Types of events that are changes of brightness."""

DAT_PIXELS = 2**14
"""Columns and rows are below this."""


def read_dat(path: str | Path, *, size: tuple[int, int] | None = None) -> Events:
    """Read a DAT file of Prophesee: changes of brightness (CD), version 2.

    Lines that begin with % come first; then a byte with the type of the events and one with their
    size, 8; then events, the lowest byte first: 32 bits of time [us], and 32 bits of which 0 to 13
    are the column, 14 to 27 the row, 28 to 31 the polarity (1 is ON).

    Parameters
    ----------
    path : path
    size : (int, int), optional
        Width and height of the sensor, where the lines do not give them.

    Raises
    ------
    DescriptionError
        If it is no such file or of another version, if it ends within an event, or an event lies
        beside the sensor or has a polarity that is none.

    Source: docs.prophesee.ai, DAT file format.
    """
    content = _content(path, "read_dat")
    start = _after_comments(content, b"%")
    if start == 0:
        _refuse(path, "read_dat", 0, content[:16], "a line that begins with %")
    words = [line[1:].strip().split(maxsplit=1) for line in content[:start].splitlines()]
    told = {pair[0]: pair[1] for pair in words if len(pair) == 2}
    version = told.get(b"Version", b"(none)")
    if version != b"2":
        _refuse(path, "read_dat", 0, f"version {version.decode(errors='replace')}", "version 2")
    if size is None:
        sides = [told.get(side, b"") for side in (b"Width", b"Height")]
        if not all(side.isdigit() for side in sides):
            raise DescriptionError(
                f"read_dat: {str(path)!r}: Width and Height", None, "numbers", "Give size=."
            )
        size = (int(sides[0]), int(sides[1]))
    width, height = _size(size, f"read_dat: {str(path)!r}: size")
    kind = content[start : start + 2]
    if len(kind) < 2:
        _refuse(path, "read_dat", start, kind, "type and size of events, two bytes")
    if kind[0] not in DAT_KINDS or kind[1] != 8:
        known = " or ".join(f"{number} ({name})" for number, name in DAT_KINDS.items())
        _refuse(
            path, "read_dat", start, f"type {kind[0]}, size {kind[1]}", f"type {known} and size 8"
        )
    records = _records(content, start + 2, np.dtype("<u4"), 2, path, "read_dat").reshape(-1, 2)
    t, word = records.astype(np.int64).T
    x, y, on = word & 0x3FFF, (word >> 14) & 0x3FFF, word >> 28
    wrong = np.flatnonzero(on > 1)
    if wrong.size:
        k = int(wrong[0])
        _refuse(path, "read_dat", start + 2 + 8 * k, f"polarity {int(on[k])}", "0 or 1")
    _inside(x, y, width, height, np.ones(len(x), bool), start + 2, 8, path, "read_dat")
    return Events(x=x, y=y, on=on == 1, t=t, width=width, height=height)


def write_dat(path: str | Path, events: Events) -> None:
    """Write a DAT file as Prophesee has them; `read_dat` says what is in it.

    Raises
    ------
    DescriptionError
        If the sensor has more than 2^14 columns or rows, or a time is 2^32 us (72 minutes) or
        later.
    """
    for side in ("width", "height"):
        if getattr(events, side) > DAT_PIXELS:
            raise DescriptionError(
                f"write_dat: events.{side}", getattr(events, side), f"at most {DAT_PIXELS}"
            )
    _within_clock(events, "write_dat")
    header = (
        "% Data file containing CD events\n% Version 2\n"
        f"% Width {events.width}\n% Height {events.height}\n"
    )
    records = np.empty((len(events), 2), dtype="<u4")
    records[:, 0] = events.t
    records[:, 1] = events.x + (events.y << 14) + (events.on.astype(np.int64) << 28)
    Path(path).write_bytes(header.encode() + bytes([12, 8]) + records.tobytes())


# --- what they share


def _content(path: str | Path, reader: str) -> bytes:
    path = Path(path)
    if not path.is_file():
        raise DescriptionError(f"{reader}: path", str(path), "a file")
    return path.read_bytes()


def _size(size: object, place: str) -> tuple[int, int]:
    if not isinstance(size, tuple) or len(size) != 2:
        raise DescriptionError(place, size, "(width, height) in pixels")
    return to_int(size[0], place, at_least=1), to_int(size[1], place, at_least=1)


def _after_comments(content: bytes, mark: bytes) -> int:
    """Return where the lines that begin with a mark end."""
    at = 0
    while content[at : at + 1] == mark:
        end = content.find(b"\n", at)
        at = len(content) if end < 0 else end + 1
    return at


def _records(
    content: bytes, start: int, numbers: np.dtype[Any], each: int, path: str | Path, reader: str
) -> npt.NDArray[Any]:
    """Return the numbers of all records from a byte on, `each` of them per record."""
    length = each * numbers.itemsize
    rest = (len(content) - start) % length
    if rest:
        _refuse(
            path, reader, len(content) - rest, f"{rest} bytes before the end",
            f"an event of {length} bytes",
        )  # fmt: skip
    return np.frombuffer(content, numbers, offset=start)


def _inside(
    x: Ints, y: Ints, width: int, height: int, events: npt.NDArray[np.bool_],
    start: int, length: int, path: str | Path, reader: str,
) -> None:  # fmt: skip
    """Refuse events beside the sensor, by the byte where the first one stands."""
    beside = np.flatnonzero(events & ((x >= width) | (y >= height)))
    if beside.size:
        k = int(beside[0])
        _refuse(
            path, reader, start + length * k, f"an event at x = {int(x[k])}, y = {int(y[k])}",
            f"a pixel of {width} x {height}",
        )  # fmt: skip


def _refuse(path: str | Path, reader: str, byte: int, found: object, expected: str) -> NoReturn:
    raise DescriptionError(f"{reader}: {str(path)!r}, byte {byte}", found, expected)


def _within_clock(events: Events, writer: str) -> None:
    late = np.flatnonzero(events.t >= AEDAT_CLOCK)
    if late.size:
        k = int(late[0])
        raise DescriptionError(
            f"{writer}: events.t[{k}]", int(events.t[k]), "a time below 2^32 us (72 minutes)"
        )

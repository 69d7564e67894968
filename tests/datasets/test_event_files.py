"""Event files: bytes written by hand from the specification, round trips, and broken files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neurosim as ns
from neurosim_datasets import (
    Events,
    read_aedat,
    read_dat,
    read_nmnist,
    write_aedat,
    write_dat,
    write_nmnist,
)
from tests.datasets.event_strategies import events

# --- by hand: what the specification says, byte by byte

# x = 5, y = 33, ON, 0x654321 us; x = 33, y = 0, OFF, 1 us.
NMNIST = bytes([5, 33, 0x80 | 0x65, 0x43, 0x21, 33, 0, 0x00, 0x00, 0x01])

AEDAT_HEADER = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n"
# Column bits 2, row bits 3, polarity bit 0: the address is 3 * 256 + 2 * 2; then 0x01020304 us.
# Column bits 127, row bits 0, polarity bit 1: 127 * 2 + 1; then 16909061 us.
AEDAT = bytes([0, 0, 3, 4, 1, 2, 3, 4, 0, 0, 0, 255, 1, 2, 3, 5])

DAT_HEADER = (
    b"% Data file containing CD events\n% Date 2020-09-14 14:18:29\n% Version 2\n"
    b"% Width 640\n% Height 480\n"
)
# 0x01020304 us; x = 639 = 0x27f, y = 479: 479 << 14 = 0x77c000, ON: bit 28. Then all 0.
DAT = bytes([12, 8, 4, 3, 2, 1, 0x7F, 0xC2, 0x77, 0x10]) + bytes(8)


def columns(seen: Events) -> list[tuple[int, int, bool, int]]:
    return [
        (int(x), int(y), bool(on), int(t))
        for x, y, on, t in zip(seen.x, seen.y, seen.on, seen.t, strict=True)
    ]


def file(folder: Path, content: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    return path


def test_bytes_of_nmnist(tmp_path: Path) -> None:
    seen = read_nmnist(file(tmp_path, NMNIST))
    assert columns(seen) == [(5, 33, True, 0x654321), (33, 0, False, 1)]
    assert (seen.width, seen.height) == (34, 34)
    write_nmnist(tmp_path / "again", seen)
    assert (tmp_path / "again").read_bytes() == NMNIST


def test_marks_of_overflow_move_all_that_follows(tmp_path: Path) -> None:
    """As the ATIS sensor writes them: each row 240 adds 2^13 us, and is no event."""
    mark = bytes([0, 240, 0, 0, 0])
    event = bytes([1, 2, 0x80, 0, 7])
    path = file(tmp_path, event + mark + event + mark + mark + event)
    assert read_nmnist(path).t.tolist() == [7, 7 + 8192, 7 + 3 * 8192]
    assert len(read_nmnist(path)) == 3


def test_bytes_of_aedat_2(tmp_path: Path) -> None:
    path = file(tmp_path, AEDAT_HEADER + AEDAT)
    seen = read_aedat(path)
    assert columns(seen) == [(125, 124, True, 0x01020304), (0, 127, False, 16909061)]
    assert read_aedat(path, on_bit=1).on.tolist() == [False, True]
    write_aedat(tmp_path / "again", seen)
    assert (tmp_path / "again").read_bytes().endswith(b"# End of ASCII Header\r\n" + AEDAT)
    assert (tmp_path / "again").read_bytes().startswith(b"#!AER-DAT2.0\r\n")


def test_pulses_on_the_pin_of_a_dvs128(tmp_path: Path) -> None:
    pulse = bytes([0, 0, 0x80, 0, 0, 0, 0, 9])
    path = file(tmp_path, AEDAT_HEADER + AEDAT[:8] + pulse + AEDAT[8:])
    with pytest.raises(ns.DescriptionError, match=rf"byte {len(AEDAT_HEADER) + 8} .*'skip'"):
        read_aedat(path)
    assert len(read_aedat(path, special="skip")) == 2


def test_a_clock_that_goes_round(tmp_path: Path) -> None:
    event = bytes([0, 0, 3, 4])
    late, soon = bytes([0xFF, 0xFF, 0xFF, 0xFF]), bytes([0, 0, 0, 2])
    path = file(tmp_path, AEDAT_HEADER + event + late + event + soon)
    assert read_aedat(path).t.tolist() == [2**32 - 1, 2**32 + 2]


def packet(kind: int, body: bytes, size: int = 8, overflow: int = 0) -> bytes:
    """Return a packet of AEDAT 3.1."""
    count = len(body) // size
    numbers = [(kind, 2), (0, 2), (size, 4), (4, 4), (overflow, 4), (count, 4), (count, 4)]
    return b"".join(n.to_bytes(k, "little") for n, k in [*numbers, (count, 4)]) + body


AEDAT_3_HEADER = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 0: DVS128\r\n#!END-HEADER\r\n"


def test_bytes_of_aedat_3(tmp_path: Path) -> None:
    """x in bits 17 to 31, y in 2 to 16, polarity in bit 1, bit 0 says that the event is valid."""

    def event(x: int, y: int, on: int, valid: int, t: int) -> bytes:
        word = x << 17 | y << 2 | on << 1 | valid
        return word.to_bytes(4, "little") + t.to_bytes(4, "little")

    content = (
        AEDAT_3_HEADER
        + packet(1, event(5, 7, 1, 1, 100) + event(6, 7, 0, 0, 101) + event(127, 0, 0, 1, 102))
        + packet(0, bytes(16))  # pulses
        + packet(3, bytes(72), size=36)  # a sensor of motion
        + packet(1, event(0, 127, 1, 1, 3), overflow=2)
    )
    seen = read_aedat(file(tmp_path, content))
    assert columns(seen) == [
        (5, 7, True, 100), (127, 0, False, 102), (0, 127, True, 2 * 2**31 + 3)
    ]  # fmt: skip
    assert len(read_aedat(file(tmp_path, AEDAT_3_HEADER))) == 0
    for cut in (1, 8, len(content) - len(AEDAT_3_HEADER) - 20):
        with pytest.raises(ns.DescriptionError, match=r"byte \d+ is"):
            read_aedat(file(tmp_path, content[:-cut]))


def test_bytes_of_dat(tmp_path: Path) -> None:
    path = file(tmp_path, DAT_HEADER + DAT)
    seen = read_dat(path)
    assert columns(seen) == [(639, 479, True, 0x01020304), (0, 0, False, 0)]
    assert (seen.width, seen.height) == (640, 480)
    tabs = DAT_HEADER.replace(b"Width ", b"Width\t").replace(b"480", b"480 \r")
    assert columns(read_dat(file(tmp_path, tabs + DAT))) == columns(seen)
    write_dat(tmp_path / "again", seen)
    assert (tmp_path / "again").read_bytes() == (
        b"% Data file containing CD events\n% Version 2\n% Width 640\n% Height 480\n" + DAT
    )


# --- what is written is read


@given(seen=events(width=34, height=34, latest=2**23 - 1))
def test_nmnist_round_trip(seen: Events, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("events") / "a.bin"
    write_nmnist(path, seen)
    assert path.stat().st_size == 5 * len(seen)
    assert columns(read_nmnist(path)) == columns(seen)


@given(seen=events(width=256, height=240, latest=10**8, ascending=True))
def test_nmnist_round_trip_of_long_recordings(
    seen: Events, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("events") / "a.bin"
    write_nmnist(path, seen)
    assert columns(read_nmnist(path, size=(256, 240))) == columns(seen)


@given(seen=events(width=128, height=128, latest=2**31))
def test_aedat_round_trip(seen: Events, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("events") / "a.aedat"
    write_aedat(path, seen)
    assert columns(read_aedat(path)) == columns(seen)


@given(seen=events(latest=2**32 - 1), width=st.integers(1, 2**14))
def test_dat_round_trip(seen: Events, width: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("events") / "a.dat"
    wide = Events(
        x=np.minimum(seen.x * 5000, width - 1), y=seen.y, on=seen.on, t=seen.t,
        width=width, height=seen.height,
    )  # fmt: skip
    write_dat(path, wide)
    again = read_dat(path)
    assert columns(again) == columns(wide)
    assert (again.width, again.height) == (width, seen.height)


# --- files that are none


READERS: dict[str, tuple[Callable[..., Events], bytes]] = {
    "nmnist": (read_nmnist, NMNIST),
    "aedat": (read_aedat, AEDAT_HEADER + AEDAT),
    "dat": (read_dat, DAT_HEADER + DAT),
}


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_a_file_cut_short_is_refused_by_the_byte(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Cut within the events, where no event ends."""
    reader, content = READERS[name]
    body = len(content) - {"nmnist": 10, "aedat": 16, "dat": 16}[name]
    length = (len(content) - body) // 2
    cut = data.draw(st.integers(body + 1, len(content) - 1).filter(lambda n: (n - body) % length))
    path = file(tmp_path_factory.mktemp("events"), content[:cut])
    last = body + (cut - body) // length * length
    with pytest.raises(ns.DescriptionError, match=rf"byte {last} is .* before the end"):
        reader(path)


@pytest.mark.parametrize(
    ("reader", "content", "message"),
    [
        (read_nmnist, NMNIST[:5] + bytes([34, 0, 0, 0, 0]), "byte 5 is 'an event at x = 34, y = 0"),
        (read_aedat, b"", "byte 0 is b''; expected #!AER-DAT2.0"),
        (read_aedat, b"#!AER-DAT1.0\r\n", "byte 0 is b'#!AER-DAT1.0'"),
        (read_aedat, AEDAT_HEADER + bytes([0, 1, 0, 0, 0, 0, 0, 0]), "is '0x10000'"),
        (read_aedat, AEDAT_3_HEADER[:20], "#!END-HEADER"),
        (read_aedat, AEDAT_3_HEADER + packet(1, bytes(16), size=16), "events of 16 bytes"),
        (read_aedat, AEDAT_3_HEADER + packet(1, b"\1\0\0\xff" + bytes(4)), "x = 32640, y = 0"),
        (read_aedat, AEDAT_3_HEADER + packet(1, bytes(8))[:-8], "a packet of 1 events"),
        (read_dat, b"", "byte 0 is b''; expected a line"),
        (read_dat, DAT[:8], "byte 0 .* a line that begins with %"),
        (read_dat, DAT_HEADER, f"byte {len(DAT_HEADER)} is b''; expected type and size"),
        (read_dat, DAT_HEADER.replace(b"Version 2", b"Version 1") + DAT, "version 1"),
        (read_dat, DAT_HEADER.replace(b"% Version 2\n", b"") + DAT, "version .none."),
        (read_dat, DAT_HEADER.replace(b"% Width 640\n", b"") + DAT, "Give size="),
        (read_dat, DAT_HEADER.replace(b"640", b"639") + DAT, "x = 639, y = 479"),
        (read_dat, DAT_HEADER + bytes([14, 8]), "type 14, size 8"),
        (read_dat, DAT_HEADER + bytes([12, 16]), "type 12, size 16"),
        (read_dat, DAT_HEADER + DAT[:9] + bytes([0x20]) + DAT[10:], "polarity 2"),
    ],
)
def test_what_no_such_file_has_is_refused(
    reader: Callable[..., Events], content: bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ns.DescriptionError, match=message):
        reader(file(tmp_path, content))


@pytest.mark.parametrize("reader", [read_nmnist, read_aedat, read_dat])
def test_a_file_that_is_not_there(reader: Callable[..., Events], tmp_path: Path) -> None:
    with pytest.raises(ns.DescriptionError, match="expected a file"):
        reader(tmp_path / "none")


def test_a_size_given_serves_where_the_file_says_none(tmp_path: Path) -> None:
    path = file(tmp_path, DAT_HEADER.replace(b"% Width 640\n", b"") + DAT)
    assert read_dat(path, size=(800, 480)).width == 800
    with pytest.raises(ns.DescriptionError, match="size"):
        read_dat(path, size=(800, 0))
    with pytest.raises(ns.DescriptionError, match="read_nmnist: size"):
        read_nmnist(file(tmp_path, NMNIST), size=34)  # type: ignore[arg-type]
    with pytest.raises(ns.DescriptionError, match="are read for the DVS128"):
        read_aedat(file(tmp_path, AEDAT_HEADER), size=(240, 180))


def one(**changes: Any) -> Events:
    given: dict[str, Any] = {"x": [0], "y": [0], "on": [True], "t": [0], "width": 1, "height": 1}
    return Events(**(given | changes))


@pytest.mark.parametrize(
    ("writer", "wrong", "message"),
    [
        (write_nmnist, one(width=257), "events.width is 257; expected at most 256"),
        (write_nmnist, one(height=241), "events.height is 241; expected at most 240"),
        (
            write_nmnist,
            one(x=[0, 0], y=[0, 0], on=[True] * 2, t=[2**24, 0]),
            r"events.t\[1\] is 0;.*Sort them",
        ),
        (write_aedat, one(), r"\(1, 1\); expected events of 128 x 128"),
        (write_aedat, one(width=128, height=128, t=[2**32]), r"events.t\[0\] is 4294967296"),
        (
            write_aedat,
            one(x=[0, 0], y=[0, 0], on=[True] * 2, t=[2**32 - 1, 0], width=128, height=128),
            r"events.t\[1\] is 0",
        ),
        (write_dat, one(width=2**14 + 1), "events.width is 16385"),
        (write_dat, one(t=[2**32]), "below 2.32 us"),
    ],
)
def test_what_a_format_cannot_hold_is_not_written(
    writer: Callable[..., None], wrong: Events, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ns.DescriptionError, match=message):
        writer(tmp_path / "file", wrong)
    assert not (tmp_path / "file").exists()

"""What the first bytes of a picture file say: its kind, its size, and how a HEIF file is turned.

Read before any memory is taken for the pixels: a file of 100 kB can ask for gigabytes. Pure: bytes
in, values out. Sizes are (height, width) as the pixels are stored.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from edgepose.types import Size

Orientation = tuple[int, int, int, int]
"""(a, b, c, d): a stored pixel (x, y) is shown at (a x + c y, b x + d y), up to a shift. Each is
-1, 0 or 1: the eight ways in which a picture can be turned and mirrored."""

UPRIGHT: Final[Orientation] = (1, 0, 0, 1)
MAX_SCANS: Final = 100
"""Of one JPEG. A progressive one has about ten, and may repeat a scan of 75 bytes for ever: each
costs a pass over all pixels, so that 600 kB of them took a minute to decode."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """The kind of a picture, and its stored size, None where the header is damaged."""

    kind: str
    size: Size | None
    orientation: Orientation = UPRIGHT  # of HEIF files; EXIF is left to the decoder


def read_header(data: bytes) -> ImageHeader | None:
    """Return what the head of a picture file says, None for anything that is no known picture."""
    for pattern, kind, size_of in _KINDS:
        if pattern.match(data):
            return ImageHeader(kind, _attempt(size_of, data))
    return _heif(data) if data[4:8] == b"ftyp" else None


def scans(data: bytes) -> int:
    """Return how many scans a JPEG has at most: bytes behind its end count as well."""
    return data.count(b"\xff\xda")


def _attempt(size_of: Callable[[bytes], Size | None], data: bytes) -> Size | None:
    try:
        size = size_of(data)
    except (struct.error, ValueError, IndexError):
        return None
    return size if size and min(size) > 0 else None


_SIZED_SEGMENTS: Final = frozenset((0xC4, 0xCC, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE))


def _jpeg(data: bytes) -> Size | None:
    """Walk over the segments to the frame header (ITU-T T.81, B.2.2).

    None for markers without a length and for garbage: decoders skip both, and find another header.
    """
    at = 2
    while at + 9 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF:
            return None
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _SIZED_SEGMENTS:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
        elif 0xC0 <= marker <= 0xCF and marker != 0xC8:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return height, width
        else:
            return None
    return None


def _png(data: bytes) -> Size:
    width, height = struct.unpack_from(">II", data, 16)
    return height, width


def _gif(data: bytes) -> Size:
    width, height = struct.unpack_from("<HH", data, 6)
    return height, width


def _bmp(data: bytes) -> Size:
    is_old = struct.unpack_from("<I", data, 14)[0] == 12
    width, height = struct.unpack_from("<HH" if is_old else "<ii", data, 18)
    return abs(height), abs(width)


def _webp(data: bytes) -> Size | None:
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return height + 1, width + 1
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return height & 0x3FFF, width & 0x3FFF
    return None


def _pnm(data: bytes) -> Size:
    fields = re.sub(rb"#[^\n]*", b" ", data[2:4096]).split(maxsplit=2)
    return int(fields[1]), int(fields[0])


def _tiff(data: bytes) -> Size:
    """Read ImageLength and ImageWidth of the first directory (TIFF 6.0, section 2).

    Of a tag that comes twice the first counts, as for libtiff.
    """
    order = "<" if data[:1] == b"I" else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    sizes: dict[int, int] = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, form = struct.unpack_from(f"{order}HH", data, at)
        if tag in (256, 257):
            (value,) = struct.unpack_from(order + ("H" if form == 3 else "I"), data, at + 8)
            sizes.setdefault(tag, value)
    return sizes.get(257, 0), sizes.get(256, 0)


def _jpeg2000(data: bytes) -> Size:
    """Read the SIZ segment of the code stream, which is what decoders allocate by."""
    siz = data.index(b"\xff\x4f\xff\x51")
    right, bottom, left, top = struct.unpack_from(">4I", data, siz + 8)
    return bottom - top, right - left


_KINDS: Final = tuple(
    (re.compile(pattern, re.DOTALL), kind, size_of)
    for pattern, kind, size_of in (
        (rb"\xff\xd8\xff", "JPEG", _jpeg),
        (rb"\x89PNG\r\n\x1a\n", "PNG", _png),
        (rb"GIF8[79]a", "GIF", _gif),
        (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", "BMP", _bmp),
        (rb"RIFF....WEBP", "WebP", _webp),
        (rb"P[1-6][\s#]", "PNM", _pnm),
        (rb"II\*\0|MM\0\*", "TIFF", _tiff),
        (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "JPEG 2000", _jpeg2000),
    )
)

_MAX_OBUS: Final = 5000  # of one AV1 picture: at most 4,096 tiles, each in a group of its own
_BRANDS: Final = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
)


class _Box(NamedTuple):
    """A box of a file of the ISO base media format: its type and what is in it."""

    kind: bytes
    body: bytes


def _boxes(data: bytes) -> Iterator[_Box]:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:  # to the end of the file, or of 64 bits: neither is so in a header
            return
        yield _Box(data[at + 4 : at + 8], data[at + 8 : at + size])
        at += size


def _inside(data: bytes, kind: bytes) -> bytes:
    """Return what is in the first box of a kind, nothing where there is none."""
    return next((box.body for box in _boxes(data) if box.kind == kind), b"")


def _heif(data: bytes) -> ImageHeader | None:
    """Read the properties of the primary item (ISO/IEC 23008-12, 6.5 and 9.3)."""
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, 64, 4))]
    kinds = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
    if not kinds or data[8:12] not in _BRANDS:
        return None
    kind = "AVIF" if "AVIF" in kinds else "HEIC"
    try:
        properties = list(_properties(_inside(data, b"meta")[4:]))
    except (struct.error, IndexError):
        properties = []
    orientation = UPRIGHT
    size = None
    for box in properties:
        if box.kind == b"ispe" and len(box.body) >= 12:
            width, height = struct.unpack_from(">II", box.body, 4)
            size = (height, width)
        elif box.kind in _TURNS and box.body:
            orientation = _then(orientation, _TURNS[box.kind][box.body[0] & 3])
    return ImageHeader(kind, size, orientation)


def _properties(meta: bytes) -> Iterator[_Box]:
    """Give the properties of the primary item in their order."""
    primary = _inside(meta, b"pitm")
    wanted = int.from_bytes(primary[4:6] if primary[:1] == b"\0" else primary[4:8], "big")
    known = list(_boxes(_inside(_inside(meta, b"iprp"), b"ipco")))
    for index in _associated(_inside(_inside(meta, b"iprp"), b"ipma"), wanted):
        if 0 < index <= len(known):
            yield known[index - 1]


def _associated(table: bytes, wanted: int) -> list[int]:
    """Return the numbers of an item's properties, from 1, as the `ipma` box gives them."""
    if len(table) < 8:
        return []
    id_form, is_wide = ">H" if table[0] == 0 else ">I", table[3] & 1
    (items,) = struct.unpack_from(">I", table, 4)
    at = 8
    for _ in range(min(items, len(table))):
        (item,) = struct.unpack_from(id_form, table, at)
        at += struct.calcsize(id_form)
        count, width = table[at], 2 if is_wide else 1
        raw = table[at + 1 : at + 1 + count * width]
        if item == wanted:
            mask = 0x7FFF if is_wide else 0x7F  # the highest bit marks what a reader must know
            return [
                int.from_bytes(raw[n : n + width], "big") & mask for n in range(0, len(raw), width)
            ]
        at += 1 + count * width
    return []


_LEFT_RIGHT: Final[Orientation] = (-1, 0, 0, 1)
_TOP_BOTTOM: Final[Orientation] = (1, 0, 0, -1)
# Quarter turns against the clock, and the mirror's axis.
_TURNS: Final[dict[bytes, tuple[Orientation, ...]]] = {
    b"irot": (UPRIGHT, (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0)),
    b"imir": (_TOP_BOTTOM, _LEFT_RIGHT, _TOP_BOTTOM, _LEFT_RIGHT),
}


def _then(first: Orientation, second: Orientation) -> Orientation:
    """Return the orientation of turning by one and then by the other."""
    (a, b, c, d), (e, f, g, h) = first, second
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h

"""Pictures that belong to messages: which files are taken, and how large they are, told from their first bytes."""

from __future__ import annotations

import base64
import re
import struct

import msgspec

from paddock.sdk.errors import BadRequest
from paddock.sdk.units import bytes_text

LARGEST_BYTES = 20 * 2**20
MOST_PIXELS = 50_000_000
WIDEST = 100
"""Times as long as the other side is the longer one at most."""
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/bmp": ".bmp"}
"""What the files of the media types that are taken end with."""
_FORMATS = "Paddock reads PNG, JPEG, GIF and BMP."
_START_OF_FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]")


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of a message. ``hash`` is the SHA-256 of its file, in hexadecimal digits; ``data`` is that file, where
    it travels along; the picture stands before character ``at`` of the message's text."""

    hash: str
    media_type: str = ""
    width: int = 0
    height: int = 0
    at: int = 0
    data: bytes | None = None


def picture_of(data: bytes, *, at: int = 0) -> Picture:
    """The picture in a file's content, to stand before character ``at`` of its message.

    Raises BadRequest: it is no picture of a known format, or is too large.
    """
    if not data:
        raise BadRequest("The picture’s file is empty.", hint=_FORMATS)
    if len(data) > LARGEST_BYTES:
        raise BadRequest(
            f"The picture’s file has more than {bytes_text(LARGEST_BYTES)}, the most that Paddock takes.",
            hint="Save it smaller, or as JPEG.",
        )
    media_type, (width, height) = _looked_at(data)
    if not width or not height:
        raise BadRequest("The picture has no pixels.", hint="Its file may be damaged.")
    if width * height > MOST_PIXELS:
        raise BadRequest(
            f"The picture has {width:,} × {height:,} pixels; Paddock takes up to {MOST_PIXELS // 10**6} million.",
            hint="Scale it down: models see far fewer.",
        )
    if max(width, height) > WIDEST * min(width, height):
        raise BadRequest(
            f"The picture has {width:,} × {height:,} pixels, which no model can make out.", hint="Crop it first."
        )
    import hashlib

    digest = hashlib.sha256(data).hexdigest()
    return Picture(hash=digest, media_type=media_type, width=width, height=height, at=at, data=data)


def data_url(picture: Picture) -> str:
    """``picture``, which has its data, as a ``data:`` URL."""
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data or b'').decode()}"


def picture_of_url(url: str, *, at: int = 0) -> Picture:
    """The picture in a ``data:`` URL, to stand before character ``at`` of its message. Raises BadRequest."""
    head, comma, body = url.partition(",")
    if not head.lower().startswith("data:"):
        raise BadRequest(
            "Paddock fetches no pictures from elsewhere.", hint="Send the picture itself: data:image/png;base64,…"
        )
    if not comma or not head.lower().endswith(";base64"):
        raise BadRequest("The picture’s URL is not in base64.", hint="It begins like data:image/png;base64,…")
    try:
        data = base64.b64decode("".join(body.split()), validate=True)
    except ValueError:  # of letters that no base64 has it is not binascii's own
        raise BadRequest("The picture’s base64 is damaged.", hint="Encode it again.") from None
    return picture_of(data, at=at)


def _looked_at(data: bytes) -> tuple[str, tuple[int, int]]:
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return "image/png", struct.unpack_from(">II", data, 16)
        if data.startswith((b"GIF87a", b"GIF89a")):
            return "image/gif", struct.unpack_from("<HH", data, 6)
        if data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
            return "image/bmp", (abs(width), abs(height))
        if data.startswith(b"\xff\xd8\xff"):
            return "image/jpeg", _jpeg_size(data)
    except struct.error:
        raise BadRequest("The picture’s file ends in the middle.", hint="Get it again.") from None
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        raise BadRequest("The picture is in the format WebP.", hint=f"{_FORMATS} Save it in one of these.")
    raise BadRequest("This is no picture that Paddock knows.", hint=_FORMATS)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Of the frame; a thumbnail lies in a segment that is passed over."""
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", data, at)
        if _START_OF_FRAME.match(data, at):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        if marker < 0xFF00 or length < 2:
            raise BadRequest("The picture’s file is damaged.", hint="Save it again as PNG or JPEG.")
        at += 1 if marker == 0xFFFF else 2 + length

"""Draws the program's icon in its sizes: ``python tools/app_icon.py`` reads ``resources/app/paddock.svg``."""

from __future__ import annotations

import os
import struct
from pathlib import Path

SIZES = (48, 128, 256)
FOLDER = Path(__file__).resolve().parent.parent / "resources" / "app"


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QGuiApplication, QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    application = QGuiApplication([])
    renderer = QSvgRenderer(str(FOLDER / "paddock.svg"))
    for size in SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32)
        image.fill(0)
        painter = QPainter(image)
        renderer.render(painter)
        painter.end()
        image.save(str(FOLDER / f"paddock-{size}.png"))
    pictures = [(FOLDER / f"paddock-{size}.png").read_bytes() for size in SIZES]
    (FOLDER / "paddock.ico").write_bytes(_ico(pictures))
    application.shutdown()


def _ico(pictures: list[bytes]) -> bytes:
    """Windows' container of pictures: a directory, then the PNG files as they are."""
    start = 6 + 16 * len(pictures)
    entries = b""
    for size, picture in zip(SIZES, pictures, strict=True):
        entries += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(picture), start)
        start += len(picture)
    return struct.pack("<HHH", 0, 1, len(pictures)) + entries + b"".join(pictures)


if __name__ == "__main__":
    main()

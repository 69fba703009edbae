"""The bundled icons, tinted with a token and kept in Qt's pixmap cache per size and device pixel ratio."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap, QPixmapCache
from PySide6.QtSvg import QSvgRenderer

from paddock.resources import FOLDER

STROKE = 1.7


def names() -> list[str]:
    """All icons, sorted."""
    return sorted(path.stem for path in (FOLDER / "icons").glob("*.svg"))


def pixmap(name: str, color: str | QColor, size: int = 18, *, stroke: float = STROKE, ratio: float = 0.0) -> QPixmap:
    """The icon ``name`` in ``color``, ``size`` logical pixels square.

    Args:
        stroke: width of the lines on the 24 grid.
        ratio: device pixel ratio; 0 takes the primary screen's (a widget passes its own).

    Raises:
        FileNotFoundError: there is no such icon.
    """
    ratio = ratio or QGuiApplication.primaryScreen().devicePixelRatio()
    tint = color.name() if isinstance(color, QColor) else color
    key = f"paddock-icon:{name}:{tint}:{size}:{stroke}:{ratio}"
    found = QPixmap()
    if QPixmapCache.find(key, found):
        return found
    svg = (FOLDER / "icons" / f"{name}.svg").read_text(encoding="ascii")
    svg = svg.replace("currentColor", tint).replace('stroke-width="1.7"', f'stroke-width="{stroke}"')
    drawn = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, drawn.width(), drawn.height()))
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    QPixmapCache.insert(key, drawn)
    return drawn


def icon(name: str, color: str | QColor, size: int = 18) -> QIcon:
    """For menus and actions, which take a QIcon; not re-tinted when the theme changes."""
    return QIcon(pixmap(name, color, size))

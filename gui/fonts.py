"""The bundled fonts (OFL, resources/fonts) and the system's, on request."""

from __future__ import annotations

from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import QApplication

from paddock.resources import FOLDER

SANS = "Inter"
MONO = "JetBrains Mono"
FILES = (
    "Inter-Regular.otf",
    "Inter-Medium.otf",
    "Inter-SemiBold.otf",
    "Inter-Italic.otf",
    "JetBrainsMono-Regular.ttf",
    "JetBrainsMono-Medium.ttf",
)

_PROPERTY = "paddock_fonts"


def install(app: QApplication) -> None:
    """Register the bundled fonts with ``app``, once. Raises OSError when a file is missing: a broken installation."""
    if app.property(_PROPERTY):
        return
    for name in FILES:
        path = FOLDER / "fonts" / name
        if QFontDatabase.addApplicationFont(str(path)) < 0:
            raise OSError(f"Qt cannot read the font {path}.")
    app.setProperty(_PROPERTY, True)


def system_font() -> QFont:
    """The font the desktop uses for interface text."""
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)

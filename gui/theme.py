"""The one theme module: the tokens of the design, and what applies them to Qt.

A :class:`Theme` is a value. :class:`ThemeSource` decides which one is in force (settings and the system's colour
scheme), applies it to the application and says so with ``changed``. Painted widgets ask :func:`current` while
painting; Qt itself repaints them on a change of palette, font or style.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from paddock.gui import fonts
from paddock.gui.kept_places import hold_places
from paddock.gui.stylesheet import stylesheet

Mode = Literal["light", "dark"]
Weight = Literal[400, 500, 600]

_PROPERTY = "paddock_theme"


class Syntax(NamedTuple):
    """Colours of highlighted code."""

    keyword: str
    function: str
    string: str
    comment: str
    number: str
    cls: str


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The tokens of the face, as ``#RRGGBB``. A ``soft`` colour is the background its colour is readable on; ``track``
    is what is not filled of a bar."""

    window: str
    surface: str
    raised: str
    sunken: str
    bubble: str
    hover: str
    selected: str
    track: str
    border: str
    border_strong: str
    text: str
    text2: str
    muted: str
    accent: str
    accent_hover: str
    accent_soft: str
    on_accent: str
    ok: str
    ok_soft: str
    warn: str
    warn_soft: str
    bad: str
    bad_soft: str
    selection: str
    silks: tuple[str, str, str, str, str, str]
    syntax: Syntax


LIGHT = Palette(
    window="#F4F3EF",
    surface="#FDFDFB",
    raised="#FFFFFF",
    sunken="#F1F0EB",
    bubble="#F1F0EB",
    hover="#EAE9E3",
    selected="#E2E0D9",
    track="#D8D6CE",
    border="#E2E0D9",
    border_strong="#8B8980",
    text="#1D1C19",
    text2="#55534C",
    muted="#69675F",
    accent="#2C52CF",
    accent_hover="#2345B5",
    accent_soft="#E6EBFB",
    on_accent="#FFFFFF",
    ok="#1A7442",
    ok_soft="#E0F2E7",
    warn="#8A5800",
    warn_soft="#FBF0D8",
    bad="#B3261E",
    bad_soft="#FBE7E5",
    selection="#CBD8FB",
    silks=("#2C52CF", "#C2410C", "#0F766E", "#7C3AED", "#A16207", "#BE185D"),
    syntax=Syntax("#A626A4", "#2C52CF", "#1A7442", "#69675F", "#8A5E00", "#A94A08"),
)

DARK = Palette(
    window="#161614",
    surface="#1C1C1A",
    raised="#252522",
    sunken="#141412",
    bubble="#292926",
    hover="#292926",
    selected="#33332F",
    track="#3A3A35",
    border="#31312D",
    border_strong="#77756C",
    text="#ECEAE4",
    text2="#B7B5AC",
    muted="#98968D",
    accent="#8DA6FF",
    accent_hover="#A6BAFF",
    accent_soft="#262D4A",
    on_accent="#10173A",
    ok="#63CE92",
    ok_soft="#1B3327",
    warn="#E7B657",
    warn_soft="#38301B",
    bad="#FF8D84",
    bad_soft="#402422",
    selection="#34406F",
    silks=("#8DA6FF", "#FF9A6B", "#4FC9BC", "#BE9BFF", "#E0B84C", "#FF8FB8"),
    syntax=Syntax("#D9A2F5", "#8DA6FF", "#8FD3A6", "#98968D", "#E7B657", "#FFB38A"),
)


@dataclass(frozen=True)
class Theme:
    """Colours, type and measures. ``zoom`` scales text and the measures that hold text (1.0 = 100 %)."""

    mode: Mode = "light"
    zoom: float = 1.0
    system_font: bool = False
    compact: bool = False

    @cached_property
    def palette(self) -> Palette:
        return LIGHT if self.mode == "light" else DARK

    def font(
        self,
        size: int = 13,
        weight: Weight = 400,
        *,
        mono: bool = False,
        tabular: bool = False,
        verbatim: bool = False,
    ) -> QFont:
        """A font of ``size`` logical pixels at 100 %, the caller's own. ``tabular`` for every number that changes,
        ``verbatim`` for what is typed and for code: each sign as it is there."""
        key = (size, weight, mono, tabular, verbatim or mono)
        if key not in self._fonts:
            self._fonts[key] = self._font(*key)
        return QFont(self._fonts[key])

    @cached_property
    def _fonts(self) -> dict[tuple[int, Weight, bool, bool, bool], QFont]:
        """Made so far: painting asks for the same few hundreds of times."""
        return {}

    def _font(self, size: int, weight: Weight, mono: bool, tabular: bool, verbatim: bool) -> QFont:
        if mono:
            font = QFont(fonts.MONO)
        else:
            font = fonts.system_font() if self.system_font else QFont(fonts.SANS)
        if verbatim:  # ligatures would redraw <= and -> as other signs
            font.setFeature(QFont.Tag("calt"), 0)
            font.setFeature(QFont.Tag("liga"), 0)
        font.setPixelSize(self.px(size))
        font.setWeight(QFont.Weight(weight))
        font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
        if tabular:
            font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def px(self, measure: float) -> int:
        """``measure`` logical pixels at 100 %, at this zoom."""
        return max(1, round(measure * self.zoom))

    def color(self, token: str, alpha: float = 1.0) -> QColor:
        """The colour of the token called ``token``."""
        color = QColor(getattr(self.palette, token))
        color.setAlphaF(alpha)
        return color

    def silk(self, number: int) -> str:
        """The colour of silk ``number``, counted from 0; past the sixth they repeat (the number tells them apart)."""
        return self.palette.silks[number % len(self.palette.silks)]

    def qt_palette(self) -> QPalette:
        """A palette of its own for the caller."""
        return QPalette(self._qt_palette)

    @cached_property
    def _qt_palette(self) -> QPalette:
        p = self.palette
        role = QPalette.ColorRole
        colors = {
            role.Window: p.window,
            role.WindowText: p.text,
            role.Base: p.raised,
            role.AlternateBase: p.window,
            role.Text: p.text,
            role.Button: p.raised,
            role.ButtonText: p.text,
            role.BrightText: p.bad,
            role.Highlight: p.selection,
            role.HighlightedText: p.text,
            role.PlaceholderText: p.muted,
            role.Link: p.accent,
            role.LinkVisited: p.accent,
            role.Accent: p.accent,
            role.ToolTipBase: p.raised,
            role.ToolTipText: p.text,
            role.Light: p.raised,
            role.Midlight: p.hover,
            role.Mid: p.border,
            role.Dark: p.border_strong,
            role.Shadow: p.border_strong,
        }
        palette = QPalette()
        for which, color in colors.items():
            palette.setColor(which, QColor(color))
        for which in (role.WindowText, role.Text, role.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(p.muted))
        return palette

    def apply(self, app: QApplication) -> None:
        """Make this the theme of ``app``: Fusion, palette, font, one short style sheet. GUI thread."""
        fonts.install(app)
        app.setProperty(_PROPERTY, self)
        if app.style().objectName() != "fusion" and not app.styleSheet():
            app.setStyle("Fusion")
        app.setPalette(self.qt_palette())
        app.setFont(self.font())
        app.setStyleSheet("")  # a sheet in place of another is set anew on a widget for each of its ancestors (Qt 6.11)
        app.setStyleSheet(stylesheet(self))


def current() -> Theme:
    """The theme in force; the light one before any was applied."""
    app = QApplication.instance()
    theme = app.property(_PROPERTY) if app is not None else None
    return theme if isinstance(theme, Theme) else Theme()


_MEASURES = (QEvent.Type.FontChange, QEvent.Type.ApplicationFontChange, QEvent.Type.StyleChange)


def new_measures(event: QEvent) -> bool:
    """Whether ``event``, of a ``changeEvent``, may come with text of another size or rows of another height.

    Qt tells windows alone of ApplicationFontChange; a part of a window hears of FontChange, or of StyleChange only
    where its font is its own.
    """
    return event.type() in _MEASURES


def new_look(event: QEvent) -> bool:
    """The same, or other colours."""
    return event.type() == QEvent.Type.PaletteChange or new_measures(event)


class ThemeSource(QObject):
    """Keeps the application in the chosen theme, and in the system's where ``choice`` is ``system``.

    Owned by the composition root, on the GUI thread. ``changed`` carries the new :class:`Theme` after it was applied.
    """

    changed = Signal(object)

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self._choice: Literal["system", "light", "dark"] = "system"
        self._zoom = 1.0
        self._system_font = False
        self._compact = False
        self._theme: Theme | None = None
        app.styleHints().colorSchemeChanged.connect(self._refresh)

    @property
    def theme(self) -> Theme:
        return self._theme if self._theme is not None else self._wanted()

    def set(
        self,
        *,
        choice: Literal["system", "light", "dark"] | None = None,
        zoom: float | None = None,
        system_font: bool | None = None,
        compact: bool | None = None,
    ) -> None:
        """Change what is wanted (None leaves it) and apply the outcome when it differs. ``zoom`` 0.5 to 3."""
        if choice is not None:
            self._choice = choice
            hints = self._app.styleHints()
            if choice == "system":
                hints.unsetColorScheme()
            else:
                hints.setColorScheme(Qt.ColorScheme.Dark if choice == "dark" else Qt.ColorScheme.Light)
        if zoom is not None:
            self._zoom = min(3.0, max(0.5, zoom))
        if system_font is not None:
            self._system_font = system_font
        if compact is not None:
            self._compact = compact
        self._refresh()

    def _wanted(self) -> Theme:
        mode: Mode
        if self._choice == "system":
            mode = "dark" if self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark else "light"
        else:
            mode = self._choice
        return Theme(mode, self._zoom, self._system_font, self._compact)

    def _refresh(self) -> None:
        wanted = self._wanted()
        if wanted != self._theme:
            before, self._theme = self._theme, wanted
            same_measures = before is not None and replace(before, mode=wanted.mode) == wanted
            restore_places = hold_places(self._app, same_measures=same_measures)
            wanted.apply(self._app)
            restore_places()
            self.changed.emit(wanted)

"""Contrast of every pair of tokens in use, and the theme as a value."""

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QFont, QFontInfo
from PySide6.QtWidgets import QApplication, QWidget

from paddock.gui import icons, theme
from paddock.gui.theme import DARK, LIGHT, Palette, Theme, ThemeSource

TEXT_PAIRS = [
    *(("text", on) for on in ("window", "surface", "raised", "sunken", "bubble", "hover", "selected", "selection")),
    *(("text", on) for on in ("bad_soft", "warn_soft", "ok_soft", "accent_soft")),
    *(("text2", on) for on in ("window", "surface", "raised", "sunken", "bubble", "hover", "selected")),
    *(("text2", on) for on in ("bad_soft", "warn_soft", "ok_soft", "accent_soft")),
    *(("muted", on) for on in ("window", "surface", "raised", "sunken", "hover")),
    *(("accent", on) for on in ("window", "surface", "raised", "accent_soft")),
    *(("on_accent", on) for on in ("accent", "accent_hover", "muted")),
    *((tone, on) for tone in ("ok", "warn", "bad") for on in ("surface", "window", "raised", f"{tone}_soft")),
]
SHAPE_PAIRS = [("border_strong", on) for on in ("window", "surface", "raised")] + [("accent", "surface")]


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "on"), TEXT_PAIRS)
def test_text_is_readable(palette: Palette, ink: str, on: str) -> None:
    assert contrast(getattr(palette, ink), getattr(palette, on)) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "on"), SHAPE_PAIRS)
def test_shapes_can_be_told_from_their_ground(palette: Palette, ink: str, on: str) -> None:
    assert contrast(getattr(palette, ink), getattr(palette, on)) >= 3.0


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("on", ["window", "surface", "raised"])
def test_what_is_not_filled_of_a_bar_is_seen_and_stays_quiet(palette: Palette, on: str) -> None:
    assert 1.25 <= contrast(palette.track, getattr(palette, on)) <= 1.6
    assert contrast(palette.accent, palette.track) >= 3.0
    assert contrast(palette.muted, palette.track) >= 3.0


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_silks_and_syntax_are_readable(palette: Palette) -> None:
    assert all(contrast(silk, palette.surface) >= 4.5 for silk in palette.silks)
    assert all(contrast(color, palette.sunken) >= 4.5 for color in palette.syntax)


def test_the_current_theme_is_the_applied_one(qapp: QApplication) -> None:
    Theme("dark").apply(qapp)
    assert theme.current().mode == "dark"
    Theme("light").apply(qapp)
    assert theme.current().palette is LIGHT


def test_the_bundled_fonts_are_found_in_every_weight(qapp: QApplication) -> None:
    look = Theme()
    look.apply(qapp)
    for weight in (400, 500, 600):
        info = QFontInfo(look.font(13, weight))  # type: ignore[arg-type]
        assert (info.family(), info.weight()) == ("Inter", weight)
    mono = look.font(13, mono=True)
    assert QFontInfo(mono).family() == "JetBrains Mono"
    assert mono.featureValue(QFont.Tag("calt")) == 0
    assert look.font(12, tabular=True).featureValue(QFont.Tag("tnum")) == 1


def test_widgets_hear_of_a_new_theme(qapp: QApplication) -> None:
    class Listener(QWidget):
        heard = 0

        def changeEvent(self, event: QEvent) -> None:
            if event.type() == QEvent.Type.PaletteChange:
                self.heard += 1
            super().changeEvent(event)

    source = ThemeSource(qapp)
    told: list[Theme] = []
    source.changed.connect(told.append)
    source.set(choice="light")
    listener = Listener()
    listener.show()
    qapp.processEvents()
    before = listener.heard
    source.set(choice="dark")
    qapp.processEvents()
    assert listener.heard > before
    assert [look.mode for look in told] == ["light", "dark"]
    source.set(choice="dark")
    assert len(told) == 2
    source.set(zoom=1.5)
    assert told[-1].px(10) == 15
    source.set(choice="light", zoom=1.0)


def test_every_icon_can_be_drawn(qapp: QApplication) -> None:
    assert len(icons.names()) >= 50
    for name in icons.names():
        drawn = icons.pixmap(name, "#ff0000", 24, ratio=2.0)
        image = drawn.toImage()
        inked = [image.pixelColor(x, y) for x in range(0, 48, 2) for y in range(0, 48, 2)]
        assert any(color.alpha() > 100 and color.red() > 200 and color.blue() < 40 for color in inked), name


def test_an_unknown_icon_is_an_error(qapp: QApplication) -> None:
    with pytest.raises(FileNotFoundError):
        icons.pixmap("no-such-icon", "#000000")

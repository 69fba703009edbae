"""Small parts: painted subclasses of real Qt controls, so that keyboard and accessibility stay Qt's."""

from paddock.gui.widgets.buttons import Button, IconButton, RailButton
from paddock.gui.widgets.chip import Chip
from paddock.gui.widgets.fields import LineField, MessageField, SearchField, Select, TextArea
from paddock.gui.widgets.labels import Divider, ElidedLabel, Label, menu_words
from paddock.gui.widgets.notice import Notice
from paddock.gui.widgets.progress import Progress
from paddock.gui.widgets.values import NumberBox, Slider, StopSlider, Switch

__all__ = [
    "Button",
    "Chip",
    "Divider",
    "ElidedLabel",
    "IconButton",
    "Label",
    "LineField",
    "MessageField",
    "Notice",
    "NumberBox",
    "Progress",
    "RailButton",
    "SearchField",
    "Select",
    "Slider",
    "StopSlider",
    "Switch",
    "TextArea",
    "menu_words",
]

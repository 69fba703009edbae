"""The load options of a model as controls: what moves its memory most first, the others folded away."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.pages.form import silently
from paddock.gui.pages.load_fields import OptionField
from paddock.gui.pages.load_sliders import ContextField, LayersField, SliderField
from paddock.gui.widgets import Button, Divider, Label, Select
from paddock.sdk.llamacpp_load import CACHE_TYPES, LOAD
from paddock.sdk.memory import Estimate
from paddock.sdk.types import ModelInfo, Options

ENGINE = "llamacpp"
FIRST = ("n_ctx", "n_gpu_layers", "n_parallel")
KEYS, VALUES = "cache_type_k", "cache_type_v"


class CacheTypes(QWidget):
    """One type for the K and V caches; two different ones are shown as such."""

    changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choice = Select("Type of the KV cache", CACHE_TYPES)
        about = "Smaller types save memory and cost some quality."
        self.choice.setAccessibleDescription(about)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(Label("KV cache type", 13, 500))
        words.addWidget(Label(about, 12, 400, "text2", wrap=True))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.setSpacing(16)
        row.addLayout(words, 1)
        row.addWidget(self.choice, 0, Qt.AlignmentFlag.AlignVCenter)
        self.choice.activated.connect(self._chosen)

    def show_types(self, keys: str, values: str) -> None:
        silently(self.choice, lambda: self._put(keys, values))

    def _put(self, keys: str, values: str) -> None:
        while self.choice.count() > len(CACHE_TYPES):
            self.choice.removeItem(len(CACHE_TYPES))
        if keys != values:
            self.choice.addItem(f"K {keys}, V {values}")
        self.choice.setCurrentIndex(CACHE_TYPES.index(keys) if keys == values else len(CACHE_TYPES))
        self.choice.updateGeometry()

    def _chosen(self, place: int) -> None:
        if place < len(CACHE_TYPES):
            self.changed.emit(CACHE_TYPES[place])


class LoadSettings(QWidget):
    """``changed`` follows every change by the user. Models of other engines have no settings here yet."""

    changed = Signal()

    def __init__(self, info: ModelInfo | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trained = info.context_length if info is not None else None
        specs = {spec.name: spec for spec in LOAD} if info is None or info.engine == ENGINE else {}
        self.specs = specs
        self._fits: int | None = None
        self.fields: dict[str, SliderField | OptionField] = {}
        self.more = QWidget()
        self.unfold = Button("More settings", "link", "chevron-down")
        self.cache = CacheTypes()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.unfold.clicked.connect(self._fold)
        self.cache.changed.connect(self._both_caches)
        if specs:
            self._add_first(column)
            self._add_more()
        line = QHBoxLayout()
        line.addWidget(self.unfold)
        line.addStretch(1)
        column.addLayout(line)
        column.addWidget(self.more)
        self.more.hide()
        self.unfold.setVisible(bool(specs))

    def _add_first(self, column: QVBoxLayout) -> None:
        self.context = ContextField(self.specs["n_ctx"], self._trained)
        self.layers = LayersField(self.specs["n_gpu_layers"])
        parallel = self.specs["n_parallel"]
        most = int(parallel.soft_maximum or 16)
        usual = parallel.default if isinstance(parallel.default, int) else 1
        self.parallel = SliderField(parallel, range(1, most + 1), usual)
        self.layers.hide()  # until a device is seen that could take some
        for name, field in zip(FIRST, (self.context, self.layers, self.parallel), strict=True):
            self._register(name, field)
        for widget in (self.context, self.cache, self.layers, self.parallel):
            column.addWidget(widget)

    def _add_more(self) -> None:
        column = QVBoxLayout(self.more)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        rest = [spec for spec in self.specs.values() if spec.name not in FIRST]
        for group in dict.fromkeys(spec.group for spec in rest):
            column.addSpacing(8)
            column.addWidget(Label(group, 12, 600, "text2"))
            column.addWidget(Divider())
            for spec in (spec for spec in rest if spec.group == group):
                field = OptionField(spec)
                self._register(spec.name, field)
                column.addWidget(field)

    def _register(self, name: str, field: SliderField | OptionField) -> None:
        self.fields[name] = field
        field.changed.connect(self._edited)

    def rows(self) -> list[QWidget]:
        """What stands below each other before the rest is unfolded."""
        first = (self.context, self.cache, self.layers, self.parallel) if self.specs else ()
        return [row for row in (*first, self.unfold) if row.isVisible()]

    # ---------------------------------------------------------------- values

    def options(self, others: Options) -> Options:
        """The options that differ from their defaults, and those that ``others`` sets, whatever they are."""
        options: Options = {}
        for name, field in self.fields.items():
            if field.differs():
                options[name] = field.value()
            elif name in others:
                options[name] = field.explicit()
        return options

    def set_options(self, options: Options) -> None:
        """Show ``options``, and the defaults of all others, without saying so."""
        for name, field in self.fields.items():
            field.set_value(options.get(name, self.specs[name].default))
        self._show_cache()

    def change_options(self, options: Options, *, in_force: bool = False) -> None:
        """Show ``options`` and leave the others. Of those ``in_force`` what the engine decides by default is left out,
        except for the context."""
        for name, field in self.fields.items():
            if name in options and (not in_force or name == FIRST[0] or self.specs[name].default is not None):
                field.set_value(options[name])
        self._show_cache()

    def show_estimate(self, estimate: Estimate, *, full: bool) -> None:
        """Ranges and marks that only the engine knows. The largest context holds until a full estimate says another."""
        if not self.specs:
            return
        self.layers.set_layers(estimate.layers)
        self.layers.setVisible(any(device.kind != "cpu" for device in estimate.devices))
        if full or estimate.max_context is not None:
            self._fits = estimate.max_context
        self.context.show_limits(self._fits, estimate.trained_context or self._trained or 0)
        self.context.show_chosen(estimate.context_length)

    def _both_caches(self, kind: str) -> None:
        for name in (KEYS, VALUES):
            self.fields[name].set_value(kind)
        self._edited()

    def _edited(self) -> None:
        self._show_cache()
        self.changed.emit()

    def _show_cache(self) -> None:
        if self.specs:
            self.cache.show_types(str(self.fields[KEYS].value()), str(self.fields[VALUES].value()))

    def _fold(self) -> None:
        shown = self.more.isHidden()
        self.more.setVisible(shown)
        self.unfold.setText("Fewer settings" if shown else "More settings")
        self.unfold.set_icon("chevron-up" if shown else "chevron-down")

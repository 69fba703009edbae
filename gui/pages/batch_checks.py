"""What all answers of a batch are looked at for, as rows of a form."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from paddock.gui.host_state import HostState
from paddock.gui.theme import current
from paddock.gui.widgets import Button, IconButton, LineField, Select
from paddock.sdk.batch_lines import DEFAULT_CRITERION
from paddock.sdk.compare import Check, CheckKind

KINDS: dict[CheckKind, tuple[str, str]] = {
    "contains": ("Contains", "Text that the answer must have"),
    "not_contains": ("Does not contain", "Text that the answer must not have"),
    "regex": ("Matches", "A regular expression, as in ^\\d+$"),
    "json_schema": ("Fits a JSON schema", '{"type": "object", "required": ["name"]}'),
    "judge": ("A model judges", DEFAULT_CRITERION),
}


class CheckRow(QWidget):
    """``removed``: its button was pressed."""

    removed = Signal()

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = Select("Kind of check", [title for title, _ in KINDS.values()])
        self.value = LineField("What is looked for")
        self.judge = Select("Judge")
        for info in sorted(host.models.values(), key=lambda info: info.name.lower()):
            if not info.error and "embedding" not in info.capabilities:
                self.judge.addItem(f"{info.name} {info.quant}".strip(), info.id)
        self.remove = IconButton("close", "Remove this check")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for part in (self.kind, self.judge):
            row.addWidget(part)
        row.addWidget(self.value, 1)
        row.addWidget(self.remove)
        self.kind.currentIndexChanged.connect(lambda _: self._show_kind())
        self.remove.clicked.connect(self.removed)
        self._show_kind()

    def _show_kind(self) -> None:
        kind = self._kind()
        self.judge.setVisible(kind == "judge")
        self.value.setPlaceholderText(KINDS[kind][1])

    def _kind(self) -> CheckKind:
        return list(KINDS)[self.kind.currentIndex()]

    def check(self) -> Check | None:
        """None while there is nothing to look for."""
        kind, value = self._kind(), self.value.text().strip()
        if kind == "judge":
            return Check(kind=kind, value=value or DEFAULT_CRITERION, model=str(self.judge.currentData() or ""))
        return Check(kind=kind, value=value) if value else None


class CheckRows(QWidget):
    """The rows, and the button for one more."""

    def __init__(self, host: HostState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self.rows: list[CheckRow] = []
        self.add = Button("Add a check", icon="plus")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(current().px(8))
        self._column.addWidget(self.add)
        self.add.clicked.connect(self.add_row)

    def add_row(self) -> CheckRow:
        row = CheckRow(self._host)
        row.removed.connect(lambda: self._remove(row))
        self.rows.append(row)
        self._column.insertWidget(len(self.rows) - 1, row)
        row.show()  # else it takes no focus yet
        row.value.setFocus()
        return row

    def _remove(self, row: CheckRow) -> None:
        self.rows.remove(row)
        row.hide()
        row.deleteLater()
        self.add.setFocus()

    def checks(self) -> tuple[Check, ...]:
        return tuple(check for row in self.rows if (check := row.check()) is not None)

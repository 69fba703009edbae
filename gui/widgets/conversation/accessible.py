"""The painted conversation for screen readers: a list of messages, each with its buttons and links.

Qt's cache owns registered interfaces and deletes them; Python only must not drop them before. :class:`Access` holds
them and takes them out of the cache with the rows they speak for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import shiboken6
from PySide6.QtCore import QObject, QPoint, QRect
from PySide6.QtGui import (
    QAccessible,
    QAccessibleActionInterface,
    QAccessibleAnnouncementEvent,
    QAccessibleEvent,
    QAccessibleInterface,
    QWindow,
)
from PySide6.QtWidgets import QApplication

from paddock.gui.widgets.conversation import walk
from paddock.gui.widgets.conversation.blocks import Target
from paddock.gui.widgets.conversation.endings import ending
from paddock.sdk.units import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paddock.gui.widgets.conversation.interactive import Interactive
    from paddock.gui.widgets.conversation.row import MessageRow
    from paddock.sdk.types import ChatMessage

_PROPERTY = "paddock_accessible_factory"
TEXT_LIMIT = 20_000
"""Characters of a message that are handed to a screen reader at once."""


def _nothing() -> Any:
    """No interface or object: Qt takes it, the stubs do not know."""
    return None


def announce(view: Interactive, message: ChatMessage) -> None:
    """Tell a screen reader that an answer has ended, and how."""
    card = ending(message)
    if card is not None:
        words = f"{card.sentence} {card.hint}".strip()
    else:
        tokens = message.usage.completion_tokens if message.usage is not None else 0
        words = f"Answer finished, {counted(tokens, 'token')}" if tokens else "Answer finished"
    QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(view, words))


def _factory(key: str, item: QObject) -> QAccessibleInterface | None:
    access = getattr(item, "access", None)
    return access.list_interface() if isinstance(access, Access) else None


class Access:
    """Keeps the interfaces of one view alive for as long as Qt may use them."""

    def __init__(self, view: Interactive) -> None:
        self.view = view
        self._lists: list[ListInterface] = []
        self._rows: dict[MessageRow, tuple[MessageInterface, int]] = {}
        self._stops: dict[tuple[MessageRow, int, str], tuple[StopInterface, int]] = {}
        app = QApplication.instance()
        if app is not None and not app.property(_PROPERTY):
            QAccessible.installFactory(_factory)
            app.setProperty(_PROPERTY, True)
        view.destroyed.connect(self._gone)

    def list_interface(self) -> ListInterface:
        """A new one each time: Qt asks again when PySide has given the view another meta-object, and deletes every one
        that it was given; the same one twice would be deleted twice."""
        self._lists.append(ListInterface(self))
        return self._lists[-1]

    def row(self, row: MessageRow) -> MessageInterface:
        found = self._rows.get(row)
        if found is None:
            made = MessageInterface(self, row)
            found = self._rows[row] = (made, QAccessible.registerAccessibleInterface(made))
        return found[0]

    def stop(self, row: MessageRow, place: int, key: str) -> StopInterface:
        found = self._stops.get((row, place, key))
        if found is None:
            made = StopInterface(self, row, place, key)
            found = self._stops[(row, place, key)] = (made, QAccessible.registerAccessibleInterface(made))
        return found[0]

    def focus(self, key: walk.Key) -> None:
        """A hit area has the focus."""
        if QAccessible.isActive():
            interface = self.stop(self.view.column.rows[key[0]], key[1], key[2])
            event = QAccessibleEvent(self.view, QAccessible.Event.Focus)
            event.setChild(self.row(self.view.column.rows[key[0]]).indexOfChild(interface))
            QAccessible.updateAccessibility(event)

    def focus_row(self, row: MessageRow) -> None:
        """A message has the focus."""
        if QAccessible.isActive():
            self.row(row)
            event = QAccessibleEvent(self.view, QAccessible.Event.Focus)
            event.setChild(self.view.column.rows.index(row))
            QAccessible.updateAccessibility(event)

    def forget_all_but(self, rows: Sequence[MessageRow]) -> None:
        """Take the interfaces of rows that left out of Qt's cache."""
        kept = set(rows)
        leaving: list[tuple[QAccessibleInterface, int]] = []
        leaving += [self._stops.pop(stop) for stop in [stop for stop in self._stops if stop[0] not in kept]]
        leaving += [self._rows.pop(row) for row in [row for row in self._rows if row not in kept]]
        # Python must still hold an interface while Qt deletes it, or it is deleted twice.
        for _, number in leaving:
            QAccessible.deleteAccessibleInterface(number)

    def _gone(self) -> None:
        self.forget_all_but(())  # the lists themselves Qt deletes after this, while they are held here


class _Interface(QAccessibleInterface):
    """What the three kinds share."""

    def __init__(self, access: Access) -> None:
        super().__init__()
        self.access = access

    def isValid(self) -> bool:
        return bool(shiboken6.isValid(self.access.view))

    def window(self) -> QWindow:
        return self.access.view.window().windowHandle()

    def setText(self, kind: QAccessible.Text, text: str) -> None:
        """Read only."""

    def childAt(self, x: int, y: int) -> Any:
        for number in range(self.childCount()):
            child = self.child(number)
            if child is not None and child.rect().contains(QPoint(x, y)):
                return child
        return _nothing()

    def on_screen(self, rect: QRect) -> QRect:
        """A rectangle in heights of the column, on the screen."""
        viewport = self.access.view.viewport()
        place = rect.translated(0, -self.access.view.scrolled())
        return QRect(viewport.mapToGlobal(place.topLeft()), place.size())


class ListInterface(_Interface):
    """The view itself."""

    def object(self) -> QObject:
        return self.access.view

    def parent(self) -> QAccessibleInterface:
        above = self.access.view.parentWidget()
        owner: Any = above if above is not None else QApplication.instance()
        return QAccessible.queryAccessibleInterface(owner)

    def role(self) -> QAccessible.Role:
        return QAccessible.Role.List

    def state(self) -> QAccessible.State:
        state = QAccessible.State()
        state.focusable = True
        state.focused = self.access.view.hasFocus()
        state.readOnly = True
        return state

    def text(self, kind: QAccessible.Text) -> str:
        view = self.access.view
        if kind == QAccessible.Text.Name:
            return view.accessibleName()
        if kind == QAccessible.Text.Description:
            count = len(view.column.rows)
            return f"{count} message" if count == 1 else f"{count} messages"
        return ""

    def rect(self) -> QRect:
        view = self.access.view
        return QRect(view.mapToGlobal(QPoint(0, 0)), view.size())

    def childCount(self) -> int:
        return len(self.access.view.column.rows)

    def child(self, index: int) -> QAccessibleInterface:
        rows = self.access.view.column.rows
        return self.access.row(rows[index]) if 0 <= index < len(rows) else _nothing()

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        rows = self.access.view.column.rows
        return rows.index(child.spoken) if isinstance(child, MessageInterface) and child.spoken in rows else -1


class MessageInterface(_Interface):
    """A message: who spoke and what, with its buttons and links as children."""

    def __init__(self, access: Access, row: MessageRow) -> None:
        super().__init__(access)
        self.spoken = row

    def object(self) -> Any:
        return _nothing()

    def parent(self) -> QAccessibleInterface:
        return QAccessible.queryAccessibleInterface(self.access.view)

    def role(self) -> QAccessible.Role:
        return QAccessible.Role.ListItem

    def state(self) -> QAccessible.State:
        state = QAccessible.State()
        state.readOnly = True
        state.busy = self.spoken.generating
        state.focusable = True
        state.focused = self.access.view.at_row is self.spoken
        return state

    def text(self, kind: QAccessible.Text) -> str:
        if kind not in (QAccessible.Text.Name, QAccessible.Text.Value):
            return ""
        words = self.spoken.full_text()[:TEXT_LIMIT]
        card = ending(self.spoken.message)
        after = f" {card.sentence} {card.hint}".rstrip() if card is not None else ""
        return f"{self.spoken.name()}: {words}{after}"

    def rect(self) -> QRect:
        view, row = self.access.view, self.spoken
        return self.on_screen(QRect(view.column_left(), row.top, view.column.width, row.height))

    def _stops(self) -> list[tuple[int, str]]:
        if not self.spoken.parsed:
            return []
        column = self.access.view.column
        number = column.rows.index(self.spoken) if self.spoken in column.rows else -1
        if number < 0:
            return []
        found: list[tuple[int, str]] = []
        for place in range(len(self.spoken.blocks)):
            found.extend((place, key[2]) for key, _ in walk.stops(column, number, place, self.access.view.open_link))
        return found

    def childCount(self) -> int:
        return len(self._stops())

    def child(self, index: int) -> QAccessibleInterface:
        stops = self._stops()
        return self.access.stop(self.spoken, *stops[index]) if 0 <= index < len(stops) else _nothing()

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        stops = self._stops()
        if isinstance(child, StopInterface) and (child.place, child.key) in stops:
            return stops.index((child.place, child.key))
        return -1


class _Press(QAccessibleActionInterface):
    """Pressing a button without a mouse."""

    def __init__(self, stop: StopInterface) -> None:
        super().__init__()
        self._stop = stop

    def actionNames(self) -> list[str]:
        return [QAccessibleActionInterface.pressAction(), QAccessibleActionInterface.setFocusAction()]

    def doAction(self, name: str) -> None:
        target = self._stop.target()
        if target is None:
            return
        if name == QAccessibleActionInterface.pressAction():
            target.run()
        else:
            self._stop.access.view.setFocus()
            self._stop.access.view.focus_target(self._stop.full_key(), "keyboard")

    def keyBindingsForAction(self, name: str) -> list[str]:
        return []


class StopInterface(_Interface):
    """A button or link in a message."""

    def __init__(self, access: Access, row: MessageRow, place: int, key: str) -> None:
        super().__init__(access)
        self.row = row
        self.place = place
        self.key = key
        self._press = _Press(self)

    def full_key(self) -> walk.Key:
        rows = self.access.view.column.rows
        return (rows.index(self.row) if self.row in rows else -1, self.place, self.key)

    def target(self) -> Target | None:
        number, place, key = self.full_key()
        if number < 0 or place >= len(self.row.blocks):
            return None
        view = self.access.view
        return next((t for k, t in walk.stops(view.column, number, place, view.open_link) if k[2] == key), None)

    def isValid(self) -> bool:
        return super().isValid() and self.target() is not None

    def object(self) -> Any:
        return _nothing()

    def parent(self) -> QAccessibleInterface:
        return self.access.row(self.row)

    def role(self) -> QAccessible.Role:
        target = self.target()
        roles = {"link": QAccessible.Role.Link, "scroll": QAccessible.Role.ScrollBar}
        return roles.get(target.kind if target is not None else "", QAccessible.Role.Button)

    def state(self) -> QAccessible.State:
        state = QAccessible.State()
        target, view = self.target(), self.access.view
        state.focusable = True
        state.focused = view.hasFocus() and view.focused == self.full_key()
        if target is not None and target.expanded is not None:
            state.expandable = True
            state.expanded = target.expanded
            state.collapsed = not target.expanded
        return state

    def text(self, kind: QAccessible.Text) -> str:
        target = self.target()
        return target.name if target is not None and kind == QAccessible.Text.Name else ""

    def rect(self) -> QRect:
        target = self.target()
        if target is None:
            return QRect()
        return self.on_screen(self.access.view.place_of(self.full_key(), target.rect))

    def childCount(self) -> int:
        return 0

    def child(self, index: int) -> Any:
        return _nothing()

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        return -1

    def interface_cast(self, kind: QAccessible.InterfaceType) -> Any:
        # The stubs say int; what arrives in C++ is right only as a VoidPtr.
        if kind != QAccessible.InterfaceType.ActionInterface:
            return shiboken6.VoidPtr(0)  # None aborts the conversion
        return shiboken6.VoidPtr(shiboken6.getCppPointer(self._press)[0])

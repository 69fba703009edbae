"""The context menus of the conversation: what can be copied where one clicked, and what can be done with a message."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenu

from paddock.gui.widgets.conversation import copying
from paddock.gui.widgets.conversation.blocks import Block
from paddock.gui.widgets.conversation.code import CodeBlock
from paddock.gui.widgets.conversation.displays import MathsBlock
from paddock.gui.widgets.conversation.nodes import opens, plain_text
from paddock.gui.widgets.conversation.offers import entries
from paddock.gui.widgets.conversation.renderings import markdown
from paddock.gui.widgets.conversation.row import MessageRow
from paddock.gui.widgets.conversation.table import TableRowBlock
from paddock.gui.widgets.menu import Menu

if TYPE_CHECKING:
    from paddock.gui.widgets.conversation.view import ConversationView


def at_point(view: ConversationView, point: QPointF) -> QMenu:
    """The menu of what lies at ``point`` of the viewport, from the small to the large."""
    menu = _menu(view)
    _selection(view, menu)
    link = view.link_at(point)
    if link:
        menu.addSeparator()
        if opens(link):
            menu.addAction("Open link", partial(view.open_link, link))
        menu.addAction("Copy link address", partial(view.copy_text, link, "link"))
    found = view.block_at(point)
    if found is not None:
        menu.addSeparator()
        _block(view, menu, found[2])
        menu.addSeparator()
        _message(view, menu, view.column.rows[found[0]])
    menu.addSeparator()
    menu.addAction("Select all", QKeySequence(QKeySequence.StandardKey.SelectAll), view.select_all)
    menu.addAction("Find in this chat", view.open_find)
    return menu


def of_message(view: ConversationView, row: MessageRow) -> QMenu:
    """The menu of one message."""
    menu = _menu(view)
    _message(view, menu, row)
    return menu


def below(view: ConversationView, row: MessageRow) -> QPoint:
    """Where the menu of a message opens by keyboard: at its upper left, within the view."""
    y = min(max(8, row.top - view.scrolled() + 24), view.viewport().height() - 40)
    left = row.bubble[0] if row.bubble is not None else 0
    return view.viewport().mapToGlobal(QPoint(view.column_left() + left + 16, y))


def _menu(view: ConversationView) -> QMenu:
    menu = Menu(view)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return menu


def _selection(view: ConversationView, menu: QMenu) -> None:
    some = view.selection.range() is not None
    for words, run in (
        ("Copy", view.copy_selection),
        (
            "Copy as Markdown",
            lambda: view.copy_text(copying.as_markdown(copying.gathered(view.selection)), "selection"),
        ),
        ("Copy as plain text", lambda: view.copy_text(view.selected_text(), "selection")),
    ):
        menu.addAction(words, run).setEnabled(some)


def _block(view: ConversationView, menu: QMenu, block: Block) -> None:
    match block:
        case CodeBlock():
            menu.addAction("Copy code", partial(view.copy_text, block.group.node.text, "code"))
            wrap = menu.addAction("Wrap long lines", block.toggle_wrap)
            wrap.setCheckable(True)
            wrap.setChecked(block.group.wrap)
        case TableRowBlock():
            node = block.group.node
            menu.addAction("Copy table for a spreadsheet", lambda: view.copy_text(plain_text(node), "table"))
            menu.addAction("Copy table as Markdown", lambda: view.copy_text(markdown([node]), "table"))
        case MathsBlock():
            menu.addAction("Copy formula as LaTeX", partial(view.copy_text, block.node.source, "formula"))
        case _:
            pass


def _message(view: ConversationView, menu: QMenu, row: MessageRow) -> None:
    what = "message" if row.own else "answer"
    menu.addAction(f"Copy {what}", partial(view.copy_message, row))
    menu.addAction(f"Copy {what} as Markdown", lambda: view.copy_text(row.full_text(), what))
    menu.addSeparator()
    for action, words in entries(row.message, row.offers.actions, row.last):
        if action == "delete":
            menu.addSeparator()
        menu.addAction(words, partial(view.act, action, row.message.id))

"""The menus of the list of conversations: of one chat, of several, and of a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu, QWidget

from paddock.gui.pages.chats_deeds import ChatDeeds
from paddock.gui.widgets import menu_words
from paddock.gui.widgets.menu import Menu
from paddock.sdk.chats import ChatFolder
from paddock.sdk.types import ChatSummary

PRIVATE_HELP = "Nothing of it is kept in the prompt cache on disk"


@dataclass(frozen=True)
class MenuWays:
    """What the menus need of the list."""

    rename: Callable[[str], None]
    rename_folder: Callable[[str], None]
    edit_tags: Callable[[Sequence[str]], None]
    export: Callable[[Sequence[str], str], None]
    """Chats, or the folder."""


def _menu(parent: QWidget) -> Menu:
    menu = Menu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setToolTipsVisible(True)
    return menu


def chats_menu(parent: QWidget, chats: Sequence[ChatSummary], deeds: ChatDeeds, ways: MenuWays) -> QMenu:
    """The actions on one chat, or on several together."""
    menu, ids = _menu(parent), [chat.id for chat in chats]
    one = chats[0] if len(chats) == 1 else None
    if one is not None:
        menu.addAction("Rename").triggered.connect(lambda: ways.rename(one.id))
    else:
        menu.addAction(f"{len(chats)} chats").setEnabled(False)
        menu.addSeparator()
    pinned = all(chat.pinned for chat in chats)
    menu.addAction("Unpin" if pinned else "Pin").triggered.connect(lambda: deeds.pin(ids, not pinned))
    move = menu.submenu("Move to")
    for folder, name in _paths(deeds.folders):
        entry = move.addAction(menu_words(name))
        entry.setEnabled(any(chat.folder != folder.id for chat in chats))
        entry.triggered.connect(partial(_move, deeds, ids, folder.id))
    move.addSeparator()
    out = move.addAction("No folder")
    out.setEnabled(any(chat.folder for chat in chats))
    out.triggered.connect(partial(_move, deeds, ids, ""))
    move.addAction("New folder…").triggered.connect(lambda: deeds.new_folder(chats=ids))
    menu.addAction("Tags…").triggered.connect(lambda: ways.edit_tags(ids))
    if one is not None:
        private = menu.addAction("Private")
        private.setCheckable(True)
        private.setChecked(one.private)
        private.setToolTip(PRIVATE_HELP)
        private.setStatusTip(PRIVATE_HELP)
        private.triggered.connect(lambda checked: deeds.set_private(one.id, checked))
    menu.addAction("Export…").triggered.connect(lambda: ways.export(ids, ""))
    menu.addSeparator()
    menu.addAction("Delete").triggered.connect(lambda: deeds.delete(ids))
    return menu


def folder_menu(parent: QWidget, folder: ChatFolder, deeds: ChatDeeds, ways: MenuWays) -> QMenu:
    """The actions on a folder."""
    menu = _menu(parent)
    menu.addAction("Rename").triggered.connect(lambda: ways.rename_folder(folder.id))
    menu.addAction("New folder in it").triggered.connect(lambda: deeds.new_folder(folder.id))
    move = menu.submenu("Move to")
    inside = _below(deeds.folders, folder.id)
    for target, name in _paths(deeds.folders):
        if target.id not in inside:
            entry = move.addAction(menu_words(name))
            entry.setEnabled(target.id != folder.parent)
            entry.triggered.connect(lambda _=False, target=target.id: deeds.move((), (folder.id,), target))
    top = move.addAction("The top")
    top.setEnabled(bool(folder.parent))
    top.triggered.connect(lambda: deeds.move((), (folder.id,), ""))
    menu.addAction("Export…").triggered.connect(lambda: ways.export((), folder.id))
    menu.addSeparator()
    delete = menu.addAction("Delete the folder")
    delete.setToolTip("What it holds moves to the folder above.")
    delete.triggered.connect(lambda: deeds.delete_folder(folder.id))
    return menu


def _move(deeds: ChatDeeds, chats: Sequence[str], folder: str, _: bool = False) -> None:
    deeds.move(chats, (), folder)


def _paths(folders: Sequence[ChatFolder]) -> list[tuple[ChatFolder, str]]:
    """Each folder with the names of those around it, “Work / Letters”, by the alphabet."""
    known = {folder.id: folder for folder in folders}
    found = []
    for folder in folders:
        names, at, seen = [folder.name], folder.parent, {folder.id}
        while at in known and at not in seen:
            seen.add(at)
            names.append(known[at].name)
            at = known[at].parent
        found.append((folder, " / ".join(reversed(names))))
    return sorted(found, key=lambda entry: entry[1].casefold())


def _below(folders: Sequence[ChatFolder], folder: str) -> set[str]:
    """The folder and all that lie in it."""
    found = {folder}
    while more := {item.id for item in folders if item.parent in found} - found:
        found |= more
    return found

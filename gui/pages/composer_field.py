"""The field of the composer: words stay in it, files and pictures go to whoever reads them."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, Signal
from PySide6.QtGui import QImage

from paddock.gui.widgets import MessageField


def local_files(mime: QMimeData) -> list[str]:
    """The files in what is dragged or pasted; empty where it is something else."""
    paths = [url.toLocalFile() for url in mime.urls()]
    return paths if paths and all(paths) else []


class ComposerField(MessageField):
    """Hands files and pictures that are dropped or pasted to whoever reads them."""

    files_given = Signal(list)
    image_given = Signal(QImage)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return bool(local_files(source)) or source.hasImage() or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        files = local_files(source)
        if files:
            self.files_given.emit(files)
        elif source.hasImage() and not source.hasText():
            self.image_given.emit(QImage(source.imageData()))
        else:
            super().insertFromMimeData(source)

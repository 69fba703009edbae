"""Model files and folders dropped on the window, whichever page is shown."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QFileInfo, QMimeData, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from paddock.gui.icons import pixmap
from paddock.gui.theme import current
from paddock.sdk.open_address import SUFFIX

WORDS = "Drop to add"


def model_paths(mime: QMimeData) -> list[str]:
    """The model files and folders in what is dragged; empty where there is anything else, so that a text or a picture
    goes where it is dropped."""
    paths = [url.toLocalFile() for url in mime.urls()]
    wanted = all(path and (path.lower().endswith(SUFFIX) or QFileInfo(path).isDir()) for path in paths)
    return paths if wanted else []


class DropOverlay(QWidget):
    """Lies over the window while something is held above it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(WORDS)
        self.hide()

    def cover(self) -> None:
        """Show it over the whole window."""
        self.setGeometry(self.window().rect())
        self.raise_()
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.color("window", 0.86))
        frame = QRectF(self.rect()).adjusted(16, 16, -16, -16)
        painter.setPen(QPen(theme.color("accent"), 2, Qt.PenStyle.DashLine))
        painter.setBrush(theme.color("accent_soft", 0.6))
        painter.drawRoundedRect(frame, 14, 14)
        side = theme.px(32)
        mark = pixmap("download", theme.palette.accent, side, ratio=self.devicePixelRatioF())
        middle = frame.center()
        painter.drawPixmap(int(middle.x() - side / 2), int(middle.y() - side - theme.px(4)), mark)
        painter.setFont(theme.font(18, 600))
        painter.setPen(theme.color("text"))
        below = QRectF(frame.x(), middle.y(), frame.width(), theme.px(32))
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, WORDS)


class Drops(QObject):
    """Sees what is dragged before any widget of ``window`` does. ``dropped`` carries absolute paths."""

    dropped = Signal(list)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.overlay = DropOverlay(window)
        self._paths: list[str] = []
        window.setAcceptDrops(True)

    def listen(self) -> None:
        """From now on; the window must have been shown."""
        handle = self.overlay.window().windowHandle()
        if handle is not None:
            handle.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.DragEnter and isinstance(event, QDragEnterEvent):
            self._paths = model_paths(event.mimeData())
            if self._paths:
                self.overlay.cover()
        if not self._paths:
            return False
        if kind == QEvent.Type.DragLeave:
            self._end()
            return True
        if isinstance(event, QDragEnterEvent | QDragMoveEvent | QDropEvent):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            if kind == QEvent.Type.Drop:
                paths = self._end()
                self.dropped.emit(paths)
            return True
        return False

    def _end(self) -> list[str]:
        paths, self._paths = self._paths, []
        self.overlay.hide()
        return paths

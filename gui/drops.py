"""Model files, folders and links to models, dropped on the window, whichever page is shown."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QFileInfo, QMimeData, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from paddock.gui.icons import pixmap
from paddock.gui.theme import current
from paddock.sdk.open_address import SUFFIX, OpenRepo

WORDS = "Drop to add"


def model_paths(mime: QMimeData) -> list[str]:
    """The model files and folders in what is dragged; empty where there is anything else, so that a text or a picture
    goes where it is dropped."""
    paths = [url.toLocalFile() for url in mime.urls()]
    wanted = all(path and (path.lower().endswith(SUFFIX) or QFileInfo(path).isDir()) for path in paths)
    return paths if wanted else []


def model_link(mime: QMimeData) -> OpenRepo | None:
    """The model on the hub to which what is dragged is a link, as browsers give it."""
    urls = mime.urls()
    if len(urls) != 1 or urls[0].isLocalFile():
        return None
    from paddock.sdk.hub_words import hub_words  # 5 ms, and hardly ever needed

    named = hub_words(urls[0].toString())
    return OpenRepo(repo=named.repo, quant=named.quant) if named.repo else None


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
        painter.fillRect(self.rect(), theme.color("window", 0.94))
        frame = QRectF(self.rect()).adjusted(16, 16, -16, -16)
        painter.setPen(QPen(theme.color("accent"), 2, Qt.PenStyle.DashLine))
        painter.setBrush(theme.color("accent_soft", 0.8))
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
    """Sees what is dragged before any widget of ``window`` does. ``dropped`` carries absolute paths, ``linked`` an
    :class:`OpenRepo`."""

    dropped = Signal(list)
    linked = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.overlay = DropOverlay(window)
        self._paths: list[str] = []
        self._link: OpenRepo | None = None
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
            self._link = model_link(event.mimeData())
            if self._paths or self._link is not None:
                self.overlay.cover()
        if not self._paths and self._link is None:
            return False
        if kind == QEvent.Type.DragLeave:
            self._end()
            return True
        if isinstance(event, QDragEnterEvent | QDragMoveEvent | QDropEvent):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            if kind == QEvent.Type.Drop:
                self._drop()
            return True
        return False

    def _drop(self) -> None:
        paths, link = self._paths, self._link
        self._end()
        if paths:
            self.dropped.emit(paths)
        else:
            self.linked.emit(link)

    def _end(self) -> None:
        self._paths, self._link = [], None
        self.overlay.hide()

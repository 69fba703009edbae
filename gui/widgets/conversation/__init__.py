"""The conversation: one painted, virtualised surface. ``ConversationView`` is what pages use."""

from paddock.gui.widgets.conversation.turns import Turns
from paddock.gui.widgets.conversation.view import ConversationView

__all__ = ["ConversationView", "Turns"]

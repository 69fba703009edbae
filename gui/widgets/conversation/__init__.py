"""The conversation: one painted, virtualised surface. ``ConversationView`` is what pages use.

``warm`` loads the common code lexers step by step, in a thread that is not the GUI's.
"""

from paddock.gui.widgets.conversation.highlight import warm
from paddock.gui.widgets.conversation.turns import Turns
from paddock.gui.widgets.conversation.view import ConversationView

__all__ = ["ConversationView", "Turns", "warm"]

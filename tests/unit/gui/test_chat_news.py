from paddock.gui.chat_news import ChatNews, Chats
from paddock.sdk.types import ChatSummary


def _chat(revision: int, deleted: float | None = None) -> ChatSummary:
    return ChatSummary(id="c", title=f"Title {revision}", created=1.0, updated=1.0, revision=revision, deleted=deleted)


def test_what_is_older_than_what_is_known_is_no_news():
    news, known = ChatNews(), Chats(c=_chat(3))
    assert not news.answered(_chat(2), known)
    assert not news.told("c", _chat(2), 0, known)
    assert not news.told("c", None, 2, known), "it came back out of the trash since"
    assert known == {"c": _chat(3)}
    assert news.answered(_chat(4), known)
    assert news.told("c", _chat(5), 0, known)
    assert known == {"c": _chat(5)}


def test_an_answer_that_was_on_its_way_does_not_bring_a_deleted_conversation_back():
    news, known = ChatNews(), Chats(c=_chat(3))
    assert news.told("c", None, 4, known)
    assert known == {}
    assert not news.answered(_chat(3), known)
    assert known == {}
    news.answered(_chat(4, deleted=2.0), known)
    assert known == {}, "one in the trash is not listed"
    assert news.answered(_chat(5), known), "it was brought back"
    assert known == {"c": _chat(5)}


def test_a_list_tells_nothing_of_what_was_told_since_it_was_asked_for():
    news, known = ChatNews(), Chats()
    news.told("c", _chat(1), 0, known)
    news.asked()
    assert news.listed([]) == {}, "what was told before is in the list, or gone"
    news.told("c", _chat(3), 0, known)
    assert news.listed([_chat(2)]) == {"c": _chat(3)} == news.listed([])
    assert news.listed([_chat(4)]) == {"c": _chat(4)}
    news.told("c", None, 4, known)
    assert news.listed([_chat(3)]) == {}

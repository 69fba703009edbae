"""Answers and events about the host's settings in the orders in which they may come."""

from __future__ import annotations

import pytest

from paddock.gui.settings_news import SettingsNews
from paddock.sdk.host import Settings

OFF, ON, LARGE = Settings(notify=False), Settings(notify=True), Settings(notify=False, text_zoom=1.5)


def test_an_answer_that_is_ahead_of_its_event_is_shown_and_the_event_takes_nothing_back() -> None:
    news = SettingsNews()
    first, second = news.mark(), news.mark()
    assert news.answered(first, ON, shown=OFF)
    assert news.answered(second, OFF, shown=ON)
    assert [news.told(settings) for settings in (ON, OFF)] == [False, False], "not once more back and forth"
    assert news.told(ON), "of somebody else"


def test_an_answer_is_shown_between_the_events_of_earlier_ones() -> None:
    news = SettingsNews()
    first, second = news.mark(), news.mark()
    assert news.answered(first, ON, shown=OFF)
    assert not news.told(ON)
    assert news.answered(second, LARGE, shown=ON)
    assert not news.told(LARGE)


@pytest.mark.parametrize("since", [ON, LARGE])
def test_an_answer_that_comes_after_news_waits_for_its_event(since: Settings) -> None:
    news = SettingsNews()
    mark = news.mark()
    assert news.told(since)
    assert not news.answered(mark, ON, shown=since), "it may be older"
    assert news.told(ON)


def test_an_answer_that_changes_nothing_hides_no_later_event() -> None:
    news = SettingsNews()
    assert not news.answered(news.mark(), OFF, shown=OFF)
    assert news.told(ON)
    assert news.told(OFF)


def test_what_was_to_be_told_before_a_new_connection_is_not_waited_for() -> None:
    news = SettingsNews()
    mark = news.mark()
    assert news.answered(mark, ON, shown=OFF)
    news.restarted()
    assert news.told(ON)
    assert not news.answered(mark, OFF, shown=ON)

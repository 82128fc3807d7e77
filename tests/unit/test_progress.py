"""The ticker of every verb: what it has counted is exact, and what it says is seldom."""

from __future__ import annotations

import pytest

from dbfleet.ops import _progress
from dbfleet.ops._progress import Ticker


def test_the_whole_number_is_said_at_the_end_and_little_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "EVERY_S", 3600)
    told: list[int] = []
    ticker = Ticker(told.append)
    assert sum(map(len, ticker.batches([[(1,)] * 3] * 1000))) == 3000
    assert (ticker.rows, told) == (3000, [3000])
    assert list(ticker.chunks([b"a\nb\n"])) == [b"a\nb\n"]
    assert told == [3000, 3002]


def test_a_ticker_whose_last_word_nobody_needs_is_silent_of_what_is_over_in_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_progress, "EVERY_S", 3600)
    told: list[int] = []
    list(Ticker(told.append, last=False).batches([[(1,)]]))
    assert told == []


def test_it_says_how_many_there_are_once_it_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "EVERY_S", 0)
    told: list[int] = []
    list(Ticker(told.append, rows=10).batches([[(1,)], [(2,), (3,)]]))
    assert told == [11, 13, 13]

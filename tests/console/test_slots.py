"""When a schedule is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.console.jobs.slots import Rhythm, interval, rhythm
from dbfleet.errors import UsageError

ANCHOR = datetime(2026, 1, 1, 12, 0, 7, tzinfo=UTC)


@given(st.integers(5, 10_000), st.integers(-100_000, 1_000_000))
def test_an_interval_s_slots_are_multiples_from_its_anchor(every: int, offset: int) -> None:
    moment = ANCHOR + timedelta(seconds=offset)
    first, second = islice(Rhythm(ANCHOR, every_s=every).after(moment), 2)
    assert first > moment
    assert first >= ANCHOR
    assert (first - ANCHOR) % timedelta(seconds=every) == timedelta()
    assert second - first == timedelta(seconds=every)
    if moment >= ANCHOR:
        assert first - moment <= timedelta(seconds=every)


def test_what_is_due_between_two_moments_is_every_slot_once() -> None:
    beats = Rhythm(ANCHOR, every_s=60)
    found = beats.due(ANCHOR, ANCHOR + timedelta(minutes=3, seconds=30))
    assert found == [ANCHOR + timedelta(minutes=number) for number in (1, 2, 3)]
    assert beats.due(found[-1], ANCHOR + timedelta(minutes=3, seconds=30)) == []


def test_of_a_year_of_seconds_only_the_newest_slots_are_counted() -> None:
    found = Rhythm(ANCHOR, every_s=5).due(ANCHOR, ANCHOR + timedelta(days=365), most=200)
    assert len(found) <= 201
    assert found[-1] == ANCHOR + timedelta(days=365)


@pytest.mark.parametrize(
    ("line", "day", "due"),
    [
        ("30 2 * * *", (2026, 3, 29), ["03:00+02:00"]),  # 02:30 is skipped that night: right after it
        ("30 2 * * *", (2026, 10, 25), ["02:30+02:00"]),  # it comes twice that night: once
        ("*/30 2 * * *", (2026, 10, 25), ["02:00+02:00", "02:30+02:00", "02:00+01:00", "02:30+01:00"]),
        ("0 3 * * *", (2026, 3, 29), ["03:00+02:00"]),
        ("0 0 * * *", (2026, 10, 25), ["00:00+02:00"]),
    ],
)
def test_the_days_on_which_clocks_change(line: str, day: tuple[int, int, int], due: list[str]) -> None:
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime(*day, tzinfo=zone).astimezone(UTC) - timedelta(seconds=1)
    end = (datetime(*day, tzinfo=zone) + timedelta(days=1)).astimezone(UTC) - timedelta(seconds=1)
    found = Rhythm(ANCHOR, cron=line, time_zone="Europe/Berlin").due(begin, end)
    assert [f"{slot.astimezone(zone):%H:%M}{slot.astimezone(zone):%z}"[:-2] + ":00" for slot in found] == due


def test_no_slot_is_lost_or_doubled_however_the_time_is_cut() -> None:
    """Over both changes of the clocks, looked at in steps of 7 minutes as well as at once."""
    beats = Rhythm(ANCHOR, cron="*/10 * * * *", time_zone="Europe/Berlin")
    for month in (3, 10):
        begin = datetime(2026, month, 24, tzinfo=UTC)
        end = begin + timedelta(days=7)
        whole = beats.due(begin, end, most=100_000)
        pieces = []
        at = begin
        while at < end:
            following = min(at + timedelta(minutes=7), end)
            pieces += beats.due(at, following)
            at = following
        assert pieces == whole
        assert len(set(whole)) == len(whole) == 7 * 24 * 6


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("30s", 30),
        ("10m", 600),
        ("2h", 7200),
        ("1d", 86400),
        ("1w", 604800),
        ("45", 45),
        ("5 min", 300),
        ("2 Weeks", 1209600),
    ],
)
def test_intervals_as_people_type_them(text: str, found: int) -> None:
    assert interval(text) == found


@pytest.mark.parametrize("text", ["", "x", "3x", "-5m", "1s", "0", "1e9", "10000d", "5m5s", "½h", "10.5s", "٣m"])
def test_what_is_no_interval(text: str) -> None:
    with pytest.raises(UsageError):
        interval(text)


@pytest.mark.parametrize(
    "line",
    [
        "0 3 * *",
        "0 3 * * * *",
        "61 * * * *",
        "* 25 * * *",
        "a b c d e",
        "0 0 30 2 *",
        "*/0 * * * *",
        "@daily",
        "; rm -rf /",
    ],
)
def test_a_cron_line_of_nonsense(line: str) -> None:
    with pytest.raises(UsageError):
        rhythm(ANCHOR, cron=line)


@pytest.mark.parametrize("zone", ["Berlin", "Mars/Olympus", "", "../etc/passwd", "UTC+25"])
def test_a_time_zone_of_nonsense(zone: str) -> None:
    with pytest.raises(UsageError):
        rhythm(ANCHOR, cron="0 3 * * *", time_zone=zone)


def test_an_interval_or_a_cron_line_not_both_not_neither() -> None:
    with pytest.raises(UsageError):
        rhythm(ANCHOR)
    with pytest.raises(UsageError):
        rhythm(ANCHOR, every="5m", cron="0 3 * * *")

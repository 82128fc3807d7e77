"""When a schedule is due: its slots, exact moments, the same on every machine that asks.

An interval's slots are `anchor + n * every`. A cron line's are those of Debian's cron in the schedule's time zone: what
falls into the hour that the spring skips is due right after it; what names an hour of the day is due once on the day on
which that hour comes twice, and what comes every so many minutes goes on through both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from dbfleet.errors import UsageError, did_you_mean
from dbfleet.ops.lengths import seconds

SHORTEST_S: Final = 5
"""An interval is at least as long as beat needs to look around."""
_LATE_CRON_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """An interval in seconds, or a cron line with its time zone."""

    anchor: datetime
    every_s: int | None = None
    cron: str = ""
    time_zone: str = "UTC"

    @property
    def grace_s(self) -> float:
        """How late a slot may still be worked on: an interval's until the next one, a cron line's for five minutes, as
        what was meant for the night is not for the morning."""
        return float(self.every_s) if self.every_s else _LATE_CRON_S

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The slots behind the moment, in UTC, without an end."""
        if self.every_s:
            step = timedelta(seconds=self.every_s)
            slot = self.anchor + max(0, (moment - self.anchor) // step) * step
            while True:
                if slot > moment:
                    yield slot
                slot += step
        from cronsim import CronSim

        # Also of a slot that lies between two instants of one local time: compared in UTC.
        begin = moment.astimezone(ZoneInfo(self.time_zone)) - timedelta(seconds=1)
        for found in CronSim(self.cron, begin):
            if (slot := found.astimezone(UTC)) > moment:
                yield slot

    def due(self, after: datetime, until: datetime, most: int = 10_000) -> list[datetime]:
        """The slots behind `after` up to `until`, at most `most` of them, the newest ones of an interval."""
        if self.every_s:
            step = timedelta(seconds=self.every_s)
            after = max(after, until - step * most)
        found = []
        for slot in self.after(after):
            if slot > until:
                break
            found.append(slot)
            if len(found) > most:
                found.pop(0)
        return found


def rhythm(anchor: datetime, *, every: str = "", cron: str = "", time_zone: str = "UTC") -> Rhythm:
    """The rhythm of what a person typed. UsageError, which says what is meant, for what is none."""
    check_one(every, cron)
    if every:
        return Rhythm(anchor, every_s=interval(every))
    return Rhythm(anchor, cron=_cron(cron), time_zone=_zone(time_zone))


def check_one(every: str, cron: str, *, hint: str = "as in 10m, or in '0 3 * * *'") -> None:
    """UsageError where both are given, or neither."""
    if bool(every) == bool(cron):
        both = "not both" if every else "and has neither"
        raise UsageError(f"a schedule has an interval or a cron line, {both}", hint=hint)


def interval(text: str) -> int:
    """The seconds of an interval: 30s, 10m, 2h, 1d, 1w. UsageError for what is none or is too short."""
    found = seconds(text, "--every", what="interval")
    if found < SHORTEST_S:
        raise UsageError(f"an interval of {text} is too short", hint=f"the shortest is {SHORTEST_S}s")
    if found != int(found):
        raise UsageError(f"an interval of {text} is not of whole seconds")
    return int(found)


def _cron(text: str) -> str:
    from cronsim import CronSim, CronSimError

    line = " ".join(text.split())
    hint = (
        "minute hour day month weekday: '0 3 * * *' is every night at three, '*/15 * * * 1-5' each quarter on weekdays"
    )
    if len(line.split(" ")) != 5:
        count = len(line.split())
        has = f"{count} field{'' if count == 1 else 's'}" if count else "no field"
        raise UsageError(f"{text!r} is no cron line: it has {has}, not five", hint=hint)
    try:
        next(CronSim(line, datetime.now(UTC)))
    except CronSimError as error:
        raise UsageError(f"{text!r} is no cron line: {str(error).lower()}", hint=hint) from error
    except StopIteration:
        raise UsageError(f"{text!r} never comes", hint=hint) from None
    return line


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(text, available_timezones(), "as in Europe/Berlin, America/New_York, UTC")
        raise UsageError(f"no time zone is called {text!r}", hint=hint) from None
    return text

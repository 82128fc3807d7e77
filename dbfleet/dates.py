"""Dates that Python cannot hold, as text."""

from __future__ import annotations

from typing import Final

_DAYS_TO_1970: Final = 719_528
"""From the first day of the year 0."""


def day_text(days: int) -> str:
    """The day so many days after 1970-01-01, before it if negative, by the proleptic Gregorian calendar: eras of 400
    years, years that begin in March (http://howardhinnant.github.io/date_algorithms.html)."""
    era, day = divmod(days + _DAYS_TO_1970 - 60, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    rest = day - (365 * year + year // 4 - year // 100)
    month = (5 * rest + 2) // 153
    number = rest - (153 * month + 2) // 5 + 1
    month, year = (month + 3, year) if month < 10 else (month - 9, year + 1)
    year += era * 400
    sign = "-" if year < 0 else "+" if year > 9999 else ""
    return f"{sign}{abs(year):04}-{month:02}-{number:02}"

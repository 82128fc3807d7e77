"""How the fleet looks on a page: `{% load fleet %}`.

{{ moment|ago:now }}       12 min: how long ago, by the control database's clock
{{ seconds|span }}         1 h 12 min
{{ ms|latency }}           0.62 ms
{{ rows|rate:seconds }}    12,300 rows/s
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template

register = template.Library()


@register.filter
def span(seconds: float | None) -> str:
    """A time in its two largest units."""
    if seconds is None:
        return "–"
    left = max(0, round(seconds))
    if left < 60:
        return f"{left} s" if seconds >= 10 or seconds == left else f"{seconds:.1f} s"
    units = (("y", 31_557_600), ("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    first = next(place for place, (_, size) in enumerate(units) if left >= size)
    words = []
    for word, size in units[first : first + 2]:
        if count := left // size:
            words.append(f"{count} {word}")
        left %= size
    return " ".join(words)


@register.filter
def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago: of what is minutes old the seconds say nothing."""
    if moment is None:
        return "–"
    seconds = (now - moment).total_seconds()
    return f"{int(seconds // 60)} min" if 60 <= seconds < 3600 else span(round(seconds))


@register.filter
def latency(ms: float | None) -> str:
    """A time of milliseconds, with three digits that count."""
    if ms is None:
        return "–"
    return f"{ms / 1000:.3g} s" if ms >= 1000 else f"{ms:.3g} ms"


@register.filter
def rate(rows: int | None, seconds: float | None) -> str:
    """Rows a second."""
    return f"{rows / seconds:,.0f} rows/s" if rows and seconds else "–"


@register.filter
def item(found: Any, name: str) -> Any:
    """A field by its name; nothing where there is none."""
    return found.get(name) if isinstance(found, dict) else None

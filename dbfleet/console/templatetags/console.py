"""How values look on a page: `{% load console %}`.

{{ moment|when }}      a <time>, which the browser shows in its own time zone; UTC without JavaScript
{{ state|mark }}       a state as a coloured mark with its word
{{ rows|number }}      1,234,567
{{ size|bytes }}       738 MB
{{ text|short:40 }}    the beginning, visibly cut, the whole in its title
{{ error.message|plain }}  an error's text in the words of the page's forms
{% vendor "pico.min.css" %}   the link to a vendored library's file
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from django import template
from django.templatetags.static import static
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html

from dbfleet.console import words
from dbfleet.console._vendor import FOLDER

register = template.Library()

GOOD: Final = frozenset({"ok", "done", "sent", "same", "yes", "up", "active", "fits"})
BAD: Final = frozenset({"drift", "red", "failed", "different", "no", "down", "refused", "wrong"})
WARN: Final = frozenset(
    {"overdue", "cannot tell", "held", "expired", "revoked", "cancelled", "disabled", "shut out", "open"}
)
BUSY: Final = frozenset({"running", "waiting", "to come"})


@register.filter
def when(moment: datetime | str | None, empty: str = "–") -> str:
    """A moment, by the reader's own clock."""
    found = parse_datetime(moment) if isinstance(moment, str) else moment
    if found is None:
        return empty
    at = found.astimezone(UTC)
    return format_html('<time datetime="{}">{}</time>', f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{at:%Y-%m-%d %H:%M:%S} UTC")


@register.filter
def mark(state: Any, word: str = "") -> str:
    """A state, in words and colour."""
    text = {True: "yes", False: "no", None: "–"}.get(state, state) if not isinstance(state, str) else state
    kind = next(
        (name for name, known in (("good", GOOD), ("bad", BAD), ("warn", WARN), ("busy", BUSY)) if text in known),
        "rest",
    )
    return format_html('<span class="mark {}">{}</span>', kind, word or text)


@register.filter
def plain(text: Any) -> str:
    """An error's text as pages tell it (console/words.py)."""
    return words.of_page(str(text))


@register.filter
def number(value: Any) -> str:
    """A whole number with commas."""
    return "–" if value is None else f"{value:,}"


@register.filter
def bytes(value: Any) -> str:
    """A size in units."""
    if value is None:
        return "–"
    size = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


@register.filter
def short(text: Any, most: int = 60) -> str:
    """The beginning of a text."""
    whole = str(text)
    if len(whole) <= most:
        return format_html("{}", whole)
    return format_html('<span class="cut" title="{}">{}…</span>', whole[:2000], whole[: most - 1])


@register.simple_tag
def vendor(name: str) -> str:
    """The link to a file of a vendored library."""
    return static(_vendored(name))


@cache
def _vendored(name: str) -> str:
    found = next(FOLDER.glob(f"*/{name}"))
    return f"vendor/{found.parent.name}/{name}"

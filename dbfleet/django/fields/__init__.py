"""Fields for what an engine keeps in a form of its own, where Django's field would read or write something else.

Each reads what dbfleet's adapter for the engine reads, and writes what it writes: a row that was saved here has the
same digest as one that dbfleet wrote. A field knows by its connection in which form a value is kept; where several are
possible, `form` says which.

What a form cannot answer is refused by Django itself, by its name: the parts of a time (`at__year`) are lookups of
Django's DateTimeField, which these are not.
"""

from __future__ import annotations

from dbfleet.django.fields._json import JSONField
from dbfleet.django.fields._kept import computed
from dbfleet.django.fields._numbers import DecimalField, FloatField
from dbfleet.django.fields._text import AsTextField, BytesField, UUIDField
from dbfleet.django.fields._times import InstantField, NaiveDateTimeField, TextTimeField

__all__ = [
    "AsTextField",
    "BytesField",
    "DecimalField",
    "FloatField",
    "InstantField",
    "JSONField",
    "NaiveDateTimeField",
    "TextTimeField",
    "UUIDField",
    "computed",
]

"""Classes that read collections of engines that Django has no backend for: a Manager over dbfleet's adapter.

    Order.objects.filter(status="paid", total__gt=100)[:10]

Rules. Nothing is ever written. What cannot be asked is refused by its name (NotSupportedError, FieldError), never
answered by half. Memory stays flat, however many rows there are: rows stream, and those that were iterated over are
not kept.

What is asked of the engine and what we do ourselves (`explain` says it for a query):

- A filter for whole keys (`pk=…`, `pk__in=…`, or the key's columns) gets these rows alone.
- Other filters go to the engine where its adapter can narrow a scan (dbfleet.abilities.Narrows); else the collection is
  scanned. Either way each row is tested here, by the same rules for every engine.
- count() without a filter is the engine's count; every other count reads.
- A slice ends the scan. order_by holds the rows of the slice and no others, so it needs one; or the rows of whole keys.

Connections are kept by alias and closed at the end of a request, as Django's are. Where the target is: the variable
that the setting DBFLEET names for its alias, else the target of that name in the fleet.
"""

from __future__ import annotations

from dbfleet.django.records._classes import Record, Reference
from dbfleet.django.records._columns import Column
from dbfleet.django.records._pool import close_all
from dbfleet.django.records._queries import Manager, QuerySet

__all__ = ["Column", "Manager", "QuerySet", "Record", "Reference", "close_all"]

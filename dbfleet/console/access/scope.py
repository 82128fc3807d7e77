"""Rows of a table that somebody may see: those whose targets are all within their rights."""

from __future__ import annotations

from typing import Any

from dbfleet.console.access.rights import Rights


def visible(rows: Any, rights: Rights, *fields: str, role: str = "viewer") -> Any:
    """The rows of a query whose target, in each of these fields, may be seen; an empty field names none. One query
    more, and none for those whose role is on every target."""
    if rights.everywhere(role):
        return rows
    for field in fields:
        names = rows.order_by().values_list(field, flat=True).distinct()
        rows = rows.filter(**{f"{field}__in": ["", *rights.among(role, [name for name in names if name])]})
    return rows

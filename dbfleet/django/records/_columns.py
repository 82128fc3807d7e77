"""A column of a record's class, and what such a class knows of its collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldError

from dbfleet.values import Type


class Column:
    """A column: its type; its name in the collection, where that is another; its place in the key, from 1; whether it
    may be NULL."""

    def __init__(self, type: Type, *, name: str | None = None, key: int | None = None, null: bool = False) -> None:
        self.type, self.column, self.key, self.null = type, name or "", key, null
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.column = self.column or name

    def __repr__(self) -> str:
        return f"Column({self.type.name}, name={self.column!r})"


@dataclass(frozen=True, slots=True)
class Meta:
    """What a class of records is made of. `name` is the class's; `key` names its key's columns, in key order."""

    name: str
    target: str
    collection: str
    columns: Mapping[str, Column]
    references: Mapping[str, Any]
    key: tuple[str, ...]

    def column(self, name: str) -> Column:
        """The column of this name in the class. FieldError, which lists the names, if there is none."""
        if name not in self.columns:
            raise FieldError(f"{self.name} has no column {name!r}: it has {', '.join(self.columns)}")
        return self.columns[name]

    def by_column(self, name: str) -> str:
        """The name in the class of a column, by its name in the collection."""
        return next(each.name for each in self.columns.values() if each.column == name)

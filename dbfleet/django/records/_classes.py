"""Records: one class a collection, its columns and references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.db import NotSupportedError
from django.utils.module_loading import import_string

from dbfleet.django.records._columns import Column, Meta
from dbfleet.django.records._queries import Manager


class Reference:
    """What a record refers to: another class of the same module, by name, and which of its columns mine lead to."""

    def __init__(self, to: str, columns: Mapping[str, str]) -> None:
        self.to, self.columns, self.name, self._module = to, dict(columns), "", ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self._module = name, owner.__module__

    @property
    def record(self) -> type[Record]:
        """The class that it leads to."""
        found: type[Record] = import_string(f"{self._module}.{self.to}")
        return found

    def __get__(self, instance: Record | None, owner: type) -> Any:
        if instance is None:
            return self
        wanted = self.wanted(instance)
        return None if None in wanted.values() else self.record.objects.using(instance._using).get(**wanted)

    def wanted(self, instance: Record) -> dict[str, Any]:
        """The other's columns, by their names in the collection, with the values that lead to it."""
        by_column = self.record._meta.by_column
        return {by_column(theirs): getattr(instance, mine) for mine, theirs in self.columns.items()}


class _Class(type):
    """Collects what a class is made of; `pk` is no column's name here, and every class has its own DoesNotExist."""

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> None:
        super().__init__(name, bases, body)
        if not bases:
            return
        given, own = body.get("Meta"), cast(Any, cls)
        columns = {key: value for key, value in body.items() if isinstance(value, Column)}
        keyed = sorted((each.key, each.name) for each in columns.values() if each.key is not None)
        own._meta = Meta(
            name,
            getattr(given, "target", ""),
            getattr(given, "collection", ""),
            columns,
            {key: value for key, value in body.items() if isinstance(value, Reference)},
            tuple(each for _, each in keyed),
        )
        own.DoesNotExist = type("DoesNotExist", (ObjectDoesNotExist,), {"__module__": cls.__module__})
        several = type("MultipleObjectsReturned", (MultipleObjectsReturned,), {"__module__": cls.__module__})
        own.MultipleObjectsReturned = several
        own.objects = Manager(own)


class Record(metaclass=_Class):
    """A row, read. Two are equal if they are of one class and have the same key, or without a key the same values."""

    _meta: ClassVar[Meta]
    objects: ClassVar[Manager]
    DoesNotExist: ClassVar[type[ObjectDoesNotExist]]
    MultipleObjectsReturned: ClassVar[type[MultipleObjectsReturned]]

    def __init__(self, values: Mapping[str, Any], using: str) -> None:
        self.__dict__.update(values)
        self._using = using

    @property
    def pk(self) -> Any:
        """The key: a value, or a tuple of several; None where the collection has none."""
        values = tuple(getattr(self, name) for name in self._meta.key)
        return values if len(values) > 1 else values[0] if values else None

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = self._meta.key or tuple(self._meta.columns)
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def __hash__(self) -> int:
        if not self._meta.key:
            raise TypeError(f"{type(self).__name__} has no key, so its records cannot be hashed")
        return hash((type(self), self.pk))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.pk}>"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refused: records are read."""
        raise NotSupportedError(f"{type(self).__name__} is read only: save is not supported")

    def delete(self, *args: Any, **kwargs: Any) -> None:
        """Refused: records are read."""
        raise NotSupportedError(f"{type(self).__name__} is read only: delete is not supported")

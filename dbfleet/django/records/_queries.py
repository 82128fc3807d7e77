"""Manager and QuerySet: Django's words for what a collection can be asked."""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any, Final

from django.core.exceptions import FieldError
from django.db import NotSupportedError
from django.db.models import Avg, Count, F, Max, Min, Q, Sum

from dbfleet.adapter import BATCH_SIZE
from dbfleet.django.records import _reads
from dbfleet.django.records._lookups import Asked, asked, everything, joined
from dbfleet.values import Type

_EXACT: Final = Context(prec=10_000, Emin=MIN_EMIN, Emax=MAX_EMAX)
MOST_SORTED: Final = 10_000
"""So many rows can be sorted: a slice of more is refused."""
REFUSED: Final = frozenset(
    {
        "acreate", "alias", "annotate", "bulk_create", "bulk_update", "complex_filter", "contains", "create", "dates",
        "datetimes", "defer", "delete", "difference", "distinct", "earliest", "extra", "get_or_create", "intersection",
        "latest", "only", "prefetch_related", "raw", "select_for_update", "select_related", "union", "update",
        "update_or_create",
    }
)  # fmt: skip
"""What Django's querysets have besides, and these do not."""


class QuerySet:
    """Rows of a record's class, read when they are asked for; each method gives a new one. Iterating streams: nothing
    is kept."""

    def __init__(self, record: Any, using: str | None = None) -> None:
        self.record = record
        self._alias = using
        self._filter = Asked(everything)
        self._filtered = False
        self._order: tuple[str, ...] = ()
        self._start, self._stop = 0, None
        self._shape: Callable[[dict[str, Any]], Any] | None = None
        self._batch_size = BATCH_SIZE

    def _with(self, **changes: Any) -> QuerySet:
        found = QuerySet(self.record, self._alias)
        found.__dict__.update(self.__dict__)
        found.__dict__.update(changes)
        return found

    def __getattr__(self, name: str) -> Any:
        if name in REFUSED:
            raise NotSupportedError(f"{self.record.__name__}: {name} is not supported: records are read, by filter, "
                                    "exclude, order_by and slices")  # fmt: skip
        raise AttributeError(f"a queryset of {self.record.__name__} has no {name}")

    def __repr__(self) -> str:
        return f"<QuerySet of {self.record.__name__}>"

    # --- what is asked ---

    def all(self) -> QuerySet:
        """The same once more."""
        return self._with()

    def none(self) -> QuerySet:
        """No row."""
        return self._and(Asked(lambda row: False, only=dict.fromkeys(self.record._meta.columns, ())))

    def using(self, alias: str) -> QuerySet:
        """The collection of this name in another target, which has the same columns."""
        return self._with(_alias=alias)

    def filter(self, *args: Q, **kwargs: Any) -> QuerySet:
        """The rows for which all of it is true."""
        q = Q(*args, **kwargs)
        return self._and(asked(self.record, q)) if q else self._with()

    def exclude(self, *args: Q, **kwargs: Any) -> QuerySet:
        """The rows for which not all of it is true; where a value is NULL it is not."""
        q = Q(*args, **kwargs)
        return self._and(asked(self.record, ~q)) if q else self._with()

    def _and(self, other: Asked) -> QuerySet:
        if self._start or self._stop is not None:
            raise TypeError("a slice cannot be filtered: filter first")
        if not self._filtered:
            return self._with(_filter=other, _filtered=True)
        return self._with(_filter=joined([self._filter, other]))

    def order_by(self, *names: str) -> QuerySet:
        """Sorted by these columns; a minus before a name turns it round. NULL comes last, and first where turned round.
        Text is sorted by code points."""
        found: list[str] = []
        for name in names:
            plain = name.removeprefix("-")
            sign = "-" if name != plain else ""
            for each in self.record._meta.key if plain == "pk" else (plain,):
                if self.record._meta.column(each).type is Type.JSON:
                    raise FieldError(f"{self.record.__name__}.{each} is json, which has no order")
                found.append(sign + each)
        if self._start or self._stop is not None:
            raise TypeError("a slice cannot be sorted: sort first")
        return self._with(_order=tuple(found))

    def reverse(self) -> QuerySet:
        """The other way round."""
        if not self._order:
            raise TypeError("there is no order to turn round: order_by first")
        turned = tuple(name[1:] if name.startswith("-") else f"-{name}" for name in self._order)
        return self._with(_order=turned)

    def values(self, *names: str) -> QuerySet:
        """Dicts instead of records, of these columns or all."""
        chosen = self._chosen(names)
        return self._with(_shape=lambda row: {name: row[name] for name in chosen})

    def values_list(self, *names: str, flat: bool = False) -> QuerySet:
        """Tuples instead of records, of these columns or all; with `flat` the values of one column."""
        chosen = self._chosen(names)
        if flat and len(chosen) != 1:
            raise TypeError("flat is for one column")
        if flat:
            return self._with(_shape=lambda row: row[chosen[0]])
        return self._with(_shape=lambda row: tuple(row[name] for name in chosen))

    def _chosen(self, names: Sequence[str]) -> list[str]:
        if not names:
            return list(self.record._meta.columns)
        found = [each for name in names for each in (self.record._meta.key if name == "pk" else (name,))]
        for name in found:
            self.record._meta.column(name)
        return found

    # --- rows ---

    @property
    def db(self) -> str:
        """The alias of the target that is asked."""
        return self._alias or self.record._meta.target

    def __iter__(self) -> Iterator[Any]:
        shape = self._shape or (lambda row: self.record(row, self.db))
        return map(shape, self._rows())

    def iterator(self, chunk_size: int = BATCH_SIZE) -> Iterator[Any]:
        """The rows as they stream, read in batches of this size."""
        return iter(self._with(_batch_size=chunk_size))

    def _rows(self) -> Iterator[dict[str, Any]]:
        found = _reads.rows(self.record, self.db, self._filter, self._batch_size)
        if self._order:
            return iter(self._sorted(found))
        return itertools.islice(found, self._start, self._stop) if self._start or self._stop is not None else found

    def _sorted(self, found: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
        key = functools.cmp_to_key(_comparison(self._order))
        if _reads.keys_of(self.record, self._filter) is not None:
            return sorted(found, key=key)[self._start : self._stop]
        if self._stop is None or self._stop > MOST_SORTED:
            raise NotSupportedError(
                f"{self.record.__name__}: order_by needs a slice of the first {MOST_SORTED:,} rows at most, as the "
                "rows up to its end are held in memory"
            )
        return heapq.nsmallest(self._stop, found, key=key)[self._start :]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            if index.step is not None:
                raise NotSupportedError("a slice with a step is not supported")
            if (index.start or 0) < 0 or (index.stop is not None and index.stop < 0):
                raise ValueError("negative indexes are not supported")
            start = self._start + (index.start or 0)
            stops = [each for each in (self._stop, None if index.stop is None else self._start + index.stop)
                     if each is not None]  # fmt: skip
            stop = min(stops) if stops else None
            return self._with(_start=start, _stop=stop if stop is None else max(stop, start))
        if index < 0:
            raise ValueError("negative indexes are not supported")
        found = list(self[index : index + 1])
        if not found:
            raise IndexError(index)
        return found[0]

    def get(self, *args: Q, **kwargs: Any) -> Any:
        """The one row. DoesNotExist or MultipleObjectsReturned of the class where it is not one."""
        found = list(self.filter(*args, **kwargs)[:2] if args or kwargs else self[:2])
        if not found:
            raise self.record.DoesNotExist(f"there is no such {self.record.__name__}")
        if len(found) > 1:
            raise self.record.MultipleObjectsReturned(f"there is more than one such {self.record.__name__}")
        return found[0]

    def first(self) -> Any:
        """The first row, of the smallest key where no order was asked for; None if there is no row."""
        ordered = self if self._order or not self.record._meta.key else self.order_by("pk")
        return next(iter(ordered[:1]), None)

    def last(self) -> Any:
        """The last row, of the greatest key where no order was asked for; None if there is no row."""
        if not self._order and not self.record._meta.key:
            raise NotSupportedError(f"{self.record.__name__} has no key, so which row is the last is not known")
        return next(iter((self if self._order else self.order_by("pk")).reverse()[:1]), None)

    def count(self) -> int:
        """How many rows there are: by the engine where there is no filter, else they are read."""
        if not self._filtered:
            found = _reads.count_all(self.record, self.db)
            return max(0, (found if self._stop is None else min(found, self._stop)) - self._start)
        return sum(1 for _ in self._with(_order=())._rows())

    def exists(self) -> bool:
        """Whether there is a row."""
        return next(iter(self._with(_order=())._rows()), None) is not None

    def __bool__(self) -> bool:
        return self.exists()

    def in_bulk(self, keys: Sequence[Any]) -> dict[Any, Any]:
        """The records with these keys, by key."""
        return {record.pk: record for record in self.filter(pk__in=list(keys))}

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Count, Sum, Avg, Min and Max of columns, exact for decimals, in one pass over the rows."""
        wanted = {**{_default_name(each): each for each in args}, **kwargs}
        folds = {name: _Fold(self.record, expression) for name, expression in wanted.items()}
        for row in self._rows():
            for fold in folds.values():
                fold.add(row)
        return {name: fold.result() for name, fold in folds.items()}

    def explain(self) -> str:
        """What of the query the engine is asked, and what is done here."""
        return _reads.told(self.record, self.db, self._filter)


def _comparison(order: Sequence[str]) -> Callable[[Mapping[str, Any], Mapping[str, Any]], int]:
    plan = [(name.removeprefix("-"), -1 if name.startswith("-") else 1) for name in order]

    def compare(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
        for name, sign in plan:
            a, b = one[name], other[name]
            found = (a is None) - (b is None) if a is None or b is None else (a > b) - (a < b)
            if found:
                return found * sign
        return 0

    return compare


# --- aggregates -----------------------------------------------------------------------------------------------------


def _source(expression: Any) -> Any:
    (source, *rest) = [each for each in expression.get_source_expressions() if each is not None]
    return None if rest else source


def _default_name(expression: Any) -> str:
    source = _source(expression)
    if not isinstance(source, F):
        raise TypeError("an aggregate of more than a column needs a name")
    return f"{source.name}__{type(expression).__name__.lower()}"


class _Fold:
    """One aggregate of one column. NotSupportedError, by its name, for every other."""

    def __init__(self, record: Any, expression: Any) -> None:
        kind: type = type(expression)
        source: Any = _source(expression) if hasattr(expression, "get_source_expressions") else None
        plain = kind in (Count, Sum, Avg, Min, Max) and not getattr(expression, "distinct", False)
        star = kind is Count and not isinstance(source, F)
        if not plain or getattr(expression, "filter", None) is not None or not (star or isinstance(source, F)):
            raise NotSupportedError(f"{record.__name__}: {expression!r} is not supported; Count, Sum, Avg, Min and Max "
                                    "of a column are")  # fmt: skip
        self._kind, self._name = kind, None if star else source.name
        if self._name == "pk":
            self._name = record._meta.key[0] if record._meta.key else None
        if self._name is not None:
            type_ = record._meta.column(self._name).type
            numbers = (Type.INT, Type.DECIMAL, Type.FLOAT)
            if (kind in (Sum, Avg) and type_ not in numbers) or (kind in (Min, Max) and type_ is Type.JSON):
                raise NotSupportedError(f"{record.__name__}.{self._name} is {type_.value}: it has no {kind.__name__}")
        self._count = 0
        self._value: Any = None

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row in."""
        value = True if self._name is None else row[self._name]
        if value is None:
            return
        self._count += 1
        if self._value is None:
            self._value = value
        elif self._kind in (Sum, Avg):
            exact = isinstance(value, Decimal)
            self._value = _EXACT.add(self._value, value) if exact else self._value + value
        elif self._kind in (Min, Max):
            self._value = (min if self._kind is Min else max)(self._value, value)

    def result(self) -> Any:
        """The aggregate of the rows; None of no rows, but for Count."""
        if self._kind is Count:
            return self._count
        return self._value / self._count if self._kind is Avg and self._count else self._value


class Manager:
    """`Order.objects`: every method of a queryset, of all rows."""

    def __init__(self, record: Any) -> None:
        self.record = record

    def get_queryset(self) -> QuerySet:
        """All rows."""
        return QuerySet(self.record)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.get_queryset(), name)

    def __get__(self, instance: Any, owner: type) -> Manager:
        if instance is not None:
            raise AttributeError(f"objects is asked of {owner.__name__}, not of one of its records")
        return self

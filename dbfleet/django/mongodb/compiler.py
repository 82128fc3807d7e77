"""From Django's queries to MongoDB's: the backend's own compilers, with columns that lie inside `_id`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db.models.expressions import ColPairs
from django_mongodb_backend import compiler as backend

from dbfleet.values import JSON_NULL

_DOT: Final = "__dot__"
"""What stands for the dot of `_id.a` where MongoDB allows none: in the names of a group."""


def _at(document: Any, path: str) -> Any:
    """The value at a path with dots; None where there is none."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


class _Nested:
    """Columns whose names have a dot are fields of a sub-document."""

    connection: Any
    collection_name: Any
    order_by_objs: Any

    def _make_result(self, entity: Any, columns: Any) -> list[Any]:
        found = []
        for name, col in columns:
            alias = getattr(col, "alias", None)
            inside = alias is not None and alias != self.collection_name
            document = entity.get(alias, {}) if inside else entity
            value = _at(document, name) if "." in name else document.get(name)
            if value is None and name in document and getattr(getattr(col, "target", None), "keeps_json_null", False):
                value = JSON_NULL
            found.append(value)
        return found

    def _get_ordering(self) -> Any:
        orders: list[Any] = []
        for order in self.order_by_objs or []:
            if isinstance(order.expression, ColPairs):
                for col in order.expression.get_cols():
                    part = order.copy()
                    part.set_source_expressions([col])
                    orders.append(part)
            else:
                orders.append(order)
        if self.order_by_objs:
            self.order_by_objs = orders
        return super()._get_ordering()  # type: ignore[misc]

    def _build_aggregation_pipeline(self, ids: Any, group: Any) -> Any:
        inside = {name: name.replace(".", _DOT) for name in ids or () if "." in name}
        if not inside:
            return super()._build_aggregation_pipeline(ids, group)  # type: ignore[misc]
        renamed = {inside.get(name, name): value for name, value in ids.items()}
        pipeline = super()._build_aggregation_pipeline(renamed, group)  # type: ignore[misc]
        pipeline = [stage for stage in pipeline if stage != {"$unset": "_id"}]
        return [*pipeline, {"$addFields": {name: f"${short}" for name, short in inside.items()}},
                {"$unset": list(inside.values())}]  # fmt: skip


class SQLCompiler(_Nested, backend.SQLCompiler):
    """Reads."""


class SQLInsertCompiler(_Nested, backend.SQLInsertCompiler):
    """Stores new documents."""

    def insert(self, docs: Sequence[dict[str, Any]], returning_fields: Any = None) -> Any:
        """Store the documents: a compound key as `_id`, in key order, and no field for NULL."""
        order = [field.column for field in self.query.get_meta().pk_fields]
        return super().insert([_stored(document, order) for document in docs], returning_fields)


def _stored(document: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
    key = {name.removeprefix("_id."): document[name] for name in order if name.startswith("_id.")}
    found: dict[str, Any] = {"_id": key} if key else {}
    for name, value in document.items():
        if value is not None and not name.startswith("_id."):
            found[name] = None if value is JSON_NULL else value
    return found


class SQLDeleteCompiler(_Nested, backend.SQLDeleteCompiler):
    """Removes documents."""


class SQLUpdateCompiler(_Nested, backend.SQLUpdateCompiler):
    """Changes documents."""

    def update(self, criteria: Any, pipeline: Any) -> Any:
        """Set the fields; one that gets NULL is removed."""
        changed = [{"$set": {name: _set(value) for name, value in stage["$set"].items()}} for stage in pipeline]
        return super().update(criteria, changed)


def _set(value: Any) -> Any:
    literal = value.get("$literal", value) if isinstance(value, dict) else value
    if literal is None:
        return "$$REMOVE"
    return {"$literal": None} if literal is JSON_NULL else value


class SQLAggregateCompiler(backend.SQLAggregateCompiler):
    """Aggregates over a query."""

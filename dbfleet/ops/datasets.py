"""`dbfleet datasets`: what `seed` can write, from the dataset's own description; nothing is generated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbfleet import datasets as known
from dbfleet.values import Column


@dataclass(frozen=True, slots=True)
class Described:
    """One entity of a dataset. `rows` is how many it has where `--rows` says what `of` says ("1000 orders");
    `columns` are `name type, …`, with `*` for the key's and `?` for nullable ones; `references` are
    `column -> collection`."""

    dataset: str
    collection: str
    rows: int
    of: str
    columns: str
    references: str
    source: str
    about: str


def datasets(name: str | None = None, *, rows: int | None = None) -> Iterator[Described]:
    """The entities of every dataset that comes with dbfleet, or of one (a name or the path of a TOML file), in
    reference order. UsageError or ConfigError where there is none or it cannot be meant."""
    for each in (name,) if name else known.names():
        dataset = known.load(each)
        given = dataset.default_rows if rows is None else rows
        for entity in dataset.entities:
            schema = entity.schema
            yield Described(
                dataset.name,
                schema.name,
                dataset.rows(schema.name, given),
                f"{given} {dataset.rows_are}",
                ", ".join(_column(column, column.name in schema.key) for column in schema.columns),
                ", ".join(f"{' '.join(r.columns)} -> {r.collection}" for r in schema.references),
                dataset.source,
                entity.about or dataset.about,
            )


def _column(column: Column, in_key: bool) -> str:
    size = ""
    if column.precision is not None:
        size = f"({column.precision},{column.scale or 0})"
    elif column.length is not None:
        size = f"({column.length})"
    return f"{column.name}{'*' if in_key else ''} {column.type.value}{size}{'?' if column.nullable else ''}"

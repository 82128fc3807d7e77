"""The classes of an app of records, for an engine that Django has no backend for, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbfleet.ops._python import called, comment, literal
from dbfleet.ops.models._app import Source, Told
from dbfleet.ops.models._names import OF_RECORDS, Taken, class_name, field_name, singular
from dbfleet.ops.models._text import plain
from dbfleet.values import Column, Reference, Schema


def text(target: str, title: str, sources: Sequence[Source]) -> tuple[str, int, list[Told]]:
    """models.py, how many classes it has, and what is left out: references that lead to no class."""
    classes = Taken(("Type", "records"))
    named = {source.schema.name: classes.take(class_name(source.schema.name)) for source in sources}
    told: list[Told] = []
    blocks = [_head(target, title, bool(sources))]
    blocks += [_class(target, source.schema, named, told) for source in sources]
    return "\n\n\n".join(blocks) + "\n", len(sources), told


def _head(target: str, title: str, some: bool) -> str:
    lines = [f'"""The collections of {plain(target)} ({title}), by: dbfleet models --format django {plain(target)}."""']
    if some:
        lines += ["", "from dbfleet.django import records", "from dbfleet.values import Type"]
    return "\n".join(lines)


def _class(target: str, schema: Schema, named: Mapping[str, str], told: list[Told]) -> str:
    taken = Taken(OF_RECORDS)
    names = {
        column.name: taken.take(field_name(column.name, key=True, reserved=OF_RECORDS)) for column in schema.columns
    }
    lines = [f"class {named[schema.name]}(records.Record):", f'    """The rows of {plain(schema.name)}."""', ""]
    lines += [_column(column, schema, names[column.name]) for column in schema.columns]
    for reference in schema.references:
        if reference.collection not in named:
            what = f"{schema.name}.{', '.join(reference.columns)} → {reference.collection}"
            told.append(Told(schema.name, what, "it leads to no class here"))
            lines.append(comment(f"No reference: {told[-1]}", "    "))
            continue
        lines.append(_reference(reference, names, named, taken))
    lines += [
        "",
        "    class Meta:",
        f"        target = {literal(target)}",
        f"        collection = {literal(schema.name)}",
    ]
    return "\n".join(lines)


def _column(column: Column, schema: Schema, name: str) -> str:
    arguments = [f"Type.{column.type.name}"]
    if column.name != name:
        arguments.append(f"name={literal(column.name)}")
    if column.name in schema.key:
        arguments.append(f"key={schema.key.index(column.name) + 1}")
    elif column.nullable:
        arguments.append("null=True")
    return called(f"    {name} = ", "records.Column", arguments)


def _reference(reference: Reference, names: Mapping[str, str], named: Mapping[str, str], taken: Taken) -> str:
    stem = names[reference.columns[0]]
    word = stem.removesuffix("_id") if len(reference.columns) == 1 and stem.endswith("_id") else ""
    name = taken.take(word or field_name(singular(reference.collection), reserved=OF_RECORDS))
    pairs = ", ".join(
        f"{literal(names[one])}: {literal(other)}" for one, other in zip(reference.columns, reference.keys, strict=True)
    )
    return called(f"    {name} = ", "records.Reference", [literal(named[reference.collection]), f"{{{pairs}}}"])

"""The files of an app as text, as a formatter would leave it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dbfleet.ops._python import called, comment, literal
from dbfleet.ops.models._app import Member, Model, Told

_FIELDS: Final = "fields."


def models_text(target: str, title: str, models: Sequence[Model], told: Sequence[Told]) -> str:
    """models.py."""
    kinds = {member.kind for model in models for member in model.members}
    own = any(kind.startswith(_FIELDS) for kind in kinds)
    own = own or any(member.generated for model in models for member in model.members)
    lines = [f'"""The collections of {plain(target)} ({title}), by: dbfleet models --format django {plain(target)}."""']
    imports = ["from django.db import models"] if models else []
    if any(kind.startswith("ObjectId") for kind in kinds):
        names = sorted(kind for kind in kinds if kind.startswith("ObjectId"))
        imports.append(f"from django_mongodb_backend.fields import {', '.join(names)}")
    if own:
        imports += ["", "from dbfleet.django import fields"] if imports else ["from dbfleet.django import fields"]
    blocks = ["\n".join([*lines, *([""] if imports else []), *imports])]
    left = [each for each in told if each.what == each.collection]
    if left:
        blocks[0] += "\n\n" + "\n".join(comment(f"No model: {_words(each)}") for each in left)
    blocks += [_model(model) for model in models]
    return "\n\n\n".join(blocks) + "\n"


def _model(model: Model) -> str:
    lines = [f"class {model.name}(models.Model):", f'    """The rows of {plain(model.collection)}."""', ""]
    if model.key:
        lines.append(called("    pk = ", "models.CompositePrimaryKey", [literal(name) for name in model.key]))
    lines += [_member(member) for member in model.members]
    lines += [comment(f"{_missing(each)}: {_words(each)}", "    ") for each in model.told]
    lines += ["", "    class Meta:", "        managed = False", f"        db_table = {literal(model.table)}"]
    return "\n".join(lines)


def _missing(told: Told) -> str:
    return "No reference" if "→" in told.what else "No field"


def _words(told: Told) -> str:
    return " ".join(str(told).split())


def _member(member: Member) -> str:
    arguments = [literal(each) for each in member.positional]
    arguments += [f"{name}={literal(value)}" for name, value in _ordered(member)]
    if member.generated:
        inner = called("", member.kind, arguments)
        return called(f"    {member.name} = ", "fields.computed", [inner])
    return called(f"    {member.name} = ", member.kind, arguments)


_ORDER: Final = ("db_column", "primary_key", "unique", "to_field", "from_fields", "to_fields", "related_name")


def _ordered(member: Member) -> Iterator[tuple[str, object]]:
    for name in _ORDER:
        if name in member.arguments:
            yield name, member.arguments[name]
    for name, value in member.arguments.items():
        if name not in _ORDER:
            yield name, value


def config_text(target: str, label: str, database: str, engine: str) -> str:
    """apps.py."""
    return f'''"""The app of {plain(target)}."""

from dbfleet.django import TargetConfig


class Config(TargetConfig):
    """Its models live in the database {plain(database)}."""

    default = True
    name = __package__
    label = {literal(label)}
    database = {literal(database)}
    engine = {literal(engine)}
'''


def plain(text: str) -> str:
    """The text for a docstring: without what would end it, or escape something in it."""
    return "".join("_" if each in '"\\' or not each.isprintable() else each for each in text)

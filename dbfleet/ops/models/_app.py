"""The models of a target: which collection is a class, which column a field, which reference leads to another model.

A collection without a key, or with a key that Django cannot hold, is refused; a column that it cannot hold is left out.
Both are told by name (`Told`). A reference is a ForeignKey where it leads to the whole key, or to a unique column, of a
collection that is a model too, and the values lie in both columns alike; over several columns it is a ForeignObject.
Every other reference leaves its columns as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dbfleet.extras import AnyExtra, Identity, Index
from dbfleet.ops._python import Code
from dbfleet.ops.models._fields import MONGODB, Field, Refused, field_of
from dbfleet.ops.models._names import OF_MODELS, Taken, class_name, field_name, singular
from dbfleet.ops.models._places import db_name, db_table, mongodb_column
from dbfleet.values import Column, Reference, Schema

_DO_NOTHING: Final = Code("models.DO_NOTHING")


@dataclass(frozen=True, slots=True)
class Source:
    """A collection as the target has it: `space` is the schema that it is in, where that must be said; `forms` are the
    fields of columns that the values decide, or why there is none."""

    schema: Schema
    extras: Sequence[AnyExtra] = ()
    space: str | None = None
    forms: Mapping[str, Field | Refused] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What is left out, by its name, and why: a collection, a column of it, or a reference."""

    collection: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


@dataclass(slots=True)
class Member:
    """A line of a class: a name and the call that makes its field."""

    name: str
    kind: str
    positional: list[Any]
    arguments: dict[str, Any]
    generated: bool = False


@dataclass(slots=True)
class Model:
    """A class to be written."""

    name: str
    collection: str
    table: str
    members: list[Member] = field(default_factory=list)
    key: tuple[str, ...] = ()
    told: list[Told] = field(default_factory=list)


class _Draft:
    """A collection on its way to a class: its fields by column, its names."""

    def __init__(self, source: Source, backend: str, name: str) -> None:
        self.schema, self.backend = source.schema, backend
        self.model = Model(name, self.schema.name, db_table(_bare(source), backend, source.space))
        self.fields: dict[str, Field] = {}
        self.places: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.references: dict[str, tuple[Reference, Member]] = {}
        self.objects: list[Member] = []
        self.unique = {each.columns[0] for each in source.extras
                       if isinstance(each, Index) and each.unique and len(each.columns) == 1}  # fmt: skip
        self.identities = {each.column for each in source.extras if isinstance(each, Identity)}
        if not self.schema.key:
            raise Refused("it has no key, and Django's models need one")
        for column in self.schema.columns:
            self._hold(column, source.forms.get(column.name))

    def _hold(self, column: Column, form: Field | Refused | None) -> None:
        try:
            if isinstance(form, Refused):
                raise form
            place = self._place(column.name)
            self.fields[column.name] = form or field_of(column, self.backend)
            self.places[column.name] = place
        except Refused as reason:
            if column.name in self.schema.key:
                raise Refused(f"its key holds {column.name}: {reason}") from reason
            self.model.told.append(Told(self.schema.name, f"{self.schema.name}.{column.name}", str(reason)))

    def _place(self, name: str) -> str:
        return mongodb_column(name, self.schema.key) if self.backend == MONGODB else db_name(name, self.backend)

    def alone(self, name: str) -> bool:
        """Whether the column is the whole key."""
        return self.schema.key == (name,)

    # --- names and members ---

    def name_fields(self) -> None:
        """Give every column a name: those of no reference first, as theirs are the columns' own."""
        taken = Taken(OF_MODELS - {"id"})
        for plain in (True, False):
            for name in self.fields:
                if (name not in self.references) is plain:
                    wanted = field_name(name if plain else self._related(name), key=self.alone(name))
                    self.names[name] = taken.take(wanted, *(() if plain else ("_id",)))
        for each in self.objects:
            each.name = taken.take(each.name)

    def _related(self, column: str) -> str:
        """What a column that refers to another collection is called: customer of customer_id."""
        stem = field_name(column).removesuffix("_id") or column
        return (
            singular(self.references[column][0].collection.rpartition(".")[2]) if stem in ("id", "id_field") else stem
        )

    def finish(self) -> Model:
        """The class, with its fields in the order of the columns."""
        for column in self.schema.columns:
            if column.name in self.fields:
                self.model.members.append(self._member(column))
        self.model.members += self.objects
        if len(self.schema.key) > 1:
            self.model.key = tuple(self.names[name] for name in self.schema.key)
        return self.model

    def _member(self, column: Column) -> Member:
        name, made = self.names[column.name], self.fields[column.name]
        counts = column.name in self.identities
        if column.name in self.references:
            member = self.references[column.name][1]
            member.name, default = name, f"{name}_id"
        else:
            alone = self.alone(column.name)
            kind = _counting(made) if counts and alone else made.kind
            kind = "ObjectIdAutoField" if kind == "ObjectIdField" and alone else kind
            # What counts and is no key would get NULL from Django: the server's value is read.
            member = Member(name, kind, [], dict(made.arguments), column.generated or (counts and not alone))
            default = name
        if self.places[column.name] != default:
            member.arguments["db_column"] = self.places[column.name]
        if self.alone(column.name):
            member.arguments["primary_key"] = True
        elif column.name in self.unique and column.name not in self.references:
            member.arguments["unique"] = True
        if column.nullable and column.name not in self.schema.key:
            member.arguments |= {"null": True} if column.generated else {"null": True, "blank": True}
        return member


def _bare(source: Source) -> str:
    """The collection's name without the schema that it is in."""
    name = source.schema.name
    return name.removeprefix(f"{source.space}.") if source.space else name


def _counting(made: Field) -> str:
    return _COUNTING.get(made.kind, made.kind)


_COUNTING: Final = {
    "models.SmallIntegerField": "models.SmallAutoField",
    "models.IntegerField": "models.AutoField",
    "models.BigIntegerField": "models.BigAutoField",
}


def app(sources: Iterable[Source], backend: str) -> tuple[list[Model], list[Told]]:
    """The classes for the collections, and what is left out."""
    drafts: dict[str, _Draft] = {}
    told: list[Told] = []
    classes = Taken(("models", "fields", "ObjectIdField", "ObjectIdAutoField"))
    for source in sources:
        try:
            draft = _Draft(source, backend, "")
        except Refused as reason:
            told.append(Told(source.schema.name, source.schema.name, str(reason)))
            continue
        draft.model.name = classes.take(class_name(source.schema.name))
        drafts[source.schema.name] = draft
    for draft in drafts.values():
        for reference in draft.schema.references:
            why = _refer(draft, reference, drafts)
            if why:
                what = f"{draft.schema.name}.{', '.join(reference.columns)} → {reference.collection}"
                draft.model.told.append(Told(draft.schema.name, what, why))
    for draft in drafts.values():
        draft.name_fields()
    _name_ways_back(drafts)
    models = [draft.finish() for draft in drafts.values()]
    return models, [*told, *(each for model in models for each in model.told)]


# --- references -----------------------------------------------------------------------------------------------------


def _refer(draft: _Draft, reference: Reference, drafts: Mapping[str, _Draft]) -> str | None:
    """Make a field of the reference; or say why there is none."""
    other = drafts.get(reference.collection)
    if other is None:
        return "it is no model here, so the columns are plain ones"
    pairs = list(zip(reference.columns, reference.keys, strict=True))
    if any(one not in draft.fields or key not in other.fields for one, key in pairs):
        return "one of its columns has no field"
    if any(draft.fields[one].form != other.fields[key].form for one, key in pairs):
        return "the values lie otherwise in the two columns, so a join would find nothing"
    whole = set(reference.keys) == set(other.schema.key)
    if not whole and not (len(pairs) == 1 and reference.keys[0] in other.unique):
        return "it does not lead to the key"
    (column, _), *more = pairs
    if more or column in draft.references or draft.schema.column(column).generated:
        draft.objects.append(_object(draft, reference, other))
        return None
    alone = draft.alone(column) or column in draft.unique
    arguments: dict[str, Any] = {} if whole else {"to_field": Code("")}
    member = Member(
        "", f"models.{'OneToOneField' if alone else 'ForeignKey'}", [other.model.name, _DO_NOTHING], arguments
    )
    draft.references[column] = (reference, member)
    return None


def _object(draft: _Draft, reference: Reference, other: _Draft) -> Member:
    """A reference over several columns, or one more over a column that refers already."""
    name = field_name(singular(reference.collection.rpartition(".")[2]))
    nullable = any(draft.schema.column(column).nullable for column in reference.columns)
    arguments: dict[str, Any] = {"from_fields": reference.columns, "to_fields": reference.keys}
    if nullable:
        arguments["null"] = True
    return Member(name, "models.ForeignObject", [other.model.name, _DO_NOTHING], arguments)


def _name_ways_back(drafts: Mapping[str, _Draft]) -> None:
    """Give each reference the name by which its other end finds it, and ForeignObjects the names of their fields."""
    taken = {
        draft.model.name: Taken((*OF_MODELS, *draft.names.values(), *(f"{name}_id" for name in draft.names.values()),
                                 *(each.name for each in draft.objects)))
        for draft in drafts.values()
    }  # fmt: skip
    by_class = {draft.model.name: draft for draft in drafts.values()}
    for draft in drafts.values():
        members = [(draft.names[column], member) for column, (_, member) in draft.references.items()]
        members += [(member.name, member) for member in draft.objects]
        ends = [member.positional[0] for _, member in members]
        for name, member in members:
            end = member.positional[0]
            word = field_name(draft.schema.name.rpartition(".")[2])
            word = singular(word) if member.kind == "models.OneToOneField" else word
            wanted = f"{word}_by_{name}" if ends.count(end) > 1 else word
            member.arguments["related_name"] = taken[end].take(wanted)
            _resolve(draft, member, by_class[end])


def _resolve(draft: _Draft, member: Member, other: _Draft) -> None:
    """Columns in the arguments become the names of their fields."""
    if "to_field" in member.arguments:
        (reference,) = [each for each, made in draft.references.values() if made is member]
        member.arguments["to_field"] = other.names[reference.keys[0]]
    if "from_fields" in member.arguments:
        member.arguments["from_fields"] = tuple(draft.names[name] for name in member.arguments["from_fields"])
        member.arguments["to_fields"] = tuple(other.names[name] for name in member.arguments["to_fields"])

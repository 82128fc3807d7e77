"""Values of every type: what dbfleet wrote, a model reads equal; what a model saved, dbfleet reads equal."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from dbfleet.adapter import Adapter
from dbfleet.conformance.examples import examples, types_of
from dbfleet.conformance.plugin import Make
from dbfleet.fleet import Fleet
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Column, Row, Schema, Type, digest_rows
from tests.models.projects import project

_READ = """
import pickle, sys
from django.apps import apps
found = {}
for model in apps.get_app_config(LABEL).get_models():
    rows = [(row.pk, row.value) for row in model.objects.order_by("pk").iterator()]
    found[model._meta.db_table] = rows
    for row in model.objects.iterator():
        model(pk=row.pk + 1000, value=row.value).save()
        if row.value is not None and model.__name__ not in UNFOUND:
            assert model.objects.filter(value=row.value, pk=row.pk).exists(), (model, row.value)
    assert model.objects.filter(value=None).count() == 2, model
    model.objects.filter(pk__gte=1000).update(value=None)
    for row in model.objects.filter(pk__lt=1000):
        model.objects.filter(pk=row.pk + 1000).update(value=row.value)
pickle.dump(found, open("found", "wb"))
"""
"""Reads all, saves each row once more behind the key 1000, sets these to NULL and to the value again; each value is
found by a filter."""

_NEVER_EQUAL = {Type.FLOAT}
"""NaN."""


@pytest.fixture
def backed(spec: EngineSpec) -> EngineSpec:
    if spec.django is None:
        pytest.skip("undeclared by the spec")
    if spec.name in ("oracle", "sqlserver"):  # tests/models/test_models_of_doubles.py has what they can
        pytest.skip("a double that no ORM can ask")
    return spec


def test_values_come_through_equal_in_both_directions(
    adapter: Adapter, target: Target, backed: EngineSpec, fleet: Fleet, made: Make, tmp_path: Path
) -> None:
    schemas: dict[str, tuple[Schema, list[Row]]] = {}
    for type_ in types_of(backed):
        columns = (Column("id", Type.INT, False), Column("value", type_))
        schema = made(Schema(f"dj_{type_.value}", columns, ("id",)))
        rows = [(number, value) for number, value in enumerate([None, *examples(type_, backed)], 1)]
        adapter.write(schema, [rows])
        schemas[schema.name] = adapter.describe(schema.name), rows
    there = project(fleet, [(target, list(schemas))], tmp_path)
    (app,) = there.apps.values()
    assert app.told == ()
    there.run(f"LABEL = {app.label!r}\nUNFOUND = {[f'Dj{type_.value.title()}' for type_ in _NEVER_EQUAL]!r}\n{_READ}")
    found: dict[str, list[Any]] = pickle.loads((tmp_path / "found").read_bytes())
    for name, (schema, _) in schemas.items():
        stored = [row for batch in adapter.scan(schema) for row in batch]
        before = sorted((row for row in stored if row[0] < 1000), key=lambda row: row[0])
        after = sorted(((row[0] - 1000, row[1]) for row in stored if row[0] >= 1000), key=lambda row: row[0])
        assert [type(value) for _, value in found[name]] == [type(value) for _, value in before], name
        assert digest_rows(schema.columns, [found[name]]) == digest_rows(schema.columns, [before]), name
        assert digest_rows(schema.columns, [after]) == digest_rows(schema.columns, [before]), name

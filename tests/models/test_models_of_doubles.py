"""Oracle and SQL Server: their wire doubles know dbfleet's statements, not Django's. So what is verified here is what
needs no answer: the models, Django's own checks with the backends loaded, and the SQL that is made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dbfleet.fleet import Fleet
from dbfleet.ops import models as op
from dbfleet.ops.seed import seed
from dbfleet.target import Target
from tests.models.projects import drop_shop, project
from tests.models.test_shop import SHOP
from tests.models.written import same_as_golden

DOUBLES = ("oracle", "sqlserver")


@pytest.fixture(scope="module")
def doubles(ends: Mapping[str, Target], fleet: Fleet) -> Iterator[Mapping[str, Target]]:
    found = {engine: ends[engine] for engine in DOUBLES if engine in ends}
    if not found:
        pytest.skip("no such engine in this run")
    list(seed(list(found.values()), rows=20, reset=True, connect=fleet.connect, agree=lambda told: None))
    yield found
    drop_shop(fleet, found.values())


def test_the_models_of_the_doubles_pass_django_s_checks(
    doubles: Mapping[str, Target], fleet: Fleet, tmp_path: Path
) -> None:
    made = project(fleet, [(target, SHOP) for target in doubles.values()], tmp_path)
    for engine, app in made.apps.items():
        assert app.told == ()
        for name in (op.MODELS, "apps.py"):
            same_as_golden(f"{engine}/{name}", app.files[name])


def test_names_keep_their_case_in_oracle_s_sql(doubles: Mapping[str, Target], fleet: Fleet, tmp_path: Path) -> None:
    if "oracle" not in doubles:
        pytest.skip("no such engine in this run")
    made = project(fleet, [(doubles["oracle"], SHOP)], tmp_path)
    code = """
from django.db import connections
from fleet.oracle.models import Order
connection = connections["oracle"]
print(connection.ops.quote_name("orders"), connection.ops.quote_name('"we%ird"'))
at = Order._meta.get_field("ordered_at")
print(at.select_format(Order.objects.all().query.get_compiler(connection=connection), at.column, ())[0])
print(at.get_placeholder(None, None, connection), connection.ops.convert_empty_string(None, None, connection))
"""
    assert made.run(code).splitlines() == [
        '"orders" "we%%ird"',
        "SYS_EXTRACT_UTC(ordered_at)",
        "FROM_TZ(CAST(%s AS TIMESTAMP), 'UTC') None",
    ]

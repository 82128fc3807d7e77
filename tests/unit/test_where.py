"""--where: SQL's three-valued logic, applied by us."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from dbfleet.errors import UsageError
from dbfleet.ops.diff.expression import parse
from dbfleet.values import Column, Row, Type

COLUMNS = [
    Column("id", Type.INT), Column("name", Type.TEXT), Column("price", Type.DECIMAL), Column("on", Type.DATE),
    Column("ok", Type.BOOL), Column("Odd Name", Type.FLOAT),
]  # fmt: skip
ROW: Row = (7, "it's 50%", Decimal("9.90"), date(2024, 2, 29), True, 0.1)
NULLS: Row = (None,) * 6


@pytest.mark.parametrize(
    "text",
    [
        "id = 7", "ID == 7", "7 = id", "id <> 8", "id != 8", "id >= 7 and id <= 7", "not id < 7", "id > -1",
        "name = 'it''s 50%'", "price = 9.9", "price < 9.901", "price > id", '"on" = \'2024-02-29\'',
        "\"on\" > date '2024-02-28'", "ok", "not (not ok)", "ok is true", "ok = true", "ok is not null",
        '"Odd Name" = 0.1', "`Odd Name` < 1", "[Odd Name] between 0 and 0.2", "id in (1, 7, null)",
        "id not in (1, 2)", "name like 'it%'", "name like '%50!%' escape '!'", "name not like 'IT%'",
        "id between 7 and 8", "not id between 8 and 9", "name is not null", "id = 1 or (id = 7 and ok)",
        "(id = 1) is false", "id = 7 and not price = 1 or id = 2",
    ],
)  # fmt: skip
def test_true(text: str) -> None:
    assert parse(text, COLUMNS)(ROW) is True


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("id = 7", None), ("id <> 7", None), ("not id = 7", None), ("id = 7 or true", True),
        ("id = 7 and false", False), ("id = 7 and true", None), ("id in (1)", None), ("id is null", True),
        ("not id is null", False), ("name like '%'", None), ("ok", None), ("(id = 7) is null", True),
        ("ok is not true", True),
        ("id = null", None),
    ],
)  # fmt: skip
def test_null_is_unknown(text: str, value: bool | None) -> None:
    assert parse(text, COLUMNS)(NULLS) is value


def test_not_in_with_a_null_is_never_true() -> None:
    assert parse("id not in (1, null)", COLUMNS)(ROW) is None


@pytest.mark.parametrize(
    "text",
    ["", "id", "id =", "id = 'x'", "name > 3", "nme = 'a'", "id = 1 id", "(id = 1", "id ** 2", "name like 5",
     "select 1", "\"on\" = 'yesterday'", "id = 1;drop", "ok = 7"],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, COLUMNS)
    assert "--where" in str(caught.value)

"""A step of a native copy that the server undoes for a deadlock is taken again: no row is at fault."""

from __future__ import annotations

import pytest

from dbfleet.engines._mysql.native import take
from dbfleet.errors import StatementError


class Refusing:
    """A statement that ends with these errors, one a time, and then with none."""

    def __init__(self, *codes: str) -> None:
        self.codes = list(codes)
        self.asked = 0

    def __call__(self) -> None:
        self.asked += 1
        if self.codes:
            raise StatementError("refused", code=self.codes.pop(0))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take, "_PAUSE_S", 0.0)


def test_a_deadlock_is_no_end() -> None:
    statement = Refusing("1213", "1213")
    take._until_no_deadlock(statement)
    assert statement.asked == 3


@pytest.mark.parametrize("codes", [["1062"], ["1213", "1062"], ["1213"] * 30])
def test_another_error_is_and_so_are_deadlocks_without_end(codes: list[str]) -> None:
    statement = Refusing(*codes)
    with pytest.raises(StatementError) as caught:
        take._until_no_deadlock(statement)
    assert caught.value.code == codes[-1]
    assert statement.asked == min(len(codes), 21)

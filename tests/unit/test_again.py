"""--retries: which errors are tried again, how long it waits, and that a user is asked once."""

from __future__ import annotations

from typing import Any

import pytest

from dbfleet.errors import AuthFailed, DbfleetError, NotReady, StatementError, Unavailable, UsageError
from dbfleet.ops._again import again


def failing(*errors: DbfleetError) -> Any:
    """Raises these, one a try; returns the number of the try after them."""

    def run(number: int) -> int:
        if number < len(errors):
            raise errors[number]
        return number

    return run


def test_a_lost_connection_is_tried_again_after_longer_and_longer_waits() -> None:
    said: list[str] = []
    waits: list[float] = []
    errors = [Unavailable("gone", target="shop"), NotReady("shop: late", target="shop"), *[Unavailable("x")] * 6]
    assert again(failing(*errors), 8, said.append, waits.append) == 8
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert said[:2] == ["shop: gone: again in 1 s, try 2 of 9", "shop: late: again in 2 s, try 3 of 9"]


def test_after_the_last_try_the_error_stands() -> None:
    waits: list[float] = []
    with pytest.raises(Unavailable, match="third"):
        again(failing(Unavailable("first"), Unavailable("second"), Unavailable("third")), 2, print, waits.append)
    assert waits == [1, 2]
    with pytest.raises(Unavailable, match="first"):
        again(failing(Unavailable("first")), 0, print, waits.append)


@pytest.mark.parametrize("error", [AuthFailed("no"), StatementError("no"), UsageError("no")])
def test_what_a_later_try_does_not_mend_is_not_tried_again(error: DbfleetError) -> None:
    with pytest.raises(type(error)):
        again(failing(error), 5, print, lambda seconds: pytest.fail("it waits"))


def test_less_than_no_retry_is_refused() -> None:
    with pytest.raises(UsageError, match="--retries is -1"):
        again(failing(), -1, print)

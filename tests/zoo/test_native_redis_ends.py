"""Keys that end while they are copied or compared: nothing is wrong with that, and what lasts is proven as ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from dbfleet.ops.copy import worker
from dbfleet.target import Target
from tests.zoo.redis_kinds import client
from tests.zoo.test_native_redis import two_databases, url  # noqa: F401
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("redis")

HOUR_MS = 3_600_000


def fill(target: Target, ends_ms: int) -> None:
    with client(target) as server, server.pipeline(transaction=False) as pipe:
        for number in range(300):
            pipe.set(f"sess:{number}", f"value {number}")
        for number in range(40):
            pipe.set(f"sess:soon{number}", "x", px=ends_ms)
            pipe.set(f"sess:late{number}", "x", px=HOUR_MS)
        pipe.execute()


def before_the_check(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """What happens between the last row and the first that is read back. Workers are forked, so they have it too."""
    read_back = worker._read_back

    def later(*given: Any) -> Any:
        act()
        return read_back(*given)

    monkeypatch.setattr(worker, "_read_back", later)


def test_keys_that_end_before_they_are_read_back_are_counted(
    pair: tuple[Target, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(pair[0], 1_500)
    before_the_check(monkeypatch, lambda: time.sleep(2))
    done = run("copy", url(pair[0]), url(pair[1]), "--verify")
    assert done.code == 0, done
    assert "sess: 40 rows end by themselves about now: they are not proven" in done.err
    with client(pair[1]) as server:
        assert server.dbsize() == 340


@pytest.mark.parametrize("lost", ["sess:7", "sess:late7"])
def test_what_lasts_is_proven_beside_them(
    pair: tuple[Target, Target], monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    fill(pair[0], 1_500)

    def lose() -> None:
        with client(pair[1]) as server:
            assert server.delete(lost) == 1
        time.sleep(2)

    before_the_check(monkeypatch, lose)
    done = run("copy", url(pair[0]), url(pair[1]), "--verify")
    assert done.code == 1, done
    assert "sess is not what was read" in done.err


def test_a_copy_of_nothing_but_lasting_keys_says_nothing_of_ends(pair: tuple[Target, Target]) -> None:
    fill(pair[0], HOUR_MS)
    done = run("copy", url(pair[0]), url(pair[1]), "--verify")
    assert done.code == 0, done
    assert "end by themselves" not in done.err


def test_diff_passes_over_what_ends_about_now(pair: tuple[Target, Target]) -> None:
    fill(pair[0], HOUR_MS)
    assert run("copy", url(pair[0]), url(pair[1])).code == 0
    with client(pair[0]) as a, client(pair[1]) as b:
        a.set("sess:going", "x", px=5_000)
        b.set("sess:going too", "x", px=5_000)
    done = run("diff", url(pair[0]), url(pair[1]))
    assert (done.code, done.out) == (0, b""), done
    with client(pair[0]) as a:
        a.set("sess:staying", "x", px=HOUR_MS)
    done = run("diff", url(pair[0]), url(pair[1]))
    assert done.code == 1
    assert done.out.count(b"\n") == 1
    assert b"sess:staying" in done.out

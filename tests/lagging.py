"""A copy that lags: a process writes rows into one target and, some rows behind, into another.

A process of its own, as what is tested forks, and a fork of a process whose other threads are at work may inherit a
lock that nobody frees.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbfleet import registry
from dbfleet.target import Target
from dbfleet.values import Row, Schema

BEHIND = 4


@contextmanager
def lagging(source: Target, sink: Target, schema: Schema, *more: Any) -> Iterator[None]:
    """For the block: rows `(key, number, *more)` with a key of 1 to 40 in turn. At its end both hold the same."""
    spawn = multiprocessing.get_context("spawn")
    ending, began = spawn.Event(), spawn.Event()
    writer = spawn.Process(target=_copies, args=(source, sink, schema, more, ending, began))
    writer.start()
    try:
        assert began.wait(60)
        yield
    finally:
        ending.set()
        writer.join()
    assert writer.exitcode == 0


def _copies(source: Target, sink: Target, schema: Schema, more: Row, ending: Any, began: Any) -> None:
    waiting: list[Row] = []
    number = 0
    with registry.connect(source) as mine, registry.connect(sink) as theirs:
        while not ending.is_set():
            number += 1
            waiting.append((number % 40 + 1, number, *more))
            mine.write(schema, [waiting[-1:]], mode="upsert")
            if len(waiting) > BEHIND:
                theirs.write(schema, [[waiting.pop(0)]], mode="upsert")
                began.set()
            time.sleep(0.005)
        for row in waiting:
            theirs.write(schema, [[row]], mode="upsert")

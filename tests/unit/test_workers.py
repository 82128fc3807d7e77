"""What the owner of a worker process does when it is interrupted in the middle of a message."""

from __future__ import annotations

import os
import struct
import time
from dataclasses import replace
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.ops import _workers
from dbfleet.ops._workers import Owner, Worker


class Torn:
    """A connection whose first message is cut by Ctrl-C: after its length and a few bytes, or before it is read."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._cut = connection, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def send(self, message: object) -> None:
        if not self._cut:
            self._connection.send(message)
            return
        self._cut = False
        os.write(self._connection.fileno(), struct.pack("!i", 1000) + b"half")
        raise KeyboardInterrupt

    def recv(self) -> Any:
        if not self._cut:
            return self._connection.recv()
        self._cut = False
        os.read(self._connection.fileno(), 8)
        raise KeyboardInterrupt


def _listening(owner: Owner) -> None:
    owner.receive()


def _talking(owner: Owner) -> None:
    while True:
        owner.check()
        owner.send(b"x" * 100_000)
        time.sleep(0.001)


@pytest.mark.parametrize(("job", "word"), [(_listening, "send"), (_talking, "receive")])
def test_an_interrupt_in_the_middle_of_a_message_ends_the_worker(job: Any, word: str) -> None:
    """By the end of its connection: what else it is told would be taken for the rest of the message."""
    worker = Worker("w", job)
    killed: list[bool] = []
    if worker._process is not None:
        kill = worker._process.kill
        worker._process.kill = lambda: (killed.append(True), kill())
    worker.connection = Torn(worker.connection)
    with pytest.raises(KeyboardInterrupt):
        worker.send("word") if word == "send" else worker.receive()
    _workers.stop([worker])
    assert worker.ended
    assert not killed


def _where(owner: Owner) -> None:
    owner.send(os.getpid())
    _talking(owner)


def test_workers_are_threads_for_a_file_that_one_process_has_and_are_told_to_stop_alike() -> None:
    spec = registry.spec("sqlite")
    for engines, is_ours in (([spec], not _workers._FORKS), ([spec, replace(spec, one_process=True)], True)):
        workers = _workers.start([("one", _where), ("two", _where)], engines)
        try:
            assert [worker.receive() == os.getpid() for worker in workers] == [is_ours, is_ours]
        finally:
            for worker in workers:
                worker.tell_to_stop()
            for worker in workers:
                while not worker.ended:  # it may be in the middle of a message
                    worker.receive()
                worker.stop()
            assert all(worker.ended for worker in workers)

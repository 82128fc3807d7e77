"""Hosts that are no MongoDB and no Redis, or none at all: refused within the timeout, by what they are."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from dbfleet import registry
from dbfleet.errors import AuthFailed, DbfleetError, Unavailable
from dbfleet.target import Target

pytestmark = pytest.mark.engines("mongodb", "redis")

ANSWERS: dict[str, bytes | None] = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "garbage": bytes(range(256)) * 50,
    "short": b"\0",
    "closes": b"",
    "silent": None,
}


@contextlib.contextmanager
def host(answer: bytes | None) -> Iterator[int]:
    """A port where everybody gets this answer; None: never any."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.1)
    ended = threading.Event()
    connections: list[socket.socket] = []

    def serve() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                connection = listening.accept()[0]
                connections.append(connection)
                if answer is not None:
                    connection.recv(1000)
                    connection.sendall(answer)
                    connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        ended.set()
        thread.join()
        for each in (listening, *connections):
            each.close()


@pytest.mark.parametrize("kind", list(ANSWERS))
@pytest.mark.parametrize("user", [None, "somebody"])
def test_something_else_is_refused_within_the_timeout(target: Target, kind: str, user: str | None) -> None:
    with host(ANSWERS[kind]) as port:
        started = time.monotonic()
        other = target.with_(host="127.0.0.1", port=port, user=user, password=user and "x", managed=False)
        with pytest.raises(Unavailable) as caught:
            registry.connect(other, timeout_s=1)
        assert time.monotonic() - started < 20, "it has a second"
    assert not isinstance(caught.value, AuthFailed)
    if kind in ("http", "ssh", "garbage"):
        assert "no MongoDB server" in caught.value.message or "no Redis server" in caught.value.message


@pytest.mark.parametrize("name", ["nowhere.invalid", "127.0.0.1"])
def test_no_host_and_no_listener(target: Target, name: str) -> None:
    with host(b"") as port:
        pass  # closed again: nobody listens there
    with pytest.raises(Unavailable):
        registry.connect(target.with_(host=name, port=port, managed=False), timeout_s=2)


def test_a_wrong_password_is_no_wrong_host(target: Target) -> None:
    if target.password is None:
        pytest.skip("undeclared capability")
    with pytest.raises(DbfleetError) as caught:
        registry.connect(target.with_(password="wrong"))
    assert isinstance(caught.value, AuthFailed)

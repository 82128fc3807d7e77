"""Hosts that are no MongoDB and no Redis, or none at all: refused within the timeout, by what they are."""

from __future__ import annotations

import contextlib
import socket
import threading
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
PATIENCE_S = 60
"""So long a silent host holds the line: whoever does not give up before it has no timeout of its own."""


@contextlib.contextmanager
def host(answer: bytes | None, gave_up: threading.Event | None = None) -> Iterator[int]:
    """A port where everybody gets this answer; None: never any, and the line is closed when PATIENCE_S have passed, as
    `gave_up` then says."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.1)
    ended = threading.Event()
    connections: list[socket.socket] = []

    def give_up() -> None:
        for each in connections:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        if gave_up:
            gave_up.set()

    patience = threading.Timer(PATIENCE_S, give_up)
    patience.start()

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
        patience.cancel()
        ended.set()
        thread.join()
        for each in (listening, *connections):
            each.close()


@pytest.mark.parametrize("kind", list(ANSWERS))
@pytest.mark.parametrize("user", [None, "somebody"])
def test_something_else_is_refused_within_the_timeout(target: Target, kind: str, user: str | None) -> None:
    gave_up = threading.Event()
    with host(ANSWERS[kind], gave_up) as port:
        other = target.with_(host="127.0.0.1", port=port, user=user, password=user and "x", managed=False)
        with pytest.raises(Unavailable) as caught:
            registry.connect(other, timeout_s=1)
        assert not gave_up.is_set(), "dbfleet has its own timeout, and it is the shorter one"
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
        pytest.skip("no login in this run")
    with pytest.raises(DbfleetError) as caught:
        registry.connect(target.with_(password="wrong"))
    assert isinstance(caught.value, AuthFailed)

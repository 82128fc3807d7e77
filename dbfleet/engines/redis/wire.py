"""One connection's socket: requests packed by us, replies parsed by hiredis, in strict order and counted.

redis-py makes the connection (`redis.connect`). Its own pipelines take five times as long as redis-cli, most of it one
Python call a reply, so from there on requests are bytes and hiredis is asked directly.

Rules:
- Every request leaves a Pending in the queue, and replies belong to the oldest Pending. Whoever wants a later one reads
  the earlier replies into their own Pending first, so a scan, a write that pulls from it and a half-read result may
  share the connection in any order.
- A Pending that nobody wants any more is dropped: its replies are thrown away as they come.
- After an interrupt in the middle of a read nobody knows what is unread: the wire is `broken`, and is not used again.
- An array, a set or a map streams: its header is read apart, and hiredis then gives one element after another, so
  memory holds one element and not the whole reply.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, Final

RECEIVE: Final = 1 << 17


class ReplyError(Exception):
    """An error reply, as the server worded it: `WRONGTYPE Operation against …`."""

    @property
    def code(self) -> str:
        """Its first word, where that is one in capitals; else ERR."""
        word = str(self).partition(" ")[0]
        return word if word.isupper() else "ERR"


class LoginRefused(ReplyError):
    """The error reply to a login: user, password, or a database that is not there."""


class ConnectionLost(Exception):
    """The server closed the connection, or the network did."""


class Pending:
    """Replies that are on their way: `left` of them are still to be read, `kept` are read and not yet taken."""

    __slots__ = ("decode", "dropped", "kept", "kind", "left")

    def __init__(self, left: int, decode: bool) -> None:
        self.left = left
        self.decode = decode
        self.kind = ""
        self.kept: list[Any] = []
        self.dropped = False

    def drop(self) -> None:
        """Nobody wants them any more."""
        self.dropped = True
        self.kept = []


class Wire:
    """The socket of `connection`, a connected redis.connection.Connection."""

    def __init__(self, connection: Any) -> None:
        import hiredis

        self._connection = connection
        self._socket = connection._sock
        self._not_yet = object()
        self._push = hiredis.PushNotification
        # surrogateescape: bytes that are no UTF-8 survive the way through str, and encode back to themselves.
        self._reader = hiredis.Reader(
            encoding="utf-8", errors="surrogateescape", replyError=ReplyError, notEnoughData=self._not_yet
        )
        self._pack: Any = hiredis.pack_command
        self._buffer = bytearray(RECEIVE)
        self._queue: deque[Pending] = deque()
        self.broken = False

    @property
    def waiting(self) -> bool:
        """Whether the server owes a reply."""
        return bool(self._queue)

    @property
    def peer(self) -> str:
        """The server's address."""
        return str(self._socket.getpeername())

    def close(self) -> None:
        """End the connection; it cannot be used again."""
        self.broken = True
        self._queue.clear()
        self._connection.disconnect()

    def hang_up(self) -> None:
        """End the connection from another thread: who waits for a reply gets ConnectionLost."""
        import socket

        with suppress(OSError):  # the server was faster
            self._socket.shutdown(socket.SHUT_RDWR)

    def greet(
        self, *, user: str | None, password: str | None, name: str, database: int, protocol: int
    ) -> Mapping[str, Any]:
        """Log in and choose the database, in one round trip. Gives what HELLO says: server, version, id, mode.

        A server that knows no HELLO 3 (before Redis 6, and some proxies) is asked again in RESP2.
        """
        login: list[str | int] = [] if password is None else ["AUTH", user or "default", password]
        words: list[list[str | int]] = [["HELLO", 3, *login, "SETNAME", name]]
        if protocol == 2:
            # A user of its own came with Redis 6; before that AUTH takes the password alone.
            words = [["AUTH", password] if user in (None, "", "default") else login] if password is not None else []
            words += [["CLIENT", "SETNAME", name], ["CLIENT", "ID"]]
        words += [["SELECT", database]] if database else []
        replies = self.take(self.send(b"".join(map(self.packed, words)), len(words), decode=True))
        for command, reply in zip(words, replies, strict=True):
            if isinstance(reply, ReplyError) and command[0] != "CLIENT":
                if command[0] == "HELLO" and _knows_no_hello(reply):
                    return self.greet(user=user, password=password, name=name, database=database, protocol=2)
                raise reply if reply.code in ("LOADING", "BUSY", "MASTERDOWN") else LoginRefused(str(reply))
        # Only connecting has a deadline: a statement may take as long as it takes.
        self._socket.settimeout(None)
        if protocol == 3:
            hello = replies[0]
            return hello if isinstance(hello, dict) else dict(zip(hello[::2], hello[1::2], strict=True))
        identity = replies[-2 if database else -1]
        return {"id": identity} if isinstance(identity, int) else {}

    # --- requests -------------------------------------------------------------------------------------------------

    def packed(self, words: Sequence[bytes | str | int]) -> bytes:
        """One command as bytes."""
        packed: bytes = self._pack(tuple(words))
        return packed

    def send(self, data: bytes, replies: int = 1, *, decode: bool = False) -> Pending:
        """Send packed commands, which are answered by so many `replies`."""
        pending = Pending(replies, decode)
        self._send(data)
        if replies:
            self._queue.append(pending)
        return pending

    def ask(self, *words: bytes | str | int, decode: bool = False) -> Any:
        """One command's reply; an error reply is raised."""
        (reply,) = self.take(self.send(self.packed(words), decode=decode))
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def ask_all(self, commands: Sequence[Sequence[Any]], *, keep: bool = False) -> list[Any]:
        """The replies to commands that are sent together. The first error reply is raised, or with `keep` it is a reply
        like any other."""
        replies = self.take(self.send(b"".join(map(self.packed, commands)), len(commands)))
        for reply in replies:
            if isinstance(reply, ReplyError) and not keep:
                raise reply
        return replies

    def _send(self, data: bytes) -> None:
        if self.broken:
            raise ConnectionLost("the connection is closed")
        try:
            self._socket.sendall(data)
        except OSError as exc:
            self.broken = True
            raise ConnectionLost(str(exc)) from exc
        except BaseException:
            self.broken = True
            raise

    # --- replies --------------------------------------------------------------------------------------------------

    def take(self, pending: Pending, most: int | None = None) -> list[Any]:
        """The replies that are still to be taken, or `most` of them. Error replies are elements like any other."""
        try:
            if pending.left:
                self._reach(pending)
                self._read(pending, pending.left if most is None else min(most - len(pending.kept), pending.left))
        except BaseException:
            self.broken = True
            raise
        if most is None or len(pending.kept) <= most:
            taken, pending.kept = pending.kept, []
        else:
            taken, pending.kept = pending.kept[:most], pending.kept[most:]
        return taken

    def stream(self, words: Sequence[bytes | str | int]) -> Pending:
        """Send one command. The replies of its Pending are the elements of an aggregate (`kind` is `*`, `~` or `%`; of
        a map keys and values come in turns), or the reply itself (`kind` is "")."""
        try:
            for earlier in tuple(self._queue):
                self._reach(earlier)
                self._read(earlier, earlier.left)
            self._pushes()
            waiting = Pending(1, True)
            self._queue.append(waiting)  # before sending: `cancel` looks here
            self._send(self.packed(words))
            head, behind = self._head()
            if head[:1] in (b"*", b"~", b"%") and head[1:2] != b"-":
                self._reader.feed(behind)
                waiting.kind = head[:1].decode()
                waiting.left = int(head[1:-2]) * (2 if head[:1] == b"%" else 1)
                if not waiting.left:
                    self._queue.remove(waiting)
            else:
                self._reader.feed(head + behind)
                if head[:1] == b">":
                    self._whole(waiting)
        except BaseException:
            self.broken = True
            raise
        return waiting

    def _head(self) -> tuple[bytes, bytes]:
        """The first line of what comes next, and what came behind it."""
        got = b""
        while True:
            got += self._buffer[: self._receive_into()]
            end = got.find(b"\r\n") + 2
            if end >= 2:
                return got[:end], got[end:]

    def _pushes(self) -> None:
        """Drop what the server sent unasked (CLIENT TRACKING) behind the last reply."""
        while self._reader.has_data():
            reply = self._reader.gets(False)
            if reply is self._not_yet:
                self._receive()
            elif reply.__class__ is not self._push:
                # An attribute of RESP3, which hiredis takes for a reply: nobody knows whose reply comes next.
                raise ConnectionLost("the server sent more than it was asked for")

    def _whole(self, waiting: Pending) -> None:
        """Read the reply whole and take it apart: a push came before it, so hiredis has both already."""
        self._read(waiting, 1)
        (reply,) = waiting.kept
        if isinstance(reply, list):
            waiting.kind, waiting.kept = "*", reply
        elif isinstance(reply, dict):
            waiting.kind, waiting.kept = "%", [part for pair in reply.items() for part in pair]

    def _reach(self, pending: Pending) -> None:
        while (head := self._queue[0]) is not pending:
            self._read(head, head.left)

    def _read(self, pending: Pending, count: int) -> None:
        """Read so many replies of the oldest Pending."""
        not_yet, push = self._not_yet, self._push
        gets = self._reader.gets if pending.decode else partial(self._reader.gets, False)
        while count > 0:
            # All that is here, in one loop in C: 0.1 µs a reply instead of 0.3.
            got = list(islice(iter(gets, not_yet), count))
            ran_dry = len(got) < count
            if push in set(map(type, got)):
                got = [reply for reply in got if reply.__class__ is not push]
            count -= len(got)
            pending.left -= len(got)
            if not pending.dropped:
                pending.kept += got
            if ran_dry:
                self._receive()
        if not pending.left:
            self._queue.popleft()

    def _receive(self) -> None:
        count = self._receive_into()
        self._reader.feed(self._buffer, 0, count)  # type: ignore[arg-type]  # any buffer will do

    def _receive_into(self) -> int:
        try:
            count: int = self._socket.recv_into(self._buffer)
        except OSError as exc:
            raise ConnectionLost(str(exc)) from exc
        if not count:
            raise ConnectionLost("the server closed the connection")
        return count


def _knows_no_hello(reply: ReplyError) -> bool:
    text = str(reply).lower()
    return reply.code == "NOPROTO" or "unknown command" in text or "syntax error" in text

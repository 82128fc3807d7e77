"""A client's session over TNS and TTC: login, statements, fetches, errors, breaks."""

from __future__ import annotations

import hashlib
import json
import os
import select
import socket
import socketserver
import struct
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.doubles.oracle import wire
from tests.doubles.oracle.accounts import Accounts
from tests.doubles.oracle.compile import Bound
from tests.doubles.oracle.engine import Changed, Engine, Rows
from tests.doubles.oracle.sql import OraError, refused
from tests.doubles.oracle.store import Store
from tests.doubles.oracle.types import Kind
from tests.doubles.oracle.wire import Reader, counted, raw, ub

_PACKET: Final = 65536
_UTF8: Final = 873
_IS_JSON: Final = 0x100
_VERSION: Final = str(23 << 24)
# Execute's options.
_BIND, _DEFINE, _EXECUTE, _FETCH, _COMMIT, _BATCH_ERRORS = 0x8, 0x10, 0x20, 0x40, 0x100, 0x80000
_COUNTS = 0x4000


class Broken(Exception):
    """The client stopped what was running."""


@dataclass(slots=True)
class Cursor:
    """A statement that the client may run again, and the rows that it has not fetched yet."""

    text: str
    statement: Any
    bound: list[Bound] = field(default_factory=list)
    columns: list[tuple[str, Kind]] = field(default_factory=list)
    rows: Any = None
    fetched: int = 0
    defined: list[int] = field(default_factory=list)

    @property
    def has_lobs(self) -> bool:
        return any(kind.code in (wire.CLOB, wire.BLOB) for _, kind in self.columns)

    def close(self) -> None:
        closing = getattr(self.rows, "close", None)
        if closing:
            closing()
        self.rows = None


def _aes(key: bytes, data: bytes, *, encrypt: bool) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(16)))
    work = cipher.encryptor() if encrypt else cipher.decryptor()
    return work.update(data) + work.finalize()


class Session(socketserver.BaseRequestHandler):
    """One connection."""

    server: Server
    request: socket.socket

    def handle(self) -> None:
        self.large = False  # after the handshake, packets have four-byte lengths
        self.cursors: dict[int, Cursor] = {}
        self.last_cursor = 0
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.engine = Engine(self.server.store, self.sleep, self.server.accounts)
        try:
            self._serve()
        except (ConnectionError, OSError):
            pass
        finally:
            for cursor in self.cursors.values():
                cursor.close()
            self.engine.close()

    # --- packets ---

    def _receive(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            data = self.request.recv(size - len(parts))
            if not data:
                raise ConnectionError
            parts += data
        return bytes(parts)

    def packet(self) -> tuple[int, bytes]:
        head = self._receive(8)
        size = int.from_bytes(head[:4] if self.large else head[:2], "big")
        return head[4], self._receive(size - 8)

    def put(self, kind: int, payload: bytes) -> None:
        size = len(payload) + 8
        head = struct.pack(">I", size) if self.large else struct.pack(">HH", size, 0)
        self.request.sendall(head + bytes([kind, 0, 0, 0]) + payload)

    def send(self, message: bytes) -> None:
        for start in range(0, len(message), _PACKET - 100):
            self.put(wire.DATA, b"\0\0" + message[start : start + _PACKET - 100])

    def _more(self) -> bytes:
        """The next packet of a request."""
        kind, payload = self.packet()
        if kind == wire.MARKER:
            raise Broken
        return payload[2:]

    def sleep(self, seconds: float) -> None:
        """DBMS_SESSION.SLEEP, which ends when the client breaks in."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.request], [], [], left)[0]:
                raise Broken

    # --- the conversation ---

    def _serve(self) -> None:
        if not self._accepted():
            return
        while True:
            kind, payload = self.packet()
            if kind == wire.MARKER:
                self._reset(payload)
                continue
            if kind != wire.DATA:
                continue
            if len(payload) <= 2 or struct.unpack(">H", payload[:2])[0] & 0x40:
                return
            try:
                answer = self._message(Reader(payload[2:], self._more))
            except Broken:
                self._reset(None)
                continue
            if answer is None:
                return
            self.send(answer)

    def _reset(self, payload: bytes | None) -> None:
        """A break: the client's marker, ours, its reset, ours, and the error of what was stopped."""
        self.put(wire.MARKER, wire.BREAK)
        while payload != wire.RESET:
            kind, payload = self.packet()
            if kind != wire.MARKER:
                payload = None
        self.put(wire.MARKER, wire.RESET)
        self.send(self.error(OraError(1013, "User requested cancel of current operation.")))

    def _accepted(self) -> bool:
        _, payload = self.packet()
        length = struct.unpack(">H", payload[16:18])[0]
        text = payload[66 : 66 + length] or self.packet()[1][2:]
        if f"SERVICE_NAME={self.server.service})".encode() not in text:
            message = b"(DESCRIPTION=(ERR=12514)(VSNNUM=0)(ERROR_STACK=(ERROR=(CODE=12514)(EMFI=4))))"
            self.put(4, b"\x22\0" + struct.pack(">H", len(message)) + message)
            return False
        self.put(2, struct.pack(">HH", 317, 0) + bytes(20) + struct.pack(">I", _PACKET))
        self.large = True
        return True

    def _message(self, request: Reader) -> bytes | None:
        kind = request.u1()
        if kind == 1:
            return self._protocol()
        if kind == 2:
            return b"\x02\0\0"
        while kind == 17:  # what rides ahead of a call
            function = request.u1()
            request.u1()
            if function != 105:
                raise ConnectionError(f"the double does not know piggyback {function}")
            request.u1()
            for _ in range(request.ub()):
                if closing := self.cursors.pop(request.ub(), None):
                    closing.close()
            kind = request.u1()
        function = request.u1()
        request.u1()
        try:
            call = _CALLS.get(function)
            if call is None:
                raise refused(f"call {function} of the protocol")
            answer: bytes | None = call(self, request)
        except OraError as error:
            return self.error(error)
        except (ConnectionError, OSError, Broken):
            raise
        except Exception as error:
            traceback.print_exc()
            return self.error(OraError(600, f"internal error of the wire double: {error!r}"))
        return answer

    def _protocol(self) -> bytes:
        capabilities, runtime = bytearray(46), bytearray(8)
        capabilities[7] = 12  # the field version of 19c
        runtime[6] = 4  # texts up to 32767 bytes
        characters = bytes(9) + struct.pack(">H", 2000)
        return (
            b"\x01\x06\0dbfleet wire double\0" + struct.pack("<H", _UTF8) + b"\0\0\0"
            + struct.pack(">H", len(characters)) + characters + raw(bytes(capabilities)) + raw(bytes(runtime))
        )  # fmt: skip

    # --- login: Oracle 11's verifier ---

    def _pairs(self, request: Reader) -> tuple[str, dict[str, str]]:
        has_user = request.u1()
        request.skip("n", "n", "1")
        count = request.ub()
        request.skip("1", "1")
        user = (request.raw() or b"") if has_user else b""
        found = {}
        for _ in range(count):
            key = request.counted().decode()
            found[key] = request.counted().decode()
            request.ub()
        return user.decode().upper(), found

    def _parameters(self, items: list[tuple[str, str, int]]) -> bytes:
        listed = b"".join(counted(key) + counted(value) + ub(flags) for key, value, flags in items)
        return b"\x08" + ub(len(items)) + listed + b"\x09\0\0"

    def _login_one(self, request: Reader) -> bytes:
        self.user, _ = self._pairs(request)
        self.password = (self.server.accounts.password(self.user) or os.urandom(8).hex()).encode()
        salt = os.urandom(10)
        self.verifier = hashlib.sha1(self.password + salt).digest() + bytes(4)
        self.half = os.urandom(48)
        session_key = _aes(self.verifier, self.half, encrypt=True).hex().upper()
        return self._parameters([("AUTH_SESSKEY", session_key, 0), ("AUTH_VFR_DATA", salt.hex().upper(), 0x1B25)])

    def _login_two(self, request: Reader) -> bytes:
        _, given = self._pairs(request)
        other = _aes(self.verifier, bytes.fromhex(given["AUTH_SESSKEY"]), encrypt=False)
        mixed = bytes(a ^ b for a, b in zip(self.half[16:40], other[16:40], strict=True))
        key = (hashlib.md5(mixed[:16]).digest() + hashlib.md5(mixed[16:]).digest())[:24]
        password = _aes(key, bytes.fromhex(given["AUTH_PASSWORD"]), encrypt=False)[16:]
        if 0 < password[-1] <= 16:
            password = password[: -password[-1]]
        if password != self.password:
            raise OraError(1017, "invalid credential or not authorized; logon denied")
        self.server.accounts.check_login(self.user)
        self.engine.user = self.user
        proof = os.urandom(16) + b"SERVER_TO_CLIENT"
        proof += bytes([16]) * 16
        return self._parameters(
            [
                ("AUTH_SVR_RESPONSE", _aes(key, proof, encrypt=True).hex().upper(), 0),
                ("AUTH_VERSION_NO", _VERSION, 0),
                ("AUTH_SESSION_ID", "1", 0),
                ("AUTH_SERIAL_NUM", "1", 0),
                ("AUTH_SC_DBUNIQUE_NAME", "DOUBLE", 0),
                ("AUTH_SC_SERVICE_NAME", self.server.service, 0),
                ("AUTH_MAX_OPEN_CURSORS", "300", 0),
                ("AUTH_MAX_IDEN_LENGTH", "128", 0),
            ]
        )

    # --- answers ---

    def status(self, *, rows: int = 0, cursor: int = 0) -> bytes:
        return self._ending(0, b"", rows, cursor, 0, ())

    def error(self, error: OraError, *, rows: int = 0, cursor: int = 0) -> bytes:
        return self._ending(error.number, str(error).encode(), rows, cursor, error.position, ())

    def _ending(self, number: int, message: bytes, rows: int, cursor: int, position: int, failed: Any) -> bytes:
        out = b"\x04" + ub(2 if self.engine.in_transaction else 0) + ub(0) * 5 + ub(cursor) + ub(position) + bytes(6)
        out += ub(0) * 2 + b"\0" + ub(0) * 3 + b"\0\0" + ub(0) * 3
        out += ub(len(failed))
        if failed:
            out += b"\x01" + b"".join(ub(error.number) for _, error in failed)
        out += ub(len(failed))
        if failed:
            out += b"\x01" + b"".join(ub(place) for place, _ in failed)
        out += ub(len(failed))
        if failed:
            out += b"\0" + b"".join(ub(0) + raw(str(error).encode()) + b"\0\0" for _, error in failed)
        return out + ub(number) + ub(rows) + (raw(message) if number else b"")

    # --- calls ---

    def _nothing(self, request: Reader) -> bytes:
        return self.status()

    def _commit(self, request: Reader) -> bytes:
        self.engine.commit()
        return self.status()

    def _rollback(self, request: Reader) -> bytes:
        self.engine.rollback()
        return self.status()

    def _execute(self, request: Reader) -> bytes:
        options, number = request.ub(), request.ub()
        request.u1()
        text_length = request.ub()
        request.skip("1", "n", "1", "1", "n")
        prefetch = request.ub()
        request.skip("n", "1")
        binds = request.ub()
        request.skip("1", "1", "1", "1", "1", "1")
        defines = request.ub()
        request.skip("n", "1", "1", "1", "n", "1", "n", "n", "1", "n", "1", "1", "n", "1", "n", "1", "1", "n")
        text = (request.raw() or b"").decode() if text_length else ""
        numbers = [request.ub() for _ in range(13)]
        types = [self._type(request) for _ in range(defines if options & _DEFINE else binds)]
        times = 1 if numbers[7] else max(numbers[1], 1)  # of a query it counts the rows to fetch
        rows: list[list[bytes | None]] = [[]]
        if options & _BIND and binds:
            rows = self._bind_rows(request, types, times)
        if text:
            self.last_cursor += 1
            number = self.last_cursor
            self.cursors[number] = Cursor(text, None)
        cursor = self.cursors[number]
        if text:
            self.server.note(text, types if binds else [])
            try:
                cursor.statement = self.engine.prepare(text)
            except OraError:
                del self.cursors[number]
                raise
        if options & _DEFINE:
            cursor.defined = [bound.code for bound in types]
            return self._fetched(number, cursor, prefetch if options & _FETCH else 0)
        if not options & _EXECUTE:
            columns = self.engine.described(cursor.statement)
            return self._described(number, cursor, Rows(columns, iter(())), describe=True) + self.status(cursor=number)
        if options & _BIND and binds:
            cursor.bound = types
        return self._run(
            number, cursor, rows, options,
            prefetch if options & _FETCH else 0, describe=bool(text), counts=bool(numbers[9] & _COUNTS),
        )  # fmt: skip

    def _again(self, request: Reader) -> bytes:
        return self._reexecute(request, fetch=False)

    def _again_and_fetch(self, request: Reader) -> bytes:
        return self._reexecute(request, fetch=True)

    def _reexecute(self, request: Reader, *, fetch: bool) -> bytes:
        number, times = request.ub(), request.ub()
        request.ub()
        commit = request.ub() & 1
        cursor = self.cursors[number]
        rows = self._bind_rows(request, cursor.bound, 1 if fetch else times) if cursor.bound else [[]]
        options = _EXECUTE | (_COMMIT if commit else 0)
        return self._run(number, cursor, rows, options, times if fetch else 0, describe=False, counts=False)

    def _type(self, request: Reader) -> Bound:
        code = request.u1()
        request.skip("1", "1", "1")
        size = request.ub()
        request.skip("n", "n", "n", "n", "n", "1", "n", "n")
        return Bound(code, size)

    def _bind_rows(self, request: Reader, types: list[Bound], times: int) -> list[list[bytes | None]]:
        # Long values come after a row's others.
        order = sorted(range(len(types)), key=lambda place: types[place].size > wire.MAX_STRING)
        found = []
        for _ in range(times):
            if request.u1() != 7:
                raise refused("a row of binds that does not begin as one")
            row: list[bytes | None] = [None] * len(types)
            for place in order:
                row[place] = request.raw()
            found.append(row)
        return found

    def _run(
        self, number: int, cursor: Cursor, rows: Any, options: int, fetch: int, *, describe: bool, counts: bool
    ) -> bytes:
        cursor.close()
        try:
            found = self.engine.run(cursor.statement, cursor.bound, rows, keep_going=bool(options & _BATCH_ERRORS))
        except OraError as error:
            return self.error(error, rows=getattr(error, "rows_before", 0), cursor=number)
        if isinstance(found, Changed):
            if options & _COMMIT:
                self.engine.commit()
            return self._changed(number, found, counts=counts)
        return self._described(number, cursor, found, describe=describe) + self._fetched(number, cursor, fetch)

    def _changed(self, number: int, found: Changed, *, counts: bool) -> bytes:
        out = b"\x08" + ub(0) * 4
        if counts:
            out += ub(len(found.counts)) + b"".join(map(ub, found.counts))
        if not found.errors:
            return out + self.status(rows=sum(found.counts), cursor=number)
        message = b"ORA-24381: error(s) in array DML\n"
        return out + self._ending(24381, message, sum(found.counts), number, 0, found.errors)

    def _described(self, number: int, cursor: Cursor, found: Rows, *, describe: bool) -> bytes:
        describe = describe or [kind for _, kind in found.columns] != [kind for _, kind in cursor.columns]
        cursor.columns, cursor.rows, cursor.fetched = found.columns, found.rows, 0
        if not describe:
            return b""
        out = [b"\x10\0" + ub(100) + ub(len(found.columns)) + b"\0"]
        for place, (name, kind) in enumerate(found.columns, 1):
            text = kind.family == "text"
            out.append(bytes([kind.code, 0]) + struct.pack("bb", kind.precision, kind.scale))
            out.append(ub(kind.size) + ub(0) * 4 + ub(_UTF8 if text else 0) + bytes([1 if text else 0]))
            out.append(ub(kind.chars or kind.size) + ub(0) + b"\x01\0" + counted(name) + ub(0) * 2 + ub(place))
            out.append(ub(_IS_JSON if kind.is_json else 0))
        return b"".join(out) + ub(0) * 6

    def _fetch(self, request: Reader) -> bytes:
        number, rows = request.ub(), request.ub()
        cursor = self.cursors[number]
        if cursor.rows is None:
            raise OraError(1002, "fetch out of sequence")
        return self._fetched(number, cursor, rows)

    def _fetched(self, number: int, cursor: Cursor, rows: int) -> bytes:
        codes = [kind.code for _, kind in cursor.columns]
        if cursor.has_lobs and not cursor.defined:
            # Where a LOB is among the columns, rows come only when the client has said how it wants them.
            return self.status(cursor=number)
        if cursor.defined:
            for code, wanted in zip(codes, cursor.defined, strict=True):
                if wanted in (wire.CLOB, wire.BLOB):
                    raise refused("LOB locators: fetch them as LONG")
                if wanted != code and wanted not in (wire.LONG, wire.LONG_RAW):
                    raise refused(f"to send type {code} as {wanted}")
            codes = cursor.defined
        long = [code in (wire.LONG, wire.LONG_RAW) for code in codes]
        out = [b"\x06\0" + ub(0) * 6]
        ended = False
        for _ in range(rows):
            row = next(cursor.rows, None)
            if row is None:
                ended = True
                break
            out.append(b"\x07")
            for value, is_long in zip(row, long, strict=True):
                out.append(raw(value) + b"\0\0" if is_long else raw(value))
            cursor.fetched += 1
        out.append(b"\x08" + ub(0) * 4)
        if ended:
            out.append(self.error(OraError(1403, "no data found"), rows=cursor.fetched, cursor=number))
        else:
            out.append(self.status(rows=cursor.fetched, cursor=number))
        return b"".join(out)


_CALLS: Final[dict[int, Any]] = {
    4: Session._again,
    5: Session._fetch,
    9: Session._nothing,
    14: Session._commit,
    15: Session._rollback,
    78: Session._again_and_fetch,
    94: Session._execute,
    115: Session._login_two,
    118: Session._login_one,
    147: Session._nothing,
}


class Server(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1 unless told otherwise; a thread a connection."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(
        self,
        host: str,
        port: int,
        *,
        user: str,
        password: str,
        service: str,
        data: Path | None = None,
        statements: Path | None = None,
    ) -> None:
        self.store = Store(user.upper(), data)
        self.accounts = Accounts(user.upper(), password)
        self.statements = statements
        self.service = service
        super().__init__((host, port), Session)

    def note(self, text: str, binds: list[Bound]) -> None:
        """Write down a statement that arrived, and its binds' types, where somebody asked for it."""
        if self.statements is not None:
            with self.store.lock, self.statements.open("a") as file:
                file.write(json.dumps({"text": text, "binds": [wire.NAMES[bound.code] for bound in binds]}) + "\n")

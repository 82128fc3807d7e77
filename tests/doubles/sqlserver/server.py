"""The listener: pysqlbridge carries a client through prelogin, TLS and login; from there on batches are answered here,
as rows come, so a long result is never held; an attention from the client ends a WAITFOR.

What the driver does not send is refused by name: procedure calls by number, bulk loads, the transaction manager.
"""

from __future__ import annotations

import itertools
import json
import logging
import select
import socket
import socketserver
import threading
from pathlib import Path
from typing import Final

from pysqlbridge.certificate import self_signed
from pysqlbridge.tds import connection as bridge
from pysqlbridge.tds import token
from pysqlbridge.tds.batch import parse_sql_batch
from pysqlbridge.tds.login import deobfuscate_password
from pysqlbridge.tds.packet import (
    DEFAULT_PACKET_SIZE,
    HEADER_SIZE,
    Message,
    PacketStatus,
    PacketType,
    build_packet,
    parse_header,
)
from pysqlbridge.tds.result import Column, col_metadata
from pysqlbridge.tds.token import DoneStatus, EnvChangeType

from tests.doubles.sqlserver.accounts import Accounts
from tests.doubles.sqlserver.faults import SqlError, refused
from tests.doubles.sqlserver.session import Changed, Count, Kill, Pause, Rows, Said, Session
from tests.doubles.sqlserver.store import Databases
from tests.doubles.sqlserver.types import on_the_wire

NAME: Final = "dbfleet-double"
_DONE_IN_PROCEDURE: Final = 0xFF
_ROW: Final = b"\xd1"
_SELECT: Final = 0xC1
log = logging.getLogger(__name__)


class Server(socketserver.ThreadingTCPServer):
    """Listens; a thread a client."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], databases: Databases, logins: Accounts, statements: Path | None = None
    ) -> None:
        self.databases = databases
        self.statements = statements
        self.logins = logins
        self.certificate = self_signed()
        self.clients: dict[int, socket.socket] = {}
        self.numbers = itertools.count(51)
        self.lock = threading.Lock()
        super().__init__(address, Client)


class Client(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.server.lock:
            number = next(self.server.numbers)
            self.server.clients[number] = self.request
        connection = Connection(self.server, self.request, number)
        try:
            while data := self.request.recv(65536):
                for response in connection.receive(data):
                    self.request.sendall(response)
        except OSError:
            pass
        finally:
            with self.server.lock:
                del self.server.clients[number]
            connection.close()


class Connection(bridge.Connection):
    """pysqlbridge's, with the queries' half replaced."""

    def __init__(self, server: Server, client: socket.socket, number: int) -> None:
        super().__init__(server.certificate, server_name=NAME, logins=server.logins)
        self._server = server
        self._client = client
        self._number = number
        self.session: Session | None = None
        self._payload = bytearray()

    def close(self) -> None:
        if self.session is not None:
            self.session.close()

    def _answer_sql_login(self, responses: list[bytes]) -> bool:
        assert self._login is not None
        user, database = self._login.user_name, self._login.database or "master"
        known = self._server.databases.number(database) is not None
        admitted = self._logins.admits(user, deobfuscate_password(self._login.password))
        if admitted and not (known and self._server.logins.may_use(user, database)):
            # As the server does: what is missing first, then that the login failed.
            refusals = [(4060, f'Cannot open database "{database}" requested by the login. The login failed.', 11),
                        (18456, f"Login failed for user '{user}'.", 14)]  # fmt: skip
            tokens = [
                token.error(number, text, severity=severity, server=NAME, tds_version=self._tds_version)
                for number, text, severity in refusals
            ]
            self._send(responses, b"".join(tokens) + token.done(status=DoneStatus.ERROR, tds_version=self._tds_version))
            self._state = bridge.ConnectionState.FAILED
            return True
        self._database = database
        if admitted:
            self.session = Session(self._server.databases, self._number, database, self._server.logins, user)
        return bool(super()._answer_sql_login(responses))

    def _take_message(self) -> Message | None:
        """The next message, packet by packet as they come: pysqlbridge's own reads all of them again each time, which
        makes a text of 2 MB take a minute."""
        source = self._buffer
        if self._session_encrypted and self._tunnel is not None:
            if self._buffer:
                self._plaintext += self._tunnel.unwrap(bytes(self._buffer))
                self._buffer.clear()
            source = self._plaintext
        place = 0
        found = None
        while found is None and len(source) >= place + HEADER_SIZE:
            header = parse_header(source[place : place + HEADER_SIZE])
            if len(source) < place + header.length:
                break
            self._payload += source[place + HEADER_SIZE : place + header.length]
            place += header.length
            if header.is_end_of_message:
                found = Message(header.type, bytes(self._payload), place)
                self._payload.clear()
        del source[:place]
        return found

    def _step_query(self, responses: list[bytes]) -> bool:
        message = self._take_message()
        if message is None:
            return False
        response = Response(self)
        if message.type is PacketType.ATTENTION:
            response.write(token.done(status=DoneStatus.ATTENTION, tds_version=self._tds_version))
        elif message.type is PacketType.SQL_BATCH:
            self._answer(parse_sql_batch(message.payload, self._tds_version), response)
        else:
            self._fail(refused(f"the message {message.type.name}"), response)
        response.end()
        return True

    def _fail(self, error: SqlError, response: Response) -> None:
        response.write(
            token.error(error.number, str(error), severity=error.severity, line=error.line, server=NAME,
                        tds_version=self._tds_version)
        )  # fmt: skip
        response.write(token.done(status=DoneStatus.ERROR, tds_version=self._tds_version))

    def _answer(self, batch: str, response: Response) -> None:
        assert self.session is not None
        if self._server.statements is not None:
            with self._server.lock, self._server.statements.open("a") as log_file:
                log_file.write(json.dumps(batch) + "\n")
        pending: bytes | None = None
        try:
            for answer in self.session.run(batch):
                if isinstance(answer, Said):
                    response.write(token.info(answer.number, answer.text, server=NAME, tds_version=self._tds_version))
                    continue
                if isinstance(answer, Pause):
                    if select.select([self._client], [], [], answer.seconds)[0]:
                        return  # an attention, or the client's end: whoever reads next will see
                    continue
                if isinstance(answer, Kill):
                    self._kill(answer.number)
                    continue
                if isinstance(answer, Changed):
                    response.write(token.env_change(EnvChangeType.DATABASE, answer.database, answer.before))
                    response.write(
                        token.info(5701, f"Changed database context to '{answer.database}'.", state=2, server=NAME,
                                   tds_version=self._tds_version)
                    )  # fmt: skip
                    continue
                if pending is not None:
                    response.write(_more(pending))
                pending = self._rows(answer, response) if isinstance(answer, Rows) else self._count(answer)
            response.write(pending or token.done(tds_version=self._tds_version))
        except SqlError as error:
            if pending is not None:
                response.write(_more(pending))
            self._fail(error, response)
        except OSError:
            raise
        except Exception as error:
            log.exception("the batch %s", batch[:2000])
            self._fail(refused(f"what to do about {type(error).__name__}: {error}"), response)

    def _count(self, answer: Count) -> bytes:
        status = DoneStatus.FINAL if answer.rows is None else DoneStatus.COUNT
        done = token.done(status=status, row_count=answer.rows or 0, tds_version=self._tds_version)
        return bytes([_DONE_IN_PROCEDURE]) + done[1:] if answer.inside else done

    def _rows(self, answer: Rows, response: Response) -> bytes:
        """The result, row by row; its end is returned, as only the next answer says whether there is more."""
        columns = [Column(piece.name, on_the_wire(piece.type), flags=0x0009) for piece in answer.columns]
        response.write(col_metadata(columns, self._tds_version))
        encoders = [column.type.encode for column in columns]
        count = 0
        for row in answer.rows:
            response.write(_ROW + b"".join([encode(value) for encode, value in zip(encoders, row, strict=True)]))
            count += 1
        return token.done(
            status=DoneStatus.COUNT, current_command=_SELECT, row_count=count, tds_version=self._tds_version
        )

    def _kill(self, number: int) -> None:
        with self._server.lock:
            victim = self._server.clients.get(number)
        if victim is None:
            raise SqlError(6106, f"Process ID {number} is not an active process ID.")
        victim.shutdown(socket.SHUT_RDWR)

    def send_packet(self, packet: bytes) -> None:
        encrypted = self._session_encrypted and self._tunnel is not None
        self._client.sendall(self._tunnel.wrap(packet) if encrypted else packet)


def _more(done: bytes) -> bytes:
    status = int.from_bytes(done[1:3], "little") | DoneStatus.MORE
    return done[:1] + int(status).to_bytes(2, "little") + done[3:]


class Response:
    """One message to the client, sent packet by packet."""

    _BODY: Final = DEFAULT_PACKET_SIZE - HEADER_SIZE

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._buffer = bytearray()
        self._packets = itertools.cycle(range(1, 256))

    def write(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) > self._BODY:
            self._packet(bytes(self._buffer[: self._BODY]), PacketStatus.NORMAL)
            del self._buffer[: self._BODY]

    def end(self) -> None:
        self._packet(bytes(self._buffer), PacketStatus.END_OF_MESSAGE)

    def _packet(self, body: bytes, status: PacketStatus) -> None:
        packet = build_packet(PacketType.TABULAR_RESULT, body, status=status, packet_id=next(self._packets))
        self._connection.send_packet(packet)

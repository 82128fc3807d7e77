"""Hosts that fail, in every way that a host can, asked by every engine: 3, or 4 where a deadline passed; never a bug, a
traceback or a wait without an end.

The hosts are real sockets on 127.0.0.1, one a way to fail. `health` is asked of all in one command, `query` in threads
of this process, as many wait for their timeouts; with DBFLEET_HOSTS=all every verb that connects is asked, in a
process each.
"""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from command_line import Ran, Shell

from dbfleet import registry
from dbfleet.cli.exit import code_of
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet
from dbfleet.ops.query import query

NETWORKED = [spec.name for spec in registry.specs() if not spec.embedded]
"""The engines that a host can fail."""
BOUND_S = 120
AT_ONCE = 8

VERBS: dict[str, tuple[str, ...]] = {
    "query": ("query", "{url}", "{text}"),
    "health": ("health", "{url}"),
    "query several": ("query", "{url},{other}", "{text}"),
    "query in time": ("query", "{url}", "{text}", "--timeout", "2"),
    "ls": ("ls", "{url}"),
    "describe": ("describe", "{url}"),
    "digest": ("digest", "{url}"),
    "dump": ("dump", "{url}", "-o", "{fresh}.dump"),
    "load": ("load", "{url}", "people.jsonl"),
    "seed": ("seed", "{url}", "--rows", "1"),
    "seed several": ("seed", "{url}", "sqlite:///{fresh}.db", "--rows", "1"),
    "copy from": ("copy", "{url}", "sqlite:///{fresh}.db"),
    "copy to": ("copy", "shop", "{url}"),
    "diff": ("diff", "{url}", "shop"),
    "sync": ("diff", "shop", "{url}", "--sync", "--yes"),
}
ALLOWED: dict[str, tuple[int, ...]] = {"health": (1,), "query several": (8,), "seed several": (8,)}
"""The codes that are right; 3 and 4 where nothing is said. `health` answers no."""


def _greets(greeting: bytes) -> Callable[[socket.socket], None]:
    """Says this at once, then reads what comes and says nothing more."""

    def serve(client: socket.socket) -> None:
        client.sendall(greeting)
        while client.recv(65536):
            pass

    return serve


def _answers(answer: bytes, *, stalls: bool = False) -> Callable[[socket.socket], None]:
    """Says this to whatever it is asked first, and then leaves, or stays without a word."""

    def serve(client: socket.socket) -> None:
        if client.recv(65536):
            client.sendall(answer)
            while stalls and client.recv(65536):
                pass

    return serve


def _resets(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


_HTML = b"<html><body>It works!</body></html>"
_HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(_HTML), _HTML)
_NOISE = random.Random(8).randbytes(4096)

WAYS: dict[str, Callable[[socket.socket], None] | None] = {
    "does not resolve": None,
    "is no name": None,
    "refuses": None,
    "is silent": _greets(b""),
    "closes at once": lambda client: None,
    "resets at once": _resets,
    "closes when asked": _answers(b""),
    "speaks HTTP": _answers(_HTTP),
    "speaks SSH": _greets(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "speaks SMTP": _greets(b"220 mail.example ESMTP\r\n"),
    "says random bytes": _greets(_NOISE),
    "answers random bytes": _answers(_NOISE),
    "says zeros": _greets(bytes(4096)),
    "says half of something": _greets(b"\x4a\x00\x00\x00\x0a8.4"),
    "answers half of something": _answers(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"', stalls=True),
}


NAMES = {"does not resolve": "nowhere.invalid", "is no name": f"a..{'b' * 70}"}


class Host:
    """Listens on a port of 127.0.0.1 of its own, and serves each that calls in a thread."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._attend, args=(client,), daemon=True).start()

    def _attend(self, client: socket.socket) -> None:
        with client:
            try:
                self._serve(client)
            except OSError:
                pass


@dataclass
class Hosts:
    shell: Shell
    ports: dict[str, int]

    def ask(self, verb: str, engine: str, way: str) -> str:
        """What is wrong with how it ends; empty where nothing is."""
        command = [each.format_map(self.words(engine, way, verb)) for each in VERBS[verb]]
        ran = _run(self.shell, command)
        if ran.code not in ALLOWED.get(verb, (3, 4)) or any(word in ran.err for word in _NEVER) or "hidden" in ran.err:
            return f"{verb} {engine} {way}: {ran.code}\n{ran.err[-1500:]}"
        return ""

    def words(self, engine: str, way: str, verb: str = "") -> dict[str, str]:
        spec = registry.spec(engine)
        host = NAMES.get(way) or f"127.0.0.1:{self.ports[way]}"
        scheme, database = spec.schemes[0], "0" if engine == "redis" else "d"
        return {
            "url": f"{scheme}://someone:hidden@{host}/{database}",
            "other": f"{scheme}://someone@127.0.0.1:{self.ports['refuses']}/{database}",
            "text": spec.examples["all"].format(collection="people"),
            "fresh": f"{verb}-{engine}-{way}".replace(" ", "_"),
        }


_NEVER = ("Traceback", "Exception ignored", "a bug in dbfleet")


def _run(shell: Shell, command: list[str]) -> Ran:
    with shell.start(*command) as child:
        try:
            out, err = child.communicate(timeout=BOUND_S)
        except Exception:
            child.kill()
            child.communicate()
            return Ran(-9, "", "hangs")
    return Ran(child.returncode, out.decode(), err.decode())


@pytest.fixture
def hosts(shell: Shell) -> Iterator[Hosts]:
    (shell.folder / "people.jsonl").write_text('{"id": 1}\n')
    refusing = socket.socket()  # bound, so that nobody else gets the port, and not listening
    refusing.bind(("127.0.0.1", 0))
    serving = {way: Host(serve) for way, serve in WAYS.items() if serve is not None}
    yield Hosts(shell, {"refuses": refusing.getsockname()[1]} | {way: host.port for way, host in serving.items()})
    for host in (refusing, *serving.values()):
        host.close()


def test_every_host_is_ill(hosts: Hosts) -> None:
    """One command, so one that hangs would hold up all."""
    asked = [(engine, way) for engine in NETWORKED for way in WAYS]
    ran = _run(
        hosts.shell, ["health", *(hosts.words(engine, way)["url"] for engine, way in asked), "--format", "jsonl"]
    )
    assert ran.code == 1, ran
    assert not any(word in ran.err for word in _NEVER), ran
    answers = [json.loads(line) for line in ran.out.splitlines()]
    assert len(answers) == len(asked)
    assert all(answer["error"] and not answer["ok"] for answer in answers)
    assert "hidden" not in ran.out + ran.err


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_host_answers_a_query(hosts: Hosts, capfd: pytest.CaptureFixture[str]) -> None:
    """(Drivers do not close the sockets of what failed while it began; that is theirs.)"""
    fleet = Fleet.open(environ=hosts.shell.environment, directory=hosts.shell.folder)

    def ask(engine: str, way: str) -> str:
        words = hosts.words(engine, way)
        try:
            with query(fleet, [fleet.locate(words["url"])], words["text"]) as answers:
                found = [list(each) for each in answers]
        except DbfleetError as error:
            code = code_of(error)
            return "" if code in (3, 4) else f"{engine} {way}: {code!r} {error}"
        except Exception as error:
            return f"{engine} {way}: {error!r}"
        return f"{engine} {way}: it answers {found}"

    asked = [(engine, way) for engine in NETWORKED for way in WAYS]
    with ThreadPoolExecutor(len(asked)) as pool:
        wrong = [text for text in pool.map(lambda each: ask(*each), asked) if text]
    assert not wrong, "\n".join(wrong)
    said = capfd.readouterr().err
    assert not any(word in said for word in _NEVER), said


def test_a_seed_of_a_host_that_refuses(hosts: Hosts) -> None:
    """Some engines have a second process, which waits for its first word."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = pool.map(lambda engine: hosts.ask("seed", engine, "refuses"), NETWORKED)
        assert not [text for text in asked if text]


@pytest.mark.skipif(os.environ.get("DBFLEET_HOSTS") != "all", reason="longer than a quarter of an hour")
@pytest.mark.parametrize("verb", VERBS)
def test_a_host_that_fails(hosts: Hosts, verb: str) -> None:
    asked = [(verb, engine, way) for engine in NETWORKED for way in WAYS]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = [text for text in pool.map(lambda each: hosts.ask(*each), asked) if text]
    print(f"{verb}: {len(asked)} asked, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)

"""The door of the console: the real nginx, before a program that stands in for web, Flower and pgAdmin."""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from dbfleet.runtimes import ports
from dbfleet.services import _certificate, _nginx, nginx

NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


def test_the_stack_s_configuration_is_the_one_that_is_written_for_it() -> None:
    assert _nginx.stack_file().read_text("utf-8") == _nginx.in_container(), "python -m dbfleet.services._nginx"


def test_a_certificate_is_made_once_and_another_s_is_never_touched(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    assert _certificate.make(folder)
    pair = [(folder / name).read_bytes() for name in ("certificate.pem", "key.pem")]
    assert oct((folder / "key.pem").stat().st_mode)[-3:] == "600"
    assert oct(folder.stat().st_mode)[-3:] == "700"
    assert not _certificate.make(folder)
    assert [(folder / name).read_bytes() for name in ("certificate.pem", "key.pem")] == pair


def test_a_certificate_of_ours_that_ends_soon_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_certificate, "_DAYS", 20)
    assert _certificate.make(tmp_path / "tls")
    monkeypatch.undo()
    assert _certificate.make(tmp_path / "tls")
    assert not _certificate.make(tmp_path / "tls")
    monkeypatch.setattr(_certificate, "NAME", "another's name")
    monkeypatch.setattr(_certificate, "_DAYS", 20)
    assert _certificate.make(tmp_path / "theirs")
    monkeypatch.undo()
    assert not _certificate.make(tmp_path / "theirs"), "it ends soon, and is not ours"


@dataclass
class Behind:
    """What stands in for web, Flower and pgAdmin: it answers with what it was asked."""

    port: int
    admin: int = 204


@pytest.fixture
def behind() -> Iterator[Behind]:
    found = Behind(0)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/auth/admin":
                self.send_response(found.admin)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            length = int(self.headers.get("Content-Length") or 0)
            told = {"path": self.path, "length": len(self.rfile.read(length)), "headers": dict(self.headers)}
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  # the name that the server looks for

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Door:
    """A running nginx."""

    https: int
    http: int
    pair: Path
    log: Path
    process: subprocess.Popen[bytes]

    def ask(
        self, path: str, method: str = "GET", body: bytes = b"", plain: bool = False, **headers: str
    ) -> http.client.HTTPResponse:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = (
            http.client.HTTPConnection("127.0.0.1", self.http, timeout=20)
            if plain
            else http.client.HTTPSConnection("127.0.0.1", self.https, timeout=20, context=context)
        )
        connection.request(
            method, path, body=body, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )
        answer = connection.getresponse()
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
        connection.close()
        return answer

    def told(self, path: str, **headers: str) -> dict[str, Any]:
        answer = self.ask(path, **headers)
        assert answer.status == 200
        return dict(json.loads(answer.text))  # type: ignore[attr-defined]

    def certificate(self) -> str:
        return ssl.get_server_certificate(("127.0.0.1", self.https), timeout=20)


def soon(true: Callable[[], bool], within_s: float = 30.0) -> bool:
    end = time.monotonic() + within_s
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return found  # asked once: while nginx changes over, an old worker may answer after a new one did


@pytest.fixture
def door(tmp_path: Path, behind: Behind) -> Iterator[Door]:
    if NGINX is None:
        pytest.skip("no nginx on this machine")
    https = ports.choose(f"{tmp_path}/https")
    plain = ports.choose(f"{tmp_path}/http", avoid=[https])
    work = tmp_path / "a folder" / "of its own"
    work.mkdir(parents=True)
    pair = tmp_path / "tls"
    _certificate.make(pair)
    at = f"127.0.0.1:{behind.port}"
    (work / "nginx.conf").write_text(
        _nginx.configuration(
            _nginx.Places(
                https=f"127.0.0.1:{https}", http=f"127.0.0.1:{plain}", web=at, flower=at, pgadmin=None,
                page=f"https://127.0.0.1:{https}", pair=str(pair), work=str(work),
                flower_login=nginx.flower_login("a password"), door="a word",
                user="root" if os.geteuid() == 0 else None,
            )
        ),
        "utf-8",
    )  # fmt: skip
    script = _nginx.stack_file().with_name("nginx.sh")
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(["/bin/sh", str(script), NGINX, str(work / "nginx.conf"), str(pair)], stderr=log)
        found = Door(https, plain, pair, tmp_path / "log", process)
        assert soon(lambda: ports.answers(https)), (tmp_path / "log").read_text()
        yield found
        if process.poll() is None:
            process.terminate()
            assert process.wait(30) == 0
        assert not ports.answers(https)


def test_plain_http_leads_to_https_and_https_says_to_stay(door: Door) -> None:
    answer = door.ask("/jobs?state=failed", plain=True)
    assert (answer.status, answer.headers["Location"]) == (301, f"https://127.0.0.1:{door.https}/jobs?state=failed")
    assert door.ask("/").headers["Strict-Transport-Security"] == "max-age=31536000"
    assert door.ask("/", Host="localhost").headers["Strict-Transport-Security"] is None


def test_plain_http_on_the_port_of_https_leads_there(door: Door) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", door.https, timeout=20)
    connection.request("GET", "/jobs?state=failed", headers={"Host": f"localhost:{door.https}"})
    answer = connection.getresponse()
    connection.close()
    assert (answer.status, answer.headers["Location"]) == (302, f"https://localhost:{door.https}/jobs?state=failed")


def test_web_is_told_the_host_that_was_typed_and_no_address_that_a_client_made_up(door: Door) -> None:
    made_up = {"X_Forwarded_For": "10.1.2.3", "X_Real_IP": "10.1.2.3", "X_Dbfleet_Door": "x"}
    told = door.told("/a?b=c", X_Forwarded_Proto="http", **made_up)
    assert told["path"] == "/a?b=c"
    headers = told["headers"]
    assert headers["X-Dbfleet-Door"] == "a word"
    assert headers["Host"] == f"127.0.0.1:{door.https}"
    assert (headers["X-Forwarded-For"], headers["X-Real-IP"], headers["X-Forwarded-Proto"]) == (
        "127.0.0.1",
        "127.0.0.1",
        "https",
    )


def test_a_statement_of_ten_megabytes_passes_and_a_larger_body_does_not(door: Door) -> None:
    answer = door.ask("/query", "POST", b"x" * (10 << 20))
    assert json.loads(answer.text)["length"] == 10 << 20  # type: ignore[attr-defined]
    assert door.ask("/query", "POST", b"x" * (17 << 20)).status == 413


def test_logins_in_a_row_are_slowed_down_and_nothing_else_is(door: Door) -> None:
    answers = [door.ask("/login", "POST", b"password=wrong") for _ in range(20)]
    assert [answer.status for answer in answers[:5]] == [200] * 5
    slowed = next(answer for answer in answers if answer.status == 429)
    assert (slowed.headers["Retry-After"], slowed.headers["Content-Type"]) == ("5", "text/html")
    assert "Try again in 5 seconds" in slowed.text  # type: ignore[attr-defined]
    assert "nginx" not in slowed.text  # type: ignore[attr-defined]
    assert {door.ask("/").status for _ in range(20)} == {200}
    assert {door.ask("/login").status for _ in range(20)} == {200}, "the form itself is no try"


@pytest.mark.parametrize(("says", "status"), [(204, 200), (401, 302), (403, 403), (500, 500)])
def test_flower_is_for_whom_web_calls_an_admin(door: Door, behind: Behind, says: int, status: int) -> None:
    behind.admin = says
    answer = door.ask("/flower/workers?x=1", Authorization="Basic of-the-client")
    assert answer.status == status
    if says == 204:
        told = json.loads(answer.text)  # type: ignore[attr-defined]
        assert told["path"] == "/flower/workers?x=1"
        assert "X-Dbfleet-Door" not in told["headers"], "it is web's alone"
        assert base64.b64decode(told["headers"]["Authorization"].split()[1]) == b"dbfleet:a password"
    elif says == 401:
        assert answer.headers["Location"] == "/login?next=/flower/workers?x=1"
    elif says == 403:
        assert "admin role" in answer.text  # type: ignore[attr-defined]


def test_the_question_for_an_admin_cannot_be_asked_from_outside(door: Door) -> None:
    assert door.ask("/.admin").status == 404


def test_what_was_not_started_is_told(door: Door) -> None:
    answer = door.ask("/pgadmin/")
    assert (answer.status, "dbfleet up pgadmin" in answer.text) == (404, True)  # type: ignore[attr-defined]


def test_a_new_certificate_is_taken_without_a_failed_request_and_one_that_does_not_fit_is_not(
    door: Door, tmp_path: Path
) -> None:
    first = door.certificate()
    fresh = tmp_path / "fresh"
    _certificate.make(fresh)
    (fresh / "certificate.pem").replace(door.pair / "certificate.pem")  # of another key
    assert soon(lambda: "is not taken" in door.log.read_text())
    assert door.certificate() == first
    (fresh / "key.pem").replace(door.pair / "key.pem")
    statuses = set()
    assert soon(lambda: statuses.add(door.ask("/").status) or door.certificate() != first), door.log.read_text()
    statuses |= {door.ask("/").status for _ in range(20)}
    assert statuses == {200}


def test_an_nginx_that_dies_ends_its_script(door: Door) -> None:
    for each in psutil.Process(door.process.pid).children(recursive=True):
        if each.name() == "nginx":
            each.kill()
    assert door.process.wait(30) != 0

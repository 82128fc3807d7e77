"""One HTTP session with a CouchDB server: a request goes out, its answer or our error comes back.

Every error of `requests` and every status from 400 on is an error of `dbfleet.errors`, with the target's name: 401
AuthFailed, 404 NotFound, 409 ConstraintViolated, 412 AlreadyExists, 502 to 504 Unavailable, any other StatementError.
Connecting has a deadline; reading an answer has none, as a view that is being built answers after minutes.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any

from dbfleet.engines.couchdb.text import dumps, whole_rows
from dbfleet.errors import (
    AlreadyExists,
    AuthFailed,
    ConstraintViolated,
    DbfleetError,
    NotFound,
    StatementError,
    Unavailable,
    UsageError,
    translated,
)
from dbfleet.target import Target


class Session:
    """The session, logged in by every request; Unavailable once it is closed."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        import requests

        self._target = target
        self._timeout_s = timeout_s
        self._closed = False
        host = f"[{target.host}]" if ":" in (target.host or "") else target.host
        scheme = "https" if target.scheme in ("couchdbs", "couchdb+https") else "http"
        self._root = f"{scheme}://{host}:{target.port}"
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy of the environment's is not meant for a database
        self._http.headers.update({"Content-Type": "application/json", "Accept": "application/json"})
        self._http.verify = target.options.get("verify", "true").lower() not in ("false", "0", "no")
        if target.user is not None:
            # As bytes: requests would encode text as Latin-1.
            self._http.auth = (target.user.encode(), (target.password or "").encode())  # type: ignore[assignment]

    @property
    def address(self) -> str:
        """Where the server is."""
        return self._root

    def log_in(self) -> None:
        """Ask who we are. AuthFailed for a wrong user or password, Unavailable where nothing answers in time."""
        with self.translated():
            # No redirection: whoever answers so is not CouchDB, and the login is not his.
            response = self._in_time(
                lambda: self._http.get(f"{self._root}/_session", timeout=self._timeout_s, allow_redirects=False)
            )
            try:
                answer = response.json()
            except ValueError:
                answer = None
        if response.status_code == 401 and isinstance(answer, dict) and "error" in answer:
            raise self._refused(response)
        if response.status_code in (502, 503, 504):
            raise self._refused(response)
        if response.status_code != 200 or not isinstance(answer, dict) or "userCtx" not in answer:
            said = f"HTTP {response.status_code} to a question that CouchDB answers"
            where = {"engine": "couchdb", "target": self._target.name}
            raise Unavailable(f"what answers is not CouchDB: {said}", hint="check the URL's host and port", **where)
        if self._target.user is None and not (answer["userCtx"] or {}).get("name"):
            self.json("GET", "/_all_dbs")

    def _in_time(self, ask: Callable[[], Any]) -> Any:
        """The whole answer within the deadline: requests counts from byte to byte, and who sends one now and then would
        hold us for ever. What has not answered is left to a thread that ends with the process."""
        found: list[Any] = []

        def work() -> None:
            try:
                found.append(ask())
            except BaseException as exc:
                found.append(exc)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(self._timeout_s + 1)
        if not found:
            raise Unavailable("no answer in time", engine="couchdb", target=self._target.name)
        if isinstance(found[0], BaseException):
            raise found[0]
        return found[0]

    def json(self, method: str, path: str, body: object = None, *, query: str = "") -> Any:
        """The whole answer to a request. `body` is JSON already where it is a str; `query` is quoted already."""
        response = self.send(method, f"{path}?{query}" if query else path, body)
        with self.translated():
            return response.json()

    def send(self, method: str, path: str, body: object = None, *, stream: bool = False) -> Any:
        """The response to a request, which nothing has refused; with `stream` its body is still to be read."""
        if self._closed:
            raise Unavailable("the connection is closed", engine="couchdb", target=self._target.name)
        try:
            data = body.encode() if isinstance(body, str) else (None if body is None else dumps(body).encode())
        except UnicodeEncodeError as exc:
            raise self.bad("a name or a text holds half of a pair of surrogates, which is no character") from exc
        with self.translated():
            # No read timeout: a view that is being built answers after minutes.
            response = self._http.request(
                method, self._root + path, data=data, stream=stream, timeout=(self._timeout_s, None)
            )
        if response.status_code >= 400:
            raise self._refused(response)
        return response

    def rows(self, path: str, query: str, most: int) -> tuple[list[Any], int, bool]:
        """The rows of an answer, how many bytes they were, and whether they are all: more than `most` bytes are not
        read, but for one row and the beginning of another."""
        response = self.send("GET", f"{path}?{query}", stream=True)
        try:
            with self.translated():
                found = bytearray()
                for chunk in response.iter_content(1 << 18):
                    found += chunk
                    if len(found) > most:
                        rows = list(whole_rows(found.decode(errors="ignore")))
                        if len(rows) > 1:
                            return rows, len(found), False
                        most = 2 * len(found)
                return json.loads(found)["rows"], len(found), True
        except ValueError as exc:
            raise Unavailable("the answer ends in its middle", engine="couchdb", target=self._target.name) from exc
        finally:
            response.close()

    def translated(self) -> Any:
        return translated(_translate, engine="couchdb", target=self._target.name)

    def bad(self, message: str, hint: str | None = None) -> StatementError:
        """What is raised for a statement or a document that cannot be."""
        return StatementError(message, engine="couchdb", target=self._target.name, hint=hint)

    def close(self) -> None:
        """Free the connection. Silent if it is closed already."""
        if not self._closed:
            self._closed = True
            self._http.close()

    def _refused(self, response: Any) -> DbfleetError:
        status = response.status_code
        try:
            answer = response.json()
            said = f"{answer.get('error', status)}: {answer.get('reason', '')}".rstrip(": ")
        except ValueError:
            said = f"HTTP {status} {response.reason}"
        where = {"engine": "couchdb", "target": self._target.name}
        if status == 401:
            return AuthFailed(said, **where)
        if status in (502, 503, 504):
            return Unavailable(said, **where)
        kind = {404: NotFound, 409: ConstraintViolated, 412: AlreadyExists}.get(status, StatementError)
        return kind(said, code=str(status), **where)


def _translate(exc: BaseException) -> DbfleetError | None:
    import requests

    if isinstance(exc, requests.exceptions.JSONDecodeError):
        return Unavailable("what answers is not CouchDB: its answer is not JSON")
    if isinstance(exc, requests.Timeout):
        return Unavailable("no answer in time")
    if isinstance(exc, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return UsageError("the URL is not one that HTTP knows")
    if isinstance(exc, requests.RequestException):
        reason: Any = exc.args[0] if exc.args else exc
        while getattr(reason, "reason", None) is not None:
            reason = reason.reason
        text = re.sub(r"^<.*?>:? ?|HTTPConnection\(.*?\): ", "", str(reason))
        return Unavailable(f"no connection: {text}")
    return None

"""One HTTP session with a CouchDB server: a request goes out, its answer or our error comes back.

Every error of `requests` and every status from 400 on is an error of `dbfleet.errors`, with the target's name: 401
AuthFailed, 404 NotFound, 409 ConstraintViolated, 412 AlreadyExists, 502 to 504 Unavailable, any other StatementError.
Connecting has a deadline; reading an answer has none, as a view that is being built answers after minutes.
"""

from __future__ import annotations

import re
from typing import Any

from dbfleet.adapter import Target
from dbfleet.engines._couchdb_http import dumps
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
            response = self._http.get(f"{self._root}/_session", timeout=self._timeout_s)
        if response.status_code >= 400:
            raise self._refused(response)
        with self.translated():
            if self._target.user is None and not response.json().get("userCtx", {}).get("name"):
                self.json("GET", "/_all_dbs")

    def json(self, method: str, path: str, body: object = None, *, query: str = "") -> Any:
        """The whole answer to a request. `body` is JSON already where it is a str; `query` is quoted already."""
        response = self.send(method, f"{path}?{query}" if query else path, body)
        with self.translated():
            return response.json()

    def send(self, method: str, path: str, body: object = None, *, stream: bool = False) -> Any:
        """The response to a request, which nothing has refused; with `stream` its body is still to be read."""
        if self._closed:
            raise Unavailable("the connection is closed", engine="couchdb", target=self._target.name)
        data = body.encode() if isinstance(body, str) else (None if body is None else dumps(body).encode())
        with self.translated():
            # No read timeout: a view that is being built answers after minutes.
            response = self._http.request(
                method, self._root + path, data=data, stream=stream, timeout=(self._timeout_s, None)
            )
        if response.status_code >= 400:
            raise self._refused(response)
        return response

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

"""One HTTP session with a CouchDB server: a request goes out, its answer or our error comes back.

Every exception of `requests` and every status from 400 on is an error of `dbfleet.errors` with the target's name
(`couchdb.errors`): 401 is AuthFailed, 404 NotFound, 409 ConstraintViolated, 412 AlreadyExists, 502 to 504 Unavailable,
any other StatementError. Connecting has a deadline; reading an answer has none, as a view that is being built answers
after minutes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from dbfleet.engines.couchdb import reader
from dbfleet.engines.couchdb.errors import refused, translate
from dbfleet.engines.couchdb.text import dumps, whole_rows
from dbfleet.errors import StatementError, Unavailable, translated
from dbfleet.target import Target


class Session:
    """The session, whose every request has the login; Unavailable once it is closed."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        import requests

        self.target = target
        self._timeout_s = timeout_s
        self._closed = False
        self._product: str | None = None
        self.limit_s: float | None = None
        """So long the next bytes of an answer are waited for."""
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

    @property
    def closed(self) -> bool:
        """Whether no more can be asked."""
        return self._closed

    @property
    def is_couchdb(self) -> bool:
        """Whether the server is Apache's CouchDB, or a vendor's that is made of it: others speak a part of its API, and
        have no `_purge`, no `_security` and no `_revs_limit`."""
        if self._product is None:
            self._product = str(self.json("GET", "/").get("vendor", {}).get("name", ""))
        return "pouchdb" not in self._product.lower()

    def log_in(self) -> None:
        """Ask the server who we are. AuthFailed for a wrong user or password, Unavailable where nothing answers in
        time or what answers is not CouchDB."""
        with self.translated():
            # No redirection: who redirects is not CouchDB, and must not get the login.
            response = self._in_time(
                lambda: self._http.get(f"{self._root}/_session", timeout=self._timeout_s, allow_redirects=False)
            )
            try:
                answer = response.json()
            except ValueError:
                answer = None
        if response.status_code == 401 and isinstance(answer, dict) and "error" in answer:
            raise refused(response, self.target)
        if response.status_code in (502, 503, 504):
            raise refused(response, self.target)
        if response.status_code != 200 or not isinstance(answer, dict) or "userCtx" not in answer:
            said = f"HTTP {response.status_code} to a question that CouchDB answers"
            where = {"engine": "couchdb", "target": self.target.name}
            raise Unavailable(f"what answers is not CouchDB: {said}", hint="check the URL's host and port", **where)
        if self.target.user is None and not (answer["userCtx"] or {}).get("name"):
            self.json("GET", "/_all_dbs")

    def _in_time(self, ask: Callable[[], Any]) -> Any:
        """The whole answer within the deadline. The timeout of `requests` counts from byte to byte, so a server that
        sends a byte now and then would hold us for ever. A request without an answer is left to its thread, which ends
        with the process."""
        outcome: list[Any] = []

        def work() -> None:
            try:
                outcome.append(ask())
            except BaseException as exc:
                outcome.append(exc)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(self._timeout_s + 1)
        if not outcome:
            raise Unavailable("no answer in time", engine="couchdb", target=self.target.name)
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def json(self, method: str, path: str, body: object = None, *, query: str = "") -> Any:
        """The whole answer to a request. A `body` that is a str is JSON already; `query` is quoted already."""
        return self.read(self.send(method, f"{path}?{query}" if query else path, body).content)

    def read(self, data: bytes | bytearray) -> Any:
        """An answer's JSON. Unavailable for what is none, StatementError for what Python cannot read."""
        with self.translated():
            return json.loads(data)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        stream: bool = False,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The response to a request that the server took. With `stream` its body is still to be read. `data` is a body
        that is no JSON. StatementError where the target is for reading only, and the request is not known to read; no
        redirection is followed then."""
        if self._closed:
            raise Unavailable("the connection is closed", engine="couchdb", target=self.target.name)
        if self.target.read_only and (method, path) != ("GET", reader.CONFIGURATION):
            reader.check(self.target.name, method, path)
        try:
            if body is not None:
                data = body.encode() if isinstance(body, str) else dumps(body).encode()
        except UnicodeEncodeError as exc:
            raise self.bad("a name or a text holds half of a pair of surrogates, which is no character") from exc
        with self.translated():
            # No read timeout unless one is set: a view that is being built answers after minutes.
            response = self._http.request(
                method,
                self._root + path,
                data=data,
                headers=headers,
                stream=stream,
                timeout=(self._timeout_s, self.limit_s),
                allow_redirects=not self.target.read_only,
            )
        if response.status_code >= 400:
            raise refused(response, self.target)
        return response

    def rows(self, path: str, query: str, most: int) -> tuple[list[Any], int, bool]:
        """The rows of an answer, how many bytes were read, and whether these are all the rows. Reading ends behind
        `most` bytes, but not before one whole row is there."""
        response = self.send("GET", f"{path}?{query}", stream=True)
        try:
            with self.translated():
                data = bytearray()
                for chunk in response.iter_content(1 << 18):
                    data += chunk
                    if len(data) > most:
                        rows = list(whole_rows(data.decode(errors="ignore")))
                        if len(rows) > 1:
                            return rows, len(data), False
                        most = 2 * len(data)
                return self.read(data)["rows"], len(data), True
        finally:
            response.close()

    def translated(self) -> AbstractContextManager[None]:
        """A block whose exceptions of `requests` come out as ours."""
        return translated(translate, engine="couchdb", target=self.target.name)

    def bad(self, message: str, hint: str | None = None) -> StatementError:
        """The error for a statement or a document that cannot be."""
        return StatementError(message, engine="couchdb", target=self.target.name, hint=hint)

    def close(self) -> None:
        """Free the connection. Silent if it is closed already."""
        if not self._closed:
            self._closed = True
            self._http.close()

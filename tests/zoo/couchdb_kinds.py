"""Databases of CouchDB, of every kind that its documentation lists, and what a server itself says of one."""

from __future__ import annotations

import base64
import gzip
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

import requests

from dbfleet.target import Target

Document = dict[str, Any]


class Server:
    """The server itself, by requests of its own."""

    def __init__(self, target: Target) -> None:
        self._root = f"http://{target.host}:{target.port}"
        self._prefix = target.database or ""
        self._http = requests.Session()
        self._http.auth = (target.user or "", target.password or "")
        self.real = "pouchdb" not in self.ask("GET", "/")["vendor"]["name"]
        """Whether it is CouchDB, and not the stand-in."""

    def path(self, name: str) -> str:
        return "/" + quote(self._prefix + name, safe="")

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self._http.request(method, self._root + path, json=body, timeout=60, **more)
        assert answer.status_code < 400, (method, path, answer.text)
        return answer.json()

    def names(self) -> list[str]:
        return [each[len(self._prefix) :] for each in self.ask("GET", "/_all_dbs") if each.startswith(self._prefix)]

    def clean(self) -> None:
        """Without databases: one that is made again within a second would lose its files."""
        names = self.names()
        for name in names:
            self.ask("DELETE", self.path(name))
        if names and self.real:
            time.sleep(1.1)

    def make(self, name: str, query: str = "") -> None:
        self.ask("PUT", f"{self.path(name)}?{query}")

    def bulk(self, name: str, documents: list[Document]) -> None:
        said = self.ask("POST", f"{self.path(name)}/_bulk_docs", {"docs": documents})
        assert not [each for each in said if "error" in each], said

    def revisions(self, name: str, documents: list[Document]) -> None:
        """Documents with the revisions that they say."""
        said = self.ask("POST", f"{self.path(name)}/_bulk_docs", {"new_edits": False, "docs": documents})
        assert said == [], said

    def attach(self, name: str, id_: str, attachment: str, data: bytes, kind: str | None = "text/plain") -> None:
        """An attachment more, of the winner."""
        place = f"{self.path(name)}/{quote(id_, safe='')}"
        held = self._http.get(self._root + place, timeout=60)
        query = f"?rev={held.json()['_rev']}" if held.status_code == 200 else ""
        headers = {"Content-Type": kind} if kind else {}
        url = f"{self._root}{place}/{quote(attachment, safe='')}{query}"
        answer = self._http.put(url, data=data, headers=headers, timeout=60)
        assert answer.status_code == 201, answer.text

    def told(self) -> dict[str, Any]:
        """All databases of the prefix, with all that the server says of them."""
        return {name: self._database(name) for name in self.names()}

    def _database(self, name: str) -> dict[str, Any]:
        path = self.path(name)
        info = self.ask("GET", path)
        found: dict[str, Any] = {"props": info["props"], "q": info["cluster"]["q"]}
        if self.real:
            for word in ("_security", "_revs_limit", "_purged_infos_limit"):
                found[word] = self.ask("GET", f"{path}/{word}")
        ids = sorted(each["id"] for each in self.ask("GET", f"{path}/_changes")["results"])
        found["documents"] = {id_: self.leaves(name, id_) for id_ in ids}
        return found

    def leaves(self, name: str, id_: str) -> list[str]:
        """The leaf revisions as the server gives them, with all their histories and attachments. Fields have an order,
        attachments and what is said of them have none."""
        place = f"{self.path(name)}/{quote(id_, safe='')}"
        query = "open_revs=all&revs=true&attachments=true&att_encoding_info=true"
        answer = self.ask("GET", f"{place}?{query}", headers={"Accept": "application/json"})
        found = [each["ok"] for each in answer]
        for stub in (stub for each in found for stub in each.get("_attachments", {}).values() if not self.real):
            stub.pop("revpos", None)  # PouchDB makes one up
        attached = [json.dumps(each.pop("_attachments", None), sort_keys=True) for each in found]
        return sorted(f"{json.dumps(each)} {more}" for each, more in zip(found, attached, strict=True))


@contextmanager
def server(target: Target) -> Iterator[Server]:
    """The server of a target."""
    found = Server(target)
    try:
        yield found
    finally:
        found._http.close()


def revised(id_: str, *history: str, **fields: Any) -> Document:
    """A leaf whose history has these hashes, the last one first."""
    start = len(history)
    deleted = fields.pop("deleted", False)
    own = {"_id": id_, "_rev": f"{start}-{history[0]}", "_revisions": {"start": start, "ids": list(history)}}
    return {**own, **({"_deleted": True} if deleted else {}), **fields}


def _ids(server: Server) -> None:
    server.make("ids")
    odd = [
        "a",
        "A",
        "a/b",
        "é\U0001f600",
        "+&?#%",
        " ",
        "%5Fid",
        '"',
        "\x01",
        "a:b",
        "_".rjust(3, "x"),
        "x" * 2000,
        "0",
    ]
    server.bulk("ids", [{"_id": each, "v": place} for place, each in enumerate(odd)])


def _bodies(server: Server) -> None:
    server.make("bodies")
    deep: Any = 1
    for _ in range(100):
        deep = {"d": [deep]}
    server.bulk("bodies", [
        {"_id": "empty"},
        {"_id": "numbers", "i": 1, "f": 1.0, "z": -0.0, "big": 2**70, "least": -(2**63), "e": 1e22, "small": 1e-7},
        {"_id": "more", "third": 0.1 + 0.2, "most": 1.7976931348623157e308, "list": [1, 1.0, True, None, "1"]},
        {"_id": "texts", "": "no name", "a.b": "", "é": "\U0001f600\u2028", "nul": "\0", "quote": '"\\/', "tab": "\t"},
        {"_id": "order", "z": 1, "a": 2, "m": {"z": 1, "a": 2}},
        {"_id": "null", "n": None, "deep": deep, "%json": "x", "%5Fid": "y"},
    ])  # fmt: skip


def _revisions(server: Server) -> None:
    server.make("revisions")
    server.revisions("revisions", [
        revised("two", "bb", "aa", v="b"), revised("two", "cc", "aa", v="c"),
        revised("won by length", "zz", "aa", v=1), revised("won by length", "bb", "cc", "aa", v=2),
        revised("deleted leaf", "dd", "cc", "bb", "aa", deleted=True, why="merged"),
        revised("deleted leaf", "ee", "aa"),
        revised("two roots", "aa", v=1), revised("two roots", "bb", v=2), revised("two roots", "dd", "cc", v=3),
        revised("gone", "bb", "aa", deleted=True, why="no more", when=1.0),
        revised("gone twice", "bb", "aa", deleted=True), revised("gone twice", "cc", "aa", deleted=True),
        revised("old", *(f"{number:032x}" for number in range(900, 0, -1)), v=900),
    ])  # fmt: skip
    server.bulk("revisions", [{"_id": "here and there", "v": 1}, {"_id": "again", "v": 1}])
    for id_, deleted in (("again", True), ("again", False), ("here and there", True)):
        rev = _rev(server, id_)
        server.bulk("revisions", [{"_id": id_, "v": 2, "_deleted": deleted, **({"_rev": rev} if deleted else {})}])


def _rev(server: Server, id_: str) -> str:
    (entry,) = server.ask("POST", f"{server.path('revisions')}/_all_docs", {"keys": [id_]})["rows"]
    return str(entry["value"]["rev"])


NOISE: Final = random.Random(7).randbytes(300_000)


def _attachments(server: Server) -> None:
    name = "attachments"
    server.make(name)
    server.attach(name, "one", "plain.txt", b"hello " * 5000)
    server.attach(name, "one", "noise", NOISE, "application/octet-stream")
    server.attach(name, "one", "empty", b"", "image/png")
    server.attach(name, "one", "a dir/é & ?.json", b'{"a": 1}', "application/json; charset=utf-8")
    server.attach(name, "a/b", "small.bin", bytes(range(256)), "application/octet-stream")
    server.bulk(name, [{"_id": "inline", "v": 1, "_attachments": {
        "x": {"content_type": "text/html", "data": base64.b64encode(b"<p>").decode()}}}])  # fmt: skip
    attached = {"y": {"content_type": "text/plain", "revpos": 2, "data": base64.b64encode(b"why" * 99).decode()}}
    server.revisions(name, [
        revised("conflict", "bb", "aa", v=1, _attachments=attached), revised("conflict", "cc", "aa", v=2),
        revised("gone", "bb", "aa", deleted=True, _attachments=attached),
        *(revised(f"many {number:03}", "aa", n=number, _attachments={
            "n": {"content_type": "text/plain", "data": base64.b64encode(b"%d" % number).decode()}})
          for number in range(120)),
    ])  # fmt: skip
    if server.real:  # sent compressed already: kept as it is
        with_encoding = gzip.compress(b"packed " * 500, 1, mtime=1)
        place = f"{server.path(name)}/packed/p.txt"
        url = f"{server._root}{place}"
        answer = server._http.put(
            url, data=with_encoding, headers={"Content-Type": "text/plain", "Content-Encoding": "gzip"}, timeout=60
        )
        assert answer.status_code == 201, answer.text


REFUSES: Final = "function(doc, old, user) { throw({forbidden: 'not now'}); }"


def _designs(server: Server) -> None:
    name = "designs"
    server.make(name)
    server.bulk(name, [{"_id": f"d{number}", "v": number} for number in range(5)])
    server.revisions(name, [
        revised("_design/views", "bb", "aa", language="javascript", options={"local_seq": True}, views={
            "by_v": {"map": "function(doc) { emit(doc.v, 1); }", "reduce": "_count"}, "lib": {"x": "exports.y = 1;"}},
            filters={"f": "function(doc, req) { return true; }"}, updates={"u": "function() { return [null, '']; }"}),
        revised("_design/views", "cc", "aa", views={}),
        revised("_design/gone", "bb", "aa", deleted=True),
        revised("_design/app", "aa", rewrites=[{"from": "/", "to": "index.html"}], _attachments={
            "index.html": {"content_type": "text/html", "data": base64.b64encode(b"<html>" * 300).decode()}}),
        revised("_design/index", "aa", language="query", views={"by_v": {
            "map": {"fields": {"v": "asc"}, "partial_filter_selector": {}}, "reduce": "_count",
            "options": {"def": {"fields": ["v"]}}}}),
        revised("_design/checks", "aa", validate_doc_update=REFUSES),
    ])  # fmt: skip


def _settings(server: Server) -> None:
    """Only a CouchDB has them."""
    server.make("parts", "partitioned=true&q=3")
    server.bulk("parts", [{"_id": f"p{number % 3}:{number}", "v": number} for number in range(20)])
    server.make("guarded", "q=1")
    security = {"admins": {"names": ["ann"], "roles": []}, "members": {"names": ["bob"], "roles": ["staff"]}, "more": 1}
    server.ask("PUT", f"{server.path('guarded')}/_security", security)
    server.ask("PUT", f"{server.path('guarded')}/_revs_limit", 5)
    server.ask("PUT", f"{server.path('guarded')}/_purged_infos_limit", 50)
    server.make("remembers")
    server.ask("PUT", f"{server.path('remembers')}/_revs_limit", 3000)
    server.revisions("remembers", [revised("old", *(f"{number:032x}" for number in range(2000, 0, -1)), v=1)])
    server.make("forgets")
    server.revisions("forgets", [revised("old", *(f"{number:032x}" for number in range(50, 0, -1)), v=1)])
    server.ask("PUT", f"{server.path('forgets')}/_revs_limit", 3)


def _empty(server: Server) -> None:
    server.make("empty")
    server.make("with/a$slash+(and)-more")


KINDS: Final[Mapping[str, Callable[[Server], None]]] = {
    "ids": _ids,
    "bodies": _bodies,
    "revisions": _revisions,
    "attachments": _attachments,
    "design documents": _designs,
    "settings": _settings,
    "empty": _empty,
}
"""By kind, what makes it."""


def fill(server: Server, kind: str | None = None) -> None:
    """Make this kind, or all of them; the stand-in has no settings."""
    for each, make in KINDS.items():
        if kind in (each, None) and (server.real or each != "settings"):
            make(server)

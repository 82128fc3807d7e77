"""Statements of the user's own: requests as they are, and Mango selectors whose pages are followed to the end.

`GET /orders/_all_docs?limit=3` is a request. Several requests stand on lines of their own and are run one after
another, each when the answer before it has been read. `orders {"status": "paid"}` is a selector, or a whole Mango
query, on a collection; `orders/_explain {"status": "paid"}` is its plan. The lists that answers hold (`rows`, `docs`,
`results`) are given as records, as they arrive.
The first record is asked for before a Result is given, so what the server refuses is raised at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from dbfleet.adapter import Result, ResultColumn
from dbfleet.engines.couchdb import reader
from dbfleet.engines.couchdb.session import Session
from dbfleet.engines.couchdb.text import body_of, dumps, records_of
from dbfleet.errors import UsageError
from dbfleet.values import Batch, Type

_REQUEST: Final = re.compile(r"(GET|HEAD|PUT|POST|DELETE|COPY)\s+(/\S*)\s*(.*)", re.DOTALL | re.IGNORECASE)
_PLAN: Final = "/_explain"
_NEXT_REQUEST: Final = re.compile(r"\n\s*(?=(?:GET|HEAD|PUT|POST|DELETE|COPY)\s+/)", re.IGNORECASE)
"""Where the next of several requests begins: no line of a JSON body does so."""


def run(session: Session, text: str, path_of: Callable[[str], str], batch_size: int) -> Result:
    """The result of a text: of its requests, or of its selector. The text has no blanks around it; `path_of` gives the
    path of a collection."""
    if _REQUEST.match(text):
        return _requests(session, _NEXT_REQUEST.split(text), batch_size)
    named = re.match(r"([^\s{]+)\s*(\{.*)", text, re.DOTALL)
    if not named:
        raise session.bad(
            "neither a request nor a selector on a collection",
            hint='GET /orders/_all_docs?limit=3, POST /orders/_find {"selector": {}}, or orders {"status": "paid"}',
        )
    name = named[1].removesuffix(_PLAN)
    if name != named[1]:
        return _request(session, "POST", path_of(name) + _PLAN, _selecting(named[2], session), batch_size, None)
    return find(session, path_of(name), named[2], batch_size)


def plan(statement: str) -> str:
    """The question for a selector's plan: `_explain`, which runs nothing. UsageError for what has none."""
    request = _REQUEST.fullmatch(statement.strip())
    if request is None:
        named = re.match(r"([^\s{]+)\s*(\{.*)", statement.strip(), re.DOTALL)
        if named:
            return f"{named[1]}{_PLAN} {named[2]}"
    elif request[1].upper() == "POST" and request[2].endswith("/_find"):
        return f"POST {request[2].removesuffix('/_find')}{_PLAN} {request[3]}"
    raise UsageError(
        "only a selector has a plan", hint='orders {"status": "paid"}, or POST /orders/_find {"selector": …}'
    )


def _selecting(text: str, session: Session) -> str:
    """A selector or a Mango query, as the body of a request. An empty one is spelt out: express-pouchdb has no plan of
    it."""
    body = body_of(text, session.bad)
    query = body if "selector" in body else {"selector": body}
    return dumps({**query, "selector": query["selector"] or {"_id": {"$gt": None}}})


def _requests(session: Session, texts: Sequence[str], batch_size: int) -> Result:
    """The first request's result, and behind it the others'."""
    request = _REQUEST.fullmatch(texts[0].strip())
    assert request is not None
    following = partial(_requests, session, texts[1:], batch_size) if len(texts) > 1 else None
    return _request(session, request[1].upper(), request[2], request[3], batch_size, following)


def _request(
    session: Session, method: str, path: str, body: str, batch_size: int, following: Callable[[], Result] | None
) -> Result:
    if session.target.read_only:
        reader.check(session.target.name, method, path)
    if body:
        body_of(body, session.bad)
    response = session.send(method, path, body or None, stream=True)
    records = records_of(response) if method != "HEAD" else iter([dict(response.headers)])
    first = next(records, None)

    def batches() -> Iterator[Batch]:
        batch = [] if first is None else [(first,)]
        with session.translated():
            for record in records:
                if len(batch) >= batch_size:
                    yield batch
                    batch = []
                batch.append((record,))
        if batch:
            yield batch

    return Result(
        [ResultColumn("document", Type.JSON)], batches(), documents=True, close=response.close, following=following
    )


def find(session: Session, path: str, text: str, batch_size: int) -> Result:
    """The documents that a selector or a Mango query chooses, of the collection with this path. All of them: CouchDB's
    own default is 25."""
    body = body_of(text, session.bad)
    query: dict[str, Any] = body if "selector" in body else {"selector": body}
    pages = _pages(session, f"{path}/_find", query, batch_size)
    first = next(pages, None)

    def batches() -> Iterator[Batch]:
        if first is not None:
            yield first
            yield from pages

    return Result([ResultColumn("document", Type.JSON)], batches(), documents=True)


def _pages(session: Session, path: str, query: dict[str, Any], batch_size: int) -> Iterator[Batch]:
    """The documents of a Mango query, page by page, up to the query's own limit."""
    left: int | None = query.get("limit")
    skip: int = query.get("skip", 0)
    bookmark: str | None = None
    while left is None or left > 0:
        limit = batch_size if left is None else min(batch_size, left)
        page: dict[str, Any] = {**query, "limit": limit, "skip": skip}
        if bookmark:
            page["bookmark"] = bookmark
        answer = session.json("POST", path, page)
        documents = answer["docs"]
        if documents:
            yield [(document,) for document in documents]
        if len(documents) < limit:
            return
        left = None if left is None else left - len(documents)
        # A server without bookmarks is paged by skip.
        if answer.get("bookmark") in (None, "nil", bookmark):
            skip += len(documents)
        else:
            bookmark, skip = answer["bookmark"], 0

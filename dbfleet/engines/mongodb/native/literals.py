"""Changes of whole documents as mongosh text, by `_id`. Needs bson: imported only behind a connection.

A document whose bytes the driver does not give back (a field twice, a type that it has no class for, text that is not
UTF-8) has no literal: Unsupported.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from bson import decode, encode

from dbfleet.adapter import Change
from dbfleet.engines.mongodb.encode import document
from dbfleet.engines.mongodb.literals import literal
from dbfleet.engines.mongodb.native.rows import dollars
from dbfleet.engines.mongodb.native.values import DOCUMENT
from dbfleet.engines.mongodb.text import parse
from dbfleet.engines.mongodb.values import CODEC
from dbfleet.errors import Unsupported
from dbfleet.values import Schema


def statements(schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
    """A statement for each change."""
    name = schema.name
    collection = f"db.getCollection({json.dumps(name, ensure_ascii=not name.isprintable())})"
    place = schema.names.index(DOCUMENT)
    for change in changes:
        row, how = change.after, "insertOne"
        arguments = [] if change.before is None else [document(change.before[0])]
        if change.before is not None:
            how = "deleteOne" if row is None else "replaceOne"
        texts = list(map(_literal, arguments))
        if row is not None:
            texts.append(_literal(row[place]))
            if how == "replaceOne" and dollars(row[place]):  # which it does not take
                how, texts[1] = "updateOne", f"[{{$replaceWith: {{$literal: {texts[1]}}}}}]"
        yield f"{collection}.{how}({', '.join(texts)});"


def _literal(raw: bytes) -> str:
    text = literal(decode(raw, CODEC))
    (operation,) = parse(f"db.x.insertOne({text})", {})
    if encode(operation.call.argument(0), codec_options=CODEC) != raw:
        raise Unsupported("mongosh text has no literal for a document that drivers read otherwise",
                          hint="--yes writes it")  # fmt: skip
    return text

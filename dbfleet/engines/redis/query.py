"""Commands of the user's own, one after another: each is run when the reply before it has been read. What a reply is as
records is said in `redis.replies`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dbfleet.adapter import Result
from dbfleet.engines.redis import replies, text
from dbfleet.engines.redis.session import Session
from dbfleet.engines.redis.wire import ReplyError
from dbfleet.errors import Unsupported, UsageError
from dbfleet.values import Batch


def run(session: Session, statement: str, params: Mapping[str, object], batch_size: int) -> Result:
    """The commands of a text. UsageError for an empty text and for params that do not fit; Unsupported for a command
    whose reply never ends."""
    with session.translated():
        commands = text.parse(statement)
        if not commands:
            raise UsageError("the statement is empty", target=session.target.name)
        values = text.bind(params, commands)
        bound = [command.bound(values) for command in commands]
        for words in bound:
            why = replies.endless(words)
            if why:
                raise Unsupported(f"{_name(words)} is not for query: {why}", hint="use redis-cli: dbfleet shell")
    return _result(session, bound, batch_size)


def _result(session: Session, commands: list[list[bytes]], batch_size: int) -> Result:
    """The first command's result, and behind it the others'."""
    words = commands[0]
    name = _name(words)
    with session.translated():
        wire = session.running(name)
        pending = wire.stream(words)
        shape = replies.shape(words, pending.kind)
        if not pending.kind:
            (reply,) = wire.take(pending)
            if isinstance(reply, ReplyError):
                raise reply
            batches: Iterator[Batch] = iter([[(replies.plain(reply),)]])
        else:
            batches = session.batches(replies.batches(wire, pending, shape, name, batch_size))
    return Result(
        replies.columns(shape),
        batches,
        documents=shape.documents,
        close=pending.drop,
        following=lambda: _result(session, commands[1:], batch_size) if len(commands) > 1 else None,
    )


def _name(words: Sequence[bytes]) -> str:
    return words[0].decode("utf-8", "replace").upper()

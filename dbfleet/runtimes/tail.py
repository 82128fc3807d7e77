"""The last lines of a growing file, and the lines that are added to it.

Rule: lines are whole, without their ends, and decoded as UTF-8; bytes that are not UTF-8 are replaced. If the file is
replaced or shortened while it is followed, reading goes on at its new start. The last lines are found by reading blocks
from the end, so that a log of a gigabyte takes no longer than a small one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

BLOCK: Final = 64 * 1024
POLL_S: Final = 0.2


def lines(path: Path, *, last: int | None = None, follow: bool = False, since: int = 0) -> Iterator[str]:
    """The file's lines, or only the `last` ones, of those behind its first `since` bytes; with `follow` also new lines,
    until the iterator is closed."""
    with open(path, "rb") as file:
        file.seek(since)
        if last is not None:
            file.seek(max(since, _start_of_last(file.fileno(), last)))
        rest = b""
        while True:
            while block := file.read(BLOCK):
                *whole, rest = (rest + block).split(b"\n")
                for line in whole:
                    yield _text(line)
            if not follow:
                break
            time.sleep(POLL_S)
            if _replaced(path, file.fileno(), file.tell()):
                if rest:
                    yield _text(rest)
                yield from lines(path, follow=True)
                return
        if rest:
            yield _text(rest)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")


def _start_of_last(descriptor: int, count: int) -> int:
    end = os.fstat(descriptor).st_size
    if count <= 0:
        return end
    # A newline at the end of the file ends the last line and starts no new one.
    wanted = count + 1 if end and os.pread(descriptor, 1, end - 1) == b"\n" else count
    position = end
    while position > 0:
        start = max(0, position - BLOCK)
        block = os.pread(descriptor, position - start, start)
        ends = block.count(b"\n")
        if ends >= wanted:
            at = len(block)
            for _ in range(wanted):
                at = block.rindex(b"\n", 0, at)
            return start + at + 1
        wanted -= ends
        position = start
    return 0


def _replaced(path: Path, descriptor: int, position: int) -> bool:
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    held = os.fstat(descriptor)
    return (now.st_ino, now.st_dev) != (held.st_ino, held.st_dev) or now.st_size < position

"""dbfleet on a terminal of a given width: a real process on a pseudo-terminal, and what then stands on the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_CONTROL = re.compile(r"\x1b\[\??([\d;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")


@dataclass
class Screen:
    code: int
    text: str
    """What a person sees at the end, colours left out."""
    sent: str
    """All that was sent, colours and moves of the cursor with it."""


def show(
    arguments: list[str], *, folder: Path, environment: Mapping[str, str], columns: int, typed: bytes = b"",
    interrupt_at: str = "",
) -> Screen:  # fmt: skip
    """Run `python -m dbfleet`, all three streams on one terminal. `typed` is sent once something is asked ([y/N]) or
    waited for; `interrupt_at` sends SIGINT when this text has come."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {name: value for name, value in environment.items() if name != "COLUMNS"}
    child = subprocess.Popen(
        [sys.executable, "-m", "dbfleet", *arguments],
        cwd=folder,
        env={"TERM": "xterm", **kept},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    os.close(slave)
    got = b""
    end = time.monotonic() + 120
    with child:
        while time.monotonic() < end:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # the last process that had it open has ended
                break
            if not chunk:
                break
            got += chunk
            if typed and (b"[y/N]" in got or b"Ctrl-D" in got):
                os.write(master, typed)
                typed = b""
            if interrupt_at and interrupt_at.encode() in got:
                child.send_signal(signal.SIGINT)
                interrupt_at = ""
    os.close(master)
    sent = got.decode()
    return Screen(child.returncode, _seen(sent), sent)


def _seen(sent: str) -> str:
    """The screen after these characters: lines, the cursor going up, lines erased."""
    lines, row, column = [""], 0, 0
    for found in _CONTROL.finditer(sent):
        text, word = found[0], found[2]
        number = int(found[1]) if found[1] and found[1].isdecimal() else 1
        if text == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif text == "\r":
            column = 0
        elif word == "A":
            row = max(row - number, 0)
        elif word == "K":
            lines[row] = "" if number == 2 else lines[row][:column]
        elif word is None:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + text + line[column + len(text) :]
            column += len(text)
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"

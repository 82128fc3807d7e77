"""dbfleet as a user types it: a real process in a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Ran:
    code: int
    out: str
    err: str


@dataclass
class Shell:
    """Runs `python -m dbfleet` in a folder of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Shell:
        """In this folder, with a state directory below it, and nothing else that dbfleet reads of the environment."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPYCACHEPREFIX") if name in os.environ}
        # This tree's dbfleet, wherever another one is installed.
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        return cls(folder, {**kept, "DBFLEET_STATE_DIR": str(folder / "state"), "COLUMNS": "80"})

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return subprocess.Popen(
            [sys.executable, "-m", "dbfleet", *arguments],
            cwd=self.folder,
            env=self.environment,
            # pytest may itself run with SIGINT ignored, which children inherit.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            **options,
        )

    def __call__(self, *arguments: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> Ran:
        environment, self.environment = self.environment, {**self.environment, **(env or {})}
        try:
            options = {} if stdin is None else {"stdin": subprocess.PIPE}
            with self.start(*arguments, **options) as child:
                out, err = child.communicate(stdin, timeout=60)
        finally:
            self.environment = environment
        return Ran(child.returncode, out.decode(), err.decode())

    def ok(self, *arguments: str, **options: Any) -> str:
        ran = self(*arguments, **options)
        assert ran.code == 0, ran
        return ran.out

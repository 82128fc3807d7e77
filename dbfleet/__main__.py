"""`dbfleet` and `python -m dbfleet`: from here on no signal is lost, and none shows a traceback.

This module runs first and imports nothing that takes time. Until the command line is read, there is nothing to stop
or to clean up, so a signal ends the process at once. Then dbfleet.cli.signals takes over.
"""

import _signal  # type: ignore[import-not-found]  # without the enums of `signal`, whose import takes ten times as long
import os
import sys


def _end_at_once(number: int, frame: object) -> None:
    try:
        os.write(2, b"dbfleet: interrupted\n")
    except OSError:
        pass
    os._exit(128 + number)


def main() -> None:
    """Run the command line and end the process."""
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        # An ignored one (nohup, a shell's background job) stays ignored.
        if _signal.getsignal(number) is not _signal.SIG_IGN:
            _signal.signal(number, _end_at_once)
    from dbfleet.cli.exit import main as run

    code = run()
    for stream in (sys.stdout, sys.stderr) if code < 128 else ():  # after a signal the reader may not read any more
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # `run` has reported it, where it matters
            pass
    # Not sys.exit: the interpreter's shutdown takes time. A signal during it would print errors about threads and
    # locks, or the process would wait for a driver's thread that never ends.
    os._exit(code)


if __name__ == "__main__":
    main()

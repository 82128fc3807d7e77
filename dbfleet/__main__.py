"""`dbfleet` and `python -m dbfleet`: from here on no signal is lost, and none shows a traceback.

This is the first of our modules that runs, and it imports nothing that takes time: until the command line is read, a
signal has nothing to stop and nothing to clean, so it ends the process at once. Then dbfleet.cli.signals takes over.
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
    for number in (_signal.SIGINT, _signal.SIGTERM):
        # An ignored SIGINT (nohup, a shell's background job) stays ignored.
        if _signal.getsignal(number) is not _signal.SIG_IGN:
            _signal.signal(number, _end_at_once)
    from dbfleet.cli.exit import main as run

    code = run()
    for stream in (sys.stdout, sys.stderr) if code < 128 else ():  # the reader may be gone, or not be reading
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # told by `run`, where it matters
            pass
    # Not sys.exit: taking the interpreter apart takes time, and a signal in the middle of it would speak of threads and
    # locks, or wait for a driver's thread that never ends.
    os._exit(code)


if __name__ == "__main__":
    main()

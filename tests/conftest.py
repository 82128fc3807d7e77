"""The conformance suite's options and fixtures, for every test."""

import signal

pytest_plugins = ["dbfleet.conformance.plugin"]

# A shell starts what it runs in the background with SIGINT ignored, and every child would inherit that: the tests of
# Ctrl-C could not interrupt anything.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

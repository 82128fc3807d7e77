"""The process that sends notices: `python -m dbfleet.console.outbound`. It has no Django and no database: a JSON line
in is a notice and where it goes, a JSON line out says what came of it.

A channel's URL was typed by somebody, and must not become a way into this machine's network. So:

- its scheme is on the admin's list (`DBFLEET_NOTICE_SCHEMES`; without it, SCHEMES), before anything is opened
- whatever the URL, the library or a redirect makes of it, this process connects to public addresses only, and to those
  networks that the admin allows (`DBFLEET_NOTICE_ALLOW`, as in `10.1.0.0/16, 127.0.0.1`). It is looked at where the
  connection is opened, after every name was resolved, so a name that changes its address is no way around it.
- it starts no program, opens no socket of this machine and writes no file

Its own process, so that what is refused here is refused nowhere else, and what hangs can be killed.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from dbfleet.errors import UsageError

SCHEMES: Final = (
    "https", "json", "jsons", "form", "forms", "xml", "xmls", "mailto", "mailtos", "slack", "discord", "msteams",
    "workflows", "gchat", "tgram", "matrix", "matrixs", "mmost", "mmosts", "rocket", "rockets", "ntfy", "ntfys",
    "gotify", "gotifys", "pagerduty", "opsgenie", "pover", "signal", "signals", "zulip", "webexteams", "victorops",
)  # fmt: skip
"""What reaches people over the network by a URL. Not what acts on this machine (file, dbus, syslog …)."""

_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(OSError):
    """What this process may not do; an OSError, so that libraries take it for a connection that failed."""


# --- what is allowed -------------------------------------------------------------------------------------------------


def schemes(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The schemes that a channel may have."""
    text = (os.environ if environ is None else environ).get("DBFLEET_NOTICE_SCHEMES", "")
    return tuple(re.findall(r"[a-z0-9+-]+", text.lower())) or SCHEMES


def checked(url: str, environ: Mapping[str, str] | None = None) -> str:
    """The URL as Apprise takes it, for a channel. UsageError, which never repeats the URL, for one that is refused."""
    scheme = urlsplit(url.strip()).scheme.lower()
    allowed = schemes(environ)
    if not scheme:
        raise UsageError(
            "that is no URL of a channel", hint="json://HOST/PATH is a webhook, mailto://USER:PASSWORD@HOST mail"
        )
    if scheme == "http":
        raise UsageError(
            "a webhook without TLS is json://, which must be said",
            hint="jsons://HOST/PATH is the same over TLS, and so is https://",
        )
    if scheme not in allowed:
        raise UsageError(
            f"the scheme {scheme} is not allowed for notices",
            hint=f"allowed are {', '.join(allowed)}; DBFLEET_NOTICE_SCHEMES of the worker decides",
        )
    made = _plugin(url.strip())
    if made is None:
        raise UsageError(
            f"that is no URL that {scheme} can be reached by", hint="its form is on Apprise's page about it"
        )
    return made


def _plugin(url: str) -> str | None:
    """The URL that Apprise knows: itself, or a plain https:// as a webhook of JSON."""
    import apprise

    for each in (url, "jsons" + url[5:] if url.lower().startswith("https") else ""):
        if each and apprise.Apprise.instantiate(each, suppress_exceptions=True) is not None:
            return each
    return None


def networks(environ: Mapping[str, str] | None = None) -> tuple[Network, ...]:
    """The networks that are allowed besides public ones, and the proxies of the environment."""
    environ = os.environ if environ is None else environ
    found: list[Network] = []
    for word in re.split(r"[,\s]+", environ.get("DBFLEET_NOTICE_ALLOW", "")):
        if word:
            try:
                found.append(ipaddress.ip_network(word, strict=False))
            except ValueError as error:
                raise UsageError(
                    f"DBFLEET_NOTICE_ALLOW: {word} is no network", hint="10.1.0.0/16, 127.0.0.1"
                ) from error
    for name in _PROXIES:
        host = urlsplit(environ.get(name, "")).hostname
        if host:
            found += [ipaddress.ip_network(address) for address in _resolved(host)]
    return tuple(found)


def may(address: str, allowed: Sequence[Network]) -> bool:
    """Whether a connection to the IP address is allowed."""
    try:
        ip: Address = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        # An IPv4 address in another dress is that address.
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return may(str(inner), allowed)
    if any(ip.version == each.version and ip in each for each in allowed):
        return True
    return ip.is_global and not ip.is_multicast


def _resolved(host: str) -> set[str]:
    try:
        return {str(info[4][0]).split("%")[0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return set()


def guard(allowed: Sequence[Network]) -> None:
    """From now on this process connects to allowed addresses only. It cannot be undone."""

    def seen(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            _socket(arguments[0], arguments[1] if len(arguments) > 1 else None)
        elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"):
            raise Refused("starting a program is not allowed here")
        elif event == "open" and _writes(arguments):
            raise Refused("writing a file is not allowed here")

    def _socket(opened: Any, address: Any) -> None:
        if address is None:
            return  # of a socket that is connected
        if getattr(opened, "family", None) not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
            raise Refused("only addresses of the network are allowed here")
        if not may(str(address[0]), allowed):
            raise Refused(f"{address[0]} is not a public address, and notices are not allowed to go there")

    sys.addaudithook(seen)


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, mode, flags = (*arguments, None, None, None)[:3]
    if path == os.devnull or isinstance(path, int):
        return False
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


# --- sending ---------------------------------------------------------------------------------------------------------


def send(url: str, title: str, text: str) -> str:
    """Send one notice. Why it was not sent, empty where it was."""
    import logging

    import apprise

    told: list[str] = []

    class Keep(logging.Handler):
        """What Apprise says on its way; its return value is yes or no."""

        def emit(self, record: logging.LogRecord) -> None:
            """Keep what it says of a failure."""
            told.append(record.getMessage())

    log = logging.getLogger("apprise")
    log.handlers, log.propagate = [Keep(logging.WARNING)], False
    log.setLevel(logging.DEBUG)
    detail: list[str] = []
    heard = logging.Handler(logging.DEBUG)
    heard.emit = lambda record: detail.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(heard)
    try:
        to = apprise.Apprise()
        if not to.add(checked(url)):
            return "Apprise does not take the channel's URL"
        if to.notify(title=title, body=text or title, body_format=apprise.NotifyFormat.TEXT):
            return ""
    except UsageError as error:
        return error.message
    except Exception as error:  # a plugin's own
        return f"{type(error).__name__}: {error}"
    refused = next((text for text in detail if "notices are not allowed" in text), "")
    if refused:
        found = re.search(r"[0-9a-fA-F.:]+ is not a public address, and notices are not allowed to go there", refused)
        return found[0] if found else "the address is not allowed for notices"
    return "; ".join(told) or "it was not taken"


def main() -> int:
    """Answer each line."""
    from dbfleet import secrets

    try:
        import apprise  # noqa: F401 - it writes caches when it is loaded, and must be loaded before the guard
        import requests  # noqa: F401
    except ImportError:
        print(json.dumps({"id": None, "error": "apprise is not installed: pip install 'dbfleet[console]'"}), flush=True)
        return 1
    socket.setdefaulttimeout(10)
    guard(networks())
    for line in sys.stdin:
        asked = json.loads(line)
        error = send(asked["url"], asked["title"], asked["text"])
        print(json.dumps({"id": asked["id"], "error": secrets.redact(error)[:500]}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

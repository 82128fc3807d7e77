"""Passwords: made at random, read through placeholders, and never shown.

`${env:NAME}`, `${file:PATH}` and `${keyring:SERVICE/USER}` stand for secrets in a URL. They are replaced after the URL
is taken apart, so a secret may hold any character. A file's last newline is not part of the secret.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dbfleet.errors import ConfigError

PLACEHOLDER: Final = re.compile(r"\$\{(env|file|keyring):([^}]*)\}")
HIDDEN: Final = "***"
"""What is shown in place of a password."""
_ALPHABET: Final = string.ascii_letters + string.digits


def generate_password() -> str:
    """24 letters and digits (142 bits), of three classes as SQL Server asks, safe in any URL, file or shell."""
    import secrets  # here, as it imports hashlib: see values.digest_rows

    while True:
        found = "".join(secrets.choice(_ALPHABET) for _ in range(24))
        # The first is a letter: some consoles read a leading digit as a number.
        if found[0].isalpha() and any(map(str.isdigit, found)) and found.upper() != found != found.lower():
            return found


def redact(text: str) -> str:
    """`text` with whatever may be a URL's login hidden: all between `//` and the last `@`, however malformed."""
    return re.sub(r"//.*@", f"//{HIDDEN}@", text, flags=re.DOTALL)


def expand(text: str, *, environ: Mapping[str, str], directory: Path) -> str:
    """`text` with its placeholders replaced; relative files are looked for in `directory`. ConfigError names the
    placeholder that has no value, never a value."""

    def value(found: re.Match[str]) -> str:
        kind, name = found[1], found[2]
        if kind == "env":
            if name not in environ:
                raise ConfigError(f"${{env:{name}}}: the environment has no {name}")
            return environ[name]
        if kind == "file":
            try:
                return (directory / Path(name).expanduser()).read_text("utf-8").removesuffix("\n")
            except (OSError, UnicodeDecodeError) as exc:
                reason = exc.strerror if isinstance(exc, OSError) else "is not UTF-8"
                raise ConfigError(f"${{file:{name}}}: {reason}") from exc
        return _from_keyring(name)

    return PLACEHOLDER.sub(value, text)


def _from_keyring(name: str) -> str:
    service, _, user = name.partition("/")
    try:
        import keyring
    except ImportError as exc:
        raise ConfigError(
            f"${{keyring:{name}}}: the keyring package is not installed", hint="pip install 'dbfleet[keyring]'"
        ) from exc
    try:
        found = keyring.get_password(service, user)
    except keyring.errors.KeyringError as exc:
        raise ConfigError(f"${{keyring:{name}}}: the keyring does not answer: {exc}") from exc
    if found is None:
        raise ConfigError(f"${{keyring:{name}}}: the keyring has no such entry", hint=f"keyring set {service} {user}")
    return found

"""Passwords: made at random, read through placeholders, and never shown.

`${env:NAME}`, `${file:PATH}` and `${keyring:SERVICE/USER}` stand for secrets in a URL. They are replaced after the URL
is taken apart, so a secret may hold any character. A file's last newline is not part of the secret.
"""

from __future__ import annotations

import os
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
    """24 letters and digits (142 bits), safe in any URL, file or shell. It has small letters, capitals and digits,
    because SQL Server requires three classes of characters."""
    import secrets  # here, as it imports hashlib: see values.digest_rows

    while True:
        password = "".join(secrets.choice(_ALPHABET) for _ in range(24))
        # The first character is a letter: some consoles read a leading digit as a number.
        classes = password.upper() != password != password.lower() and any(map(str.isdigit, password))
        if classes and password[0].isalpha():
            return password


def make(file: Path) -> str:
    """Write a new password into `file`, of mode 0444, and return it. Where another process was first, its password
    stays and is returned."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        fresh.write_text(generate_password(), "ascii")
        fresh.chmod(0o444)
        try:
            os.link(fresh, file)
        except FileExistsError:
            pass
    finally:
        fresh.unlink(missing_ok=True)
    return file.read_text("ascii").strip()


def redact(text: str) -> str:
    """`text` without anything that may be a URL's login: all between `//` and the last `@` is hidden, also in a
    malformed URL."""
    return re.sub(r"//.*@", f"//{HIDDEN}@", text, flags=re.DOTALL)


def expand(text: str, *, environ: Mapping[str, str], directory: Path) -> str:
    """`text` with its placeholders replaced; a relative file is looked for in `directory`. ConfigError names the
    placeholder that has no value; it never shows a value."""

    def value(placeholder: re.Match[str]) -> str:
        kind, name = placeholder[1], placeholder[2]
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
        password = keyring.get_password(service, user)
    except keyring.errors.KeyringError as exc:
        raise ConfigError(f"${{keyring:{name}}}: the keyring does not answer: {exc}") from exc
    if password is None:
        raise ConfigError(f"${{keyring:{name}}}: the keyring has no such entry", hint=f"keyring set {service} {user}")
    return password

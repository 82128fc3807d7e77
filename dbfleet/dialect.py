"""How a file of text holds rows in cells: what stands between them, around them, and for NULL, true and false.

`Dialect` is what somebody asked for; `settled` fills in what nobody said, as the format has it. csv: RFC 4180. tsv: no
quotes, `\\t \\n \\r \\\\` for what a cell cannot hold, `\\N` for NULL. Both readers and formats go by it, so what is
written in a dialect is read back in it.

NULL is an unquoted cell that is one of the words `null`. Where the empty cell is none of them, it is empty text (or
bytes) in a column of text (or bytes), and NULL in any other. Where a backslash escapes, `\\N` is NULL too. A word that
stands in quotes itself (`"NULL"`) means the quoted cell.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from dbfleet.errors import UsageError

FORMATS: Final = ("csv", "tsv")
"""The formats that have dialects; every format of text has an encoding."""
_WORDS: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " ", "none": ""}
_NO_TEXT: Final = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "palmos"}
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How rows are written as text. None: as the format has it or, of somebody's file, as it looks. `quote` and
    `escape` are empty for none; `names` are the columns of a file without a header."""

    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    encoding: str | None = None
    header: bool | None = None
    names: tuple[str, ...] = ()
    decimal: str = "."
    null: tuple[str, ...] = ()
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()

    @property
    def given(self) -> list[str]:
        """The names of what somebody asked for."""
        return [each.name for each in fields(self) if getattr(self, each.name) != each.default]

    def settled(self, format: str) -> Dialect:
        """The dialect with nothing open."""
        own = _OWN[format] if format in FORMATS else _PLAIN
        filled = {each: getattr(own, each) for each in _OPEN if getattr(self, each) is None}
        found = replace(self, **filled, null=self.null or own.null)
        if found.escape == "\\" and not self.null and format in FORMATS:
            found = replace(found, null=tuple(dict.fromkeys((*own.null, "\\N"))))  # as MySQL writes it
        # Standard SQL's word for doubling a quote in quotes, which is done anyhow.
        return replace(found, escape="") if found.escape == found.quote else found

    def to_dict(self) -> dict[str, Any]:
        """What was asked for, as plain data."""
        return {name: value for name, value in asdict(self).items() if name in self.given}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Dialect:
        """The inverse of `to_dict`."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
        return cls(**values)


AS_USUAL: Final = Dialect()
"""Nothing was asked for."""
_PLAIN: Final = Dialect(",", '"', "", "utf-8", True, null=("",))
_OWN: Final = {"csv": _PLAIN, "tsv": Dialect("\t", "", "\\", "utf-8", True, null=("\\N",))}
_OPEN: Final = ("delimiter", "quote", "escape", "encoding", "header")


def asked(
    *,
    delimiter: str | None = None,
    quote: str | None = None,
    escape: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    names: Sequence[str] = (),
    decimal: str | None = None,
    null: Sequence[str] = (),
    true: Sequence[str] = (),
    false: Sequence[str] = (),
) -> Dialect:
    """The dialect of these options, as people type them: `tab`, `none`. UsageError for one that means nothing."""
    if names and header:
        raise UsageError("--columns names the columns of a file without a header", hint="leave --header out")
    dialect = Dialect(
        delimiter=_sign("--delimiter", delimiter),
        quote=_sign("--quote", quote, may_be_none=True),
        escape=_sign("--escape", escape, may_be_none=True),
        encoding=None if encoding is None else _encoding(encoding),
        header=False if names else header,
        names=tuple(names),
        decimal=_sign("--decimal", decimal) or ".",
        null=tuple(null),
        true=tuple(true),
        false=tuple(false),
    )
    if dialect.decimal not in (".", ","):
        raise UsageError(f"--decimal {decimal!r} is none of . and ,")
    both = {word.casefold() for word in true} & {word.casefold() for word in false}
    if both:
        raise UsageError(f"{min(both)!r} means both true and false")
    for option, words in (("--true", true), ("--false", false)):
        if "" in words:
            raise UsageError(f"{option} '' means nothing: an empty cell is no word")
    for name in {name for name in names if not name or list(names).count(name) > 1}:
        raise UsageError(f"--columns names {name!r} twice" if name else "--columns has an empty name")
    return dialect


def check(dialect: Dialect, format: str) -> None:
    """UsageError where the format has no such thing, or one sign has two meanings."""
    cells = [name for name in dialect.given if name != "encoding"]
    if format not in FORMATS and cells:
        names = ", ".join(f"--{'columns' if name == 'names' else name}" for name in cells)
        raise UsageError(f"{format} has no {names}", hint="--format csv or tsv has")
    if format == "parquet" and dialect.encoding:
        raise UsageError("parquet has no --encoding: its text is UTF-8")
    settled = dialect.settled(format)
    signs = [("delimiter", settled.delimiter), ("quote", settled.quote), ("escape", settled.escape)]
    for place, (name, sign) in enumerate(signs):
        for other, same in signs[:place]:
            if sign and sign == same:
                raise UsageError(f"{sign!r} is both --{other} and --{name}")


def _sign(option: str, text: str | None, *, may_be_none: bool = False) -> str | None:
    if text is None:
        return None
    sign = _WORDS.get(text.lower(), text)
    if not sign and may_be_none:
        return sign
    if len(sign) != 1 or sign in "\r\n\0\ufeff" or sign.isalnum():
        raise UsageError(
            f"{option} {text!r} is not one sign",
            hint="it is one character, and no letter or digit: ',' ';' '|' or tab"
            + (", or none" if may_be_none else ""),
        )
    return sign


def _encoding(name: str) -> str:
    """Python's name of an encoding of text."""
    try:
        found = codecs.lookup(name.strip())
    except (LookupError, ValueError):
        found = None
    if found is None or not found._is_text_encoding or found.name.replace("-", "_") in _NO_TEXT:
        raise UsageError(
            f"no encoding of text is called {name!r}", hint="for instance utf-8, utf-16, cp1252, latin-1, shift_jis"
        )
    return found.name

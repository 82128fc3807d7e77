"""Guessing passwords is slow: after ten wrong logins with a name, or from an address, the next has to wait.

Rule: the tries are counted in the control database, so over all processes of web. A try is on record before its
password is looked at, so a hundred at once get no further than ten. The wait is 30 s after the tenth and doubles with
each wrong one, up to 15 minutes; a try that has to wait changes nothing. A right login forgets the name's wrong ones,
not the address's: whoever has an account here must not guess others' between his own logins. Names are kept as hashes,
as people type passwords into the wrong field. IPv6 addresses count by their /64 network.
"""

from __future__ import annotations

import hashlib
import ipaddress
import unicodedata
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.utils.crypto import constant_time_compare

from dbfleet.console.models import LoginAttempt

FREE: Final = 10
_FIRST_S: Final = 30
_LONGEST_S: Final = 900
_WINDOW_S: Final = 3600

_COUNTED: Final = """
SELECT count(*) FILTER (WHERE of_name), max(at) FILTER (WHERE of_name),
       count(*) FILTER (WHERE of_address), max(at) FILTER (WHERE of_address), clock_timestamp()
  FROM (SELECT at, address = %(address)s AS of_address,
               name = %(name)s AND at > coalesce((SELECT max(at) FROM console_loginattempt
                                                   WHERE ok AND name = %(name)s), '-infinity') AS of_name
          FROM console_loginattempt
         WHERE NOT ok AND id < %(id)s AND at > clock_timestamp() - make_interval(secs => %(window)s)
           AND (name = %(name)s OR address = %(address)s)) AS wrong
"""


@dataclass(frozen=True, slots=True)
class Try:
    """One try that may go on: say how it ended."""

    number: int

    def well(self) -> None:
        """The login was right."""
        LoginAttempt.objects.filter(pk=self.number).update(ok=True)


@dataclass(frozen=True, slots=True)
class Wait:
    """This try must wait. `first` on the first one that does, which is worth an entry in the chain."""

    seconds: int
    first: bool


def begin(name: str, address: str) -> Try | Wait:
    """Count a try, before its password is looked at."""
    kept = hashlib.sha256(unicodedata.normalize("NFKC", name).strip().casefold().encode()).hexdigest()[:32]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM console_loginattempt WHERE at < clock_timestamp() - interval '1 day'")
        cursor.execute(
            "INSERT INTO console_loginattempt (at, name, address, ok) "
            "VALUES (clock_timestamp(), %s, %s, false) RETURNING id",
            [kept, address],
        )
        (number,) = cursor.fetchone()
        values = {"name": kept, "address": address, "id": number, "window": _WINDOW_S}
        cursor.execute(_COUNTED, values)
        named, named_at, there, there_at, now = cursor.fetchone()
        left, first = 0.0, False
        for wrong, at in ((named, named_at), (there, there_at)):
            if wrong >= FREE:
                wait = min(_LONGEST_S, _FIRST_S * 2 ** min(wrong - FREE, 10))
                left = max(left, wait - (now - at).total_seconds())
        if left > 0:
            cursor.execute("DELETE FROM console_loginattempt WHERE id = %s", [number])
            return Wait(int(left) + 1, first or FREE in (named, there))
    return Try(number)


def address(request: Any) -> str:
    """Where a request comes from, as the throttle counts it. nginx tells who stands before it, and shows by a
    word that it and web know that it is nginx: whoever else reaches web's own port counts by his own address."""
    found = request.META.get("REMOTE_ADDR", "")
    told = request.META.get("HTTP_X_REAL_IP", "")
    try:
        word = request.META.get("HTTP_X_DBFLEET_DOOR", "")
        if told and settings.PLACES.door and constant_time_compare(word, settings.PLACES.door):
            found = told
        parsed = ipaddress.ip_address(found)
    except ValueError:
        return found[:60]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)

"""Where a PostgreSQL database is: the source string, with no secret in it.

A source string is kept in run folders, traces and logs, so a password has no place in it. libpq takes one from
`PGPASSWORD` or a password file by itself; a URL may name another variable: `postgresql://me:${SHOP_PW}@host/shop`.
Nothing of a URL that might be a password is ever repeated in a message.
"""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from msgspec import Struct

from artificer.core.errors import SourceError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SETTINGS = (
    "host",
    "port",
    "user",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "connect_timeout",
    "application_name",
    "service",
    "passfile",
)
_FORM = "write postgresql://USER@HOST:PORT/DATABASE, special characters percent-encoded, and the password in PGPASSWORD"


class Address(Struct, frozen=True):
    """A database's place.

    Args:
        shown: the source string as it may be shown and kept.
        settings: libpq's connection settings, without the password.
        secret: the environment variable that holds the password; "" leaves it to libpq.
    """

    shown: str
    settings: dict[str, str]
    secret: str = ""

    def password(self) -> str | None:
        """The password that the address refers to, read now.

        Raises:
            SourceError: the variable is not set.
        """
        if not self.secret:
            return None
        value = os.environ.get(self.secret)
        if value is None:
            raise SourceError(f"the variable {self.secret!r} is not set.", where=self.shown, remedy=f"export {self.secret}=... and try again")
        return value

    def clean(self, text: str) -> str:
        """A message of the server's or the library's, without any password."""
        for secret in filter(None, (os.environ.get(self.secret) if self.secret else None, os.environ.get("PGPASSWORD"))):
            text = text.replace(secret, "***")
        return " ".join(text.split())[:500]


def read_address(rest: str) -> Address:
    """The address in what follows `postgresql:`.

    Raises:
        SourceError: it is no such URL, or has a password in it.
    """
    try:
        parts = urlsplit(f"postgresql:{rest}")
        user, port = parts.username, parts.port
        secret = parts.password
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise SourceError("this is not the URL of a database.", where="postgresql://...", remedy=_FORM) from None
    names = [name for name, _ in query]
    if not rest.startswith("//") or parts.fragment or "@" in parts.path or "/" in parts.path[1:]:
        raise SourceError("this is not the URL of a database.", where="postgresql://...", remedy=_FORM)
    reference = _REFERENCE.fullmatch(secret) if secret else None
    if "password" in names or (secret is not None and reference is None):
        raise SourceError(
            "a password does not belong in a source string, which is kept in run folders and traces.",
            where="postgresql://...",
            remedy="put it in PGPASSWORD, or name a variable of yours: postgresql://USER:${NAME}@HOST/DATABASE",
        )
    if any(name not in _SETTINGS for name in names) or len(set(names)) != len(names):
        raise SourceError("the URL has a setting that is not known here.", where="postgresql://...?...", remedy=f"use {', '.join(_SETTINGS)}")
    settings = dict(query)
    place = {"user": unquote(user or ""), "host": _host(parts.netloc), "port": str(port or ""), "dbname": unquote(parts.path[1:])}
    settings |= {name: value for name, value in place.items() if value}
    return Address(_shown(settings, reference), settings, reference[1] if reference else "")


def _host(netloc: str) -> str:
    """The host as it was written (`hostname` lowers it, which paths of sockets do not bear)."""
    host = netloc.rpartition("@")[2]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return unquote(host)


def _shown(settings: dict[str, str], reference: re.Match[str] | None) -> str:
    user = quote(settings.get("user", ""), safe="") + (f":{reference[0]}" if reference else "")
    host = settings.get("host", "")
    host = f"[{host}]" if ":" in host else quote(host, safe="")
    port = f":{settings['port']}" if "port" in settings else ""
    more = "&".join(f"{name}={quote(value, safe='/')}" for name, value in sorted(settings.items()) if name not in {"user", "host", "port", "dbname"})
    return f"postgresql://{user}{'@' if user else ''}{host}{port}/{quote(settings.get('dbname', ''), safe='')}{'?' + more if more else ''}"

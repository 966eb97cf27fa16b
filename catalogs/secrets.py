"""Keys, tokens, passwords and signatures: where URLs and items have them, and texts without them."""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

PARAMETER = re.compile(
    r"sig|secret|passw|pwd|credential|auth|jwt|hmac|policy|x-amz-|x-goog-|session|sas|ticket"
    r"|(api|access|subscription|account|private|shared|license|user|client|function).?key|key.?(pair|id)|apikey"
    r"|^(key|token|code|pw|pass|login)$|.token$|^token.",
    re.IGNORECASE,
)
"""Names of query parameters whose values are secret: shared access signatures (`sig`), signatures of AWS, Google and
CloudFront (`Key-Pair-Id`, `Policy`), keys and tokens of services."""
FIELD = re.compile(
    r"passw|secret|credential|authorization|(api|access|account|private|subscription|shared).?key|signature$"
    r"|(access|sas|auth|bearer|session|security|refresh|id).?token$",
    re.IGNORECASE,
)
"""Names of fields whose texts are secret."""
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
SHORTEST = 4
"""Shorter values are not looked for in texts: they stand in many words."""

_concealed: dict[str, str] = {}


def conceal(secret: str, shown: str = "...") -> None:
    """From now on `redact` shows `shown` for `secret` in this process. Nothing if it has less than 4 characters."""
    if len(secret) >= SHORTEST:
        _concealed[secret] = shown


def conceal_secrets_of(url: str) -> None:
    """`conceal` for the user, the password and the secret parameters of a URL."""
    try:
        parts = urlsplit(url)
        values = [value for name, value in parse_qsl(parts.query) if PARAMETER.search(name)]
        for secret in filter(None, (*values, parts.password)):
            conceal(secret)
    except ValueError:
        return


def redact(text: str) -> str:
    """`text` without concealed values, and without the queries, user names and passwords of its URLs."""
    for secret in sorted(_concealed, key=len, reverse=True):
        text = text.replace(secret, _concealed[secret])
    return re.sub(r"\?[^\s'\"]+", "?...", re.sub(r"://[^\s'\"/@]*@", "://...@", text))


def split_signature(url: str) -> tuple[str, str]:
    """A URL without its query and the query, if that is secret; else the URL and ""."""
    base, _, rest = url.partition("?")
    query = rest.partition("#")[0]
    return (base, query) if _is_secret(query, ()) else (url, "")


def without_secrets(value: Any, harmless: Collection[str] = ()) -> Any:
    """A JSON value without secret fields, whose URLs have "..." for user and password and no secret query or fragment.

    Parameters named in `harmless` are not secret.
    """
    if isinstance(value, str):
        return URL.sub(lambda match: _bare(match[0], harmless), value) if "://" in value else value
    if isinstance(value, Mapping):
        return {
            name: without_secrets(part, harmless)
            for name, part in value.items()
            if not (isinstance(part, str) and FIELD.search(str(name)))
        }
    return [without_secrets(part, harmless) for part in value] if isinstance(value, list | tuple) else value


def holds_secret(value: Any, harmless: Collection[str] = ()) -> bool:
    """Whether a JSON value holds a concealed value or what `without_secrets` removes."""
    text = json.dumps(value)
    return without_secrets(value, harmless) != value or any(json.dumps(secret)[1:-1] in text for secret in _concealed)


def _bare(url: str, harmless: Collection[str]) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return redact(url)
    clean = parts
    if "@" in parts.netloc:
        clean = clean._replace(netloc=f"...@{parts.netloc.rpartition('@')[2]}")
    if _is_secret(parts.query, harmless):
        clean = clean._replace(query="")
    if _is_secret(parts.fragment, harmless):
        clean = clean._replace(fragment="")
    return url if clean == parts else SplitResult.geturl(clean)


def _is_secret(query: str, harmless: Collection[str], depth: int = 3) -> bool:
    """Whether a parameter is secret, or a URL in a value has one that is."""
    for name, value in parse_qsl(query):
        if PARAMETER.search(name) and name.lower() not in harmless:
            return True
        inner = value.partition("?")[2]
        if inner and depth and _is_secret(inner, harmless, depth - 1):
            return True
    return False

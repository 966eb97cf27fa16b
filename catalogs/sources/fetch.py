"""JSON documents over http(s): tried again when a failure may pass, within limits of time and size."""

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from catalogs.errors import CatalogUnavailable

if TYPE_CHECKING:
    from requests import Response, Session

SILENCE_SECONDS = 60
"""How long a server may say nothing."""
WHOLE_SECONDS = 300
"""How long one document may take to come."""
LARGEST_BYTES = 64 * 2**20
PASSING = (408, 429, 500, 502, 503, 504)
TRIES = 6
CONNECTS = 3
LONGEST_WAIT_SECONDS = 60
REDIRECTS = 5


class Refused(CatalogUnavailable):
    """The server says that the request itself is wrong (a status of 400 to 499 that does not pass)."""


class _Passing(Exception):
    def __init__(self, reason: str, tries: int, wait: float | None = None) -> None:
        super().__init__(reason)
        self.tries, self.wait = tries, wait


def session() -> "Session":
    import requests

    return requests.Session()


def document(session: "Session", url: str, method: str = "GET", body: dict[str, Any] | None = None) -> Any:
    """The JSON at `url`, asked for with `body` as JSON if there is one.

    Connection errors, and statuses that pass (408, 429, 500, 502, 503, 504), are tried again with growing pauses; so is
    a document that breaks off. Redirects are followed on the same host only. Refused for other statuses of 400 to
    499, CatalogUnavailable for everything else that gives no JSON.
    """
    attempt = 0
    while True:
        try:
            return _once(session, url, method, body)
        except _Passing as failure:
            if attempt + 1 >= failure.tries:
                raise CatalogUnavailable(
                    f"{url} does not answer: check the address, or try again later ({failure})"
                ) from None
            time.sleep(min(0.5 * 2**attempt if failure.wait is None else failure.wait, LONGEST_WAIT_SECONDS))
            attempt += 1


def same_host(home: str, url: str) -> str:
    """`url`, which may be relative to `home`, as a whole one; CatalogUnavailable where it is on another host."""
    target, same, upgraded = url, False, False
    with suppress(ValueError):
        target = urljoin(home, url)
        old, new = urlsplit(home), urlsplit(target)
        upgraded = (old.scheme, new.scheme) == ("http", "https") and old.hostname == new.hostname
        same = (old.scheme, old.hostname, _port(old)) == (new.scheme, new.hostname, _port(new))
    if not (same or upgraded):
        raise CatalogUnavailable(
            f"{home} leads on to {target!r:.200}, but a catalog is only followed on its own host and scheme: "
            "correct the links of the catalog, or give its other address"
        )
    return target


def _port(url: SplitResult) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)


def _once(session: "Session", url: str, method: str, body: dict[str, Any] | None) -> Any:
    from requests import ConnectionError, RequestException, Timeout

    try:
        with _answer(session, url, method, body) as answer:
            content = _content(answer, url)
            if answer.status_code in PASSING:
                raise _Passing(f"status {answer.status_code}{_said(content)}", TRIES, _pause(answer))
            if 400 <= answer.status_code < 500:
                raise Refused(
                    f"{url} refuses the request: check the address and the query "
                    f"(status {answer.status_code}{_said(content)})"
                )
            if answer.status_code != 200:
                raise CatalogUnavailable(f"{url} answers with status {answer.status_code}{_said(content)}")
    except (ConnectionError, Timeout) as error:
        raise _Passing(_line(error), CONNECTS) from None
    except RequestException as error:
        raise _Passing(_line(error), TRIES) from None
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CatalogUnavailable(f"{url} does not give JSON: check the address ({_line(error)})") from None


def _answer(session: "Session", url: str, method: str, body: dict[str, Any] | None) -> "Response":
    for _ in range(REDIRECTS + 1):
        answer = session.request(
            method, url, json=body, timeout=SILENCE_SECONDS, stream=True, allow_redirects=False, headers=_ACCEPT
        )
        if not answer.is_redirect:
            return answer
        answer.close()
        url = same_host(url, answer.headers["location"])
    raise CatalogUnavailable(f"{url} redirects more than {REDIRECTS} times: check the address")


_ACCEPT = {"Accept": "application/geo+json, application/json"}


def _content(answer: "Response", url: str) -> bytes:
    begun, content = time.monotonic(), bytearray()
    for part in answer.iter_content(2**16):
        content += part
        if len(content) > LARGEST_BYTES:
            raise CatalogUnavailable(f"{url} gives more than {LARGEST_BYTES >> 20} MiB in one document")
        if time.monotonic() - begun > WHOLE_SECONDS:
            raise _Passing(f"the document did not come within {WHOLE_SECONDS} s", CONNECTS)
    return bytes(content)


def _pause(answer: "Response") -> float | None:
    seconds = answer.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else None


def _said(content: bytes) -> str:
    text = " ".join(content[:300].decode("utf-8", "replace").split())
    return f": {text:.200}" if text else ""


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]

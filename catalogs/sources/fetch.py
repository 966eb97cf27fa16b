"""JSON documents over http(s), with retries of transient failures and limits of time and size."""

import json
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from catalogs.errors import CatalogUnavailable
from catalogs.sources.deadline import DeadlineMissed, within

if TYPE_CHECKING:
    from requests import Response, Session

READ_TIMEOUT_SECONDS = 30
"""How long a server may send nothing."""
DEADLINE_SECONDS = 60
"""How long one request may take, from the connection to the last byte, redirects included."""
MAX_DOCUMENT_BYTES = 64 * 2**20
ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate")
"""Of documents. A chain of encodings multiplies how much comes out of few bytes."""
TRANSIENT_STATUSES = (408, 429, 500, 502, 503, 504)
MAX_ATTEMPTS = 6
MAX_CONNECT_ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.5
"""The pause before the second attempt; each further pause is twice as long."""
MAX_PAUSE_SECONDS = 60
MAX_REDIRECTS = 5


class BadDocument(CatalogUnavailable):
    """The server answers, but not with a document: it may have others."""


class ClientError(BadDocument):
    """The server rejects the request itself: a `status` of 400 to 499, or 501, that is not transient."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ServerError(CatalogUnavailable):
    """The server fails each time, with status 500, which may be for the sake of this request alone."""


class _TransientError(Exception):
    def __init__(self, reason: str, max_attempts: int, pause: float | None = None, status: int = 0) -> None:
        super().__init__(reason)
        self.max_attempts, self.pause, self.status = max_attempts, pause, status


def new_session() -> "Session":
    """A session that looks at no redirect itself: requests reads the whole of its body, and parses where it leads."""
    import requests

    class Session(requests.Session):
        def get_redirect_target(self, resp: "Response") -> None:
            return None

    return Session()


def fetch_json(session: "Session", url: str, method: str = "GET", body: dict[str, Any] | None = None) -> Any:
    """The JSON document at `url`; `body` is sent as JSON.

    Retries: the statuses 408, 429, 500, 502, 503, 504 and incomplete documents up to 6 attempts, connection errors and
    silence up to 3, with pauses of 0.5 s, 1 s, 2 s ... or as the server's Retry-After says. Redirects are followed on
    the same host only. Raises ClientError for other statuses of 400 to 499 and 501, ServerError for a 500 that
    stays, CatalogUnavailable for every other failure, such as an answer that is not whole after 60 s.
    """
    attempt = 0
    while True:
        try:
            return _attempt(session, url, method, body)
        except _TransientError as failure:
            if attempt + 1 >= failure.max_attempts:
                kind = ServerError if failure.status == 500 else CatalogUnavailable
                raise kind(f"{url} does not answer: check the address, or try again later ({failure})") from None
            pause = FIRST_PAUSE_SECONDS * 2**attempt if failure.pause is None else failure.pause
            time.sleep(min(pause, MAX_PAUSE_SECONDS))
            attempt += 1


def resolve_on_host(home: str, url: str) -> str:
    """`url`, which may be relative to `home`, as an absolute URL; CatalogUnavailable if it is on another host."""
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


def _attempt(session: "Session", url: str, method: str, body: dict[str, Any] | None) -> Any:
    from requests import ConnectionError, RequestException, Timeout
    from requests.exceptions import InvalidURL

    try:
        content = within(DEADLINE_SECONDS, partial(_content, session, url, method, body))
    except DeadlineMissed:
        raise CatalogUnavailable(
            f"{url} has not given a whole answer after {DEADLINE_SECONDS} s: try again later, or another catalog"
        ) from None
    except (ConnectionError, Timeout) as error:
        raise _TransientError(_one_line(error), MAX_CONNECT_ATTEMPTS) from None
    except RequestException as error:
        if isinstance(error, InvalidURL):
            raise CatalogUnavailable(f"{url} cannot be requested: check the address ({_one_line(error)})") from None
        raise _TransientError(_one_line(error), MAX_ATTEMPTS) from None
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadDocument(f"{url} does not give JSON: check the address ({_one_line(error)})") from None


def _content(session: "Session", url: str, method: str, body: dict[str, Any] | None) -> bytes:
    with _response(session, url, method, body) as response:
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ENCODINGS:
            raise CatalogUnavailable(f"{url} gives a document with Content-Encoding {encoding!r:.80}, not gzip or none")
        if response.status_code == 200:
            return _whole(response, url)
        status = f"status {response.status_code}{_excerpt(next(response.iter_content(2**12), b''))}"
        if response.status_code in TRANSIENT_STATUSES:
            raise _TransientError(status, MAX_ATTEMPTS, _retry_after(response), response.status_code)
        if 400 <= response.status_code < 500 or response.status_code == 501:
            message = f"{url} refuses the request: check the address and the query ({status})"
            raise ClientError(message, response.status_code)
        raise CatalogUnavailable(f"{url} answers with {status}")


def _response(session: "Session", url: str, method: str, body: dict[str, Any] | None) -> "Response":
    for _ in range(MAX_REDIRECTS + 1):
        response = session.request(
            method, url, json=body, timeout=READ_TIMEOUT_SECONDS, stream=True, allow_redirects=False, headers=_ACCEPT
        )
        if not response.is_redirect:
            return response
        response.close()
        url = resolve_on_host(url, response.headers["location"])
    raise CatalogUnavailable(f"{url} redirects more than {MAX_REDIRECTS} times: check the address")


_ACCEPT = {"Accept": "application/geo+json, application/json", "Accept-Encoding": "gzip, deflate"}


def _whole(response: "Response", url: str) -> bytes:
    content = bytearray()
    for part in response.iter_content(2**16):
        content += part
        if len(content) > MAX_DOCUMENT_BYTES:
            raise BadDocument(f"{url} gives more than {MAX_DOCUMENT_BYTES >> 20} MiB in one document")
    return bytes(content)


def _retry_after(response: "Response") -> float | None:
    seconds = response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else None


def _excerpt(content: bytes) -> str:
    text = " ".join(content[:300].decode("utf-8", "replace").split())
    return f": {text:.200}" if text else ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]

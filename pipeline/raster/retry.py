"""Classify GDAL errors and retry transient ones."""

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from rasterio._err import CPLE_BaseError
from rasterio.errors import CRSError, RasterioError

from catalogs.access import Access, GdalSource, redact, resolve_href
from catalogs.errors import CatalogError, CatalogUnavailable

Kind = Literal["retry", "missing", "forbidden", "fatal"]
Result = TypeVar("Result")

MISSING = r"No such file|does not exist|NoSuchKey|NoSuchBucket|HTTP response code: (404|410)"
FORBIDDEN = (
    r"HTTP response code: (401|403)|Access ?Denied|ExpiredToken|InvalidToken|InvalidAccessKeyId|SignatureDoesNotMatch|"
    r"No valid AWS credentials|Forbidden"
)
FATAL = r"HTTP response code: 4(?!08|29)\d\d"
FAULTS = (RasterioError, CRSError, CPLE_BaseError, OSError, MemoryError, ValueError, OverflowError)
"""What a damaged or absurd raster makes rasterio and numpy raise: the fault of one scene, not of its block."""


@dataclass(frozen=True)
class RetryLimits:
    """How often and how long a read is retried.

    `attempts`: at most, for a transient error, the first included. `pause`: seconds before the first retry, doubled
    before each further one, each times a random factor of 0.5 to 1.5. `longest`: seconds after which no attempt begins.
    `requests`, `delay`: GDAL's own retries of each HTTP request, and seconds before the first of them.
    """

    attempts: int = 5
    pause: float = 1.0
    longest: float = 300.0
    requests: int = 2
    delay: float = 0.5


RETRY_LIMITS = RetryLimits()


class ReadError(RuntimeError):
    """A raster that cannot be read. `kind`: `retry` (transient), `missing`, `forbidden` or `fatal`."""

    def __init__(self, message: str, kind: Kind = "fatal") -> None:
        super().__init__(message, kind)
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[0])


def with_retries(href: str, access: Access, attempt: Callable[[GdalSource, bool], Result]) -> Result:
    """The result of `attempt(source, cached)`, which reads `href`; retried after errors of remote sources.

    Transient errors: up to `RETRY_LIMITS.attempts` attempts. Missing files: three attempts, since throttled servers
    answer 404 (microsoft/PlanetaryComputer#431), to the request for a file's size and to that for its header alike.
    Forbidden: two attempts, the second with a new token. Fatal errors, and errors of local files: one attempt.
    `cached` is True in the first attempt only: GDAL's cache keeps failures. Raises ReadError.
    """
    begun, failures, refused_token = time.monotonic(), Counter[Kind](), ""
    while True:
        source, result = _attempt(href, access, refused_token, attempt, cached=not failures)
        if not isinstance(result, ReadError):
            return result
        kind, remote = result.kind, source is None or source.remote
        retries = {"retry": RETRY_LIMITS.attempts - 1, "missing": 2, "forbidden": 1, "fatal": 0}
        failures[kind] += 1
        if not remote or failures[kind] > retries[kind] or time.monotonic() - begun > RETRY_LIMITS.longest:
            raise result
        if kind == "forbidden":
            refused_token = source.token if source else ""
        else:
            time.sleep(RETRY_LIMITS.pause * 2 ** (failures[kind] - 1) * random.uniform(0.5, 1.5))


def _attempt(
    href: str, access: Access, refused_token: str, attempt: Callable[[GdalSource, bool], Result], cached: bool
) -> tuple[GdalSource | None, Result | ReadError]:
    """The resolved source, None where `href` could not be resolved now, and the result or the error.

    The error is returned, not raised, so that GDAL's own error, whose text may contain a token, is not kept as its
    context.
    """
    source = None
    try:
        source = resolve_href(href, access, refused_token)
        return source, attempt(source, cached)
    except CatalogUnavailable as error:
        return source, ReadError(str(error), "retry")
    except CatalogError as error:
        return GdalSource("", remote=False), ReadError(str(error), "forbidden")
    except FAULTS as error:
        return source, _classify(href, error, remote=source is not None and source.remote)


def _classify(href: str, error: Exception, remote: bool) -> ReadError:
    """A GDAL error as a ReadError with its kind; an unknown error of a remote source counts as transient."""
    messages: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        messages.append(" ".join(str(cause).split()) or type(cause).__name__)
        cause = cause.__cause__
    text = "; ".join(dict.fromkeys(messages))
    message = f"{redact(href)} cannot be read: {redact(text):.300}"
    kinds: tuple[tuple[Kind, str], ...] = (("missing", MISSING), ("forbidden", FORBIDDEN), ("fatal", FATAL))
    for kind, pattern in kinds:
        if re.search(pattern, text):
            return ReadError(message, kind)
    return ReadError(message, "retry" if remote else "fatal")

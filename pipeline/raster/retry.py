"""What a failed read is worth: errors of GDAL sorted by why, and tried again where that may help."""

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

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


@dataclass(frozen=True)
class RetryLimits:
    """How long a read goes on: `attempts` in all, none begun after `longest` seconds, the first two about `pause`
    seconds apart and each further pause twice as long. GDAL itself tries each request `requests` times more, the first
    after `delay` seconds."""

    attempts: int = 5
    pause: float = 1.0
    longest: float = 300.0
    requests: int = 2
    delay: float = 0.5


RETRY_LIMITS = RetryLimits()


class ReadError(RuntimeError):
    """A raster that cannot be read, and why: `retry` (it may work later), `missing`, `forbidden` or `fatal`."""

    def __init__(self, message: str, kind: Kind = "fatal") -> None:
        super().__init__(message, kind)
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[0])


def with_retries(href: str, access: Access, look: Callable[[GdalSource, bool], Result]) -> Result:
    """What `look` gives for the place of `href`; it is told whether GDAL's cache, which keeps failures, may serve.

    Over a network, what may pass is tried again up to the patience's attempts; what is missing twice, as throttled
    servers say so (microsoft/PlanetaryComputer#431), of a file's size and of its header alike; what is forbidden once,
    with a new token if it took one. Raises ReadError.
    """
    begun, failures, refused = time.monotonic(), Counter[Kind](), ""
    while True:
        where, failure = _attempt(href, access, refused, look, cached=not failures)
        if not isinstance(failure, ReadError):
            return failure
        kind, remote = failure.kind, where is None or where.remote
        worth = {"retry": RETRY_LIMITS.attempts - 1, "missing": 2, "forbidden": 1, "fatal": 0}
        failures[kind] += 1
        if not remote or failures[kind] > worth[kind] or time.monotonic() - begun > RETRY_LIMITS.longest:
            raise failure
        if kind == "forbidden":
            refused = where.token if where else ""
        else:
            time.sleep(RETRY_LIMITS.pause * 2 ** (failures[kind] - 1) * random.uniform(0.5, 1.5))


def _attempt(
    href: str, access: Access, refused: str, look: Callable[[GdalSource, bool], Result], cached: bool
) -> tuple[GdalSource | None, Result | ReadError]:
    """The place, None where it is not known now, and what `look` gives there or how it failed.

    The failure is a value so that GDAL's own error, whose text may hold a token, is not kept as its context.
    """
    where = None
    try:
        where = resolve_href(href, access, refused)
        return where, look(where, cached)
    except CatalogUnavailable as error:
        return where, ReadError(str(error), "retry")
    except CatalogError as error:
        return GdalSource("", remote=False), ReadError(str(error), "forbidden")
    except (RasterioError, CRSError) as error:
        return where, _classify(href, error, remote=where is not None and where.remote)


def _classify(href: str, error: Exception, remote: bool) -> ReadError:
    """A failure of GDAL with its kind; over a network what is not known otherwise may pass."""
    told: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        told.append(" ".join(str(cause).split()))
        cause = cause.__cause__
    text = "; ".join(dict.fromkeys(told))
    message = f"{redact(href)} cannot be read: {redact(text):.300}"
    kinds: tuple[tuple[Kind, str], ...] = (("missing", MISSING), ("forbidden", FORBIDDEN), ("fatal", FATAL))
    for kind, pattern in kinds:
        if re.search(pattern, text):
            return ReadError(message, kind)
    return ReadError(message, "retry" if remote else "fatal")

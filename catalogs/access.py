"""From an asset's unsigned href to what GDAL opens: which places may be read, and how each is asked."""

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from catalogs.errors import CatalogError, CatalogUnavailable

LOOPBACK = ("localhost", "127.0.0.1", "::1")
TOKEN_SECONDS = 30
"""How long a token's endpoint may take to answer."""
MARGIN = timedelta(minutes=1)
"""A token this near its end is renewed: the margin of Planetary Computer's own client (planetary_computer/sas.py)."""
AWS = {"AWS_S3_ENDPOINT": "s3.amazonaws.com", "AWS_VIRTUAL_HOSTING": "TRUE", "AWS_HTTPS": "YES"}
BUCKETS: Mapping[str, Mapping[str, str]] = {
    "e84-earth-search-sentinel-data": {**AWS, "AWS_REGION": "us-west-2", "AWS_NO_SIGN_REQUEST": "YES"},
    "sentinel-cogs": {**AWS, "AWS_REGION": "us-west-2", "AWS_NO_SIGN_REQUEST": "YES"},
    "sentinel-s2-l2a": {**AWS, "AWS_REGION": "eu-central-1", "AWS_REQUEST_PAYER": "requester"},
    "usgs-landsat": {**AWS, "AWS_REGION": "us-west-2", "AWS_REQUEST_PAYER": "requester"},
    "eodata": {
        "AWS_S3_ENDPOINT": "eodata.dataspace.copernicus.eu",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_HTTPS": "YES",
    },
}
"""What GDAL must be told of the providers' buckets (registry.opendata.aws; opendatacube/odc-stac#238 for eodata).

Keys, where one needs them, and all that other buckets need come from the environment: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_PROFILE, AWS_S3_ENDPOINT ...
"""


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """URLs on `host` (one that begins with a dot: on all hosts that end so) need a token in their query.

    A token is a key: only https on its own port gets one, and http on loopback.

    `endpoint` gives it as {"msft:expiry": time, "token": query}; `{account}` in it stands for the first part of the
    URL's host, `{container}` for the first of its path. An empty endpoint: no token is needed there.
    """

    host: str
    endpoint: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.endpoint)
        if self.endpoint and parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise CatalogError(f"the signing endpoint {self.endpoint!r} for {self.host} must start with https://")

    def signs(self, host: str) -> bool:
        return host.endswith(self.host) if self.host.startswith(".") else host == self.host


PLANETARY_COMPUTER_TOKENS = TokenEndpoint(
    ".blob.core.windows.net", "https://planetarycomputer.microsoft.com/api/sas/v1/token/{account}/{container}"
)


@dataclass(frozen=True, slots=True)
class Access:
    """What may be read: local files below `allowed_paths` only, and any URL.

    The first of `token_endpoints` that serves the URL's host gives its token.
    """

    allowed_paths: tuple[str, ...] = ()
    token_endpoints: tuple[TokenEndpoint, ...] = (PLANETARY_COMPUTER_TOKENS,)


ANYWHERE = Access(allowed_paths=("/",))
"""For hrefs that the caller has made: any local file."""


@dataclass(frozen=True, slots=True)
class GdalSource:
    """What GDAL opens: its `name`, with `options`; `token` signed it, and no message may show either."""

    name: str = field(repr=False)
    remote: bool
    options: Mapping[str, str] = field(default_factory=dict)
    token: str = field(default="", repr=False)


def resolve_href(href: str, access: Access = ANYWHERE, refused: str = "") -> GdalSource:
    """Where an href leads, signed now. `refused` is a token that no longer worked: it is renewed.

    CatalogError for an href that is not allowed and for a token that is not given; CatalogUnavailable if the token's
    endpoint does not answer now.
    """
    try:
        parts = urlsplit(href)
        port = parts.port
    except ValueError:
        raise _not_allowed(href) from None
    if re.search(r"[\x00-\x1f\x7f]", href) or port == 0:
        raise _not_allowed(href)
    if not parts.scheme or parts.scheme == "file":
        return GdalSource(str(allowed_file(href, parts, access.allowed_paths)), remote=False)
    if parts.scheme == "s3" and re.fullmatch(r"[a-z0-9][a-z0-9.-]+", parts.netloc) and parts.path.strip("/"):
        if {".", ".."} & set(parts.path.split("/")):
            raise _not_allowed(href)
        return GdalSource(f"/vsis3/{href.removeprefix('s3://')}", True, BUCKETS.get(parts.netloc, {}))
    if parts.scheme in ("http", "https") and re.fullmatch(r"([\w.-]+|\[[0-9a-fA-F:]+\])(:\d+)?", parts.netloc, re.A):
        token = _token(parts, access.token_endpoints, refused)
        url = parts._replace(query="&".join(filter(None, (parts.query, token))), fragment="")
        return GdalSource(f"/vsicurl/{url.geturl()}", True, token=token)
    raise _not_allowed(href)


def allowed_file(href: str, parts: SplitResult, folders: tuple[str, ...]) -> Path:
    """The file that a whole path or a file: URL means, links followed. CatalogError unless it is below a folder."""
    path = Path(href) if not parts.scheme else Path(unquote(parts.path))
    if not path.is_absolute() or parts.netloc not in ("", "localhost") or "\x00" in str(path):
        raise _not_allowed(href)
    path = path.resolve()
    if path.parts[1:2] and path.parts[1].startswith("vsi"):
        raise _not_allowed(href)
    if not is_below(path, folders):
        allowed = ", ".join(folders) or "none"
        raise CatalogError(
            f"{href} lies outside the folders that may be read ({allowed}); add its folder to 'allowed_paths'"
        )
    return path


def is_below(path: str | Path, folders: tuple[str, ...]) -> bool:
    """Whether a file is below one of the folders, links followed on both sides."""
    return any(Path(path).resolve().is_relative_to(Path(folder).resolve()) for folder in folders)


def redact(text: str) -> str:
    """`text` without the queries of its URLs, which may hold tokens."""
    return re.sub(r"\?[^\s'\"]+", "?...", text)


def _not_allowed(href: object) -> CatalogError:
    return CatalogError(
        f"href {redact(str(href))!r:.200} is not allowed: it must be http://, https:// or s3:// without user name or "
        "password, or a whole path or file: URL of a file on this machine"
    )


_tokens: dict[str, tuple[str, datetime]] = {}
_renewing = threading.Lock()


def _token(parts: SplitResult, signers: tuple[TokenEndpoint, ...], refused: str) -> str:
    """The token for a URL, "" if it needs or gets none; kept until it is near its end or is the refused one."""
    host = (parts.hostname or "").lower()
    signer = next((signer for signer in signers if signer.signs(host)), None)
    container = parts.path.split("/")[1] if "/" in parts.path else ""
    private = (parts.scheme == "https" and parts.port in (None, 443)) or (parts.scheme == "http" and host in LOOPBACK)
    if signer is None or not signer.endpoint or not private or not container or re.search(r"(^|&)sig=", parts.query):
        return ""
    endpoint = signer.endpoint.replace("{account}", host.split(".")[0]).replace("{container}", quote(container, ""))
    with _renewing:
        token, expiry = _tokens.get(endpoint, ("", datetime.now(UTC)))
        if token in ("", refused) or expiry - datetime.now(UTC) < MARGIN:
            _tokens[endpoint] = _fetch_token(endpoint)
        return _tokens[endpoint][0]


def _fetch_token(endpoint: str) -> tuple[str, datetime]:
    try:
        with urllib.request.urlopen(endpoint, timeout=TOKEN_SECONDS) as answer:
            told = json.loads(answer.read(65_536))
        token, expiry = told["token"].removeprefix("?"), datetime.fromisoformat(told["msft:expiry"])
        if re.fullmatch(r"[\w%&=.~+/:-]+", token, re.A) is None:
            raise ValueError
    except urllib.error.HTTPError as error:
        if error.code in (408, 429) or error.code >= 500:
            raise CatalogUnavailable(f"{endpoint} gives no token now (HTTP {error.code}); try again later") from None
        raise CatalogError(
            f"{endpoint} gives no token (HTTP {error.code}); check the href's host and container"
        ) from None
    except OSError as error:
        raise CatalogUnavailable(f"{endpoint} does not answer ({error}); try again later") from None
    except (ValueError, TypeError, LookupError, AttributeError):
        raise CatalogUnavailable(
            f'{endpoint} must answer {{"msft:expiry": time, "token": query}}, but did not'
        ) from None
    return token, expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)

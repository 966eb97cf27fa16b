"""From an unsigned asset href to what GDAL opens: which files and URLs may be read, and with which options."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from catalogs.errors import CatalogError, CatalogUnavailable
from catalogs.hosts import LOOPBACK, Reach, canonical, reach
from catalogs.secrets import redact
from catalogs.sources.fetch import ClientError, fetch_json, new_session

NEAR = {
    Reach.PRIVATE: "a private network",
    Reach.LOOPBACK: "this machine itself",
    Reach.METADATA: "the link-local network or a service that gives machines their credentials",
}
URL_CHARACTERS = "%/:?#[]@!$&'()*+,;=~"
"""What a URL may hold besides letters and digits (RFC 3986); curl refuses spaces."""
MARGIN = timedelta(minutes=1)
"""A token that expires sooner is renewed: the margin of Planetary Computer's own client (planetary_computer/sas.py)."""
AWS = {"AWS_S3_ENDPOINT": "s3.amazonaws.com", "AWS_VIRTUAL_HOSTING": "TRUE", "AWS_HTTPS": "YES"}
AFRICA = {
    **AWS,
    "AWS_S3_ENDPOINT": "s3.af-south-1.amazonaws.com",
    "AWS_REGION": "af-south-1",
    "AWS_NO_SIGN_REQUEST": "YES",
}
BUCKETS: Mapping[str, Mapping[str, str]] = {
    "deafrica-landsat": AFRICA,
    "deafrica-sentinel-2": AFRICA,
    "deafrica-sentinel-2-l2a-c1": AFRICA,
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
"""GDAL options for the providers' buckets (registry.opendata.aws; opendatacube/odc-stac#238 for eodata).

Credentials, and all options of other buckets, come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_PROFILE, AWS_S3_ENDPOINT ...
"""


S3_ACCESS: Mapping[str, Mapping[str, str]] = {
    "open": {"AWS_NO_SIGN_REQUEST": "YES"},
    "signed": {},
    "requester-pays": {"AWS_REQUEST_PAYER": "requester"},
}
"""GDAL options for buckets that BUCKETS does not list."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header line, which is a secret, for https URLs on `host` (and http ones of loopback)."""

    host: str
    line: str = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9.-]+", self.host) or not re.fullmatch(r"[A-Za-z0-9-]+: ?[ -~]+", self.line):
            raise CatalogError(
                f"the header for {self.host!r:.80} must be a line as 'Authorization: Bearer ${{TOKEN}}' for a host as "
                "data.example.org"
            )

    def serves(self, parts: SplitResult) -> bool:
        host = (parts.hostname or "").lower()
        private = (parts.scheme == "https" and parts.port in (None, 443)) or (
            parts.scheme == "http" and host in LOOPBACK
        )
        return private and host == self.host.lower()


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """A service whose tokens URLs on `host` need in their query; a `host` that begins with a dot is a suffix.

    `url` answers {"msft:expiry": time, "token": query}. In it, `{account}` stands for the first label of the asset's
    host and `{container}` for the first part of its path. An empty `url` means that the host needs no token. A token is
    a secret: it is put only on https URLs on port 443, and on http URLs of loopback.
    """

    host: str
    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if self.url and parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise CatalogError(f"the token endpoint {self.url!r} for {self.host} must start with https://")

    def serves(self, host: str) -> bool:
        return host.endswith(self.host) if self.host.startswith(".") else host == self.host


PLANETARY_COMPUTER_TOKENS = TokenEndpoint(
    ".blob.core.windows.net", "https://planetarycomputer.microsoft.com/api/sas/v1/token/{account}/{container}"
)


@dataclass(frozen=True, slots=True)
class Access:
    """What may be read: local files below `allowed_paths` only, URLs on `allowed_hosts` and on hosts up to `nearest`.

    The first of `token_endpoints` that serves the URL's host gives its token. `signatures`: by href, the query with
    which its catalog signed it. `s3`: GDAL options for buckets that BUCKETS does not list.
    `headers`: each sent to its host.
    """

    allowed_paths: tuple[str, ...] = ()
    token_endpoints: tuple[TokenEndpoint, ...] = (PLANETARY_COMPUTER_TOKENS,)
    allowed_hosts: tuple[str, ...] = ()
    nearest: Reach = Reach.LOOPBACK
    signatures: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    s3: Mapping[str, str] = field(default_factory=dict, hash=False)
    headers: tuple[Header, ...] = field(default=(), repr=False)


ANYWHERE = Access(allowed_paths=("/",))
"""Any local file: for hrefs that the caller has made."""


@dataclass(frozen=True, slots=True)
class GdalSource:
    """What GDAL opens: a dataset `name` with config `options`. No message may show `name` or `token`."""

    name: str = field(repr=False)
    remote: bool
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: str = field(default="", repr=False)


def resolve_href(href: str, access: Access = ANYWHERE, rejected_token: str = "") -> GdalSource:
    """What GDAL opens for an href, with a valid token. A `rejected_token` is renewed.

    CatalogError for an href that is not allowed and for a token that is refused; CatalogUnavailable if the token
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
        return GdalSource(f"/vsis3/{href.removeprefix('s3://')}", True, BUCKETS.get(parts.netloc, access.s3))
    if parts.scheme in ("http", "https") and re.fullmatch(r"([\w.-]+|\[[0-9a-fA-F:]+\])(:\d+)?", parts.netloc, re.A):
        _check_host(href, parts, access)
        signed = parts._replace(query="&".join(filter(None, (parts.query, access.signatures.get(href)))))
        token = _token(signed, access.token_endpoints, rejected_token)
        url = signed._replace(query="&".join(filter(None, (signed.query, token))), fragment="")
        lines = [header.line for header in access.headers if header.serves(parts)]
        options = {"GDAL_HTTP_HEADERS": "\r\n".join(lines)} if lines else {}
        return GdalSource(f"/vsicurl/{quote(url.geturl(), safe=URL_CHARACTERS)}", True, options, token)
    raise _not_allowed(href)


def allowed_file(href: str, parts: SplitResult, allowed_paths: tuple[str, ...]) -> Path:
    """The file of an absolute path or file: URL, symlinks resolved.

    CatalogError unless it is below an allowed path, and where something is there that is no regular file.
    """
    path = Path(href) if not parts.scheme else Path(unquote(parts.path))
    if not path.is_absolute() or parts.netloc not in ("", "localhost") or "\x00" in str(path):
        raise _not_allowed(href)
    try:
        path, regular = path.resolve(), path.is_file() or not path.exists()
    except (OSError, RuntimeError) as error:
        raise CatalogError(f"{href} cannot be opened: {error}") from None
    if path.parts[1:2] and path.parts[1].startswith("vsi"):
        raise _not_allowed(href)
    if not is_below(path, allowed_paths):
        allowed = ", ".join(allowed_paths) or "none"
        raise CatalogError(
            f"{href} lies outside the folders that may be read ({allowed}); add its folder to 'allowed_paths'"
        )
    if not regular:
        raise CatalogError(f"{href} is a folder, pipe or device; an asset must be a regular file")
    return path


def is_below(path: str | Path, folders: tuple[str, ...]) -> bool:
    """Whether a file is below one of the folders, symlinks resolved on both sides."""
    return any(Path(path).resolve().is_relative_to(Path(folder).resolve()) for folder in folders)


def _not_allowed(href: object) -> CatalogError:
    return CatalogError(
        f"href {redact(str(href))!r:.200} is not allowed: it must be http://, https:// or s3:// without user name or "
        "password, or an absolute path or file: URL of a file on this machine"
    )


def _check_host(href: str, parts: SplitResult, access: Access) -> None:
    """Raises CatalogError for a host that lies nearer to this machine than the catalog may name.

    What a server redirects to is not known here.
    """
    host = canonical(parts.hostname or "")
    if host in map(canonical, access.allowed_hosts):
        return
    near = reach(host, parts.scheme)
    if near > access.nearest:
        raise CatalogError(
            f"{redact(href):.200} is on {host}, {NEAR[near]}, which items of this catalog may not name: add the host "
            "to 'allowed_hosts' in the region file if it is meant"
        )


_tokens: dict[str, tuple[str, datetime]] = {}
_renewal = threading.Lock()


def _token(parts: SplitResult, endpoints: tuple[TokenEndpoint, ...], rejected_token: str) -> str:
    """The token for a URL; "" if it needs none, or may not have one. Tokens are cached until shortly before expiry."""
    host = (parts.hostname or "").lower()
    endpoint = next((endpoint for endpoint in endpoints if endpoint.serves(host)), None)
    container = parts.path.split("/")[1] if "/" in parts.path else ""
    private = (parts.scheme == "https" and parts.port in (None, 443)) or (parts.scheme == "http" and host in LOOPBACK)
    if endpoint is None or not endpoint.url or not private or not container or re.search(r"(^|&)sig=", parts.query):
        return ""
    url = endpoint.url.replace("{account}", host.split(".")[0]).replace("{container}", quote(container, ""))
    with _renewal:
        token, expiry = _tokens.get(url, ("", datetime.now(UTC)))
        if token in ("", rejected_token) or expiry - datetime.now(UTC) < MARGIN:
            _tokens[url] = _fetch_token(url)
        return _tokens[url][0]


def _fetch_token(url: str) -> tuple[str, datetime]:
    """The token and its expiry. CatalogError if it is refused, CatalogUnavailable for every other failure."""
    try:
        with new_session() as session:
            response = fetch_json(session, url)
    except ClientError as error:
        raise CatalogError(f"no token for this host and container: {error}") from None
    try:
        token, expiry = response["token"].removeprefix("?"), datetime.fromisoformat(response["msft:expiry"])
        if re.fullmatch(r"[\w%&=.~+/:-]+", token, re.A) is None:
            raise ValueError
    except (ValueError, TypeError, LookupError, AttributeError):
        raise CatalogUnavailable(
            f'{url} must answer {{"msft:expiry": time, "token": query}}, but did not; check the token endpoint'
        ) from None
    return token, expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)

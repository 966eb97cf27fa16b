"""Sites whose pages may read the service."""

import re

from pipeline.errors import UserError

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")
DEFAULT_PORT = re.compile(r"http://.*:80|https://.*:443")


def check_origin(text: str) -> None:
    """Raises UserError for what is neither an origin as browsers send it (RFC 6454, 6.2) nor "*" nor "null"."""
    if text in ("*", "null") or (ORIGIN.fullmatch(text) and not DEFAULT_PORT.fullmatch(text)):
        return
    raise UserError(
        f"--cors is {text!r:.100}, which no browser names as a page's site; give scheme and host in small letters and, "
        "if it is not the default one, the port, such as https://maps.example or http://localhost:8080, or * for all"
    )

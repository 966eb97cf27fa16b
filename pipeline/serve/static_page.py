"""The page that shows a plain Zarr export from wherever its files lie, without a server of ours."""

import json

from pipeline.analysis.colours import percent_palette
from pipeline.serve.one_file import asset, in_one_file

NAME = "index.html"
"""Of its file in the folder of an export, which it shows unless its address names another."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; worker-src blob:; connect-src *"
)
"""What the page may load (Content-Security-Policy): parts of an export from any host, and nothing that it would run."""


def static_page() -> str:
    """The page as one HTML file."""
    held = {
        "percents": ("application/json", json.dumps(percent_palette())),
        "kept-licences": ("text/plain", asset("STATIC_THIRD_PARTY.txt")),
    }
    return in_one_file("static", POLICY, held)

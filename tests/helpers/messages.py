"""What a command writes to stderr besides its progress, and what it never prints."""

import re

PROGRESS = re.compile(r"[a-z ]+ \d+(/\d+)?, after ")
REPR = re.compile(r"\{'|\[\(|\['|\{\}|\bNone\b|<[a-z_.]+ object|datetime\.|PosixPath")
"""What only a Python repr has."""


def messages(stderr):
    """The lines of stderr that are not progress."""
    return [line for line in stderr.splitlines() if line.strip() and not PROGRESS.match(line)]

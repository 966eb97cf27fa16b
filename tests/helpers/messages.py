"""What a command writes to stderr besides its progress."""

import re

PROGRESS = re.compile(r"[a-z ]+ \d+(/\d+)?, after ")


def messages(stderr):
    """The lines of stderr that are not progress."""
    return [line for line in stderr.splitlines() if line.strip() and not PROGRESS.match(line)]

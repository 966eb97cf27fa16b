import re

PROGRESS = re.compile(r"[a-z ]+ \d+(/\d+)?, after ")


def sentences(stderr):
    """The lines that a command told beside those of its progress."""
    return [line for line in stderr.splitlines() if line.strip() and not PROGRESS.match(line)]

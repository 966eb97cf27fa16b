"""Digests of JSON-able values."""

import hashlib
import json
from typing import Any


def json_digest(value: Any) -> str:
    """sha256, in hexadecimal, of `value` as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()

"""What `--json` prints, held against the schema of its verb."""

import json
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator

FILE = Path(__file__).parents[2] / "docs/json-schemas.json"


def check_json(arguments, value):
    """Fails unless what a command line prints is as its verb's schema says, without any other key."""
    _validator(_verb(list(map(str, arguments)))).validate(value)


def _verb(arguments):
    """The most special entry whose words and options a command line has."""
    verbs = _schemas()["verbs"]
    of = [verb for verb in verbs if verb.split()[0] == arguments[0]]
    special = [verb for verb in of if any(word.strip(",") in arguments for word in verb.split()[1:])]
    return (special or [arguments[0]])[0]


@cache
def _schemas():
    schemas = json.loads(FILE.read_text())
    for definition in schemas["$defs"].values():
        definition["additionalProperties"] = False
    return schemas


@cache
def _validator(verb):
    schemas = _schemas()
    return Draft202012Validator({**schemas["verbs"][verb], "$defs": schemas["$defs"]})

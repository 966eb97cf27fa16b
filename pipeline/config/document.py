"""A YAML document, read within limits of size, nesting and numbers."""

import os
import re
import stat
from pathlib import Path
from typing import Any, TypeVar

import yaml
from yaml.constructor import ConstructorError

from pipeline.errors import UserError

MAX_BYTES = 2**20
MAX_DEPTH = 20
MAX_VALUES = 10_000
"""Of a document whose aliases are written out."""
MAX_DIGITS = 40
LONGEST_REASON = 200

Number = TypeVar("Number", int, float)


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, without its byte order mark. Raises UserError."""
    content = _read_start(path)
    if len(content) > MAX_BYTES:
        raise UserError(f"{path.name} has more than {MAX_BYTES >> 20} MiB; give a YAML file of 'key: value' lines")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path.name} is not UTF-8 text (byte {error.start + 1}); save it as UTF-8, or give the path of a YAML file"
        ) from None


def parse(name: str, text: str) -> tuple[Any, yaml.Node | None]:
    """The value of the YAML document `text` and its node; (None, None) for an empty one.

    Raises UserError, which names the file `name` and the line, for what is not YAML, for tags but those of plain
    values, for a key written twice, for an alias to what it stands in, for more than 20 levels, for more than 10,000
    values with aliases written out, for whole numbers of more than 40 digits, for numbers in base 8 or 60 that look
    like others, and for texts that are not Unicode.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None, None
            _count(node, {})
            return loader.construct_document(node), node
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{name}:{mark.line + 1}" if mark else name
        raise UserError(f"{at} is not valid YAML: {_brief(error.problem or error.context)}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{name} is not valid YAML: {_brief(error)}") from None


class _Loader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH + 1:
            raise ConstructorError(None, None, f"more than {MAX_DEPTH} levels; nest less", self.peek_event().start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:
            raise ConstructorError(None, None, str(error), node.start_mark) from None

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > MAX_DIGITS:
            raise ConstructorError(
                None, None, f"a number of {len(node.value)} digits; it may have {MAX_DIGITS}", node.start_mark
            )
        return _in_base_10(node, super().construct_yaml_int(node))

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        return _in_base_10(node, super().construct_yaml_float(node))

    def construct_yaml_str(self, node: yaml.ScalarNode) -> str:
        text = super().construct_yaml_str(node)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ConstructorError(None, None, "half of a surrogate pair in a text", node.start_mark)
        return text


for _name in ("binary", "omap", "pairs", "set"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name}", _Loader.yaml_constructors[None])
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)
_Loader.add_constructor("tag:yaml.org,2002:str", _Loader.construct_yaml_str)


def _in_base_10(node: yaml.ScalarNode, number: Number) -> Number:
    """The number of a node; ConstructorError for 010 and 1:30, to which YAML gives the bases 8 and 60."""
    if ":" in node.value or (isinstance(number, int) and re.match(r"[-+]?0[0-9_]", node.value)):
        problem = f"{node.value} means {number} in YAML; write that number, or the text in quotes"
        raise ConstructorError(None, None, problem, node.start_mark)
    return number


def _count(node: yaml.Node, counts: dict[int, int]) -> int:
    """The values in a node, aliases written out; `counts` has those known by the node's id, 0 while it is open."""
    known = counts.get(id(node))
    if known == 0:
        raise ConstructorError(None, None, "an alias to what it stands in; write the value out", node.start_mark)
    if known is not None:
        return known
    counts[id(node)], total = 0, 1
    _check_keys(node)
    for child in _children(node):
        total += _count(child, counts)
        if total > MAX_VALUES:
            raise ConstructorError(
                None, None, f"more than {MAX_VALUES:,} values, those of aliases included", node.start_mark
            )
    counts[id(node)] = total
    return total


def _check_keys(node: yaml.Node) -> None:
    """Keys are equal where their texts are: 1 and "1" are one key of a file."""
    lines: dict[str, int] = {}
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if not isinstance(key, yaml.ScalarNode):
            continue
        line = key.start_mark.line + 1
        if key.value in lines:
            problem = f"the key {_brief(key.value)!r} is in line {lines[key.value]} already; take one of them out"
            raise ConstructorError(None, None, problem, key.start_mark)
        lines[key.value] = line


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _read_start(path: Path) -> bytes:
    """The first bytes of a regular file, one more than are allowed. Raises UserError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # A pipe that nobody writes to would wait.
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    return file.read(MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UserError(f"cannot read {_brief(path)} ({error.strerror}); give the path of a YAML file") from None
    except ValueError:
        raise UserError(f"cannot read {_brief(path)!r}; give the path of a YAML file") from None
    raise UserError(f"cannot read {_brief(path)} (not a file); give the path of a YAML file")


def _brief(text: object) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]} ..."

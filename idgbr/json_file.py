"""The JSON files of a model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from idgbr.errors import CheckpointError
from idgbr.shipped import shipped_models

MAX_BYTES = 2**20


def read_json(folder: Path, name: str, *class_names: str) -> dict[str, Any]:
    """The JSON object in `folder / name`; CheckpointError unless its `_class_name` is one of `class_names`."""
    path = folder / name
    try:
        if not folder.is_dir():
            raise CheckpointError(
                f"there is no model folder {folder}; give a folder made by training or save_pretrained, or the name of "
                f"a shipped model: {', '.join(shipped_models())}"
            )
        if not path.is_file():
            raise CheckpointError(f"{folder} has no {name}; give a folder made by training or save_pretrained")
        if path.stat().st_size > MAX_BYTES:
            raise CheckpointError(
                f"{path} has {path.stat().st_size} bytes, but no settings have more than {MAX_BYTES}; copy it again"
            )
        content = json.loads(path.read_text("utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); see that it may be read") from error
    except CheckpointError:
        raise
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}); copy it again") from error
    found = content.get("_class_name") if isinstance(content, dict) else None
    if found not in class_names:
        raise CheckpointError(f"{path} describes a {found!s:.80}, but a {' or '.join(class_names)} is needed here")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it holds {name}, which is no number")

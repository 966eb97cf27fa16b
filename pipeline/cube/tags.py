"""Tags: names that users give to versions. A tagged version is not pruned."""

import re

import icechunk

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.errors import UserError

RESERVED = (versions.MAIN, versions.NEWEST, versions.PREVIOUS)


def add(cube: Cube, name: str, version: str | None = None) -> str:
    """Names a version, the newest by default, for good; returns its snapshot. Raises UserError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,62}", name) or name in RESERVED or name.startswith(versions.WITHDRAWN):
        raise UserError(
            f"a tag cannot be named {name!r}; use up to 63 of a-z, 0-9, '.', '_' and '-', a letter or digit first, "
            f"and none of {', '.join(RESERVED)} or {versions.WITHDRAWN}..."
        )
    snapshot = versions.resolve(cube, version)
    existing = versions.user_tags(cube)
    if name in existing:
        raise UserError(f"tag {name} already names version {existing[name]}, and tags do not move; choose another name")
    try:
        cube.repository.create_tag(name, snapshot)
    except icechunk.IcechunkError as error:
        if "already exists" not in str(error):
            raise
        raise UserError(
            f"tag {name} was deleted, and a deleted tag cannot be made again; choose another name"
        ) from None
    return snapshot


def remove(cube: Cube, name: str) -> str:
    """Deletes a tag for good; its version, which is returned, stays until it is pruned. Raises UserError."""
    existing = versions.user_tags(cube)
    if name not in existing:
        raise UserError(f"the cube has no tag {name!r}; its tags: {', '.join(existing) or 'none'}")
    cube.repository.delete_tag(name)
    return existing[name]

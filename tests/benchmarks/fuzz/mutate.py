"""Changes of documents and files at random; the same Random gives the same change."""

import copy
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import rasterio

EVIL: tuple[Any, ...] = (
    None, True, False, "", " ", "\0", "x" * 5000, "\ud800", "🌍", "../../../etc/passwd", "/dev/zero",
    "file:///etc/passwd",
    "http://169.254.169.254/latest", "s3://", "s3://b/p", "EPSG:999999", "EPSG:4326", "2024-13-45",
    "2024-02-30T00:00:00Z",
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00", "nan", "1e400", "0x10", "${HOME}", "${NOT_SET}",
    "<b>", "%2e%2e%2f", "-", "--",
    0, 1, -1, 255, 256, 65536, 2**31, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0, 1e-300, 1e308, -1e308,
    float("nan"), float("inf"), float("-inf"),
    [], {}, [None], [[]], {"": None}, {"type": "x"}, [0, 0, 0, 0], [1, 2], [[[[]]]], [1e308, -1e308, 1e308, 1e308],
)  # fmt: skip


def evil(random: Random) -> Any:
    """A value that nobody expects."""
    if random.random() < 0.03:
        value: Any = []
        for _ in range(random.choice((50, 400))):
            value = random.choice(([value], {"a": value}))
        return value
    if random.random() < 0.03:
        return [random.choice(EVIL)] * 20_000
    return copy.deepcopy(random.choice(EVIL))


def document(random: Random, value: Any, changes: int = 2) -> Any:
    """A copy of a JSON document with up to so many changes at places of it."""
    changed = copy.deepcopy(value)
    for _ in range(random.randint(1, changes)):
        places = list(_places(changed))
        if not places:
            return evil(random)
        parent, key = random.choice(places)
        _change(random, parent, key)
    return changed


def _places(value: Any) -> Any:
    """Every (container, key) of a document."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _change(random: Random, parent: Any, key: Any) -> None:
    how = random.choice(("replace", "replace", "replace", "delete", "wrap", "number", "rename", "twice"))
    old = parent[key]
    if how == "number" and isinstance(old, int | float) and not isinstance(old, bool):
        parent[key] = random.choice((-old, old * 1e6, old + 0.5, old * 1e-9, float(old), str(old), int(old) * 10**30))
    elif how == "delete":
        del parent[key]
    elif how == "wrap":
        parent[key] = random.choice(([old], {"a": old}, [old, old]))
    elif how == "rename" and isinstance(parent, dict):
        parent[random.choice((str(key).upper(), f"{key} ", f"{key}s", ""))] = parent.pop(key)
    elif how == "twice" and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(old))
    else:
        parent[key] = evil(random)


def text(random: Random, content: str) -> str:
    """Text with a cut, a repetition, stray characters or deep brackets."""
    at, end = sorted(random.randrange(len(content) + 1) for _ in range(2))
    stray = random.choice(
        ("\t", "\0", "}", "]", "\u2028", "\ufeff", '"', "&a *a", "!!python/object:os.system", "<<: *x", "- -")
    )
    brackets = random.choice(("[", "{a: ", '{"a":')) * random.choice((100, 5000))
    return random.choice(
        (
            content[:at],
            content[:at] + content[end:],
            content[:end] + content[at:],
            content[:at] + stray + content[at:],
            content[:at] + brackets + content[at:],
            content[:at] + "9" * 6000 + content[at:],
        )
    )


def file(random: Random, path: Path) -> None:
    """Damages the bytes of a file, or what kind of file it is."""
    content = bytearray(path.read_bytes())
    how = random.choice(("flip", "flip", "cut", "empty", "noise", "folder", "gone"))
    if how in ("folder", "gone"):
        path.unlink()
        if how == "folder":
            path.mkdir()
        return
    if how == "flip":
        for _ in range(random.randint(1, 8)):
            content[random.randrange(min(len(content), random.choice((64, 4096, len(content)))))] ^= (
                1 << random.randrange(8)
            )
    elif how == "cut":
        del content[random.randrange(len(content)) :]
    elif how == "noise":
        content = bytearray(random.randbytes(random.randint(1, 5000)))
    else:
        content.clear()
    path.write_bytes(content)


def raster(random: Random, path: Path, huge: bool = True) -> None:
    """Writes a raster again with another place, type, size or mask. huge: maybe of 100,000 rows."""
    with rasterio.open(path) as source:
        image, profile = source.read(), source.profile
    place = profile["transform"]
    vast = {"width": random.choice((20_000, 500_000)), "height": 100_000, "sparse_ok": True, "BIGTIFF": "YES"}
    change: dict[str, Any] = random.choice(
        (
            {"crs": random.choice(("EPSG:4326", "EPSG:32701", "EPSG:3857", None, "EPSG:2263"))},
            {"transform": rasterio.Affine(*random.choice((
                (float("nan"),) * 6, (1e-300, 0, 0, 0, -1e-300, 0), (0, 0, 0, 0, 0, 0), (1e300, 0, 0, 0, 1e300, 0),
                (place.a, 3, place.c, 3, place.e, place.f), (place.a, 0, place.c, 0, -place.e, place.f),
                (place.a / 1e4, 0, place.c, 0, place.e / 1e4, place.f),
            )))},
            {"dtype": random.choice(("float32", "int16", "uint8", "float64", "int32"))},
            {"nodata": random.choice((0, 1, np.iinfo(image.dtype).max, 100))},
            {"count": random.choice((2, 4))},
            {"width": 1, "height": 1},
            *([vast] if huge else []),
        )
    )  # fmt: skip
    profile |= change
    profile["driver"] = random.choice(
        ("GTiff", "GTiff", "GTiff", "JP2OpenJPEG" if image.dtype.itemsize < 4 else "GTiff")
    )
    if "width" in change or profile["driver"] != "GTiff":
        profile["driver"] = "GTiff"
    with rasterio.open(path, "w", **profile) as target:
        if "width" not in change:
            target.write(np.broadcast_to(image[:1], (profile["count"], *image.shape[1:])).astype(profile["dtype"]))


def command(random: Random, argv: list[str], options: Sequence[str]) -> list[str]:
    """A command line with up to two arguments replaced, inserted or left out, or stray options; its verb stays."""
    argv = list(argv)
    for _ in range(random.choice((0, 1, 1, 2))):
        at = random.randrange(1, len(argv) + 1)
        value = evil(random)
        stray = (value if isinstance(value, str) else repr(value))[:5000].replace("\0", "")
        stray = stray.encode("utf-8", "replace").decode()
        how = random.choice(("replace", "replace", "insert", "delete", "option"))
        if how == "insert":
            argv.insert(at, stray)
        elif how == "option":
            argv.insert(at, random.choice(options))
        elif at < len(argv) and how == "replace":
            argv[at] = stray
        elif at < len(argv):
            del argv[at]
    return argv

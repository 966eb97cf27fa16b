"""The inputs, by kind: each function damages something in a folder of its own and returns the command's arguments."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import yaml

from fuzz import mutate, verbs
from fuzz.ground import Ground
from fuzz.server import Answers

Make = Callable[[Random, Ground, Path, Answers], list[str]]

RUN = ("run", "region.yaml", "--address", "none")
PLAN = ("plan", "region.yaml")


def region(random: Random, ground: Ground, folder: Path, answers: Answers) -> list[str]:
    """A region file with changed keys, values or text."""
    if random.random() < 0.7:
        content = yaml.safe_dump(mutate.document(random, ground.region, 3), allow_unicode=True)
    else:
        content = mutate.text(random, yaml.safe_dump(ground.region))
    (folder / "region.yaml").write_text(content, errors="surrogatepass")
    return list(random.choice((PLAN, PLAN, PLAN, RUN, ("update", "region.yaml", "--address", "none"))))


def item(random: Random, ground: Ground, folder: Path, answers: Answers) -> list[str]:
    """A list of items, one or more of them changed, or an asset whose file is damaged."""
    items = json.loads(json.dumps(ground.items))
    for index in random.sample(range(len(items)), random.randint(1, len(items))):
        if random.random() < 0.3:
            _damage_asset(random, items[index], folder)
        else:
            items[index] = mutate.document(random, items[index])
    lines = "".join(json.dumps(each) + "\n" for each in items)
    (folder / "items.ndjson").write_text(
        lines if random.random() < 0.9 else mutate.text(random, lines), errors="surrogatepass"
    )
    _region(ground, folder, catalog="items.ndjson")
    return list(random.choice((PLAN, RUN)))


def _damage_asset(random: Random, item: dict[str, Any], folder: Path) -> None:
    asset = random.choice(list(item["assets"].values()))
    source = Path(asset["href"])
    target = folder / f"{len(list(folder.iterdir()))}-{source.name}"
    shutil.copy(source, target)
    asset["href"] = str(target)
    if random.random() < 0.5:
        mutate.file(random, target)
    else:
        mutate.raster(random, target)


def api(random: Random, ground: Ground, folder: Path, answers: Answers) -> list[str]:
    """A STAC API whose landing page, pages or transport are wrong."""
    url = answers.add(random.randrange(2**60), ground.items)
    _region(ground, folder, catalog=url)
    return list(PLAN)


def command(random: Random, ground: Ground, folder: Path, answers: Answers) -> list[str]:
    """A command line with stray options and values, on a cube that is there."""
    cube = random.choice(
        (str(ground.cube),) * 6
        + (str(folder), "nowhere", "/dev/null", "s3://", "/proc/self", str(ground.cube / "store"))
    )
    if random.random() < 0.2:
        cube = str(shutil.copytree(ground.cube, folder / "cube"))
        files = [path for path in sorted(Path(cube).rglob("*")) if path.is_file()]
        mutate.file(random, random.choice(files))
    lines: tuple[list[str], ...] = (
        ["status", cube],
        ["history", cube],
        ["query", cube, "--point", "12.0,48.5"],
        ["query", cube, "--point", "12.0,48.5", "--version", "newest"],
        ["diff", cube, "newest", "previous"],
        ["check", cube],
        ["prune", cube, "--keep", "3", "--dry-run"],
        ["plan", str(ground.folder / "region.yaml"), "--workers", "2", "--price-per-worker-hour", "2.5"],
        ["run", str(ground.folder / "region.yaml"), "--address", "none", "--plot", "picture.png"],
        ["evaluate", "--model", str(ground.model), "--data", str(ground.labelled), "--json", "scores.json"],
        ["train", "coarse", "recipe.yaml"],
    )
    argv = [*random.choice(lines), *random.choice(([], ["--json"]))]
    argv = mutate.command(
        random, argv, ("--version", "--workers", "--json", "--keep", "--point", "--plot", "--help", "--address")
    )
    if "--address" in argv and "none" not in argv:
        return ["status", cube]
    return argv


def labelled(random: Random, ground: Ground, folder: Path, answers: Answers) -> list[str]:
    """A folder of images and labels with damaged or strange files, or a recipe that trains on it."""
    shutil.copytree(ground.labelled, folder / "data")
    files = [path for path in sorted((folder / "data").rglob("*")) if path.is_file()]
    target = random.choice(files)
    if target.suffix == ".json":
        target.write_text(json.dumps(mutate.document(random, json.loads(target.read_text()))))
    elif random.random() < 0.5:
        mutate.file(random, target)
    else:
        mutate.raster(random, target)
    if random.random() < 0.5:
        return ["evaluate", "--model", str(ground.model), "--data", "data", "--json", "scores.json"]
    areas = {"kind": "folder", "path": "data", "bands": ["blue", "green", "red", "nir"]}
    areas["classes"] = json.loads((ground.labelled / "classes.json").read_text())["classes"]
    whole = {**areas, "path": str(ground.labelled)}
    recipe = {"model": "m", "data": "d", "areas": areas, "validation": whole, "title": "t", "license": "x"}
    recipe |= {
        "steps": 1,
        "crop_size": 32,
        "batch_size": 1,
        "network": "CoarseUNet",
        "model_args": {"widths": [4, 4, 8, 8]},
    }
    if random.random() < 0.5:
        recipe = mutate.document(random, {**recipe, "areas": whole})
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True), errors="surrogatepass")
    return ["train", random.choice(("coarse", "coarse", "refiner")), "recipe.yaml"]


def model(random: Random, ground: Ground, folder: Path, answers: Answers) -> list[str]:
    """A model folder with changed settings, configurations or weights."""
    shutil.copytree(ground.model, folder / "model")
    target = random.choice([path for path in sorted((folder / "model").rglob("*")) if path.is_file()])
    if target.suffix == ".json" and random.random() < 0.8:
        target.write_text(json.dumps(mutate.document(random, json.loads(target.read_text()))))
    else:
        mutate.file(random, target)
    if random.random() < 0.5:
        return ["evaluate", "--model", "model", "--data", str(ground.labelled), "--json", "scores.json"]
    _region(ground, folder, model="model")
    return list(random.choice((PLAN, RUN)))


def zone(random: Random, ground: Ground, folder: Path, answers: Answers) -> list[str]:
    """The area as GeoJSON."""
    west, south, east, north = ground.region["bbox"]
    ring: list[Any] = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    if random.random() < 0.3:
        ring = [[value * random.choice((1, 1, 1, 10, 1e5, -1)) for value in point] for point in ring]
    polygon: Any = {"type": "Polygon", "coordinates": [ring]}
    document = random.choice(
        (
            polygon,
            {"type": "Feature", "properties": {}, "geometry": polygon},
            {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": polygon}]},
            {"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "EPSG:3857"}}, "features": []},
            {"type": "GeometryCollection", "geometries": [polygon, polygon]},
            {"type": "MultiPolygon", "coordinates": [[ring], [ring]]},
        )
    )
    content = (
        json.dumps(mutate.document(random, document))
        if random.random() < 0.8
        else mutate.text(random, json.dumps(document))
    )
    (folder / "area.geojson").write_text(content, errors="surrogatepass")
    _region(ground, folder, bbox=None, polygon="area.geojson")
    return list(PLAN)


def _region(ground: Ground, folder: Path, **changes: Any) -> None:
    content = ground.region | {"allowed_paths": [str(ground.folder), str(folder)]} | changes
    (folder / "region.yaml").write_text(
        yaml.safe_dump({key: value for key, value in content.items() if value is not None})
    )


KINDS: dict[str, tuple[Make, int]] = {
    "region file": (region, 250),
    "item, asset": (item, 250),
    "API answer": (api, 150),
    "command line": (command, 250),
    "labelled folder": (labelled, 100),
    "model folder": (model, 150),
    "zone": (zone, 100),
    "init": (verbs.init, 60),
    "train model": (verbs.train_model, 60),
    "held run": (verbs.held, 60),
    "predict": (verbs.predict, 70),
}
"""Kind to what makes it and how many of 1,500 there are."""


def kind_of(number: int) -> str:
    """Kinds in proportion, spread over the numbers."""
    total = sum(weight for _, weight in KINDS.values())
    at = number * 997 % total
    for kind, (_, weight) in KINDS.items():
        if at < weight:
            return kind
        at -= weight
    raise AssertionError("the weights sum to the total")

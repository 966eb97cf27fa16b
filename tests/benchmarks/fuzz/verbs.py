"""Inputs of verbs that begin, train, decide and predict; as in `inputs.py`."""

import shutil
from pathlib import Path
from random import Random

import yaml

from fuzz import mutate
from fuzz.ground import DRAFT, Ground
from fuzz.server import Answers

OPTIONS = ("--json", "--help", "--steps", "--labels", "--column", "--because", "--bands", "--model", "--again")


def init(random: Random, ground: Ground, folder: Path, answers: Answers) -> list[str]:
    """A box, a period, a catalog and labels, some of them wrong, or labels whose file is damaged."""
    labels = ground.truth
    if random.random() < 0.4:
        labels = Path(shutil.copy(ground.truth, folder / "labels.tif"))
        (mutate.file if random.random() < 0.5 else mutate.raster)(random, labels)
    catalog = answers.add(random.randrange(2**60), ground.items) if random.random() < 0.3 else ground.region["catalog"]
    return mutate.command(random, ground.init(catalog, labels), OPTIONS)


def train_model(random: Random, ground: Ground, folder: Path, answers: Answers) -> list[str]:
    """The folder that `init` wrote, one of its three files changed, or its labels damaged."""
    draft = Path(shutil.copytree(ground.draft, folder / DRAFT))
    target = random.choice(("region.yaml", "coarse.yaml", "coarse.yaml", "refiner.yaml", "labels.tif"))
    if target == "labels.tif":
        (mutate.file if random.random() < 0.5 else mutate.raster)(random, draft / target)
    elif random.random() < 0.8:
        changed = mutate.document(random, yaml.safe_load((draft / target).read_text()))
        (draft / target).write_text(yaml.safe_dump(changed, allow_unicode=True), errors="surrogatepass")
    else:
        changed = mutate.text(random, (draft / target).read_text())
        (draft / target).write_text(changed, errors="surrogatepass")
    return ["train", "model", DRAFT]


def held(random: Random, ground: Ground, folder: Path, answers: Answers) -> list[str]:
    """A cube with a run that a gate held back, whole or with a damaged file, published or discarded."""
    cube = Path(shutil.copytree(ground.held, folder / "cube"))
    if random.random() < 0.5:
        files = [path for path in sorted(cube.rglob("*")) if path.is_file()]
        mutate.file(random, random.choice(files))
    argv = random.choice(
        (["publish", "cube", ground.held_run, "--because", "it is so"], ["discard", "cube", ground.held_run])
    )
    return mutate.command(random, argv, OPTIONS)


def predict(random: Random, ground: Ground, folder: Path, answers: Answers) -> list[str]:
    """An image that is damaged or strange, mapped with a model."""
    image = Path(shutil.copy(ground.labelled / "images" / "0.tif", folder / "image.tif"))
    if random.random() < 0.8:
        if random.random() < 0.4:
            mutate.file(random, image)
        else:
            mutate.raster(random, image, huge=False)
    argv = [
        "predict",
        image.name,
        "out.tif",
        "--model",
        str(ground.model),
        *random.choice(([], ["--bands", "3,2,1,4"])),
    ]
    return mutate.command(random, argv, OPTIONS) if random.random() < 0.5 else argv

"""How the commands and examples of README.md and docs/ are run by a test, where they cannot be run just as printed.

Each table names a page and how a command or a block on it begins.
"""

from docs_folder import EAST, FEW_STEPS, PLACE, TINY_UNET, WEST, label_sample, publish_scenes

CLUSTER = "a Ray head on fixed ports: tests/pipeline/execution/test_jobs.py starts one on others and submits this job"
CATALOGS = "asks catalogs of the network: tests/pipeline/test_init.py asks one of this machine"
BUCKET = "needs a bucket: tests/pipeline/config/test_model.py has one"
ELSEWHERE = {
    ("README.md", "make demo"): "installs, and maps for minutes: tests/pipeline/demo/test_first_act.py has a small one",
    ("README.md", "make test"): "runs the tests, of which this is one",
    ("docs/init.md", "idgbr init"): CATALOGS,
    ("docs/init.md", "idgbr train model tyrol"): "needs what the command before writes",
    ("docs/init.md", "idgbr run tyrol"): "needs what the command before writes",
    ("README.md", "export RAY_AUTH_MODE"): CLUSTER,
    ("README.md", "export RAY_USAGE_STATS"): CLUSTER,
    ("README.md", "ray start"): CLUSTER,
    ("README.md", "ray job submit"): CLUSTER,
    ("docs/tutorial.md", "make demo"): "as in README.md",
    (
        "docs/tutorial.md",
        ".venv/bin/idgbr demo",
    ): "maps for minutes: tests/pipeline/demo/test_second_act.py has a small one",
    ("docs/serving.md", "idgbr serve s3://"): "needs a bucket and port 80: tests/pipeline/serve asks local cubes",
    ("docs/operating.md", "aws s3 cp"): BUCKET,
    ("docs/operating.md", "idgbr predict image.tif"): BUCKET,
    ("docs/operating.md", "idgbr run region.yaml --dask"): "needs a Dask scheduler: tests/pipeline/analysis has one",
}
"""Commands that are only parsed, and why."""

STANDS_FOR = {
    ("README.md", "idgbr serve cube"): ("serve cube", "serve cube --port 0"),
    ("docs/mosaics.md", "idgbr provider"): (
        "https://example.org/stac --collection aerial-2024",
        "ground/catalog.json --collection sentinel-2-l2a",
    ),
    ("docs/reports.md", "idgbr report cube RUN"): ("RUN", "$(basename $(ls -d cube/runs/* | head -1))"),
    ("docs/serving.md", "idgbr serve cube "): ("serve cube", "serve cube --port 0"),
}
"""Words of a command, and those in their place: a port that is free, a collection of this machine, the id of a run."""

FILES = {
    ("README.md", "name:"): ("region.yaml", PLACE),
    ("docs/tutorial.md", "name:"): ("region.yaml", PLACE),
    ("docs/change.md", "title:"): (
        "recipe.yaml",
        FEW_STEPS | {"spn": {"areas": {"kind": "folder", "path": "houses"}, "foreground": [1], "steps": 2}},
    ),
    ("docs/unlabelled.md", "title: Diffusion"): (
        "ddpm.yaml",
        FEW_STEPS
        | {"areas": {"kind": "cube", "path": "cube", "windows": 2, "side": 64, "bbox": WEST}}
        | {"validation": {"kind": "cube", "path": "cube", "windows": 1, "side": 64, "bbox": EAST}}
        | {"model_args": TINY_UNET, "sampling_steps": 2},
    ),
}
"""Files that a page shows: the name, and the keys that are others here."""

FIRST = {
    ("README.md", "idgbr update"): publish_scenes,
    ("README.md", "idgbr accuracy"): label_sample,
    ("docs/accuracy.md", "idgbr accuracy"): label_sample,
}
"""What somebody does before a command."""

NAMES = {
    ("docs/change.md", "from idgbr.change"): "import numpy\nbefore_CHW, after_CHW = numpy.full((2, 4, 64, 64), 900.0)",
    ("docs/refining.md", "from idgbr import"): "import numpy\nimage_BCHW = numpy.full((1, 4, 64, 64), 900.0)",
    ("docs/refining.md", "import torch"): "import numpy\nimage_BCHW = numpy.full((1, 4, 64, 64), 900.0)",
}
"""What an example in Python takes as there."""

MAPPED = ("README.md", "docs/tutorial.md", "docs/mosaics.md")
"""Pages that begin without a cube and make it."""
TABLES = {"ELSEWHERE": ELSEWHERE, "STANDS_FOR": STANDS_FOR, "FILES": FILES, "FIRST": FIRST, "NAMES": NAMES}


def entry(table, page, text):
    return next((value for (of, start), value in table.items() if of == page and text.startswith(start)), None)

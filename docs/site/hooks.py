"""What mkdocs does besides rendering docs/: pages from elsewhere in the repository, references from the code."""

import json
from pathlib import Path
from typing import Any

from commands import commands_page
from keys import keys_page
from links import to_site
from mkdocs.structure.files import File, Files
from notebooks import notebook_page
from results import results_page

from pipeline.cli.command import app
from pipeline.config.region import Region
from pipeline.training.change_recipe import ChangeRecipe
from pipeline.training.ddpm_recipe import DDPMRecipe
from pipeline.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "cluster/manifests/README.md": "cluster.md",
    "idgbr/weights/simulated-s2/README.md": "models/simulated-s2.md",
    "idgbr/weights/simulated-s2-change/README.md": "models/simulated-s2-change.md",
}
"""Pages by their file, with their place in the site."""
NOTEBOOKS = "notebooks/map-a-region", "notebooks/query-and-judge"
RECIPES = {
    "idgbr train coarse, idgbr train refiner": Recipe,
    "idgbr train ddpm": DDPMRecipe,
    "idgbr train change": ChangeRecipe,
}


def pages() -> dict[str, str]:
    """Every page that is a file, with its place in the site."""
    own = {f"docs/{path.name}": path.name for path in sorted((ROOT / "docs").glob("*.md"))}
    return own | {f"docs/{name}.ipynb": f"{name}.md" for name in NOTEBOOKS} | ELSEWHERE


def references() -> dict[str, str]:
    """The text of the pages that are made from the code, by their place in the site."""
    return {
        "reference/region.md": keys_page("The region file", {"Keys": Region}),
        "reference/recipes.md": keys_page("Recipes", RECIPES),
        "reference/commands.md": commands_page(app),
        "reference/json.md": results_page(),
    }


def on_files(files: Files, config: Any) -> Files:
    for source, place in ELSEWHERE.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text()))
    for name in NOTEBOOKS:
        path = ROOT / "docs" / f"{name}.ipynb"
        text = notebook_page(json.loads(path.read_text()), path.name)
        files.append(File.generated(config, f"{name}.md", content=text))
    for place, text in references().items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    sources = {place: source for source, place in pages().items()}
    source = sources.get(page.file.src_uri)
    return markdown if source is None else to_site(markdown, source, pages())

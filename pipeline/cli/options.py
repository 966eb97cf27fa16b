"""What several verbs ask for."""

from pathlib import Path
from typing import Annotated

import typer

RegionFile = Annotated[Path, typer.Argument(metavar="REGION.yaml", help="the region file")]
CubeFolder = Annotated[Path, typer.Argument(metavar="CUBE", help="the cube's folder")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON for programs")]

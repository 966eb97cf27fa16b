"""What several verbs ask for."""

from pathlib import Path
from typing import Annotated

import typer

RegionFile = Annotated[Path, typer.Argument(metavar="REGION.yaml", help="the region file")]
CubeFolder = Annotated[str, typer.Argument(metavar="CUBE", help="the cube's folder, or s3://bucket/prefix")]
Version = Annotated[str, typer.Argument(help="a version that `history` names, a tag, newest or previous")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON for programs")]

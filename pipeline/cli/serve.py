"""The verb that shows a cube to browsers and programs: serve."""

from typing import Annotated

import typer

from pipeline.cli.options import CubeFolder

app = typer.Typer()


@app.command()
def serve(
    cube: CubeFolder,
    host: Annotated[str, typer.Option(help="address to listen on; 0.0.0.0 for all of this machine")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free")] = 8000,
    cors: Annotated[
        list[str] | None, typer.Option(metavar="ORIGIN", help="a site whose pages may read the service; * for all")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=256, help="threads that read the cube; default: one a core")
    ] = None,
) -> None:
    """Serves a cube over HTTP until it is stopped: a page with the map, tiles, and what it knows of a point or an area.

    Only reads. There is no login: keep it to this machine, or put a proxy before it that asks for one.

    Example: `idgbr serve cube --port 8000`
    """
    from pipeline.cube.cube import Cube
    from pipeline.serve.listen import listen

    listen(Cube.open(cube), host, port, cors or (), threads)

"""`idgbr demo --serve`: the catalog of a finished demonstration."""

import threading
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from catalogs.simulated import ServerError, serve
from pipeline.config.region_file import load
from pipeline.demo.command_line import command_line
from pipeline.demo.ground import finished_world
from pipeline.errors import UserError


def serve_demo(folder: Path) -> None:
    """Serves the catalog of a finished demonstration where its region.yaml expects it, until the process is stopped.

    Raises UserError where `folder` contains no finished demonstration, the region expects another catalog, or its port
    is taken.
    """
    world, path = finished_world(folder), folder / "region.yaml"
    address = urlsplit(str(load(path).catalog))
    if address.hostname != "127.0.0.1" or not address.port:
        raise UserError(f"{path} has catalog: {address.geturl()}, which is not the demonstration's on 127.0.0.1")
    with ExitStack() as stack:
        try:
            url = stack.enter_context(serve(world.folder, address.port))
        except ServerError as error:
            raise UserError(
                f"{str(error).rstrip('.')}; `{command_line()} demo {folder}` writes a free port into {path}"
            ) from error
        print(f"the catalog of {folder} is at {url} until Ctrl-C; in another terminal:\n")
        print(f"{command_line()} update {path}", flush=True)
        threading.Event().wait()

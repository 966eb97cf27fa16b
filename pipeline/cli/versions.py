"""Verbs about a cube and its versions: status, history."""

import json

import typer

from pipeline.cli.options import AsJson, CubeFolder

app = typer.Typer()


@app.command()
def status(cube: CubeFolder, as_json: AsJson = False) -> None:
    """Shows how far a cube is: published versions, and runs under way.

    Example: `idgbr status cube --json`
    """
    from pipeline.show import table
    from pipeline.status import status as status_of

    facts = status_of(cube)
    print(json.dumps(facts)) if as_json else table(str(cube), [(what, str(value)) for what, value in facts.items()])


@app.command()
def history(cube: CubeFolder, as_json: AsJson = False) -> None:
    """Lists the published versions, newest first.

    Example: `idgbr history cube`
    """
    from pipeline import store, versions
    from pipeline.show import table

    known = versions.history(store.repository(cube))
    if as_json:
        print(json.dumps([{"version": v.snapshot, "published": v.published.isoformat(), **v.about} for v in known]))
    else:
        table(
            "versions",
            [
                (
                    v.snapshot,
                    f"{v.published:%Y-%m-%d %H:%M} UTC, {v.about['blocks']} blocks, {v.about['degraded']} degraded",
                )
                for v in known
            ],
        )

"""Verbs that change which versions a cube has: publish, discard, rollback, tag, prune."""

from datetime import timedelta
from typing import Annotated

import typer

from pipeline.cli.edited import Discarded, PruneReport, Published, RolledBack, Tagged
from pipeline.cli.options import MOST, AsJson, CubeFolder, Version
from pipeline.console.output import to_json
from pipeline.errors import UserError

app = typer.Typer()
HeldRun = Annotated[str, typer.Argument(metavar="RUN", help="a held run, as `status` names it, or its branch run-ID")]


@app.command()
def publish(
    cube: CubeFolder,
    run: HeldRun,
    because: Annotated[str, typer.Option(metavar="REASON", help="why it is right; kept in the version")],
    as_json: AsJson = False,
) -> None:
    """Publishes a run that a gate held back. Nothing is mapped again.

    Example: `idgbr publish cube run-1f0c2a --because "the lake was drained"`
    """
    from pipeline.cube.cube import Cube
    from pipeline.execution.held import publish_held

    with Cube.open(cube).lease("publish", run) as held:
        version = publish_held(held, run, because)
    print(to_json(Published(version, run, because)) if as_json else f"published {version}")


@app.command()
def discard(cube: CubeFolder, run: HeldRun, as_json: AsJson = False) -> None:
    """Deletes a run that a gate held back; the published version stays. A later run maps its blocks again.

    Example: `idgbr discard cube run-1f0c2a`
    """
    from pipeline.cube.cube import Cube
    from pipeline.execution.held import discard_held

    with Cube.open(cube).lease("discard", run) as held:
        gone = discard_held(held, run)
    print(to_json(Discarded(gone)) if as_json else f"discarded run {gone}")


@app.command()
def rollback(cube: CubeFolder, version: Version, as_json: AsJson = False) -> None:
    """Publishes an older version again as the newest; what it withdraws can be restored until it is pruned.

    Example: `idgbr rollback cube previous`
    """
    from pipeline.cube import versions
    from pipeline.cube.cube import Cube
    from pipeline.cube.items import publish_items

    with Cube.open(cube).lease("rollback", version) as held:
        newest = versions.rollback(held, version, announce=lambda: publish_items(held))
        target = versions.origin_of(held, newest).rolled_back_to
    print(to_json(RolledBack(newest, target)) if as_json else f"published {newest}, which is {target} again")


@app.command()
def tag(
    cube: CubeFolder,
    name: Annotated[str, typer.Argument(help="of a-z, 0-9, '.', '_' and '-'")],
    version: Annotated[str | None, typer.Argument(help="as `history` names it; default: the newest")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="delete the tag, whose name cannot be used again")] = False,
    as_json: AsJson = False,
) -> None:
    """Names a version for good, so that it is never pruned; every verb that takes a version takes the name.

    Example: `idgbr tag cube 2024-delivered`
    """
    from pipeline.cube import tags
    from pipeline.cube.cube import Cube

    if delete and version is not None:
        raise UserError(f"--delete takes the tag alone, not version {version!r} too; leave the version out")
    opened = Cube.open(cube)
    with opened.writing():
        snapshot = tags.remove(opened, name) if delete else tags.add(opened, name, version)
    if as_json:
        print(to_json(Tagged(name, snapshot, delete)))
    else:
        print(f"{'deleted' if delete else 'made'} tag {name} of version {snapshot}")


@app.command()
def prune(
    cube: CubeFolder,
    keep: Annotated[int, typer.Option(min=1, max=MOST, help="how many of the newest versions stay")],
    older_than: Annotated[
        int | None, typer.Option(min=0, max=36_500, metavar="DAYS", help="keep versions younger than this too")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="change nothing, print what would be deleted")] = False,
    as_json: AsJson = False,
) -> None:
    """Deletes old versions for good; tagged ones, the newest ones and runs under way stay.

    Storage younger than 24 hours, or that may belong to a run under way, is given back by a later pruning.

    Example: `idgbr prune cube --keep 5 --older-than 90`
    """
    from pipeline.console.tables import listing, print_table
    from pipeline.cube.cube import Cube
    from pipeline.cube.items import publish_items
    from pipeline.cube.retention import prune as prune_cube

    with Cube.open(cube).lease("prune", f"keep {keep}") as held:
        if not dry_run:
            publish_items(held)
        pruned = prune_cube(held, keep, None if older_than is None else timedelta(older_than), dry_run)
    kept, expired = ([version.snapshot for version in versions] for versions in (pruned.kept, pruned.expired))
    report = PruneReport(
        dry_run,
        kept,
        expired,
        pruned.running,
        pruned.abandoned,
        bytes_freed=0 if dry_run else pruned.bytes,
        bytes_unused=pruned.bytes if dry_run else 0,
        collected_before=pruned.collected_before,
    )
    if as_json:
        print(to_json(report))
        return
    rows = [
        ("kept versions", listing(kept)),
        ("expired versions", listing(expired)),
        ("runs under way", listing(pruned.running)),
        ("abandoned runs", listing(pruned.abandoned)),
        ("unused" if dry_run else "freed", f"{pruned.bytes / 1e6:,.1f} MB"),
        ("of objects written before", f"{pruned.collected_before:%Y-%m-%d %H:%M} UTC"),
    ]
    print_table("would be pruned" if dry_run else "pruned", rows)

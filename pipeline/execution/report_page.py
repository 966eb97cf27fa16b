"""The page of a run: one HTML file that needs no other, made from what the cube keeps of the run and its version."""

import json
from dataclasses import asdict, replace

from catalogs.secrets import redact
from pipeline.console import html
from pipeline.console.messages import tell
from pipeline.cube import assessments, versions
from pipeline.cube.cube import Cube
from pipeline.cube.estimates import Estimate
from pipeline.execution.report import Report, write_report
from pipeline.execution.report_maps import blocks_section, changed_section, classes_section, maps_section
from pipeline.execution.reported_run import ReportedRun, find_run
from pipeline.execution.summary import summary
from pipeline.execution.task import run_folder
from pipeline.storage.json_file import read_json

MOST_LISTED = 200


def run_page(cube: Cube, run: str | None = None) -> tuple[str, str]:
    """The id of a run, by default the newest version's, and its page.

    Reads the coarse level of each map that fits a picture, the records of the blocks, and at most
    `report_maps.MOST_READ` blocks. Raises what `find_run` raises.
    """
    found = find_run(cube, run)
    report, region, version = found.report, found.region, found.version
    blocks = sum(asdict(report.blocks).values())
    title = f"{report.name}: map of {region['period'][0]} to {region['period'][1]}"
    lead = (
        f"Version {version.snapshot}, published {version.published:%Y-%m-%d %H:%M} UTC by run {report.run}: "
        f"{report.region_km2:,.1f} km2, {report.done.segment:,} of {blocks:,} blocks mapped, "
        f"{report.count.degraded:,} degraded."
    )
    sections = (
        ("Maps", maps_section(found)),
        ("Classes", classes_section(found)),
        ("Changed against the version before", changed_section(found)),
        ("Blocks", blocks_section(found)),
        ("Estimate and actual", _costs(report)),
        ("Gates", _gates(found)),
        ("Accuracy", _accuracy(found)),
        ("Run", html.table(summary(report))),
        ("Provenance", _provenance(found)),
    )
    return report.run, html.page(title, lead, sections)


def page_file(run: str) -> str:
    """The file in the cube where a run leaves its page."""
    return f"{run_folder(run)}/report.html"


def write_page(cube: Cube, run: str) -> None:
    """Writes the page of a run that has been published. What fails is told in one sentence, and the run goes on."""
    try:
        _, text = run_page(cube, run)
        cube.files.write(page_file(run), text)
    except Exception as error:  # noqa: BLE001
        reason = " ".join(redact(str(error) or type(error).__name__).split())[:200]
        tell(
            f"the map is published, but the page of run {run} was not written ({reason}); "
            f"'idgbr report {cube.location}' writes it"
        )


def finish_report(cube: Cube, version: str) -> None:
    """Makes the report that a run left before it published name the version, and writes its page. Raises RunError."""
    run = versions.origin_of(cube, version).run
    name = f"{run_folder(run)}/report.json"
    if not cube.files.exists(name):
        return
    left = read_json(cube.files, name, Report, "the run has no page then")
    if not left.published and left.version != version:
        write_report(cube.files, run_folder(run), replace(left, version=version, published=True))
        write_page(cube, run)


def _costs(report: Report) -> str:
    expected, took = asdict(report.expected), asdict(report.took)
    rows = [
        (
            name.replace("_", " "),
            "not known" if expected[name] is None else html.text_of(expected[name]),
            html.text_of(took[name]),
            html.text_of(took[name] / expected[name]) if expected[name] and took[name] is not None else "",
        )
        for name in took
        if took[name] is not None
    ]
    return html.table(rows, ("", "estimate", "actual", "actual / estimate"), numbers=[1, 2, 3])


def _gates(run: ReportedRun) -> str:
    limits = run.region.get("gates", {})
    rows = [
        (
            name.replace("_", " "),
            "nothing to compare with" if value is None else f"{value:.2%}",
            f"{limits[f'max_{name}']:.2%}" if f"max_{name}" in limits else "",
            "passed",
        )
        for name, value in sorted((run.version.origin.gates or {}).items())
    ]
    return html.table(rows, ("gate", "value", "maximum", ""), numbers=[1, 2]) if rows else ""


def _accuracy(run: ReportedRun) -> str:
    parts = []
    for kept in assessments.of_version(run.cube, run.version.snapshot):
        rows = [(of.name, _percent(of.users), _percent(of.producers), of.mapped, of.reference) for of in kept.classes]
        columns = ("class", "user's accuracy, %", "producer's accuracy, %", "points mapped", "points labelled")
        parts.append(html.paragraph(f"{kept}, from {kept.points:,} points") + html.table(rows, columns))
    return "".join(parts)


def _percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return "none"
    return "{:.1f} ({:.1f} to {:.1f})".format(*(100 * part for part in (estimate.value, estimate.low, estimate.high)))


def _provenance(run: ReportedRun) -> str:
    region, files, folder = run.region, run.cube.files, run_folder(run.report.run)
    rows = [
        ("model", f"{region['model']}, digest {run.version.origin.model or 'not recorded'}"),
        ("catalog", redact(str(region["catalog"]))),
        ("collection", region["collection"]),
        (
            "grid",
            f"{region['grid']['crs']}, {region['grid']['resolution']:g} m, blocks of {region['grid']['block']} px",
        ),
        ("cube", str(run.cube.location)),
    ]
    if files.exists(f"{folder}/item.json"):
        software = json.loads(files.read(f"{folder}/item.json"))["properties"].get("processing:software", {})
        rows.append(("software", ", ".join(f"{name} {number}" for name, number in software.items())))
    scenes = ""
    if files.exists(f"{folder}/applied.json"):
        used = json.loads(files.read(f"{folder}/applied.json"))["used"]
        listed = [(scene["id"], scene["datetime"][:10], scene["provider"], scene["baseline"]) for scene in used]
        table = html.table(listed[:MOST_LISTED], ("scene", "day", "provider", "baseline"))
        more = html.paragraph(f"and {len(used) - MOST_LISTED:,} more") if len(used) > MOST_LISTED else ""
        scenes = html.details(f"{len(used):,} scenes", table + more)
    settings = html.details("region file", html.preformatted(redact(json.dumps(region, indent=1))))
    warnings = ""
    if run.report.warnings:
        shown = [(text,) for text in run.report.warnings[: html.ROWS]]
        warnings = html.details(f"{len(run.report.warnings):,} warnings", html.table(shown, ("warning",)))
    return html.table(rows) + warnings + scenes + settings

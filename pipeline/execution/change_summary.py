"""An update with a change model as rows for people."""

from pipeline.analysis.estimators import Estimate
from pipeline.execution.change_report import ChangeReport

MOST_CHANGES = 5


def change_summary(change: ChangeReport) -> list[tuple[str, str]]:
    """Rows of (quantity, value)."""
    device = ", ".join(f"{part} {seconds:.1f}" for part, seconds in change.device_seconds.items())
    rows = [("asked the change model", f"about {change.asked} blocks")]
    rows += [(name.replace("_", " "), f"{n} blocks: {change.reasons[name]}") for name, n in change.outcomes.items()]
    if change.replaced_km2 is not None:
        rows += [("got a new mosaic", f"{change.replaced_km2:,.2f} km2 of the blocks that went on")]
    rows += [
        ("mapped", f"{change.mapped} blocks, {change.neighbours} of them for what they see of others"),
        ("device", f"{device} s"),
    ]
    if audit := change.audit:
        recall = "nothing has changed" if audit.recall is None else with_interval(audit.recall, percent=True)
        saved = audit.saved_seconds
        rows += [
            ("audited", f"{audit.audited} of {audit.skipped} blocks that would be skipped; 95 % intervals:"),
            ("missed change", f"{with_interval(audit.missed_km2)} km2"),
            ("recall by area", recall),
            ("flicker", f"{with_interval(audit.flicker_km2)} km2"),
            ("device seconds saved", "not known, for it was interrupted" if saved is None else with_interval(saved)),
        ]
    rows += [
        (f"{each.from_} to {each.to}", f"{each.pixels:,} pixels, {each.km2:,.2f} km2")
        for each in change.changes[:MOST_CHANGES]
    ]
    return rows


def with_interval(estimate: Estimate, percent: bool = False) -> str:
    """Such as "1.2 (0.4 to 3.1)"."""
    low, value, high = (
        f"{each:.1%}" if percent else f"{each:,.3g}" for each in (estimate.low, estimate.value, estimate.high)
    )
    return f"{value} ({low} to {high})"

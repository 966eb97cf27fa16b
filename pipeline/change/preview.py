"""What an update would do, before it does it."""

from collections import Counter
from dataclasses import dataclass, fields

from pipeline.change.outcome import Outcome
from pipeline.change.questions import find_questions
from pipeline.console.tables import print_table
from pipeline.planning.describe import PlanDescription, print_description
from pipeline.planning.plan import Plan


@dataclass(frozen=True)
class ChangePreview:
    """What a change model would decide.

    asked: blocks that it would be asked about. going_on: blocks that go on without, by the reason. better: how much
    better the views of a block that is asked about must be for it to go on all the same; 0: it does not.
    """

    asked: int
    going_on: dict[str, int]
    better: float


@dataclass(frozen=True)
class UpdatePreview(PlanDescription):
    """A plan, whose blocks are those due without a change model. change: None where the region has none, or no map."""

    change: ChangePreview | None


def preview(plan: Plan, description: PlanDescription) -> UpdatePreview:
    """Asks nothing and writes nothing. Raises what `find_questions` raises."""
    settings, change = plan.region.change, None
    questions = None if settings is None else find_questions(plan, settings)
    if questions is not None:
        going = Counter(Outcome(value).reason for value in questions.going_YX[questions.going_YX > 0].tolist())
        change = ChangePreview(int(questions.asked_YX.sum()), dict(going), questions.settings.better)
    known = {each.name: getattr(description, each.name) for each in fields(PlanDescription)}
    return UpdatePreview(**known, change=change)


def print_preview(update: UpdatePreview) -> None:
    print_description(update)
    if update.change is not None:
        rows = [("asks about", f"{update.change.asked} blocks, and mosaics them")]
        rows += [("goes on", f"{count} blocks: {reason}") for reason, count in update.change.going_on.items()]
        if update.change.asked and update.change.better:
            rows.append(("goes on", "of those asked about, any of far better views, which its mosaic will tell"))
        print_table("change model", rows)

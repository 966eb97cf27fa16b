"""The command `idgbr`, its verbs by what they are about. A verb imports what it needs when it runs."""

import os
import sys

import typer

from catalogs.errors import CatalogError, CatalogUnavailable
from cluster.errors import PoolError, PoolLost
from idgbr.errors import CheckpointError, InputError
from pipeline.cli import keeping, models, query, runs, versions
from pipeline.errors import RunError, UserError

OURS = ("catalogs", "cluster", "idgbr", "pipeline")

app = typer.Typer(
    help="Large-area land cover: scenes in, boundary-refined and versioned maps out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for verbs in (runs, versions, keeping, query, models):
    app.add_typer(verbs.app)


def main() -> None:
    """Runs the command; whatever a user can cause ends in one sentence and exit code 1 (failed) or 2 (wrong use)."""
    try:
        app()
    except CatalogUnavailable as error:
        sys.exit(_told(error, 1))
    except PoolLost as error:
        _told(error, 1)
        sys.stderr.flush()
        os._exit(1)  # Ray's own way out waits for the head that is gone.
    except (UserError, CatalogError, CheckpointError, InputError, PoolError) as error:
        sys.exit(_told(error, 2))
    except RunError as error:
        sys.exit(_told(error, 1))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in OURS:
            raise
        sys.exit(_told(f"this verb needs {error.name}, which is not installed; pip install 'idgbr[demo]'", 1))
    except Exception as error:
        if not type(error).__module__.startswith(("icechunk", "obstore")):
            raise
        reason = " ".join(str(error).split())[:200]
        sys.exit(_told(f"the cube's storage failed ({reason}); see that it can be reached, and run the same again", 1))
    except KeyboardInterrupt:
        sys.exit(_told("interrupted; the same command again continues", 130))


def _told(what: object, code: int) -> int:
    for line in str(what).splitlines():
        print(f"idgbr: {line}", file=sys.stderr)
    return code

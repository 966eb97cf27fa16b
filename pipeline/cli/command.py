"""The verbs of the command, and the exit code of what they raise. A verb imports what it needs when it runs."""

import os
import sys
from contextlib import suppress
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any

import typer

from catalogs.errors import CatalogError, CatalogUnavailable, SearchHeld
from catalogs.secrets import redact
from cluster.errors import PoolError, PoolLost
from idgbr.errors import CheckpointError, InputError
from pipeline.cli import (
    accuracy,
    check,
    demo,
    detect_change,
    edits,
    export,
    init,
    join,
    models,
    predict,
    provider,
    query,
    reduce,
    report,
    runs,
    sample,
    serve,
    stats,
    streams,
    versions,
)
from pipeline.console.logs import LOG, start_logs
from pipeline.console.messages import os_sentence, tell
from pipeline.console.output import to_json
from pipeline.errors import RunError, RunHeld, UserError
from pipeline.storage.lease import CubeHeld

OURS = ("catalogs", "cluster", "idgbr", "pipeline")
WRONG_USE: Any = typer.BadParameter.__mro__[1]
"""What typer raises for words that a verb does not take. It stands in different modules of its versions."""
HELD_BACK = 3
HELD = 75
"""EX_TEMPFAIL of sysexits.h: nothing is wrong, try again later."""
EXTRAS = {"matplotlib": "demo"}
"""Extras to install for a missing module; all others that a verb imports are in "map"."""
DAMAGED = (
    "a part of the cube is damaged, in an array of an earlier version of this system, which has no checksums; "
    "'idgbr check CUBE --heal' finds it and makes it due again, and the next run maps it anew"
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for verbs in (
    init,
    demo,
    runs,
    versions,
    report,
    edits,
    check,
    query,
    export,
    join,
    models,
    predict,
    provider,
    detect_change,
    stats,
    reduce,
    sample,
    accuracy,
    serve,
):
    app.add_typer(verbs.app)


def _version() -> str:
    return version_of("idgbr")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(_version())
        raise typer.Exit


@app.callback()
def idgbr(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="also tell each step, and the traceback of an error")
    ] = False,
    log_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="add what -v tells to the end of FILE, without showing it")
    ] = None,
) -> None:
    """Large-area land cover: scenes in, boundary-refined and versioned maps out."""
    start_logs(verbose, log_file)
    LOG.info("idgbr %s: %s", _version(), " ".join(sys.argv[1:]))


def run_command() -> None:
    """Runs the command of `sys.argv`.

    Exit code 1: failed, 2: wrong use, HELD_BACK: a gate held the run back, HELD: another run has the cube.

    An error is one line; errors of a file are one line each.
    """
    try:
        streams.prepare()
        try:
            sys.exit(app(prog_name="idgbr", standalone_mode=False) or 0)
        finally:
            LOG.info("ended")
            streams.flush()
    except WRONG_USE as error:
        sys.exit(_wrong_use(error.format_message(), error.ctx))
    except typer.Abort:  # What typer makes of an EOFError.
        sys.exit(_fail("a file ends too early; see that those which the verb reads are whole", 1))
    except (CubeHeld, SearchHeld) as error:
        sys.exit(_fail(error, HELD))
    except CatalogUnavailable as error:
        sys.exit(_fail(error, 1))
    except PoolLost as error:
        _fail(error, 1)
        sys.stderr.flush()
        os._exit(1)  # Ray's own way out waits for the head that is gone.
    except (UserError, CatalogError, CheckpointError, InputError, PoolError) as error:
        sys.exit(_fail(error, 2))
    except RunHeld as error:
        sys.exit(_fail(error, HELD_BACK))
    except RunError as error:
        sys.exit(_fail(error, 1))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in OURS:
            raise
        module = error.name.split(".")[0]
        extra = EXTRAS.get(module, "map")
        sys.exit(_fail(f"this verb needs {module}, which is not installed; pip install 'idgbr[{extra}]'", 1))
    except BrokenPipeError:
        streams.discard()
        sys.exit(1)
    except OSError as error:
        streams.discard()
        sys.exit(_fail(os_sentence(error), 1))
    except UnicodeError as error:
        sys.exit(_fail(f"a name or a text is not UTF-8 ({error.reason if hasattr(error, 'reason') else error})", 2))
    except MemoryError:
        sys.exit(_fail("the memory is used up; give the command more, or less to do at once", 1))
    except Exception as error:
        if isinstance(error, RuntimeError) and "blosc decompression" in str(error):
            sys.exit(_fail(DAMAGED, 1))
        if not type(error).__module__.startswith(("icechunk", "obstore")):
            raise
        reason = " ".join(str(error).split())[:200]
        sys.exit(_fail(f"the cube's storage failed ({reason}); see that it can be reached, and run the same again", 1))
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":  # A panic of a library in Rust, which is no Exception.
            raise
        reason = " ".join(str(error).split())[:200]
        sys.exit(_fail(f"a library failed ({reason}); see that the cube's files can be read and are whole", 1))


def _wrong_use(said: str, context: typer.Context) -> int:
    """Tells what a verb does not take, or nothing where the command without a verb has shown its help."""
    if not said:
        return 2
    takes_json = any(parameter.name == "as_json" for parameter in context.command.params)
    streams.json_wanted = takes_json and "--json" in sys.argv  # Words may be refused before `--json` is looked at.
    end = "" if said.endswith((".", "?")) else "."
    return _fail(f"{' '.join(said.split())}{end} See '{context.command_path} --help'", 2)


def _fail(error: object, code: int) -> int:
    """Tells an error on the standard error, and as {"error": ...} on the output of a verb asked for JSON."""
    told = redact(str(error))
    LOG.error("exit code %d: %s", code, told, exc_info=True)
    tell(told)
    if streams.json_wanted:
        with suppress(OSError):
            print(to_json({"error": told}), flush=True)
    return code

"""What calls this command."""

import shutil
import sys
from pathlib import Path

from pipeline.console.output import from_here


def command_line() -> str:
    """What calls this command from the working directory, also where its environment is not activated."""
    found = shutil.which("idgbr")
    own = Path(sys.executable).with_name("idgbr")
    if (found and Path(found).samefile(own)) or not own.exists():
        return "idgbr"
    return from_here(own)

"""What calls this command."""

import os
import shutil
import sys
from pathlib import Path


def command_line() -> str:
    """What calls this command from the working directory, also where its environment is not activated."""
    found = shutil.which("idgbr")
    own = Path(sys.executable).with_name("idgbr")
    if (found and Path(found).samefile(own)) or not own.exists():
        return "idgbr"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)

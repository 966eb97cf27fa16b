"""Paths that a YAML file names."""

from pathlib import Path

from pipeline.config.yaml_file import brief


def check_path(path: Path) -> None:
    """Raises ValueError with a sentence about a path that the system cannot look up; whether it exists is not asked."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise ValueError(f"{brief(str(path))} cannot be used: {error.strerror}; name another path") from None
    except ValueError:
        raise ValueError(f"{brief(str(path))!r} is no path; name another") from None

"""What happens, line by line: on the standard error with -v, in a file with --log-file."""

import logging
import time
from pathlib import Path

from catalogs.secrets import redact
from pipeline.errors import UserError

LOG = logging.getLogger("idgbr")
LOG.addHandler(logging.NullHandler())  # without any handler, logging writes errors to the standard error itself
FORMAT = "%(asctime)sZ %(levelname)s %(name)s: %(message)s"


class _Redacted(logging.Formatter):
    """Lines in UTC, without secrets."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def start_logs(verbose: bool, file: Path | None) -> None:
    """Sends what is logged, from INFO on, to the standard error and to the end of a file, where they are asked for.

    Raises UserError if the file cannot be written.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler()] if verbose else []
    if file is not None:
        try:
            handlers.append(logging.FileHandler(file, delay=False))
        except OSError as error:
            raise UserError(f"--log-file is {file}, which cannot be written ({error.strerror}); name another") from None
    for handler in handlers:
        handler.setFormatter(_Redacted(FORMAT, "%Y-%m-%dT%H:%M:%S"))
        LOG.addHandler(handler)
        logging.getLogger("py.warnings").addHandler(handler)
    if handlers:
        LOG.setLevel(logging.INFO)
        logging.captureWarnings(True)


def stop_logs() -> None:
    """Closes what `start_logs` has opened, for a process that goes on."""
    for name in (LOG.name, "py.warnings"):
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            if not isinstance(handler, logging.NullHandler):
                logger.removeHandler(handler)
                handler.close()
    logging.captureWarnings(False)

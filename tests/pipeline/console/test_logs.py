"""What -v shows and --log-file keeps."""

import logging

import pytest
from command import run_here

from pipeline.console.logs import LOG, start_logs, stop_logs
from pipeline.errors import UserError


@pytest.fixture(autouse=True)
def stopped():
    yield
    stop_logs()


def test_a_log_file_keeps_commands_errors_and_tracebacks_and_grows(tmp_path):
    log = tmp_path / "log.txt"
    for _ in range(2):
        done = run_here("--log-file", log, "status", tmp_path / "none")
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
    text = log.read_text()
    assert text.count(f": --log-file {log} status") == 2
    assert text.count("ERROR idgbr: exit code 2: there is no cube at") == 2
    assert text.count("Traceback (most recent call last)") == 2


def test_verbose_shows_it_beside_the_sentence(tmp_path):
    done = run_here("-v", "status", tmp_path / "none")
    assert "INFO idgbr: idgbr " in done.stderr
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("idgbr: there is no cube")
    assert not any(isinstance(handler, logging.StreamHandler) for handler in LOG.handlers)


def test_secrets_are_not_logged(capfd):
    start_logs(True, None)
    LOG.info("reads https://example.com/a.tif?sig=SECRETSECRET&se=2024")
    assert "SECRETSECRET" not in capfd.readouterr().err


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"--log-file is .*none/log, which cannot be written"):
        start_logs(False, tmp_path / "none" / "log")
    assert logging.getLogger("py.warnings").handlers == []

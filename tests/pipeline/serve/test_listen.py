"""The service on a socket."""

import json
import re
import signal
import socket
import urllib.request

from command import idgbr, run_here, sentence


def test_a_cube_is_served_until_the_process_is_stopped(undisturbed):
    process = idgbr("serve", undisturbed[0].cube, "--port", 0)
    line = process.stderr.readline()
    address = re.search(r"http://127\.0\.0\.1:\d+/", line)
    assert address, line
    with urllib.request.urlopen(f"{address[0]}cube", timeout=30) as answer:
        assert json.load(answer)["newest"] == undisturbed[1].version
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in told


def test_a_port_that_is_taken_is_told(undisturbed):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run_here("serve", undisturbed[0].cube, "--port", port)
    assert f"cannot listen at '127.0.0.1', port {port}" in sentence(done, 1)

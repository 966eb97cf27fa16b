"""A web server in a thread of its own whose answers are written byte by byte."""

import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def raw_server(answer):
    """Yields its URL; `answer(handler)` reads a request and writes to `handler.wfile`."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            with suppress(OSError):
                answer(self)

        do_POST = do_GET

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def document(content, length=None, **headers):
    """The bytes of a whole answer, or of one whose `length` says that more will come."""
    facts = {"Content-Length": len(content) if length is None else length, **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in facts.items()]
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode() + content

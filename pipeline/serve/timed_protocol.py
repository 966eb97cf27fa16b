"""HTTP/1.1 on a connection, with a bound on how long a client may take to ask and to be answered."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REASON = b'{"error": "the request came too slowly; send it again, faster"}'
LATE = b"\r\n".join(
    (
        b"HTTP/1.1 408 Request Timeout",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(REASON),
        b"Connection: close",
        b"",
        REASON,
    )
)


class TimedProtocol(H11Protocol):
    """Ends a connection whose next request has not come after `head` seconds, however many bytes of it have, and one
    whose request has not been read and answered `answer` seconds after its head."""

    def __init__(self, *arguments: Any, head: float, answer: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head, self._answer = head, answer
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._within(self._head)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._within(self._answer)

    def on_response_complete(self) -> None:
        self._within(self._head)
        super().on_response_complete()

    def _within(self, seconds: float) -> None:
        self._forget()
        self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _too_slow(self) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None:
            self.transport.write(LATE)
            self.transport.close()
        else:
            self.transport.abort()

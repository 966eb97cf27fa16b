"""The HTTP service of a cube."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.cube.cube import Cube
from pipeline.errors import RunError, UserError
from pipeline.serve.area_routes import area_routes
from pipeline.serve.layer_routes import layer_routes
from pipeline.serve.origin import check_origin
from pipeline.serve.query_routes import query_routes
from pipeline.serve.server import Limits, Server
from pipeline.serve.tile_routes import tile_routes
from pipeline.serve.workers import Busy

PAGE = Path(str(files("pipeline.serve"))) / "page"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(cube: Cube, origins: Sequence[str] = (), limits: Limits | None = None) -> FastAPI:
    """The service of a cube, for any ASGI server. origins: those whose pages may read it (CORS), "*" for all.

    Raises UserError for an origin that no browser sends.
    """
    for origin in origins:
        check_origin(origin)
    server = Server.of(cube, limits or Limits())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        server.workers.close()

    app = FastAPI(
        title="idgbr", version=version("idgbr"), description=__doc__, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    _handle_errors(app)
    app.include_router(tile_routes(server))
    app.include_router(layer_routes(server))
    app.include_router(query_routes(server))
    app.include_router(area_routes(server))
    app.mount("/", _Page(directory=PAGE, html=True))

    app.add_middleware(_Head)
    app.add_middleware(_Headers)
    if origins:
        app.add_middleware(CORSMiddleware, allow_origins=list(origins), allow_methods=["GET", "POST"])
    return app


class _Page(StaticFiles):
    """The page's files. A range that is none is an HTTPException as other errors are, not a text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def refuse(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                asked = Headers(scope=scope).get("range", "")
                size = Headers(raw=message["headers"]).get("content-range")
                raise HTTPException(
                    message["status"],
                    f"Range is {asked!r:.60}; give bytes that the file has, such as bytes=0-99, or leave it out",
                    None if size is None else {"Content-Range": size},
                )
            await send(message)

        await super().__call__(scope, receive, refuse)


class _Headers:
    """Adds `HEADERS` to each answer. Starlette's own way for this puts a task and a stream around each."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers)


class _Head:
    """Answers HEAD as GET without the body (RFC 9110, 9.1), for FastAPI's routes take GET alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, without_body)


def _handle_errors(app: FastAPI) -> None:
    """Makes each error {"error": one sentence}."""

    @app.exception_handler(UserError)
    async def wrong(_: Request, error: UserError) -> JSONResponse:
        return _refusal(400, str(error))

    @app.exception_handler(RunError)
    async def failed(_: Request, error: RunError) -> JSONResponse:
        return _refusal(500, str(error))

    @app.exception_handler(Exception)
    async def defect(_: Request, error: Exception) -> JSONResponse:
        return _refusal(500, "the service failed at this request by a defect of its own; its log has the traceback")

    @app.exception_handler(Busy)
    async def busy(_: Request, error: Busy) -> JSONResponse:
        return _refusal(503, str(error), {"Retry-After": "1"})

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        said = [f"{'.'.join(map(str, row['loc'][1:])) or 'the body'}: {row['msg']}" for row in error.errors()]
        return _refusal(422, "; ".join(said)[:500])

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> JSONResponse:
        return _refusal(error.status_code, str(error.detail), dict(error.headers or {}))


def _refusal(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": sentence}, status, headers)

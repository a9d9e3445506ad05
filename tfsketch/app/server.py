"""The editor in the browser: a small server of one page, which draws strokes and asks for pictures.

The page (`web/`) keeps and shows the strokes; the server keeps the photographs and runs the models (`studio`).

A photograph is sent once (`POST /api/pictures`, the file itself) and gets a random name. The page gets a preview of at
most `pictures.PREVIEW` pixels a side to draw on, and parts of the photograph and of results at full size when zoomed in
(`?box=`, `POST /api/tile`); results are cropped to the mask's box at the preview's scale, and `POST /api/file` returns
the whole result at full size, with the photograph's metadata. A second photograph, for its style, is sent the same way
and has its own name. A drawing (`POST /api/sketch?level=0`, the file itself) comes back as strokes, and is forgotten. A
named run (a header `Job`) reports its progress (`GET /api/jobs/NAME`) and can be cancelled (`POST` to the same); a
client that disconnects, as a page that is reloaded or closed, cancels its own.

Safety, since a server takes untrusted input:

- It listens on this machine alone unless told otherwise, and answers only under the names it was given, so that no page
  of elsewhere can reach it by a name that resolves here. Requests that change something need a content type that a
  browser sends across origins only after asking, and nothing here answers that question.
- The page's own files are read from a fixed list, and nothing is written to the disk (`studio`).
- Bodies are limited before they are read.

Errors are the package's: one line of what was expected and what was found, as `{"error": ...}` with status 400.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from tfsketch import zoo
from tfsketch.app import LOOPBACK, check_extra
from tfsketch.app.examples import web_file
from tfsketch.app.jobs import Ended, Jobs
from tfsketch.app.studio import BusyError, Studio
from tfsketch.conditions import strokes as strokes_lib
from tfsketch.config.shipped import PRECISIONS
from tfsketch.errors import ImageError, TfsketchError, cause

MAX_UPLOAD = 64 * 2**20
"""Bytes of a photograph's file."""

_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}
MODULES = (
    "app backend controls detail drawing feedback files furniture gallery history keep keys masks opening "
    "panel pointer results saving settings shapes stage state strokes variation"
).split()
"""The page's ES modules, files of `web/`."""
PAGE = ("index.html", "app.css", "icon.svg", "vendor/konva.min.js", *(f"{name}.js" for name in MODULES))
"""The page's files in `web/`, each answered under its own path there; the first one under `/` too."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create(studio: Studio, hosts: Sequence[str]) -> Any:
    """The server's application.

    Args:
      studio: the work behind it.
      hosts: names under which it answers; "*" is any.

    Returns:
      A Starlette application.

    Raises:
      TfsketchError: the extra `app` is not installed.
    """
    check_extra()
    from starlette import applications, middleware, requests, responses, routing
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    jobs = Jobs()

    async def body(request: requests.Request, kind: str, limit: int) -> bytes:
        """A request's body, in memory, up to a limit."""
        actual = request.headers.get("content-type", "").split(";")[0].strip()
        if actual != kind:
            raise TfsketchError(f"content-type: expected {kind}, found {actual[:40]!r}")
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise ImageError(f"expected at most {limit:,} bytes, found more")
            parts.append(part)
        return b"".join(parts)

    async def work(task: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.wrap_future(studio.submit(task, *arguments))

    async def tree(request: requests.Request) -> Any:
        data = await body(request, "application/json", strokes_lib.MAX_BYTES)
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise TfsketchError(f"expected JSON, found: {cause(error)}") from error

    async def guard(request: requests.Request, go_on: Callable) -> responses.Response:
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > MAX_UPLOAD:
            response = responses.JSONResponse({"error": f"expected at most {MAX_UPLOAD:,} bytes, found more"}, 413)
        else:
            response = await go_on(request)
        response.headers.update(_HEADERS)
        return response

    async def on_refusal(request: requests.Request, error: Exception) -> responses.Response:
        del request
        status = 503 if isinstance(error, BusyError) else 409 if isinstance(error, Ended) else 400
        return responses.JSONResponse({"error": str(error)}, status)

    async def on_hang_up(request: requests.Request, error: Exception) -> responses.Response:
        # A client that disconnects in the middle of a body gets no answer; that is not a server error.
        del request, error
        return responses.Response(status_code=400)

    async def on_failure(request: requests.Request, error: Exception) -> responses.Response:
        # The reason is in the server's log, not for the client.
        del request, error
        return responses.JSONResponse({"error": "something went wrong here; the server's log says what"}, 500)

    def page(name: str) -> Callable:
        kind = _TYPES[name.rpartition(".")[2]]

        async def answer(request: requests.Request) -> responses.Response:
            del request
            return responses.Response(web_file(name), media_type=kind)

        return answer

    async def state(request: requests.Request) -> responses.Response:
        del request
        state = studio.state()
        return responses.JSONResponse(state | {"limits": state["limits"] | {"bytes": MAX_UPLOAD}})

    async def pictures(request: requests.Request) -> responses.Response:
        data = await body(request, "application/octet-stream", MAX_UPLOAD)
        return responses.JSONResponse(await work(studio.open, data))

    async def sketch(request: requests.Request) -> responses.Response:
        data = await body(request, "application/octet-stream", MAX_UPLOAD)
        level = request.query_params.get("level", "0")
        try:
            number = float(level)
        except ValueError as error:
            raise TfsketchError(f"level: expected a number from -1 to 1, found {level[:40]!r}") from error
        return responses.JSONResponse(await work(studio.sketch, data, number))

    async def preview(request: requests.Request) -> responses.Response:
        name, box = request.path_params["name"], request.query_params.get("box")
        if box is None:
            return responses.Response(await work(studio.preview, name), media_type="image/jpeg")
        numbers = [int(number) if number.isdecimal() else -1 for number in box[:60].split(",")]
        return responses.Response(await work(studio.tile, name, numbers), media_type="image/jpeg")

    async def example(request: requests.Request) -> responses.Response:
        await body(request, "application/json", 1024)
        return responses.JSONResponse(await work(studio.example, request.path_params["name"]))

    async def thumbnail(request: requests.Request) -> responses.Response:
        return responses.Response(await work(studio.thumbnail, request.path_params["name"]), media_type="image/jpeg")

    async def run(request: requests.Request) -> responses.Response:
        request_tree, name = await tree(request), request.headers.get("job", secrets.token_hex(8))
        watch = jobs.begin(name)

        async def end_without_asker() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            jobs.end(name)

        waiting = asyncio.ensure_future(end_without_asker())
        try:
            return responses.JSONResponse(await work(studio.run, request_tree, watch))
        finally:
            waiting.cancel()
            jobs.close(name)

    async def progress(request: requests.Request) -> responses.Response:
        return responses.JSONResponse({"share": jobs.share(request.path_params["name"])})

    async def end(request: requests.Request) -> responses.Response:
        await body(request, "application/json", 1024)
        jobs.end(request.path_params["name"])
        return responses.JSONResponse({})

    async def mask(request: requests.Request) -> responses.Response:
        return responses.JSONResponse(await work(studio.mask, await tree(request)))

    async def result_tile(request: requests.Request) -> responses.Response:
        return responses.Response(await work(studio.result_tile, await tree(request)), media_type="image/jpeg")

    async def go_on(request: requests.Request) -> responses.Response:
        return responses.JSONResponse(await work(studio.go_on, await tree(request)))

    async def file(request: requests.Request) -> responses.Response:
        data, kind, notes = await work(studio.file, await tree(request))
        return responses.Response(data, media_type=kind, headers={"x-notes": json.dumps(notes)})

    names = [] if "*" in hosts else [middleware.Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))]
    return applications.Starlette(
        routes=[
            routing.Route("/", page(PAGE[0])),
            *(routing.Route(f"/{name}", page(name)) for name in PAGE),
            routing.Route("/api/state", state),
            routing.Route("/api/pictures", pictures, methods=["POST"]),
            routing.Route("/api/pictures/{name}", preview),
            routing.Route("/api/sketch", sketch, methods=["POST"]),
            routing.Route("/api/examples/{name}", thumbnail),
            routing.Route("/api/examples/{name}", example, methods=["POST"]),
            routing.Route("/api/run", run, methods=["POST"]),
            routing.Route("/api/jobs/{name}", progress),
            routing.Route("/api/jobs/{name}", end, methods=["POST"]),
            routing.Route("/api/mask", mask, methods=["POST"]),
            routing.Route("/api/continue", go_on, methods=["POST"]),
            routing.Route("/api/tile", result_tile, methods=["POST"]),
            routing.Route("/api/file", file, methods=["POST"]),
        ],
        middleware=[*names, middleware.Middleware(BaseHTTPMiddleware, dispatch=guard)],
        exception_handlers={
            TfsketchError: on_refusal,
            requests.ClientDisconnect: on_hang_up,
            Exception: on_failure,
        },
    )


def serve(
    host: str = "127.0.0.1",
    port: int = 7860,
    models: Sequence[str] = zoo.SHIPPED,
    ready: Callable[[str], None] = lambda address: None,
    precision: str = PRECISIONS[0],
) -> None:
    """Runs the server until it is interrupted.

    Args:
      host: an address of this machine; any but a loopback address can be reached from elsewhere, by anyone.
      port: 0 is any free one.
      models: see `Studio`.
      ready: called with the page's address as soon as it answers.
      precision: see `Studio`.

    Raises:
      TfsketchError: the address is taken or not this machine's, a model cannot be loaded or have the precision, or the
        extra is missing.
    """
    import socket

    name = f"[{host}]" if ":" in host else host
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except (OSError, OverflowError) as error:
            raise TfsketchError(f"{host}:{port}: expected a free address of this machine, found {error}") from error
        # Models are loaded once the address is ours: to hear that it is taken then takes no time.
        studio = Studio(models, precision)
        try:
            studio.submit(studio.warm_up)
            server = create(studio, LOOPBACK if host in LOOPBACK else ("*",))
            import uvicorn

            class Announced(uvicorn.Server):
                async def startup(self, sockets: list | None = None) -> None:
                    await super().startup(sockets)
                    ready(f"http://{name}:{listening.getsockname()[1]}/")

            settings = uvicorn.Config(server, log_level="warning", server_header=False, limit_concurrency=64)
            Announced(settings).run([listening])
        finally:
            studio.close()

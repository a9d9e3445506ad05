"""What the servers bear: `python -m tests.proof.load`.

The app runs as its binary in a process of its own, with a small model of random weights, so that what is measured is
the server and not a network. The served graph runs behind the tests' stand-in for TensorFlow Serving. Clients are
threads here; a request counts as unanswered where no whole HTTP answer comes within a minute. The tables go between
their marks in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import base64
import collections
import concurrent.futures
import datetime
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from tests.app.client import STROKES, gradient, png_of
from tests.proof.crowd import Client, crowd, rss_of
from tests.stand_in import StandIn
from tests.tiny import EDITING, save_model
from tfsketch import systems, zoo
from tfsketch.app.server import MAX_UPLOAD
from tfsketch.evaluation import report
from tfsketch.export import saved_model

ROOT = pathlib.Path(__file__).resolve().parents[2]
_BYTES = {"Content-Type": "application/octet-stream"}


def _model(folder: pathlib.Path) -> pathlib.Path:
    """A model directory of the smallest network that edits, with random weights."""
    tf.keras.utils.set_random_seed(7)
    return save_model(folder, systems.build(EDITING), EDITING)


class App:
    """The app as its binary; ends with the context."""

    def __init__(self, model: pathlib.Path):
        command = [sys.executable, "-m", "tools.app", f"--model={model}", "--port=0", "--nobrowser"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = next((line for line in self._process.stdout if "http://" in line), "")
        self.port = int(line.split("http://")[1].split("/")[0].rpartition(":")[2])

    def __enter__(self) -> App:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)

    def rss(self) -> float:
        """MiB of memory in use."""
        return rss_of(self._process.pid)


def _line(title: str, clients: int, statuses: Mapping[int, int], seconds: list[float], whole: float, rss: str) -> str:
    answers = ", ".join(f"{count:,} x {status or 'none'}" for status, count in sorted(statuses.items()))
    middle, late = (1000 * seconds[int(share * (len(seconds) - 1))] for share in (0.5, 0.99))
    return (
        f"| {title} | {clients} | {len(seconds):,} | {answers} | {len(seconds) / whole:.0f} | {middle:.0f} | {late:.0f}"
        f" | {rss} |"
    )


def app_under_load(app: App, requests: int) -> Iterator[str]:
    """Small requests of every kind: one in ten edits, one in fifty sends a photograph."""
    picture = png_of(gradient())
    clients = [Client(app.port) for _ in range(16)]
    names = [""] * 16

    def work(client: int, number: int) -> tuple[int, float]:
        kind = number % 50
        if not names[client] or kind == 0:
            status, answer, seconds = clients[client].ask("/api/pictures", picture, _BYTES)
            names[client] = json.loads(answer)["picture"] if status == 200 else names[client]
            return status, seconds
        if kind % 10 == 5:
            edit_request = {"model": model, "picture": names[client], "strokes": STROKES, "seed": number}
            return clients[client].ask("/api/run", json.dumps(edit_request).encode())[::2]
        if kind % 10 == 7:
            return clients[client].ask(f"/api/pictures/{names[client]}")[::2]
        return clients[client].ask(random.choice(("/api/state", "/app.css", "/state.js", "/api/jobs/none")))[::2]

    model = json.loads(clients[0].ask("/api/state")[1])["models"][0]["name"]
    crowd(4, min(600, requests), work)  # what is loaded and compiled once is there before memory is looked at
    before = app.rss()
    for count in (1, 4, 16):
        names[:] = [""] * 16  # the app keeps the pictures that were used last
        start = time.monotonic()
        statuses, seconds = crowd(count, requests // 3, work)
        whole, now = time.monotonic() - start, app.rss()
        yield _line("small requests", count, statuses, seconds, whole, f"{now:.0f} MiB, {now / before - 1:+.1%}")

    def edit(client: int, number: int) -> tuple[int, float]:
        edit_request = {"model": model, "picture": names[client], "strokes": STROKES, "seed": number}
        status, _, seconds = clients[client].ask("/api/run", json.dumps(edit_request).encode())
        if status == 503:
            time.sleep(0.2)  # "try again soon"
        return status, seconds

    for client in range(16):
        names[client] = json.loads(clients[client].ask("/api/pictures", picture, _BYTES)[1])["picture"]
    start = time.monotonic()
    statuses, seconds = crowd(16, requests // 20, edit)
    now = app.rss()
    yield _line(
        "edits only", 16, statuses, seconds, time.monotonic() - start, f"{now:.0f} MiB, {now / before - 1:+.1%}"
    )


def app_misused(app: App) -> Iterator[str]:
    """What people, and others, do to a server: (what was done, what came), as lines of a table."""
    client = Client(app.port)

    def alive() -> str:
        status, _, seconds = Client(app.port).ask("/api/state")
        return f"the next request: {status} after {1000 * seconds:.0f} ms" if status == 200 else f"DEAD: {status}"

    def raw(data: bytes, wait: float = 60) -> bytes:
        with socket.create_connection(("127.0.0.1", app.port), timeout=wait) as connection:
            connection.sendall(data)
            parts = []
            try:
                while part := connection.recv(65536):
                    parts.append(part)
                    if b"\r\n\r\n" in b"".join(parts):
                        break
            except OSError:
                pass
            return b"".join(parts)

    def status(data: bytes) -> str:
        return data.split(b" ", 2)[1].decode() if data.startswith(b"HTTP/") else f"none ({data[:20]!r})"

    post = b"POST /api/pictures HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
    upload = client.ask("/api/pictures", bytes(MAX_UPLOAD), _BYTES)
    yield f"| a body of {MAX_UPLOAD:,} bytes, the limit, that is no picture | {upload[0]}: {_error(upload[1])} |"
    upload = client.ask("/api/pictures", bytes(MAX_UPLOAD + 1), _BYTES)
    yield f"| one byte more | {upload[0] or 'closed before the body was sent'} {_error(upload[1])} |"
    came = status(raw(post + b"Content-Length: 1099511627776\r\n\r\n"))
    yield f"| a length of a terabyte | {came} |"
    chunk = b"%x\r\n" % 2**20 + bytes(2**20) + b"\r\n"
    before = app.rss()
    with socket.create_connection(("127.0.0.1", app.port), timeout=60) as connection:
        connection.sendall(post + b"Transfer-Encoding: chunked\r\n\r\n")
        number = 0
        try:
            for number in range(200):
                connection.sendall(chunk)
            answer = connection.recv(65536)
        except OSError:
            answer = connection.recv(65536) if number else b""
    yield f"| 200 MiB without a length, in chunks | {status(answer)} after {number + 1} MiB |"
    for side, text in ((7071, "50 megapixels, the limit"), (7100, "50.4 megapixels")):
        picture = png_of(np.full((side, side, 3), 128, np.uint8))
        upload = client.ask("/api/pictures", picture, _BYTES)
        yield f"| a picture of {text} | {upload[0]}{': ' + _error(upload[1]) if upload[0] != 200 else ''} |"
        del picture
    yield f"| memory after these | {before:.0f} -> {app.rss():.0f} MiB |"

    slow = []
    for _ in range(40):
        connection = socket.create_connection(("127.0.0.1", app.port), timeout=60)
        connection.sendall(post + b"Content-Length: 100000\r\n\r\n")
        slow.append(connection)
    times = []
    for _ in range(20):
        for connection in slow:
            connection.sendall(b"x")
        code, _, seconds = Client(app.port).ask("/api/state")
        times.append(seconds if code == 200 else 99.0)
        time.sleep(0.1)
    yield f"| 40 clients that send a byte every tenth of a second | others wait {1000 * max(times):.0f} ms at most |"
    for connection in slow:
        connection.close()

    name = json.loads(client.ask("/api/pictures", png_of(gradient()), _BYTES)[1])["picture"]
    model = json.loads(client.ask("/api/state")[1])["models"][0]["name"]
    hang_ups = 0
    for number in range(200):
        edit_request = {"model": model, "picture": name, "strokes": STROKES, "seed": number}
        body = json.dumps(edit_request).encode()
        head = (
            b"POST /api/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nJob: job-%d\r\n" % number
        )
        with socket.create_connection(("127.0.0.1", app.port), timeout=60) as connection:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body[: random.choice((None, 40))])
            time.sleep(random.choice((0.0, 0.005, 0.03)))
            hang_ups += 1
    time.sleep(2)
    edit_request = {"model": model, "picture": name, "strokes": STROKES}
    code = client.ask("/api/run", json.dumps(edit_request).encode())[0]
    yield f"| {hang_ups} clients that hang up in mid-request or in mid-run | an edit after them: {code}; {alive()} |"

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        codes = collections.Counter(pool.map(lambda _: Client(app.port).ask("/api/state")[0], range(200)))
    counts = ", ".join(f"{count} x {code or 'none'}" for code, count in sorted(codes.items()))
    yield f"| 200 connections at once | {counts}; {alive()} |"

    lines = (
        ("another host name", b"GET /api/state HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n"),
        (
            "another origin's form (text/plain)",
            b"POST /api/run HTTP/1.1\r\nHost: localhost\r\nOrigin: http://elsewhere.example\r\n"
            b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
        ),
        (
            "another origin's question before a request",
            b"OPTIONS /api/run HTTP/1.1\r\nHost: localhost\r\nOrigin: http://elsewhere.example\r\n"
            b"Access-Control-Request-Method: POST\r\n\r\n",
        ),
        ("a path out of the page's folder", b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("no HTTP at all", b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n"),
    )
    for what, request in lines:
        answer = raw(request, 5)
        access = " with access allowed!" if b"access-control-allow" in answer.lower() else ""
        yield f"| {what} | {status(answer)}{access} |"
    yield f"| after all this | {alive()} |"


def _error(answer: bytes) -> str:
    try:
        return json.loads(answer)["error"]
    except (ValueError, KeyError):
        return answer[:60].decode(errors="replace")


def served_graph(model: pathlib.Path, scratch: pathlib.Path, requests: int) -> Iterator[str]:
    """The exported graph behind the stand-in, here in this process; growth is of all of it, clients included."""
    copy = zoo.load_model(model)
    base = scratch / "models" / "tiny"
    saved_model.export(copy, systems.signatures(copy), base)
    server = StandIn(base)
    port = server.http.server_port
    mask = np.zeros((60, 80), np.uint8)
    mask[15:45, 20:60] = 255
    row = {"image_bytes": png_of(gradient()), "mask_bytes": png_of(mask)}
    columns = server.signatures["serving_default"].structured_input_signature[1]
    row |= {key: png_of(np.zeros((60, 80), np.uint8)) for key in columns if key not in row}
    good = {"instances": [{key: {"b64": base64.b64encode(value).decode()} for key, value in row.items()}]}
    bodies = [json.dumps(good).encode()]
    bad = {"instances": [{**good["instances"][0], "image_bytes": {"b64": base64.b64encode(b"no picture").decode()}}]}
    bodies.append(json.dumps(bad).encode())
    clients = [Client(port) for _ in range(16)]

    def work(client: int, number: int) -> tuple[int, float]:
        # One bad request fails its whole batch, as in TensorFlow Serving, so that the two kinds are not mixed.
        return clients[client].ask("/v1/models/tiny:predict", bodies[kind])[::2]

    kind = 0
    crowd(4, 40, work)
    before = rss_of(os.getpid())
    for count in (1, 4, 16):
        start = time.monotonic()
        statuses, seconds = crowd(count, requests // 3, work)
        whole, now = time.monotonic() - start, rss_of(os.getpid())
        yield _line(
            "edits by the served graph", count, statuses, seconds, whole, f"{now:.0f} MiB, {now / before - 1:+.1%}"
        )
    kind = 1
    start = time.monotonic()
    statuses, seconds = crowd(16, requests // 10, work)
    whole, now = time.monotonic() - start, rss_of(os.getpid())
    yield _line("requests without a picture", 16, statuses, seconds, whole, f"{now:.0f} MiB, {now / before - 1:+.1%}")
    server.http.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--served", type=int, default=1_500, help="requests to the served graph")
    parser.add_argument("--markdown", default="", help="where the tables go, such as docs/reliability.md")
    arguments = parser.parse_args()
    random.seed(0)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="load-"))
    head = "| requests | clients | number | answers | a second | median, ms | 99 %, ms | memory, growth |"
    lines = [head, "| --- | ---: | ---: | --- | ---: | ---: | ---: | --- |"]
    rows = ["| done to the app | came |", "| --- | --- |"]
    try:
        model = _model(scratch / "tiny")
        with App(model) as app:
            for line in app_under_load(app, arguments.requests):
                lines.append(line)
                print(line, flush=True)
            for line in app_misused(app):
                rows.append(line)
                print(line, flush=True)
        for line in served_graph(model, scratch, arguments.served):
            lines.append(line)
            print(line, flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    text = "\n".join([f"Run on {datetime.date.today()}.", "", *lines, "", *rows])
    print(text)
    if arguments.markdown:
        report.write_section(ROOT / arguments.markdown, "load", text)


if __name__ == "__main__":
    main()

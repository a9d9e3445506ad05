"""The app as a client meets it: a server on a port of this machine, requests to it, and what they carry."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import threading
import time

import numpy as np
import pytest
from PIL import Image

from tfsketch.app import server as server_lib
from tfsketch.app import studio as studio_lib

STROKES = {
    "size": [80, 60],
    "strokes": [
        {"layer": "mask", "points": [[20, 15], [60, 15], [60, 45], [20, 45]], "fill": True},
        {"layer": "sketch", "points": [[25, 20], [55, 40]], "width": 1},
        {"layer": "color", "points": [[30, 40], [50, 40]], "width": 6, "color": [200, 30, 40]},
    ],
}


def gradient(height: int = 60, width: int = 80) -> np.ndarray:
    """Smooth, so that it survives its preview's JPEG."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (height + width)], axis=-1).astype(np.uint8)


def style_picture() -> np.ndarray:
    """Another photograph, whose style is taken."""
    return np.ascontiguousarray(gradient(40, 50)[::-1, :, ::-1])


def png_of(image: np.ndarray, **more) -> bytes:
    """A PNG file; `more` is Pillow's."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", **more)
    return buffer.getvalue()


@contextlib.contextmanager
def serving(studio: studio_lib.Studio, hosts=server_lib.LOOPBACK):
    """The server on a free port of this machine; gives the port."""
    uvicorn = pytest.importorskip("uvicorn", reason="the extra app is not installed")
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(server_lib.create(studio, hosts), log_level="critical"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


def ask(port: int, path: str, body=None, kind: str = "application/json", **headers) -> tuple[int, bytes]:
    """(status, body) of a request; a body makes it a POST, and one that is not bytes is sent as JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        connection.request(
            "GET" if body is None else "POST",
            path,
            data,
            {**({"Content-Type": kind} if data is not None else {}), **headers},
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def open_picture(port: int, data: bytes) -> dict:
    """What the server says of a file that it opens."""
    status, answer = ask(port, "/api/pictures", data, "application/octet-stream")
    assert status == 200, answer
    return json.loads(answer)


def error_of(answer: tuple[int, bytes]) -> str:
    """The message of an answer that refuses."""
    assert answer[0] == 400, answer
    return json.loads(answer[1])["error"]

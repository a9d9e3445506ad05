"""LiteRT.js, the runtime of the page without a server: its two packages, fetched once, each checked against its hash.

The runtime is not part of this package (three variants of 9.4 MB). npm fetches it from its configured registry into a
cache folder; without a connection, a folder with the same two archives works too. Anything but the tested release, byte
for byte, is refused, wherever it comes from.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

from tfsketch.errors import ExportError
from tfsketch.images import files

VERSION = "2.5.3"
ARCHIVES = {
    f"litertjs-core-{VERSION}.tgz": (
        f"@litertjs/core@{VERSION}",
        "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
    ),
    f"litertjs-wasm-utils-{VERSION}.tgz": (
        f"@litertjs/wasm-utils@{VERSION}",
        "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
    ),
}
"""Archive's name -> (package, sha512 in base64)."""
VARIANTS = {"plain": "litert_wasm", "threaded": "litert_wasm_threaded", "compat": "litert_wasm_compat"}
"""Variants of the WebAssembly, of which a browser loads one: with relaxed SIMD; with threads too, for pages that their
server isolates; for browsers without either."""
_BARE, _PLACE = '"@litertjs/wasm-utils"', '"./wasm-utils.js"'
_NOTICE = f"""LiteRT.js {VERSION}: @litertjs/core and @litertjs/wasm-utils.
Copyright Google LLC, Apache License 2.0: see LICENSE.

core.js is dist/index.js of @litertjs/core, of which one line was changed: it imports {_PLACE} and not
{_BARE}, because a worker has no import map. wasm-utils.js is dist/index.js of @litertjs/wasm-utils. The references
to source maps were taken out of both. The rest is as it was published.
"""
_SECONDS = 600


def cache_folder() -> pathlib.Path:
    """The folder of the archives."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tfsketch" / f"litert-{VERSION}"


def _read_checked(path: pathlib.Path) -> bytes:
    """An archive's bytes.

    Raises:
      ExportError: it cannot be read, or is not the tested one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ExportError(f"{path}: expected LiteRT.js's archive {path.name}, found none ({error.strerror})") from error
    expected, actual = ARCHIVES[path.name][1], base64.b64encode(hashlib.sha512(data).digest()).decode()
    if actual != expected:
        raise ExportError(f"{path}: expected the archive with sha512-{expected}, found sha512-{actual}")
    return data


def _fetch(name: str) -> bytes:
    """Fetches an archive by npm.

    Raises:
      ExportError: npm is missing or fails, or the archive is not the tested one.
    """
    package = ARCHIVES[name][0]
    instead = (
        f"with a connection `npm pack {' '.join(package for package, _ in ARCHIVES.values())}` makes the folder for "
        f"--litert=FOLDER ({', '.join(ARCHIVES)})"
    )
    npm = shutil.which("npm")
    if npm is None:
        raise ExportError(
            f"expected npm, which fetches LiteRT.js {VERSION}, found none; on a machine that has it, {instead}"
        )
    with tempfile.TemporaryDirectory(prefix="tfsketch-litert-") as scratch:
        command = [npm, "pack", package, "--ignore-scripts", "--pack-destination", scratch]
        try:
            process = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=_SECONDS)
            answer = process.stderr.strip()
        except subprocess.TimeoutExpired:
            answer = f"no answer within {_SECONDS} seconds"
        path = pathlib.Path(scratch) / name
        if not path.is_file():
            reason = next((line for line in answer.splitlines() if "ERR" in line or "error" in line), answer[-200:])
            raise ExportError(f"expected npm to fetch {package}, found that it could not ({reason}); {instead}")
        return _read_checked(path)


def archives(folder: str | os.PathLike = "") -> dict[str, bytes]:
    """The two archives, by name.

    Args:
      folder: that holds them; by default the cache, into which npm fetches missing ones.

    Raises:
      ExportError: one is missing, cannot be fetched, or is not the tested one.
    """
    if folder:
        return {name: _read_checked(pathlib.Path(folder) / name) for name in ARCHIVES}
    contents = {}
    for name in ARCHIVES:
        path = cache_folder() / name
        if not path.is_file():
            data = _fetch(name)
            with contextlib.suppress(OSError):  # without a writable cache the next export needs a connection again
                files.write_bytes(path, data)
            contents[name] = data
        else:
            contents[name] = _read_checked(path)
    return contents


def _member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        content = tar.extractfile(f"package/{name}")
        assert content is not None  # known from the hash
        return content.read()


def _script(archive: bytes) -> bytes:
    text = _member(archive, "dist/index.js").decode()
    return text.partition("//# sourceMappingURL=")[0].encode()


def runtime(folder: str | os.PathLike = "") -> dict[str, bytes]:
    """The runtime's files, by their path in a page's folder `litert`.

    Raises:
      ExportError: see `archives`.
    """
    core, utils = archives(folder).values()
    script = _script(core)
    assert script.count(_BARE.encode()) == 1
    contents = {
        "core.js": script.replace(_BARE.encode(), _PLACE.encode()),
        "wasm-utils.js": _script(utils),
        "NOTICE.txt": _NOTICE.encode(),
    }
    for variant in VARIANTS.values():
        for suffix in ("js", "wasm"):
            name = f"wasm/{variant}_internal.{suffix}"
            contents[name] = _member(core, name)
    return contents

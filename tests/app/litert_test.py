"""The runtime of the page without a server: the archives that were tried, and no others."""

from __future__ import annotations

import re
import shutil

import pytest

from tfsketch.app import litert
from tfsketch.errors import ExportError


def test_the_runtime_is_the_one_that_was_tried(archives, tmp_path, monkeypatch):
    names = list(litert.ARCHIVES)
    with pytest.raises(ExportError, match=rf"{names[0]}.*found none"):
        litert.runtime(tmp_path)
    for name in names:
        shutil.copy(archives / name, tmp_path)
    contents = litert.runtime(tmp_path)
    assert {path.rpartition(".")[2] for path in contents} == {"js", "wasm", "txt"} and len(contents) == 9
    assert all(contents[f"wasm/{stem}_internal.wasm"][:4] == b"\0asm" for stem in litert.VARIANTS.values())
    assert (
        b'from "./wasm-utils.js"' in contents["core.js"] and b"@litertjs" not in contents["core.js"].split(b"\n\n")[0]
    )

    (tmp_path / names[1]).write_bytes((tmp_path / names[1]).read_bytes() + b"\0")
    with pytest.raises(
        ExportError, match=rf"{re.escape(names[1])}: expected the archive with sha512-.*, found sha512-"
    ):
        litert.runtime(tmp_path)
    # A cache that was changed is refused as a folder is.
    monkeypatch.setattr(litert, "cache_folder", lambda: tmp_path)
    with pytest.raises(ExportError, match="found sha512-"):
        litert.archives()


def test_what_people_are_told_where_it_cannot_be_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(litert, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExportError, match=r"expected npm.*found none.*npm pack .*--litert=FOLDER"):
        litert.archives()
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm ERR! network request failed, reason: no address' >&2\nexit 1\n")
    npm.chmod(0o755)
    with pytest.raises(ExportError, match=r"could not \(npm ERR! network request failed.*--litert=FOLDER"):
        litert.archives()
    # What npm gives is checked too, and not kept.
    name = next(iter(litert.ARCHIVES))
    npm.write_text(f'#!/bin/sh\nfor last; do :; done\necho other > "$last/{name}"\n')
    with pytest.raises(ExportError, match="found sha512-"):
        litert.archives()
    assert not (tmp_path / "cache").exists()

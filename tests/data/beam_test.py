"""The Beam pipeline: the same files as one machine's, also after a kill, and an error that names the extra."""

from __future__ import annotations

import contextlib
import importlib
import pathlib
import sys

import pytest

from tests.pictures import crops
from tfsketch import systems
from tfsketch.data import prepare
from tfsketch.errors import DataError
from tfsketch.images import files

_CONFIG = systems.parse(
    "image_size: 32\nsketch: {style: canny}\nprepare: {regions: none, validation_share: 0.3, styles: [xdog]}\n"
    "model: {generator: {stages: 3, kernels: [3, 3, 3]}}"
)


def _files(folder):
    files = [p for p in sorted(pathlib.Path(folder).rglob("*")) if p.is_file()]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def test_a_pipeline_makes_the_same_files(tmp_path, monkeypatch):
    pytest.importorskip("apache_beam")
    from tfsketch.data import beam

    monkeypatch.setattr(prepare, "_SHARD", 4)
    for number, crop in enumerate(crops(10, 32)):
        files.write_png(tmp_path / "photos" / f"{number}.png", crop)
    (tmp_path / "photos/bad.png").write_text("no")
    photos, execute = [str(tmp_path / "photos")], beam.pipeline(["--runner=DirectRunner"])
    expected = prepare.prepare(photos, str(tmp_path / "here"), _CONFIG)
    assert prepare.prepare(photos, str(tmp_path / "beam"), _CONFIG, execute=execute) == expected
    assert _files(tmp_path / "beam") == _files(tmp_path / "here")
    ticks = []

    @contextlib.contextmanager
    def with_ticks(setup):
        with execute(setup) as run:
            yield lambda jobs, tick: run(jobs, ticks.append)

    @contextlib.contextmanager
    def dies(setup):
        with with_ticks(setup) as run:
            run(prepare._examine_jobs(prepare.sources.find(photos), tmp_path / "killed/unfinished")[:1], None)
            raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        prepare.prepare(photos, str(tmp_path / "killed"), _CONFIG, execute=dies)
    prepare.prepare(photos, str(tmp_path / "killed"), _CONFIG, execute=with_ticks)
    assert _files(tmp_path / "killed") == _files(tmp_path / "here")
    assert ticks == [4, 7, 10]  # four of eleven were examined before


def test_without_beam_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "tfsketch.data.beam", raising=False)
    with pytest.raises(DataError, match="--runner: expected Apache Beam.*extra `beam`"):
        importlib.import_module("tfsketch.data.beam")

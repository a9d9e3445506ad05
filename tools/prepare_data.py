"""Photographs -> TFRecord shards with sketches, colour maps and face regions, a report, and a contact sheet.

    python -m tools.prepare_data --input=photos,more.zip,list.txt --output=data/photos --config=sc_fegan_light_faces_128

--input takes folders, zip archives and text files that name a photograph a line; names may hold commas, as long as
there is one way to read the list, and the flag can be repeated instead. Run again on the same --output after a
kill, it resumes. Bad pictures and duplicates are named in OUTPUT/report.txt and skipped; with a bad one the exit status
is 1. With --runner an Apache Beam pipeline does the work (extra `beam`), here or on other machines that share the
folders, and makes the same files; its own flags are passed on with --beam:

    python -m tools.prepare_data --runner=DirectRunner --beam=--direct_num_workers=4 ...
"""

import os
import pathlib
from collections.abc import Callable
from typing import Any

from absl import flags

from tfsketch import systems
from tfsketch.config import cli
from tfsketch.errors import DataError
from tfsketch.images import paths

_INPUT = flags.DEFINE_multi_string(
    "input", None, "Folder, zip archive or list, or several of them between commas", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the shards.", required=True)
_CONFIG = flags.DEFINE_string(
    "config",
    None,
    "YAML file, or the name of a shipped experiment, whose sizes, prepare, sketch and color count.",
    required=True,
)
_SET = flags.DEFINE_multi_string("set", [], "key=value over the configuration")
_ONLY = flags.DEFINE_string("only", "", "File listing the only pictures to take, one folder/name per line.")
_EXCLUDE = flags.DEFINE_string("exclude", "", "File listing pictures to leave out, such as a hold-out.")
_LABELS = flags.DEFINE_string("labels", "", "Folder of CelebAMask-HQ label pictures, for prepare.regions=labels.")
_WORKERS = flags.DEFINE_integer("workers", os.cpu_count(), "Processes on this machine.", lower_bound=1)
_RUNNER = flags.DEFINE_string("runner", "", "Apache Beam runner, such as DirectRunner, instead of --workers.")
_BEAM = flags.DEFINE_multi_string("beam", [], "A flag for the Beam runner, such as --direct_num_workers=4")


def _execute() -> Callable[..., Any]:
    """Who does the work: a `prepare.Execute`."""
    from tfsketch.data import prepare

    if not _RUNNER.value:
        return prepare.processes(_WORKERS.value)
    from tfsketch.data import beam

    return beam.pipeline([f"--runner={_RUNNER.value}", *_BEAM.value])


def _main(argv: list[str]) -> int:
    del argv
    settings = systems.load(_CONFIG.value, _SET.value)
    # Given once it may be a list, whose names may hold commas; given several times each is one path.
    inputs = paths.split(_INPUT.value[0], "--input") if len(_INPUT.value) == 1 else _INPUT.value
    for path in inputs:
        if not os.path.exists(paths.on_disk(path)):
            raise DataError(f"--input: expected a folder, a zip archive or a list, found nothing at {path}")
    for flag, path in (("only", _ONLY.value), ("exclude", _EXCLUDE.value), ("labels", _LABELS.value)):
        if path and not os.path.exists(path):
            kind = "a folder" if flag == "labels" else "a file"
            raise DataError(f"--{flag}: expected {kind}, found nothing at {path}")
    if _BEAM.value and not _RUNNER.value:
        raise DataError(f"--beam: expected --runner beside it, whose flags these are, found {_BEAM.value[0]} alone")
    paths.check_folder(_OUTPUT.value, "--output")
    from tfsketch.data import prepare
    from tfsketch.data.folders import sheet_of_shards

    folder = _OUTPUT.value
    report = prepare.prepare(inputs, folder, settings, _ONLY.value, _EXCLUDE.value, _LABELS.value, execute=_execute())
    for part in [folder, os.path.join(folder, "validation")]:
        if any(pathlib.Path(part).glob("*.tfrecord")):
            print(f"contact sheet: {sheet_of_shards(part, settings)}")
    print(report.text(short=True), end="")
    return 1 if report.refused else 0


def main() -> None:
    cli.run(_main, again="run again with the same --output, it goes on")


if __name__ == "__main__":
    main()

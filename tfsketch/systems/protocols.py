"""Evaluation by a fixed protocol per system, so that numbers of different models and runs are comparable.

SC-FEGAN's measures repainted faces beside classical inpainting and blanked conditions, and by `transplant` what people
do with it; Cali-Sketch's photographs made of poor sketches, Contextual GAN's photographs searched for by a sketch, the
region editor's photographs and regions in the style of others, the face parser's its overlap with labels. This module
finds the pictures, runs the protocol of the model's system, or one that is named, and writes what it found;
`evaluation.report` is how that looks.
"""

from __future__ import annotations

import json
import os
import pathlib
import tempfile

from tfsketch import config as config_lib
from tfsketch.config import shipped
from tfsketch.data.folders import open_pictures
from tfsketch.errors import DataError
from tfsketch.evaluation.report import Results, describe, with_section, write_section
from tfsketch.evaluation.st_lpips import st_lpips_weights_path
from tfsketch.images import files, paths, sheets
from tfsketch.nn import model_directory
from tfsketch.systems import SYSTEMS, check_protocol, experiment_of, networks


def evaluate(
    model_name_or_dir: str | os.PathLike,
    data_folder: str | os.PathLike,
    output_folder: str | os.PathLike,
    count: int | None = None,
    image_size: int | None = None,
    markdown: str | os.PathLike | None = None,
    section: str = "",
    protocol: str = "",
) -> Results:
    """Measures a model on a hold-out by the protocol of its system, or by another that is named.

    Args:
      model_name_or_dir: a shipped model's name or a model directory.
      data_folder: shards made by `prepare`, or photographs, which are then cropped to their central square.
      output_folder: gets `metrics.jsonl` (a line per row, appended), `results.md` and `sheet.png`, of several pages
        `sheet_01.png` and on; from protocols that tell single pictures' values, `details.jsonl`.
      count: how many pictures at most, in the order of the shards (the sorted names); all by default.
      image_size: the pictures' side, by default the one that the model was trained at, or that `protocol` names.
      markdown: a Markdown file whose part between the markers of `section` is replaced by the results
        (`report.write_section`).
      section: by default the model's system, or `protocol`; another name for a second model of it.
      protocol: of those of the model's system; its first by default.

    Raises:
      DataError, ImageError: no pictures, of another size than `image_size`, `output_folder` is the model's or cannot be
        written to, or its system has no protocol.
      WeightsError, ConfigError: the model cannot be read, or the package with ST-LPIPS's weights is not installed.
    """
    folder, output = shipped.model_folder(model_name_or_dir), pathlib.Path(output_folder)
    if count is not None and count < 1:
        raise DataError(f"count: expected at least 1 picture, found {count}")
    if output.resolve() == folder.resolve():  # a run folder has a metrics.jsonl of its own
        raise DataError(f"expected an output folder other than the model's, found {output}")
    system = experiment_of(folder).system
    check_protocol(system, protocol)
    options = {"count": count, "image_size": image_size, "protocol": protocol, "section": section}
    section = section or protocol or system
    paths.check_folder(output, "output")  # what comes now may take hours
    documents = [output / "results.md", *([pathlib.Path(markdown)] if markdown else [])]
    for path in documents:
        with_section(path, section, "")
    protocols = SYSTEMS[system].parts().protocols
    name = protocol or SYSTEMS[system].protocols[0]
    if protocols[name].st_lpips:
        st_lpips_weights_path()  # an early error, before pictures are prepared
    while True:
        origin = describe(model_name_or_dir, folder)
        model = model_directory.load(model_name_or_dir, networks())
        # A training that continues in this folder may overwrite the weights while they are measured.
        if describe(model_name_or_dir, folder)["weights_sha256"] == origin["weights_sha256"]:
            break
    side = image_size or protocols[name].side or model.image_size
    # Bare photographs are prepared at the protocol's side; what it needs of sketches and colours it makes itself.
    bare = config_lib.Config(
        image_size=side,
        data=config_lib.DataConfig(cache=False),
        sketch=config_lib.SketchConfig(style="canny"),  # the quickest
        prepare=config_lib.PrepareConfig(regions="none", duplicates=-1),
    )
    with tempfile.TemporaryDirectory(prefix="tfsketch-evaluate-") as scratch:
        shards = open_pictures(data_folder, bare, pathlib.Path(scratch) / "shards")
        results = protocols[name](model, shards, side, min(count or len(shards), len(shards)))
    origin |= {"data": str(data_folder), "image_size": side}
    # Folders by name, as in the table's head.
    arguments = {"model": pathlib.Path(model_name_or_dir).name, "data": pathlib.Path(data_folder).name} | options
    flags = " ".join(f"--{key}={value}" for key, value in arguments.items() if value)
    output.mkdir(parents=True, exist_ok=True)
    common = {"protocol": results.protocol, "pictures": results.pictures}
    with open(output / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.writelines(json.dumps(common | row | origin) + "\n" for row in results.rows)
    if results.details:
        lines = "".join(json.dumps(line) + "\n" for line in results.details)
        files.write_bytes(output / "details.jsonl", lines.encode())
    rows = results.page or len(results.sheet)
    for number, start in enumerate(range(0, len(results.sheet), rows), 1):
        page = f"sheet_{number:02d}.png" if results.page else "sheet.png"
        files.write_png(output / page, sheets.contact_sheet(results.sheet[start : start + rows], results.titles))
    for path in documents:
        write_section(path, section, results.markdown(origin, flags))
    return results

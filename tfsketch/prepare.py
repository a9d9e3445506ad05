"""From folders of photographs to TFRecord shards that training reads.

A shard holds examples of `id`, `image`, `sketch` and `color`, the last three as PNG of the experiment's `image_size`:
what is slow to compute (edge detection, the colour filters) is computed once, what is random (masks, strokes,
mirroring) is drawn afresh by `data`. A folder of shards describes itself: `config.yaml` says how the conditions were
made, `manifest.json` what went in, with a checksum a shard, and `refused.txt` names every picture that was refused and
why.

A shard is written beside its final name and renamed, and holds a fixed stretch of the sorted input, so a run that was
killed goes on where it stopped and ends with the same files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfsketch import config as config_lib
from tfsketch import images
from tfsketch.conditions import colors, sketches
from tfsketch.errors import DataError, ImageError

_SHARD = 256
"""Pictures of the input per shard."""
_BATCH = 8
"""Pictures per call of the edge detector."""


@dataclasses.dataclass(frozen=True)
class Report:
    """What a preparation did."""

    written: int
    refused: tuple[str, ...]


def _select(inputs: Sequence[str], only: str, exclude: str) -> list[pathlib.Path]:
    """The pictures of all input folders, less those a list leaves out. Lists hold one `folder/name` (the last two
    parts of a path) a line."""

    def names(path: str) -> set[str] | None:
        if not path:
            return None
        file = pathlib.Path(path)
        if not file.is_file():
            raise DataError(f"expected a list of pictures, found no file at {path}")
        return {line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()}

    wanted, unwanted = names(only), names(exclude) or set()
    pictures = [p for folder in inputs for p in images.find_pictures(folder)]
    key = {p: f"{p.parent.name}/{p.name}" for p in pictures}
    chosen = [p for p in pictures if key[p] not in unwanted and (wanted is None or key[p] in wanted)]
    if not chosen:
        raise DataError(f"expected pictures in {', '.join(inputs)}; the lists left none of {len(pictures)}")
    return chosen


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _write_shard(
    path: pathlib.Path,
    pictures: Sequence[pathlib.Path],
    config: config_lib.Config,
    sketcher: sketches.Sketcher,
    bar: tqdm,
) -> None:
    """One shard and, beside it, a JSON of its own (count, checksum, refused pictures)."""
    partial = path.with_name(f".{path.name}.partial")
    refused, count = [], 0
    with tf.io.TFRecordWriter(str(partial)) as writer:
        for start in range(0, len(pictures), _BATCH):
            names, squares = [], []
            for picture in pictures[start : start + _BATCH]:
                bar.update()
                try:
                    photograph = images.read_rgb(picture)
                    if min(photograph.shape[:2]) < config.image_size // 2:
                        raise ImageError(
                            f"{picture}: expected a side of at least {config.image_size // 2} px, found "
                            f"{photograph.shape[1]} x {photograph.shape[0]}"
                        )
                    squares.append(images.center_square(photograph, config.image_size))
                    names.append(f"{picture.parent.name}/{picture.name}")
                except ImageError as error:
                    refused.append(str(error))
            if not squares:
                continue
            for name, square, sketch in zip(names, squares, sketcher(np.stack(squares))):
                flat = colors.color_map(square, config.color)
                writer.write(
                    tf.train.Example(
                        features=tf.train.Features(
                            feature={
                                "id": _bytes(name.encode()),
                                "image": _bytes(images.encode_png(square)),
                                "sketch": _bytes(images.encode_png(sketch * 255)),
                                "color": _bytes(images.encode_png(flat)),
                            }
                        )
                    ).SerializeToString()
                )
                count += 1
    partial.replace(path)
    summary = {
        "shard": path.name,
        "examples": count,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "refused": refused,
    }
    images.write_bytes(path.with_suffix(".json"), json.dumps(summary, indent=1).encode())


def prepare(inputs: Sequence[str], output: str, config: config_lib.Config, only: str = "", exclude: str = "") -> Report:
    """Makes shards from folders of photographs; run again on the same `output`, it goes on where it stopped.

    Args:
      inputs: folders, searched recursively.
      output: folder of the shards.
      config: `image_size` and the sections `sketch` and `color` are used.
      only: a file that lists the only pictures to take, one `folder/name` a line; empty for all.
      exclude: a file that lists pictures to leave out.

    Raises:
      DataError: nothing to do, or `output` was made from another input or configuration.
      ImageError: an input folder is missing or empty. A single bad picture is refused, named, and skipped.
    """
    pictures = _select(inputs, only, exclude)
    folder = pathlib.Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    # What the files depend on; strokes, for example, are drawn later, and may change between runs.
    tree = config_lib.to_dict(config)
    flat = {key: value for key, value in tree["color"].items() if key.startswith(("median", "bilateral"))}
    plan = {"image_size": tree["image_size"], "sketch": tree["sketch"], "color": flat}
    plan["pictures"] = hashlib.sha256("\n".join(map(str, pictures)).encode()).hexdigest()
    plan_file = folder / "plan.json"
    if plan_file.exists() and json.loads(plan_file.read_text()) != json.loads(json.dumps(plan)):
        raise DataError(f"{folder} was made from other pictures or settings (see {plan_file}); choose another --output")
    images.write_bytes(plan_file, json.dumps(plan, indent=1).encode())
    images.write_bytes(folder / "config.yaml", config_lib.dump(config).encode())

    sketcher = sketches.Sketcher(config.sketch)
    starts = range(0, len(pictures), _SHARD)
    shards = [folder / f"pictures-{i:05d}-of-{len(starts):05d}.tfrecord" for i in range(len(starts))]
    with tqdm(total=len(pictures), unit="pictures", mininterval=5) as bar:
        for start, shard in zip(starts, shards):
            chunk = pictures[start : start + _SHARD]
            if shard.with_suffix(".json").exists():
                bar.update(len(chunk))
            else:
                _write_shard(shard, chunk, config, sketcher, bar)
    summaries = [json.loads(shard.with_suffix(".json").read_text()) for shard in shards]
    refused = tuple(line for summary in summaries for line in summary["refused"])
    images.write_bytes(
        folder / "manifest.json",
        json.dumps(
            {
                "examples": sum(s["examples"] for s in summaries),
                "refused": len(refused),
                "shards": {s["shard"]: s["sha256"] for s in summaries},
            },
            indent=1,
        ).encode(),
    )
    images.write_bytes(folder / "refused.txt", "".join(line + "\n" for line in refused).encode())
    return Report(sum(s["examples"] for s in summaries), refused)

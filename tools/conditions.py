"""One face under every condition, and how the conditions measure on a set of faces.

    python -m tools.conditions --image=face.jpg --output=out/conditions
    python -m tools.conditions --output=docs/conditions --data=data/holdout256 --markdown=docs/conditions.md

OUTPUT gets styles.png (every sketch style), hand.png (drawn worse and worse), portraits.png (so too, as people draw a
face), masks.png, colors.png and mask_shares.png. Without --image the face is scikit-image's portrait. --data, shards
with regions, adds the measures.
"""

import os
import pathlib

import numpy as np
import skimage.data
from absl import flags

from tfsketch import systems
from tfsketch.conditions import masks
from tfsketch.config import cli, shipped
from tfsketch.errors import ImageError
from tfsketch.evaluation import report
from tfsketch.images import files, paths, sheets, sizes
from tfsketch.vocabulary import size_of

_IMAGE = flags.DEFINE_string("image", "", "A photograph of a face; its central square is taken.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the pictures.", required=True)
_CONFIG = flags.DEFINE_string("config", "", "Experiment whose sketch, hand, mask and color are shown.")
_SET = flags.DEFINE_multi_string("set", [], "key=value over the configuration")
_SIDE = flags.DEFINE_integer("side", 256, "Side of the pictures, in pixels.", lower_bound=64)
_PARSER = flags.DEFINE_string("parser", "face_parser", "Face parser: a shipped model's name or a model directory.")
_DATA = flags.DEFINE_string("data", "", "Shards of faces with regions, to measure the default sketch on.")
_COUNT = flags.DEFINE_integer("count", 100, "Measure at most this many faces.", lower_bound=1)
_MASKS = flags.DEFINE_integer("masks", 10_000, "Masks in the histogram.", lower_bound=1)
_MARKDOWN = flags.DEFINE_string("markdown", "", "Markdown file whose section `conditions` gets the measures.")


def portrait(side: int) -> np.ndarray:
    """scikit-image's public-domain portrait, cut about as FFHQ cuts faces: [side,side,3] uint8."""
    return sizes.center_square(skimage.data.astronaut()[12:199, 130:317], side)


def _main(argv: list[str]) -> None:
    del argv
    settings = systems.load(_CONFIG.value, _SET.value) if _CONFIG.value else systems.parse("", "defaults", _SET.value)
    shipped.model_folder(_PARSER.value)
    if _DATA.value:
        paths.check_there(_DATA.value, "--data")
    if _IMAGE.value and not os.path.isfile(_IMAGE.value):
        raise ImageError(f"--image: expected a photograph, found no file at {_IMAGE.value}")
    paths.check_folder(_OUTPUT.value, "--output")
    if _MARKDOWN.value:
        paths.check_file(_MARKDOWN.value, "--markdown")
    from tfsketch.conditions import face_parser
    from tfsketch.data.shards import Shards
    from tfsketch.evaluation import conditions

    image = sizes.center_square(files.read_rgb(_IMAGE.value), _SIDE.value) if _IMAGE.value else portrait(_SIDE.value)
    regions = face_parser.parse(face_parser.load(_PARSER.value), image[None])[0]
    output = pathlib.Path(_OUTPUT.value)
    for name, sheet in conditions.sheets(image, regions, settings).items():
        files.write_png(output / f"{name}.png", sheets.contact_sheet(*sheet))
    shares = masks.covered_shares(
        np.random.default_rng(settings.seed), size_of(image), settings.mask, _MASKS.value, regions
    )
    files.write_png(output / "mask_shares.png", conditions.histogram(shares, settings.mask.share))
    low, high = settings.mask.share
    inside = float(np.mean((shares >= low) & (shares <= high)))
    text = (
        f"{len(shares):,} masks: {100 * inside:.2f} % cover {100 * low:g} to {100 * high:g} % of the picture; found "
        f"{100 * shares.min():.2f} to {100 * shares.max():.2f} %."
    )
    if _DATA.value:
        shards = Shards(_DATA.value, settings.stored_size, cache=False)
        pictures = [shards[n] for n in range(min(_COUNT.value, len(shards)))]
        text = f"Style `{settings.sketch.style}`, {shards[0].image.shape[0]} px, faces of " + (
            f"`{pathlib.Path(_DATA.value).name}`: {conditions.measure(pictures, settings).markdown()}\n\n{text}"
        )
    if _MARKDOWN.value:
        report.write_section(_MARKDOWN.value, "conditions", text)
    print(f"{text}\nstyles.png, hand.png, portraits.png, masks.png, colors.png and mask_shares.png are in {output}")


def main() -> None:
    cli.run(_main)


if __name__ == "__main__":
    main()

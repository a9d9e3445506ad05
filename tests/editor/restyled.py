"""docs/region_edit.md's pictures, and the README's of restyling, by the shipped model:

    python -m tests.editor.restyled WEBMORPH docs

WEBMORPH holds the neutral portraits of webmorphR.stim as 004_03.jpg and so on; the other photographs come with
scikit-image.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Sequence

import numpy as np
import skimage.data
from PIL import Image

import tfsketch
from tfsketch.errors import ImageError
from tfsketch.images import files, sheets, sizes

_SIDE, _QUALITY = 512, 88
_REGIONS = ("hair", "lips", "skin", "background")
_TITLES = ("photograph", "style", "everywhere", *_REGIONS)
_REGION_STYLES = (
    ("004_03", "019_03", "hair"),
    ("009_03", "029_03", "hair"),
    ("013_03", "034_03", "lips"),
    ("022_03", "006_03", "skin"),
    ("032_03", "066_03", "hair"),
    ("041_03", "011_03", "lips"),
)
"""Photograph, the other photograph, region."""


class Sheets:
    """Results of the shipped model by its default settings, unless `detail` is off."""

    def __init__(self, model: str, portraits: pathlib.Path):
        self._portraits = portraits
        self._editor = tfsketch.Editor(tfsketch.load_model(model))
        subjects = {name: getattr(skimage.data, name)() for name in ("coffee", "chelsea", "rocket")}
        self._subjects = subjects | {"astronaut": skimage.data.astronaut()[:256, 96:352]}

    def photograph(self, name: str) -> np.ndarray:
        picture = self._subjects.get(name)
        if picture is None:
            picture = files.read_rgb(self._portraits / f"{name}.jpg")
        return sizes.center_square(picture, _SIDE)

    def regions(self, pairs: Sequence[tuple[str, str]], regions: Sequence[str]) -> list[list[np.ndarray]]:
        """Rows of photograph, style, all of it restyled, and each region, in the other's where it has one."""
        rows = []
        for image, style in ((self.photograph(a), self.photograph(b)) for a, b in pairs):
            row = [image, style, self._editor.restyle(image, style)]
            for region in regions:
                try:
                    theirs = self._editor.region_style(style, region)
                except ImageError:  # coffee has no hair
                    theirs = style
                row.append(self._editor.restyle(image, theirs, self._editor.region(image, region)))
            rows.append(row)
        return rows

    def grid(self, images: Sequence[str], styles: Sequence[str], detail: bool = True) -> list[list[np.ndarray]]:
        """Photographs down, styles across."""
        theirs = [self.photograph(name) for name in styles]
        rows = [[np.full((_SIDE, _SIDE, 3), 255, np.uint8), *theirs]]
        for image in map(self.photograph, images):
            rows.append([image, *(self._editor.restyle(image, style, detail=detail) for style in theirs)])
        return rows

    def strip(self, image: str, styles: Sequence[str]) -> list[np.ndarray]:
        return self._editor.interpolate(self.photograph(image), [self.photograph(name) for name in styles], steps=7)

    def region_styles(self) -> list[list[np.ndarray]]:
        """Rows of photograph, other photograph, what the encoder is shown, the whole's style, the region's."""
        rows = []
        for image, other, region in ((self.photograph(a), self.photograph(b), r) for a, b, r in _REGION_STYLES):
            mask, theirs = self._editor.region(image, region), self._editor.region_style(other, region)
            results = [self._editor.restyle(image, style, mask) for style in (other, theirs)]
            rows.append([image, other, sizes.center_square(theirs, _SIDE), *results])
        return rows


def save(path: pathlib.Path, rows: list[list[np.ndarray]], side: int, titles: Sequence[str] = ()) -> None:
    """Writes a contact sheet of pictures scaled to `side` pixels."""
    small = [
        [np.asarray(Image.fromarray(p).resize((side, side), Image.Resampling.LANCZOS)) for p in row] for row in rows
    ]
    sheet = sheets.contact_sheet(small, titles)
    Image.fromarray(sheet).save(path, quality=_QUALITY)
    print(path, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", type=pathlib.Path)
    parser.add_argument("docs", type=pathlib.Path)
    parser.add_argument("--model", default="region_edit", help="a run's folder, to look at before it ships")
    flags = parser.parse_args()
    make, folder = Sheets(flags.model, flags.portraits), flags.docs / "region_edit"
    faces, styles = (
        ("014_03", "036_03", "092_03", "022_03"),
        ("092_03", "036_03", "astronaut", "coffee", "chelsea", "rocket"),
    )
    pairs = (("014_03", "092_03"), ("036_03", "astronaut"), ("092_03", "014_03"), ("022_03", "coffee"))
    save(folder / "regions.jpg", make.regions(pairs, _REGIONS), 176, _TITLES)
    save(folder / "swaps.jpg", make.grid(faces, styles), 176)
    save(folder / "drawn.jpg", make.grid(faces, styles, detail=False), 176)
    save(folder / "strip.jpg", [make.strip("014_03", ["coffee"]), make.strip("022_03", ["astronaut", "rocket"])], 176)
    others = ("014_03", "036_03", "092_03", "coffee", "rocket")
    save(folder / "subjects.jpg", make.grid(("chelsea", "coffee", "rocket"), others), 176)
    save(folder / "region_style.jpg", make.region_styles(), 200)
    rows = make.regions((("036_03", "014_03"), ("014_03", "astronaut")), ("hair", "skin", "background"))
    save(
        flags.docs / "readme" / "restyle.jpg",
        rows,
        192,
        ("photograph", "style", "everywhere", "hair", "skin", "background"),
    )


if __name__ == "__main__":
    main()

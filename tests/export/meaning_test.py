"""What a served edit takes layers for: the same as the editor."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import crops
from tfsketch import zoo
from tfsketch.editor.editor import Editor
from tfsketch.images import files, sizes


@pytest.fixture(scope="module")
def serve(served_folder):
    loaded = tf.saved_model.load(str(served_folder / "1"))

    def run(rows):
        fields = {key: tf.constant([row[key] for row in rows]) for key in rows[0]}
        return loaded.signatures["serving_default"](**fields)["image_bytes"].numpy()

    return run


def test_layers_mean_the_same_and_grey_stays_grey_as_by_the_editor(serve, editing_folder):
    color, mask = sizes.center_square(crops(1, 64)[0], 100)[:, :76], np.zeros((100, 76), np.uint8)
    mask[20:70, 10:50] = 255
    grey = np.repeat(color[..., :1], 3, axis=-1)
    hole = mask > 0
    erased = np.dstack([color, np.where(hole, np.uint8(0), np.uint8(255))])
    rows = [
        {"image_bytes": image, "mask_bytes": erased, "sketch_bytes": b"", "color_bytes": b""} for image in (color, grey)
    ]
    rows = [{k: v if isinstance(v, bytes) else files.encode_png(v) for k, v in row.items()} for row in rows]
    edit = Editor(zoo.load_model(editing_folder)).edit
    found = [files.read_rgb("found", png) for png in serve(rows)]
    for picture, image in zip(found, (color, grey)):
        assert np.abs(picture.astype(int) - edit(image, mask)).max() <= 2
        assert (picture[~hole] == image[~hole]).all() and (picture[hole] != image[hole]).any()
    assert np.ptp(found[1].astype(int), axis=-1).max() == 0 and np.ptp(found[0][hole].astype(int), axis=-1).max() > 2
    with pytest.raises(tf.errors.InvalidArgumentError, match="mask_bytes: expected a mask.*looks like a photograph"):
        serve([rows[0] | {"mask_bytes": rows[0]["image_bytes"]}])

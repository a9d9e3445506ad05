"""From a stroke to the new picture, as the editor in the browser asks for it (`app.studio`), by parts and by the clock,
which is what a person waits for; what the browser takes itself is not in it. It has no floor.
"""

from __future__ import annotations

import datetime
import json
import os
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfsketch import zoo
from tfsketch.app import studio
from tfsketch.app.pictures import Picture
from tfsketch.benchmarks.measures import Spread, table
from tfsketch.config import Config
from tfsketch.images import photographs


def latency(
    config: Config, folder: str, seconds: float, sides: Sequence[int] = (128, 192, 256), factor: int = 10
) -> str:
    """From a stroke to the new picture; see the module's docstring.

    Args:
      config: not used; it is the shipped model that is measured.
      folder: not used; the picture is one of the editor's examples, at its own size and enlarged.
      seconds: by the clock, for each row; no fewer than 5 strokes.
      sides: working sides.
      factor: by which the picture is enlarged: 10, to 24 megapixels.
    """
    del config, folder
    app = studio.Studio(zoo.SHIPPED[:1])
    example = app.example("fringe")
    small = app.picture(example["picture"])
    pixels = np.repeat(np.repeat(small.image, factor, axis=0), factor, axis=1)[:, : 480 * factor]
    large = Picture(photographs.of_array(pixels))
    rows = []
    cases = [(f"512 x 512, working side {side}", small, side) for side in sides]
    size = f"{pixels.shape[1]} x {pixels.shape[0]}, working side 128"
    for name, picture, side in [*cases, (size, large, 128)]:
        entry = app.keep(picture)
        without_sketch = [stroke for stroke in example["strokes"]["strokes"] if stroke["layer"] != "sketch"]
        samples: dict[str, list[float]] = {}
        start = time.perf_counter()
        number = 0
        while number < 7 or time.perf_counter() - start < seconds:
            line = {
                "layer": "sketch",
                "points": [[200 + number % 9 * 10, 130], [205 + number % 9 * 10, 180]],
                "width": 2,
            }
            strokes = {"size": entry["preview"], "strokes": [*without_sketch, line]}
            request = {"model": zoo.SHIPPED[0], "picture": entry["picture"], "strokes": strokes, "side": side}
            clock = time.perf_counter()
            answer = json.loads(json.dumps(app.run(json.loads(json.dumps(request)))))
            if number > 1:  # the first two make the graphs
                whole = time.perf_counter() - clock
                parts = {"whole": whole, **answer["seconds"], "JSON": whole - sum(answer["seconds"].values())}
                for part, value in parts.items():
                    samples.setdefault(part, []).append(1000.0 * value)
            number += 1
        spreads = {part: Spread.of(values) for part, values in samples.items()}
        medians = [f"{spreads[part].median:.0f}" for part in ("strokes", "model", "encode", "JSON")]
        rows.append([name, *spreads["whole"].cells(0), *medians])
    lines = [
        f"{os.cpu_count()} processor cores, TensorFlow {tf.__version__}, {datetime.date.today().isoformat()}; shipped "
        "model, ms by the clock from the page's request to its answer. Made by `python -m tools.benchmark latency`.",
        "",
        *table(["photograph", "whole", "10 % - 90 %", "strokes", "edit", "to the preview's PNG", "JSON"], rows),
    ]
    return "\n".join(lines)

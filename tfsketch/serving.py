"""A client of a TensorFlow Serving that serves our exports (see `export`), over REST or gRPC.

    client = serving.Client("http://localhost:8501", "sc_fegan")          # REST, nothing but Python
    client = serving.Client("grpc://localhost:8500", "sc_fegan")          # gRPC, with the extra `serving`
    edited = client.edit(image, mask, sketch, color)                      # uint8 RGB arrays, as of `Editor.edit`

In and out are arrays, as the editor takes them. They travel as PNG, which loses nothing. What is wrong with a picture
is found here, before it is sent, by the editor's own checks; a server finds it too, and names the field.

An edit by a client is one request for a whole photograph, with the default settings. `Editor` on a server's address
(`backends`) sends what the network sees alone, and has all settings.
"""

from __future__ import annotations

import numpy as np

from tfsketch.backends import wire
from tfsketch.images import files
from tfsketch.images.layers import Drawing, check_array, check_layers, check_restyling, check_sketch


class Client(wire.Caller):
    """`Editor`'s edits and drawings by one served model; arguments and errors are those of `wire.Caller`."""

    def edit(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        sketch: np.ndarray | None = None,
        color: np.ndarray | None = None,
    ) -> np.ndarray:
        """`Editor.edit` with its default settings, on the server.

        Args:
          image, mask, sketch, color: as there.

        Returns:
          [H,W,3] uint8 RGB; outside the mask the input, bit for bit.

        Raises:
          ImageError: as there.
          ServingError: the server cannot be reached or refused; the message is its own.
        """
        image, mask, sketch, color = check_layers(image, mask, sketch, color)
        inputs = {"image_bytes": files.encode_png(image), "mask_bytes": files.encode_layer(mask * np.uint8(255))}
        inputs["sketch_bytes"] = b"" if sketch is None else _sheet(sketch)
        inputs["color_bytes"] = b"" if color is None else files.encode_layer(color)
        return files.read_rgb("the server's picture", self.predict([inputs])[0]["image_bytes"])

    def restyle(self, image: np.ndarray, style: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """`Editor.restyle` with its default settings, on the server; arguments, result and errors as there, and
        `ServingError`."""
        image, (style,), mask = check_restyling(image, [style], mask)
        inputs = {"image_bytes": files.encode_png(image), "style_bytes": files.encode_png(style)}
        inputs["mask_bytes"] = b"" if mask is None else files.encode_layer(mask * np.uint8(255))
        return files.read_rgb("the server's picture", self.predict([inputs])[0]["image_bytes"])

    def draw(self, sketch: np.ndarray, fill: float | None = None) -> Drawing:
        """`Editor.draw` with its default seed, on the server; arguments, result and errors as there, and
        `ServingError`."""
        sketch = check_sketch(sketch, fill)
        answer = self.predict([{"sketch_bytes": _sheet(sketch), "fill": 0.0 if fill is None else fill}])[0]
        refined = files.read_rgb("the server's lines", answer["refined_bytes"])[..., 0] < 128
        return Drawing(refined.astype(np.uint8), files.read_rgb("the server's picture", answer["image_bytes"]))

    def parse(self, image: np.ndarray) -> np.ndarray:
        """`conditions.face_parser.parse` of one photograph [H,W,3] uint8 on the server: [H,W] uint8."""
        image = check_array(image, "image", (3,), "uint8 [H,W,3] RGB")
        regions = self.predict([{"image_bytes": files.encode_png(image)}])[0]["regions_bytes"]
        return files.read_rgb("the server's regions", regions)[..., 0]


def _sheet(sketch: np.ndarray) -> bytes:
    """[H,W] uint8 in {0,1} as strokes on a transparent sheet."""
    layer = np.zeros((*sketch.shape, 4), np.uint8)
    layer[..., 3] = 255 * sketch
    return files.encode_layer(layer)

"""The editor: photographs of any size are edited, drawn, completed or restyled, with a module for each way of working.

Pictures are uint8 RGB here, as in files. The ways are in `edit`, `draw`, `complete` and `restyle`; `canvas` has their
common part, `regions` the regions of faces.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from tfsketch.config.shipped import PRECISIONS
from tfsketch.editor.canvas import Canvas
from tfsketch.editor.complete import complete
from tfsketch.editor.draw import draw, varies
from tfsketch.editor.edit import edit
from tfsketch.editor.regions import find_region, region_style
from tfsketch.editor.restyle import restyle
from tfsketch.editor.ways import WAYS, Network
from tfsketch.errors import TfsketchError, require_tensorflow
from tfsketch.images.layers import Drawing, excerpt, number, whole

if TYPE_CHECKING:
    from tfsketch.nn.exported import Call


def in_precision(model: Network | Call, precision: str) -> Network | Call:
    """A model that edits, in a precision of `PRECISIONS`; unchanged for float32.

    Raises:
      TfsketchError: an unknown precision, or one that this model or this machine does not support.
    """
    if precision not in PRECISIONS:
        raise TfsketchError(f"precision: expected one of {', '.join(PRECISIONS)}, found {precision!r}")
    if precision == PRECISIONS[0]:
        return model
    require_tensorflow(f"precision {precision}")
    from tfsketch.nn.precision import edits_in_bfloat16

    return edits_in_bfloat16(model)


class Editor:
    """Edits, draws or restyles photographs, at any size, with a model of the vocabulary.

    Args:
      model: called with the vocabulary's dict it returns one with `image`: from `load_model`, or any backend; a bare
        function edits.
      side: working side in pixels, a multiple of the model's stride; None is the side it was trained at.
      context: see `arrays.crop_square`.
      feather: pixels of the picture over which the result fades in inside the mask's edge; None is half of a working
        pixel's size if the result was enlarged, else 0.
      seam: of edits: remove the step at the mask's border by a membrane (see `framing.membrane`).
      texture: of edits that were enlarged: how much of the photograph's own fine detail is carried into the hole, 0 to
        1 (see `framing.residuals`). Without it the hole is as soft as the enlargement; with it a pattern may be
        repeated, or come from the wrong place.
      find_faces: detect faces for `arrays.crop_square`; an export's `serving_default` does not.
      precision: of the network's arithmetic, one of `config.shipped.PRECISIONS`. `bfloat16` is for models that edit, on
        processors with units for it; colours in the mask differ by a level or so from float32's.

    Raises:
      TfsketchError: a value out of range, or a model that cannot be loaded.
    """

    def __init__(
        self,
        model: Network | Call,
        side: int | None = None,
        context: float | None = None,
        feather: float | None = None,
        find_faces: bool = True,
        seam: bool = True,
        texture: float = 1.0,
        precision: str = PRECISIONS[0],
    ):
        model = in_precision(model, precision)
        self._canvas = Canvas(model, side, context, feather, find_faces, seam, texture)

    def with_finish(self, feather: float | None, seam: bool = True, texture: float = 1.0) -> Editor:
        """The same model with other last stages, without loading or tracing it again; arguments as of `Editor`.

        Raises:
          TfsketchError: see `Editor`.
        """
        editor = copy.copy(self)
        editor._canvas = self._canvas.with_finish(feather, seam, texture)
        return editor

    @property
    def way(self) -> str:
        """The model's way of working, of `ways.WAYS`; empty for one that makes no picture."""
        return self._canvas.model.way

    @property
    def draws(self) -> bool:
        """Whether the model's way is `draw`."""
        return self.way == "draw"

    @property
    def varies(self) -> bool:
        """Whether seeds make a difference to this model's results."""
        return WAYS[self.way].seeded and (not self.draws or varies(self._canvas.model)) if self.way else False

    @property
    def completes(self) -> bool:
        """Whether the model's way is `complete`."""
        return self.way == "complete"

    @property
    def restyles(self) -> bool:
        """Whether the model's way is `restyle`."""
        return self.way == "restyle"

    def complete(
        self,
        sketch: np.ndarray | None = None,
        image: np.ndarray | None = None,
        results: int = 4,
        seed: int = 0,
        fill: float | None = None,
        steps: int | None = None,
        watch: Callable[[float], None] | None = None,
    ) -> list[Drawing]:
        """Makes photographs of a sketch, or sketches of a photograph, with a model that draws both as one.

        Args:
          sketch: as of `draw`.
          image: instead of it, [H,W,3] uint8 RGB; of a picture that is not square, the central square counts, and
            results have its size. A face should fill it as in the photographs of the training (the shipped model's:
            FFHQ's).
          results: number of searches, each from another start, at most the model's `candidates`.
          seed: of the starts; a seed gives the same results every time.
          fill: of a sketch; see `arrays.place`. 1 for one that is framed like a photograph; None is
            `arrays.usual_fill`.
          steps: at most, of each search; by default the model's `search_steps`.
          watch: called with the completed share, 0 to 1, every few steps; an exception that it raises ends the search.

        Returns:
          `results` drawings by their loss, the best first.

        Raises:
          ImageError: a wrong dtype or shape, NaN, no stroke, no or too many pixels; both or neither are given.
          TfsketchError: another argument is out of range, or the model is not one that completes.
          WeightsError: the model returned values that are not finite.
        """
        return complete(self._canvas, sketch, image, results, seed, fill, steps, watch)

    def draw(self, sketch: np.ndarray, fill: float | None = None, seed: int = 0) -> Drawing:
        """Makes a photograph of a sketch, with a model that takes a sketch alone.

        Args:
          sketch: [H,W] or [H,W,1] uint8 or bool, any size and aspect, nonzero = stroke; with values above 1, those from
            128. Lines of any width.
          fill: see `arrays.place`. A drawn face that fills its paper needs about 0.6, a drawing framed like a portrait
            1. None tries `FILLS` and chooses, whatever the seed, the one whose photograph of seed 0 has the face that
            the shipped face parser is most certain of.
          seed: chooses among possible photographs: for a model with palettes (see `varies`), other colours. A seed
            gives the same result every time.

        Raises:
          ImageError: a wrong dtype or shape, NaN, no stroke, no or too many pixels, or most of them nonzero, as
            where the paper is 255.
          TfsketchError: a `fill` outside (0, 1], a seed that is not a whole number from 0, or a model that edits
            photographs.
          WeightsError: the model returned values that are not finite.
        """
        return draw(self._canvas, sketch, fill, seed)

    def edit(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        sketch: np.ndarray | None = None,
        color: np.ndarray | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """Repaints the mask.

        A photograph that is grey, or of one tone like a sepia print, stays so, unless a colour stroke in the mask asks
        for colour (`framing.tone`).

        Args:
          image: [H,W,3] uint8 RGB, any size up to `files.MAX_PIXELS`.
          mask: [H,W] or [H,W,1] uint8 or bool, nonzero = regenerate; with values above 1, those from 128.
          sketch: like the mask, nonzero = stroke; lines of any width. What lies outside the mask has no effect.
          color: [H,W,4] uint8 RGBA, painted where alpha >= 128, or [H,W,3] RGB, painted where not pure black.
          seed: of the noise; a seed gives the same result every time.

        Returns:
          [H,W,3] uint8 RGB; outside the mask the input, bit for bit.

        Raises:
          ImageError: a wrong dtype or shape, NaN, sizes that differ, an empty mask, no or too many pixels, a sketch or
            RGB colours on white paper.
          TfsketchError: a seed that is not a whole number from 0, or a model that does not edit.
          WeightsError: the model returned values that are not finite.
        """
        return edit(self._canvas, image, mask, sketch, color, seed)

    def restyle(
        self,
        image: np.ndarray,
        style: np.ndarray,
        mask: np.ndarray | None = None,
        amount: float = 1.0,
        detail: bool = True,
    ) -> np.ndarray:
        """Gives a photograph, or a region of it, the style of another.

        Args:
          image: [H,W,3] uint8 RGB, any size up to `files.MAX_PIXELS`.
          style: [h,w,3] uint8 RGB, of any size; its central square counts.
          mask: as of `edit`, nonzero = restyle, for example from `region`; None is the whole picture.
          amount: from the photograph's own style, 0, to the other's, 1.
          detail: add the model's change to the photograph; False pastes the model's output. See the docstring of
            `editor.restyle`.

        Returns:
          [H,W,3] uint8 RGB; outside the mask the input, bit for bit.

        Raises:
          ImageError: a wrong dtype or shape, NaN, sizes that differ, an empty mask, no or too many pixels.
          TfsketchError: `amount` is not from 0 to 1, or the model does not restyle.
          WeightsError: the model returned values that are not finite.
        """
        number(amount, "amount", 0, 1, "a share from 0 to 1")
        return restyle(self._canvas, image, [style], [amount], mask, detail)[0]

    def interpolate(
        self,
        image: np.ndarray,
        styles: Iterable[np.ndarray],
        steps: int = 8,
        mask: np.ndarray | None = None,
        detail: bool = True,
    ) -> list[np.ndarray]:
        """`restyle` in steps from one style to the next.

        Args:
          image, mask, detail: as of `restyle`.
          styles: photographs; from the first to the last in equal steps, or from the photograph's own style to a single
            one.
          steps: number of pictures, at least 2. Between two photographs a style code is on the straight line between
            theirs, as in Park et al., scaled to unit length.

        Returns:
          `steps` pictures [H,W,3] uint8 RGB.

        Raises:
          As `restyle`, and TfsketchError: fewer than 2 steps, or no style.
        """
        whole(steps, "steps", 2)
        if isinstance(styles, (str, bytes, Mapping)) or not isinstance(styles, Iterable):
            raise TfsketchError(f"styles: expected photographs, found {excerpt(styles)}")
        styles = list(styles)
        if not styles:
            raise TfsketchError("styles: expected at least one photograph, found none")
        return restyle(self._canvas, image, styles, np.linspace(0.0, 1.0, steps).tolist(), mask, detail)

    def region(self, image: np.ndarray, names: str | Iterable[str]) -> np.ndarray:
        """The mask of a region of a face in a photograph, by the shipped face parser, for `restyle`.

        Args:
          image: [H,W,3] uint8 RGB, of any size, with a face that looks about at the camera, framed like a portrait.
          names: of `conditions.regions.REGIONS`, or `face`; one or several. `skin` includes the nose, a region of its
            own in the parser's data: nobody wants a face with new skin and its old nose.

        Returns:
          [H,W] uint8 in {0,1}.

        Raises:
          DataError: an unknown name, or none.
          ImageError: the region is not found, or is less than `regions.LEAST` of the picture; or a bad picture.
        """
        return find_region(self._canvas.face_parser, image, names)

    def region_style(self, style: np.ndarray, names: str | Iterable[str]) -> np.ndarray:
        """A photograph's region as a style, for `restyle` and `interpolate`: another person's hair without the light of
        the room around it.

        Args:
          style: [H,W,3] uint8 RGB, as the image of `region`.
          names: as of `region`.

        Returns:
          [S,S,3] uint8 RGB.

        Raises:
          As `region`.
        """
        return region_style(self._canvas.face_parser, style, names)

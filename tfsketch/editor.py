"""The editor: a photograph of any size, a mask, a sketch and colours -> the edited photograph.

Pictures are uint8 RGB here, because this is the side of the files. An edit goes: check -> a square around the mask ->
the model's working side -> the model -> back to the square's size -> into the mask. Outside the mask the result is the
input bit for bit, whatever the sizes, because nothing else is ever written to.

Where the model looks, and how layers come to its side, is `framing`'s.

A square larger than the working side comes back softer than the photograph around it. There the seam is feathered over
half a working pixel just inside the mask's edge, by default; the erased original shows through in that ramp only. At
the working side and below nothing is feathered.

A model that takes a sketch alone (Cali-Sketch) draws: sketch -> a place in the working square -> the model -> back to
the sketch's size.

A model that takes looks from another photograph (region-wise manipulation) restyles: the mask, or a region of the face
that the shipped parser names, or the whole picture. The square, the mask's pixels at the working side and the pasting
are an edit's; the seam is wider (`Editor._softened`), since a change of light shows an edge that new detail hides;
nothing is erased, the model sees the whole photograph. At its side, 64 or 128 px, such a model knows what colour and
light a region should have, and little of a photograph's detail: pasted as it is, what it drew makes a face both soft
and somebody else's. So by default its change alone is taken: what it drew in the wanted style less what it drew, the
same way, in the photograph's own. Enlarged as a picture, that change would have halos of several of the photograph's
pixels along every contour; so it is enlarged as lines of the photograph's luma (`framing.lines_of`), whose edges are
the photograph's own. Where the two agree the photograph stays, bit for bit. This hides how well the model redraws a
photograph, and keeps detail that the other style might not have, such as the grain of hair; `detail=False` pastes what
the model drew.

A model that draws sketch and photograph as one picture (Contextual GAN) completes what is given, a sketch or a
photograph, several times, by a search (`projection`). A sketch goes to the working side as the strokes of XDoG look
there: drawn anew with a pen of `framing.PEN` pixels, and whatever is black over more than half a pixel stays.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from tfsketch import zoo
from tfsketch.backends import resolve
from tfsketch.conditions import sketches
from tfsketch.conditions.regions import REGIONS, mask_of
from tfsketch.errors import DataError, ImageError, TfsketchError, WeightsError
from tfsketch.framing import arrays
from tfsketch.images import faces, files, sizes
from tfsketch.systems.cali_sketch import network as cali_sketch
from tfsketch.systems.contextual_gan import projection
from tfsketch.systems.face_parser import network as face_parser
from tfsketch.systems.sc_fegan.network import Generator
from tfsketch.systems.sc_fegan.region_inference import RegionInference
from tfsketch.vocabulary import resize, to_tensors, to_uint8

FILLS = (1.0, 0.85, 0.75, 0.65, 0.55)
"""What `Editor.draw` tries."""
LEAST = 0.0005
"""Share of a photograph below which the face parser's region is a mistake: eyes have 0.0044 of a portrait."""
SPECK = 0.02
"""Parts of a region that are smaller than this share of it are left out."""
PORTRAIT = {("brows",): 0.0085, ("eyes",): 0.0044, ("nose",): 0.0201, ("mouth", "lips"): 0.0133}
"""Features -> their share of a photograph that is aligned like FFHQ's: the mean over CelebAMask-HQ's hold-out."""


def _finite(drawn: Any) -> np.ndarray:
    """A model's result as an array.

    Raises:
      WeightsError: it holds NaN or infinity.
    """
    drawn = np.asarray(drawn)
    if not np.isfinite(drawn).all():
        raise WeightsError("expected a model that draws finite values, found NaN or infinity in its result")
    return drawn


def _checked(value: Any, what: str, channels: tuple[int, ...], expected: str, bools: bool = False) -> np.ndarray:
    """An array of [H,W] (channels 0) or [H,W,C], uint8 (or bool), within the limits of size."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ImageError(f"{what}: expected {expected}, found {type(value).__name__} ({error})") from error
    found = f"{array.dtype} {list(array.shape)}"
    if array.dtype.kind == "f" and np.isnan(array).any():
        found += " with NaN"
    if (
        array.dtype != np.uint8
        and not (bools and array.dtype == bool)
        or array.ndim not in (2, 3)
        or (array.shape[2] if array.ndim == 3 else 0) not in channels
    ):
        raise ImageError(f"{what}: expected {expected}, found {found}")
    height, width = array.shape[:2]
    if array.size == 0:
        raise ImageError(f"{what}: expected at least one pixel, found {found}")
    if height * width > files.MAX_PIXELS:
        raise ImageError(f"{what}: expected at most {files.MAX_PIXELS:,} pixels, found {width} x {height}")
    return array


def _binary(value: Any, what: str) -> np.ndarray:
    """A mask or sketch as [H,W] uint8 in {0,1}."""
    array = _checked(value, what, (0, 1), "uint8 or bool [H,W] or [H,W,1]", bools=True)
    array = array.reshape(array.shape[:2])
    # {0,1} and {0,255} are both common; with larger values present, 1 is the darkest grey, not white.
    return (array >= (128 if array.dtype == np.uint8 and array.max() > 1 else 1)).astype(np.uint8)


def _check_seed(seed: Any) -> None:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise TfsketchError(f"seed: expected a whole number from 0, found {seed!r}")


def _rgba(value: Any) -> np.ndarray:
    """Colour strokes as [H,W,4] uint8."""
    array = _checked(value, "color", (3, 4), "uint8 [H,W,4] RGBA, or [H,W,3] RGB with black where nothing is painted")
    if array.shape[2] == 4:
        return array
    return np.dstack([array, np.where(array.any(axis=-1), np.uint8(255), np.uint8(0))])


def checked_layers(
    image: Any, mask: Any, sketch: Any = None, color: Any = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """What `Editor.edit` takes, checked: image, mask and sketch [H,W] uint8 in {0,1}, colour [H,W,4] uint8 or None.

    Raises:
      ImageError: see `Editor.edit`.
    """
    image = _checked(image, "image", (3,), "uint8 [H,W,3] RGB")
    mask = _binary(mask, "mask")
    size = image.shape[:2]
    sketch = None if sketch is None else _binary(sketch, "sketch")
    color = None if color is None else _rgba(color)
    for what, layer in (("mask", mask), ("sketch", sketch), ("color", color)):
        if layer is not None and layer.shape[:2] != size:
            raise ImageError(
                f"{what}: expected the picture's size, {size[1]} x {size[0]}, found {layer.shape[1]} x {layer.shape[0]}"
            )
    if not mask.any():
        raise ImageError("mask: expected at least one erased pixel, found an empty mask")
    return image, mask, sketch, color


def checked_restyling(
    image: Any, styles: Sequence[Any], mask: Any = None
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray | None]:
    """What `Editor.restyle` takes, checked: image and styles, and the mask [H,W] uint8 in {0,1} or None.

    Raises:
      ImageError: see `Editor.restyle`.
    """
    image = _checked(image, "image", (3,), "uint8 [H,W,3] RGB")
    styles = [_checked(style, "style", (3,), "uint8 [H,W,3] RGB") for style in styles]
    if mask is not None:
        mask, size = _binary(mask, "mask"), image.shape[:2]
        if mask.shape != size:
            raise ImageError(
                f"mask: expected the picture's size, {size[1]} x {size[0]}, found {mask.shape[1]} x {mask.shape[0]}"
            )
        if not mask.any():
            raise ImageError("mask: expected at least one pixel to restyle, found an empty mask")
    return image, styles, mask


def checked_sketch(sketch: Any, fill: float | None) -> np.ndarray:
    """What `Editor.draw` takes, checked: [H,W] uint8 in {0,1}.

    Raises:
      ImageError, TfsketchError: see `Editor.draw`.
    """
    sketch = _binary(sketch, "sketch")
    if not sketch.any():
        raise ImageError("sketch: expected at least one stroke, found an empty sheet")
    if fill is not None and not 0 < fill <= 1:
        raise TfsketchError(f"fill: expected a share above 0 and at most 1, found {fill}")
    return sketch


@dataclasses.dataclass(frozen=True)
class Drawing:
    """What a model made of a sketch alone, or of a photograph alone, at its size."""

    refined: np.ndarray
    """[H,W] uint8 in {0,1}, 1 = stroke: the lines as the model redrew them."""
    image: np.ndarray
    """[H,W,3] uint8 RGB: the photograph."""
    loss: float | None = None
    """Of a search: how far its result is from what was given, the lower the better; see `projection`."""


class Editor:
    """Edits, draws or restyles photographs, at any size, with a model of the vocabulary.

    Args:
      model: called with the vocabulary's dict it returns one with `image`, as `load_model` gives it; or what
        `backends.load` takes: a name, a model directory, an export, a server's address.
      side: working side in pixels, a multiple of the model's stride; None is the side it was trained at.
      context: see `framing.crop_square`.
      feather: pixels of the picture over which the result fades in inside the mask's edge; None is half of a working
        pixel's size where the result was enlarged, else 0.
      find_faces: whether faces are looked for, for `framing.crop_square`; an export's `serving_default` does not.

    Raises:
      TfsketchError: a value outside of what is said here, or a model that cannot be loaded.
    """

    def __init__(
        self,
        model: Callable[[Mapping[str, Any]], Mapping[str, Any]] | str | os.PathLike,
        side: int | None = None,
        context: float | None = None,
        feather: float | None = None,
        find_faces: bool = True,
    ):
        if isinstance(model, (str, os.PathLike)):
            model = resolve.load(model)
        stride = getattr(model, "stride", 1)
        trained = getattr(getattr(model, "experiment", model), "image_size", None)
        if side is None:
            if trained is None:
                raise TfsketchError("side: expected one for a model that does not come from load_model, found none")
            side = trained
        if getattr(model, "fixed", False) and side != trained:
            raise TfsketchError(f"side: expected {trained}, the only one of this TensorFlow Lite file, found {side}")
        smallest = getattr(model, "smallest", stride)
        if side != int(side) or side < smallest or side % stride or side * side > files.MAX_PIXELS:
            least = f" of at least {smallest}" if smallest > stride else ""
            raise TfsketchError(f"side: expected a positive multiple of {stride}{least}, found {side}")
        if context is not None and not context >= 1:
            raise TfsketchError(f"context: expected a factor of at least 1, found {context}")
        if feather is not None and not 0 <= feather < math.inf:
            raise TfsketchError(f"feather: expected a number of pixels from 0, found {feather}")
        self._model, self._side, self._context, self._feather = model, int(side), context, feather
        # The same picture, from less work: between strokes most of what the network looks at stays as it was.
        self._network = RegionInference(model) if isinstance(model, Generator) else model
        self._parser: tf.keras.Model | None = None
        self._find_faces = find_faces
        self._looked_at: tuple[np.ndarray, list[tuple[float, float, float]]] | None = None

    @property
    def draws(self) -> bool:
        """Whether the model's way is `draw`."""
        return tuple(getattr(self._model, "takes", ())) == ("sketch",)

    @property
    def completes(self) -> bool:
        """Whether the model's way is `complete`."""
        return "z" in getattr(self._model, "takes", ())

    @property
    def restyles(self) -> bool:
        """Whether the model's way is `restyle`."""
        return "style" in getattr(self._model, "takes", ())

    def complete(
        self,
        sketch: np.ndarray | None = None,
        image: np.ndarray | None = None,
        results: int = 4,
        seed: int = 0,
        fill: float | None = None,
        steps: int = 500,
    ) -> list[Drawing]:
        """Makes photographs of a sketch, or sketches of a photograph, with a model that draws both as one.

        Args:
          sketch: as of `draw`.
          image: instead of it, [H,W,3] uint8 RGB; of a picture that is not square, the square in its middle counts, and
            results are of its size. A face should fill it as one fills CelebA's photographs.
          results: how many searches, each from another start, at most `projection.CANDIDATES`.
          seed: of the starts; a seed gives the same results every time.
          fill: of a sketch; see `framing.place`. 1 for one that is framed as a photograph is; None is
            `framing.usual_fill`.
          steps: at most, of each search.

        Returns:
          `results` drawings by their loss, the best first.

        Raises:
          ImageError: a wrong dtype or shape, NaN, no stroke, no or too many pixels; both or neither are given.
          TfsketchError: another argument is out of its range, or the model completes nothing.
          WeightsError: the model gave values that are not finite.
        """
        if not self.completes:
            raise TfsketchError("complete: expected a model that draws sketch and photograph, such as contextual_gan")
        if (sketch is None) == (image is None):
            raise ImageError("expected a sketch or an image, found " + ("neither" if sketch is None else "both"))
        _check_seed(seed)
        if isinstance(results, bool) or not isinstance(results, int) or not 1 <= results <= projection.CANDIDATES:
            raise TfsketchError(f"results: expected 1 to {projection.CANDIDATES}, found {results!r}")
        side = self._side
        sheet, known = (slice(0, side), slice(0, side)), {}
        if image is None:
            sketch = checked_sketch(sketch, fill)
            size = sketch.shape[:2]
            sheet = arrays.sheet_in(size, side, arrays.usual_fill(sketch) if fill is None else fill)
            seen = np.zeros((side, side), np.uint8)
            seen[sheet] = arrays.resize_ink(sketch, seen[sheet].shape)
            known["sketch"] = seen.astype(np.float32)[None, ..., None]
        else:
            image = _checked(image, "image", (3,), "uint8 [H,W,3] RGB")
            size = sizes.cut_square(image).shape[:2]
            known = to_tensors({"image": sizes.center_square(image, side)[None]})
        found = projection.project(self._model, **known, restarts=results, seed=int(seed), steps=steps)
        drawings = []
        for lines, photograph, loss in zip(_finite(found.sketch[0]), _finite(found.image[0]), found.loss[0]):
            lines = (resize(lines[sheet][..., 0], size) >= 0.5).astype(np.uint8)
            drawings.append(Drawing(lines, resize(to_uint8(photograph)[sheet], size), float(loss)))
        return drawings

    def draw(self, sketch: np.ndarray, fill: float | None = None) -> Drawing:
        """Makes a photograph of a sketch, with a model that takes a sketch alone.

        Args:
          sketch: [H,W] or [H,W,1] uint8 or bool, any size and aspect, nonzero = stroke; with values above 1, those from
            128. Lines of any width.
          fill: see `framing.place`. A drawn face that fills its paper wants about 0.6, a drawing framed like a portrait
            1. None tries `FILLS` and takes the one in whose photograph the shipped face parser sees the surest face.

        Raises:
          ImageError: a wrong dtype or shape, NaN, no stroke, no or too many pixels.
          TfsketchError: a `fill` outside of (0, 1], or a model that edits photographs.
          WeightsError: the model gave values that are not finite.
        """
        if not self.draws:
            raise TfsketchError("draw: expected a model that takes a sketch alone, such as cali_sketch")
        sketch = checked_sketch(sketch, fill)
        size = sketch.shape[:2]
        fills = FILLS if fill is None else (fill,)
        sheets = [arrays.sheet_in(size, self._side, one) for one in fills]
        seen = np.zeros((len(fills), self._side, self._side), np.uint8)
        for square, sheet in zip(seen, sheets):
            square[sheet] = arrays.resize_sketch(sketch, square[sheet].shape)
        outputs = self._model(to_tensors({"sketch": seen}))
        refined, image = _finite(outputs["refined"])[..., 0], to_uint8(_finite(outputs["image"]))
        best = self._surest_face(image) if len(fills) > 1 else 0
        kept = sketches.drop_short(refined[best] >= cali_sketch.LINE, cali_sketch.SPECK)
        lines = resize((refined[best] * kept)[sheets[best]], size) >= cali_sketch.LINE
        return Drawing(lines.astype(np.uint8), resize(image[best][sheets[best]], size))

    def _face_parser(self) -> tf.keras.Model:
        if self._parser is None:
            self._parser = zoo.load_model("face_parser")
        return self._parser

    def _surest_face(self, photographs: np.ndarray) -> int:
        """Which of [N,S,S,3] uint8 photographs shows a face most surely: the number of the first with the most
        features, each counting up to the share of the picture that it has in a portrait."""
        shares = face_parser.shares(self._face_parser(), photographs)
        found = [sum(shares[..., REGIONS.index(n)] for n in names).mean(axis=(1, 2)) for names in PORTRAIT]
        return int(np.argmax(sum(np.minimum(f / usual, 1.0) for f, usual in zip(found, PORTRAIT.values()))))

    def edit(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        sketch: np.ndarray | None = None,
        color: np.ndarray | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """Repaints the mask.

        Args:
          image: [H,W,3] uint8 RGB, any size up to `images.MAX_PIXELS`.
          mask: [H,W] or [H,W,1] uint8 or bool, nonzero = regenerate; with values above 1, those from 128.
          sketch: like the mask, nonzero = stroke; lines of any width. What lies outside the mask has no effect.
          color: [H,W,4] uint8 RGBA, painted where alpha >= 128, or [H,W,3] RGB, painted where not pure black.
          seed: of the noise; a seed gives the same result every time.

        Returns:
          [H,W,3] uint8 RGB; outside the mask the input, bit for bit.

        Raises:
          ImageError: a wrong dtype or shape, NaN, sizes that differ, an empty mask, no or too many pixels.
          TfsketchError: a seed that is no whole number from 0, or a model that repaints nothing.
          WeightsError: the model gave values that are not finite.
        """
        if "mask" not in getattr(self._model, "takes", ("mask",)):
            raise TfsketchError("edit: expected a model that repaints a mask, such as sc_fegan; this one only draws")
        if self.restyles:
            raise TfsketchError("edit: expected a model that repaints a mask, such as sc_fegan; this one only restyles")
        _check_seed(seed)
        image, mask, sketch, color = checked_layers(image, mask, sketch, color)
        size = image.shape[:2]
        sketch = np.zeros(size, np.uint8) if sketch is None else sketch
        view = self._view(image, mask)
        work, square = view.work, view.square
        drawn = self._run(
            resize(image[square], work),
            arrays.resize_mask(mask[square], work),
            arrays.resize_sketch(sketch[square], work),
            np.zeros((*work, 4), np.uint8) if color is None else arrays.resize_color(color[square], work),
            int(seed),
        )
        return self._pasted(image, resize(drawn, view.part)[view.inner], mask, view)

    def restyle(
        self,
        image: np.ndarray,
        style: np.ndarray,
        mask: np.ndarray | None = None,
        amount: float = 1.0,
        detail: bool = True,
    ) -> np.ndarray:
        """Gives a photograph, or a region of it, the looks of another.

        Args:
          image: [H,W,3] uint8 RGB, any size up to `images.MAX_PIXELS`.
          style: [h,w,3] uint8 RGB, of any size; the square in its middle counts.
          mask: as of `edit`, nonzero = restyle, such as `region` gives it; None is the whole picture.
          amount: between the photograph's own style, 0, and the other's, 1.
          detail: add the model's change to the photograph; False pastes what the model drew. See the module's
            docstring.

        Returns:
          [H,W,3] uint8 RGB; outside the mask the input, bit for bit.

        Raises:
          ImageError: a wrong dtype or shape, NaN, sizes that differ, an empty mask, no or too many pixels.
          TfsketchError: `amount` is not from 0 to 1, or the model restyles nothing.
          WeightsError: the model gave values that are not finite.
        """
        if not 0 <= amount <= 1:
            raise TfsketchError(f"amount: expected a share from 0 to 1, found {amount}")
        return self._restyled(image, [style], [amount], mask, detail)[0]

    def interpolate(
        self,
        image: np.ndarray,
        styles: Sequence[np.ndarray],
        steps: int = 8,
        mask: np.ndarray | None = None,
        detail: bool = True,
    ) -> list[np.ndarray]:
        """`restyle` in steps from one style to the next.

        Args:
          image, mask, detail: as of `restyle`.
          styles: photographs; from the first to the last in equal steps, or from the photograph's own style to the only
            one.
          steps: how many pictures, at least 2. Between two photographs a style code is on the straight line between
            theirs, as in Park et al., and of unit length.

        Returns:
          `steps` pictures [H,W,3] uint8 RGB.

        Raises:
          As `restyle`, and TfsketchError: fewer than 2 steps, or no style.
        """
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
            raise TfsketchError(f"steps: expected a whole number from 2, found {steps!r}")
        if not len(styles):
            raise TfsketchError("styles: expected at least one photograph, found none")
        return self._restyled(image, styles, np.linspace(0.0, 1.0, steps), mask, detail)

    def region(self, image: np.ndarray, names: str | Iterable[str]) -> np.ndarray:
        """Where a photograph shows a region of a face, by the shipped face parser: a mask for `restyle`.

        Args:
          image: [H,W,3] uint8 RGB, of any size, with a face that looks about at the camera, framed like a portrait.
          names: of `conditions.regions.REGIONS`, or `face`; one or several. `skin` takes the nose along, which the
            parser's data counts apart: a face with another skin and its old nose is what nobody asks for.

        Returns:
          [H,W] uint8 in {0,1}.

        Raises:
          DataError: an unknown name, or none.
          ImageError: no such region is found, or less than `LEAST` of the picture; or the picture is none.
        """
        names = [names] if isinstance(names, str) else list(names)
        if not names:
            raise DataError("region: expected at least one name, found none")
        wanted = mask_of(np.arange(len(REGIONS)), [*names, *(["nose"] if "skin" in names else [])]) > 0
        image = _checked(image, "image", (3,), "uint8 [H,W,3] RGB")
        parser = self._face_parser()
        side, size = parser.experiment.image_size, image.shape[:2]
        work = tuple(max(1, round(length * side / max(size))) for length in size)
        # Padded to a square, or a face would be squeezed.
        seen, inner = arrays.padded(resize(image, work), side)
        shares = face_parser.shares(parser, seen[None])[0][inner]
        rest = shares[..., ~wanted].max(axis=-1) if not wanted.all() else np.zeros(work, np.float32)
        # The lead is resized, not a mask: outlines stay smooth.
        lead = shares[..., wanted].max(axis=-1) - rest
        _, labels, stats, _ = cv2.connectedComponentsWithStats((lead > 0).astype(np.uint8), connectivity=8)
        areas = stats[:, cv2.CC_STAT_AREA] * (np.arange(len(stats)) > 0)  # the first is all the rest
        lead = np.where((areas < SPECK * areas.sum())[labels], np.minimum(lead, -1e-3), lead)
        mask = (cv2.resize(lead, size[::-1], interpolation=cv2.INTER_LINEAR) > 0).astype(np.uint8)
        if mask.mean() < LEAST:
            raise ImageError(
                f"region: expected {' or '.join(names)} in the picture, found none; the face parser knows faces that "
                "are framed like a portrait: crop the picture, or give a mask"
            )
        return mask

    def _restyled(
        self,
        image: np.ndarray,
        styles: Sequence[np.ndarray],
        shares: Sequence[float],
        mask: np.ndarray | None,
        detail: bool,
    ) -> list[np.ndarray]:
        """`image` at shares of the way along styles, from its own where there is only one."""
        if not self.restyles:
            raise TfsketchError("restyle: expected a model that takes a style, such as region_edit")
        image, styles, mask = checked_restyling(image, styles, mask)
        whole = mask is None
        mask = np.ones(image.shape[:2], np.uint8) if mask is None else mask
        view = self._view(image, mask)
        seen, inner = arrays.padded(resize(image[view.square], view.work), self._side)
        layers = {"image": seen, "style": np.stack([sizes.center_square(style, self._side) for style in styles])}
        if not whole:
            layers["mask"] = arrays.padded(arrays.resize_mask(mask[view.square], view.work), self._side)[0]
        batch = to_tensors({k: layer if k == "style" else layer[None] for k, layer in layers.items()})

        own, path = self._model.encode(batch["image"])[1], self._model.encode(batch["style"])[1]
        path = tf.concat([own, path], axis=0) if len(styles) == 1 else path
        soft = None if whole or self._feather is not None else self._softened(image, seen[inner], mask, view)
        results = []
        base = self._model.restyled(batch["image"], own, batch.get("mask")) if detail else None
        for share in shares:
            place = float(share) * (len(path) - 1)
            first = min(int(place), len(path) - 2)
            code = path[first : first + 1] + (path[first + 1 : first + 2] - path[first : first + 1]) * (place - first)
            raw = self._model.restyled(batch["image"], code, batch.get("mask"))
            if detail:
                change = _finite(127.5 * (raw - base))[0][inner]
                within = layers["mask"][inner] if "mask" in layers else np.ones(view.work, np.uint8)
                drawn = self._changed(image, arrays.lines_of(change, seen[inner], within), view)
            else:
                drawn = resize(to_uint8(_finite(raw))[0][inner], view.part)[view.inner]
            results.append(self._pasted(image, drawn, mask, view, soft))
        return results

    @staticmethod
    def _softened(image: np.ndarray, seen: np.ndarray, mask: np.ndarray, view: arrays.View) -> np.ndarray:
        """How much of a restyled mask's box is pasted, [2,h,w] float32 in [0,1]: the mask, blurred along the picture's
        contours (the guided filter, as `framing.lines_of` has it), so that it sets in at once where the mask ends at a
        contour, and over some working pixels where it ends in a plain area. And `framing.middle`, enlarged: the least,
        but for the usual feather, so that the middle of a thin mask is restyled too."""
        share = resize(mask[view.square].astype(np.float32), view.work)
        lines = arrays.lines_of(np.repeat(share[..., None], 3, axis=-1), seen, np.ones(view.work, np.uint8))
        slope, offset = (resize(lines[..., k], view.part)[view.inner] for k in (0, 3))
        weight = slope * arrays.luma(image[view.window])
        weight += offset
        # Half at an edge in a plain area, where it is to be nothing: outside the photograph stays as it is.
        np.clip(2.0 * weight - 1.0, 0.0, 1.0, out=weight)
        middle = arrays.middle(arrays.resize_mask(mask[view.square], view.work))
        return np.stack([weight, np.clip(resize(middle, view.part)[view.inner], 0.0, 1.0)])

    @staticmethod
    def _changed(image: np.ndarray, lines: np.ndarray, view: arrays.View) -> np.ndarray:
        """The box of a picture, each channel changed by its `framing.lines_of`."""
        under = image[view.window]
        luma, drawn = arrays.luma(under), np.empty_like(under)
        for channel in range(3):  # one at a time: a large photograph's box is a hundred megabytes each
            slope, offset = (resize(lines[..., k], view.part)[view.inner] for k in (channel, channel + 3))
            levels = under[..., channel] + (slope * luma + offset)
            drawn[..., channel] = np.clip(np.rint(levels), 0, 255)
        return drawn

    def _faces(self, image: np.ndarray) -> list[tuple[float, float, float]]:
        """`faces.squares`, looked for once as long as the photograph is the same."""
        if not self._find_faces or self._context is not None:
            return []
        known = self._looked_at
        if known is None or not np.array_equal(known[0], image):
            known = self._looked_at = image.copy(), faces.squares(image)
        return known[1]

    def _view(self, image: np.ndarray, mask: np.ndarray) -> arrays.View:
        """Where to look for a mask [H,W] that is not empty."""
        return arrays.view_of(mask, self._side, self._context, self._faces(image))

    def _pasted(
        self,
        image: np.ndarray,
        drawn: np.ndarray,
        mask: np.ndarray,
        view: arrays.View,
        soft: np.ndarray | None = None,
    ) -> np.ndarray:
        """A copy of the picture with `drawn`, of the box's size, in the mask; `soft` is `_softened`'s."""
        result = image.copy()
        hole = mask[view.window] > 0
        result[view.window][hole] = self._faded(image, drawn, mask, view.window, view.edge, soft)[hole]
        return result

    def _run(self, image: np.ndarray, mask: np.ndarray, sketch: np.ndarray, color: np.ndarray, seed: int) -> np.ndarray:
        """The model on layers of at most the working side, padded to it; returns a uint8 picture of `image`'s size."""
        image, inner = arrays.padded(image, self._side)
        mask, sketch, color = (arrays.padded(layer, self._side)[0] for layer in (mask, sketch, color))
        noise = np.random.default_rng(seed).standard_normal(mask.shape, np.float32)
        layers = {
            "image": image,
            "mask": mask,
            "sketch": sketch,
            "color": color[..., :3],
            "painted": color[..., 3],
            "noise": noise,
        }
        batch = to_tensors({key: layer[None] for key, layer in layers.items()})
        return to_uint8(_finite(self._network(batch)["image"])[0][inner])

    def _faded(
        self,
        image: np.ndarray,
        drawn: np.ndarray,
        mask: np.ndarray,
        window: tuple[slice, slice],
        edge: int,
        soft: np.ndarray | None = None,
    ) -> np.ndarray:
        """What is pasted into the mask's box: `drawn`, fading to the picture towards the mask's edge."""
        scale = edge / self._side
        feather = self._feather if self._feather is not None else (scale / 2 if scale > 1 else 0.0)
        if feather == 0 and soft is None:
            return drawn
        # One kept pixel around the box, where the picture has one, so that the box's own border counts as an edge there
        # and the picture's border does not.
        top, left = min(window[0].start, 1), min(window[1].start, 1)
        around = mask[window[0].start - top : window[0].stop + 1, window[1].start - left : window[1].stop + 1]
        distance = cv2.distanceTransform(np.ascontiguousarray(around), cv2.DIST_L2, 5)
        distance = distance[top : top + drawn.shape[0], left : left + drawn.shape[1]]
        weight = np.minimum(distance / (feather + 1), 1.0).astype(np.float32)
        weight = (weight if soft is None else np.maximum(weight * soft[1], soft[0]))[..., None]
        return np.rint(image[window] * (1 - weight) + drawn * weight).astype(np.uint8)

"""Faces aligned as FFHQ's: detected, turned upright and cropped by the positions of eyes and mouth; or, for squares
that are not resampled (`squares`), detected and framed.

The recipe is the published one of CelebA-HQ and FFHQ (Karras et al., ICLR 2018, appendix C; CVPR 2019, appendix A). Of
68 landmarks it takes the means of the two eyes and the corners of the mouth. The square's x axis is the mean of the
line from eye to eye and of the line from eyes to mouth turned by 90 degrees; half its side is the greater of 2 times
the distance of the eyes and 1.8 times that of eyes and mouth; its centre is a tenth of the way from the eyes to the
mouth. Beyond the photograph's border it is reflected, and the padding is blurred and fades to its median colour, so
that no second face shows.

Ours: the square is sampled at a whole multiple of the output side and averaged down to it, instead of always at 4096
px. Labels go through the same square, sampled at the nearest pixel and reflected without a blur.

Landmarks are [68,2] float (x, y), numbered as in the 300-W annotation; a quad is [4,2] float (x, y), its corners top
left, bottom left, bottom right and top right of the upright face, in pixels of the photograph whose centres are whole
numbers.
"""

from __future__ import annotations

import importlib
import importlib.util
import pathlib
import threading
from typing import Any

import cv2
import cv2.data
import numpy as np

from tfsketch.errors import DataError, install_command

_DETECT_SIDE = 800
"""The longer side of the picture in which faces are detected; smaller photographs are enlarged, at most twice."""


def require() -> tuple[Any, pathlib.Path]:
    """dlib and the file of its landmark model.

    Raises:
      DataError: the extra `faces` is not installed.
    """
    try:
        dlib = importlib.import_module("dlib")
        # Only the package's path: importing it needs pkg_resources, which new versions of setuptools do not have.
        package = importlib.util.find_spec("face_recognition_models")
        if package is None or not package.submodule_search_locations:
            raise ImportError("no package face_recognition_models")
        models = pathlib.Path(package.submodule_search_locations[0]) / "models"
        file = models / "shape_predictor_68_face_landmarks.dat"
        if not file.is_file():
            raise ImportError(f"no file at {file}")
        return dlib, file
    except ImportError as error:
        raise DataError(
            "prepare.align: ffhq: expected dlib and its landmark model, found "
            f"{error}; install the extra `faces`: {install_command('faces')} (its landmark model is for non-commercial "
            "use), or set prepare.align=center"
        ) from error


class Finder:
    """Detects the face of a photograph; holds dlib's detector and landmark model, so that they are loaded once."""

    def __init__(self) -> None:
        dlib, file = require()
        self._rectangle = dlib.rectangle
        self._detector = dlib.get_frontal_face_detector()
        self._landmarks = dlib.shape_predictor(str(file))

    def __call__(self, image: np.ndarray) -> np.ndarray | None:
        """The landmarks of a photograph's main face, [68,2] float64 (x, y) in pixels.

        Of several faces the main one is the largest and most central (our choice): that with the greatest side of its
        box minus the distance of its centre from the photograph's.

        Args:
          image: [H,W,3] uint8 RGB, upright. Faces below a tenth of the longer side are not found.

        Returns:
          None if there is no face.
        """
        height, width = image.shape[:2]
        scale = min(2.0, _DETECT_SIDE / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        boxes = self._detector(small, 0)
        if not boxes:
            return None
        middle = (np.array(size) - 1) / 2

        def prominence(box: Any) -> float:
            center = np.array([(box.left() + box.right()) / 2, (box.top() + box.bottom()) / 2])
            return box.width() - float(np.hypot(*(center - middle)))

        box = max(boxes, key=prominence)
        edges = [round(edge / scale) for edge in (box.left(), box.top(), box.right(), box.bottom())]
        shape = self._landmarks(np.ascontiguousarray(image), self._rectangle(*edges))
        return np.array([(point.x, point.y) for point in shape.parts()], np.float64)


_CASCADE = "haarcascade_frontalface_alt2.xml"
_CASCADE_SIDE = 480
"""The longer side of the picture in which `squares` detects; smaller photographs are enlarged, at most twice."""
_of_thread = threading.local()
"""A cascade stores the picture that it works on, so every thread has its own."""
_CASCADE_BOX = (0.177, 0.222, 0.65)
"""(left, top, side) of the cascade's box in a photograph that is aligned like FFHQ's, as shares of its side: between
the medians over the hold-outs of FFHQ and CelebA-HQ, from which boxes stray by 0.03, 0.03 and 0.05."""


def squares(image: np.ndarray) -> list[tuple[float, float, float]]:
    """The squares of a photograph's faces, about where FFHQ's alignment puts them, but upright with the photograph.

    Detected by OpenCV's own cascade of frontal faces, which found 96 of 100 faces of FFHQ's hold-out and 1 in 100 cars;
    for the positions of the eyes use `Finder`.

    Args:
      image: [H,W,3] uint8 RGB, upright. Faces below a twelfth of the longer side are not found.

    Returns:
      (top, left, side) each, in pixels, the largest first; they may extend beyond the photograph.
    """
    height, width = image.shape[:2]
    scale = min(2.0, _CASCADE_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    gray, faces = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), []
    if not hasattr(_of_thread, "cascade"):
        _of_thread.cascade = cv2.CascadeClassifier(cv2.data.haarcascades + _CASCADE)
    cascade = _of_thread.cascade
    for x, y, edge, _ in cascade.detectMultiScale(gray, 1.1, 4, minSize=(_CASCADE_SIDE // 12,) * 2):
        left, top, share = _CASCADE_BOX
        side = edge / scale / share
        faces.append((float(y / scale - top * side), float(x / scale - left * side), float(side)))
    return sorted(faces, key=lambda square: -square[2])


def quad_of(landmarks: np.ndarray) -> np.ndarray:
    """The square of FFHQ's recipe around a face: landmarks [68,2] -> quad [4,2], both float64."""
    left_eye, right_eye = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)
    eyes, mouth = (left_eye + right_eye) / 2, (landmarks[48] + landmarks[54]) / 2
    across, down = right_eye - left_eye, mouth - eyes
    x = across + np.array([down[1], -down[0]])  # `down` turned by 90 degrees points from eye to eye
    x *= max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down)) / np.hypot(*x)
    y = np.array([-x[1], x[0]])
    center = eyes + 0.1 * down
    return np.stack([center - x - y, center - x + y, center + x + y, center + x - y])


def side_of(quad: np.ndarray) -> float:
    """The side of a quad, in pixels."""
    return float(np.hypot(*(quad[3] - quad[0])))


def _sample(image: np.ndarray, quad: np.ndarray, side: int, flags: int) -> np.ndarray:
    """The quad as [side,side,...]; beyond the border the picture is reflected."""
    across, down = (quad[3] - quad[0]) / side, (quad[1] - quad[0]) / side
    start = quad[0] + (across + down) / 2  # the centre of the first pixel
    matrix = np.stack([across, down, start], axis=1)
    return cv2.warpAffine(
        image, matrix, (side, side), flags=flags | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT_101
    )


def align(image: np.ndarray, quad: np.ndarray, side: int) -> np.ndarray:
    """The upright face in a quad.

    Args:
      image: [H,W,3] uint8 RGB.
      quad: [4,2], from `quad_of`.
      side: of the result.

    Returns:
      [side,side,3] uint8 RGB.
    """
    quad = np.array(quad, np.float64)
    shrink = int(side_of(quad) / side / 2)
    if shrink > 1:
        height, width = image.shape[:2]
        size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        quad = (quad + 0.5) * np.array(size) / (width, height) - 0.5
    # From here on only the quad's surroundings.
    edge, (height, width) = side_of(quad), image.shape[:2]
    border = max(round(edge * 0.1), 3)
    low = np.floor(quad.min(axis=0)).astype(int) - border
    high = np.ceil(quad.max(axis=0)).astype(int) + border
    first = np.clip(low, 0, (width - 1, height - 1))
    last = np.clip(high, first + 1, (width, height))
    image, quad = image[first[1] : last[1], first[0] : last[0]], quad - first
    pad = np.concatenate([first - low, high - last])  # left, top, right, bottom
    if pad.max() > border - 4:
        pad = np.maximum(pad, round(edge * 0.3))
        image, quad = _pad(image, pad, edge), quad + pad[:2]
    multiple = max(1, int(np.ceil(side_of(quad) / side)))
    face = _sample(image, quad, side * multiple, cv2.INTER_LINEAR)
    return face if multiple == 1 else cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)


def _pad(image: np.ndarray, pad: np.ndarray, edge: float) -> np.ndarray:
    """A picture reflected beyond its borders by `pad` (left, top, right, bottom); the padding is blurred, and farther
    out fades to the median colour. `edge`: the side of the face's square, to which the blur is in proportion."""
    left, top, right, bottom = (int(p) for p in pad)
    picture = np.pad(image, [(top, bottom), (left, right), (0, 0)], mode="reflect").astype(np.float32)
    height, width = picture.shape[:2]
    y, x = np.ogrid[:height, :width]
    # 1 at the outer border, 0 where the photograph starts, negative inside of it.
    inside_x = np.minimum(x / max(left, 1), (width - 1 - x) / max(right, 1))
    inside_y = np.minimum(y / max(top, 1), (height - 1 - y) / max(bottom, 1))
    outside = (1.0 - np.minimum(inside_x, inside_y)).astype(np.float32)[..., None]
    blur = cv2.GaussianBlur(picture, (0, 0), edge * 0.02, borderType=cv2.BORDER_REFLECT_101)
    picture += (blur - picture) * np.clip(3 * outside + 1, 0, 1)
    picture += (np.median(picture, axis=(0, 1)) - picture) * np.clip(outside, 0, 1)
    return np.rint(picture).clip(0, 255).astype(np.uint8)


def align_labels(labels: np.ndarray, quad: np.ndarray, size: tuple[int, int], side: int) -> np.ndarray:
    """The labels under the same quad, by nearest pixel.

    Args:
      labels: [h,w] uint8, at any scale of the photograph.
      quad: [4,2], in pixels of the photograph.
      size: (H, W) of the photograph.
      side: of the result.

    Returns:
      [side,side] uint8.
    """
    scale = np.array([labels.shape[1] / size[1], labels.shape[0] / size[0]])
    return _sample(labels, (np.asarray(quad, np.float64) + 0.5) * scale - 0.5, side, cv2.INTER_NEAREST)


SAME = 0.6
"""Embeddings within this distance are of one person: the threshold that dlib's author gives for them (99.38 % right on
LFW)."""
_ALIGNED_BOX = (0.26, 0.36, 0.74, 0.85)
"""(left, top, right, bottom) of the detector's box in the central square of a CelebA photograph: the median over
training faces."""
_EMBED_SIDE = 256


class Verifier:
    """Decides whether aligned photographs show the same person; holds dlib's networks, so that they are loaded once.

    Args:
      box: (left, top, right, bottom) of the face, as shares of the side: the same for all photographs, because a
        detector would find no face in the worst results, which must count too.

    Raises:
      DataError: the extra `faces` is not installed.
    """

    def __init__(self, box: tuple[float, float, float, float] = _ALIGNED_BOX):
        dlib, file = require()
        self._box = dlib.rectangle(*(round(_EMBED_SIDE * edge) for edge in box))
        self._detector = dlib.get_frontal_face_detector()
        self._landmarks = dlib.shape_predictor(str(file))
        network = file.with_name("dlib_face_recognition_resnet_model_v1.dat")
        if not network.is_file():
            raise DataError(f"expected dlib's recognition network, found no file at {network}")
        self._network = dlib.face_recognition_model_v1(str(network))

    @staticmethod
    def _enlarge(photograph: np.ndarray) -> np.ndarray:
        return cv2.resize(photograph, (_EMBED_SIDE, _EMBED_SIDE), interpolation=cv2.INTER_CUBIC)

    def sees(self, photograph: np.ndarray) -> bool:
        """Whether dlib's detector finds a face in [S,S,3] uint8 RGB."""
        return bool(self._detector(self._enlarge(photograph), 0))

    def embed(self, photographs: np.ndarray) -> np.ndarray:
        """[N,S,S,3] uint8 RGB -> [N,128] float64. Embeddings within `SAME` of each other are of one person."""
        descriptors = []
        for photograph in map(self._enlarge, photographs):
            landmarks = self._landmarks(photograph, self._box)
            descriptors.append(np.array(self._network.compute_face_descriptor(photograph, landmarks)))
        return np.stack(descriptors)

"""The choice of donors for edits in which labelled faces exchange mouths, eyes, brows, noses, hair and glasses.

Nobody wants a mouth seen from the side on a face seen from the front. So the donor is one of the `DONORS` faces that
are nearest in pose and in the colour of the skin, and for hair in its outline too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfsketch.conditions import features, regions
from tfsketch.data.shards import Picture
from tfsketch.errors import DataError
from tfsketch.framing import arrays

SEED = 1
EDITS = 2
"""Of every face, by mean."""
DONORS = 8
FARTHEST = 0.6
"""Difference of pose, in distances between the eyes, beyond which nothing is exchanged."""
WEIGHTS = (2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0)
"""Of `Face.look`, when donors are chosen."""
MOST_HAIR = 0.35
"""Largest share of the picture: replacing more hair would erase nearly all of it."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """A feature to exchange."""

    regions: tuple[str, ...]
    """Its name in the labels: see `features.REGIONS_OF`."""
    least: float
    """Least share of the picture from which a face counts as showing it."""
    turns: int
    """How many of 25 edits are of this kind."""
    pair: bool = False
    """Whether it has two parts, and a face shows it only with both."""
    own_position: bool = False
    """Whether its centre is aligned to the photograph's own; otherwise the eyes decide."""
    hull: bool = True


KINDS = {
    # Few faces wear glasses: they choose first.
    "glasses": Kind(features.REGIONS_OF["glasses"], 0.01, 1, hull=False),
    "mouth": Kind(features.REGIONS_OF["mouth"], 0.005, 6, own_position=True),
    "eyes": Kind(features.REGIONS_OF["eyes"], 0.002, 6, pair=True),
    "brows": Kind(features.REGIONS_OF["brows"], 0.003, 4, pair=True),
    "nose": Kind(features.REGIONS_OF["nose"], 0.01, 4, own_position=True),
    "hair": Kind(features.REGIONS_OF["hair"], 0.08, 4, hull=False),
}
"""Name -> feature."""


@dataclasses.dataclass(frozen=True)
class Edit:
    """An exchange: numbers of the two pictures."""

    kind: str
    recipient: int
    donor: int


@dataclasses.dataclass(frozen=True)
class Face:
    """The properties that donors are chosen by."""

    eyes: tuple[complex, complex] | None
    """Centres x + iy, left first; None if the labels do not show both."""
    shares: Mapping[str, float]
    """Kind -> share of the picture."""
    pairs: Mapping[str, bool]
    """Kind -> whether both of its parts are there."""
    look: np.ndarray
    """[7]: places of nose and mouth, seen from the eyes, in units of their distance; median skin, in shares of 255."""
    hair: np.ndarray
    """[16,16]: shares of hair."""

    def shows(self, kind: str) -> bool:
        feature = KINDS[kind]
        if self.eyes is None or self.shares[kind] < feature.least or (feature.pair and not self.pairs[kind]):
            return False
        # Anything that hides the feature would hide the erased and drawn parts.
        return not (kind in ("eyes", "brows") and self.shares["glasses"] > 0)

    def takes(self, kind: str) -> bool:
        """Whether this face can receive the feature."""
        if kind == "glasses":
            return self.eyes is not None and not self.shares["glasses"]
        return self.shows(kind) and not (kind == "hair" and self.shares["hair"] > MOST_HAIR)


def _pose_difference(one: Face, two: Face) -> float:
    """Difference of two faces' poses, in distances between the eyes."""
    return float(np.abs(one.look[:4] - two.look[:4]).sum())


def _dissimilarity(one: Face, two: Face, kind: str) -> float:
    """Dissimilarity of two faces for an exchange."""
    apart = float(np.abs((one.look - two.look) * WEIGHTS).sum())
    return apart + 4 * float(np.abs(one.hair - two.hair).mean()) if kind == "hair" else apart


def labels_of(picture: Picture) -> np.ndarray:
    """A picture's region map, [S,S] uint8.

    Raises:
      DataError: it has none.
    """
    if picture.regions is None:
        raise DataError(
            f"{picture.name}: expected a labelled face, found no region map; make the shards with "
            "prepare.regions=labels"
        )
    return picture.regions


def face_of(picture: Picture) -> Face:
    """Reads a labelled picture.

    Raises:
      DataError: it has no labels.
    """
    labels = labels_of(picture)
    centers = {name: regions.centers(labels, name) for name in ("eyes", "brows")}
    eyes = tuple(complex(*center) for center in centers["eyes"])
    shares = {name: float(regions.mask_of(labels, kind.regions).mean()) for name, kind in KINDS.items()}
    skin = regions.mask_of(labels, "skin") > 0
    look = np.zeros(7)
    hair = arrays.mean_of(regions.mask_of(labels, "hair"), (16, 16))
    if len(eyes) == 2 and shares["nose"] and shares["mouth"] and skin.any():
        for n, name in enumerate(("nose", "mouth")):
            place = (features.center_of(regions.mask_of(labels, KINDS[name].regions)) - sum(eyes) / 2) / (
                eyes[1] - eyes[0]
            )
            look[2 * n : 2 * n + 2] = place.real, place.imag
        look[4:] = np.median(picture.image[skin], axis=0) / 255.0
        return Face(eyes, shares, {name: len(places) == 2 for name, places in centers.items()}, look, hair)
    return Face(None, shares, {name: False for name in centers}, look, hair)


def schedule(faces: Sequence[Face]) -> list[Edit]:
    """The list of exchanges.

    Kinds take turns by `Kind.turns`, and each chooses the face that has been edited least, at random among equals, that
    shows the kind (for glasses: wears none) and has not received it. Of its possible donors the one that has given the
    kind least is chosen. If no face or no donor is left, the other kinds get more.

    Returns:
      `EDITS` times as many edits as faces, fewer if the faces show too little, by kind in the order of `KINDS`, each by
      recipient.

    Raises:
      DataError: no exchange is possible.
    """
    rng = np.random.default_rng([SEED, len(faces)])
    total = EDITS * len(faces)
    turns = sum(kind.turns for kind in KINDS.values())
    rounds = [name for name, kind in KINDS.items() for _ in range(max(1, round(total * kind.turns / turns)))]
    spare = [name for name in KINDS if name != "glasses"] * total
    times = np.zeros(len(faces), int)
    edits: list[Edit] = []
    for kind in [*rounds[:total], *spare]:
        if len(edits) == total:
            break
        recipients = {edit.recipient for edit in edits if edit.kind == kind}
        donors = [n for n, face in enumerate(faces) if face.shows(kind)]
        order = rng.permutation(len(faces))
        order = order[np.argsort(times[order], kind="stable")].tolist()
        if kind == "glasses" and donors:  # donors are few: faces of the same pose come first
            order.sort(key=lambda n: min(_dissimilarity(faces[n], faces[donor], kind) for donor in donors))
        for recipient in order:
            others = [n for n in donors if n != recipient and _pose_difference(faces[recipient], faces[n]) <= FARTHEST]
            if recipient in recipients or not faces[recipient].takes(kind) or not others:
                continue
            others.sort(key=lambda n: _dissimilarity(faces[recipient], faces[n], kind))
            gifts = [sum(edit == Edit(kind, edit.recipient, n) for edit in edits) for n in others[:DONORS]]
            edits.append(Edit(kind, recipient, int(rng.choice(np.array(others[:DONORS])[gifts == np.min(gifts)]))))
            times[recipient] += 1
            break
    if not edits:
        raise DataError(
            "expected labelled faces that show eyes, nose, mouth, brows or hair, at least two of them, found none"
        )
    kinds = list(KINDS)
    return sorted(edits, key=lambda edit: (kinds.index(edit.kind), edit.recipient))

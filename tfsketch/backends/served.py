"""A SavedModel on a TensorFlow Serving, used in place of a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfsketch.backends import wire
from tfsketch.backends.base import ABOUT, Backend, parse_about
from tfsketch.errors import ServingError


class Served(Backend):
    """A SavedModel of `tools.export` on a TensorFlow Serving.

    Args:
      address: see `wire.at`.
      **how: of `wire.Caller`.

    Raises:
      ServingError: no such address, or the server cannot be reached, or refused.
      WeightsError: the model's system cannot be a backend.
    """

    def __init__(self, address: str, **how: Any):
        self._caller, self._address = wire.at(address, **how), address
        about = parse_about(address, self._predict([{"ask": b""}], ABOUT)[0].get("about_bytes", b""))
        self._signature = about.pop("signature")
        super().__init__(address, **about)

    def _predict(self, rows: Sequence[wire.Row], signature: str) -> list[dict[str, Any]]:
        try:
            return self._caller.predict(rows, signature)
        except ServingError as error:
            raise ServingError(
                f"{error}; expected a running server of a model that tools.export wrote, with the signature {signature}"
            ) from error

    def _run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        count = len(next(iter(inputs.values())))
        rows = [{key: value[number] for key, value in inputs.items()} for number in range(count)]
        answers = self._predict(rows, self._signature)
        return {key: np.array([row[key] for row in answers], np.float32) for key in answers[0]}

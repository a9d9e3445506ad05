"""What an editor remembers of the picture that it worked on last."""

from __future__ import annotations

import numpy as np

from tfsketch.editor.canvas import LastPicture


def test_a_value_is_kept_until_another_picture_comes():
    cache: LastPicture[int] = LastPicture()
    picture, calls = np.zeros((4, 5), np.uint8), []

    def compute() -> int:
        calls.append(1)
        return len(calls)

    assert [cache.of(picture, compute) for _ in range(3)] == [1, 1, 1]
    assert cache.of(picture.copy(), compute) == 1  # equal, if another array
    assert cache.of(np.zeros((5, 4), np.uint8), compute) == 2
    picture[0, 0] = 1
    assert cache.of(picture, compute) == 3
    picture[0, 0] = 2  # in place
    assert cache.of(picture, compute) == 4

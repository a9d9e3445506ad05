"""The systems of the package do what every system must."""

import pytest

from tests import tiny
from tests.systems.conformance import Conformance
from tfsketch import systems


class TestSystems(Conformance):
    """All of them."""

    @pytest.fixture(params=sorted(systems.SYSTEMS))
    def settings(self, request):
        return systems.parse(tiny.SYSTEMS[request.param])

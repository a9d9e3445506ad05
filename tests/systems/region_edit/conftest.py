"""A network that restyles, and a parser in place of the shipped one."""

from __future__ import annotations

import pytest

from tests.systems.region_edit.restyling import Parser
from tfsketch import zoo
from tfsketch.conditions import face_parser
from tfsketch.editor import regions


@pytest.fixture(scope="module", name="model")
def _model(restyling_folder):
    return zoo.load_model(restyling_folder)


@pytest.fixture(name="parser")
def _parser(monkeypatch):
    parser = Parser()
    monkeypatch.setattr(face_parser, "load", lambda: parser)
    monkeypatch.setattr(regions, "shows_face", lambda shares: True)
    return parser

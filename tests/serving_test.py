"""The client, against a stand-in for TensorFlow Serving: the real server does not run here.

What the stand-in (`conftest`) does not do is told by what is not there.
"""

import base64
import concurrent.futures
import json
import pathlib
import re
import urllib.error
import urllib.request

import numpy as np
import pytest

from tests.edits import EDITS, encoded_of
from tests.stand_in import StandIn
from tfsketch import serving, systems, zoo
from tfsketch.editor.editor import Editor
from tfsketch.errors import ImageError, ServingError
from tfsketch.images import files

CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "configs" / "serving"


@pytest.fixture(params=["rest", "grpc"])
def client(request, stand_in):
    address = stand_in.rest if request.param == "rest" else request.getfixturevalue("grpc_address")
    return serving.Client(address, "tiny")


def test_an_edit_over_the_wire_is_the_editors(client, editing_folder):
    edit = Editor(zoo.load_model(editing_folder)).edit
    for layers in (EDITS[0], EDITS[1], (*EDITS[2][:2], None, None)):
        result, hole = client.edit(*layers), layers[1] > 0
        np.testing.assert_array_equal(result[~hole], layers[0][~hole])
        assert np.abs(result.astype(int) - edit(*layers)).max() <= 2


def test_restyling_over_the_wire_is_the_editors(restyling_folder, served_restyling_folder):
    server = StandIn(served_restyling_folder)
    try:
        client, editor = serving.Client(server.rest, "restyles"), Editor(zoo.load_model(restyling_folder))
        image, mask, style = EDITS[1][0], EDITS[1][1], EDITS[2][0]
        for where in (mask, None):
            result = client.restyle(image, style, where)
            assert np.abs(result.astype(int) - editor.restyle(image, style, where)).max() <= 2
        with pytest.raises(ImageError, match="at least one pixel to restyle"):
            client.restyle(image, style, np.zeros_like(mask))
    finally:
        server.http.shutdown()


def test_mixed_sizes_travel_in_one_request(client):
    rows = client.predict([encoded_of(one) for one in EDITS])
    for (image, mask, *_), row in zip(EDITS, rows):
        assert list(row) == ["image_bytes"] and row["image_bytes"].startswith(b"\x89PNG")
        np.testing.assert_array_equal(files.read_rgb("found", row["image_bytes"])[mask == 0], image[mask == 0])


def test_a_bad_request_names_its_field(client):
    good = encoded_of(EDITS[0])
    once = serving.Client(client._base, "tiny", retries=0)
    for field, value, text in (
        (
            "mask_bytes",
            encoded_of(EDITS[1])["mask_bytes"],
            "mask_bytes: expected the size of the picture, 32 x 32, found",
        ),
        ("image_bytes", b"no picture", "image_bytes: expected a PNG or JPEG picture"),
        ("sketch_bytes", good["sketch_bytes"][:-20], "sketch_bytes"),
    ):
        with pytest.raises(ServingError, match=text):
            once.predict([good | {field: value}])
    with pytest.raises(ServingError, match="Servable not found"):
        serving.Client(client._base, "other").edit(*EDITS[0])


def test_what_is_wrong_is_found_before_it_is_sent():
    client = serving.Client("http://127.0.0.1:1", "tiny", retries=0)  # nobody there
    image, mask, lines, color = EDITS[0]
    for layers, text in (
        ((image, np.zeros_like(mask)), "mask: expected at least one erased pixel"),
        ((image, mask[1:]), "mask: expected the picture's size"),
        ((image, mask, lines, color[:, 1:]), "color: expected the picture's size"),
        ((image.astype(np.float32), mask), "image: expected uint8"),
        (
            (image, mask, 1 - lines),
            "sketch: expected strokes as nonzero .*; black lines on white paper are 255 - sketch",
        ),
        (
            (image, mask, lines, 255 - color[..., 3:].repeat(3, 2)),
            "color: expected black where .*, found white on 9[0-9]%",
        ),
    ):
        with pytest.raises(ImageError, match=text):
            client.edit(*layers)
    with pytest.raises(ImageError, match="empty sheet"):
        client.draw(np.zeros((4, 4), np.uint8))
    with pytest.raises(ImageError, match="found 100% set; black lines on white paper are 255 - sketch here"):
        client.draw(np.ones((40, 32), np.uint8))
    with pytest.raises(ServingError, match="127.0.0.1:1: tiny: cannot be reached"):
        client.edit(image, mask)
    for address in ("localhost:8501", "ftp://localhost", "http://"):
        with pytest.raises(ServingError, match="expected http://HOST:PORT"):
            serving.Client(address)


def test_a_hundred_at_once_lose_none_beside_bad_ones(stand_in):
    """Bad requests fail the batches that they fall into; who asked for what is right is answered all the same."""
    client = serving.Client(stand_in.rest, "tiny", "stable", retries=12)
    bad = json.dumps(
        {"instances": [{key: {"b64": base64.b64encode(b"bad").decode()} for key in encoded_of(EDITS[0])}]}
    ).encode()
    errors = []

    def spoil() -> None:
        try:
            urllib.request.urlopen(f"{stand_in.rest}/v1/models/tiny:predict", bad)
        except urllib.error.HTTPError as error:
            errors.append((error.code, json.load(error)["error"]))

    def edit(number: int) -> bool:
        if number % 20 == 7:
            spoil()
        image, mask, lines, color = EDITS[number % len(EDITS)]
        image = np.roll(image, number, axis=1)
        return np.array_equal(client.edit(image, mask, lines, color)[mask == 0], image[mask == 0])

    before = len(stand_in.batches)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(edit, range(100))) == 100
    assert len(errors) == 5 and all(code == 400 and "image_bytes" in text for code, text in errors)
    assert max(stand_in.batches[before:]) > 1


def test_the_servers_settings_name_the_shipped_models():
    """Written for the real server, which did not run here: at least they are whole and name what there is."""
    text = (CONFIGS / "models.config").read_text()
    assert text.count("{") == text.count("}")
    names = re.findall(r'name: "(\w+)"', text)
    assert set(zoo.SHIPPED) <= set(names) <= {*zoo.SHIPPED, *systems.SYSTEMS}
    assert [f"/models/{n}" for n in names] == re.findall(r'base_path: "(.*)"', text)
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    from google.protobuf import text_format

    message = text_format.Parse(text, config.ModelServerConfig())
    assert [one.name for one in message.model_config_list.config] == names
    monitoring = pytest.importorskip("tensorflow_serving.config.monitoring_config_pb2")
    message = text_format.Parse((CONFIGS / "monitoring.config").read_text(), monitoring.MonitoringConfig())
    assert message.prometheus_config.enable

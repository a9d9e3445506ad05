"""The benchmarks: that they measure what they say; how fast this machine is, no test can know."""

import dataclasses
import importlib.util
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny import EDITING
from tfsketch import zoo
from tfsketch.backends import tflite
from tfsketch.benchmarks import edits as edits_lib
from tfsketch.benchmarks import training as training_lib
from tfsketch.benchmarks.edits import edits
from tfsketch.benchmarks.experiments import NAMES, configurations
from tfsketch.benchmarks.latency import latency
from tfsketch.benchmarks.measures import cost, throughput
from tfsketch.benchmarks.projection import projection
from tfsketch.benchmarks.quantizers import quantizers
from tfsketch.benchmarks.region import region
from tfsketch.benchmarks.runtimes import runtimes
from tfsketch.benchmarks.suite import BENCHMARKS
from tfsketch.benchmarks.training import _windowless, peak_memory, plainly, training
from tfsketch.conditions import sketches
from tfsketch.config import Config
from tfsketch.errors import ConfigError, DataError
from tfsketch.export import mobile
from tfsketch.nn import efficientnet, gated, losses, operations, plain
from tfsketch.training import trainer

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _spin(milliseconds: float) -> None:
    end = time.process_time() + milliseconds / 1000.0
    while time.process_time() < end:
        pass


def test_a_cost_is_processor_time_a_picture():
    calls = []

    def work(number):
        calls.append(number)
        time.sleep(0.01)  # the clock goes on, the processor rests
        _spin(4.0 if number % 2 else 8.0)

    spread = cost(work, pictures=2, seconds=0.06)
    assert calls == list(range(len(calls))) and len(calls) >= 7
    assert 2.0 <= spread.low <= spread.median <= spread.high < 6.0 and spread.high > 3.9


def test_throughput_counts_pictures_by_the_clock():
    def sleeping(seconds):
        def element(number):
            time.sleep(seconds)
            return number

        return tf.data.Dataset.range(tf.int64.max).map(lambda n: tf.numpy_function(element, [n], tf.int64))

    rates = throughput({"floor": sleeping(0.01), "slow": sleeping(0.04)}, pictures=4, seconds=0.8)
    assert rates["floor"].ratio == 1.0 and 0.1 < rates["slow"].ratio < 0.9
    assert 5.0 < rates["slow"].rate.median <= 4 / 0.04
    assert 0.0 < rates["slow"].milliseconds < 10.0


def _own(name: str, overrides: Sequence[str] = ()) -> Config:
    """The one experiment that a benchmark measures by itself."""
    (config,) = configurations(name, overrides=overrides)
    return config


def _rows(text: str) -> dict[str, list[str]]:
    """The cells of all tables by their first one."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in lines}


def test_the_pipelines_tables_and_a_benchmark_that_there_is_not(tiny_file, shards_folder, tmp_path):
    results = tmp_path / "results.md"
    results.write_text("before\n<!-- benchmark_pipeline:begin -->\nold\n<!-- benchmark_pipeline:end -->\nafter\n")
    # One that there is not first, in the same process: importing TensorFlow takes longer.
    code = "import sys; from tools.benchmark import main\nfor sys.argv in (['x.py', 'nonsense'], sys.argv):\n"
    code += "    try: main()\n    except SystemExit as end: print('status', end.code or 0, flush=True)"
    flags = [
        f"--config={tiny_file}",
        f"--data={shards_folder}",
        "--set=hand.abstraction=[0.0, 1.0]",
        "--set=prepare.regions=none",
        "--set=sketch.min_side=32",
        "--seconds=0.2",
        f"--markdown={results}",
    ]
    command = [sys.executable, "-c", code, "pipeline", *flags]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.startswith("status 2\n") and process.stdout.endswith("status 0\n"), process.stderr
    names = "pipeline, projection, region, edits, latency, training, runtimes, quantizers"
    assert f"expected one of {names} first, found 'nonsense'" in process.stderr
    text = results.read_text()
    assert "old" not in text and text.startswith("before\n") and text.endswith("after\n")
    assert text[text.index("-->") + 3 : text.index("\n<!-- benchmark_pipeline:end")] in process.stdout
    rows = _rows(text)
    floor, shards, memory = (cells for name, cells in rows.items() if name.startswith(("only", "whole")))
    assert floor[2] == "1.00" and all(float(cells[0]) > 0 and float(cells[3]) > 0 for cells in (shards, memory))
    assert 0 < float(shards[2]) and 0 < float(memory[2])
    for name in ("mask", "colour strokes", "noise", "hand: draw them badly"):
        assert rows[name][3] == "drawn anew"
    assert rows["hand: trace the lines"][3] == "follows the crop"
    assert {f"sketch `{style}`" for style in sketches.STYLES} | {"colour map"} < set(rows)
    assert "that are not drawn anew: " in text and "`image`, `mask`, `sketch`, `color`, `noise`" in text


def test_the_projections_table():
    settings = _own(
        "projection",
        overrides=["model.generator.widths=[4,4,4,4]", "model.discriminator.widths=[4,4,4,4]"],
    )
    rows = _rows(projection(settings, "", 0.1, count=3, candidates=2, steps=4))
    names = [name for name in rows if name not in ("search", "---")]
    assert [name.split(" (")[0] for name in names] == [
        "plain loop, eager",
        "plain loop, each step compiled",
        "one call",
        "one call, searching in bfloat16",
    ]
    assert rows[names[0]][1] == rows[names[0]][3] == "1.000"
    assert all(float(cell) >= 0 for name in names for cell in rows[name])
    with pytest.raises(ConfigError, match="expected contextual_gan"):
        projection(_own("pipeline"), "", 0.1)


def test_the_regions_table():
    small = "model.generator={width: 4, max_width: 8, stages: 3, kernels: [5, 3, 3], dilations: [2]}"
    settings = _own("region", overrides=["image_size=64", small])
    rows = _rows(region(settings, "", 0.05, holes=(16,)))
    names = [name for name in rows if name not in ("hole", "---")]
    assert names == [f"{size}, {edit}" for size in ("16 px", "whole picture") for edit in ("first edit", "next stroke")]
    assert all(float(rows[name][0]) > 0 and float(rows[name][4]) < 1e-5 for name in names)
    with pytest.raises(ConfigError, match="expected sc_fegan"):
        region(_own("projection"), "", 0.1)


def test_the_latencys_table():
    rows = _rows(latency(_own("latency"), "", 0.0, sides=(128,), factor=2))
    small, large = (cells for name, cells in rows.items() if name[0].isdigit())
    for cells in (small, large):
        whole, parts = float(cells[0]), [float(cell) for cell in cells[2:]]
        assert 0 < whole and len(parts) == 4 and 0.5 * whole < sum(parts) < 2 * whole + 4


def test_the_runtimes_table(editing_folder, tmp_path):
    mobile.export(zoo.load_model(editing_folder), tmp_path, ("float32", "float16"))
    text = runtimes(_own("runtimes"), str(tmp_path), 0.0)
    rows = _rows(text)
    floor, half = (next(cells for name, cells in rows.items() if f"`{v}`" in name) for v in ("float32", "float16"))
    assert floor[1] == "1.00" and floor[3] == "inf" and 40.0 < float(half[3]) < 120.0
    assert float(half[0]) < float(floor[0]) and float(half[1]) > 0.0
    assert sum("`float32`" in name for name in rows) == len(tflite.interpreters())
    with pytest.raises(DataError, match="one of them float32 .*found none in"):
        runtimes(_own("runtimes"), str(tmp_path / "empty"), 0.0)


def test_the_quantizers_table(editing_folder, model_dirs):
    settings = _own("quantizers")
    rows = _rows(quantizers(settings, "", 0.0, str(editing_folder), calibrated_on=2))
    names = {name.split(",")[0]: name for name in rows if "by `tools.export`" in name}
    assert list(names) == [f"`{one}`" for one in ("float32", "float16", "dynamic", "int8", "weight_only")]
    size, psnr, ratio, outside = (dict(zip(names, column)) for column in zip(*(rows[name] for name in names.values())))
    assert ratio["`float32`"] == "1.00" and all(float(one) > 0 for one in ratio.values())
    assert float(psnr["`float32`"]) > 100 > float(psnr["`weight_only`"]) > float(psnr["`int8`"]) > 20
    assert float(size["`float16`"]) < float(size["`float32`"]) and set(outside.values()) == {"bit for bit"}
    assert any("by the converter with the same ranges" in name for name in rows)
    recipes = [name for name in rows if "ai-edge-quantizer" in name]
    if importlib.util.find_spec("ai_edge_quantizer") is None:
        assert recipes == []
    else:
        whole = [name for name in recipes if name.startswith(("`static_wi8_ai8`, by", "`static_wi8_ai16`"))]
        assert len(recipes) == 8 and len(whole) == 2 and all(rows[name][3].endswith(" levels") for name in whole)
    with pytest.raises(ConfigError, match="expected a model that edits, found one of cali_sketch"):
        quantizers(settings, "", 0.0, model_dirs[1])


def test_the_training_step_is_measured_beside_the_plain_one_and_a_windows_is_a_step_of_its_own(tiny, monkeypatch):
    monkeypatch.setattr(
        training_lib, "peak_memory", lambda name, config, folder: 300.0 if name == "reference" else 240.0
    )
    assert _windowless(tiny) is tiny
    loss = dataclasses.replace(tiny.model.loss, window=16)
    # Every row of the table traces a step of its own, so the generator is the smallest.
    model = dataclasses.replace(tiny.model, loss=loss, generator=EDITING.model.generator)
    settings = dataclasses.replace(tiny, model=model)
    text = training(settings, tiny.data.train, seconds=0.1)
    rows = _rows(text)
    assert f"system `sc_fegan`, 32 px, batches of {tiny.train.batch_size}, float32" in text
    reference, kernels = rows["reference"], rows["kernels"]
    assert "as configured" in rows and reference[2] == "1.00" and float(kernels[2]) > 0
    # The same convolutions, and as many of them; the rate is work by time.
    assert reference[4] == kernels[4] and float(reference[4]) >= 0
    assert all(float(row[0]) > 0 and float(row[1]) >= 0 for row in (reference, kernels))
    assert reference[-2:] == ["300", "1.00"] and kernels[-2:] == ["240", "0.80"]


def test_a_steps_memory_is_that_of_a_process_of_its_own(tiny, tmp_path):
    model = dataclasses.replace(tiny.model, generator=EDITING.model.generator)
    ballast = np.ones((400, 1024, 1024), np.uint8)  # what this process holds is not in it
    mebibytes = peak_memory("kernels", dataclasses.replace(tiny, model=model), tmp_path)
    assert 1.0 < mebibytes < ballast.nbytes / 2**20


def test_every_benchmark_is_known_before_tensorflow():
    assert tuple(BENCHMARKS) == NAMES


def test_every_system_that_paints_is_trained_by_the_benchmark():
    settings = configurations("training")
    assert {config.system for config in settings} == {"sc_fegan", "cali_sketch", "contextual_gan", "region_edit"}
    assert {config.image_size for config in settings if config.system == "sc_fegan"} == {128, 256}
    (one,) = configurations("training", "sc_fegan_smoke_64", ["train.batch_size=2"])
    assert one.image_size == 64 and one.train.batch_size == 2


def test_the_edits_table(monkeypatch):
    monkeypatch.setattr(edits_lib, "bfloat16_units", lambda: "AVX-512")
    text = edits(dataclasses.replace(EDITING, system="sc_fegan"), "", 0.0)
    rows = _rows(text)
    names = ["float32", "bfloat16, AVX-512", "float32, next stroke", "bfloat16, AVX-512, next stroke"]
    assert [name for name in rows if name not in ("edit", "---")][:4] == names
    assert rows["float32"][1] == "1.00" and rows["float32"][5] == "0.00" and "random weights" in text
    assert 0.0 < float(rows[names[1]][6]) < 60.0 and float(rows[names[2]][6]) < 0.1
    assert any(name.startswith("int8, ") for name in rows) or "int8: " in text
    with pytest.raises(ConfigError, match="expected sc_fegan"):
        edits(_own("projection"), "", 0.0)


@pytest.mark.parametrize(
    "module, name, shape, more",
    [
        (gated, "gate", (2, 5, 5, 8), ()),
        (operations, "leaky_relu16", (2, 5, 5, 8), ()),
        (efficientnet, "depthwise", (2, 8, 6, 4), (tf.ones((3, 3, 4, 1)), 2)),
        (plain, "enlarged_convolution", (2, 8, 6, 4), (tf.ones((3, 3, 4, 5)),)),
        (losses, "nearness", (2, 24, 16, 1), ()),
        (losses, "window_means", (2, 32, 16, 3), (8,)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_plain_form_is_the_same_function(module, name, shape, more):
    x = tf.random.stateless_normal(shape, (1, 2))
    if name == "nearness":
        x = tf.cast(x > -1.0, tf.float32)
    ours = getattr(module, name)
    with plainly():
        assert getattr(module, name) is not ours and trainer.Adam is tf.keras.optimizers.Adam
        np.testing.assert_allclose(getattr(module, name)(x, *more), ours(x, *more), atol=1e-6)
    assert getattr(module, name) is ours and trainer.Adam is not tf.keras.optimizers.Adam

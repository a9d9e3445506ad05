"""Speed, as tables that anyone can make again: `python -m tools.benchmark NAME`.

A benchmark is a function of `BENCHMARKS` that gives Markdown. What all of them keep to:

- Costs are processor time, not time on the clock: on a machine that does something else besides, the clock measures
  that. Only throughput is by the clock, and there the processor time a picture stands beside it.
- Every number is a median with the 10th and the 90th percentile, because pictures and random draws differ.
- Speeds are given as ratios to a named floor of the same run, and what is timed by the clock takes turns with it. A
  machine is named by its number of cores alone.

`pipeline`: how fast shards become batches (`data`), and where the time goes: what runs for every example, and what is
computed once when the shards are made, so that it can be seen that nothing slow runs online that need not.

`projection`: how fast Contextual GAN's search for z is (`tfsketch.projection`), many sketches in one call, against the
plain loop that public code has: one sketch, one step a call. Its floor is that loop.

`region`: exact region inference (`tfsketch.region_inference`) of SC-FEGAN's network, for holes of several sizes, a
first edit and a next stroke in it. Its floor is the network as one graph, measured just before each of them.

`latency`: from a stroke to the new picture, as the editor in the browser asks for it (`tfsketch.studio`), by parts and
by the clock, which is what a person waits for; what the browser takes itself is not in it. It has no floor.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import skimage.data
import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch import systems, zoo
from tfsketch.app import studio
from tfsketch.conditions import colors, hand, masks, sketches
from tfsketch.config import Config
from tfsketch.data import prepare
from tfsketch.data.batches import Picture, Shards, _centered, _Moves, batches, draw, keys, stages
from tfsketch.errors import ConfigError
from tfsketch.images import files, sizes
from tfsketch.nn import losses
from tfsketch.systems.contextual_gan import projection as projection_lib
from tfsketch.systems.contextual_gan.network import ContextualGan, split
from tfsketch.systems.face_parser import network as face_parser
from tfsketch.systems.sc_fegan import region_inference
from tfsketch.vocabulary import to_tensors

ALL_CONDITIONS = "{system: sc_fegan, image_size: 256, hand: {abstraction: [0.0, 1.0]}, train: {batch_size: 8}}"
"""What is measured where no configuration is given: every condition, and a hand that draws badly."""
LIGHT_JOINT = (
    "{system: contextual_gan, image_size: 64, model: {generator: {widths: [256, 128, 64, 32]}, "
    "discriminator: {widths: [32, 64, 128, 256], norm: spectral}}, data: {sketch_probability: 1.0}}"
)
"""What `projection` measures where no configuration is given: the networks of the light configuration."""
PUBLISHED = "{system: sc_fegan, image_size: 512}"
"""What `region` measures where no configuration is given: the published network."""
_SLOW = 4.0
"""Milliseconds a picture above which a part should be computed once, if it can be."""
_OWN_PICTURES = 24
_BATCH = 8
"""Pictures a call of the networks, as in preparing."""
_ROUNDS = 8
"""Throughput is the median over so many turns."""


@dataclasses.dataclass(frozen=True)
class Spread:
    """What repeated measurements found."""

    low: float
    """10th percentile."""
    median: float
    high: float
    """90th percentile."""

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        return Spread(*(float(value) for value in np.percentile(values, [10, 50, 90])))

    def cells(self, digits: int) -> list[str]:
        """Two cells of a table: the median, and the range around it."""
        return [f"{self.median:.{digits}f}", f"{self.low:.{digits}f} - {self.high:.{digits}f}"]


def cost(work: Callable[[int], object], pictures: int, seconds: float) -> Spread:
    """What a piece of work costs.

    Args:
      work: called with 0, 1, 2, ...; the first two calls do not count (they fill caches and trace graphs).
      pictures: in each call.
      seconds: of processor time to spend, at least; no fewer than 5 calls.

    Returns:
      Milliseconds of processor time a picture, of all threads together.
    """
    work(0), work(1)
    spent: list[float] = []
    while len(spent) < 5 or sum(spent) < seconds:
        start = time.process_time()
        work(len(spent) + 2)
        spent.append(time.process_time() - start)
    return Spread.of([1000.0 * value / pictures for value in spent])


@dataclasses.dataclass(frozen=True)
class Throughput:
    """How fast a dataset ran."""

    rate: Spread
    """Pictures a second."""
    ratio: float
    """To the first dataset, the median over the rounds."""
    used: float
    """Milliseconds of processor time a picture."""


def throughput(datasets: Mapping[str, tf.data.Dataset], pictures: int, seconds: float) -> dict[str, Throughput]:
    """How fast datasets run.

    They take turns, each time from a new iterator whose first two batches do not count, so that what else happens on
    the machine falls on all of them and none lives on what it had in store.

    Args:
      datasets: endless, by name; the first is the floor.
      pictures: in each batch.
      seconds: by the clock, for each of them.
    """
    rates: dict[str, list[float]] = {name: [] for name in datasets}
    used = {name: (0.0, 0) for name in datasets}
    for _ in range(_ROUNDS):
        for name, dataset in datasets.items():
            stream = iter(dataset)
            next(stream), next(stream)
            count, start, before = 0, time.perf_counter(), time.process_time()
            while not count or time.perf_counter() - start < seconds / _ROUNDS:
                next(stream)
                count += pictures
            rates[name].append(count / (time.perf_counter() - start))
            used[name] = (used[name][0] + time.process_time() - before, used[name][1] + count)
            del stream  # and with it the threads that would go on in the next one's turn
    floor = next(iter(rates.values()))
    return {
        name: Throughput(
            Spread.of(found),
            float(np.median(np.divide(found, floor))),
            1000.0 * used[name][0] / used[name][1],
        )
        for name, found in rates.items()
    }


def _own_shards(config: Config, folder: pathlib.Path) -> str:
    """Shards of squares cut from scikit-image's photographs, without regions unless a face parser is there."""
    photographs = [skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket()]
    rng = np.random.default_rng(0)
    for number, photograph in zip(range(_OWN_PICTURES), itertools.cycle(photographs)):
        side = int(rng.integers(min(photograph.shape[:2]) * 3 // 4, min(photograph.shape[:2]) + 1))
        top, left = (int(rng.integers(0, extent - side + 1)) for extent in photograph.shape[:2])
        square = sizes.center_square(photograph[top : top + side, left : left + side], config.stored_size)
        files.write_png(folder / "photographs" / f"{number:02d}.png", square)
    if not _has_parser(config):
        config = dataclasses.replace(config, prepare=dataclasses.replace(config.prepare, regions="none"))
    prepare.prepare([str(folder / "photographs")], str(folder / "shards"), config)
    return str(folder / "shards")


def _has_parser(config: Config) -> bool:
    source = config.prepare.regions
    return source not in ("none", "labels") and (zoo.model_dir(source) / "weights.npz").is_file()


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of Markdown; the first column is text, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _online(
    config: Config, folder: str, pictures: Sequence[Picture]
) -> Iterator[tuple[str, str, Callable[[int], object], int]]:
    """The parts that run for every example: name, what keeps it online, the work, pictures a call of it.

    The first is the floor: a record must be read and decoded whatever is done with it.
    """
    anew, follows = "drawn anew", "follows the crop"
    shards = Shards(folder, config.stored_size, cache=False)
    read = stages(pictures, config)["read"]
    wanted = keys(config)
    cut = [_centered(picture, config.image_size) for picture in pictures]
    size = (config.image_size, config.image_size)
    rng = np.random.default_rng(config.seed)

    def at(number: int) -> Picture:
        return cut[number % len(cut)]

    yield "read and decode a record (floor)", "comes first", lambda n: shards[n % len(shards)], 1
    moves = tf.function(_Moves(config))
    yield "stack its maps, from memory", follows, read, 1
    stacks = [tf.constant(read(n)[0]) for n in range(len(cut))]
    chances = [tf.constant(rng.random(3, np.float32)) for _ in range(len(cut))]
    yield "crop and mirror (keras-cv)", anew, lambda n: moves(stacks[n % len(cut)], chances[n % len(cut)]), 1
    if "mask" in wanted:
        yield "mask", anew, lambda n: masks.free_form(rng, size, config.mask, at(n).regions), 1
    if "color" in wanted:
        yield "colour strokes", anew, lambda n: colors.paint(rng, at(n).color, config.color, at(n).regions), 1
    if "sketch" in wanted and config.hand.abstraction[1] > 0:
        lines = [picture.sketches[config.sketch.style] for picture in cut]
        traced = [hand.trace(drawing) for drawing in lines]

        def simulate(n: int) -> None:
            level = rng.uniform(*config.hand.abstraction)
            hand.draw_badly(rng, traced[n % len(cut)], size, level, config.hand, at(n).regions)

        yield "hand: trace the lines", follows, lambda n: hand.trace(lines[n % len(cut)]), 1
        yield "hand: draw them badly", anew, simulate, 1
    if "noise" in wanted:
        yield "noise", anew, lambda n: rng.standard_normal(size, np.float32), 1
    yield "all conditions together (`draw`)", anew, lambda n: draw(at(n), rng, config, training=True), 1
    drawn = [draw(at(n), rng, config, training=True) for n in range(config.train.batch_size)]
    batch = {key: tf.constant(np.stack([example[key] for example in drawn])) for key in drawn[0]}
    convert = tf.function(to_tensors)
    yield "a batch of uint8 to float32", follows, lambda n: convert(batch), config.train.batch_size


def _precomputed(config: Config, pictures: Sequence[Picture]) -> Iterator[tuple[str, Callable[[int], object], int]]:
    """The parts that run once a photograph, when shards are made: name, the work, pictures a call of it."""
    side = config.stored_size
    photograph = skimage.data.astronaut()
    yield "resize a photograph of 512 px", lambda n: sizes.center_square(photograph, side), 1
    square = [picture.image for picture in pictures]
    batches = [np.stack([square[(n + i) % len(square)] for i in range(_BATCH)]) for n in range(len(square))]
    for style in sketches.STYLES:
        sketcher = sketches.Sketcher(config.sketch, style)
        yield f"sketch `{style}`", lambda n, sketch=sketcher: sketch(batches[n % len(batches)]), _BATCH
    yield "colour map", lambda n: colors.color_map(square[n % len(square)], config.color), 1
    if _has_parser(config):
        parser = zoo.load_model(config.prepare.regions)
        yield "face regions (face parser)", lambda n: face_parser.parse(parser, batches[n % len(batches)]), _BATCH


def pipeline(config: Config, folder: str, seconds: float) -> str:
    """The online data pipeline; see the module's docstring.

    Args:
      config: the experiment; the workers of a `data.service` are measured beside this process alone.
      folder: shards for it; empty for squares from scikit-image's photographs.
      seconds: for each throughput; each part gets a tenth.

    Raises:
      DataError: no shards there, or not this experiment's.
    """
    with tempfile.TemporaryDirectory(prefix="tfsketch-benchmark-") as scratch:
        folder = folder or _own_shards(config, pathlib.Path(scratch))
        shards = Shards(folder, config.stored_size, cache=False)
        pictures = [shards[n] for n in range(min(_OWN_PICTURES, len(shards)))]
        batch = config.train.batch_size

        def read_only() -> tf.data.Dataset:
            read = stages(shards, config)["read"]
            numbers = tf.data.Dataset.range(tf.int64.max)
            return numbers.map(
                lambda n: tf.numpy_function(read, [n], [tf.uint8, tf.float32]), config.data.workers
            ).batch(batch)

        here = dataclasses.replace(config, data=dataclasses.replace(config.data, service=""))
        datasets = {
            "only reading and decoding (floor)": read_only(),
            "whole pipeline, from shards": batches(shards, here),
            # As with data.cache after the first epoch, which would take too long here.
            "whole pipeline, from memory": batches(pictures, here),
        }
        if config.data.service:
            count = len(config.data.service.split(","))
            datasets[f"whole pipeline, by {count} data workers (their time is not in the last column)"] = batches(
                shards, config
            )
        runs = throughput(datasets, batch, seconds)
        online = [
            (name, why, cost(work, count, seconds / 10)) for name, why, work, count in _online(config, folder, pictures)
        ]
        once = [(name, cost(work, count, seconds / 10)) for name, work, count in _precomputed(config, pictures)]

    decode = online[0][2].median
    slow = [name for name, why, spread in online[1:] if why != "drawn anew" and spread.median > _SLOW]
    names = ", ".join(f"`{key}`" for key in keys(config))
    lines = [
        f"{os.cpu_count()} processor cores, TensorFlow {tf.__version__}, {datetime.date.today().isoformat()}; system "
        f"`{config.system}` ({names}), {config.image_size} px from {config.stored_size} px, batches of {batch}, "
        f"`data.workers` {config.data.workers}, {len(shards)} pictures. Made by `python -m tools.benchmark pipeline`.",
        "",
        *_table(
            ["pipeline", "pictures/s", "10 % - 90 %", "of the floor", "processor ms a picture"],
            [[name, *found.rate.cells(1), f"{found.ratio:.2f}", f"{found.used:.1f}"] for name, found in runs.items()],
        ),
        "",
        *_table(
            ["online, for every example", "processor ms a picture", "10 % - 90 %", "of the floor", "why online"],
            [[name, *spread.cells(2), f"{spread.median / decode:.2f}", why] for name, why, spread in online],
        ),
        "",
        f"Online parts above {_SLOW:.0f} ms a picture that are not drawn anew: {', '.join(slow) or 'none'}.",
        "",
        *_table(
            ["precomputed, once a photograph", "processor ms a picture", "10 % - 90 %", "of the floor"],
            [[name, *spread.cells(2), f"{spread.median / decode:.2f}"] for name, spread in once],
        ),
    ]
    return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class _Spent:
    """What a search of one sketch took, in seconds."""

    processor: float
    clock: float

    @staticmethod
    def of(work: Callable[[], object], sketches_: float) -> _Spent:
        """What a piece of work took that searched so many sketches, or such a share of one."""
        processor, clock = time.process_time(), time.perf_counter()
        work()
        return _Spent((time.process_time() - processor) / sketches_, (time.perf_counter() - clock) / sketches_)


def _plain_loop(model: ContextualGan, sketch: tf.Tensor, candidates: int, compiled: bool) -> Callable[[int], None]:
    """The search of one sketch [1,H,W,1] as public code has it: a candidate a call, then a step a call.

    Returns:
      The loop, a function of the number of steps.
    """

    def rate(z: tf.Tensor) -> tf.Tensor:
        return losses.kl_divergence(sketch, split(model.generator(z))["sketch"])

    def step(z: tf.Tensor, velocity: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(z)
            joint = model.generator(z)
            perceptual = losses.GENERATORS[model.adversarial_loss](model.discriminator(joint))
            loss = losses.kl_divergence(sketch, split(joint)["sketch"]) + 0.01 * perceptual
        new = 0.9 * velocity - projection_lib.RATES["momentum"] * tape.gradient(loss, z)
        return tf.clip_by_value(z - 0.9 * velocity + 1.9 * new, -1.0, 1.0), new, loss

    if compiled:
        rate, step = tf.function(rate), tf.function(step)

    def search(steps: int) -> None:
        drawn = [tf.random.uniform([1, model.latent], -1.0, 1.0) for _ in range(candidates)]
        z = min(drawn, key=lambda z: float(rate(z)[0]))
        velocity = tf.zeros_like(z)
        for _ in range(steps):
            z, velocity, loss = step(z, velocity)
            float(loss[0])  # it is looked at, as public code prints it

    return search


def projection(
    config: Config, folder: str, seconds: float, count: int = 64, candidates: int = 30, steps: int = 500
) -> str:
    """The search for z; see the module's docstring. Weights and sketches are random, since what they are costs nothing
    but whether a search stops early; here none does.

    Args:
      config: an experiment of Contextual GAN.
      folder: not looked at.
      seconds: about as long each loop is measured, twice, and scaled to all steps; the calls run whole.
      count, candidates, steps: sketches in the call, candidates of each, steps of each.

    Raises:
      ConfigError: the experiment is of another system.
    """
    del folder
    if config.system != "contextual_gan":
        raise ConfigError(f"system: expected contextual_gan, found {config.system}")
    model = systems.build(config)
    rng = np.random.default_rng(config.seed)
    side = config.image_size
    drawings = (rng.random((count, side, side, 1)) < 0.1).astype(np.float32)
    one = tf.constant(drawings[:1])
    loops = {
        "plain loop, eager (floor)": _plain_loop(model, one, candidates, compiled=False),
        "plain loop, each step compiled": _plain_loop(model, one, candidates, compiled=True),
    }
    spent: dict[str, list[_Spent]] = {}

    def measure_loops() -> None:
        for name, search in loops.items():
            search(3)  # traces
            start = _Spent.of(lambda search=search: search(0), 1)
            ten = _Spent.of(lambda search=search: search(10), 1)
            some = max(10, round(10 * seconds / max(ten.clock - start.clock, 1e-3)))
            end = _Spent.of(lambda search=search, some=some: search(some), 1)
            # A few steps stand for all; the candidates are not scaled.
            scale = steps / some
            found = _Spent(
                start.processor + (end.processor - start.processor) * scale,
                start.clock + (end.clock - start.clock) * scale,
            )
            spent.setdefault(name, []).append(found)

    measure_loops()
    options = {"candidates": candidates, "patience": steps + 2}
    for name, searched in (("one call", model), ("one call, searching in bfloat16", projection_lib.in_bfloat16(model))):

        def call(steps: int, searched: ContextualGan = searched) -> projection_lib.Projection:
            return projection_lib.project(model, drawings, steps=steps, searched=searched, **options)

        call(1)  # traces
        spent[name] = [_Spent.of(lambda call=call: call(steps), count)]
    measure_loops()

    mean = {
        name: [float(np.mean([getattr(s, key) for s in found])) for key in ("processor", "clock")]
        for name, found in spent.items()
    }
    floor = next(iter(mean.values()))
    rows = [
        [name, f"{found[0]:.2f}", f"{found[0] / floor[0]:.3f}", f"{found[1]:.2f}", f"{found[1] / floor[1]:.3f}"]
        for name, found in mean.items()
    ]
    lines = [
        f"{os.cpu_count()} processor cores, TensorFlow {tf.__version__}, {datetime.date.today().isoformat()}; "
        f"{side} px, generator {list(config.model.generator.widths)}, discriminator "
        f"{list(config.model.discriminator.widths)}; {count} sketches, {candidates} candidates each, {steps} steps. "
        "Made by `python -m tools.benchmark projection`.",
        "",
        *_table(["search", "processor s a sketch", "of the floor", "s a sketch by the clock", "of the floor"], rows),
    ]
    return "\n".join(lines)


def _edits(side: int, hole: int) -> Iterator[tuple[str, list[Mapping[str, tf.Tensor]]]]:
    """What is done to a picture, with the inputs that take turns so that each call finds the other's maps: two
    photographs, for a first edit; one with a line across the hole and one without, for a next stroke."""
    rng = np.random.default_rng(hole)
    top = (side - hole) // 2
    mask, line = np.zeros((1, side, side, 1), np.float32), np.zeros((1, side, side, 1), np.float32)
    mask[:, top : top + hole, top : top + hole] = 1.0
    line[:, side // 2, top : top + hole] = 1.0

    def inputs() -> dict[str, np.ndarray]:
        return {
            "image": rng.uniform(-1, 1, (1, side, side, 3)).astype(np.float32),
            "mask": mask,
            "sketch": np.zeros_like(mask),
            "color": np.zeros((1, side, side, 3), np.float32),
            "noise": rng.standard_normal(mask.shape, np.float32),
        }

    first, second = inputs(), inputs()
    for name, pair in (("first edit", (first, second)), ("next stroke", (first, first | {"sketch": line}))):
        yield name, [{key: tf.constant(value) for key, value in given.items()} for given in pair]


def region(config: Config, folder: str, seconds: float, holes: Sequence[int] = (64, 128, 256)) -> str:
    """Exact region inference; see the module's docstring.

    Args:
      config: the experiment, whose network gets random weights: none that depend on them.
      folder: not used; the pictures are noise.
      seconds: by the clock, for each row; no fewer than 5 rounds.
      holes: sides of the square holes, in pixels of the picture; the whole picture is measured too.

    Raises:
      ConfigError: another system.
    """
    del folder
    if config.system != "sc_fegan":
        raise ConfigError(f"system: expected sc_fegan for this benchmark, found {config.system}")
    model, side = systems.build(config), config.image_size
    whole = tf.function(model)
    rows = []
    for hole in (*(hole for hole in holes if hole < side), side):
        for name, pair in _edits(side, hole):
            inference = region_inference.RegionInference(model)
            apart = 0.0
            for given in (*pair, *pair):  # also makes the graphs
                apart = max(apart, float(tf.reduce_max(tf.abs(inference(given)["image"] - whole(given)["image"]))))
            spent: list[tuple[_Spent, _Spent]] = []
            start = time.perf_counter()
            while len(spent) < 5 or time.perf_counter() - start < seconds:
                given = pair[len(spent) % 2]
                spent.append(tuple(_Spent.of(lambda: work(given)["image"].numpy(), 1) for work in (whole, inference)))
            ratios = [
                Spread.of([getattr(ours, of) / getattr(floor, of) for floor, ours in spent])
                for of in ("processor", "clock")
            ]
            size = f"{hole} px" if hole < side else "whole picture"
            cells = [cell for ratio in ratios for cell in ratio.cells(2)]
            rows.append([f"{size}, {name}", *cells, f"{apart:.0e}"])
    lines = [
        f"{os.cpu_count()} processor cores, TensorFlow {tf.__version__}, {datetime.date.today().isoformat()}; "
        f"{model.count_params() / 1e6:.1f} M parameters, {side} px. Share of the whole network's time in the same run. "
        "Made by `python -m tools.benchmark region`.",
        "",
        *_table(
            [
                "hole",
                "processor time, of the whole network's",
                "10 % - 90 %",
                "by the clock",
                "10 % - 90 %",
                "largest difference",
            ],
            rows,
        ),
    ]
    return "\n".join(lines)


def latency(config: Config, folder: str, seconds: float, sides: Sequence[int] = (128, 192, 256)) -> str:
    """From a stroke to the new picture; see the module's docstring.

    Args:
      config: not used; it is the shipped model that is measured.
      folder: not used; the picture is one of the editor's examples, at its own size and at 24 megapixels.
      seconds: by the clock, for each row; no fewer than 5 strokes.
      sides: working sides.
    """
    del config, folder
    served = studio.Studio(zoo.SHIPPED[:1])
    example = served.example("fringe")
    small = served.picture(example["picture"])
    large = dataclasses.replace(small, image=np.repeat(np.repeat(small.image, 10, axis=0), 10, axis=1)[:, :4800])
    rows = []
    cases = [(f"512 x 512, working side {side}", small, side) for side in sides]
    for name, picture, side in [*cases, ("4800 x 5120, working side 128", large, 128)]:
        opened = served.keep(picture)
        drawn = [stroke for stroke in example["strokes"]["strokes"] if stroke["layer"] != "sketch"]
        spent: dict[str, list[float]] = {}
        start = time.perf_counter()
        number = 0
        while number < 7 or time.perf_counter() - start < seconds:
            line = {
                "layer": "sketch",
                "points": [[200 + number % 9 * 10, 130], [205 + number % 9 * 10, 180]],
                "width": 2,
            }
            strokes = {"size": opened["preview"], "strokes": [*drawn, line]}
            request = {"model": zoo.SHIPPED[0], "picture": opened["picture"], "strokes": strokes, "side": side}
            begun = time.perf_counter()
            answer = json.loads(json.dumps(served.run(json.loads(json.dumps(request)))))
            if number > 1:  # the first two make the graphs
                whole = time.perf_counter() - begun
                parts = {"whole": whole, **answer["seconds"], "JSON": whole - sum(answer["seconds"].values())}
                for part, value in parts.items():
                    spent.setdefault(part, []).append(1000.0 * value)
            number += 1
        spreads = {part: Spread.of(values) for part, values in spent.items()}
        medians = [f"{spreads[part].median:.0f}" for part in ("strokes", "model", "encode", "JSON")]
        rows.append([name, *spreads["whole"].cells(0), *medians])
    lines = [
        f"{os.cpu_count()} processor cores, TensorFlow {tf.__version__}, {datetime.date.today().isoformat()}; shipped "
        "model, ms by the clock from the page's request to its answer. Made by `python -m tools.benchmark latency`.",
        "",
        *_table(["photograph", "whole", "10 % - 90 %", "strokes", "edit", "to the preview's PNG", "JSON"], rows),
    ]
    return "\n".join(lines)


BENCHMARKS: dict[str, Callable[[Config, str, float], str]] = {
    "pipeline": pipeline,
    "projection": projection,
    "region": region,
    "latency": latency,
}
"""Name -> (experiment, folder of data, seconds) -> Markdown."""
_EXPERIMENTS = {"pipeline": ALL_CONDITIONS, "projection": LIGHT_JOINT, "region": PUBLISHED, "latency": ALL_CONDITIONS}


def configuration(name: str, path: str = "", overrides: Sequence[str] = ()) -> Config:
    """The experiment that a benchmark measures: a file's, or the benchmark's own.

    Raises:
      ConfigError: see `config.parse`.
    """
    return config_lib.load(path, overrides) if path else config_lib.parse(_EXPERIMENTS[name], "benchmark", overrides)

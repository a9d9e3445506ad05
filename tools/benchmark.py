"""Measures speed and prints it as Markdown.

    python -m tools.benchmark pipeline
    python -m tools.benchmark projection
    python -m tools.benchmark region
    python -m tools.benchmark edits
    python -m tools.benchmark latency
    python -m tools.benchmark training
    python -m tools.benchmark training --config=sc_fegan_faces_256
    python -m tools.benchmark runtimes --data=mobile/sc_fegan_mobile
    python -m tools.benchmark quantizers --data=photographs
    python -m tools.benchmark pipeline --config=sc_fegan_faces_256 --data=data/faces256 --markdown=docs/results.md

The first argument names the benchmark (see tfsketch/benchmarks). Without --config `pipeline` measures all
conditions at 256 px, `projection` the light networks, `region` the published one, `edits` that and the light ones, and
`training` SC-FEGAN's light ones and a light setting of each other system; without --data `pipeline` and `training` draw
on squares from scikit-image's photographs; `runtimes` wants a folder of .tflite files there, `quantizers` takes one of
photographs, and the others need none.
"""

import sys

from absl import app, flags

from tfsketch.benchmarks.experiments import NAMES, configurations
from tfsketch.config import cli
from tfsketch.images import paths

_CONFIG = flags.DEFINE_string("config", "", "YAML file of the experiment.")
_SET = flags.DEFINE_multi_string("set", [], "key=value over the configuration")
_DATA = flags.DEFINE_string(
    "data", "", "Folder of shards; for `runtimes`, of .tflite files; for `quantizers`, of photographs."
)
_SECONDS = flags.DEFINE_float("seconds", 20.0, "For each throughput; each part gets a tenth.", lower_bound=0.1)
_MARKDOWN = flags.DEFINE_string("markdown", "", "Markdown file whose section on this benchmark is replaced.")


def _main(name: str, argv: list[str]) -> None:
    del argv
    if name not in NAMES:
        raise app.UsageError(f"expected one of {', '.join(NAMES)} first, found {name!r}")
    experiments, parts = configurations(name, _CONFIG.value, _SET.value), []
    if _DATA.value or name == "runtimes":
        paths.check_there(_DATA.value, "--data")
    if _MARKDOWN.value:
        paths.check_file(_MARKDOWN.value, "--markdown")
    from tfsketch.benchmarks.suite import BENCHMARKS
    from tfsketch.evaluation.report import write_section

    for settings in experiments:
        parts.append(BENCHMARKS[name](settings, _DATA.value, _SECONDS.value))
        print(parts[-1], end="\n\n", flush=True)
    if _MARKDOWN.value:
        write_section(_MARKDOWN.value, f"benchmark_{name}", "\n\n".join(parts))


def main() -> None:
    # Else `cli.run` would refuse an argument that is no flag.
    name = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else ""
    cli.run(lambda argv: _main(name, argv))


if __name__ == "__main__":
    main()

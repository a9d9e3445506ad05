"""SC-FEGAN's published TF1 checkpoint -> a model directory that `edit`, `evaluate` and `export` take as --model.

    python -m tools.convert_sc_fegan --checkpoint=ckpt/SC-FEGAN.ckpt --output=models/sc_fegan_published

The weights are the authors', under CC BY-NC 4.0; tfsketch does not ship them. An --output that holds weights is left
alone.
"""

from absl import flags

from tfsketch.config import cli
from tfsketch.config.shipped import check_free
from tfsketch.images import paths
from tfsketch.systems.sc_fegan.published import find_prefix

_CHECKPOINT = flags.DEFINE_string(
    "checkpoint",
    None,
    "The checkpoint's prefix; its .index or .data file, or a folder that holds only it, will do.",
    required=True,
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the model; made where it is missing.", required=True)


def _main(argv: list[str]) -> None:
    del argv
    check_free(_OUTPUT.value)
    find_prefix(_CHECKPOINT.value)
    paths.check_folder(_OUTPUT.value, "--output")
    from tfsketch.systems.sc_fegan import convert

    report = convert.convert_sc_fegan(_CHECKPOINT.value, _OUTPUT.value)
    print(
        f"{report.output}: {report.converted} variables, {report.parameters:,} parameters from {report.checkpoint}; "
        f"{report.ignored} other variables of the checkpoint ignored"
    )


def main() -> None:
    cli.run(_main)


if __name__ == "__main__":
    main()

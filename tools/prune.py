"""Prunes the channels of a trained SC-FEGAN to a smaller configuration, for the `train.init` of a fine-tuning run.

    python -m tools.prune --config=configs/sc_fegan_mobile_256.yaml --data=data/faces256 --output=runs/mobile_start
    python -m tools.train --config=configs/sc_fegan_mobile_256.yaml --model_dir=runs/mobile

An --output that holds weights is refused.
"""

from absl import flags

from tfsketch import systems
from tfsketch.config import cli
from tfsketch.config.shipped import check_free, check_model
from tfsketch.images import paths

_MODEL = flags.DEFINE_string("model", "sc_fegan", "The wide model: a shipped one's name, a run or a model directory.")
_CONFIG = flags.DEFINE_string(
    "config", None, "YAML file of the narrow model's experiment, or a shipped one's name.", required=True
)
_DATA = flags.DEFINE_string("data", None, "Shards or photographs to fit on.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the narrow model; made if it is missing.", required=True)
_PICTURES = flags.DEFINE_integer("pictures", 128, "Number of examples.", lower_bound=1)
_SET = flags.DEFINE_multi_string("set", [], "key=value over the configuration")


def _main(argv: list[str]) -> None:
    del argv
    settings = systems.load(_CONFIG.value, _SET.value)
    check_free(_OUTPUT.value)
    check_model(_MODEL.value)
    paths.check_there(_DATA.value, "--data")
    paths.check_folder(_OUTPUT.value, "--output")
    from tfsketch.systems.sc_fegan import pruning

    report = pruning.prune_model(_MODEL.value, settings, _OUTPUT.value, _DATA.value, _PICTURES.value)
    print(f"{'layer':12} channels  energy kept  error left")
    for layer in report:
        print(f"{layer.name:12} {layer.width:3d} of {layer.channels:3d} {layer.energy:10.3f} {layer.error:11.4f}")
    print(_OUTPUT.value)


def main() -> None:
    cli.run(_main)


if __name__ == "__main__":
    main()

"""Measures of a model on a hold-out, by the protocol of its system.

    python -m tools.evaluate --model=sc_fegan --data=data/holdout --output=out/evaluation

--data is a folder of shards (tools.prepare_data) or of photographs. OUTPUT gets metrics.jsonl (appended), results.md
and the contact sheet sheet.png. The protocols are fixed: each is told in the module of its name in the system's room,
tfsketch.systems.SYSTEM. For SC-FEGAN there are two more: --protocol=transplant_edits, on shards of 512 px with labels,
and --protocol=last_stages, on photographs of 512 px or, by --image_size, larger ones.
"""

from absl import flags

from tfsketch import systems
from tfsketch.config import cli
from tfsketch.images import paths

_MODEL = flags.DEFINE_string("model", "sc_fegan", "Name of a shipped model, or a model directory.")
_DATA = flags.DEFINE_string(
    "data", None, "Folder of shards or of photographs that the model was not trained on.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the results.", required=True)
_COUNT = flags.DEFINE_integer("count", None, "Measure the first pictures only.", lower_bound=1)
_IMAGE_SIZE = flags.DEFINE_integer("image_size", None, "Side of the pictures; by default the model's.", lower_bound=32)
_MARKDOWN = flags.DEFINE_string(
    "markdown", None, "Markdown file whose section on this model is replaced, such as docs/results.md."
)
_SECTION = flags.DEFINE_string("section", "", "Name of that section; by default the model's system or the protocol.")
_PROTOCOL = flags.DEFINE_string(
    "protocol", "", "Of those of the model's system, such as transplant_edits of sc_fegan; by default the usual one."
)


def _main(argv: list[str]) -> None:
    del argv
    system = systems.experiment_of(_MODEL.value).system
    systems.check_protocol(system, _PROTOCOL.value)
    paths.check_there(_DATA.value, "--data")
    paths.check_folder(_OUTPUT.value, "--output")
    if _MARKDOWN.value:
        paths.check_file(_MARKDOWN.value, "--markdown")
    from tfsketch.systems import protocols

    results = protocols.evaluate(
        _MODEL.value,
        _DATA.value,
        _OUTPUT.value,
        _COUNT.value,
        _IMAGE_SIZE.value,
        _MARKDOWN.value,
        _SECTION.value,
        _PROTOCOL.value,
    )
    print(
        f"{results.table()}\n{results.closing}\n{results.pictures} pictures; "
        f"metrics.jsonl, results.md and the contact sheet are in {_OUTPUT.value}"
    )


def main() -> None:
    cli.run(_main)


if __name__ == "__main__":
    main()

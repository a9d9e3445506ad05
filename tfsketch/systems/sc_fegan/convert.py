"""SC-FEGAN's published TF1 checkpoint -> a model directory of ours.

In: a V2 checkpoint (PREFIX.index and PREFIX.data-00000-of-00001) of the released generator; its variables are
`generator/<scope>/kernel|bias`, `generator/<scope>_g/kernel|bias` for the gates, `generator/deconvN/w|biases1|biases2`.
Out: a directory for `zoo.load_model`, float32, whose model speaks the package's vocabulary and draws the same pictures.

Our layers carry the released scopes' names and the layouts of kernels agree, so a variable maps by name. Three things
differ, and none of them leaves a wrapper around the network:
  channels: the release works in BGR. The input channels of the first layer and of the skip into the last layer, and the
    output channels of the last layer, are permuted once, here; the converted network is an RGB network.
  colour: an unpainted pixel of the hole is -1 there and 0 with us: `model.empty_color: -1.0` in the config.
  noise: the demo draws {0,1}, we draw N(0,1): the model card says so; weights cannot mend it.

The expected names and shapes are those of our own built generator, so that this file holds no second table of layers.
Everything else in the checkpoint (Adam's slots, a discriminator, counters) is ignored, and counted.
Source: the released graph's names and conventions, as laid down in the project's notes; no code of the release is used.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re

import numpy as np
import tensorflow as tf

from tfsketch import config as config_lib
from tfsketch.config import shipped
from tfsketch.errors import WeightsError
from tfsketch.images import paths
from tfsketch.nn import model_directory
from tfsketch.systems.sc_fegan.config import GeneratorConfig, ScFeganConfig
from tfsketch.systems.sc_fegan.network import Generator
from tfsketch.systems.sc_fegan.published import enumeration, find_prefix

_PACKED_RGB = [2, 1, 0, 3, 6, 5, 4, 7, 8]
"""Position of channel i of our packed input (incomplete 3, sketch, colour 3, mask, noise) in the released, BGR one."""
_RGB = [2, 1, 0]

_CARD = """# SC-FEGAN, the published weights, converted

The generator of SC-FEGAN (Jo & Park, ICCV 2019, arXiv 1902.06838) with the weights of the checkpoint
`{checkpoint}`, converted by `tools.convert_sc_fegan` ({count} variables, {parameters:,} parameters).

**Licence.** The released weights are under CC BY-NC 4.0: non-commercial use, with credit to the authors. This is the
user's own copy, made from a checkpoint that the user obtained; tfsketch does not ship it. A conversion stays under the
licence of what was converted.

| convention | here | in the release |
|---|---|---|
| channels | RGB | BGR; the weights of the first and the last layer were permuted, nothing is swapped at run time |
| mask | 1 = regenerate | the same |
| hole | 0 (grey) in the picture that the network sees | the same |
| sketch | 1 = stroke | the same, lines one pixel wide |
| colour | 0 where none was given; `model.empty_color: -1.0` puts -1 into the hole | -1 where none was given |
| noise | N(0,1) inside the mask | binary: 0 or 1, with P(1) about 0.16, times the mask |
| size | any multiple of {stride}; trained at 512 | 512 only |

**The noise's quirk.** The released demo draws normal noise into unsigned bytes, divides by 255 and truncates once more,
which leaves zeros and ones. To get the demo's pictures, pass such a `noise` to the model; with our N(0,1) they differ.
"""


@dataclasses.dataclass(frozen=True)
class Report:
    """Summary of a conversion."""

    checkpoint: str
    """The prefix that was read."""
    output: pathlib.Path
    """The model directory that was written."""
    converted: int
    """Variables of the generator."""
    parameters: int
    """Numbers in them."""
    ignored: int
    """Variables of the checkpoint that are not the generator's."""


def published_name(name: str) -> str:
    """The checkpoint's name of a variable of ours: `generator/gconv8/gate_bias` is `generator/gconv8_g/bias` there."""
    return re.sub(r"/gate_(kernel|bias)$", r"_g/\1", name)


def _to_rgb(name: str, array: np.ndarray, first: str, last: str) -> np.ndarray:
    """A weight of the BGR network as the RGB network's.

    Args:
      name: our name of it.
      array: the checkpoint's value, kernels [k,k,in,out], biases [out].
      first: the layer that reads the packed input.
      last: the layer that makes the picture; it reads the packed input and then the last deconvolution's features,
        whose order is internal and stays.
    """
    layer, weight = name.split("/")[-2:]
    if layer == first and weight.endswith("kernel"):
        return array[:, :, _PACKED_RGB, :]
    if layer == last:
        if weight.endswith("kernel"):
            order = _PACKED_RGB + list(range(len(_PACKED_RGB), array.shape[2]))
            return array[:, :, order, :][..., _RGB]
        return array[_RGB]
    return array


def read_sc_fegan(prefix: str, shapes: dict[str, tuple[int, ...]], last: str) -> tuple[dict[str, np.ndarray], int]:
    """The checkpoint's generator as weights of our RGB generator.

    Args:
      prefix: as `find_prefix` gives it.
      shapes: what the generator needs: shape by our name of the variable.
      last: the layer that makes the picture, `gconv14` in the published network.

    Returns:
      Arrays by our names, and the number of the checkpoint's variables that were ignored.

    Raises:
      WeightsError: not a readable checkpoint; or variables are missing, of another shape or not finite: they are named,
        as the checkpoint names them.
    """
    try:
        reader = tf.train.load_checkpoint(paths.literal_prefix(prefix))
        own_shapes = {name: tuple(shape) for name, shape in reader.get_variable_to_shape_map().items()}
        expected_shapes = {published_name(name): shape for name, shape in shapes.items()}
        missing = sorted(set(expected_shapes) - set(own_shapes))
        if missing:
            holds = enumeration(sorted(own_shapes)) or "nothing"
            raise WeightsError(
                f"{prefix}: expected the {len(expected_shapes)} variables of SC-FEGAN's generator, found "
                f"{len(expected_shapes) - len(missing)} of them; missing: {enumeration(missing)}"
                + (f" (the checkpoint holds {holds})" if len(missing) == len(expected_shapes) else "")
            )
        misshapen = [
            f"{name}: expected {shape}, found {own_shapes[name]}"
            for name, shape in sorted(expected_shapes.items())
            if own_shapes[name] != tuple(shape)
        ]
        if misshapen:
            raise WeightsError(
                f"{prefix}: {len(misshapen)} variables of other shapes than SC-FEGAN's generator has; "
                f"{enumeration(misshapen)}"
            )
        arrays, infinite = {}, []
        for name in shapes:
            array = np.asarray(reader.get_tensor(published_name(name)), np.float32)
            if not np.isfinite(array).all():
                infinite.append(published_name(name))
            arrays[name] = _to_rgb(name, array, "gconv1_ds", last)
    except WeightsError:
        raise
    # The reader translates some of its errors and not others; strings in place of numbers are NumPy's ValueError.
    except (tf.errors.OpError, RuntimeError, ValueError, TypeError, IndexError) as error:
        raise WeightsError(
            f"{prefix}: expected a whole TensorFlow checkpoint, found {type(error).__name__}: {error}"
        ) from error
    if infinite:
        raise WeightsError(
            f"{prefix}: expected finite numbers, found NaN or infinity in {enumeration(sorted(infinite))}"
        )
    return arrays, len(own_shapes) - len(expected_shapes)


def convert_sc_fegan(
    checkpoint: str | os.PathLike,
    output: str | os.PathLike,
    generator: GeneratorConfig = GeneratorConfig(),
) -> Report:
    """Writes the published checkpoint as a model directory.

    Args:
      checkpoint: the prefix, or what `find_prefix` makes one of.
      output: the model directory, made where it is missing; one that holds weights is left alone.
      generator: the network that the checkpoint is of; the default is the released one. Another width or number of
        stages serves checkpoints of the same graph in another size.

    Raises:
      WeightsError: as `find_prefix` and `read_sc_fegan` say; or the output holds weights, is a file or cannot be
        written.
    """
    output = pathlib.Path(output)
    shipped.check_free(output)
    prefix = find_prefix(checkpoint)
    config = config_lib.Config(image_size=512, model=ScFeganConfig(generator=generator, empty_color=-1.0))
    model = model_directory.build(Generator, config)
    shapes = {name: tuple(variable.shape) for name, variable in model_directory.variable_names(model).items()}
    stride, last = model.stride, model.mixers[-1].name
    del model  # its 370 MB would lie idle beside the arrays
    arrays, ignored = read_sc_fegan(prefix, shapes, last)
    parameters = sum(array.size for array in arrays.values())
    card = _CARD.format(checkpoint=pathlib.Path(prefix).name, count=len(arrays), parameters=parameters, stride=stride)
    try:
        model_directory.save(output, config, arrays, card)
    except OSError as error:
        raise WeightsError(f"{output}: expected a folder that can be written, found {error}") from error
    return Report(prefix, output, len(arrays), parameters, ignored)

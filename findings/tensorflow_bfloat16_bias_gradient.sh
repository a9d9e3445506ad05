#!/usr/bin/env bash
# TensorFlow on a CPU: the gradient of a bias in bfloat16 is added up in bfloat16, and stops growing at 256 to 512 times
# the addend, however many positions there are.
#
# The guide to mixed precision says of bfloat16 that it has float32's range and needs no loss scaling, and matrix
# products and convolutions in it add up in float32 and round once. So one would expect a bias gradient right to about
# half a percent. But 256 + 1 is 256 in bfloat16: of more equal addends than that, nothing is left, without a NaN, a
# warning, or a loss that looks odd; the layer's bias just learns a hundred times too slowly, the more so the larger the
# picture. Within a tf.function, where oneDNN fuses it with a convolution's filter gradient, it is right; in eager mode,
# for transposed convolutions and for a bias that stands alone, it is not.
#
# Who meets it: who trains or tries generators in bfloat16 on a CPU. Instead: add such biases by a function with a
# gradient of its own, a product with ones (`tf.matmul(ones, upstream, transpose_a=True)`), which adds up in float32.
#
# Seen with TensorFlow 2.15.1, Linux x86-64. PYTHON=... names an interpreter that has TensorFlow; by default one is
# installed. Fails (exit status 1) if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ -z "${PYTHON:-}" ]; then
  python3 -m venv "$folder/venv"
  "$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.15.1
  PYTHON="$folder/venv/bin/python"
fi
TF_CPP_MIN_LOG_LEVEL=3 "$PYTHON" - <<'PYTHON_CODE'
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(2)  # more threads, more sums apart: as wrong, by other numbers
SHAPE = (4, 128, 128, 8)
positions = SHAPE[0] * SHAPE[1] * SHAPE[2]


def gradient(dtype):
    upstream = tf.ones(SHAPE, dtype)
    bias = tf.Variable(tf.zeros([SHAPE[-1]], dtype))
    with tf.GradientTape() as tape:
        y = tf.nn.bias_add(upstream, bias)
    return float(tape.gradient(y, bias, upstream)[0])


def product():
    rows = tf.ones([1, positions, SHAPE[-1]], tf.bfloat16)
    return float(tf.matmul(tf.ones([1, positions, 1], tf.bfloat16), rows, transpose_a=True)[0, 0, 0])


found = {"float32": gradient(tf.float32), "bfloat16": gradient(tf.bfloat16), "bfloat16, a product with ones": product()}
print(f"TensorFlow {tf.__version__}: the gradient of a bias at {positions} positions, of 1 each; expected {positions}")
for name, value in found.items():
    print(f"  {name}: {value:.0f}")
exact, short, ones = found.values()
as_described = exact == ones == positions and short < positions / 50
print("as described" if as_described else "other than described")
raise SystemExit(not as_described)
PYTHON_CODE

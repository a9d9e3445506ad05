"""Runs the test files it is given: what a py_test starts, because Bazel runs a file and pytest collects one."""

import sys

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(sys.argv[1:]))

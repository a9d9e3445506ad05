#!/usr/bin/env bash
# Debian 12's Bazel (bazel-bootstrap 4.2.3) cannot load Debian 12's own C++ rules for it (bazel-rules-cc 0.0.4), which it
# recommends: they ask @bazel_tools for `use_cpp_toolchain`, a function that came with Bazel 5. So nothing that resolves a
# C++ toolchain can be analysed offline with the two as packaged, a plain py_binary included; py_library can.
# Seen on Debian 12.11, 28 November 2026: "file '@bazel_tools//tools/cpp:toolchain_utils.bzl' does not contain symbol
# 'use_cpp_toolchain'". What .ci/bazel does about it: a copy of the rules that names the toolchain type instead.
# Needs apt (root not needed: packages are unpacked, not installed). Fails if the behaviour changes.
set -euo pipefail
cd "$(mktemp -d)"
apt-get download -qq bazel-bootstrap-data=4.2.3+ds-9 bazel-rules-cc=0.0.4-2
for package in ./*.deb; do dpkg -x "$package" root; done
tools=$(find root -path '*tools/cpp/toolchain_utils.bzl' | head -n 1)
rules=$(find root -path '*rules_impl/compiler_flag.bzl' | head -n 1)
echo "Bazel's own: $(grep -c 'def use_cpp_toolchain' "$tools" || true) definitions of use_cpp_toolchain in ${tools##*/}"
echo "the rules:   $(grep -c 'load(.*use_cpp_toolchain' "$rules") load of it in ${rules##*/}"
grep -q 'def use_cpp_toolchain' "$tools" && { echo "changed: Bazel has it now"; exit 1; }
grep -q 'load(.*toolchain_utils.bzl.*use_cpp_toolchain' "$rules" || { echo "changed: the rules no longer load it"; exit 1; }
echo "as described"

#!/bin/bash
# What the unit tests of VARIANT=coverage have reached:  coverage.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/support/deps.sh coverage

lcov --quiet --capture --directory "$1/obj" --base-directory . --no-external --output-file "$1/all.info"
lcov --quiet --remove "$1/all.info" '*/build/*' --output-file "$1/coverage.info"
genhtml --quiet --output-directory "$1/html" "$1/coverage.info"
lcov --list "$1/coverage.info"
echo "Details: $1/html/index.html"

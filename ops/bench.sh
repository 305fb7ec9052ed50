#!/usr/bin/env bash
# Measures the binaries beside their rivals and beside what the machine allows, in the same run and
# on the same disk, and prints one table.
#
#   ops/bench.sh [--quick] [--runs N] [ROW...]     default: all rows, 5 runs
#   ops/bench.sh --build [--quick] [ROW...]        builds what they need only
#
# A row is a file ops/bench/rows/NAME.py: NEEDS lists the packages to build, and measure(bench)
# returns its lines. --quick takes small sizes and one run, and judges no target: for CI.
# BENCH_DIR names a folder on the disk to measure (default: target/bench). The figures also go to
# target/bench/bench.json. Flushes wait for everybody's writes: measure on a quiet machine.
#
# stdout: the table. stderr: progress.
# Exit: 0 every target is met, 1 one is not, 2 wrong call, 69 could not build or measure.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
drive=(python3 -B "$root/ops/bench/drive.py")
target=${CARGO_TARGET_DIR:-$root/target}

build_only=no
if [ "${1-}" = --build ]; then
  build_only=yes
  shift
fi
case " $* " in
*" --help "* | *" -h "*) exec "${drive[@]}" --help ;;
esac

cd "$root"
# shellcheck source=ops/need.sh
. ops/need.sh
need_rust
need_packages cc:gcc git:git python3:python3

needs=$("${drive[@]}" --needs "$@")
packages=()
while IFS= read -r package; do
  if cargo pkgid --quiet --manifest-path "$root/Cargo.toml" "$package" >/dev/null 2>&1; then
    packages+=(-p "$package")
  else
    echo "bench: there is no package $package yet" >&2
  fi
done <<<"$needs"

# Without a package named, cargo would build them all.
# Small sizes judge no target: they take the profile that is built in a fraction of the time.
profile=release
case " $* " in
*" --quick "*) profile=quick ;;
esac
if [ "${#packages[@]}" -gt 0 ]; then
  echo "bench: building" >&2
  cargo build --profile "$profile" --bins --examples --quiet --manifest-path "$root/Cargo.toml" \
    "${packages[@]}" || {
    echo "bench: the binaries do not build" >&2
    exit 69
  }
fi

[ "$build_only" = no ] || exit 0
exec "${drive[@]}" --binaries "$target/$profile" --folder "${BENCH_DIR:-$root/target/bench}" \
  --out "$root/target/bench/bench.json" "$@"

#!/usr/bin/env bash
# Builds every fuzz target of fuzz/ and runs each for a while, on the stable toolchain.
#
#   ops/fuzz.sh [SECONDS] [TARGET...]     default: 10 seconds, all targets
#   ops/fuzz.sh --build [TARGET...]       builds them only
#
# A target is a file fuzz/fuzz_targets/NAME.rs with a [[bin]] of that name in fuzz/Cargo.toml.
# Inputs to start from are in fuzz/seeds/NAME/, words to try in fuzz/seeds/NAME.dict; what is found
# on the way is kept in fuzz/corpus/NAME/, and an input that crashes in fuzz/artifacts/NAME/ (neither
# checked in). FUZZ_JOBS limits how many compilers run at once.
#
# Without a sanitizer libFuzzer does not see memcmp, so it will not guess a long magic string: give
# such strings in the seeds or the dictionary.
#
# stdout: one line per target. stderr: the rest.
# Exit: 0 no crash, 1 a crash, 2 wrong call, 69 could not build or run a target.
set -euo pipefail

readonly MAX_INPUT_BYTES=65536
readonly MAX_INPUT_SECONDS=10
readonly MAX_MEMORY_MB=2048

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
  local code=$1
  shift
  echo "fuzz: $*" >&2
  exit "$code"
}

seconds=10
build_only=no
if [[ ${1-} == --build ]]; then
  build_only=yes
  shift
elif (($# > 0)); then
  [[ $1 =~ ^[1-9][0-9]{0,5}$ ]] || fail 2 "SECONDS must be a whole number from 1 to 999999: $1"
  seconds=$1
  shift
fi

cd "$root"
# shellcheck source=ops/need.sh
. ops/need.sh
need_rust
need_packages c++:g++

known=()
for file in "$root"/fuzz/fuzz_targets/*.rs; do
  [[ -e $file ]] || fail 69 "no targets in fuzz/fuzz_targets"
  known+=("$(basename "$file" .rs)")
done
targets=("${known[@]}")
if (($# > 0)); then
  targets=("$@")
fi
for target in "${targets[@]}"; do
  [[ " ${known[*]} " == *" $target "* ]] || fail 2 "no target $target; there are: ${known[*]}"
done

# What `cargo fuzz build --sanitizer none` passes; all of it is stable. The instrumentation calls
# into libFuzzer, so it must stay out of build scripts: hence --target below.
flags=(
  --cfg fuzzing
  -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares
  -Ccodegen-units=1
)
host=$(rustc -vV | sed -n 's/^host: //p')
build_dir=${CARGO_TARGET_DIR:-$root/fuzz/target}
binaries=()
for target in "${targets[@]}"; do
  binaries+=(--bin "$target")
done
RUSTFLAGS="${flags[*]}" cargo build --release --quiet --manifest-path "$root/fuzz/Cargo.toml" \
  --target "$host" --target-dir "$build_dir" ${FUZZ_JOBS:+-j "$FUZZ_JOBS"} "${binaries[@]}" ||
  fail 69 "the targets do not build"
[[ $build_only == no ]] || exit 0

log=$(mktemp)
trap 'rm -f "$log"' EXIT
worst=0

for target in "${targets[@]}"; do
  corpus=$root/fuzz/corpus/$target
  seeds=$root/fuzz/seeds/$target
  artifacts=$root/fuzz/artifacts/$target
  mkdir -p "$corpus" "$artifacts"
  directories=("$corpus")
  if [[ -d $seeds ]]; then
    directories+=("$seeds")
  fi
  dictionary=()
  if [[ -e $seeds.dict ]]; then
    dictionary=("-dict=$seeds.dict")
  fi

  code=0
  # The backtrace would push the panic's message out of the tail shown below.
  RUST_BACKTRACE=0 "$build_dir/$host/release/$target" \
    -max_total_time="$seconds" \
    -max_len="$MAX_INPUT_BYTES" \
    -timeout="$MAX_INPUT_SECONDS" \
    -rss_limit_mb="$MAX_MEMORY_MB" \
    -artifact_prefix="$artifacts/" \
    -print_final_stats=1 \
    ${dictionary[@]+"${dictionary[@]}"} \
    "${directories[@]}" >"$log" 2>&1 || code=$?

  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  coverage=$(sed -n 's/^#[0-9].* cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
  input=$(sed -n 's/^.*Test unit written to //p' "$log" | tail -n 1)
  summary="${runs:-0} executions, coverage ${coverage:-0}"
  if ((code == 0)) && ((${runs:-0} > 0)) && ((${coverage:-0} > 0)); then
    echo "$target: ok, $summary"
  elif [[ -n $input ]]; then
    echo "$target: CRASH, $summary, input $input"
    grep -v '^#[0-9]' "$log" | tail -n 40 >&2
    echo "fuzz: again with: $build_dir/$host/release/$target $input" >&2
    worst=1
  else
    # A target that ran nothing, or was not instrumented, has shown nothing.
    echo "$target: COULD NOT RUN (exit $code), $summary"
    tail -n 40 "$log" >&2
    ((worst == 1)) || worst=69
  fi
done
exit "$worst"

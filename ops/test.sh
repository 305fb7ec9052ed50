#!/usr/bin/env bash
# Installs what the tests need, then formats, lints and runs everything.
#
#   ops/test.sh          all of it
#   ops/test.sh --lint   formatting and lints alone
#
# What could not run on this machine is listed at the end; AIOPS_REQUIRE_ALL=1 makes it a failure.
# As root on Debian, missing packages are installed; otherwise it says which are missing.
# Exit: 0 all green; 69 something needed is missing; else the code of what failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }
fail() {
  local code=$1
  shift
  printf 'test: %s\n' "$@" >&2
  exit "$code"
}

lint_only=no
case "${1:-}" in
  "") ;;
  --lint) lint_only=yes ;;
  -h | --help)
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
  *) fail 2 "unknown argument: $1 (--lint, --help)" ;;
esac

# shellcheck source=ops/need.sh
. ops/need.sh
need_rust
need_packages shellcheck:shellcheck cc:gcc git:git python3:python3
if [ "$lint_only" = no ]; then
  need_packages c++:g++ ssh-keygen:openssh-client systemd-analyze:systemd strace:strace \
    faketime:faketime openssl:openssl npm:npm unshare:util-linux \
    dbus-daemon:dbus-daemon gnome-keyring-daemon:gnome-keyring \
    debootstrap:debootstrap systemd-nspawn:systemd-container ip:iproute2 wget:wget \
    bwrap:bubblewrap
  need_postgresql
fi

# Installing openssh-server would start a daemon that listens in public, so it is left to people.
if [ "$lint_only" = no ] && { [ ! -x /usr/sbin/sshd ] || [ ! -d /run/sshd ]; }; then
  echo "test: no sshd (openssh-server, and the folder /run/sshd); pushes over ssh will say skipped" >&2
fi

say "formatting"
cargo fmt --check

say "shellcheck"
# The hook and CI scripts, and the stand-in for tailscale, have no ending.
git ls-files -co --exclude-standard -- '*.sh' .githooks .ci tests/booted/scripts/files/usr/bin |
  xargs shellcheck -x

say "clippy"
cargo clippy --workspace --all-targets -- -D warnings

say "python"
git ls-files -co --exclude-standard -- '*.py' | xargs python3 -m py_compile

[ "$lint_only" = no ] || exit 0

say "pm2 from npm, for the test of ops/pm2"
if [ ! -x target/tools/pm2/node_modules/.bin/pm2 ]; then
  npm install --silent --no-audit --no-fund --prefix target/tools/pm2 pm2@6 ||
    echo "test: pm2 could not be installed; its test will say skipped" >&2
fi

tools=${CARGO_TARGET_DIR:-target}/tools
# python_tool NAME CHECK PACKAGE...: a virtual environment of its own, made anew when CHECK fails in it.
python_tool() {
  local folder=$tools/$1 check=$2
  shift 2
  "$folder/bin/python" -c "$check" 2>/dev/null || {
    python3 -m venv --clear "$folder" &&
      "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
  } || echo "test: ${folder##*/} could not be installed; its test will say skipped" >&2
}
say "from PyPI: the clients of OpenAI, Mistral and Twilio, and schemathesis, for the tests that ask them"
python_tool llm-sdk 'import openai, mistralai' openai==3.54.0 mistralai==3.7.0
python_tool twilio 'import twilio' 'twilio==9.13.*'
python_tool schemathesis 'import schemathesis' 'schemathesis==4.*'

say "build"
cargo build --workspace

# Tests wait more than they compute, so what comes after them is built meanwhile. What goes wrong
# there is told when it is that step's turn.
set -m # a process group of its own, so that it ends with this script
{ nice -n 19 ops/fuzz.sh --build && nice -n 19 ops/bench.sh --build --quick; } >/dev/null 2>&1 &
builds=$!
set +m
trap 'kill -- "-$builds" 2>/dev/null || true' EXIT

say "tests"
# Tests that cannot run here say so on standard error: it is shown, and kept for the list at the end.
told=${CARGO_TARGET_DIR:-target}/told-by-tests.txt
{ cargo test --workspace 2>&1 >&3 3>&- | tee "$told" >&2 3>&-; } 3>&1

say "fuzzing, briefly"
wait "$builds" || true
ops/fuzz.sh "${FUZZ_SECONDS:-5}"

say "benchmarks, small sizes: do they run?"
ops/bench.sh --quick

say "skipped"
awk '/^SKIPPED / && !seen[$0]++ { print; some = 1 } END { if (!some) print "nothing was skipped" }' "$told"

say "all green"

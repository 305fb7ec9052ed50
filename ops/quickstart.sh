#!/usr/bin/env bash
# Builds the bridge and runs it once, for real, in a folder of its own; runs one read-only job over a
# repository that it makes; then has doctor look at this machine.
#
#   ops/quickstart.sh [--home DIR]           default: target/quickstart
#   ops/quickstart.sh --watch [--home DIR]   leaves an executor running there, to try things on
#   ops/quickstart.sh --stop  [--home DIR]   ends what --watch left running
#
# Touches nothing but DIR and target/. Exit: 0 when everything went as it should, 69 when something
# needed is missing, 1 otherwise.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  printf 'quickstart: %s\n' "$@" >&2
  exit 1
}
say() { printf '%s\n' "$*"; }
step() { printf '\n[%4ss] %s\n' "$SECONDS" "$*"; }

demo=$PWD/target/quickstart
watch=no
stop=no
while [ $# -gt 0 ]; do
  case "$1" in
    --home)
      [ $# -ge 2 ] || { echo "quickstart: --home takes a folder" >&2 && exit 2; }
      demo=$2
      shift
      ;;
    --watch) watch=yes ;;
    --stop) stop=yes ;;
    -h | --help)
      sed -n '2,10s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *)
      echo "quickstart: unknown argument: $1 (--home DIR, --watch, --stop, --help)" >&2
      exit 2
      ;;
  esac
  shift
done

# End exactly the process that --watch started: its pid, and only while that still is a bridge-exec.
end_watch() {
  local pid
  pid=$(cat "$demo/watch.pid" 2>/dev/null) || return 0
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = bridge-exec ]; then
    kill "$pid"
    timeout 30 tail --pid="$pid" -f /dev/null || fail "process $pid does not end"
    say "ended the executor (process $pid)"
  fi
  rm -f "$demo/watch.pid"
}
if [ "$stop" = yes ]; then
  [ -f "$demo/watch.pid" ] || say "nothing is running"
  end_watch
  exit 0
fi

# shellcheck source=ops/need.sh
. ops/need.sh
need_rust
need_packages cc:gcc git:git bwrap:bubblewrap

step "building (3 to 6 minutes on two cores the first time, seconds after that)"
cargo build --profile quick -p bridge-exec -p bridge-submit -p bridge-publish -p bridge-report -p doctor \
  -p runner -p orb-wrap
bin=$PWD/${CARGO_TARGET_DIR:-target}/quick
[ -d "$bin" ] || bin=${CARGO_TARGET_DIR:-target}/quick

step "a bridge root, a secret and a git remote in $demo"
if [ -e "$demo" ] && [ ! -f "$demo/.ai-ops-runner-quickstart" ]; then
  fail "$demo exists and was not made by this script: name another folder with --home"
fi
end_watch
rm -rf "$demo"
mkdir -p "$demo/secrets"
demo=$(cd "$demo" && pwd)
touch "$demo/.ai-ops-runner-quickstart"
(umask 077 && head -c 32 /dev/urandom | base64 > "$demo/secrets/bridge_hmac")
export AIOPS_HOME=$demo/home AIOPS_SECRETS_DIR=$demo/secrets BRIDGE_ROOT=$demo/bridge AIOPS_CONFIGS=$PWD/configs
unset BRIDGE_HMAC GPT_BRIDGE_HMAC_SECRET CREDENTIALS_DIRECTORY
git init --quiet --bare --initial-branch main "$demo/remote.git"
"$bin/bridge-exec" --quiet init --root "$BRIDGE_ROOT" > "$demo/init.txt"
git -C "$BRIDGE_ROOT" remote add origin "$demo/remote.git"

step "four documents arrive in commands/"
submit() { "$bin/bridge-submit" --quiet "$@"; }
submit noop --id demo-noop
echo "Written by a signed command." | submit write docs/hello.md --id demo-write
echo "harmless" | submit write docs/tampered.md --id demo-tampered --dry-run |
  sed 's/harmless/poisoned/' > "$BRIDGE_ROOT/commands/demo-tampered.json"
echo "outside" | submit write ../outside.txt --id demo-escape

step "bridge-exec once"
code=0
"$bin/bridge-exec" once || code=$?
[ "$code" = 1 ] || fail "expected exit code 1 (something was refused), got $code"

step "bridge-publish once"
"$bin/bridge-publish" once

step "bridge-exec verify"
"$bin/bridge-exec" verify

step "what happened"
row() { printf '  %-15s %-12s %-14s %s\n' "$@"; }
row COMMAND WANTED FOUND WHERE
bad=0
check() { # id, wanted reason or ok
  local found=missing where=-
  if [ -f "$BRIDGE_ROOT/results/$1.json" ]; then
    found=ok where=results/$1.json
  elif [ -f "$BRIDGE_ROOT/dead_letter/$1.json" ]; then
    found=$(sed -n 's/^ *"reason": "\(.*\)",$/\1/p' "$BRIDGE_ROOT/dead_letter/$1.json")
    where=dead_letter/$1.json
  fi
  row "$1" "$2" "$found" "$where"
  [ "$found" = "$2" ] || bad=1
}
check demo-noop ok
check demo-write ok
check demo-tampered bad_hmac
check demo-escape path_escape
[ ! -e "$demo/outside.txt" ] || bad=1
say ""
say "  the change:    $(head -n 1 "$BRIDGE_ROOT/docs/hello.md")  ($BRIDGE_ROOT/docs/hello.md)"
say "  on the remote: $(git -C "$demo/remote.git" log --format=%s main | tr '\n' ';' | sed 's/;$//; s/;/; /g')"
say "  audit log:     $BRIDGE_ROOT/logs/bridge.log"
say "  run records:   $AIOPS_HOME/artifacts/runs/"
[ "$bad" = 0 ] || fail "that is not what should have happened; please report it with $demo"

step "runner: the own doctor of a repository made here, as a read-only job"
target=$demo/target
mkdir -p "$target/ops" "$demo/configs"
cp -R "$AIOPS_CONFIGS/." "$demo/configs"
cat > "$demo/configs/repo_allowlist.yaml" <<END
repos:
  - name: demo
    url: file://$target
    refs: [refs/heads/main]
END
cat > "$target/ops/doctor_repo.sh" <<'END'
#!/bin/sh
passed=0
try() { if "$@"; then passed=$((passed + 1)); else echo "failed: $*"; fi; }
refused() { if "$@" 2>/dev/null; then return 1; else echo "refused, as it should be: $*"; fi; }
try git log --oneline --max-count 3
try refused touch ops/planted
try refused chmod +w ops/doctor_repo.sh
try test ! -e /root
echo "$passed/4"
END
chmod +x "$target/ops/doctor_repo.sh"
git init --quiet --initial-branch main "$target"
git -C "$target" add .
git -C "$target" -c user.name=demo -c user.email=demo@example.org commit --quiet -m "a doctor of its own"
(umask 077 && head -c 32 /dev/urandom | base64 > "$demo/secrets/runner_token")
"$bin/runner" --configs "$demo/configs" serve --listen 127.0.0.1:0 > "$demo/runner.log" 2>&1 &
runner=$!
trap 'kill "$runner" 2>/dev/null || true' EXIT
timeout 30 sh -c "until grep -q 'listening on' '$demo/runner.log'; do sleep 0.05; done" ||
  fail "runner does not listen; see $demo/runner.log"
address=$(sed -n 's/.*listening on \([^,]*\).*/\1/p' "$demo/runner.log" | head -n 1)
code=0
"$bin/runner" --configs "$demo/configs" --api "$address" submit --job orb_doctor --repo demo --wait \
  > "$demo/job.txt" 2> "$demo/job.log" || code=$?
cat "$demo/job.log" "$demo/job.txt"
kill "$runner"
wait "$runner" || fail "runner did not end well; see $demo/runner.log"
trap - EXIT
if grep -q SANDBOX_REFUSED "$demo/job.log" "$demo/job.txt"; then
  say "refused, since this machine gives no namespaces (a container?): so it should be"
elif [ "$code" != 0 ]; then
  fail "expected exit code 0, got $code; see $demo/runner.log"
fi
artifact=$(echo "$AIOPS_HOME"/artifacts/jobs/*/artifact.json)
say ""
say "  its artifact:  $artifact"
say "  what kept it read-only, each tried just before it ran:"
sed -n 's/^ *"layer": "\(.*\)",$/\1/p; s/^ *"probe": "\(.*\)"$/\1/p' "$artifact" | paste -s -d ':\n' |
  sed 's/^\([^:]*\):/    \1: /'

step "doctor host: this machine as it is (a no is fine here: not all of the system is installed)"
code=0
"$bin/doctor" host || code=$?
case $code in
  0 | 1 | 69) say "exit code $code; the report: $AIOPS_HOME/artifacts/doctor/" ;;
  *) fail "doctor ended with code $code" ;;
esac

if [ "$watch" = yes ]; then
  "$bin/bridge-exec" watch --publish > "$demo/watch.log" 2>&1 &
  echo $! > "$demo/watch.pid"
  say ""
  say "  an executor is running (process $(cat "$demo/watch.pid"), log $demo/watch.log); end it with ops/quickstart.sh --stop --home $demo"
fi

cat <<END

Done in $SECONDS seconds. To try next:

  export AIOPS_HOME=$AIOPS_HOME AIOPS_SECRETS_DIR=$AIOPS_SECRETS_DIR BRIDGE_ROOT=$BRIDGE_ROOT PATH=$bin:\$PATH
  bridge-exec watch &                                   # an executor that waits for commands
  echo hello | bridge-submit write notes/a.md --wait    # a change, followed to its outcome
  bridge-submit smoke                                   # four questions whose answers are known
  bridge-report                                         # a summary
  runner --configs $demo/configs serve &                # then: runner submit --job orb_doctor --repo demo --wait
  doctor repo; doctor host --only ports                 # this checkout's health; what listens here
  less docs/bridge.md                                   # clients in Python and shell, every reason
END

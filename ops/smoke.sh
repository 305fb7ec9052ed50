#!/usr/bin/env bash
# Does what is installed here work? One line for each test; changes nothing but what the bridge's own
# test does below its root.
#
#   smoke.sh            what aiops-smoke.timer runs daily, and what cron or a person can run
#   smoke.sh --quiet    only what is not ok
#   smoke.sh --list     the names of the tests
#
# A part that is not installed or not configured is skipped with the reason, never ok. A failure is
# told with `notify`. Exit: 0 no test failed; 1 one did; 2 usage; 69 nothing is installed.
set -uo pipefail

here=$(cd -P "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# The binaries lie beside this script once installed; in a checkout they are built.
for folder in "$here" "$here/../target/release" "$here/../target/debug"; do
  if [ -x "$folder/doctor" ]; then
    bin=$folder
    break
  fi
done
limit=${AIOPS_SMOKE_SECONDS:-120}
quiet=no
list=no
case "${1:-}" in
  '') ;;
  --quiet) quiet=yes ;;
  --list) list=yes ;;
  -h | --help)
    sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  *)
    echo "smoke: unknown argument: $1 (--quiet, --list, --help)" >&2
    exit 2
    ;;
esac
if [ $# -gt 1 ]; then
  echo "smoke: takes one argument at most" >&2
  exit 2
fi

passed=0
skipped=0
failures=()

say() {
  [ "$quiet" = yes ] && [ "$1" = ok ] || printf '%-7s %-16s %s\n' "$1" "$2" "$3"
}
skip() {
  skipped=$((skipped + 1))
  [ "$quiet" = yes ] || say skipped "$1" "$2"
}

# try NAME CODES PROGRAM ARGUMENT...: the program must end with one of the codes. A code that ends in
# "?" means that this part is not configured here.
try() {
  local name=$1 codes=$2 program=$3
  shift 3
  if [ "$list" = yes ]; then
    printf '%s\n' "$name"
    return
  fi
  if [ ! -x "$bin/$program" ]; then
    skip "$name" "$program is not installed"
    return
  fi
  local began=$SECONDS said code
  said=$(timeout --kill-after=5 "$limit" "$bin/$program" "$@" 2>&1 </dev/null)
  code=$?
  case " $codes " in
    *" $code "*)
      passed=$((passed + 1))
      say ok "$name" "$program $* ($((SECONDS - began)) s)"
      ;;
    *)
      case " $codes " in
        *" $code? "*)
          skip "$name" "$program $* ended with $code: it is not configured"
          return
          ;;
      esac
      # One line, and no more than a message holds.
      said=$(printf '%s' "$said" | tr '\n\t' '  ' | tr -cd '[:print:]' | cut -c1-300)
      failures+=("$name: $program $* ended with $code: $said")
      say FAILED "$name" "$program $* ended with $code: $said"
      ;;
  esac
}

if [ -z "${bin:-}" ]; then
  echo "smoke: no binaries beside $here or in target/: install or build them first" >&2
  exit 69
fi

# A look whose answer may be no (1) or unknown (69) works: doctor itself tells what it finds.
try doctor.schema "0" doctor schema
try doctor.host "0 1 69" doctor host --json
try guard.status "0 1 69" guard status --json
try heal.plan "0 1" heal ssh --plan --json
try key.list "0" key list --json
try llm.status "0 1" llm status --json
try llm.models "0" llm models --json
try review-gate.hooks "0" review-gate help install-hooks
try notify.status "0" notify status --json
try notify.dry-run "0 77?" notify send --dry-run --title "smoke test" --check smoke.dry-run
for program in bridge-exec bridge-publish bridge-report bridge-submit deploy hq llm orb-wrap \
  review-gate runner ship soma; do
  try "$program.version" "0" "$program" --version
done
# Where there is a token there is an API, and it must answer.
token=none
[ ! -x "$bin/key" ] || token=$("$bin/key" print-source runner_token 2>/dev/null </dev/null) || token=none
if [ "$list" = yes ] || [ "$token" != none ]; then
  try runner.smoke "0" runner smoke
else
  skip runner.smoke "no token is made, or none that this user may read (key generate runner_token)"
fi
if [ "$list" = yes ] || [ -n "${BRIDGE_ROOT:-}" ]; then
  try bridge.smoke "0" bridge-submit smoke --json
else
  skip bridge.smoke "no bridge root is configured (BRIDGE_ROOT)"
fi
[ "$list" = no ] || exit 0

printf '%s passed, %s skipped, %s failed\n' "$passed" "$skipped" "${#failures[@]}"
if [ "${#failures[@]}" -eq 0 ]; then
  if [ -x "$bin/notify" ]; then
    "$bin/notify" resolve --check smoke.nightly --quiet </dev/null >/dev/null 2>&1 || true
  fi
  exit 0
fi
if [ -x "$bin/notify" ]; then
  # It is in the spool whatever this says: the flush timer delivers what could not be sent now.
  printf '%s\n' "${failures[@]}" | "$bin/notify" send --quiet --check smoke.nightly --severity high \
    --title "$(hostname): smoke test: ${#failures[@]} failed" --message - >/dev/null ||
    echo "smoke: the failure could not be sent at once" >&2
fi
exit 1

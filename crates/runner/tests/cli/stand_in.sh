#!/bin/bash
# Plays orb-wrap: notes when it begins and ends, does what the parameter `act` says, leaves an
# artifact as the contract has it.
set -u
act=ok folder='' job='' repo='' sha=''
while [ $# -gt 0 ]; do
  case $1 in
    --artifact-dir) folder=$2 ;;
    --job) job=$2 ;;
    --repo) repo=$2 ;;
    --sha) sha=$2 ;;
    --param) case $2 in act=*) act=${2#act=} ;; esac ;;
  esac
  shift
done
id=${folder##*/}
mkdir -p "$folder"
echo "begun $id" >>"$AIOPS_HOME/ran"
status=success
for step in $act; do
  case $step in
    say) echo "one line of $id" >>"$folder/stdout.log" && echo "to stderr" >>"$folder/stderr.log" ;;
    secret) printf 'key sk-%s\n' "$(printf 'a%.0s' {1..48})" >>"$folder/stdout.log" ;;
    wait) until [ -e "$AIOPS_HOME/go" ]; do sleep 0.05; done ;;
    nap) sleep 0.2 ;;
    fail) status=failure ;;
    # Kills its worker, once, before it is done: what the worker leaves behind must go with it.
    strand) mkdir "$AIOPS_HOME/strand-$id" 2>/dev/null && kill -9 $PPID && sleep 6 ;;
    # Another orb-wrap has this job: the first time; until it is let go.
    busy) mkdir "$AIOPS_HOME/busy-$id" 2>/dev/null && echo "it runs" >&2 && exit 75 ;;
    engaged) [ -e "$AIOPS_HOME/go" ] || exit 75 ;;
    mutate) status=MUTATION_DETECTED ;;
    orphan) sleep 600 & echo $! >"$AIOPS_HOME/orphan" ;;
    links)
      echo secret >"$AIOPS_HOME/secret"
      mkdir -p "$folder/sub"
      echo text >"$folder/sub/file.txt"
      ln -s "$AIOPS_HOME/secret" "$folder/link"
      ln -s "$AIOPS_HOME" "$folder/out"
      ln "$AIOPS_HOME/secret" "$folder/hard"
      mkfifo "$folder/pipe"
      ;;
    rude)
      printf '\033]0;owned\007\033[2J\xc2\x9b1m\xff\n10%%\r20%%\n' >>"$folder/stdout.log"
      echo x >"$folder/a
forged success"
      ;;
    rudely) printf '\033[31mred\n' >&2 && exit 70 ;;
    crash) echo "on purpose" >&2 && exit 70 ;;
  esac
done
cat >"$folder/.artifact" <<JSON
{"schema": "aiops.job/1", "job_id": "$id", "job_type": "$job", "status": "$status",
 "exit_code": 0, "created_at": "2026-01-01T00:00:00Z", "started_at": "2026-01-01T00:00:00Z",
 "finished_at": "2026-01-01T00:00:00Z", "duration_ms": 1, "repo": {"url": "$repo", "sha": "$sha"},
 "params": {}, "invariants": {"read_only_ok": true, "clean_tree_ok": true, "sandbox": []},
 "changed_files": [], "outputs": [], "stdout_tail": "", "stderr_tail": "", "warnings": [],
 "error": null, "error_detail": null, "rejections": [], "doctor": null,
 "size_cap_exceeded": false, "size_cap_fallback": null, "review_packets_archive": null,
 "review_packets_dir": null}
JSON
mv "$folder/.artifact" "$folder/artifact.json"
# After the artifact: what is noted here was really done to its end.
echo "done $id" >>"$AIOPS_HOME/ran"
# Kills its worker, once, when it is done: what nobody was told must not be done again.
case " $act " in
  *" widow "*) if mkdir "$AIOPS_HOME/widow-$id" 2>/dev/null; then kill -9 $PPID; fi ;;
esac

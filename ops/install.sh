#!/usr/bin/env bash
# Puts ai-ops-runner on a machine: binaries, configuration, schemas, man pages, completions, systemd
# units and timers, logrotate, the user aiops and its folders. Says what it does; a second time it
# does nothing.
#
#   ops/install.sh [--root DIR] [--prefix DIR] [--from DIR] [--no-start] [--dry-run]
#   ops/install.sh --uninstall [--root DIR] [--prefix DIR] [--dry-run]
#
#   --root DIR     work below DIR instead of / (an image, a test); nothing is started then
#   --prefix DIR   where the programs go [default: /opt/ai-ops-runner]
#   --from DIR     where the built binaries are [default: target/release of this checkout]
#   --no-start     install, but enable and start no timer
#   --dry-run      say what would be done, and do nothing
#
# A configuration file that was edited is never written over: the new one lies beside it as .new.
# Uninstalling takes away what was installed and not edited; state, logs and secrets stay.
#
# Exit: 0 done; 1 something could not be done; 2 usage; 69 something needed is missing; 77 not root.
set -euo pipefail
umask 022
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() {
  local code=$1
  shift
  printf 'install: %s\n' "$@" >&2
  exit "$code"
}

root=
prefix=/opt/ai-ops-runner
from=target/release
uninstall=no
dry=no
start=yes
while [ $# -gt 0 ]; do
  case "$1" in
    --root | --prefix | --from)
      [ $# -ge 2 ] || die 2 "$1 takes a folder"
      case "$1" in
        --root) root=${2%/} ;;
        --prefix) prefix=${2%/} ;;
        --from) from=$2 ;;
      esac
      shift
      ;;
    --uninstall) uninstall=yes ;;
    --dry-run) dry=yes ;;
    --no-start) start=no ;;
    -h | --help)
      sed -n '2,19s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) die 2 "unknown argument: $1 (--help lists them)" ;;
  esac
  shift
done
case "$prefix" in
  /*) ;;
  *) die 2 "--prefix takes an absolute folder" ;;
esac
case "$prefix$root" in
  *[!A-Za-z0-9/._+-]*) die 2 "folders of A-Z a-z 0-9 / . _ + - only: systemd units name them" ;;
esac
if [ -n "$root" ] && [ "$dry" = no ] && [ "$uninstall" = no ]; then
  mkdir -p "$root"
fi
[ -z "$root" ] || root=$(realpath -m "$root")
if [ -z "$root" ] && [ "$dry" = no ] && [ "$(id -u)" -ne 0 ]; then
  die 77 "installing into / takes root: run it with sudo, or with --root DIR"
fi

programs="bridge-exec bridge-publish bridge-report bridge-submit deploy doctor guard heal hq key llm \
notify orb-wrap review-gate runner ship soma"
timers="aiops-guard.timer aiops-doctor.timer aiops-smoke.timer aiops-notify.timer aiops-orb-gc.timer"
units=$root/etc/systemd/system
configs=$root/etc/ai-ops-runner/configs
manifest=$root$prefix/share/installed.sha256
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changes=0

did() {
  changes=$((changes + 1))
  if [ "$dry" = yes ]; then printf 'would %s\n' "$*"; else printf '%s\n' "$*"; fi
}
sum() { sha256sum <"$1" | cut -d' ' -f1; }

# The hash under which a file was installed the last time, if it was.
installed_sum() {
  [ -f "$manifest" ] || return 0
  awk -v name="$1" 'substr($0, 67) == name { print $1 }' "$manifest"
}

# Notes a file as ours, by its path below the root.
note() {
  printf '%s  %s\n' "$(sum "$1")" "${2#"$root"}" >>"$work/manifest"
}

# put SOURCE TARGET MODE: whole and at once, and only where it differs.
put() {
  local source=$1 target=$2 mode=$3
  note "$source" "$target"
  if [ -f "$target" ] && [ ! -L "$target" ] && cmp -s "$source" "$target" &&
    [ "$(stat -c %a "$target")" = "$mode" ]; then
    return 0
  fi
  did "write ${target#"$root"}"
  [ "$dry" = no ] || return 0
  mkdir -p "$(dirname "$target")"
  install -m "$mode" "$source" "$target.aiops-new"
  sync "$target.aiops-new"
  mv -f "$target.aiops-new" "$target"
}

# put_config SOURCE TARGET: never over an edited one.
put_config() {
  local source=$1 target=$2 was
  if [ ! -e "$target" ]; then
    put "$source" "$target" 644
    return
  fi
  was=$(installed_sum "${target#"$root"}")
  if cmp -s "$source" "$target" || { [ -n "$was" ] && [ "$was" = "$(sum "$target")" ]; }; then
    put "$source" "$target" 644
    # What lay beside it is settled.
    if [ -e "$target.new" ]; then
      did "remove ${target#"$root"}.new"
      [ "$dry" = yes ] || rm -f "$target.new"
    fi
    return
  fi
  # Edited, or not ours: what is noted is what was shipped the last time, so that it stays edited.
  [ -z "$was" ] || printf '%s  %s\n' "$was" "${target#"$root"}" >>"$work/manifest"
  if ! cmp -s "$source" "$target.new" 2>/dev/null; then
    printf 'kept: %s was edited; the new one lies beside it as .new\n' "${target#"$root"}"
  fi
  put "$source" "$target.new" 644
}

# put_link TARGET LINK
put_link() {
  printf 'link  %s\n' "${2#"$root"}" >>"$work/links"
  [ "$(readlink "$2" 2>/dev/null || true)" != "$1" ] || return 0
  if [ -e "$2" ] || [ -L "$2" ]; then
    printf 'kept: %s is there and not ours\n' "${2#"$root"}"
    return 0
  fi
  did "link ${2#"$root"} -> $1"
  [ "$dry" = yes ] || { mkdir -p "$(dirname "$2")" && ln -s "$1" "$2"; }
}

run() {
  did "run $*"
  [ "$dry" = yes ] || "$@"
}

# systemctl for this root: only a running system is told to start anything.
is_running_system() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

enable_timer() {
  local wants=$units/timers.target.wants/$1
  if is_running_system; then
    if [ "$(systemctl is-enabled "$1" 2>/dev/null || true)" != enabled ] ||
      ! systemctl is-active --quiet "$1"; then
      run systemctl enable --quiet --now "$1"
    fi
  elif [ ! -L "$wants" ]; then
    did "enable $1"
    [ "$dry" = yes ] || { mkdir -p "$(dirname "$wants")" && ln -s "../$1" "$wants"; }
  fi
}

install_programs() {
  local program found=0
  for program in $programs; do
    if [ -x "$from/$program" ]; then
      found=$((found + 1))
      put "$from/$program" "$root$prefix/bin/$program" 755
      put_link "$prefix/bin/$program" "$root/usr/local/bin/$program"
    else
      printf 'left out: %s is not built in %s\n' "$program" "$from"
    fi
  done
  [ "$found" -gt 0 ] || die 69 "no binaries in $from: cargo build --release --workspace"
  put ops/smoke.sh "$root$prefix/bin/smoke.sh" 755
  put ops/compose.yaml "$root$prefix/ops/compose.yaml" 644
}

install_configs() {
  local file
  for file in configs/*.yaml configs/*.json configs/allowed_signers; do
    put_config "$file" "$configs/$(basename "$file")"
  done
  for file in configs/prompts/*.md; do
    put_config "$file" "$configs/prompts/$(basename "$file")"
  done
  for file in configs/schemas/*.json; do
    put "$file" "$configs/schemas/$(basename "$file")" 644
  done
}

install_pages() {
  local file name
  if [ ! -x "$from/gen" ]; then
    echo "left out: man pages and completions, since gen is not built in $from"
    return
  fi
  "$from/gen" man "$work/man"
  "$from/gen" completions "$work/completions"
  for file in "$work"/man/*.1; do
    put "$file" "$root/usr/local/share/man/man1/$(basename "$file")" 644
  done
  for file in "$work"/completions/*; do
    name=$(basename "$file")
    case "$name" in
      *.fish) put "$file" "$root/usr/share/fish/vendor_completions.d/$name" 644 ;;
      _*) put "$file" "$root/usr/local/share/zsh/site-functions/$name" 644 ;;
      *) put "$file" "$root/usr/share/bash-completion/completions/$name" 644 ;;
    esac
  done
  for file in docs/*.md; do
    put "$file" "$root$prefix/share/doc/$(basename "$file")" 644
  done
}

install_units() {
  local file name
  for file in ops/systemd/*.service ops/systemd/*.timer; do
    name=$(basename "$file")
    sed "s|/opt/ai-ops-runner/|$prefix/|g" "$file" >"$work/$name"
    put "$work/$name" "$units/$name" 644
  done
  # The Docker engine's group is root's equal: doctor gets it only where there is such a group.
  if getent group docker >/dev/null && [ -z "$root" ]; then
    printf '# Containers are asked of the Docker engine.\n[Service]\nSupplementaryGroups=docker\n' \
      >"$work/docker.conf"
    put "$work/docker.conf" "$units/aiops-doctor.service.d/docker.conf" 644
  fi
  put ops/systemd/aiops.sysusers.conf "$root/usr/lib/sysusers.d/aiops.conf" 644
  for file in ops/systemd/*.tmpfiles.conf; do
    name=$(basename "$file" .tmpfiles.conf)
    put "$file" "$root/usr/lib/tmpfiles.d/$name.conf" 644
  done
  put ops/logrotate/ai-ops-runner "$root/etc/logrotate.d/ai-ops-runner" 644
}

set_up() {
  [ "$changes" -gt 0 ] || return 0
  if [ -z "$root" ] || [ "$(id -u)" -eq 0 ]; then
    if command -v systemd-sysusers >/dev/null; then
      run systemd-sysusers ${root:+--root="$root"} aiops.conf
      run systemd-tmpfiles ${root:+--root="$root"} --create aiops.conf aiops-notify.conf
    else
      echo "left out: the user aiops and its folders, since systemd-sysusers is not here"
    fi
  fi
  if is_running_system; then
    run systemctl daemon-reload
  fi
}

write_manifest() {
  sort -k2 -u "$work/manifest" >"$work/manifest.sorted"
  sort -u "$work/links" >>"$work/manifest.sorted"
  # What was ours and is no more: an older version's.
  if [ -f "$manifest" ]; then
    local line path
    while IFS= read -r line; do
      path=${line#*  }
      grep -qF "  $path" "$work/manifest.sorted" || remove_ours "$line"
    done <"$manifest"
  fi
  if ! cmp -s "$work/manifest.sorted" "$manifest" 2>/dev/null; then
    did "write ${manifest#"$root"}"
    [ "$dry" = yes ] || install -D -m 644 "$work/manifest.sorted" "$manifest"
  fi
}

# remove_ours LINE: a line of the manifest; what was edited stays.
remove_ours() {
  local kind=${1%%  *} path=$root${1#*  }
  if [ "$kind" = link ]; then
    case "$(readlink "$path" 2>/dev/null || true)" in
      "$prefix"/bin/*) ;;
      *) return 0 ;;
    esac
  else
    [ -f "$path" ] || return 0
    if [ "$(sum "$path")" != "$kind" ]; then
      printf 'kept: %s was edited\n' "${path#"$root"}"
      return 0
    fi
  fi
  did "remove ${path#"$root"}"
  [ "$dry" = yes ] || rm -f "$path"
}

remove_all() {
  [ -f "$manifest" ] || die 1 "nothing is installed: there is no ${manifest#"$root"}"
  local unit line folder
  for unit in $timers aiops-publish.timer aiops-bridge.service aiops-runner-api.service \
    aiops-runner-worker.service; do
    if is_running_system && [ -e "$units/$unit" ]; then
      run systemctl disable --quiet --now "$unit"
    elif [ -L "$units/timers.target.wants/$unit" ]; then
      did "disable $unit"
      [ "$dry" = yes ] || rm -f "$units/timers.target.wants/$unit"
    fi
  done
  while IFS= read -r line; do
    remove_ours "$line"
  done <"$manifest"
  did "remove ${manifest#"$root"}"
  if [ "$dry" = no ]; then
    rm -f "$manifest"
    # Folders that are empty now; those with something of somebody's stay.
    for folder in "$root$prefix" "$root/etc/ai-ops-runner" "$units/aiops-doctor.service.d"; do
      [ ! -d "$folder" ] || find "$folder" -depth -type d -empty -delete
    done
    ! is_running_system || systemctl daemon-reload
  fi
  echo "kept: /var/lib/ai-ops-runner, /var/log/ai-ops-runner and the secrets"
}

: >"$work/manifest"
: >"$work/links"
if [ "$uninstall" = yes ]; then
  remove_all
  exit 0
fi
[ -f "$from/doctor" ] || [ -f "$from/key" ] || [ -f "$from/bridge-exec" ] ||
  die 69 "no binaries in $from: cargo build --release --workspace"
install_programs
install_configs
install_pages
install_units
set_up
if [ "$start" = yes ]; then
  for timer in $timers; do
    enable_timer "$timer"
  done
fi
write_manifest
if [ -z "$root" ] && ! command -v bwrap >/dev/null; then
  echo "note: bwrap is not here, and jobs need it: apt install bubblewrap"
fi
if [ "$changes" -eq 0 ]; then
  echo "nothing to do"
fi

# shellcheck shell=bash
# Sourced by the scripts of ops/: checks for what they need, and installs it where that is possible.

# need_rust: a Rust toolchain that is new enough. Debian's own is too old, so it is not installed.
need_rust() {
  local wanted
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  if ! command -v cargo >/dev/null; then
    printf 'Rust %s or newer is needed: install it with rustup (see the Rust project'\''s site), then run this again.\n' "$wanted" >&2
    exit 69
  fi
  # With another HOME, rustup no longer finds its toolchains; they lie beside its cargo.
  local beside
  beside=$(dirname "$(dirname "$(dirname "$(command -v cargo)")")")/.rustup
  if [ -z "${RUSTUP_HOME:-}" ] && [ -d "$beside" ] && ! cargo --version >/dev/null 2>&1; then
    export RUSTUP_HOME=$beside
  fi
  local found
  found=$(rustc --version | cut -d' ' -f2)
  if [ "$(printf '%s\n%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1)" != "$wanted" ]; then
    printf 'Rust %s or newer is needed, this is %s: run rustup update.\n' "$wanted" "$found" >&2
    exit 69
  fi
}

# need_packages COMMAND:PACKAGE...: installs the Debian packages of commands that are missing.
need_packages() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ "${#missing[@]}" = 0 ] || install_packages "${missing[@]}"
}

# need_postgresql: PostgreSQL's server programs, for tests that start servers of their own. Debian's
# package would make and start one for the whole machine, unless it is told not to.
need_postgresql() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
  command -v initdb >/dev/null && return
  local settings=/etc/postgresql-common/createcluster.conf
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ ! -e "$settings" ]; then
    install_packages postgresql-common
    sed -i 's/^#\? *create_main_cluster *=.*/create_main_cluster = false/' "$settings"
  fi
  install_packages postgresql
}

# install_packages PACKAGE...: by apt, as root; otherwise says which are missing and ends.
install_packages() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing $*"
    DEBIAN_FRONTEND=noninteractive apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
  else
    printf 'missing: %s\ninstall them and run this again; on Debian: apt-get install %s\n' "$*" "$*" >&2
    exit 69
  fi
}

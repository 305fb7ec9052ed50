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
  [ "${#missing[@]}" -gt 0 ] || return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
  else
    printf 'missing: %s\ninstall them and run this again; on Debian: apt-get install %s\n' \
      "${missing[*]}" "${missing[*]}" >&2
    exit 69
  fi
}

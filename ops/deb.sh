#!/usr/bin/env bash
# Builds a Debian package of everything that ops/install.sh installs.
#
#   ops/deb.sh [--no-build]       the package lies in target/debian/
#
# Needs cargo-deb: cargo install cargo-deb. Exit: 0 built; 2 usage; 69 something needed is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=yes
case "${1:-}" in
  '') ;;
  --no-build) build=no ;;
  -h | --help)
    sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  *)
    echo "deb: unknown argument: $1 (--no-build, --help)" >&2
    exit 2
    ;;
esac
command -v cargo-deb >/dev/null || {
  echo "deb: cargo-deb is not here: cargo install cargo-deb" >&2
  exit 69
}
[ "$build" = no ] || cargo build --release --workspace
gen=${CARGO_TARGET_DIR:-target}/release/gen
[ -x "$gen" ] || {
  echo "deb: $gen is not built: leave --no-build out" >&2
  exit 69
}
rm -rf target/deb
mkdir -p target/deb/bash target/deb/zsh target/deb/fish
"$gen" man target/deb/man
"$gen" completions target/deb/all
for file in target/deb/all/*; do
  case "$(basename "$file")" in
    *.fish) mv "$file" target/deb/fish/ ;;
    _*) mv "$file" target/deb/zsh/ ;;
    *) mv "$file" target/deb/bash/ ;;
  esac
done
rmdir target/deb/all
exec cargo deb --no-build --package gen --output target/debian/

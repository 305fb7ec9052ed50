#!/bin/sh
# Makes the Debian root that all machines share. First process of a PID namespace of its own, so
# that nothing outlives it; mounts are in a mount namespace of its own.
#
#   base.sh SUITE MIRROR KEYRING COMPONENTS PACKAGES TARGET FILES     (stdin: held open by the harness)
#
# FILES is a folder whose content is laid over the finished root.
set -eu
umask 022
suite=$1 mirror=$2 keyring=$3 components=$4 packages=$5 target=$6 files=$7

# When the harness dies, so does this, and with it everything it started.
trap 'exit 143' TERM
exec 3<&0 </dev/null
(
  cat <&3 >/dev/null
  kill -TERM 1
) &

make() {
  mount --make-rprivate /
  debootstrap --variant=minbase --components="$components" ${keyring:+--keyring="$keyring"} \
    --include="$packages" "$suite" "$target" "$mirror"

  cp -R "$files/." "$target/"
  chmod 0755 "$target/usr/bin/tailscale"
  # tailscaled is recognised by its executable and its unit: a copy, not a link.
  cp "$target/usr/bin/socat" "$target/usr/sbin/tailscaled"

  # Small, and quiet: nothing that would wake up in the middle of a test or wants the network.
  rm -rf "$target"/usr/share/doc "$target"/usr/share/man "$target"/usr/share/locale \
    "$target"/usr/share/info "$target"/var/cache/apt "$target"/var/lib/apt/lists \
    "$target"/var/log/*.log "$target"/var/log/apt "$target"/etc/apt/sources.list
  mkdir -p "$target/var/lib/apt/lists/partial" "$target/var/cache/apt/archives/partial" \
    "$target/var/log/journal"
  for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer motd-news.timer man-db.timer console-getty.service getty@.service; do
    ln -sf /dev/null "$target/etc/systemd/system/$unit"
  done
  mkdir -p "$target/etc/systemd/system/multi-user.target.wants"
  ln -sf ../booted-network.service "$target/etc/systemd/system/multi-user.target.wants/"
  : >"$target/etc/machine-id"
  rm -f "$target/etc/resolv.conf" "$target/var/lib/dbus/machine-id"
  echo booted >"$target/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 booted\n::1 localhost\n' >"$target/etc/hosts"
}

make &
wait $!

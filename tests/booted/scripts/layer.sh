#!/bin/sh
# Installs more packages over the base, into a layer of its own. As base.sh, first process of a
# PID namespace of its own, with mounts of its own.
#
#   layer.sh BASE LAYER PACKAGES SUITE MIRROR KEYRING COMPONENTS ACQUIRE    (stdin: held open)
#
# LAYER/root takes what is added; ACQUIRE is a file of apt settings: how to reach the archive.
set -eu
umask 022
base=$1 layer=$2 packages=$3 suite=$4 mirror=$5 keyring=$6 components=$7 acquire=$8

trap 'exit 143' TERM
exec 3<&0 </dev/null
(
  cat <&3 >/dev/null
  kill -TERM 1
) &

install() {
  mount --make-rprivate /
  # Found before /mnt is covered, in case it lies below.
  mkdir -p "$layer/root" "$layer/work"
  mount -t overlay -o "lowerdir=$base,upperdir=$layer/root,workdir=$layer/work" booted /mnt
  mount --bind /dev /mnt/dev
  mount -t proc proc /mnt/proc
  # What apt needs here, logins included, must not stay in the layer.
  for folder in etc/apt var/lib/apt var/cache/apt tmp run; do
    mount -t tmpfs booted "/mnt/$folder"
  done
  mkdir -p /mnt/etc/apt/apt.conf.d /mnt/etc/apt/preferences.d /mnt/etc/apt/trusted.gpg.d \
    /mnt/var/lib/apt/lists/partial /mnt/var/cache/apt/archives/partial
  cp "$acquire" /mnt/etc/apt/apt.conf.d/50acquire
  cp -R /etc/apt/auth.conf /etc/apt/auth.conf.d /mnt/etc/apt/ 2>/dev/null || true
  signed=
  if [ -n "$keyring" ]; then
    cp "$keyring" "/mnt/etc/apt/archive.${keyring##*.}"
    signed="[signed-by=/etc/apt/archive.${keyring##*.}] "
  fi
  echo "deb $signed$mirror $suite $components" >/mnt/etc/apt/sources.list
  cp /etc/resolv.conf /mnt/run/resolv.conf
  ln -s /run/resolv.conf /mnt/etc/resolv.conf

  export DEBIAN_FRONTEND=noninteractive
  chroot /mnt apt-get -q update
  # shellcheck disable=SC2086 # a list of words
  chroot /mnt apt-get -q install -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io \
    $packages

  rm -rf /mnt/etc/resolv.conf /mnt/usr/share/doc /mnt/usr/share/man /mnt/usr/share/locale
  umount -R /mnt
  rm -rf "$layer/work"
}

install &
wait $!

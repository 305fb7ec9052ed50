#!/bin/sh
# Holds one machine: first process of a PID namespace, with mounts and a network of its own. It
# ends when its standard input does, that is when the harness lets go of it or dies, and the
# kernel then kills and unmounts everything below it.
#
#   machine.sh LOWER SIZE       LOWER: overlay layers, topmost first; SIZE: of the tmpfs, as for mount
set -eu
umask 022
lower=$1 size=$2

mount --make-rprivate /
# Also hides the host's own /run/systemd from nspawn.
mount -t tmpfs -o "size=$size,mode=0755" booted /run
for root in tree outside; do
  mkdir "/run/$root" "/run/$root.upper" "/run/$root.work"
  mount -t overlay -o "lowerdir=$lower,upperdir=/run/$root.upper,workdir=/run/$root.work" \
    booted "/run/$root"
done

# Where the host also has hierarchies of version 1, nspawn would make groups in those that stay.
if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi

mkdir -m 0711 /run/docker /run/containerd
tr -d - </proc/sys/kernel/random/uuid >/run/tree/etc/machine-id

# The outside: the operator's computer, or anybody's, with an ssh client.
mount --bind /dev /run/outside/dev
mount -t proc proc /run/outside/proc
mkdir -p /run/outside/root/.ssh /run/tree/root/.ssh
chmod 0700 /run/outside/root/.ssh /run/tree/root/.ssh
chroot /run/outside ssh-keygen -q -t ed25519 -N '' -C booted -f /root/.ssh/id_ed25519
cp /run/outside/root/.ssh/id_ed25519.pub /run/tree/root/.ssh/authorized_keys
sed 's/^/machine /' /run/tree/etc/ssh/ssh_host_*_key.pub >/run/outside/root/.ssh/known_hosts

ip link set lo up
ip tuntap add dev tailnet0 mode tun
ip address add 100.64.0.1/32 dev tailnet0
ip link set tailnet0 up
ip route add 100.64.0.0/10 dev tailnet0

echo ready
exec cat >/dev/null

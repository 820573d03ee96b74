#!/usr/bin/env bash
# Build a machine to install on: Debian trixie with its stock kernel, and drivers that stand in for
# hardware. Usage: build_image.sh FOLDER; leaves disk.ext4, vmlinuz, initrd and, for preparing
# wheels with that Debian's Python, the same system as a tree in root/.
#
# Of the drivers, vivid and KMS are in Debian's kernel. gpio-sim (with irq_sim) is not, but its
# source is; v4l2loopback comes as source, too. They are compiled here, in a second or two each.
set -euo pipefail
umask 022

folder=$1
root=$folder/root
base=systemd,systemd-sysv,dbus,udev,kmod,python3,procps,ca-certificates,initramfs-tools
start=$SECONDS
say() { printf '[%3d s] %s\n' $((SECONDS - start)) "$*"; }
inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
apt() { inside apt-get -qq --no-install-recommends -o Dpkg::Options::=--force-unsafe-io "$@"; }

if [ "${2:-}" != inside ]; then # a mount namespace of its own: no mount outlives a failure
    exec unshare --mount --propagation private bash "$0" "$folder" inside
fi

rm -rf "$folder"
mkdir -p "$folder"
debootstrap --variant=minbase --include="$base" trixie "$root" >&2
say 'debootstrap'

printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
# Debian's initrd, with udev in it, takes longer to boot than all the rest; ours is made below.
echo 'update_initramfs=no' >"$root/etc/initramfs-tools/update-initramfs.conf"
mount --bind /proc "$root/proc"
apt update
apt install linux-image-amd64 qemu-guest-agent libdrm2 >&2
kernel=$(basename "$root"/boot/vmlinuz-*)
kernel=${kernel#vmlinuz-}
say "kernel $kernel"

# shellcheck disable=SC2016  # dpkg-query's own words
mark() { inside dpkg-query -W -f '${Package}\n' | sort; }
mark >"$folder/packages"
apt install linux-headers-amd64 linux-source make gcc busybox-static xz-utils >&2
PYTHONPATH=$(dirname "$0")/../outputs/rigs python3 - "$root" <<'UNPACK' # how: see there
import sys
from pathlib import Path
from kernel_modules import unpack
root = Path(sys.argv[1])
(archive,) = root.glob("usr/src/linux-source-*.tar.xz")
unpack(archive, root / "root/modules")
UNPACK
# shellcheck disable=SC2016  # for the shell inside
inside bash -euc '
    cd /root
    apt-get download -qq v4l2loopback-dkms
    dpkg-deb -x v4l2loopback-dkms_*.deb loopback
    cp loopback/usr/src/v4l2loopback-*/*.[ch] modules
    cd modules
    echo "obj-m += v4l2loopback.o" >>Kbuild
    make -s -C "/lib/modules/$0/build" M="$PWD" modules
    install -D -t "/lib/modules/$0/extra" ./*.ko
    depmod "$0"
    rm -rf /root/*
' "$kernel" >&2
say 'modules'

initrd=$(mktemp -d)
mkdir -p "$initrd"/{bin,dev,modules,new,proc}
cp "$root/usr/bin/busybox" "$initrd/bin/"
count=100
for module in $(inside modprobe -S "$kernel" --show-depends -a virtio_pci virtio_blk ext4 |
    awk '$1 == "insmod" && !seen[$2]++ {print $2}'); do
    count=$((count + 1))
    inside xz -dc "$module" >"$initrd/modules/$count.ko"
done
cat >"$initrd/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
for module in /modules/*; do insmod "$module"; done
init=/sbin/init
for word in $(cat /proc/cmdline); do
    case $word in init=*) init=${word#init=} ;; esac
done
mount -t ext4 /dev/vda /new || exec sh
mount -o move /dev /new/dev
umount /proc
exec switch_root /new "$init"
INIT
chmod +x "$initrd/init"
(cd "$initrd" && find . | "$root/usr/bin/busybox" cpio -o -H newc 2>/dev/null) >"$folder/initrd"
rm -rf "$initrd"

mark | comm -13 "$folder/packages" - | xargs chroot "$root" dpkg --purge --force-depends \
    --force-remove-essential >&2
apt clean
rm -rf "$root/usr/sbin/policy-rc.d" "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
say 'compiler removed'

printf 'blacklist %s\n' kvm_amd kvm_intel parport_pc ppdev psmouse floppy pcspkr \
    >"$root/etc/modprobe.d/test.conf"
for unit in apt-daily apt-daily-upgrade dpkg-db-backup fstrim e2scrub_all; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit.timer"
done
{
    printf '/dev/vda / ext4 rw,relatime 0 1\n'
    # rig: guest/ beside this script; stick: what install.sh prepared; media: real clips
    # (read ahead and kept, as a real stick's: without, pip alone waits half a minute for it)
    printf '%s /mnt/%s 9p ro,trans=virtio,version=9p2000.L,cache=loose,msize=262144,nofail 0 0\n' \
        rig rig stick stick media media
} >"$root/etc/fstab"
mkdir -p "$root"/mnt/{rig,stick,media}
cat >"$root/etc/systemd/system/hardware.service" <<'UNIT'
[Unit]
Description=Stand-ins for the hardware of a Pi
RequiresMountsFor=/mnt/rig
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/bash /mnt/rig/hardware.sh
[Install]
WantedBy=multi-user.target
UNIT
inside systemctl -q enable hardware
for unit in systemd-binfmt getty@tty1 serial-getty@ttyS0; do # slow to start, of no use here
    ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
done
# The machine is emulated and this one may be busy. Of the appliance's own limits only that of the
# start is wider (its unit has 90 s); the watchdog's stays.
mkdir -p "$root"/etc/systemd/{system.conf.d,system/edgepose{,@}.service.d}
printf '[Manager]\nDefaultTimeoutStartSec=10min\n' >"$root/etc/systemd/system.conf.d/slow.conf"
for service in edgepose edgepose@; do
    printf '[Service]\nTimeoutStartSec=10min\n' \
        >"$root/etc/systemd/system/$service.service.d/slow.conf"
done
echo edgebox >"$root/etc/hostname"
cp "$root/boot/vmlinuz-$kernel" "$folder/vmlinuz"
umount "$root/proc"
# Nothing is left to be done by a first boot: ldconfig, the journal's catalogue.
touch "$root/etc/.updated" "$root/var/.updated"
# With a journal: what a power cut leaves behind is what is tested.
mkfs.ext4 -q -F -L root -E lazy_itable_init=1,nodiscard -d "$root" "$folder/new.ext4" 4G
mv "$folder/new.ext4" "$folder/disk.ext4"
say "image $(du -h "$folder/disk.ext4" | cut -f1)"

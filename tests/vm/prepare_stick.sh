#!/usr/bin/env bash
# Prepare an offline installation of this checkout with the Python of the machine's Debian.
# Usage: prepare_stick.sh ROOT FOLDER; ROOT is the tree that build_image.sh leaves. What pip has
# fetched stays in ROOT for the next time.
set -euo pipefail

root=$1 folder=$2
checkout=$(cd "$(dirname "$0")/../.." && pwd)

if [ "${3:-}" != inside ]; then # a mount namespace of its own: no mount outlives a failure
    exec unshare --mount --propagation private bash "$0" "$root" "$folder" inside
fi
mkdir -p "$folder" "$root"/mnt/{checkout,models,made}
mount --bind /proc "$root/proc"
mount --bind /dev "$root/dev"
mount --bind "$checkout" "$root/mnt/checkout"
mount --bind "$folder" "$root/mnt/made"
if [ -d "${EDGEPOSE_MODEL_PATH:-}" ]; then
    mount --bind "$EDGEPOSE_MODEL_PATH" "$root/mnt/models"
    export EDGEPOSE_MODEL_PATH=/mnt/models
fi
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
cp /etc/resolv.conf "$root/etc/" || true
# python3-venv is for this side only: the machine itself is installed without it.
chroot "$root" dpkg -s python3-venv >/dev/null 2>&1 || {
    chroot "$root" apt-get update -qq
    chroot "$root" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
}
chroot "$root" bash /mnt/checkout/scripts/install.sh --prepare /mnt/made

#!/usr/bin/env bash
# Take edgepose's service and program away. Usage: sudo scripts/uninstall.sh [--purge]
#   --purge   also the configuration, the models, what waits in the outbox, and the user
# EDGEPOSE_INSTALL_ROOT names another folder to take it from.
set -euo pipefail

root=${EDGEPOSE_INSTALL_ROOT:-}
case ${1:-} in
    '' | --purge) ;;
    *) sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
esac
if [ -z "$root" ] && [ "$(id -u)" -ne 0 ]; then
    echo "uninstall.sh: this needs root: sudo $0" >&2
    exit 1
fi

units=$root/etc/systemd/system
for unit in edgepose.service "$units"/multi-user.target.wants/edgepose@*.service; do
    # Stopped before its program goes: ExecStopPost drives the pins off.
    [ "$unit" != "${unit%\**}" ] || systemctl disable --now "${unit##*/}" 2>/dev/null || true
done
rm -f "$units"/edgepose.service "$units"/edgepose@.service \
    "$root"/etc/udev/rules.d/70-edgepose.rules "$root"/usr/local/bin/edgepose
[ ! -d "$root"/usr/local/share ] || find "$root"/usr/local/share -type l -lname '/opt/edgepose/*' -delete
systemctl daemon-reload 2>/dev/null || true
rm -rf "$root"/opt/edgepose

if [ "${1:-}" = --purge ]; then
    rm -rf "$root"/etc/edgepose "$root"/var/lib/edgepose
    ! getent passwd edgepose >/dev/null || userdel edgepose
    echo 'edgepose is gone.' >&2
else
    echo 'edgepose is gone; /etc/edgepose and /var/lib/edgepose are kept (--purge takes them, too).' >&2
fi

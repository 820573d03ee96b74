#!/usr/bin/env bash
# Install edgepose as a service on 64-bit Raspberry Pi OS or Debian, bookworm or later.
#
#   sudo scripts/install.sh                  install, or upgrade to this checkout
#   sudo scripts/install.sh --rollback       go back to the version before
#        scripts/install.sh --prepare DIR    collect wheels and models for machines like this one
#   sudo DIR/scripts/install.sh --offline DIR   install on one of them, without a network
#   sudo scripts/uninstall.sh                take it away
#
#   --for SUITE    with --prepare, on any machine: for a 64-bit Raspberry Pi OS instead, bookworm
#                  or trixie; may be repeated
#   --model NAME   also pull this model; may be repeated
#   --no-start     leave the service stopped: for images
#
# Each version is a venv of its own under /opt/edgepose/venvs; /opt/edgepose/venv is a link to the
# one in use, moved in one step, and only after the new one has read every configuration in
# /etc/edgepose and looked at a picture. A version that does not start is taken back.
# EDGEPOSE_INSTALL_ROOT puts everything below another folder, for tests of this script.
set -euo pipefail
umask 022 # the service must be able to read what root installs

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${EDGEPOSE_INSTALL_ROOT:-}
opt=$root/opt/edgepose
etc=$root/etc/edgepose
state=$root/var/lib/edgepose
units=$root/etc/systemd/system
rules=$root/etc/udev/rules.d
python=${EDGEPOSE_PYTHON:-/usr/bin/python3}
groups=(video render gpio plugdev input tty)
models=(movenet-lightning-int8)
suites=()
offline='' is_started=yes action=install prepared=''
scratch=''

say() { printf '%s\n' "$*" >&2; }
die() {
    say "install.sh: $*"
    exit 1
}
usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --offline) offline=$(cd "${2:?--offline needs a folder}" && pwd) && shift ;;
            --prepare) action=prepare prepared=${2:?--prepare needs a folder} && shift ;;
            --for) suites+=("${2:?--for needs bookworm or trixie}") && shift ;;
            --rollback) action=rollback ;;
            --model) models+=("${2:?--model needs a name}") && shift ;;
            --no-start) is_started='' ;;
            -h | --help) usage && exit 0 ;;
            *) usage >&2 && exit 2 ;;
        esac
        shift
    done
}

check_system() {
    [ -n "$root" ] || [ "$(id -u)" -eq 0 ] || die "this needs root: sudo $0"
    [ "$(getconf LONG_BIT)" = 64 ] ||
        die "edgepose needs a 64-bit system: install the 64-bit Raspberry Pi OS"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        die "edgepose needs Python 3.11 or newer: Raspberry Pi OS bookworm or Debian 12 and later have it"
    [ ! -f "$offline/prepared-for" ] || grep -qx "$(kind)" "$offline/prepared-for" ||
        die "this is $(kind), and $offline was prepared for: $(paste -sd , "$offline/prepared-for"); use another folder"
}

kind() { "$python" -c 'import platform; print("Python %s.%s on" % platform.python_version_tuple()[:2], platform.machine())'; }

# --- apt ---------------------------------------------------------------------------------------

missing_packages() {
    local package wanted=(python3 libdrm2)
    [ -n "$offline" ] || wanted+=(python3-venv ca-certificates)
    # Only Raspberry Pi's own archive has it; CSI cameras need it.
    if apt-cache show python3-picamera2 >/dev/null 2>&1; then wanted+=(python3-picamera2); fi
    for package in "${wanted[@]}"; do
        dpkg -s "$package" >/dev/null 2>&1 || printf '%s\n' "$package"
    done
}

install_packages() {
    local packages
    mapfile -t packages < <(missing_packages)
    [ ${#packages[@]} -gt 0 ] || return 0
    if [ -n "$offline" ]; then
        say "Not here, and not to be had without a network: ${packages[*]}. Going on without."
        return 0
    fi
    say "Installing ${packages[*]} ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${packages[@]}" >/dev/null
}

# --- user and folders --------------------------------------------------------------------------

make_user() {
    local group
    # The unit does not start where one of its groups is unknown, and plain Debian has no gpio.
    for group in "${groups[@]}" edgepose; do
        getent group "$group" >/dev/null || groupadd --system "$group"
    done
    getent passwd edgepose >/dev/null ||
        useradd --system --gid edgepose --home-dir /var/lib/edgepose --no-create-home \
            --shell /usr/sbin/nologin edgepose
    usermod -aG "$(IFS=, && printf '%s' "${groups[*]}")" edgepose
    install -d -m 755 "$opt" "$opt/venvs" "$units" "$rules" "$root/usr/local/bin"
    install -d -m 755 -o edgepose -g edgepose "$state" "$state/models" "$etc" "$etc/templates"
    # Its own lines are none of the service's business, which gets them from systemd.
    [ -e "$etc/environment" ] || install -m 600 -o root -g root /dev/null "$etc/environment"
    chmod go= "$etc/environment"
}

as_service() {
    local settings=("EDGEPOSE_MODEL_PATH=$state/models" "STATE_DIRECTORY=$state" "HOME=$state")
    (
        cd / || exit
        if [ -f "$etc/environment" ]; then
            # Exported, as `env NAME=SECRET` would show them to everybody in `ps`.
            while IFS= read -r setting; do
                export "${setting?}"
            done < <(grep -E '^[A-Za-z_][A-Za-z0-9_]*=' "$etc/environment")
        fi
        runuser -u edgepose -- env "${settings[@]}" "$@"
    )
}

# --- a version ---------------------------------------------------------------------------------

copy_source() {
    local target=$1 source
    source=$(cd "$here/.." && pwd)
    mkdir -p "$target"
    tar -C "$source" --exclude=__pycache__ --exclude='*.egg-info' -cf - \
        edgepose configs models setup.cfg pyproject.toml README.md LICENSE |
        tar -C "$target" -xf -
}

constraints() {
    # Compiled companions of apt's picamera2 decide which numpy there may be.
    if "$python" -c 'import numpy, sys; sys.exit(not numpy.__version__.startswith("1."))' \
        2>/dev/null; then
        printf '%s\n' --constraint "$here/constraints-bookworm.txt"
    fi
}

make_venv() {
    local venv=$1 flags
    mapfile -t flags < <(constraints)
    say "Installing edgepose into $venv ..."
    if [ -n "$offline" ]; then
        # pip is taken from its own wheel: python3-venv may be absent, and can't be fetched.
        local pip=("$offline"/wheels/pip-*.whl)
        [ -f "${pip[0]}" ] || die "$offline/wheels holds no pip: prepare the folder again"
        "$python" -m venv --system-site-packages --without-pip "$venv"
        PYTHONPATH=${pip[0]} "$venv/bin/python" -m pip install --quiet --no-index --no-compile \
            --find-links "$offline/wheels" "${flags[@]}" --upgrade edgepose
    else
        "$python" -m venv --system-site-packages "$venv"
        copy_source "$scratch/source"
        "$venv/bin/python" -m pip install --disable-pip-version-check --no-compile "${flags[@]}" \
            "$scratch/source"
    fi
    # Now, since the service may not write there. pip compiles on one processor, tests as well: the
    # longest part of an installation. What no Python 3 can read is passed over, as pip does.
    "$venv/bin/python" -m compileall -qq -j 0 -x '/tests/' "$venv/lib" || true
    # The service's files travel with the version, so that a rollback brings its own back.
    mkdir -p "$venv/share/edgepose"
    cp -r "$here/../systemd" "$venv/share/edgepose/"
}

pull_models() {
    local venv=$1 model flags=()
    if [ -n "$offline" ]; then # a stick is often root's alone, and the service's user pulls
        cp -r "$offline/models" "$scratch/models"
        chmod -R a+rX "$scratch"
        flags=(--mirror "$scratch/models")
    fi
    for model in "${models[@]}"; do
        as_service "$venv/bin/edgepose" models pull "$model" "${flags[@]}" ||
            say "Going on without $model; get it later: sudo -u edgepose EDGEPOSE_MODEL_PATH=/var/lib/edgepose/models edgepose models pull $model"
    done
}

starter_config() {
    local source='{type: v4l2, device: /dev/video0}     # a USB camera'
    if "$python" -c 'import picamera2' 2>/dev/null; then
        source='{type: picamera2}                     # a CSI camera; USB: {type: v4l2}'
    fi
    cat <<CONFIG
# What this device watches. \`edgepose check-config\` names every mistake by its line; afterwards:
# sudo systemctl reload edgepose. All options: configs/reference.yaml of edgepose.
version: 1
source: $source
watch:
  arms_up: {template: templates/arms_up.yaml, hold: 1.0}
outputs:
  screen: {type: hdmi, mirror: true}
CONFIG
}

make_config() {
    local template
    for template in "$1"/lib/python3*/site-packages/edgepose/assets/configs/templates/*.yaml; do
        [ -e "$etc/templates/${template##*/}" ] || [ ! -f "$template" ] ||
            install -m 644 -o edgepose -g edgepose "$template" "$etc/templates/"
    done
    if ! compgen -G "$etc/*.yaml" >/dev/null; then
        starter_config >"$scratch/edgepose.yaml"
        install -m 640 -o edgepose -g edgepose "$scratch/edgepose.yaml" "$etc/edgepose.yaml"
        say "Wrote a first configuration: /etc/edgepose/edgepose.yaml"
    fi
}

try_out() {
    local venv=$1 config
    for config in "$etc"/*.yaml; do
        as_service "$venv/bin/edgepose" check-config "$config" >/dev/null || return 1
        as_service "$venv/bin/python" - "$config" <<'TRY' || return 1
import sys
from edgepose.config.loader import load
from edgepose.errors import EdgeposeError
from edgepose.appliance.model import load_model
try:
    model = load_model(load(sys.argv[1]).model)
    model.warm_up()
except EdgeposeError as error:
    sys.exit(f"edgepose: {error}")
print(f"The model works: {model.label}")
model.close()
TRY
    done
}

# --- the switch --------------------------------------------------------------------------------

link() {
    ln -sfn "$1" "$2.new"
    mv -T "$2.new" "$2" # a rename: at no moment is there no version
}

current() { readlink "$opt/venv" 2>/dev/null || true; }
previous() { readlink "$opt/previous" 2>/dev/null || true; }

switch_to() {
    local venv=$1 before
    before=$(current)
    [ -z "$before" ] || [ "$before" = "$venv" ] || link "$before" "$opt/previous"
    link "$venv" "$opt/venv"
    link "/opt/edgepose/venv/bin/edgepose" "$root/usr/local/bin/edgepose"
    install -m 644 "$venv"/share/edgepose/systemd/*.service "$units/"
    install -m 644 "$venv"/share/edgepose/systemd/*.rules "$rules/"
    systemctl daemon-reload || say "systemd does not run here; the service starts at the next boot."
    if command -v udevadm >/dev/null 2>&1; then
        { udevadm control --reload && udevadm trigger --action=change; } 2>/dev/null || true
    fi
}

services() {
    local found=("$units"/multi-user.target.wants/edgepose@*.service)
    if [ -e "${found[0]}" ] || [ -L "${found[0]}" ]; then
        printf '%s\n' "${found[@]##*/}"
    else
        printf 'edgepose.service\n'
    fi
}

start() {
    local service
    for service in $(services); do
        systemctl enable --quiet "$service" || return 1
        [ -z "$is_started" ] || systemctl restart "$service" || return 1 # waits for READY
    done
}

take_back() {
    local failed=$1 before
    before=$(previous)
    if [ "$before" = "$failed" ] || [ ! -d "$before" ]; then
        die "the service does not start; see: journalctl -u edgepose -n 50"
    fi
    say "The new version does not start: going back to $before."
    link "$before" "$opt/venv"
    rm -f "$opt/previous"
    switch_to "$before"
    start || say "The version before does not start either; see: journalctl -u edgepose -n 50"
    rm -rf "$failed"
    exit 1
}

sweep() {
    local venv
    for venv in "$opt"/venvs/*; do
        [ "$venv" = "$(current)" ] || [ "$venv" = "$(previous)" ] || rm -rf "$venv"
    done
}

# --- what is asked for -------------------------------------------------------------------------

upgrade() {
    check_system
    install_packages
    make_user
    local venv
    venv=$opt/venvs/$(date -u +%Y%m%d-%H%M%S)-$$
    trap 'rm -rf "$scratch" "'"$venv"'"' EXIT # until the switch, nothing is left of a failure
    make_venv "$venv"
    pull_models "$venv"
    make_config "$venv"
    if ! try_out "$venv"; then
        [ -z "$(current)" ] || say "The version before runs on."
        die "the new version can't be used with what is in /etc/edgepose: nothing was changed"
    fi
    trap 'rm -rf "$scratch"' EXIT
    switch_to "$venv"
    start || take_back "$venv"
    sweep
    say "edgepose is installed. How it is: edgepose status; what is missing: edgepose doctor"
}

rollback() {
    check_system
    local before
    before=$(previous)
    [ -d "$before" ] || die "there is no version before"
    switch_to "$before" # and what was in use becomes the one before
    start || die "the version before does not start; see: journalctl -u edgepose -n 50"
    say "Back to $before."
}

parse "$@"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
case $action in
    install) upgrade ;;
    prepare)
        # shellcheck source=scripts/prepare.sh
        . "$here/prepare.sh"
        prepare
        ;;
    *) "$action" ;;
esac

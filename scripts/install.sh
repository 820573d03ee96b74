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
#                  or trixie; SUITE:amd64 for a PC with Debian; may be repeated
#   --model NAME   also pull this model; may be repeated
#   --no-start     leave the service stopped: for images
#   --unlocked     for a Python or processor that scripts/locks has no file for: take the newest
#                  dependencies that setup.cfg allows, without hashes
#
# Each version is a venv of its own under /opt/edgepose/venvs; /opt/edgepose/venv is a link to the
# one in use, moved in one step, and only after the new one has read every configuration in
# /etc/edgepose and looked at a picture. A version that does not start is taken back.
# Dependencies are exactly those of scripts/locks, each checked against its hash. What the service's
# user may change (/etc/edgepose, /var/lib/edgepose) is written as that user, never as root: a
# symbolic link there leads root nowhere.
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
sysusers=$here/../systemd/edgepose.sysusers
models=(movenet-lightning-int8)
suites=()
locks=$here/locks
mirror=''
offline='' is_started=yes is_locked=yes action=install prepared=''
scratch=''

# shellcheck source=scripts/steps.sh
. "$here/steps.sh"
die() {
    say "install.sh: $*"
    exit 1
}
usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --offline)
                offline=$(cd "${2:?--offline needs a folder}" && pwd) && shift
                locks=$offline/scripts/locks mirror=$offline/models
                ;;
            --prepare) action=prepare prepared=$(realpath -m "${2:?--prepare needs a folder}") && shift ;;
            --for) suites+=("${2:?--for needs bookworm or trixie}") && shift ;;
            --rollback) action=rollback ;;
            --model) models+=("${2:?--model needs a name}") && shift ;;
            --no-start) is_started='' ;;
            --unlocked) is_locked='' ;;
            -h | --help) usage && exit 0 ;;
            *) usage >&2 && exit 2 ;;
        esac
        shift
    done
}

check_system() {
    ! dpkg-query --show --showformat '${db:Status-Status}' edgepose 2>/dev/null | grep -qx installed ||
        die "edgepose is installed as a Debian package: upgrade that, or remove it first (apt remove edgepose)"
    [ -n "$root" ] || [ "$(id -u)" -eq 0 ] || die "this needs root: sudo $0"
    [ "$(getconf LONG_BIT)" = 64 ] ||
        die "edgepose needs a 64-bit system: install the 64-bit Raspberry Pi OS"
    isolated_python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        die "edgepose needs Python 3.11 or newer: Raspberry Pi OS bookworm or Debian 12 and later have it"
    [ -z "$offline" ] || check_prepared
    [ ! -f "$offline/prepared-for" ] || grep -qx "$(kind)" "$offline/prepared-for" ||
        die "this is $(kind), and $offline was prepared for: $(paste -sd , "$offline/prepared-for"); use another folder"
    [ "$action" != install ] || [ -z "$is_locked" ] || [ -f "$(lock)" ] ||
        die "$locks has nothing for $(kind); --unlocked takes the newest versions instead, without hashes"
}

kind() { isolated_python -c 'import platform; print("Python %s.%s on" % platform.python_version_tuple()[:2], platform.machine())'; }
lock() { lock_for "$(kind)"; }

# Every file that is installed from must be one that was prepared, and be as it was then.
check_prepared() {
    [ -f "$offline/SHA256SUMS" ] || die "$offline has no SHA256SUMS: prepare the folder again"
    local added
    added=$(comm -13 <(sed 's/^[^ ]* [ *]//' "$offline/SHA256SUMS" | sort) <(prepared_files "$offline"))
    [ -z "$added" ] || die "$offline holds files that were not prepared: $(paste -sd ' ' <<<"$added")"
    (cd "$offline" && sha256sum --check --quiet --strict SHA256SUMS >&2) ||
        die "$offline is not as it was prepared, see above: prepare the folder again"
}
# A Mac leaves files of its own beside those that it copies; nothing is installed from them.
prepared_files() { (cd "$1" && find models scripts share systemd wheels ! -type d ! -name '._*' ! -name .DS_Store 2>/dev/null | sort); }

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

# --- a version ---------------------------------------------------------------------------------

copy_source() {
    local target=$1 source
    source=$(cd "$here/.." && pwd)
    mkdir -p "$target"
    tar -C "$source" --exclude=__pycache__ --exclude='*.egg-info' -cf - \
        edgepose configs models setup.cfg pyproject.toml README.md LICENSE |
        tar -C "$target" -xf -
}

make_venv() {
    local venv=$1
    say "Installing edgepose into $venv ..."
    if [ -n "$offline" ]; then
        install_offline "$venv"
    else
        install_online "$venv"
    fi
    compile_venv "$venv"
    # The service's files travel with the version, so that a rollback brings its own back.
    mkdir -p "$venv/share/edgepose"
    cp -r "$here/../systemd" "$venv/share/edgepose/"
    "$venv/bin/python" -P -m edgepose.cli.shell_files "$venv/share" ||
        say "Going on without man pages and completions of the shell."
}

# Where the lock names everything, pip has nothing to choose (--no-deps): OpenCV's wheels ask for
# numpy 2, and beside bookworm's picamera2, which was compiled for numpy 1, they run on that.
quiet_pip=(--quiet --disable-pip-version-check --no-deps)

install_offline() {
    local venv=$1 pip=("$offline"/wheels/pip-*.whl) program=("$offline"/wheels/edgepose-*.whl)
    local from=(--no-index --no-compile --find-links "$offline/wheels")
    # pip is taken from its own wheel: python3-venv may be absent, and can't be fetched.
    [ -f "${pip[0]}" ] || die "$offline/wheels holds no pip: prepare the folder again"
    isolated_python -m venv --system-site-packages --without-pip "$venv"
    export PYTHONPATH=${pip[0]}
    "$venv/bin/python" -P -m pip install "${quiet_pip[@]}" "${from[@]}" --upgrade \
        --require-hashes --requirement "$(lock)"
    "$venv/bin/python" -P -m pip install "${quiet_pip[@]}" "${from[@]}" "${program[0]}"
    unset PYTHONPATH
}

install_online() {
    local venv=$1 pip=("$1/bin/python" -P -m pip)
    isolated_python -m venv --system-site-packages "$venv"
    copy_source "$scratch/source"
    if [ -f "$(lock)" ]; then
        "${pip[@]}" install "${quiet_pip[@]}" --no-compile --upgrade --only-binary :all: \
            --require-hashes --requirement "$(lock)"
        "${pip[@]}" install "${quiet_pip[@]}" --no-compile --no-build-isolation "$scratch/source"
    else
        "${pip[@]}" install --disable-pip-version-check --no-compile "$scratch/source"
    fi
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
    link_shell_files "$venv"
    install -m 644 "$venv"/share/edgepose/systemd/*.service "$units/"
    install -m 644 "$venv"/share/edgepose/systemd/*.rules "$rules/"
    systemctl daemon-reload || say "systemd does not run here; the service starts at the next boot."
    if command -v udevadm >/dev/null 2>&1; then
        { udevadm control --reload && udevadm trigger --action=change; } 2>/dev/null || true
    fi
}

# Man pages and completions, as links into the version in use: a rollback brings its own.
link_shell_files() {
    local file share=$root/usr/local/share
    if [ -d "$share" ]; then
        find "$share" -type l -lname '/opt/edgepose/*' -delete
    fi
    while IFS= read -r file; do
        install -d -m 755 "$(dirname "$share/$file")"
        link "/opt/edgepose/venv/share/$file" "$share/$file"
    done < <(shell_files "$1")
}
shell_files() { (cd "$1/share" && find . -type f \( -name 'edgepose*' -o -name _edgepose \) ! -path './edgepose/*'); }

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
    install -d -m 755 "$opt" "$opt/venvs" "$units" "$rules" "$root/usr/local/bin"
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
cd / # the folder that root stands in may be somebody else's
case $action in
    install) upgrade ;;
    prepare)
        # shellcheck source=scripts/prepare.sh
        . "$here/prepare.sh"
        prepare
        ;;
    *) "$action" ;;
esac

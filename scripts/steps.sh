# What an installation does to a machine besides the program itself: user, folders, models, a first
# configuration. Sourced by install.sh and by the Debian package's postinst.
#
# etc, state, units: the folders of configuration, state and systemd's links. sysusers: the file that
# names the user and its groups. mirror: a folder with models, "" to fetch them. scratch: a folder
# that the caller removes. locks: the folder of the locks.
# shellcheck shell=bash
# shellcheck disable=SC2154 # see above; python, models and die() are the caller's, too

say() { printf '%s\n' "$*" >&2; }
# -P: nothing is imported from the folder that root happens to stand in.
isolated_python() { "$python" -P -s "$@"; }

lock_for() { # of a kind: "Python 3.11 on aarch64"
    local words
    read -ra words <<<"$1"
    printf '%s/python%s-%s.txt\n' "$locks" "${words[1]}" "${words[3]}"
}

# --- user and folders --------------------------------------------------------------------------

make_user() {
    # Groups as well: the unit does not start where one is unknown, and plain Debian has no gpio.
    systemd-sysusers "$sysusers"
    install -d -m 755 -o edgepose -g edgepose "$state" "$etc" # beside them only root can write
    as_user mkdir -p "$state/models" "$etc/templates"
    keep_environment
}

# Root's own file, for systemd reads it as root: through a link of the service's it would hand out
# what only root may read. The units let the service neither change nor replace it.
keep_environment() {
    isolated_python - "$etc/environment" <<'KEEP' || die "$etc/environment must be a plain file of root's"
import os, stat, sys
path = sys.argv[1]
flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
try:
    file = os.open(path, flags, 0o600)
except OSError as error:
    sys.exit(f"{path}: {error.strerror}")
found = os.fstat(file)
if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
    sys.exit(f"{path}: it is another kind of file, or has a second name")
os.fchown(file, os.geteuid(), os.getegid())
os.fchmod(file, 0o600)
KEEP
}

# In a session of its own: what runs there gets no hold of root's terminal.
as_user() { (cd / && setsid --wait runuser -u edgepose -- "$@"); }

as_service() {
    local settings=("EDGEPOSE_MODEL_PATH=$state/models" "STATE_DIRECTORY=$state" "HOME=$state"
        PYTHONNOUSERSITE=1)
    # Not as arguments, which `ps` shows to everybody, nor in root's own environment.
    # shellcheck disable=SC2016 # the inner shell expands these
    as_user env "${settings[@]}" bash -c '
        while IFS= read -r setting <&3; do export "$setting"; done
        exec 3<&-
        exec "$@"' bash "$@" 3< <(dd if="$etc/environment" iflag=nofollow status=none |
        grep -E '^[A-Za-z_][A-Za-z0-9_]*=')
}

# --- a version ---------------------------------------------------------------------------------

# Now, since the service may not write there. pip compiles on one processor, tests as well: the
# longest part of an installation. What no Python 3 can read is passed over, as pip does.
compile_venv() {
    "$1/bin/python" -P -m compileall -qq -j 0 -x '/tests/' "$1/lib" || true
}

pull_models() {
    local venv=$1 model flags=()
    if [ -n "$mirror" ]; then # a stick is often root's alone, and the service's user pulls
        cp -r "$mirror" "$scratch/models"
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
    if isolated_python -c 'import picamera2' 2>/dev/null; then
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
        [ ! -f "$template" ] || give "$template" "$etc/templates/${template##*/}" 644
    done
    if ! compgen -G "$etc/*.yaml" >/dev/null; then
        starter_config >"$scratch/edgepose.yaml"
        chmod -R a+rX "$scratch"
        give "$scratch/edgepose.yaml" "$etc/edgepose.yaml" 640
        say "Wrote a first configuration: /etc/edgepose/edgepose.yaml"
    fi
}

# Give the service's user a copy of its own, unless there is something of that name.
give() {
    [ -e "$2" ] || [ -L "$2" ] || as_user install -m "$3" -T "$1" "$2" ||
        say "$2 can't be written by the user edgepose; going on without."
}

try_out() {
    local venv=$1 config
    for config in "$etc"/*.yaml; do
        [ -f "$config" ] || continue # a folder, whoever made it
        as_service "$venv/bin/edgepose" check-config "$config" >/dev/null || return 1
        as_service "$venv/bin/python" -P - "$config" <<'TRY' || return 1
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

services() {
    local found=("$units"/multi-user.target.wants/edgepose@*.service)
    if [ -e "${found[0]}" ] || [ -L "${found[0]}" ]; then
        printf '%s\n' "${found[@]##*/}"
    else
        printf 'edgepose.service\n'
    fi
}

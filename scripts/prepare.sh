# Collect what `install.sh --offline` needs. Sourced by install.sh, which says where and for whom.
# shellcheck shell=bash
# shellcheck disable=SC2154 # here, python, prepared, models, suites and scratch are install.sh's

glibc_minor=36 # of bookworm; wheels for it run on trixie, too
declare -A pythons=([bookworm]=3.11 [trixie]=3.13)

prepare() {
    local suite
    for suite in "${suites[@]}"; do
        [ -n "${pythons[$suite]:-}" ] || die "--for $suite: expected bookworm or trixie"
    done
    mkdir -p "$prepared/wheels" "$prepared/models"
    prepared=$(cd "$prepared" && pwd)
    rm -f "$prepared"/wheels/edgepose-*.whl # of another version
    copy_source "$scratch/source"
    "$python" -m venv "$scratch/venv"
    if [ ${#suites[@]} -eq 0 ]; then
        collect_here
    else
        for suite in "${suites[@]}"; do collect_for "$suite"; done
    fi
    collect_models
    mkdir -p "$prepared/scripts"
    cp "$here"/{install.sh,uninstall.sh,constraints-bookworm.txt} "$prepared/scripts/"
    cp -r "$here/../systemd" "$prepared/"
    say "Prepared. On the other machine: sudo $prepared/scripts/install.sh --offline $prepared"
}

pip() { PIP_DISABLE_PIP_VERSION_CHECK=1 "$scratch/venv/bin/python" -m pip "$@"; }

collect_here() {
    local flags
    mapfile -t flags < <(constraints)
    say "Collecting wheels for machines like this one ..."
    pip wheel "${flags[@]}" \
        --wheel-dir "$prepared/wheels" "$scratch/source" pip
    pip install --quiet --no-index --find-links "$prepared/wheels" edgepose
    note_for "$(kind)"
}

# pip would judge by the Python that runs it what is needed ("; python_version < '3.13'"): uv names
# the packages of the other system. uv passes over upper bounds of a package's Python: pip chooses
# the versions.
collect_for() {
    local suite=$1 flags=() platforms=() minor wheel names
    say "Collecting wheels for $suite on aarch64 ..."
    pip install --quiet --upgrade pip uv "$scratch/source" # the program itself pulls models
    pip wheel --quiet --no-deps --wheel-dir "$prepared/wheels" "$scratch/source"
    wheel=("$prepared"/wheels/edgepose-*.whl)
    # picamera2 of Raspberry Pi OS bookworm wants numpy 1; where it is not, numpy 1 does no harm.
    [ "$suite" != bookworm ] || flags=(--constraint "$here/constraints-bookworm.txt")
    mapfile -t names < <(names_for "${pythons[$suite]}" "${wheel[0]}" "${flags[@]}")
    for ((minor = glibc_minor; minor >= 17; minor--)); do
        platforms+=(--platform "manylinux_2_${minor}_aarch64")
    done
    pip download "${flags[@]}" --only-binary :all: --implementation cp \
        --python-version "${pythons[$suite]}" "${platforms[@]}" --platform manylinux2014_aarch64 \
        --dest "$prepared/wheels" "${wheel[0]}" pip "${names[@]}"
    note_for "Python ${pythons[$suite]} on aarch64"
}

names_for() {
    local version=$1 from=$2
    printf '%s\n' "edgepose @ file://$from" |
        "$scratch/venv/bin/uv" pip compile --quiet --no-header --no-annotate "${@:3}" \
            --only-binary :all: --python-version "$version" \
            --python-platform "aarch64-manylinux_2_$glibc_minor" - >"$scratch/names.txt" ||
        say "uv could not tell what Python $version needs; pip alone goes on."
    sed -n 's/==.*//p' "$scratch/names.txt"
}

# install.sh refuses other machines in words, where pip would name some package.
note_for() {
    grep -qsx "$1" "$prepared/prepared-for" || printf '%s\n' "$1" >>"$prepared/prepared-for"
}

collect_models() {
    local model
    for model in "${models[@]}"; do
        # A search path of its own, so that a model from elsewhere on this machine is copied, too.
        "$scratch/venv/bin/edgepose" models pull "$model" --json >"$scratch/pulled.json" ||
            die "$model can't be had; see above"
        cp "$("$python" -c 'import json, sys; print(json.load(sys.stdin)[0]["path"])' \
            <"$scratch/pulled.json")" "$prepared/models/"
    done
}

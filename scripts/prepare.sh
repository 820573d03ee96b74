# Collect what `install.sh --offline` needs. Sourced by install.sh, which says where and for whom.
# shellcheck shell=bash
# shellcheck disable=SC2154 # here, prepared, models, suites and scratch are install.sh's

glibc_minor=36 # of bookworm; wheels for it run on trixie, too
declare -A pythons=([bookworm]=3.11 [trixie]=3.13)
declare -A machines=([arm64]=aarch64 [amd64]=x86_64) # by Debian's names

prepare() {
    local suite
    for suite in "${suites[@]}"; do
        kind_of "$suite" >/dev/null
    done
    mkdir -p "$prepared"/{models,scripts,wheels}
    rm -f "$prepared"/wheels/{edgepose,pip}-*.whl # of another version
    install_online "$scratch/venv" # the program itself pulls models
    build_program
    if [ ${#suites[@]} -eq 0 ]; then
        collect_for "$(kind)"
    else
        for suite in "${suites[@]}"; do collect_for "$(kind_of "$suite")"; done
    fi
    collect_models
    cp "$here"/{install,steps,uninstall}.sh "$prepared/scripts/"
    cp -r "$here/locks" "$prepared/scripts/"
    cp -r "$here/../systemd" "$prepared/"
    "$scratch/venv/bin/python" -P -m edgepose.cli.shell_files "$prepared/share" # for build-deb
    (cd "$prepared" && prepared_files . | tr '\n' '\0' | xargs -0 sha256sum >SHA256SUMS)
    say "Prepared; its SHA256SUMS has the SHA-256 $(sha256sum <"$prepared/SHA256SUMS" | cut -d' ' -f1)."
    say "On the other machine: sudo $prepared/scripts/install.sh --offline $prepared"
}

kind_of() { # "bookworm", which is for a Pi, or "bookworm:amd64"
    local suite=${1%%:*} arch=arm64
    [ "$suite" = "$1" ] || arch=${1#*:}
    if [ -z "${pythons[$suite]:-}" ] || [ -z "${machines[$arch]:-}" ]; then
        die "--for $1: expected bookworm or trixie, with :amd64 behind it for a PC"
    fi
    printf 'Python %s on %s\n' "${pythons[$suite]}" "${machines[$arch]}"
}

build_program() {
    local flags=()
    [ ! -f "$(lock)" ] || flags=(--no-build-isolation) # with the lock's setuptools
    "$scratch/venv/bin/python" -P -m pip wheel "${quiet_pip[@]}" "${flags[@]}" \
        --wheel-dir "$prepared/wheels" "$scratch/source"
}

collect_for() {
    local kind=$1 platforms
    choose_platforms "$kind"
    [ -f "$(lock_for "$kind")" ] || die "scripts/locks has nothing for $kind"
    say "Collecting wheels for $kind ..."
    "$scratch/venv/bin/python" -P -m pip download "${quiet_pip[@]}" "${platforms[@]}" \
        --require-hashes --requirement "$(lock_for "$kind")" --dest "$prepared/wheels"
    note_for "$kind"
}

# Set `platforms` to pip's options for the wheels of a kind of machine.
choose_platforms() {
    local words minor
    read -ra words <<<"$1"
    platforms=(--only-binary :all: --implementation cp --python-version "${words[1]}")
    for ((minor = glibc_minor; minor >= 17; minor--)); do
        platforms+=(--platform "manylinux_2_${minor}_${words[3]}")
    done
    platforms+=(--platform "manylinux2014_${words[3]}")
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
        cp "$(isolated_python -c 'import json, sys; print(json.load(sys.stdin)[0]["path"])' \
            <"$scratch/pulled.json")" "$prepared/models/"
    done
}

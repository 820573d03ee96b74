# Collect what `install.sh --offline` needs. Sourced by install.sh, which says where and for whom.
# shellcheck shell=bash
# shellcheck disable=SC2154 # here, prepared, models, suites and scratch are install.sh's

glibc_minor=36 # of bookworm; wheels for it run on trixie, too
declare -A pythons=([bookworm]=3.11 [trixie]=3.13)

prepare() {
    local suite
    for suite in "${suites[@]}"; do
        [ -n "${pythons[$suite]:-}" ] || die "--for $suite: expected bookworm or trixie"
    done
    mkdir -p "$prepared"/{models,scripts,wheels}
    rm -f "$prepared"/wheels/{edgepose,pip}-*.whl # of another version
    install_online "$scratch/venv" # the program itself pulls models
    build_program
    if [ ${#suites[@]} -eq 0 ]; then
        collect_for "$(kind)"
    else
        for suite in "${suites[@]}"; do collect_for "Python ${pythons[$suite]} on aarch64"; done
    fi
    collect_models
    cp "$here"/{install.sh,uninstall.sh} "$prepared/scripts/"
    cp -r "$here/locks" "$prepared/scripts/"
    cp -r "$here/../systemd" "$prepared/"
    (cd "$prepared" && prepared_files . | tr '\n' '\0' | xargs -0 sha256sum >SHA256SUMS)
    say "Prepared; its SHA256SUMS has the SHA-256 $(sha256sum <"$prepared/SHA256SUMS" | cut -d' ' -f1)."
    say "On the other machine: sudo $prepared/scripts/install.sh --offline $prepared"
}

build_program() {
    local flags=()
    [ ! -f "$(lock)" ] || flags=(--no-build-isolation) # with the lock's setuptools
    "$scratch/venv/bin/python" -P -m pip wheel "${quiet_pip[@]}" "${flags[@]}" \
        --wheel-dir "$prepared/wheels" "$scratch/source"
}

collect_for() {
    local kind=$1 words platforms=() minor
    [ -f "$(lock_for "$kind")" ] || die "scripts/locks has nothing for $kind"
    read -ra words <<<"$kind"
    say "Collecting wheels for $kind ..."
    for ((minor = glibc_minor; minor >= 17; minor--)); do
        platforms+=(--platform "manylinux_2_${minor}_${words[3]}")
    done
    "$scratch/venv/bin/python" -P -m pip download "${quiet_pip[@]}" \
        --only-binary :all: --implementation cp --python-version "${words[1]}" "${platforms[@]}" \
        --platform "manylinux2014_${words[3]}" --require-hashes \
        --requirement "$(lock_for "$kind")" --dest "$prepared/wheels"
    note_for "$kind"
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

# Sourced by ./run, ./test and .ci/run, under any POSIX shell.
set -eu

# setup FOLDER GROUP...: enter a virtual environment with the project, torch and these dependency groups.
setup() {
    folder=$1
    shift
    python=${PYTHON:-python3}
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Touchstone needs Python 3.11 or newer, found $("$python" --version); set PYTHON to one" >&2
        exit 4
    }
    [ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
    . "$folder/bin/activate"
    # What is installed as editable would be compiled anew by each process.
    unset PYTHONDONTWRITEBYTECODE
    # Installed again only when what is to be installed has changed.
    wanted="$(cat pyproject.toml .ci/setup.sh)"
    for group in "$@"; do
        grep -qsx "$group" "$folder/.groups" || wanted="$wanted $group"
    done
    [ "$wanted" = "$(cat "$folder/.installed" 2>/dev/null)" ] && return
    echo "installing torch and Touchstone into $folder ..."
    pip="python -m pip --quiet --disable-pip-version-check install"
    $pip 'pip>=25.1'
    $pip torch==2.13.0 'numpy>=1.26,<3'
    $pip --editable .
    for group in "$@"; do
        $pip --group "$group"
        echo "$group" >> "$folder/.groups"
    done
    cat pyproject.toml .ci/setup.sh > "$folder/.installed"
}

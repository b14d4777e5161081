# Sourced by ./run, ./test and .ci/run: a virtual environment with the project and torch.
# Usage: . .ci/setup.sh FOLDER GROUP...
set -eu
folder=$1
shift
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Touchstone needs Python 3.11 or newer, found $("$python" --version); set PYTHON to one" >&2
    exit 4
}
[ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
. "$folder/bin/activate"
# Installed again only when what is to be installed has changed.
wanted="$(cat pyproject.toml .ci/setup.sh; echo "$@")"
if [ "$wanted" != "$(cat "$folder/.installed" 2>/dev/null)" ]; then
    echo "installing torch and Touchstone into $folder ..."
    python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
    python -m pip install --quiet --disable-pip-version-check torch==2.13.0 'numpy>=1.26,<3'
    groups=""
    for group in "$@"; do groups="$groups --group $group"; done
    # shellcheck disable=SC2086
    python -m pip install --quiet --disable-pip-version-check --editable . $groups
    printf '%s\n' "$wanted" > "$folder/.installed"
fi

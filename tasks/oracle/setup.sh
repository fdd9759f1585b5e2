#!/usr/bin/env bash
# Makes the two reference ("oracle") environments:
#   DIR/keras2   TF 2.15.1, Keras 2.15,   tensorflowjs 4.22.0
#   DIR/keras3   TF 2.19.0, Keras 3.15.1, tf_keras 2.19.0, tensorflowjs 4.22.0
#
# usage: tasks/oracle/setup.sh DIR [PYTHON]      (PYTHON must be a Python 3.11; default python3.11, then python3)
#
# They are needed to check the Keras files that we write (cargo xtask oracle-check) and to remake fixtures;
# tests read stored results and need none of this.
set -euo pipefail
if [ $# -lt 1 ]; then sed -n '2,9p' "$0"; exit 2; fi
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
py=${2:-}
if [ -z "$py" ]; then
  for c in python3.11 python3; do
    if command -v "$c" >/dev/null 2>&1 &&
       [ "$("$c" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "3.11" ]; then
      py=$c; break
    fi
  done
fi
[ -n "$py" ] || { echo "need a Python 3.11" >&2; exit 1; }
mkdir -p "$dir"
for env in keras2 keras3; do
  venv="$dir/$env"
  [ -x "$venv/bin/python" ] || "$py" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --no-deps -r "$here/requirements-$env.txt"
  # numpy, h5py & co. come from the list too; setuptools gives pkg_resources (tensorflow_hub imports it)
  "$venv/bin/python" -m pip install --quiet --no-deps 'setuptools<81'
done
# The converter imports tensorflow_decision_forests unconditionally; there is no
# build of it for this TF, and nothing but TF-DF models needs it: a stub will do.
site=$("$dir/keras3/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
mkdir -p "$site/tensorflow_decision_forests"
cat > "$site/tensorflow_decision_forests/__init__.py" <<'STUB'
"""Stub: the reference converter imports this name; no model here needs it."""
STUB
export TF_CPP_MIN_LOG_LEVEL=3
for env in keras2 keras3; do
  "$dir/$env/bin/python" - <<'CHECK' 2>/dev/null
import tensorflow as tf, keras, tf_keras, tensorflowjs
from tensorflowjs.converters import converter
print("tensorflow", tf.__version__, "keras", keras.__version__, "tf_keras", tf_keras.__version__,
      "tensorflowjs", tensorflowjs.__version__)
CHECK
done

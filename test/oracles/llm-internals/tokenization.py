"""Token ids by OpenAI's tiktoken, also of 100,000 random texts; WordPiece and Unigram by Hugging Face's tokenizers.

The random texts are made here and in the test by the same rule, from 32-bit integers (xorshift), so that the fixture holds
hashes of ids instead of megabytes.
"""

import base64
import hashlib
import inspect
import json
import struct

import numpy as np
import tiktoken
import tiktoken_ext.openai_public as published
from oracle import DATA, emit
from tokenizers import models

TEXTS, BLOCK = 100_000, 1_000


def file_of(name):
    """The .tiktoken file that data/<name>.json stands for, as bytes."""
    file = json.loads((DATA / f"{name}.json").read_text(encoding="utf8"))
    tokens = [bytes([byte]) for byte in base64.b64decode(file["bytes"])]
    packed, width = b"".join(map(base64.b64decode, file["merges"])), file["width"]
    ids = [int.from_bytes(packed[i : i + width], "little") for i in range(0, len(packed), width)]
    for left, right in zip(ids[::2], ids[1::2]):
        tokens.append(tokens[left] + tokens[right])
    return b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens))


def encoding(name, constructor):
    """tiktoken's own encoding, its pattern and special tokens; only the download of its table is replaced."""
    content = file_of(name)
    digest = hashlib.sha256(content).hexdigest()
    assert digest in inspect.getsource(constructor), f"data/{name}.json is not the table that tiktoken expects"
    ranks = {base64.b64decode(line.split()[0]): int(line.split()[1]) for line in content.splitlines()}
    load, published.load_tiktoken_bpe = published.load_tiktoken_bpe, lambda *_, **__: ranks
    try:
        return digest, tiktoken.Encoding(**constructor())
    finally:
        published.load_tiktoken_bpe = load


digests, encodings = {}, {}
for name, constructor in (("gpt2", published.r50k_base), ("cl100k-base", published.cl100k_base)):
    digests[name], encodings[name] = encoding(name, constructor)

# Code units (first, last): what the random texts are made of. Surrogates come alone, and in pairs by chance.
ALPHABETS = {
    "letters": [[0x61, 0x7A], [0x41, 0x5A], [0x20, 0x20]],
    "ascii": [[0x20, 0x7E]],
    "white space": [
        [0x09, 0x0D], [0x20, 0x20], [0x20, 0x20], [0x85, 0x85], [0xA0, 0xA0], [0x1680, 0x1680], [0x2000, 0x200A],
        [0x2028, 0x2029], [0x202F, 0x202F], [0x205F, 0x205F], [0x3000, 0x3000], [0xFEFF, 0xFEFF], [0x200B, 0x200D],
    ],
    "control": [[0x00, 0x1F], [0x7F, 0x9F]],
    "suffixes": [[0x27, 0x27], [0x27, 0x27], [0x73, 0x74], [0x53, 0x54], [0x17F, 0x17F], [0x6C, 0x6C], [0x76, 0x76], [0x65, 0x65],
                 [0x72, 0x72], [0x4C, 0x4D], [0x64, 0x64], [0x212A, 0x212A], [0x2019, 0x2019]],
    "digits": [[0x30, 0x39], [0x660, 0x669], [0xB2, 0xB3], [0xBC, 0xBE], [0x2160, 0x216B], [0xFF10, 0xFF19]],
    "accents": [[0xC0, 0x17F], [0x300, 0x36F], [0x61, 0x7A]],
    "scripts": [[0x391, 0x3A1], [0x410, 0x44F], [0x5D0, 0x5EA], [0x627, 0x64A], [0x915, 0x939], [0x93E, 0x94D], [0xE01, 0xE2E]],
    "CJK": [[0x4E00, 0x9FA5], [0x3041, 0x3096], [0x30A1, 0x30FA], [0xAC00, 0xD7A3], [0x3001, 0x3003]],
    "emoji": [[0x1F300, 0x1F5FF], [0x1F600, 0x1F64F], [0x1F3FB, 0x1F3FF], [0x200D, 0x200D], [0xFE0F, 0xFE0F], [0x1F1E6, 0x1F1FF]],
    "astral": [[0x20000, 0x2A6D6], [0x1D400, 0x1D454], [0x10330, 0x1034A]],
    "surrogates": [[0xD800, 0xDFFF], [0xD83D, 0xD83E], [0xDC00, 0xDFFF], [0x20, 0x20], [0x61, 0x63]],
    "punctuation": [[0x21, 0x2F], [0x3A, 0x40], [0x0A, 0x0A], [0x0D, 0x0D], [0x2010, 0x2027]],
}


def xorshift(seed):
    x = seed
    while True:
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        yield x


def texts(seed, count):
    """Texts of 1 to 24 draws from one to three alphabets; one draw in 16 is repeated up to 20 times, one text in 500 ends in
    a run of 200 to 2,199."""
    draw = xorshift(seed)
    below = lambda n: next(draw) % n  # noqa: E731
    alphabets = list(ALPHABETS.values())
    for _ in range(count):
        chosen = [alphabets[below(len(alphabets))] for _ in range(1 + below(3))]

        def character():
            alphabet = chosen[below(len(chosen))]
            first, last = alphabet[below(len(alphabet))]
            return chr(first + below(last - first + 1))

        parts = []
        for _ in range(1 + below(24)):
            one = character()
            parts.append(one * (1 + below(20)) if below(16) == 0 else one)
        if below(500) == 0:
            parts.append(character() * (200 + below(2000)))
        units = "".join(parts).encode("utf-16-le", "surrogatepass")
        yield units.decode("utf-16-le", "surrogatepass")  # two halves that have met are one character


def random_texts(seed):
    hashes = {name: [] for name in encodings}
    units = hashlib.sha256()
    blocks = {}
    for i, text in enumerate(texts(seed, TEXTS)):
        units.update(text.encode("utf-16-le", "surrogatepass") + b"\n\0")
        for name, tokenizer in encodings.items():
            ids = tokenizer.encode_ordinary(text)
            block = blocks.setdefault(name, hashlib.sha256())
            block.update(struct.pack(f"<{len(ids) + 1}i", len(ids), *ids))
            if (i + 1) % BLOCK == 0:
                hashes[name].append(blocks.pop(name).hexdigest()[:16])
    return {"seed": seed, "texts": TEXTS, "block": BLOCK, "alphabets": list(ALPHABETS.values()), "units": units.hexdigest(), "ids": hashes}


def novel():
    text = "\n\n".join(json.loads((DATA / "moby-dick.json").read_text(encoding="utf8"))["chapters"])
    result = {}
    for name, tokenizer in encodings.items():
        ids = tokenizer.encode_ordinary(text)
        digest = hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()
        result[name] = {"tokens": len(ids), "sha256": digest, "first": ids[:50]}
    return result


# Lone surrogates are left to the random texts: they cannot be written into a file of UTF-8.
CASES = [
    "", " ", "  ", "hello world", "helloworld", "hello", "world", "The ", "The cat", "cat", "12345678", " whalemen", " Ahab",
    "\u0085 \u0085x", "\ufeff \ufeffx", "x\u0085", "x\ufeff", "\u00a0x", "It'S it's IT'LL it\u2019s 'ſ'ſa a'ſ", "\r\n\n \t\r\n x",
    "naïve café", "e\u0301", "日本語のテキスト", "안녕하세요", "👩‍👩‍👧‍👦🏽", "🇩🇪🇫🇷", "\x00\x01\x7f", "x" * 300, " " * 131, "a \n" * 7, "…?!\n\nno",
    "def f(x):\n    return x**2  # y\n", "3.14159e-10", "<|endoftext|>", "\ufffd", "Ⅷ²¾", "हिन्दी में", "ไม่มีช่องว่าง", "İı K",
]  # fmt: skip


def cases():
    for text in CASES:
        ids = {name: tokenizer.encode_ordinary(text) for name, tokenizer in encodings.items()}
        yield {"text": text, **ids}


def special():
    tokenizer = encodings["cl100k-base"]
    text = "a<|endoftext|>b <|fim_prefix|><|endofprompt|> "
    everything = tokenizer.encode(text, allowed_special="all")
    some = tokenizer.encode(text, allowed_special={"<|endoftext|>"}, disallowed_special=())
    return {"text": text, "all": everything, "some": some, "none": tokenizer.encode(text, disallowed_special=())}


def decoding(rng):
    """Ids in any order: their bytes are rarely UTF-8."""
    for name, tokenizer in encodings.items():
        for _ in range(20):
            ids = [int(i) for i in rng.integers(0, 1000 if rng.random() < 0.5 else 50256, rng.integers(1, 12))]
            yield {"encoding": name, "ids": ids, "text": tokenizer.decode(ids)}


def word_piece(rng):
    letters = "abc"
    for _ in range(30):
        pieces = {"[UNK]"} | {
            ("##" if rng.random() < 0.6 else "") + "".join(rng.choice(list(letters), rng.integers(1, 4))) for _ in range(9)
        }
        vocabulary = {piece: i for i, piece in enumerate(sorted(pieces))}
        model = models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=7)
        words = ["".join(rng.choice(list(letters), n)) for n in rng.integers(1, 10, 12)]
        encoded = [[token.value for token in model.tokenize(word)] for word in words]
        yield {"vocabulary": sorted(pieces), "words": words, "pieces": encoded}


def unigram(rng):
    for _ in range(20):
        pieces = sorted({*"abcd", *("".join(rng.choice(list("abcd"), n)) for n in rng.integers(2, 5, 12))})
        logs = np.log(rng.dirichlet(np.ones(len(pieces))))
        model = models.Unigram([("<unk>", -50.0), *((piece, float(log)) for piece, log in zip(pieces, logs))], 0, False)
        words = ["".join(rng.choice(list("abcd"), n)) for n in rng.integers(1, 14, 8)]
        encoded = [[token.value for token in model.tokenize(word)] for word in words]
        yield {"pieces": pieces, "logProbabilities": logs, "words": words, "encoded": encoded}


def unused(name):
    """Ids below the number of ids that stand for nothing, and that number."""
    tokenizer = encodings[name]
    known = set(tokenizer._mergeable_ranks.values()) | set(tokenizer._special_tokens.values())
    return {"ids": tokenizer.n_vocab, "tokens": len(known), "special": tokenizer._special_tokens}


rng = np.random.default_rng(20265)
emit(
    ["tiktoken", "tokenizers"],
    digests=digests,
    sizes={name: unused(name) for name in encodings},
    novel=novel(),
    random=random_texts(2463534242),
    cases=list(cases()),
    special=special(),
    decoding=list(decoding(rng)),
    wordPiece=list(word_piece(rng)),
    unigram=list(unigram(rng)),
)

"""Narrow floats by NumPy and ml_dtypes on all codes and on float32 inputs, and by exact fractions on doubles near ties."""

import hashlib
from bisect import bisect_left
from fractions import Fraction

import ml_dtypes as ml
import numpy as np
import torch
from oracle import emit

rng = np.random.default_rng(20269)

# name here, type there, width of a code in bits
SMALL = [
    ("e5m2", ml.float8_e5m2, 8),
    ("e4m3fn", ml.float8_e4m3fn, 8),
    ("e4m3", ml.float8_e4m3, 8),
    ("e3m2", ml.float6_e3m2fn, 6),
    ("e2m3", ml.float6_e2m3fn, 6),
    ("e2m1", ml.float4_e2m1fn, 4),
    ("e8m0", ml.float8_e8m0fnu, 8),
]
WIDE = [("fp16", np.float16), ("bf16", ml.bfloat16)]


def decoded(kind, bits):
    codes = np.arange(2**bits, dtype=np.uint8 if bits <= 8 else np.uint16)
    with np.errstate(invalid="ignore"):
        return codes.view(kind).astype(np.float64)


def digest(values):
    """SHA-256 of the little-endian doubles, every NaN the same."""
    values = np.where(np.isnan(values), np.nan, values).astype("<f8")
    values[np.isnan(values)] = np.frombuffer(bytes.fromhex("000000000000f87f"), dtype="<f8")[0]
    return hashlib.sha256(values.tobytes()).hexdigest()


def encodings():
    """float32 numbers, log-uniform over the format and beyond; where NaN or overflow decide, only their kind is compared."""
    for name, kind, low, high in [
        ("fp16", np.float16, -28, 17),
        ("bf16", ml.bfloat16, -136, 127.9),
        ("e5m2", ml.float8_e5m2, -20, 17),
        ("e4m3fn", ml.float8_e4m3fn, -13, 10),
        ("e3m2", ml.float6_e3m2fn, -7, 4.8),
        ("e2m3", ml.float6_e2m3fn, -6, 2.9),
        ("e2m1", ml.float4_e2m1fn, -4, 2.58),
    ]:
        x = (rng.choice([-1, 1], 300) * 2.0 ** rng.uniform(low, high, 300)).astype(np.float32)
        with np.errstate(over="ignore"):
            yield {"format": name, "x": x.astype(np.float64), "y": x.astype(kind).astype(np.float64)}


def doubles_to_half():
    """NumPy rounds a double to half precision at once. Ties and their neighbours are in it."""
    half = np.sort(rng.choice(decoded(np.float16, 16)[:31744], 200, replace=False))
    bits = half.astype(np.float16).view(np.uint16)
    upper = (bits + 1).view(np.float16).astype(np.float64)
    tie = (half + np.where(np.isinf(upper), 65536.0, upper)) / 2
    x = np.concatenate([tie, np.nextafter(tie, np.inf), np.nextafter(tie, 0), rng.standard_normal(100)])
    with np.errstate(over="ignore"):
        return {"x": x, "y": x.astype(np.float16).astype(np.float64)}


def doubles_to_bf16():
    """Exact fractions: the nearest of all numbers of the format, at a tie the one with the even code."""
    numbers = [Fraction(v) for v in decoded(ml.bfloat16, 16)[:32640]]
    x, y = [], []
    for i in rng.integers(0, len(numbers) - 1, 150):
        tie = float((numbers[i] + numbers[i + 1]) / 2)
        for v in (tie, np.nextafter(tie, np.inf), np.nextafter(tie, 0)):
            j = bisect_left(numbers, Fraction(float(v)))
            below, above = (j, j) if numbers[j] == Fraction(float(v)) else (j - 1, j)
            gap = (numbers[above] - Fraction(float(v))) - (Fraction(float(v)) - numbers[below])
            best = below if gap > 0 or (gap == 0 and below % 2 == 0) else above
            x.append(float(v))
            y.append(float(numbers[best]))
    return {"x": x, "y": y}


def running(xs, kind):
    total = kind(0)
    for v in xs:
        total = kind(total + kind(v))
    return float(total)


def sums():
    for name, kind in WIDE + [("fp32", np.float32)]:
        x = rng.standard_normal(300)
        v = x.astype(kind)
        kahan, lost = kind(0), kind(0)
        for t in v:
            term = kind(t - lost)
            following = kind(kahan + term)
            lost = kind(kind(following - kahan) - term)
            kahan = following
        yield {"format": name, "x": x, "naive": running(v, kind), "kahan": float(kahan)}


def harmonic():
    """1/k in half precision until nothing changes."""
    total, k = np.float16(0), 0
    while True:
        k += 1
        following = np.float16(total + np.float16(1 / k))
        if following == total:
            return {"terms": k - 1, "total": float(total)}
        total = following


def dots():
    for name, kind in [("bf16", ml.bfloat16), ("e4m3fn", ml.float8_e4m3fn)]:
        a, b = rng.standard_normal(200), rng.standard_normal(200)
        p, q = a.astype(np.float32).astype(kind).astype(np.float32), b.astype(np.float32).astype(kind).astype(np.float32)
        total = np.float32(0)
        for s, t in zip(p, q):
            total = np.float32(total + np.float32(s * t))
        yield {"format": name, "a": a.astype(np.float32), "b": b.astype(np.float32), "dot": float(total)}


def blocks():
    """Blocks of 32 with the power-of-two scale of the MX formats."""
    x = (rng.standard_normal(320) * np.repeat(2.0 ** rng.integers(-20, 20, 10), 32)).astype(np.float32)
    for name, kind, top in [
        ("e2m1", ml.float4_e2m1fn, 2),
        ("e2m3", ml.float6_e2m3fn, 2),
        ("e3m2", ml.float6_e3m2fn, 4),
        ("e4m3fn", ml.float8_e4m3fn, 8),
        ("e5m2", ml.float8_e5m2, 15),
    ]:
        largest = float(ml.finfo(kind).max)
        b = x.reshape(10, 32).astype(np.float64)
        scale = 2.0 ** (np.floor(np.log2(np.abs(b).max(axis=1, keepdims=True))) - top)
        y = np.clip(b / scale, -largest, largest).astype(np.float32).astype(kind).astype(np.float64) * scale
        yield {"element": name, "x": x.astype(np.float64), "scales": scale[:, 0], "dequantized": y.ravel()}


def scaled_by_fractions():
    """Blocks of 16 with a scale in E4M3 and one in float32 for all."""
    x = (rng.standard_normal(96) * np.repeat(2.0 ** rng.integers(-6, 6, 6), 16)).astype(np.float32).astype(np.float64)
    whole = float(np.float32(np.abs(x).max() / (6 * 448)))
    b = x.reshape(6, 16) / whole
    scale = (np.abs(b).max(axis=1, keepdims=True) / 6).astype(np.float32).astype(ml.float8_e4m3fn).astype(np.float64)
    y = np.clip(b / scale, -6, 6).astype(np.float32).astype(ml.float4_e2m1fn).astype(np.float64) * scale * whole
    return {"x": x, "tensorScale": whole, "scales": scale[:, 0], "dequantized": y.ravel()}


def limits():
    for name, kind in [(name, kind) for name, kind, _ in SMALL if name != "e8m0"] + WIDE:
        info = ml.finfo(kind)
        yield {
            "format": name,
            "bits": info.bits,
            "max": float(info.max),
            "minNormal": float(info.smallest_normal),
            "minSubnormal": float(info.smallest_subnormal),
            "epsilon": float(info.eps),
        }


def conventions():
    """What the libraries do at the edges."""
    with np.errstate(over="ignore"):
        half = float(np.float64(65520.0).astype(np.float16))
    e4m3 = np.array([464.0, 465.0, np.inf], dtype=np.float32).astype(ml.float8_e4m3fn).astype(np.float64)
    e2m1 = np.array([7.0, np.inf, np.nan], dtype=np.float32).astype(ml.float4_e2m1fn).astype(np.float64)
    twice = float(np.array([1 + 2**-8 + 2**-40]).astype(ml.bfloat16)[0])
    edges = torch.tensor([464.0, 465.0, np.inf], dtype=torch.float32)
    pytorch = {
        "half65520": float(torch.tensor(65520.0, dtype=torch.float64).to(torch.float16)),
        "e4m3fn": edges.to(torch.float8_e4m3fn).to(torch.float64).numpy(),
        "bf16OfDouble": float(torch.tensor(1 + 2**-8 + 2**-40, dtype=torch.float64).to(torch.bfloat16)),
    }
    return {
        "half65520": half,
        "e4m3fn": e4m3,
        "e2m1": e2m1,
        "bf16OfDouble": twice,
        "scaleTies": np.array([1.5, 3, 6, 12], dtype=np.float32).astype(ml.float8_e8m0fnu).astype(np.float64),
        "pytorch": pytorch,
    }


emit(
    ["numpy", "ml_dtypes", "torch"],
    values={name: decoded(kind, bits) for name, kind, bits in SMALL},
    digests={name: digest(decoded(kind, 16)) for name, kind in WIDE},
    limits=list(limits()),
    encodings=list(encodings()),
    doublesToHalf=doubles_to_half(),
    doublesToBf16=doubles_to_bf16(),
    sums=list(sums()),
    harmonic=harmonic(),
    dots=list(dots()),
    blocks=list(blocks()),
    scaledByFractions=scaled_by_fractions(),
    conventions=conventions(),
)

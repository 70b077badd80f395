import numpy as np
from native import native, read

a = read("a", tuple(read("shape", dtype=np.int32)))


def answer(result):
    values, vectors = result
    return np.concatenate([values, (vectors * values @ vectors.T).ravel()])


native(f"numpy {np.__version__}", lambda: np.linalg.eigh(a), answer)

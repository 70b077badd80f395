import numpy as np
from native import native, read

a = read("a", tuple(read("shape", dtype=np.int32)))


def answer(result):
    u, s, vt = result
    return np.concatenate([s, (u * s @ vt).ravel()])


native(f"numpy {np.__version__}", lambda: np.linalg.svd(a, full_matrices=False), answer)

import numpy as np
from native import native, read, title

if title.startswith("matmul"):
    a, b = read("a", (512, 512)), read("b", (512, 512))
    native(f"numpy {np.__version__}", lambda: a @ b)
else:
    a = read("a", (400, 200))
    native(f"numpy {np.__version__}", lambda: np.linalg.qr(a), lambda result: np.abs(result.R))

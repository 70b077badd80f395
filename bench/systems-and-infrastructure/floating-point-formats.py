import ml_dtypes
import numpy as np
from native import native, read, title

x = read("x")
name, kind = (
    (f"numpy {np.__version__}", np.float16)
    if title.endswith("FP16")
    else (f"ml_dtypes {ml_dtypes.__version__}", ml_dtypes.bfloat16)
)
native(name, lambda: x.astype(kind).astype(np.float64))

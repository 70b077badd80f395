import torch
from native import native, read, title
from torch.nn import functional as F

torch.set_num_threads(1)
large = title.startswith("convolution 3")
shape, filters, stride = ((1, 56, 56, 64), (3, 3, 64, 64), 1) if large else ((32, 28, 28, 1), (5, 5, 1, 8), 2)
x = torch.tensor(read("x", shape)).permute(0, 3, 1, 2).contiguous()
w = torch.tensor(read("w", filters)).permute(3, 2, 0, 1).contiguous()
# the odd zero of 'same' lies below and to the right
around = (1, 1, 1, 1) if large else (1, 2, 1, 2)
version = torch.__version__.split("+")[0]
native(
    f"torch {version}",
    lambda: F.conv2d(F.pad(x, around), w, stride=stride),
    lambda y: y.permute(0, 2, 3, 1).numpy().ravel(),
)

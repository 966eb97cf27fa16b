"""Linear layers that round alike on any number of threads."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

AT_ONCE = 128
"""Inputs that are summed up at once. Of 304 and more, threads of some CPUs sum up a share each, where rows are few."""


def linear(x: Tensor, weight_OI: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """`F.linear`; on a CPU threads share out no sum.

    There it takes AT_ONCE inputs after another, and fills the outputs up to a multiple of 16, since torch rounds the
    rest of a vector differently with another number of threads.
    """
    if x.device.type != "cpu":
        return F.linear(x, weight_OI, bias_O)
    outputs, inputs = weight_OI.shape
    missing = -outputs % 16
    if missing:
        weight_OI = F.pad(weight_OI, (0, 0, 0, missing))
        bias_O = None if bias_O is None else F.pad(bias_O, (0, missing))
    rows_NI = x.reshape(-1, inputs)
    total_NO = F.linear(rows_NI[:, :AT_ONCE], weight_OI[:, :AT_ONCE], bias_O)
    for first in range(AT_ONCE, inputs, AT_ONCE):
        part = slice(first, first + AT_ONCE)
        total_NO += F.linear(rows_NI[:, part], weight_OI[:, part])
    return total_NO[:, :outputs].unflatten(0, x.shape[:-1])


class Linear(nn.Linear):
    """`nn.Linear` that is computed so."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)

"""How far each pixel of a mask is from what is masked."""

import torch


def distance(masked_HW: torch.Tensor, reach: int) -> torch.Tensor:
    """Squared Euclidean distance in pixels to the nearest true pixel, int32 HW; (reach + 1)^2 beyond `reach`.

    Exact, and the same for a pixel wherever the array begins, if it holds all within `reach` (Felzenszwalb and
    Huttenlocher 2012: along rows first, then down the columns).
    """
    beyond = (reach + 1) ** 2
    height, width = masked_HW.shape
    if not masked_HW.any():
        return torch.full((height, width), beyond, dtype=torch.int32, device=masked_HW.device)
    x_W = torch.arange(width, dtype=torch.int32, device=masked_HW.device)
    never = torch.tensor(-(2**20), dtype=torch.int32, device=masked_HW.device)
    before_HW = x_W - torch.where(masked_HW, x_W, never).cummax(1).values
    after_HW = x_W - torch.where(masked_HW.flip(1), x_W, never).cummax(1).values
    along_HW = torch.minimum(before_HW, after_HW.flip(1)).clamp_(max=reach + 1)
    along_HW *= along_HW
    nearest_HW = along_HW.clone()
    for dy in range(1, min(reach, height - 1) + 1):
        step_HW = along_HW + dy * dy
        torch.minimum(nearest_HW[dy:], step_HW[:-dy], out=nearest_HW[dy:])
        torch.minimum(nearest_HW[:-dy], step_HW[dy:], out=nearest_HW[:-dy])
    return nearest_HW.clamp_(max=beyond)

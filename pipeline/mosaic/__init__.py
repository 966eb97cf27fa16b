"""A block's mosaic: passes read, fused and composited."""

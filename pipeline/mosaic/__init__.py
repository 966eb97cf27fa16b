"""The cloud-free mosaic of a block: passes read, fused and composited."""

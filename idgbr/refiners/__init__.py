"""Networks that refine a coarse segmentation."""

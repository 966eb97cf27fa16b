"""A block's land cover: windows on the absolute lattice, batched on the device."""

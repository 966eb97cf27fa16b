"""The memory that asking the change model about a block takes."""

JUDGED_BYTES = 48
"""Of a pixel: probability, percent, patches and the change layer, some of them twice."""


def screen_bytes(block: int, bands: int, model_bands: int, halo: int, batch_bytes: int) -> int:
    """Upper bound of the bytes that asking about a block takes, without the interpreter and its modules.

    Two mosaics (uint16) as they are read, with the pixels that the model sees around the block; the bands of the model
    as they are cut and as float32; what is judged; one batch in the network.
    """
    pixels = (block + 2 * halo) ** 2
    return pixels * (2 * 2 * bands + 2 * (2 + 4) * model_bands + JUDGED_BYTES) + batch_bytes

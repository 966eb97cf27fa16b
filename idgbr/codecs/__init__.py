"""Codecs: class probabilities to the values a diffusion works on, and back. A refiner's config names one."""

from collections.abc import Callable

from idgbr.codecs.autoencoder import AutoencoderCodec, train_autoencoder
from idgbr.codecs.embedding import EmbeddingCodec, train_embedding
from idgbr.labels import CornerCodec

AnyCodec = CornerCodec | EmbeddingCodec | AutoencoderCodec

CODECS: dict[str, Callable[[int], AnyCodec]] = {
    "corner": CornerCodec,
    "embedding": EmbeddingCodec,
    "autoencoder": AutoencoderCodec,
}

__all__ = ["CODECS", "AnyCodec", "AutoencoderCodec", "EmbeddingCodec", "train_autoencoder", "train_embedding"]

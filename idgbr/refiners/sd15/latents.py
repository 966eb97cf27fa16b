"""Images and labels in the latent space of Stable Diffusion's autoencoder."""

from __future__ import annotations

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from idgbr.codecs import AutoencoderCodec, EmbeddingCodec


class Latents(nn.Module):
    """The autoencoder, and the label codec (see `idgbr.processes.sampling.Codec`) that goes through it, or round it.

    Latents are the mode of the encoder's distribution, not a draw from it, times the autoencoder's scaling factor.
    labels: an embedding paints labels in three channels, which the autoencoder treats as a picture (published); a mask
    autoencoder makes latents of its own, of the same shape, and leaves the large one to images.
    """

    def __init__(self, vae: AutoencoderKL, labels: EmbeddingCodec | AutoencoderCodec) -> None:
        super().__init__()
        self.vae = vae
        self.labels = labels
        self.channels: int = vae.config["latent_channels"]
        self.stride = 2 ** (len(vae.config["block_out_channels"]) - 1)
        if isinstance(labels, AutoencoderCodec):
            del vae.decoder, vae.post_quant_conv

    def picture(self, picture_B3HW: Tensor) -> Tensor:
        """BDhw latents, float32, of a picture in -1..1."""
        return self.vae.encode(picture_B3HW).latent_dist.mode().float() * self.vae.config["scaling_factor"]

    def encode(self, probability_BKHW: Tensor) -> Tensor:
        """BDhw latents of labels."""
        value = self.labels.encode(probability_BKHW)
        return value if isinstance(self.labels, AutoencoderCodec) else self.picture(value)

    def logits(self, latent_BDhw: Tensor) -> Tensor:
        """BKHW."""
        if isinstance(self.labels, AutoencoderCodec):
            return self.labels.logits(latent_BDhw)
        return self.labels.logits(self.vae.decode(latent_BDhw / self.vae.config["scaling_factor"]).sample)

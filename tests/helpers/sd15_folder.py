"""A Stable Diffusion folder with the layout and key names of version 1.5, small and of random weights."""

import json

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file

from idgbr.refiners.sd15.encoder import VAE

WEIGHTS = "diffusion_pytorch_model.safetensors"
CHANNELS = [32, 64, 128, 128]
SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "steps_offset": 1,
}


def small_parts(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        unet = UNet2DConditionModel(
            sample_size=16, block_out_channels=CHANNELS, norm_num_groups=8, cross_attention_dim=16
        )
        vae = AutoencoderKL(
            **VAE | {"block_out_channels": [16, 16, 32, 32], "layers_per_block": 1, "norm_num_groups": 8}
        )
    return unet, vae


def write_folder(folder):
    unet, vae = small_parts()
    unet.save_pretrained(folder / "unet")
    vae.save_pretrained(folder / "vae")
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER))
    text = torch.randn(77, 16, generator=torch.Generator().manual_seed(1))
    save_file({"empty_prompt": text}, folder / "empty_prompt.safetensors")
    return folder

"""Embeddings of fixed pixels by small networks, named ones and modules of a user's own."""

import safetensors.torch
import torch
from torch import nn

from featx.networks.backbone import Backbone
from featx.networks.resolve import resolve_backbone

PIXELS = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def backbone_of(source, device="cpu"):
    return Backbone(source.name, source.build(), source.architecture, device)


def embed(source, view=(None, "auto"), pixels=PIXELS, **options):
    views = [source.view(*view)]
    return backbone_of(source).embed(pixels, views, preprocessing=source.preprocessing, **options)[0].numpy()


def squeezenet(**options):
    return resolve_backbone("squeezenet1_1", **{"weights": None, "image_size": 64, **options})


def save(state, path):
    (safetensors.torch.save_file if path.suffix == ".safetensors" else torch.save)(state, path)
    return path


class Net(nn.Module):
    def __init__(self, scale=1.0):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.register_buffer("shift", torch.zeros(1), persistent=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(8, 3)
        self.scale = scale

    def forward(self, x):
        x = self.features(x * self.scale + self.shift)
        return self.head(self.pool(x + x).flatten(1))


class Branching(Net):
    def forward(self, x):
        return super().forward(x if x.mean() > 0 else -x)


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.relu = nn.ReLU(inplace=True)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x, scale=None):
        if scale is not None:
            x = x * scale
        x = self.conv(x)
        x.mul_(2)
        return nn.functional.relu(self.norm(self.relu(x)) - 1, inplace=True)


def net(kind=Net, **options):
    torch.manual_seed(0)
    return kind(**options)


class Returning(nn.Module):
    """A convolution and its mean; what it returns, a test says."""

    def __init__(self, end):
        super().__init__()
        torch.manual_seed(0)
        self.c, self.end = nn.Conv2d(3, 4, 3), end

    def forward(self, x):
        z = self.c(x)
        return self.end(z.mean((2, 3)), z)

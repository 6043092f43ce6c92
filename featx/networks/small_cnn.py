"""A small convolutional network to train from scratch: blocks of convolution, BatchNorm, ReLU and max-pooling."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

__all__ = ["SmallCNN"]

CHANNELS = (16, 32, 64, 128, 256)


class SmallCNN(nn.Module):
    """Five blocks of a 3 x 3 convolution, BatchNorm, ReLU and 2 x 2 max-pooling; their mean, and a linear classifier.

    Counted with the input, the softmax and the output, as lists of layers are in teaching, these are 25 layers: 1 +
    5 * 4 + average pooling, linear, softmax and output. An input of 100 pixels becomes 3 x 3 x 256. Convolutions are
    initialised as by He et al. (2015, arXiv 1502.01852), by fan-out.
    """

    def __init__(self) -> None:
        super().__init__()
        for number, (inputs, outputs) in enumerate(pairwise((3, *CHANNELS)), start=1):
            convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            block = nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True), nn.MaxPool2d(2))
            self.add_module(f"block{number}", block)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(CHANNELS[-1], 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for number in range(1, len(CHANNELS) + 1):
            x = getattr(self, f"block{number}")(x)
        return self.classifier(self.avgpool(x).flatten(1))

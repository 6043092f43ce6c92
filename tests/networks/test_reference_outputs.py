"""The two images by which modules are told apart stay what they are, and computing their outputs changes no module."""

import pytest
from torch import nn

from featx.images.preprocessing import IMAGENET
from featx.networks.reference_outputs import fixed_images, reference_outputs


@pytest.mark.parametrize("side", [7, 224, 600])
def test_the_fixed_images_fit_and_never_change(side):
    images = fixed_images(side)
    assert images.shape == (2, 3, side, side)
    assert fixed_images.__wrapped__(side).equal(images)
    assert images[0].float().std() > 10
    assert abs(images[1].float().mean() - 127.5) < 15


def test_answers_hold_all_tensors_and_leave_the_module_as_it_was():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.c, self.calls = nn.Conv2d(3, 2, 3), 0
            self.register_buffer("seen", nn.Parameter(self.c.weight.sum() * 0).detach())

        def forward(self, x):
            self.calls += 1
            self.seen += 1
            return {"a": self.c(x), "b": (x.mean((1, 2, 3)), None)}

    net = Counting().eval()
    answers = reference_outputs(net, IMAGENET.adapted(8, "crop"))
    assert len(answers) == 2 * 2 * 6 * 6 + 2
    assert (net.calls, float(net.seen)) == (0, 0)

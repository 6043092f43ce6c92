"""A fine-tuned network: a backbone with the tensors that training changed, for prediction and export."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cache.files import replaced
from ..exceptions import WeightsError
from ..extraction.extract import ExtractionResult, extract_embeddings
from ..images.augmentation import Augmentation
from ..images.sources import ImageSource
from ..networks.backbone import BackboneSource
from ..networks.pooling import View
from ..networks.state_matching import absent_tensors
from ..networks.weight_formats import check_weights_name

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FineTunedNetwork"]


@dataclass(frozen=True)
class FineTunedNetwork:
    """A backbone with changed tensors, and the head that was trained with it.

    The cache keeps its embeddings apart from those of the backbone, so that each image passes through it once.

    Attributes
    ----------
    base : BackboneSource
        The network as it was before training.
    view : (layer, pooling)
        What the head reads.
    state : mapping of str to ndarray
        The tensors that training changed; empty when only the head was trained.
    head : mapping of str to ndarray
        The state dict of a `DenseHead`.
    """

    base: BackboneSource
    view: View
    state: Mapping[str, np.ndarray]
    head: Mapping[str, np.ndarray]

    @property
    def source(self) -> BackboneSource:
        """What identifies the network, and how to build it."""
        if not self.state:
            return self.base
        digest = hashlib.sha256(self.base.weights_digest.encode())
        for name in sorted(self.state):
            values = np.ascontiguousarray(self.state[name])
            digest.update(f"{name}{values.dtype}{values.shape}".encode())
            digest.update(values.data if values.ndim else values.tobytes())
        return replace(self.base, weights_digest=f"tuned;{digest.hexdigest()}", build=self.build)

    def build(self) -> nn.Module:
        """Return the network with the changed tensors."""
        import torch

        module = self.base.fresh()
        own = module.state_dict()
        for name, value in self.state.items():
            if name not in own or tuple(own[name].shape) != value.shape:
                raise WeightsError(
                    f"the trained tensors do not belong to {self.base.name}, which has no {name} of their shape",
                    "Call fit again after a change of the backbone.",
                )
            own[name].copy_(torch.tensor(value))
        return module

    def predict(
        self,
        images: Sequence[ImageSource],
        *,
        augmentation: Augmentation | None = None,
        test_draws: int = 1,
        seed: int = 0,
        **options: Any,
    ) -> tuple[np.ndarray, ExtractionResult]:
        """Return class probabilities, averaged over draws of the augmentation, and the extraction.

        Parameters
        ----------
        images : sequence of ImageSource
        augmentation : Augmentation or None
        test_draws : int, default=1
            How many draws to average: the image itself, and one draw of the augmentation fewer than this.
        seed : int, default=0
        **options
            As for `extract_embeddings`.

        Returns
        -------
        probabilities : ndarray of float64, shape (n, n_classes)
            Rows of NaN for the images in the list of failures.
        extraction : ExtractionResult
            With the embeddings of the images themselves; counts and timings over all draws.
        """
        from .head import head_probabilities  # which loads torch

        source = self.source
        total: np.ndarray | None = None
        result: ExtractionResult | None = None
        for number in range(test_draws if augmentation is not None else 1):
            drawn = replace(source, preprocessing=source.preprocessing.with_draw(augmentation, seed=seed, draw=number))
            found = extract_embeddings(images, drawn, views=[self.view], **options)
            probabilities = head_probabilities(self.head, found.embeddings[0])
            if result is None:
                total, result = probabilities, found
            else:
                total = total + probabilities
                result.n_forwarded += found.n_forwarded
                result.seconds = {key: value + found.seconds[key] for key, value in result.seconds.items()}
        assert total is not None
        assert result is not None
        return total / total.sum(axis=1, keepdims=True), result

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the network's tensors, without its ImageNet class layer, as safetensors.

        Raises
        ------
        WeightsError
            If the file cannot be written.
        """
        from safetensors.torch import save_file

        target = Path(path)
        check_weights_name(target)
        unused = f"{self.base.architecture.class_layer}." if self.base.architecture.class_layer else None
        module = self.build()
        # Tensors that the file of the base lacked are random here.
        absent = set(absent_tensors(module)) - set(self.state)
        tensors = {
            name: value.detach().cpu().contiguous().clone()
            for name, value in module.state_dict().items()
            if name not in absent and (unused is None or not name.startswith(unused))
        }
        metadata = {"backbone": self.base.name, "base": self.base.weights_digest}
        try:
            with replaced(target) as temporary:
                save_file(tensors, temporary, metadata=metadata)
        except Exception as error:  # safetensors has errors of its own
            reason = getattr(error, "strerror", None) or error
            raise WeightsError(f"cannot write {target}: {reason}", "Choose another place.") from error

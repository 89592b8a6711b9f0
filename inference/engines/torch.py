"""AstroMAE through PyTorch, on the processor or a CUDA device."""

import numpy as np
import numpy.typing as npt
import torch

from inference.engines.base import Redshifts
from inference.network.astromae import AstroMAE
from inference.network.folded_torch import OptimisedAstroMAE
from inference.network.folding import fold

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchEngine:
    """A network in eval mode, folded. `precision` other than fp32 is for `device` cuda.

    `threads` sets PyTorch's number of threads, which is the process's; None leaves it as it is.
    """

    name = "torch"

    def __init__(
        self, model: AstroMAE, device: str = "cpu", precision: str = "fp32", threads: int | None = None
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        self.device, self.precision = device, precision
        self.image_shape = (model.config.bands, model.config.image_size, model.config.image_size)
        weights = {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}
        self._network = OptimisedAstroMAE(fold(model.config, weights)).to(device)

    @property
    def threads(self) -> int:
        """PyTorch's number of threads."""
        return torch.get_num_threads()

    def __call__(self, image: npt.NDArray[np.float32], magnitude: npt.NDArray[np.float64]) -> Redshifts:
        """Redshifts [N] of images [N, 5, S, S] and magnitudes [N, 5]."""
        lower = self.precision != "fp32"
        with (
            torch.inference_mode(),
            torch.autocast(self.device, TYPES[self.precision] if lower else None, enabled=lower),
        ):
            inputs = (
                torch.from_numpy(np.ascontiguousarray(image)),
                torch.from_numpy(magnitude.astype(np.float32)),
            )
            redshift = self._network(*(tensor.to(self.device) for tensor in inputs))
        found: Redshifts = redshift.float().cpu().numpy()
        return found


def cuda_is_available() -> bool:
    """Whether PyTorch can use a CUDA device here."""
    return torch.cuda.is_available()

"""The names of weights without what training tools put in front of them or around them.

DataParallel adds `module.`, torch.compile `_orig_mod.`, Lightning the attribute's name (`model.`, `net.`);
training scripts keep the state dict under a key beside the epoch's number and the optimizer.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

LANDMARK = "patch_embed.proj.weight"
"""A weight that every AstroMAE has."""
KEYS = ("state_dict", "model_state_dict", "model", "net", "network", "module")
"""Where state dicts are kept; an optimizer's and an average of weights are not among them."""


def unwrapped(loaded: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The innermost state dict under any of `KEYS`; the mapping itself where there is none."""
    for _ in KEYS:
        inner = next((loaded[key] for key in KEYS if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    return loaded


def plain(weights: Mapping[str, T]) -> dict[str, T]:
    """The weights under the network's own names, without what stands before the landmark's."""
    ends = [name for name in weights if name == LANDMARK or name.endswith(f".{LANDMARK}")]
    prefix = min(ends, key=len)[: -len(LANDMARK)] if ends else ""
    found = {name.removeprefix(prefix): weight for name, weight in weights.items()}
    # Two names that become one would lose a weight in silence.
    return found if len(found) == len(weights) else dict(weights)

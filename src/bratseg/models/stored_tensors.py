"""A network's tensors by name: compared with a file's, put into a network, written and read as safetensors."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from bratseval.errors import InputError
from bratseval.files.atomic import write_bytes


def stored_state(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of a network, each once, under the first of its names.

    nnU-Net's networks list the same tensors again as `all_modules.*` and
    `decoder.encoder.*`; the first name is the one without either.
    """
    seen: set[int] = set()
    state: dict[str, torch.Tensor] = {}
    for name, tensor in network.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            state[name] = tensor.detach()
    return state


def check_fit(network: torch.nn.Module, state: Mapping[str, torch.Tensor], source: Path) -> None:
    """Nothing, when tensors are exactly those of a network.

    Args:
        network: as the builders make it; only names and shapes count, so it may be on `meta`.
        state: under the names of `stored_state`.
        source: the file that they come from, for messages.

    Raises:
        InputError: a tensor is missing, left over, or of another shape; the first of them are named.
    """
    wanted = stored_state(network)
    wrong = [f"{name} is missing" for name in wanted if name not in state]
    wrong += [f"{name} is left over" for name in state if name not in wanted]
    wrong += [
        f"{name} has shape {tuple(state[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in state and state[name].shape != tensor.shape
    ]
    if wrong:
        listed = "; ".join(wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise InputError(f"{source}: does not fit its network: {listed}. Take plans and checkpoint of one training.")


def fill(network: torch.nn.Module, state: Mapping[str, torch.Tensor], source: Path) -> None:
    """Put tensors into a network, cast to the network's own types.

    Args:
        network: as the builders make it.
        state: under the names of `stored_state`.
        source: the file that they come from, for messages.

    Raises:
        InputError: as `check_fit`.
    """
    check_fit(network, state, source)
    with torch.no_grad():
        for name, tensor in stored_state(network).items():
            tensor.copy_(state[name])


def save_state(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Write tensors as float32 safetensors; whole or not at all.

    Args:
        path: written beside itself first, then put in place.
        state: under the names of `stored_state`; integers (counters of batch norms) stay integers.
    """
    tensors = {
        name: (tensor.float() if tensor.is_floating_point() else tensor).cpu().contiguous()
        for name, tensor in state.items()
    }
    write_bytes(path, save(tensors))  # save_file's would be readable by their owner alone


def load_state(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, on the CPU.

    Raises:
        InputError: the file is not there or not safetensors.
    """
    try:
        return load_file(path, device="cpu")
    except OSError as error:
        raise InputError(f"{path}: cannot be read, {error}. Check the weights folder.") from error
    except SafetensorError as error:
        raise InputError(f"{path}: is not a safetensors file, {error}. Take the file from its source again.") from error

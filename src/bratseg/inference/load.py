"""A weights folder, verified and made ready on a device."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from bratseg.inference.config import Config
from bratseg.inference.ensemble import common_outputs
from bratseg.inference.pipeline import Ensemble
from bratseg.inference.run import Settings
from bratseg.models.torch_engine import load_member, resolve_device
from bratseg.weights.folder import default_weights, read_weights
from bratseval.errors import InputError


@contextmanager
def load_ensemble(folder: Path | None, config: Config, device: str | None) -> Iterator[tuple[Ensemble, Settings]]:
    """The members of a weights folder on their device, given back at the end.

    Args:
        folder: a weights folder; None for the bundled one.
        device: auto, cpu, cuda or cuda:N; None leaves it to the config.

    Raises:
        InputError: the folder does not verify, its members have no outputs in common, or the device is not there.
    """
    folder = default_weights() if folder is None else folder
    weights = read_weights(folder)
    try:
        common_outputs([member.description.outputs for member in weights.members])
    except ValueError as error:
        raise InputError(f"{folder}: {error}. Put members together whose outputs mean the same.") from None
    chosen = resolve_device(config.device if device is None else device)
    clusters = None
    if weights.clusters and config.postprocess:
        from bratseg.postprocess.clusters import read_clusters

        clusters = read_clusters(weights.clusters)
    with ExitStack() as stack:
        members = []
        for listed in weights.members:
            member = load_member(listed.path, device=chosen, mirroring=config.mirroring, description=listed.description)
            stack.callback(member.close)
            members.append((member, listed.share))
        settings = Settings(
            weights=weights.name,
            weights_sha256=weights.digest,
            mirroring=config.mirroring,
            tile_step=config.tile_step,
            postprocess=config.postprocess,
            device=chosen,
        )
        ensemble = Ensemble(tuple(members), clusters, config.tile_step)
        if weights.clusters and not config.postprocess:
            ensemble = replace(ensemble, no_clusters_reason="the parameters switch it off")
        yield ensemble, settings

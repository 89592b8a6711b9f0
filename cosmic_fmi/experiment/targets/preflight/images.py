"""Whether the images that functions and task run are still in the registry, in a form that Lambda can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosmic_fmi.common.checkout import DEPLOY, in_checkout
from cosmic_fmi.experiment.errors import PreflightError

if TYPE_CHECKING:
    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from cosmic_fmi.experiment.aws.clients import Clients
    from cosmic_fmi.experiment.targets.deployment import Deployment

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


def check_images(clients: Clients, deployment: Deployment) -> str:
    """Check every deployed image; what was found. Raises PreflightError naming the first that is wrong."""
    for uri in deployment.images.values():
        _check(clients, uri)
    return f"{len(deployment.images)} images: {', '.join(sorted(deployment.images))}"


def _check(clients: Clients, uri: str) -> None:
    repository, image_id = _parts(uri)
    try:
        found = clients.ecr.describe_images(repositoryName=repository, imageIds=[image_id])["imageDetails"]
    except clients.ecr.exceptions.RepositoryNotFoundException as error:
        raise PreflightError(f"there is no repository {repository}: run `{DEPLOY}`.") from error
    except clients.ecr.exceptions.ImageNotFoundException as error:
        raise PreflightError(
            f"the image {uri} is not in the registry any more: build it again with "
            f"`{_rebuild(repository)}`, or correct prebuilt_images."
        ) from error
    # docker buildx makes an index of several images unless it is told not to.
    if any(image.get("imageManifestMediaType") in _INDEXES for image in found):
        raise PreflightError(
            f"the image {uri} is an index, which Lambda cannot run: build it with --provenance=false."
        )


def _rebuild(repository: str) -> str:
    """Terraform does not look for an image that it knows to have built, so it has to be told."""
    name = repository.rpartition("/")[2]
    if not in_checkout():
        return f"""{DEPLOY} -- '-replace=module.registry.module.image["{name}"].terraform_data.this'"""
    address = f'module.registry.module.image[\\"{name}\\"].terraform_data.this'
    return f"""{DEPLOY} ARGS="-replace='{address}'\""""


def _parts(uri: str) -> tuple[str, ImageIdentifierTypeDef]:
    """Repository and image of ``<registry>/<repository>@<digest>`` or ``…:<tag>``."""
    path = uri.partition("/")[2]
    if "@" in path:
        repository, _, digest = path.partition("@")
        return repository, {"imageDigest": digest}
    repository, _, tag = path.rpartition(":")
    return repository, {"imageTag": tag}

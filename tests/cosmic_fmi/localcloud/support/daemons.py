"""The processes of an embedded AWS."""

import psutil

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import IMAGE, ROLE, Function, client, create_role


def family(cloud: EmbeddedAWS) -> list[psutil.Process]:
    """The daemon with a warm function and its processes."""
    create_role(cloud)
    client(cloud, "lambda").create_function(
        FunctionName="warm",
        Role=ROLE,
        PackageType="Image",
        Code={"ImageUri": IMAGE},
        ImageConfig={"Command": ["basic.echo"]},
    )
    assert Function(cloud, "warm").invoke().error is None
    daemon = psutil.Process(int((cloud.state_dir / "localcloud.lock").read_text() or 0))
    return [daemon, *daemon.children(recursive=True)]

"""moto's server, configured before it is imported and completed with what it lacks."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from cosmic_fmi.localcloud.moto._untyped import MotoObject

if TYPE_CHECKING:
    from cosmic_fmi.localcloud.lambda_.service import LambdaRuntime


def configure(port: int) -> None:
    """Set what moto reads from the environment; call it before anything imports moto."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
        del os.environ[name]  # a user's real account has no business in the daemon
    os.environ |= {
        # The state machine interpreter calls S3 back at this port.
        "MOTO_PORT": str(port),
        # Functions are processes here, so their images need not exist.
        "MOTO_LAMBDA_STUB_ECR": "true",
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
        "SF_EXECUTION_HISTORY_TYPE": "SUCCESS",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def application(runtime: LambdaRuntime) -> MotoObject:
    """moto as a WSGI application: state machines call functions through `runtime`."""
    from moto.core.config import default_user_config  # noqa: PLC0415 - after configure()
    from moto.moto_api import state_manager  # noqa: PLC0415
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: PLC0415

    from cosmic_fmi.localcloud.moto import ecs  # noqa: PLC0415
    from cosmic_fmi.localcloud.moto_patches import (  # noqa: PLC0415
        bucket_policies,
        budgets,
        build_roles,
        codebuild,
        function_roles,
        function_states,
        history,
        insights,
        quotas,
        stepfunctions,
        workflow_roles,
    )

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    # Tasks change state when their process does, not whenever somebody describes them.
    state_manager.set_transition("ecs::task", {"progression": "time", "seconds": 10**9})
    bucket_policies.install()
    budgets.install()
    build_roles.install(runtime.authority)
    codebuild.install()
    ecs.install()
    function_roles.install(runtime.authority)
    function_states.install(runtime.states)
    history.install()
    insights.install()
    quotas.install(runtime)
    stepfunctions.install(runtime)
    workflow_roles.install(runtime.authority)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    return DomainDispatcherApplication(create_backend_app)

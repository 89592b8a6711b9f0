"""What services of AWS do for a deployment with its roles, and what they say when a role does not suffice."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cosmic_fmi.localcloud.iam.authority import AccessDeniedError, Authority, CannotAssumeError
from cosmic_fmi.localcloud.iam.principals import Principal, session_of
from cosmic_fmi.localcloud.iam.resource_policies import find_repository
from cosmic_fmi.localcloud.moto._untyped import MotoObject
from cosmic_fmi.localcloud.moto.backends import ACCOUNT
from cosmic_fmi.localcloud.moto.logs import LogStream

LAMBDA, STATES, TASKS = "lambda.amazonaws.com", "states.amazonaws.com", "ecs-tasks.amazonaws.com"
CODEBUILD, EVENTS = "codebuild.amazonaws.com", "events.amazonaws.com"
_REPOSITORY = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[^.]+)\.amazonaws\.com/(?P<name>[^@:]+)")
# What Step Functions needs before it takes a log group for its own.
# Source: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)


@dataclass(frozen=True)
class RoleInUse:
    """A role as one of AWS's services uses it: for one function, task, build or state machine."""

    authority: Authority
    role: str
    region: str
    session: str

    @property
    def principal(self) -> Principal:
        """Who the service is while it does so."""
        return session_of(self.role, self.session)

    def check(self, action: str, resource: str) -> None:
        """Raise AccessDeniedError unless the role may do that."""
        self.authority.check(self.principal, action, resource, self.region)

    def may_write(self, stream: LogStream) -> bool:
        """Whether the role may write to a log stream, and make what is missing of it."""
        base = f"arn:aws:logs:{self.region}:{ACCOUNT}:log-group:{stream.group}:log-stream:"
        wanted = {"logs:PutLogEvents": base + stream.name}
        if not stream.exists():
            wanted["logs:CreateLogStream"] = base + stream.name
        if not stream.group_exists():
            wanted["logs:CreateLogGroup"] = base
        return all(
            self.authority.allows(self.principal, action, resource, self.region)
            for action, resource in wanted.items()
        )

    def check_log(self, group: str, stream: str) -> None:
        """Raise AccessDeniedError unless the role may write that stream of a group that is there."""
        resource = f"arn:aws:logs:{self.region}:{ACCOUNT}:log-group:{group}:log-stream:{stream}"
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            self.check(action, resource)

    def check_pull(self, image: str) -> None:
        """Raise AccessDeniedError unless the role may pull an image, where that is in a repository of ECR."""
        if (found := _REPOSITORY.match(image)) is None:
            return
        self.check("ecr:GetAuthorizationToken", "*")
        resource = repository_arn(found)
        for action in ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"):
            self.check(action, resource)

    def check_log_delivery(self) -> None:
        """Raise AccessDeniedError unless Step Functions may deliver its log with this role."""
        for action in _DELIVERY:
            self.check(action, "*")


def repository_arn(image: re.Match[str]) -> str:
    """The ARN of the repository that an image is in."""
    return f"arn:aws:ecr:{image['region']}:{image['account']}:repository/{image['name']}"


def lambda_may_pull(authority: Authority, image: str, function_arn: str) -> bool:
    """Whether a repository here lets Lambda pull the image; of others nothing is known."""
    found = _REPOSITORY.match(image)
    if (
        found is None
        or found["account"] != ACCOUNT
        or find_repository(found["region"], found["name"]) is None
    ):
        return True
    try:
        for action in ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"):
            authority.check_service(LAMBDA, action, repository_arn(found), found["region"], function_arn)
    except AccessDeniedError:
        return False
    return True


def task_refusal(
    authority: Authority,
    definition: MotoObject,
    image_and_log: tuple[str, dict[str, str]],
    region: str,
    task_id: str,
) -> str | None:
    """Why ECS cannot start a task, as its stopped reason says it; None where it can.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
    """
    agent, task_role = (getattr(definition, name, None) for name in ("execution_role_arn", "task_role_arn"))
    for role in (agent, task_role):
        try:
            if role:
                authority.check_trust(role, TASKS, f"arn:aws:ecs:{region}:{ACCOUNT}:*")
        except CannotAssumeError:
            return (
                f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify "
                "that the role being passed has the proper trust relationship and permissions and that your "
                "IAM user has permissions to pass this role."
            )
    return _agent_refusal(RoleInUse(authority, agent, region, task_id), *image_and_log) if agent else None


def _agent_refusal(agent: RoleInUse, image: str, log: dict[str, str]) -> str | None:
    try:
        agent.check_pull(image)
    except AccessDeniedError as error:
        return (
            "CannotPullContainerError: ResourceInitializationError: unable to pull secrets or registry auth: "
            f"execution resource retrieval failed: AccessDeniedException: {error}"
        )
    try:
        if group := log.get("awslogs-group"):
            prefix = log.get("awslogs-stream-prefix", "ecs")
            agent.check_log(group, f"{prefix}/{agent.session}")
    except AccessDeniedError as error:
        return (
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 "
            f"times: failed to create Cloudwatch log stream: AccessDeniedException: {error}"
        )
    return None

"""Services act with the roles of what they run, and stop where those end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import (
    IMAGE,
    TRUST,
    Function,
    Json,
    allow,
    client,
    create_role,
    wait_for,
)

Deploy = Callable[..., Function]
WRITE_LOG = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]


@pytest.fixture
def role(cloud: EmbeddedAWS, request: pytest.FixtureRequest) -> Iterator[str]:
    """A role of this test's own, which may write logs; its name."""
    name = f"r-{request.node.name[:40]}"
    create_role(cloud, name, WRITE_LOG)
    yield name
    iam = client(cloud, "iam")
    iam.delete_role_policy(RoleName=name, PolicyName="test")
    iam.delete_role(RoleName=name)


def arn(role: str) -> str:
    return f"arn:aws:iam::123456789012:role/{role}"


def test_a_function_has_its_own_role_s_credentials(role: str, deploy: Deploy) -> None:
    function = deploy("basic.who_am_i", Role=arn(role))
    assert function.invoke().payload == f"arn:aws:sts::123456789012:assumed-role/{role}/{function.name}"


def test_without_the_permission_there_are_no_log_lines(role: str, deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.echo", Role=arn(role))
    allow(cloud, role, "s3:GetObject")
    assert function.invoke().error is None
    groups = client(cloud, "logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function.name}")
    assert groups["logGroups"] == []
    allow(cloud, role, WRITE_LOG)
    function.invoke()
    assert any("REPORT" in line for line in function.log())


def test_lambda_has_to_be_trusted(role: str, deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function = deploy("basic.echo", Role=arn(role))
    iam = client(cloud, "iam")
    other = json.loads(TRUST)
    other["Statement"]["Condition"] = {"StringEquals": {"aws:SourceAccount": "210987654321"}}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(other))
    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        function.invoke()
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*cannot be assumed by Lambda"):
        deploy("basic.echo", Role=arn(role))
    other["Statement"]["Condition"] = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(other))
    assert function.invoke().error is None


def machine(role: str, function: str, **more: Json) -> Json:
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    state["Parameters"] = {"FunctionName": function, "Payload": {}}
    definition = {"StartAt": "Call", "States": {"Call": state}}
    return {"name": role, "roleArn": arn(role), "definition": json.dumps(definition), **more}


def test_a_state_machine_calls_with_its_role(role: str, deploy: Deploy, cloud: EmbeddedAWS) -> None:
    function, states = deploy("basic.echo"), client(cloud, "stepfunctions")
    made = states.create_state_machine(**machine(role, function.name))["stateMachineArn"]

    def run() -> Json:
        execution = states.start_execution(stateMachineArn=made)["executionArn"]
        return wait_for(
            lambda: (
                (found := states.describe_execution(executionArn=execution))["status"] != "RUNNING" and found
            ),
            "the end of the execution",
        )

    failed = run()
    assert (failed["status"], failed["error"]) == ("FAILED", "Lambda.AWSLambdaException")
    assert f"assumed-role/{role}/" in failed["cause"]
    assert "is not authorized to perform: lambda:InvokeFunction on resource: " in failed["cause"]
    assert "Error Code: AccessDeniedException" in failed["cause"]
    allow(cloud, role, "lambda:InvokeFunction", f"arn:aws:lambda:*:*:function:{function.name}")
    assert run()["status"] == "SUCCEEDED"
    states.delete_state_machine(stateMachineArn=made)


def test_a_state_machine_s_role_has_to_deliver_its_log(role: str, cloud: EmbeddedAWS) -> None:
    states = client(cloud, "stepfunctions")
    group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/x:*"
    logging = {"level": "ERROR", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]}
    with pytest.raises(ClientError, match="is not authorized to access the Log Destination"):
        states.create_state_machine(**machine(role, "f", loggingConfiguration=logging))
    allow(cloud, role, "logs:*")
    made = states.create_state_machine(**machine(role, "f", loggingConfiguration=logging))
    states.delete_state_machine(stateMachineArn=made["stateMachineArn"])


def test_lambda_pulls_only_what_the_repository_lets_it(role: str, cloud: EmbeddedAWS) -> None:
    ecr, functions = client(cloud, "ecr"), client(cloud, "lambda")
    ecr.create_repository(repositoryName="test")
    try:
        create = {"FunctionName": "pulled", "Role": arn(role), "PackageType": "Image"}
        with pytest.raises(ClientError, match="does not have permission to access the ECR image"):
            functions.create_function(**create, Code={"ImageUri": IMAGE})
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:lambda:*:123456789012:function:pulled"}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        ecr.set_repository_policy(repositoryName="test", policyText=policy)
        functions.create_function(**create, Code={"ImageUri": IMAGE})
        functions.delete_function(FunctionName="pulled")
    finally:
        ecr.delete_repository(repositoryName="test", force=True)


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("logs:CreateLogStream", "ResourceInitializationError: failed to validate logger args"),
        ("ecr:GetAuthorizationToken", "unable to pull secrets or registry auth"),
        ("ecr:BatchGetImage", "CannotPullContainerError"),
    ],
)
def test_a_task_that_its_agent_may_not_start_stops(cloud: EmbeddedAWS, missing: str, says: str) -> None:
    name = f"agent-{missing.rpartition(':')[2]}"
    actions = ["ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer"]
    actions += ["ecr:BatchGetImage", "logs:CreateLogStream", "logs:PutLogEvents"]
    create_role(cloud, name, [action for action in actions if action != missing])
    trust = json.dumps(json.loads(TRUST)).replace("codebuild.amazonaws.com", "ecs-tasks.amazonaws.com")
    client(cloud, "iam").update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    ecs = client(cloud, "ecs")
    ecs.create_cluster(clusterName=name)
    container: Json = {"name": "c", "image": IMAGE, "command": ["python", "-c", ""]}
    options = {"awslogs-group": "/ecs/x", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "s"}
    container["logConfiguration"] = {"logDriver": "awslogs", "options": options}
    ecs.register_task_definition(
        family=name,
        containerDefinitions=[container],
        executionRoleArn=arn(name),
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
    )
    subnet = client(cloud, "ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": []}}
    [task] = ecs.run_task(
        cluster=name, taskDefinition=name, launchType="FARGATE", networkConfiguration=network
    )["tasks"]
    stopped = wait_for(
        lambda: (
            (found := ecs.describe_tasks(cluster=name, tasks=[task["taskArn"]])["tasks"][0])["lastStatus"]
            == "STOPPED"
            and found
        ),
        "the end of the task",
    )
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert says in stopped["stoppedReason"]
    assert f"is not authorized to perform: {missing} on resource: " in stopped["stoppedReason"]
    ecs.delete_cluster(cluster=name)

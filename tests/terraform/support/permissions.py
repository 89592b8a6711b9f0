"""docs/permissions.md, written from the policies of an applied deployment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tests.terraform.support.stack import Json

HEAD = """\
# Permissions

Every permission of a deployment with every option on, written from what Terraform applied to the embedded
AWS, by

    COSMIC_WRITE_DOCS=1 make test ARGS=tests/terraform/test_deployment.py

The same test without that variable fails when this page is not current, when a statement has no reason, and
when [parliament](https://github.com/duo-labs/parliament) objects to a policy. [security.md](security.md) says
what follows from it.

`<prefix>` is `name_prefix`, `<id>` an identifier that AWS gave.
"""

REASONS = {
    "FindBundleAndData": "lists bundle and data, to deal them out and to refuse an input that names nothing",
    "ReadPackages": "reads what is in an archive of packages before any rank unpacks it",
    "WriteManifest": "writes which rank does what",
    "ReadSources": "looks which packages a script imports, before a world is started",
    "KeepPayload": "writes `payload.json` for the course's scripts, and reads whose is there",
    "ReadAddress": "reads where the rendezvous server is",
    "StartServer": "has the server started for an execution",
    "CheckConcurrency": "refuses a world that the account cannot run at once; knows no resources",
    "ListBuckets": "S3 answers for a missing object with *access denied* to who may not list",
    "ReadAndWriteObjects": "the script and its data in, results out",
    "KeepOutOfBuilds": "a script must not write what CodeBuild runs with the right to push images",
    "KeepPackages": "a script must not write the archives that later executions import",
    "KeepUploads": "a script must not write the programs and data that later executions read",
    "ReadParameters": "variables of `--env-from` are SSM parameters",
    "ReadResults": "reads outcomes, results and predictions below any result path",
    "WriteSummary": "puts results and predictions together",
    "DeleteMessages": "the S3 channel of fmi deletes messages once they are read",
    "WriteLog": "writes its own log; cannot bring the group back after a destroy",
    "KeepParameter": "writes the rendezvous server's address down",
    "ReadTaskAddress": "finds the public address of the task's network interface; knows no resources",
    "LetEndedServerRest": "sets the number of servers to none when one ended of idleness",
    "KeepRecord": "keeps that one record at the address",
    "ReadSource": 'CodeBuild reads the source that it builds from; with `image_builder = "codebuild"` only',
    "IdentifyBucket": "CodeBuild asks whose bucket its source is in, and where",
    "PushImages": "CodeBuild pushes both images",
    "PullImage": "ECS pulls the rendezvous image",
    "LetLambdaPull": "Lambda pulls the image of the functions",
    "LogInToRegistry": "logs in to ECR, to pull or to push; knows no resources",
    "InvokeFunctions": "runs the functions of the state machine",
    "StartMapRun": "a distributed Map runs its items as executions of its own machine",
    "FollowMapRun": "waits for those, and stops them with the whole",
    "KeepExecutionState": "reads the manifest, writes the Map's results and what killed a rank",
    "DeliverLog": "Step Functions delivers its own log; these know no resources",
    "DenyWithoutTLS": "nobody reaches the bucket without TLS",
}


class Statement(NamedTuple):
    """One statement of a policy; lists are sorted."""

    who: str
    sid: str
    effect: str
    actions: list[str]
    resources: list[str]
    condition: str


def policies(resources: Iterable[Json]) -> Iterator[tuple[str, str]]:
    """(who or what it is attached to, JSON) of every policy that gives or takes permissions."""
    for each in resources:
        values = each["values"]
        if each["type"] == "aws_iam_role_policy":
            yield f"role `{values['role']}`", values["policy"]
        elif each["type"] == "aws_s3_bucket_policy":
            yield f"anybody, at bucket `{values['bucket']}`", values["policy"]
        elif each["type"] == "aws_ecr_repository_policy":
            yield f"Lambda, at repository `{values['repository']}`", values["policy"]


def statements(found: Iterable[tuple[str, str]]) -> Iterator[Statement]:
    """The statements of policies."""
    for who, policy in found:
        for each in _listed(json.loads(policy)["Statement"]):
            yield Statement(
                who,
                each["Sid"],
                each["Effect"],
                sorted(_listed(each["Action"])),
                sorted(_listed(each.get("Resource", "its images"))),  # a repository's policy names none
                json.dumps(each["Condition"], sort_keys=True) if "Condition" in each else "",
            )


def page(resources: Iterable[Json], prefix: str) -> str:
    """The whole page. Raises KeyError for a statement without a reason."""
    resources = sorted(resources, key=lambda each: str(each["address"]))
    lines = [HEAD, "## What each role may do", ""]
    lines += ["| who | what | on | why |", "| --- | --- | --- | --- |"]
    for each in sorted(statements(policies(resources))):
        actions = _cells(each.actions)
        if each.effect == "Deny":
            actions = f"**not** {actions}"
        on = _cells(each.resources)
        if each.condition:
            on += f", if `{each.condition}`"
        lines.append(f"| {each.who} | {actions} | {on} | {REASONS[each.sid]} |")
    lines += ["", "## Who may take a role", "", "| role | service | if |", "| --- | --- | --- |"]
    for resource in resources:
        if resource["type"] == "aws_iam_role":
            [statement] = _listed(json.loads(resource["values"]["assume_role_policy"])["Statement"])
            condition = statement.get("Condition")
            given = f"`{json.dumps(condition, sort_keys=True)}`" if condition else ""
            lines.append(
                f"| `{resource['values']['name']}` | `{statement['Principal']['Service']}` | {given} |"
            )
    lines += [
        "",
        "## Who else may call a function",
        "",
        "| function | service | for |",
        "| --- | --- | --- |",
    ]
    for resource in resources:
        if resource["type"] == "aws_lambda_permission":
            values = resource["values"]
            row = (values["function_name"], values["principal"], values["source_arn"])
            lines.append("| " + " | ".join(f"`{cell}`" for cell in row) + " |")
    return _neutral("\n".join(lines) + "\n", prefix)


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - IAM's JSON has lists of one without their brackets
    return value if isinstance(value, list) else [value]


def _cells(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _neutral(text: str, prefix: str) -> str:
    """The text without what differs from one deployment to the next."""
    text = (
        text.replace("123456789012", "<account>").replace("us-east-1", "<region>").replace(prefix, "<prefix>")
    )
    return re.sub(r"(hostedzone/|vpc-|subnet-|sg-)[A-Za-z0-9]+", r"\1<id>", text)

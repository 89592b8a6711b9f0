"""Which permissions the operations need that this project calls.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
A test compares every row with the copy of it that parliament carries.
"""

from __future__ import annotations

# (action, or "" for the operation's own name; resource below the service's base, an ARN, or *)
Row = tuple[str, str]
Rows = dict[str, tuple[Row, ...]]

PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}
"""Names that services are signed with → those of their actions, where they differ."""

_HERE = "{region}:{account}"
BASES = {
    "budgets": "arn:aws:budgets::{account}:",
    "codebuild": f"arn:aws:codebuild:{_HERE}:",
    "ec2": f"arn:aws:ec2:{_HERE}:",
    "ecr": f"arn:aws:ecr:{_HERE}:",
    "ecs": f"arn:aws:ecs:{_HERE}:",
    "events": f"arn:aws:events:{_HERE}:",
    "iam": "arn:aws:iam::{account}:",
    "lambda": f"arn:aws:lambda:{_HERE}:",
    "logs": f"arn:aws:logs:{_HERE}:",
    "monitoring": "arn:aws:cloudwatch::{account}:",
    "route53": "arn:aws:route53:::",
    "s3": "arn:aws:s3:::",
    "ssm": f"arn:aws:ssm:{_HERE}:",
    "states": f"arn:aws:states:{_HERE}:",
}

ALWAYS_ALLOWED = {"sts:GetCallerIdentity"}

PASSED_ROLES = {
    ("lambda", "CreateFunction"): (("Role", "lambda.amazonaws.com"),),
    ("lambda", "UpdateFunctionConfiguration"): (("Role", "lambda.amazonaws.com"),),
    ("states", "CreateStateMachine"): (("roleArn", "states.amazonaws.com"),),
    ("states", "UpdateStateMachine"): (("roleArn", "states.amazonaws.com"),),
    ("codebuild", "CreateProject"): (("serviceRole", "codebuild.amazonaws.com"),),
    ("codebuild", "UpdateProject"): (("serviceRole", "codebuild.amazonaws.com"),),
    ("ecs", "RegisterTaskDefinition"): (
        ("executionRoleArn", "ecs-tasks.amazonaws.com"),
        ("taskRoleArn", "ecs-tasks.amazonaws.com"),
    ),
}
"""(service, operation) → parameters that hand a role to a service."""

TAGGED = {
    ("budgets", "CreateBudget"): "TagResource",
    ("ecr", "CreateRepository"): "TagResource",
    ("ecs", "CreateCluster"): "TagResource",
    ("ecs", "CreateService"): "TagResource",
    ("ecs", "RegisterTaskDefinition"): "TagResource",
    ("ecs", "RunTask"): "TagResource",
    ("events", "PutRule"): "TagResource",
    ("iam", "CreateRole"): "TagRole",
    ("lambda", "CreateFunction"): "TagResource",
    ("logs", "CreateLogGroup"): "TagResource",
    ("ssm", "PutParameter"): "AddTagsToResource",
    ("states", "CreateStateMachine"): "TagResource",
}
"""(service, operation) → what it needs beside its own action where it tags what it makes."""


def _on(resource: str, *operations: str) -> Rows:
    return dict.fromkeys(operations, (("", resource),))


def _as(action: str, resource: str, *operations: str) -> Rows:
    return dict.fromkeys(operations, ((action, resource),))


_BUCKET, _OBJECT = "{Bucket}", "{Bucket}/{Key}"
_S3: Rows = {
    **_on(_OBJECT, "GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload", "RestoreObject"),
    **_on(_OBJECT, "GetObjectTagging", "PutObjectTagging", "GetObjectAttributes"),
    **_as("GetObject", _OBJECT, "HeadObject"),
    **_as("PutObject", _OBJECT, "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"),
    **_as("ListMultipartUploadParts", _OBJECT, "ListParts"),
    "CopyObject": (("PutObject", _OBJECT), ("GetObject", "arn:aws:s3:::{x-amz-copy-source:path}")),
    "UploadPartCopy": (("PutObject", _OBJECT), ("GetObject", "arn:aws:s3:::{x-amz-copy-source:path}")),
    # Decided key by key.
    "DeleteObjects": (),
    **_as("ListBucket", _BUCKET, "ListObjects", "ListObjectsV2", "HeadBucket"),
    **_as("ListBucketVersions", _BUCKET, "ListObjectVersions"),
    **_as("ListBucketMultipartUploads", _BUCKET, "ListMultipartUploads"),
    **_as("ListAllMyBuckets", "*", "ListBuckets"),
    **_on(_BUCKET, "CreateBucket", "DeleteBucket", "GetBucketLocation", "GetBucketAcl", "GetBucketLogging"),
    **_on(_BUCKET, "GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy", "GetBucketRequestPayment"),
    **_on(_BUCKET, "GetBucketOwnershipControls", "PutBucketOwnershipControls", "GetBucketTagging"),
    **_on(_BUCKET, "PutBucketTagging", "GetBucketVersioning", "PutBucketVersioning", "GetBucketWebsite"),
    **_as("PutBucketOwnershipControls", _BUCKET, "DeleteBucketOwnershipControls"),
    **_as("PutBucketTagging", _BUCKET, "DeleteBucketTagging"),
    **_as("GetAccelerateConfiguration", _BUCKET, "GetBucketAccelerateConfiguration"),
    **_as("GetBucketCORS", _BUCKET, "GetBucketCors"),
    **_as("GetEncryptionConfiguration", _BUCKET, "GetBucketEncryption"),
    **_as("PutEncryptionConfiguration", _BUCKET, "PutBucketEncryption", "DeleteBucketEncryption"),
    **_as("GetLifecycleConfiguration", _BUCKET, "GetBucketLifecycle", "GetBucketLifecycleConfiguration"),
    **_as("PutLifecycleConfiguration", _BUCKET, "PutBucketLifecycle", "PutBucketLifecycleConfiguration"),
    **_as("PutLifecycleConfiguration", _BUCKET, "DeleteBucketLifecycle"),
    **_as("GetReplicationConfiguration", _BUCKET, "GetBucketReplication"),
    **_as("GetBucketObjectLockConfiguration", _BUCKET, "GetObjectLockConfiguration"),
    **_as("GetBucketPublicAccessBlock", _BUCKET, "GetPublicAccessBlock"),
    **_as("PutBucketPublicAccessBlock", _BUCKET, "PutPublicAccessBlock", "DeletePublicAccessBlock"),
}

_FUNCTION = "function:{FunctionName:function}"
_LAMBDA: Rows = {
    **_as("InvokeFunction", _FUNCTION, "Invoke"),
    **_on("*", "GetAccountSettings", "ListFunctions"),
    **_on(_FUNCTION, "CreateFunction", "DeleteFunction", "GetFunction", "GetFunctionConfiguration"),
    **_on(_FUNCTION, "UpdateFunctionCode", "UpdateFunctionConfiguration", "ListVersionsByFunction"),
    **_on(_FUNCTION, "GetFunctionConcurrency", "PutFunctionConcurrency", "DeleteFunctionConcurrency"),
    **_on(_FUNCTION, "AddPermission", "RemovePermission", "GetPolicy"),
    **_on("arn:{Resource:tail}", "ListTags", "TagResource", "UntagResource"),
}

_GROUP = "log-group:{logGroupName}:log-stream:"
_STREAM = "log-group:{logGroupName}:log-stream:{logStreamName}"
_LOGS: Rows = {
    **_on(_GROUP, "CreateLogGroup", "DeleteLogGroup", "PutRetentionPolicy", "DeleteRetentionPolicy"),
    **_on(_GROUP, "PutMetricFilter", "DeleteMetricFilter", "DescribeMetricFilters", "FilterLogEvents"),
    **_on(_GROUP, "DescribeLogStreams", "StartQuery"),
    **_on("log-group:*", "GetQueryResults"),  # of a query that its id alone names
    **_on(_STREAM, "CreateLogStream", "PutLogEvents", "GetLogEvents"),
    **_on("*", "DescribeLogGroups", "DescribeResourcePolicies", "PutResourcePolicy"),
    **_on("*", "DescribeQueries", "StopQuery"),
    **_on("*", "DeleteResourcePolicy"),
    **_on("arn:{resourceArn:tail}", "ListTagsForResource", "TagResource", "UntagResource"),
}

_MACHINE, _EXECUTION = "arn:{stateMachineArn:tail}", "arn:{executionArn:tail}"
_STATES: Rows = {
    **_on("stateMachine:{name}", "CreateStateMachine"),
    **_on(_MACHINE, "DeleteStateMachine", "DescribeStateMachine", "UpdateStateMachine", "StartExecution"),
    **_on(_MACHINE, "ListExecutions", "ListStateMachineVersions"),
    **_on(_EXECUTION, "DescribeExecution", "GetExecutionHistory", "StopExecution", "ListMapRuns"),
    **_on("arn:{mapRunArn:tail}", "DescribeMapRun"),
    **_on("*", "ListStateMachines", "ValidateStateMachineDefinition"),
    **_on("arn:{resourceArn:tail}", "ListTagsForResource", "TagResource", "UntagResource"),
}

_SERVICE = "service/{cluster:last}/{service:last}"
_ECS: Rows = {
    **_on("cluster/{clusterName}", "CreateCluster"),
    **_on("cluster/{cluster:last}", "DeleteCluster"),
    **_on("cluster/{clusters:last}", "DescribeClusters"),
    **_on("service/{cluster:last}/{serviceName}", "CreateService"),
    **_on(_SERVICE, "DeleteService", "UpdateService"),
    **_on("service/{cluster:last}/{services:last}", "DescribeServices"),
    **_on("task/{cluster:last}/{tasks:last}", "DescribeTasks"),
    **_on("task/{cluster:last}/{task:last}", "StopTask"),
    **_on("container-instance/{cluster:last}/*", "ListTasks"),
    **_on("task-definition/{family}:*", "RegisterTaskDefinition"),
    **_on("task-definition/{taskDefinition:last}", "RunTask"),
    **_on("*", "DeregisterTaskDefinition", "DescribeTaskDefinition", "ListTaskDefinitions"),
    **_on("*", "ListClusters", "ListServices"),
    **_on("arn:{resourceArn:tail}", "ListTagsForResource", "TagResource", "UntagResource"),
}

_REPOSITORY = "repository/{repositoryName}"
_ECR: Rows = {
    **_on("*", "GetAuthorizationToken"),
    **_on(_REPOSITORY, "CreateRepository", "DeleteRepository", "DescribeImages", "ListImages", "PutImage"),
    **_on(_REPOSITORY, "BatchGetImage", "BatchDeleteImage", "GetDownloadUrlForLayer", "UploadLayerPart"),
    **_on(_REPOSITORY, "BatchCheckLayerAvailability", "InitiateLayerUpload", "CompleteLayerUpload"),
    **_on(_REPOSITORY, "GetLifecyclePolicy", "PutLifecyclePolicy", "DeleteLifecyclePolicy"),
    **_on(_REPOSITORY, "GetRepositoryPolicy", "SetRepositoryPolicy", "DeleteRepositoryPolicy"),
    **_on(_REPOSITORY, "PutImageTagMutability", "PutImageScanningConfiguration"),
    **_on("repository/{repositoryNames}", "DescribeRepositories"),
    **_on("arn:{resourceArn:tail}", "ListTagsForResource", "TagResource", "UntagResource"),
}

_ROLE, _USER = "role/{RoleName}", "user/{UserName}"
_IAM: Rows = {
    **_on(_ROLE, "CreateRole", "DeleteRole", "GetRole", "UpdateRole", "UpdateAssumeRolePolicy", "TagRole"),
    **_on(_ROLE, "UntagRole", "UpdateRoleDescription", "ListRoleTags", "ListInstanceProfilesForRole"),
    **_on(_ROLE, "PutRolePolicy", "GetRolePolicy", "DeleteRolePolicy", "ListRolePolicies"),
    **_on(_ROLE, "AttachRolePolicy", "DetachRolePolicy", "ListAttachedRolePolicies"),
    **_on(_ROLE, "PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary"),
    **_on(_USER, "CreateUser", "DeleteUser", "PutUserPolicy", "DeleteUserPolicy", "AttachUserPolicy"),
    **_on(_USER, "DetachUserPolicy", "CreateAccessKey", "DeleteAccessKey", "PutUserPermissionsBoundary"),
    **_on("policy/{PolicyName}", "CreatePolicy"),
    **_on("arn:{PolicyArn:tail}", "DeletePolicy", "GetPolicy"),
    **_on("*", "ListRoles", "ListUsers", "ListPolicies"),
}

_SECURITY_GROUP, _ROUTE_TABLE = "security-group/{GroupId}", "route-table/{RouteTableId}"
_GATEWAY, _VPC, _SUBNET = "internet-gateway/{InternetGatewayId}", "vpc/{VpcId}", "subnet/{SubnetId}"
_EC2: Rows = {
    **_on("*", "DescribeAddresses", "DescribeAvailabilityZones", "DescribeInternetGateways"),
    **_on("*", "DescribeNatGateways", "DescribeNetworkAcls", "DescribeNetworkInterfaces", "DescribeRegions"),
    **_on("*", "DescribeRouteTables", "DescribeSecurityGroupRules", "DescribeSecurityGroups"),
    **_on("*", "DescribeSubnets", "DescribeVpcs", "DescribeTags", "DescribeAccountAttributes"),
    **_on("vpc/*", "CreateVpc"),
    **_on(_VPC, "DeleteVpc", "ModifyVpcAttribute", "DescribeVpcAttribute"),
    "CreateSubnet": (("", "subnet/*"), ("", _VPC)),
    **_on(_SUBNET, "DeleteSubnet", "ModifySubnetAttribute"),
    **_on("internet-gateway/*", "CreateInternetGateway"),
    **_on(_GATEWAY, "DeleteInternetGateway"),
    "AttachInternetGateway": (("", _GATEWAY), ("", _VPC)),
    "DetachInternetGateway": (("", _GATEWAY), ("", _VPC)),
    "CreateRouteTable": (("", "route-table/*"), ("", _VPC)),
    **_on(_ROUTE_TABLE, "DeleteRouteTable", "CreateRoute", "DeleteRoute", "ReplaceRoute"),
    "AssociateRouteTable": (("", _ROUTE_TABLE), ("", _SUBNET)),
    # The association alone is named; it is of some table.
    **_on("route-table/*", "DisassociateRouteTable"),
    "CreateSecurityGroup": (("", "security-group/*"), ("", _VPC)),
    **_on(_SECURITY_GROUP, "DeleteSecurityGroup", "AuthorizeSecurityGroupIngress"),
    **_on(_SECURITY_GROUP, "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress"),
    **_on(_SECURITY_GROUP, "RevokeSecurityGroupEgress", "ModifySecurityGroupRules"),
    **_on("{ResourceId.1:kind}/{ResourceId.1}", "CreateTags", "DeleteTags"),
}

_BUDGET = "budget/{BudgetName}"
_RULE = "rule/{Name}"
_PROJECT = "project/{name:project}"
OPERATIONS: dict[str, Rows] = {
    "s3": _S3,
    "lambda": _LAMBDA,
    "logs": _LOGS,
    "states": _STATES,
    "ecs": _ECS,
    "ecr": _ECR,
    "iam": _IAM,
    "ec2": _EC2,
    "budgets": {
        **_as("ModifyBudget", _BUDGET, "CreateBudget", "UpdateBudget", "DeleteBudget", "CreateNotification"),
        **_as("ModifyBudget", _BUDGET, "DeleteNotification", "CreateSubscriber", "DeleteSubscriber"),
        **_as("ViewBudget", _BUDGET, "DescribeBudget", "DescribeNotificationsForBudget"),
        **_as("ViewBudget", _BUDGET, "DescribeSubscribersForNotification"),
        **_as("ViewBudget", "budget/*", "DescribeBudgets"),
        **_on("arn:{ResourceARN:tail}", "ListTagsForResource", "TagResource", "UntagResource"),
    },
    "codebuild": {
        **_on(_PROJECT, "CreateProject", "UpdateProject", "DeleteProject"),
        **_on("project/{names:project}", "BatchGetProjects"),
        **_on("project/{projectName}", "StartBuild", "ListBuildsForProject"),
        **_on("project/{ids:before}", "BatchGetBuilds"),
        **_on("project/{id:before}", "StopBuild"),
        **_on("*", "ListProjects"),
    },
    "events": {
        **_on(_RULE, "PutRule", "DeleteRule", "DescribeRule"),
        **_on("rule/{Rule}", "PutTargets", "RemoveTargets", "ListTargetsByRule"),
        **_on("*", "ListRules"),
        **_on("event-bus/default", "PutEvents"),
        **_on("arn:{ResourceARN:tail}", "ListTagsForResource", "TagResource", "UntagResource"),
    },
    "monitoring": {
        **_on("dashboard/{DashboardName}", "PutDashboard", "GetDashboard"),
        **_on("dashboard/{DashboardNames.member.1}", "DeleteDashboards"),
        **_on("*", "ListDashboards", "GetMetricStatistics", "GetMetricData", "ListMetrics"),
        # AWS takes the whole service for the resource where no alarm is named.
        **_on(f"arn:aws:cloudwatch:{_HERE}:alarm:*", "DescribeAlarms"),
    },
    "pricing": {**_on("*", "GetProducts")},
    "route53": {
        **_on("*", "CreateHostedZone", "ListHostedZones", "ListHostedZonesByName"),
        **_on("hostedzone/{Id}", "DeleteHostedZone", "GetHostedZone", "GetDNSSEC"),
        **_on("hostedzone/{Id}", "ListResourceRecordSets", "ChangeResourceRecordSets"),
        **_on("hostedzone/{ResourceId}", "ChangeTagsForResource", "ListTagsForResource"),
        **_on("change/{Id}", "GetChange"),
    },
    "servicequotas": {**_on("*", "GetServiceQuota", "GetAWSDefaultServiceQuota", "ListServiceQuotas")},
    "ssm": {
        **_on("parameter/{Name:path}", "PutParameter", "GetParameter", "DeleteParameter"),
        **_on("*", "DescribeParameters"),
        **_on("parameter/{ResourceId:path}", "ListTagsForResource", "AddTagsToResource"),
    },
    "sts": {**_on("arn:{RoleArn:tail}", "AssumeRole")},
    "tagging": {**_as("GetResources", "*", "GetResources")},
}

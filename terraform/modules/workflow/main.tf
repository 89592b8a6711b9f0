# The state machine: statemachine.asl.json with this deployment's names filled in.

data "aws_caller_identity" "this" {}

locals {
  name = "${var.name_prefix}-world"
  arn  = "arn:aws:states:${var.region}:${data.aws_caller_identity.this.account_id}:stateMachine:${local.name}"

  # A task waits a little longer than its function may run: the function's own error says more than a time-out.
  grace_s = 30

  # Looks for the rendezvous server, with pauses of 1 to 5 s in between: three minutes in all.
  rendezvous_attempts = 40

  # For each attempt beside what its functions may take: the looks for the server, retries (each state waits more
  # than three minutes for a function that wakes up after idle weeks), the states in between.
  slack_s = 1500

  limits = {
    initialize_timeout_s = var.initialize_timeout_s + local.grace_s
    execute_timeout_s    = var.execute_timeout_s + local.grace_s
    summarize_timeout_s  = var.summarize_timeout_s + local.grace_s

    find_rendezvous_timeout_s = var.find_rendezvous_timeout_s + local.grace_s
  }

  definition = templatefile(var.definition, merge(local.limits, {
    bucket          = var.bucket
    initialize_arn  = var.function_arns.initialize
    execute_arn     = var.function_arns.execute
    summarize_arn   = var.function_arns.summarize
    total_timeout_s = var.attempts * (sum(values(local.limits)) + local.slack_s)
    attempts        = var.attempts
    pause_s         = 2

    find_rendezvous_arn = coalesce(var.function_arns.find_rendezvous, "nobody")
    rendezvous_attempts = local.rendezvous_attempts
  }))

  # Initialize refuses an execution that needs a server that is not there, so none gets to this state.
  no_server = {
    Type  = "Fail"
    Error = "NoRendezvousServer"
    Cause = "This deployment has no rendezvous server: set rendezvous_mode to on-demand."
  }
  machine = jsondecode(local.definition)

  # jsonencode writes 100.0 as 100, which the interpreter of the embedded AWS does not take for a percentage.
  without_server = replace(
    jsonencode(merge(local.machine, { States = merge(local.machine.States, { FindRendezvous = local.no_server }) })),
    "/(\"ToleratedFailurePercentage\":\\d+)([,}])/", "$1.0$2",
  )
}

# A vended log group: a name that starts so is not counted against the size of CloudWatch's resource policy.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/vendedlogs/states/${local.name}"
  retention_in_days = var.log_retention_days
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["states.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

resource "aws_iam_role" "this" {
  count = var.role_arn == null ? 1 : 0

  name                 = local.name
  description          = "Role of the state machine ${local.name}"
  assume_role_policy   = data.aws_iam_policy_document.assume.json
  permissions_boundary = var.permissions_boundary
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "InvokeFunctions"
    actions   = ["lambda:InvokeFunction"]
    resources = [for arn in values(var.function_arns) : arn if arn != null]
  }

  # A distributed Map runs its items as executions of a child of this very machine.
  statement {
    sid       = "StartMapRun"
    actions   = ["states:StartExecution"]
    resources = [local.arn]
  }

  statement {
    sid       = "FollowMapRun"
    actions   = ["states:DescribeExecution", "states:StopExecution"]
    resources = ["${replace(local.arn, ":stateMachine:", ":execution:")}/*"]
  }

  # The manifest in, the Map's results and the failures of ranks out.
  statement {
    sid       = "KeepExecutionState"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"]
    resources = ["${var.bucket_arn}/executions/*"]
  }

  # What Step Functions needs to deliver its log; these actions know no resources.
  statement {
    sid = "DeliverLog"
    actions = [
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DescribeLogGroups",
      "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "this" {
  count = var.role_arn == null ? 1 : 0

  name   = "workflow"
  role   = aws_iam_role.this[0].name
  policy = data.aws_iam_policy_document.this.json
}

resource "aws_sfn_state_machine" "this" {
  name     = local.name
  role_arn = var.role_arn == null ? aws_iam_role.this[0].arn : var.role_arn

  definition = var.function_arns.find_rendezvous == null ? local.without_server : local.definition

  # Without execution data: inputs may name private data, and the secret of a world is nobody's business.
  logging_configuration {
    level                  = "ERROR"
    include_execution_data = false
    log_destination        = "${aws_cloudwatch_log_group.this.arn}:*"
  }

  depends_on = [aws_iam_role_policy.this]
}

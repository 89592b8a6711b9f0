# One Lambda function of the executor image, with a log group of its own and, unless it is given one, a role of its own.

locals {
  own_role = var.role_arn == null ? 1 : 0
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

data "aws_caller_identity" "this" {}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

resource "aws_iam_role" "this" {
  count = local.own_role

  name                 = var.name
  description          = "Role of the Lambda function ${var.name}"
  assume_role_policy   = data.aws_iam_policy_document.assume.json
  permissions_boundary = var.permissions_boundary
}

data "aws_iam_policy_document" "this" {
  source_policy_documents = [var.policy]

  # No logs:CreateLogGroup: a late log line must not bring the group back after a destroy.
  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }
}

resource "aws_iam_role_policy" "this" {
  count = local.own_role

  name   = "function"
  role   = aws_iam_role.this[0].name
  policy = data.aws_iam_policy_document.this.json
}

resource "aws_lambda_function" "this" {
  function_name                  = var.name
  description                    = var.description
  role                           = var.role_arn == null ? aws_iam_role.this[0].arn : var.role_arn
  package_type                   = "Image"
  image_uri                      = var.image_uri
  source_code_hash               = var.image_build
  architectures                  = [var.architecture]
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_s
  reserved_concurrent_executions = var.reserved_concurrency

  image_config {
    command = [var.handler]
  }

  environment {
    variables = var.environment
  }

  ephemeral_storage {
    size = var.ephemeral_storage_mb
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

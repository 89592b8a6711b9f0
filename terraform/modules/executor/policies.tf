# What each function may do. Users' scripts run with the policy of execute: it reads and writes objects, deletes nothing
# but messages, and does not come near what other roles run.

data "aws_caller_identity" "this" {}

locals {
  bucket_arns = concat([var.bucket_arn], [for name in sort(var.extra_buckets) : "arn:aws:s3:::${name}"])
  object_arns = [for arn in local.bucket_arns : "${arn}/*"]

  policies = {
    initialize = data.aws_iam_policy_document.initialize.json
    execute    = data.aws_iam_policy_document.execute.json
    summarize  = data.aws_iam_policy_document.summarize.json
  }
}

data "aws_iam_policy_document" "initialize" {
  statement {
    sid       = "FindBundleAndData"
    actions   = ["s3:ListBucket"]
    resources = local.bucket_arns
  }

  statement {
    sid       = "WriteManifest"
    actions   = ["s3:PutObject"]
    resources = ["${var.bucket_arn}/executions/*"]
  }

  # What the script imports is looked up before a world is started; of the bundle no more than its sources.
  statement {
    sid       = "ReadSources"
    actions   = ["s3:GetObject"]
    resources = [for arn in local.bucket_arns : "${arn}/*.py"]
  }

  statement {
    sid       = "ReadPackages"
    actions   = ["s3:GetObject"]
    resources = [for arn in local.bucket_arns : "${arn}/*.zip"]
  }

  statement {
    sid       = "KeepPayload"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = [for arn in local.bucket_arns : "${arn}/payload.json"]
  }

  statement {
    sid       = "CheckConcurrency"
    actions   = ["lambda:GetAccountSettings"]
    resources = ["*"] # this action knows no resources
  }
}

data "aws_iam_policy_document" "list" {
  # Without it S3 answers for a missing object with "access denied", which would send users the wrong way.
  statement {
    sid       = "ListBuckets"
    actions   = ["s3:ListBucket"]
    resources = local.bucket_arns
  }
}

data "aws_iam_policy_document" "summarize" {
  source_policy_documents = [data.aws_iam_policy_document.list.json]

  # Outcomes, results and predictions, below whatever result path the input names.
  statement {
    sid       = "ReadResults"
    actions   = ["s3:GetObject"]
    resources = flatten([for arn in local.bucket_arns : ["${arn}/*.json", "${arn}/*.parquet"]])
  }

  statement {
    sid     = "WriteSummary"
    actions = ["s3:PutObject"]
    resources = flatten([
      for arn in local.bucket_arns : ["${arn}/*/combined_data.json", "${arn}/*/predictions.parquet"]
    ])
  }
}

data "aws_iam_policy_document" "execute" {
  source_policy_documents = [data.aws_iam_policy_document.list.json]

  statement {
    sid       = "ReadAndWriteObjects"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = local.object_arns
  }

  # CodeBuild runs what lies there, with the right to push images: a script that could write it would be every
  # function's code after the next build.
  statement {
    sid       = "KeepOutOfBuilds"
    effect    = "Deny"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${var.bucket_arn}/builds/*"]
  }

  # Archives that later executions import come from who starts them, never from a script.
  statement {
    sid       = "KeepPackages"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = [for arn in local.bucket_arns : "${arn}/requirements/*"]
  }

  # Programs and data have names of their content there, and are not uploaded again: a script that could change them
  # would change what later executions run.
  statement {
    sid       = "KeepUploads"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${var.bucket_arn}/uploads/*"]
  }

  # Secrets that users name with --env-from. Any script may read any of them.
  statement {
    sid       = "ReadParameters"
    actions   = ["ssm:GetParameter"]
    resources = ["arn:aws:ssm:*:${data.aws_caller_identity.this.account_id}:parameter/${var.name_prefix}/scripts/*"]
  }

  # The S3 channel of fmi deletes messages once they are read, in whatever bucket they are: no lifecycle rule of ours
  # would remove them elsewhere.
  statement {
    sid       = "DeleteMessages"
    actions   = ["s3:DeleteObject"]
    resources = [for arn in local.bucket_arns : "${arn}/fmi/*"]
  }
}

# What each function may do. Users' scripts run with the policy of execute: it reads and writes objects, and deletes
# nothing but messages.

locals {
  bucket_arns = concat([var.bucket_arn], [for name in sort(var.extra_buckets) : "arn:aws:s3:::${name}"])
  object_arns = [for arn in local.bucket_arns : "${arn}/*"]

  policies = {
    initialize = data.aws_iam_policy_document.initialize.json
    execute    = data.aws_iam_policy_document.execute.json
    summarize  = data.aws_iam_policy_document.objects.json
  }
}

data "aws_iam_policy_document" "initialize" {
  statement {
    sid       = "FindBundleAndData"
    actions   = ["s3:ListBucket"]
    resources = local.bucket_arns
  }

  statement {
    sid       = "ReadPackages"
    actions   = ["s3:GetObject"]
    resources = local.object_arns
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

data "aws_iam_policy_document" "objects" {
  # Without it S3 answers for a missing object with "access denied", which would send users the wrong way.
  statement {
    sid       = "ListBuckets"
    actions   = ["s3:ListBucket"]
    resources = local.bucket_arns
  }

  statement {
    sid       = "ReadAndWriteObjects"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = local.object_arns
  }
}

data "aws_iam_policy_document" "execute" {
  source_policy_documents = [data.aws_iam_policy_document.objects.json]

  # The S3 channel of fmi deletes messages once they are read.
  statement {
    sid       = "DeleteMessages"
    actions   = ["s3:DeleteObject"]
    resources = ["${var.bucket_arn}/fmi/*"]
  }
}

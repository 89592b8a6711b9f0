# For people without Docker: a CodeBuild project that builds an image from a source archive. build_with_codebuild.py in
# modules/image starts it and waits. It costs nothing while it does not build; a build takes minutes of a small machine.

data "aws_caller_identity" "this" {}

locals {
  codebuild = var.builder == "codebuild" ? 1 : 0

  codebuild_role = var.build_role_arn == null ? local.codebuild : 0
  project        = "${var.name_prefix}-images"

  # ARNs are written out, so that a plan shows the whole policy before anything exists.
  here = "${var.region}:${data.aws_caller_identity.this.account_id}"

  buildspec = {
    version = "0.2"
    phases = {
      pre_build = { commands = [
        "aws ecr get-login-password | docker login --username AWS --password-stdin \"$${REPOSITORY_URL%%/*}\"",
      ] }
      build = { commands = [
        "set --; for argument in $BUILD_ARGS; do set -- \"$@\" --build-arg \"$argument\"; done; docker build --provenance=false --platform \"$PLATFORM\" --file \"$DOCKERFILE\" --tag \"$REPOSITORY_URL:$IMAGE_TAG\" \"$@\" .",
        "docker push \"$REPOSITORY_URL:$IMAGE_TAG\"",
      ] }
    }
  }
}

resource "aws_cloudwatch_log_group" "codebuild" {
  count = local.codebuild

  name              = "/aws/codebuild/${local.project}"
  retention_in_days = var.log_retention_days
}

data "aws_iam_policy_document" "codebuild_assume" {
  count = local.codebuild

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["codebuild.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

resource "aws_iam_role" "codebuild" {
  count = local.codebuild_role

  name                 = local.project
  description          = "Lets CodeBuild build and push the images of ${var.name_prefix}"
  assume_role_policy   = data.aws_iam_policy_document.codebuild_assume[0].json
  permissions_boundary = var.permissions_boundary
}

data "aws_iam_policy_document" "codebuild" {
  count = local.codebuild

  statement {
    sid       = "ReadSource"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["arn:aws:s3:::${var.bucket}/builds/*"]
  }

  # CodeBuild asks whose bucket it is, and where.
  statement {
    sid       = "IdentifyBucket"
    actions   = ["s3:GetBucketAcl", "s3:GetBucketLocation"]
    resources = ["arn:aws:s3:::${var.bucket}"]
  }

  statement {
    sid = "PushImages"
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
    ]
    resources = [for name in sort(local.built) : "arn:aws:ecr:${local.here}:repository/${var.name_prefix}/${name}"]
  }

  statement {
    sid       = "LogInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # this action knows no resources
  }

  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:aws:logs:${local.here}:log-group:/aws/codebuild/${local.project}:*"]
  }
}

resource "aws_iam_role_policy" "codebuild" {
  count = local.codebuild_role

  name   = "build"
  role   = aws_iam_role.codebuild[0].name
  policy = data.aws_iam_policy_document.codebuild[0].json
}

resource "aws_codebuild_project" "this" {
  count = local.codebuild

  name           = local.project
  description    = "Builds the images of ${var.name_prefix}"
  service_role   = var.build_role_arn == null ? aws_iam_role.codebuild[0].arn : var.build_role_arn
  build_timeout  = 30
  queued_timeout = 30

  source {
    type      = "S3"
    location  = "${var.bucket}/builds/none.zip" # every build brings its own
    buildspec = yamlencode(local.buildspec)
  }

  artifacts {
    type = "NO_ARTIFACTS"
  }

  environment {
    type            = { x86_64 = "LINUX_CONTAINER", arm64 = "ARM_CONTAINER" }[var.architecture]
    compute_type    = "BUILD_GENERAL1_SMALL"
    privileged_mode = true # for the Docker engine inside
    image = {
      x86_64 = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
      arm64  = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
    }[var.architecture]
  }

  logs_config {
    cloudwatch_logs {
      group_name = aws_cloudwatch_log_group.codebuild[0].name
    }
  }
}

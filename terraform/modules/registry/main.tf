# The two container images: repositories, and their content built from this working tree; or images that are somewhere
# already (image_builder = "prebuilt").

locals {
  images = toset(concat(["executor"], var.rendezvous ? ["rendezvous"] : []))
  built  = var.builder == "prebuilt" ? toset([]) : local.images

  # Account, region and name of the private ECR repository that a prebuilt image is in.
  prebuilt = {
    for name, uri in coalesce(var.prebuilt_images, {}) : name =>
    regex("^(?P<account>[0-9]{12})\\.dkr\\.ecr\\.(?P<region>[a-z0-9-]+)\\.amazonaws\\.com/(?P<name>[^@]+)@", uri)
  }
  prebuilt_arns = {
    for name, at in local.prebuilt : name => "arn:aws:ecr:${at.region}:${at.account}:repository/${at.name}"
  }
}

resource "aws_ecr_repository" "this" {
  for_each = local.built

  name                 = "${var.name_prefix}/${each.key}"
  image_tag_mutability = "IMMUTABLE" # a tag names its content
  force_delete         = true

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "AES256"
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = aws_ecr_repository.this

  repository = each.value.name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "Remove what lost its tag"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 1 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "Keep the three latest images"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 3 }
        action       = { type = "expire" }
      },
    ]
  })
}

# Lambda would write a wider policy itself, but only when a function is created: an update that finds it gone fails. So does
# whoever may not set a repository's policy.
data "aws_iam_policy_document" "pull" {
  statement {
    sid     = "LetLambdaPull"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:aws:lambda:${local.here}:function:${var.name_prefix}-*"]
    }
  }
}

resource "aws_ecr_repository_policy" "this" {
  for_each = setintersection(local.built, ["executor"])

  repository = aws_ecr_repository.this[each.key].name
  policy     = data.aws_iam_policy_document.pull.json
}

module "image" {
  source   = "../image"
  for_each = aws_ecr_repository.this

  name              = each.key
  root              = var.root
  repository_url    = each.value.repository_url
  region            = var.region
  architecture      = var.architecture
  builder           = var.builder
  build_args        = var.build_args
  codebuild_project = one(aws_codebuild_project.this[*].name)
  source_bucket     = var.builder == "codebuild" ? var.bucket : ""

  # The build's role has to hold its policy before the first build, and until the last one has ended.
  depends_on = [aws_iam_role_policy.codebuild]
}

# The two container images: repositories, and their content built from this working tree.

locals {
  root = abspath("${path.root}/..")

  # What goes into each image; the same paths as in its Dockerfile.dockerignore.
  sources = {
    executor   = ["containers/__init__.py", "containers/executor/**", "fmi/**", "fmilib/**", "inference/**"]
    rendezvous = ["containers/__init__.py", "containers/rendezvous/**", "fmi/__init__.py", "fmi/wire.py"]
  }

  files = {
    for name, patterns in local.sources : name => sort([
      for file in flatten([for pattern in patterns : tolist(fileset(local.root, pattern))]) :
      file if !strcontains(file, "__pycache__") && !startswith(file, "inference/bundle/")
    ])
  }

  # A tag that names the content: an unchanged context is neither built nor deployed again.
  content_tags = {
    for name, files in local.files : name =>
    substr(sha256(join("\n", concat([var.architecture], [for file in files : "${file} ${filesha256("${local.root}/${file}")}"]))), 0, 16)
  }

  platform = { x86_64 = "linux/amd64", arm64 = "linux/arm64" }[var.architecture]
}

resource "aws_ecr_repository" "this" {
  for_each = local.sources

  name                 = "${var.name_prefix}/${each.key}"
  image_tag_mutability = "MUTABLE" # a build that was cut short may push its tag again
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
    rules = [{
      rulePriority = 1
      description  = "Keep the three latest images"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 3 }
      action       = { type = "expire" }
    }]
  })
}

resource "terraform_data" "image" {
  for_each = var.build_images ? local.content_tags : {}

  triggers_replace = [aws_ecr_repository.this[each.key].repository_url, each.value]

  provisioner "local-exec" {
    command     = abspath("${path.module}/build_image.sh")
    working_dir = local.root

    environment = {
      AWS_REGION     = var.region
      REPOSITORY_URL = aws_ecr_repository.this[each.key].repository_url
      IMAGE_TAG      = each.value
      PLATFORM       = local.platform
      DOCKERFILE     = "containers/${each.key}/Dockerfile"
    }
  }
}

# Functions are deployed by digest, so that what runs is what was pushed.
data "aws_ecr_image" "built" {
  for_each = terraform_data.image

  repository_name = aws_ecr_repository.this[each.key].name
  image_tag       = each.value.triggers_replace[1]
}

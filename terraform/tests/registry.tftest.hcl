# Each way to get images: what exists, what may do what, and what is deployed.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix        = "test"
  region             = "us-east-1"
  root               = ".."
  builder            = "docker"
  prebuilt_images    = null
  build_args         = {}
  architecture       = "x86_64"
  bucket             = "own"
  log_retention_days = 14
}

# Planned only: applying would run the builder.
run "docker" {
  command = plan
  module { source = "./modules/registry" }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE" && repository.force_delete && repository.image_scanning_configuration[0].scan_on_push])
    error_message = "A tag names its content for ever, images are scanned, and a destroy leaves none."
  }

  assert {
    condition     = toset([for repository in aws_ecr_repository.this : repository.name]) == toset(["test/executor", "test/rendezvous"])
    error_message = "Repositories carry the prefix."
  }

  assert {
    condition     = alltrue([for policy in aws_ecr_lifecycle_policy.this : jsondecode(policy.policy).rules[0].selection.tagStatus == "untagged"])
    error_message = "Images without a tag expire first."
  }

  assert {
    condition     = keys(aws_ecr_repository_policy.this) == ["executor"] && one(data.aws_iam_policy_document.pull.statement[0].principals).identifiers == toset(["lambda.amazonaws.com"])
    error_message = "Lambda may pull the functions' image, by a policy that outlives their creation, and no other."
  }

  assert {
    condition     = one(data.aws_iam_policy_document.pull.statement[0].condition).values == tolist(["arn:aws:lambda:us-east-1:123456789012:function:test-*"])
    error_message = "It pulls for the functions of this deployment only."
  }

  assert {
    condition     = length(aws_codebuild_project.this) == 0 && length(aws_iam_role.codebuild) == 0
    error_message = "Who has Docker needs no CodeBuild."
  }
}

run "codebuild" {
  command = plan
  module { source = "./modules/registry" }
  variables { builder = "codebuild" }

  assert {
    condition     = aws_codebuild_project.this[0].environment[0].type == "LINUX_CONTAINER" && aws_codebuild_project.this[0].environment[0].privileged_mode
    error_message = "Building needs an engine of the right architecture."
  }

  assert {
    condition     = strcontains(aws_codebuild_project.this[0].source[0].buildspec, "--provenance=false") && strcontains(aws_codebuild_project.this[0].source[0].buildspec, "docker push \\\"$REPOSITORY_URL:$IMAGE_TAG\\\"")
    error_message = "Lambda refuses an image index, and the image has to be pushed: ${aws_codebuild_project.this[0].source[0].buildspec}"
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.codebuild[0].statement : alltrue([for action in statement.actions : !strcontains(action, "*")])
    ]) && [for statement in data.aws_iam_policy_document.codebuild[0].statement : statement.sid if contains(statement.resources, "*")] == ["LogInToRegistry"]
    error_message = "Actions are listed one by one, and only the login knows no resource."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.codebuild[0].statement : statement.resources if statement.sid == "ReadSource"]) == toset(["arn:aws:s3:::own/builds/*"])
    error_message = "CodeBuild reads its source and nothing else of the bucket."
  }
}

run "codebuild_for_arm" {
  command = plan
  module { source = "./modules/registry" }
  variables {
    builder      = "codebuild"
    architecture = "arm64"
  }

  assert {
    condition     = aws_codebuild_project.this[0].environment[0].type == "ARM_CONTAINER" && strcontains(aws_codebuild_project.this[0].environment[0].image, "aarch64")
    error_message = "An arm64 image is built on an arm64 machine."
  }
}

run "codebuild_with_a_role_that_exists" {
  command = plan
  module { source = "./modules/registry" }
  variables {
    builder        = "codebuild"
    build_role_arn = "arn:aws:iam::123456789012:role/LabRole"
  }

  assert {
    condition     = length(aws_iam_role.codebuild) + length(aws_iam_role_policy.codebuild) == 0 && aws_codebuild_project.this[0].service_role == "arn:aws:iam::123456789012:role/LabRole"
    error_message = "It builds with that role, and none is made or changed."
  }
}

run "codebuild_within_a_boundary" {
  command = plan
  module { source = "./modules/registry" }
  variables {
    builder              = "codebuild"
    permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.codebuild[0].permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "No role is made without it."
  }
}

run "without_a_rendezvous_server" {
  command = plan
  module { source = "./modules/registry" }
  variables { rendezvous = false }

  assert {
    condition     = keys(aws_ecr_repository.this) == ["executor"]
    error_message = "No image is built that nothing runs."
  }
}

run "prebuilt" {
  command = plan
  module { source = "./modules/registry" }
  variables {
    builder = "prebuilt"
    prebuilt_images = {
      executor   = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/executor@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      rendezvous = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/rendezvous@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
  }

  assert {
    condition     = length(aws_ecr_repository.this) == 0 && output.image_uris == var.prebuilt_images
    error_message = "They are deployed as they are, and no repository is made."
  }

  assert {
    condition     = output.repository_arns["rendezvous"] == "arn:aws:ecr:eu-central-1:111122223333:repository/team/rendezvous"
    error_message = "The task may pull from the repository that the image is in."
  }
}

run "one_image_has_no_builder_called_prebuilt" {
  command = plan
  module { source = "./modules/image" }

  variables {
    name           = "executor"
    root           = ".."
    repository_url = "123456789012.dkr.ecr.us-east-1.amazonaws.com/test/executor"
    builder        = "prebuilt"
  }

  expect_failures = [var.builder]
}

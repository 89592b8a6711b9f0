# One function: what it refuses, and that it may write its own log and no other.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "test"
  description        = "A function"
  image_uri          = "123456789012.dkr.ecr.us-east-1.amazonaws.com/test/executor:1"
  handler            = "package.module.handler"
  architecture       = "arm64"
  memory_mb          = 3008
  timeout_s          = 900
  environment        = {}
  policy             = "{\"Version\": \"2012-10-17\", \"Statement\": []}"
  log_retention_days = 14
}

run "log" {
  command = apply
  module { source = "./modules/function" }

  assert {
    condition     = one(data.aws_iam_policy_document.this.statement).resources == toset(["${aws_cloudwatch_log_group.this.arn}:*"])
    error_message = "A function writes into its own log group."
  }

  assert {
    condition     = !contains(one(data.aws_iam_policy_document.this.statement).actions, "logs:CreateLogGroup")
    error_message = "A late log line must not bring the group back after a destroy."
  }

  assert {
    condition     = aws_lambda_function.this.architectures == tolist(["arm64"]) && one(aws_lambda_function.this.ephemeral_storage).size == 512
    error_message = "The function is what the variables say, or the defaults."
  }
}

run "with_a_role_that_exists" {
  command = apply
  module { source = "./modules/function" }
  variables { role_arn = "arn:aws:iam::123456789012:role/LabRole" }

  assert {
    condition     = length(aws_iam_role.this) + length(aws_iam_role_policy.this) == 0 && aws_lambda_function.this.role == "arn:aws:iam::123456789012:role/LabRole"
    error_message = "It has that role, and none is made or changed."
  }
}

run "within_a_boundary" {
  command = apply
  module { source = "./modules/function" }
  variables { permissions_boundary = "arn:aws:iam::123456789012:policy/boundary" }

  assert {
    condition     = aws_iam_role.this[0].permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "No role is made without it."
  }
}

run "each_of_these_is_refused" {
  command = plan
  module { source = "./modules/function" }

  variables {
    name        = "a function"
    description = "A description of a function has at most two hundred and fifty-six characters, and as AWS would only tell so in the middle of an apply, a longer one is refused right away, before anything is planned. This is such a longer one, as you will find when you count its characters."
    handler     = "handler"
    policy      = "none"
  }

  expect_failures = [
    var.name,
    var.description,
    var.handler,
    var.policy,
  ]
}

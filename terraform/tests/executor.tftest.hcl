# The functions get what they need and their policies no more than that.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix          = "test"
  image_uri            = "123456789012.dkr.ecr.us-east-1.amazonaws.com/test/executor:1"
  architecture         = "x86_64"
  bucket               = "own"
  bucket_arn           = "arn:aws:s3:::own"
  extra_buckets        = ["theirs"]
  memory_mb            = 3008
  timeout_s            = 900
  ephemeral_storage_mb = 2048
  reserved_concurrency = -1
  log_retention_days   = 14
  log_level            = "INFO"
}

run "policies" {
  command = plan
  module { source = "./modules/executor" }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.execute.statement : statement.resources if statement.sid == "ReadAndWriteObjects"]) == toset(["arn:aws:s3:::own/*", "arn:aws:s3:::theirs/*"])
    error_message = "Scripts reach the deployment's bucket and the extra ones, no other."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.initialize.statement : statement.resources if statement.sid == "WriteManifest"]) == toset(["arn:aws:s3:::own/executions/*"])
    error_message = "Of the executions' state Initialize writes what is below executions/ and nothing else."
  }

  assert {
    condition = (
      one([for statement in data.aws_iam_policy_document.initialize.statement : statement.resources if statement.sid == "ReadSources"]) == toset(["arn:aws:s3:::own/*.py", "arn:aws:s3:::theirs/*.py"]) &&
      one([for statement in data.aws_iam_policy_document.initialize.statement : statement.resources if statement.sid == "ReadPackages"]) == toset(["arn:aws:s3:::own/*.zip", "arn:aws:s3:::theirs/*.zip"]) &&
      one([for statement in data.aws_iam_policy_document.initialize.statement : statement.resources if statement.sid == "KeepPayload"]) == toset(["arn:aws:s3:::own/payload.json", "arn:aws:s3:::theirs/payload.json"])
    )
    error_message = "Of a bucket's objects Initialize reads sources and archives of packages, and it keeps the course's payload.json."
  }

  assert {
    condition = alltrue([
      for statement in concat(data.aws_iam_policy_document.list.statement, data.aws_iam_policy_document.summarize.statement, data.aws_iam_policy_document.execute.statement, data.aws_iam_policy_document.initialize.statement) :
      alltrue([for action in statement.actions : !strcontains(action, "*")])
    ])
    error_message = "Actions are listed one by one."
  }
}

run "what_scripts_may_change" {
  command = plan
  module { source = "./modules/executor" }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.execute.statement : statement.resources if statement.effect != "Deny" && contains(statement.actions, "s3:DeleteObject")] == [toset(["arn:aws:s3:::own/fmi/*", "arn:aws:s3:::theirs/fmi/*"])]
    error_message = "A user's script deletes messages of the S3 channel, and no result or data."
  }

  assert {
    condition = {
      for statement in data.aws_iam_policy_document.execute.statement : statement.sid => statement.resources if statement.effect == "Deny"
      } == {
      KeepOutOfBuilds = toset(["arn:aws:s3:::own/builds/*"])
      KeepPackages    = toset(["arn:aws:s3:::own/requirements/*", "arn:aws:s3:::theirs/requirements/*"])
      KeepUploads     = toset(["arn:aws:s3:::own/uploads/*"])
    }
    error_message = "A user's script reaches neither what CodeBuild runs nor what later executions run and import."
  }
}

run "the_courses_name_of_the_function" {
  command = plan
  module { source = "./modules/executor" }
  variables { execute_name = "test-executor" }

  assert {
    condition     = output.function_names == { initialize = "test-initialize", execute = "test-executor", summarize = "test-summarize" }
    error_message = "Only the function that runs the ranks has another name."
  }

  assert {
    condition     = output.log_groups["execute"] == "/aws/lambda/test-executor"
    error_message = "Its log group follows."
  }
}

run "timeouts" {
  command = plan
  module { source = "./modules/executor" }
  variables { timeout_s = 60 }

  assert {
    condition     = output.timeouts_s["execute"] == 60 && alltrue([for limit in values(output.timeouts_s) : limit <= 900])
    error_message = "The state machine's limits are derived from the functions'."
  }
}

run "a_bucket_by_name" {
  command = plan
  module { source = "./modules/executor" }
  variables { bucket_arn = "own" }
  expect_failures = [var.bucket_arn]
}

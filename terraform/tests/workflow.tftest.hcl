# The state machine: its own role.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix = "test"
  region      = "us-east-1"
  definition  = "../statemachine.asl.json"
  bucket      = "own"
  bucket_arn  = "arn:aws:s3:::own"
  function_arns = {
    initialize      = "arn:aws:lambda:us-east-1:123456789012:function:test-initialize"
    find_rendezvous = "arn:aws:lambda:us-east-1:123456789012:function:test-find-rendezvous"
    execute         = "arn:aws:lambda:us-east-1:123456789012:function:test-execute"
    summarize       = "arn:aws:lambda:us-east-1:123456789012:function:test-summarize"
  }
  attempts                  = 2
  initialize_timeout_s      = 60
  find_rendezvous_timeout_s = 30
  execute_timeout_s         = 900
  summarize_timeout_s       = 300
  log_retention_days        = 14
}

run "own_machine_only" {
  command = apply
  module { source = "./modules/workflow" }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.this.statement : statement.resources if contains(statement.actions, "states:StartExecution")]) == toset(["arn:aws:states:us-east-1:123456789012:stateMachine:test-world"])
    error_message = "The Map starts executions of its own machine, of no other."
  }

  assert {
    condition     = one(aws_sfn_state_machine.this.logging_configuration).include_execution_data == false
    error_message = "Inputs may name private data, and the secret of a world is nobody's business."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.this.statement : statement.resources if contains(statement.actions, "lambda:InvokeFunction")]) == toset(values(var.function_arns))
    error_message = "It calls its own functions."
  }
}

run "a_bucket_by_name" {
  command = plan
  module { source = "./modules/workflow" }
  variables { bucket_arn = "own" }
  expect_failures = [var.bucket_arn]
}

run "without_a_rendezvous_server" {
  command = apply
  module { source = "./modules/workflow" }
  variables {
    function_arns = {
      initialize = "arn:aws:lambda:us-east-1:123456789012:function:test-initialize"
      execute    = "arn:aws:lambda:us-east-1:123456789012:function:test-execute"
      summarize  = "arn:aws:lambda:us-east-1:123456789012:function:test-summarize"
    }
    find_rendezvous_timeout_s = 0
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.FindRendezvous.Type == "Fail"
    error_message = "Nothing looks for a server that is not there."
  }

  assert {
    condition     = length(jsondecode(aws_sfn_state_machine.this.definition).States) == length(jsondecode(local.definition).States)
    error_message = "All other states are there."
  }
}

run "with_a_role_that_exists" {
  command = apply
  module { source = "./modules/workflow" }
  variables { role_arn = "arn:aws:iam::123456789012:role/LabRole" }

  assert {
    condition     = length(aws_iam_role.this) + length(aws_iam_role_policy.this) == 0 && aws_sfn_state_machine.this.role_arn == "arn:aws:iam::123456789012:role/LabRole"
    error_message = "It has that role, and none is made or changed."
  }
}

run "within_a_boundary" {
  command = apply
  module { source = "./modules/workflow" }
  variables { permissions_boundary = "arn:aws:iam::123456789012:policy/boundary" }

  assert {
    condition     = aws_iam_role.this[0].permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "No role is made without it."
  }
}

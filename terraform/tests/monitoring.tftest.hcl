# Dashboard and budget: off unless asked for.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix          = "test"
  region               = "us-east-1"
  function_names       = { initialize = "test-initialize", execute = "test-execute", summarize = "test-summarize" }
  state_machine_arn    = "arn:aws:states:us-east-1:123456789012:stateMachine:test-world"
  rendezvous_log_group = "/ecs/test-rendezvous"
}

run "off" {
  command = plan
  module { source = "./modules/monitoring" }

  assert {
    condition     = output.dashboard == null && output.budget == null && length(aws_cloudwatch_log_metric_filter.rendezvous) == 0
    error_message = "What may cost something is not there unless asked for."
  }
}

run "on" {
  command = plan
  module { source = "./modules/monitoring" }

  variables {
    dashboard       = true
    budget_usd      = 20
    budget_email    = "student@university.test"
    budget_tag_only = true
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets) == 6
    error_message = "Invocations, errors, duration, concurrency, executions and the rendezvous server have a chart each."
  }

  assert {
    condition     = sum([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : length(widget.properties.metrics)]) <= 50
    error_message = "A dashboard with more than 50 metrics is not free."
  }

  assert {
    condition     = aws_budgets_budget.this[0].limit_amount == "20" && one(aws_budgets_budget.this[0].cost_filter).values == tolist(["user:Project$test"])
    error_message = "The budget counts what carries the tag."
  }
}

run "functions_without_the_one_that_runs_ranks" {
  command = plan
  module { source = "./modules/monitoring" }
  variables { function_names = { rank = "test-rank" } }
  expect_failures = [var.function_names]
}

run "without_a_rendezvous_server" {
  command = plan
  module { source = "./modules/monitoring" }

  variables {
    dashboard            = true
    rendezvous_log_group = null
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets) == 5 && length(aws_cloudwatch_log_metric_filter.rendezvous) == 0
    error_message = "Nothing is drawn of a server that is not there."
  }
}

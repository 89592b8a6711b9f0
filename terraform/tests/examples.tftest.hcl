# Whatever the variables are: tests/terraform/test_examples.py runs this with each file of examples/.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "planned" {
  command = plan

  assert {
    condition     = alltrue([for name in concat(values(output.functions), [output.bucket]) : startswith(name, "${var.name_prefix}-")])
    error_message = "Every name starts with the prefix."
  }

  assert {
    condition     = output.rendezvous_domain == (var.domain_name == null ? null : "rendezvous.${coalesce(var.domain_name, "-")}")
    error_message = "There is a record where there is a domain."
  }

  assert {
    condition     = (output.dashboard != null) == var.dashboard && (output.budget != null) == (var.budget_usd != null)
    error_message = "What costs something, or warns of it, is there when it was asked for."
  }
}

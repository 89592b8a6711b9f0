# What the whole deployment is made of, planned without an account.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  # Applying with a mocked provider creates nothing, but a local-exec would run.
  image_builder = "prebuilt"
  prebuilt_images = {
    executor   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/images/executor@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    rendezvous = "123456789012.dkr.ecr.us-east-1.amazonaws.com/images/rendezvous@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }
}

run "everything" {
  command = apply

  assert {
    condition     = output.bucket == "cosmic-123456789012-us-east-1"
    error_message = "The bucket's name has to be unique across accounts and regions, and is ${output.bucket}."
  }

  assert {
    condition     = output.functions == { for name in ["initialize", "find_rendezvous", "execute", "summarize", "publish_address"] : name => "cosmic-${replace(name, "_", "-")}" }
    error_message = "cosmic-fmi run reads these names."
  }

  assert {
    condition     = toset(keys(output.log_groups)) == toset(["initialize", "execute", "summarize", "find_rendezvous", "publish_address", "rendezvous", "state_machine"])
    error_message = "Everything that writes a log has a log group of its own."
  }

  assert {
    condition     = output.executor_log_group == "/aws/lambda/cosmic-execute"
    error_message = "Helper scripts find the ranks' logs by this output."
  }

  assert {
    condition     = output.rendezvous_domain == null
    error_message = "There is no record without a domain."
  }
}

run "with_the_courses_log_group" {
  command = apply
  variables { executor_name = "cosmic-executor" }

  assert {
    condition     = output.executor_log_group == "/aws/lambda/cosmic-executor" && output.functions["execute"] == "cosmic-executor" && output.log_groups["execute"] == output.executor_log_group
    error_message = "The course's helper scripts have this name in them."
  }
}

run "a_second_team_shares_no_name" {
  command = apply
  variables { name_prefix = "team-2" }

  assert {
    condition     = alltrue([for name in concat(values(output.functions), values(output.log_groups), [output.bucket, output.rendezvous.parameter, output.rendezvous.service]) : strcontains(name, "team-2")])
    error_message = "A name without the prefix would collide with another team's."
  }
}

run "with_a_domain_of_its_own" {
  command = apply
  variables {
    domain_name = "example.org"
    create_zone = true
  }

  assert {
    condition     = output.rendezvous_domain == "rendezvous.example.org"
    error_message = "The record is rendezvous.<domain_name>."
  }
}

run "without_a_rendezvous_server" {
  command = apply
  variables { rendezvous_mode = "none" }

  assert {
    condition     = output.rendezvous == { mode = "none" } && output.rendezvous_domain == null && keys(output.images) == ["executor"]
    error_message = "There is no server, and no image of one."
  }

  assert {
    condition     = toset(keys(output.functions)) == toset(["initialize", "execute", "summarize"]) && toset(keys(output.log_groups)) == toset(["initialize", "execute", "summarize", "state_machine"])
    error_message = "Nothing looks for it either."
  }
}

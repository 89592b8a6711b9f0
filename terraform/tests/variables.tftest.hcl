# Every validation block refuses a wrong value with its sentence, before anything is planned.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "each_of_these_is_refused" {
  command = plan

  variables {
    name_prefix                   = "Team_1"
    region                        = "Virginia"
    image_builder                 = "podman"
    image_build_args              = { BASE_IMAGE = "two words" }
    architecture                  = "amd64"
    executor_memory_mb            = 10241
    executor_timeout_s            = 901
    executor_ephemeral_storage_mb = 256
    reserved_concurrency          = 0
    extra_buckets                 = ["s3://my-bucket"]
    world_attempts                = 6
    rendezvous_idle_s             = 60
    result_retention_days         = 0
    log_retention_days            = 15
    log_level                     = "verbose"
    rendezvous_port               = 80
    domain_name                   = "Example.org."
    existing_roles                = { functions = "LabRole" }
    permissions_boundary          = "boundary"
    existing_network              = { vpc_id = "default", subnet_ids = [], security_group_id = "default" }
    tags                          = { "aws:reserved" = "x" }
    budget_usd                    = -1
  }

  expect_failures = [
    var.name_prefix,
    var.region,
    var.image_builder,
    var.image_build_args,
    var.architecture,
    var.executor_memory_mb,
    var.executor_timeout_s,
    var.executor_ephemeral_storage_mb,
    var.reserved_concurrency,
    var.extra_buckets,
    var.world_attempts,
    var.rendezvous_idle_s,
    var.result_retention_days,
    var.log_retention_days,
    var.log_level,
    var.rendezvous_port,
    var.domain_name,
    var.existing_roles,
    var.permissions_boundary,
    var.existing_network,
    var.tags,
    var.budget_usd,
  ]
}

run "as_is_each_of_these" {
  command = plan

  variables {
    name_prefix                   = "-"
    architecture                  = "riscv"
    executor_memory_mb            = 64
    executor_timeout_s            = 0
    executor_ephemeral_storage_mb = 20000
    reserved_concurrency          = 1.5
    extra_buckets                 = ["theirs/data"]
    world_attempts                = 0
    result_retention_days         = 0.5
    log_retention_days            = -1
    log_level                     = "debug"
    rendezvous_port               = 22
    budget_usd                    = 0
    rendezvous_mode               = "sometimes"
    zone_id                       = "/hostedzone/Z1"
  }

  expect_failures = [
    var.name_prefix,
    var.architecture,
    var.executor_memory_mb,
    var.executor_timeout_s,
    var.executor_ephemeral_storage_mb,
    var.reserved_concurrency,
    var.extra_buckets,
    var.world_attempts,
    var.result_retention_days,
    var.log_retention_days,
    var.log_level,
    var.rendezvous_port,
    var.budget_usd,
    var.rendezvous_mode,
    var.zone_id,
  ]
}

run "a_prefix_that_ends_with_a_hyphen" {
  command = plan
  variables { name_prefix = "test-" }
  expect_failures = [var.name_prefix]
}

run "an_empty_prefix" {
  command = plan
  variables { name_prefix = "" }
  expect_failures = [var.name_prefix]
}

run "a_prefix_that_starts_with_a_digit" {
  command = plan
  variables { name_prefix = "2-teams" }
  expect_failures = [var.name_prefix]
}

run "a_negative_concurrency" {
  command = plan
  variables { reserved_concurrency = -2 }
  expect_failures = [var.reserved_concurrency]
}

run "a_budget_needs_somebody_to_warn" {
  command = plan
  variables { budget_usd = 20 }
  expect_failures = [var.budget_email]
}

run "the_name_of_another_team" {
  command = plan
  variables { executor_name = "their-executor" }
  expect_failures = [var.executor_name]
}

run "the_name_of_another_function" {
  command = plan
  variables { executor_name = "cosmic-summarize" }
  expect_failures = [var.executor_name]
}

run "too_long_for_the_names_made_of_it" {
  command = plan

  variables {
    name_prefix = "a-name-that-is-far-too-long"
  }

  expect_failures = [var.name_prefix]
}

run "a_zone_needs_a_domain" {
  command = plan

  variables {
    create_zone = true
  }

  expect_failures = [var.create_zone]
}

run "prebuilt_images_have_to_be_named" {
  command = plan

  variables {
    image_builder = "prebuilt"
  }

  expect_failures = [var.prebuilt_images]
}

run "metrics_have_a_port_of_their_own" {
  command = plan
  variables { rendezvous_port = 65535 }
  expect_failures = [var.rendezvous_port]
}

run "tags_that_are_set_here" {
  command = plan
  variables { tags = { project = "mine" } }
  expect_failures = [var.tags]
}

run "more_tags_than_aws_allows" {
  command = plan
  variables { tags = { for number in range(41) : "tag-${number}" => "x" } }
  expect_failures = [var.tags]
}

run "a_warning_needs_an_amount" {
  command = plan
  variables { budget_email = "student@university.test" }
  expect_failures = [var.budget_email]
}

run "an_address_without_an_at_sign" {
  command = plan

  variables {
    budget_usd   = 20
    budget_email = "student"
  }

  expect_failures = [var.budget_email]
}

run "prebuilt_images_are_named_by_digest_in_a_private_repository" {
  command = plan

  variables {
    image_builder = "prebuilt"
    prebuilt_images = {
      executor   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/executor:latest"
      rendezvous = "docker.io/library/rendezvous@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
  }

  expect_failures = [var.prebuilt_images]
}

run "prebuilt_images_are_where_the_functions_are" {
  command = plan

  variables {
    region        = "eu-west-1"
    image_builder = "prebuilt"
    prebuilt_images = {
      executor   = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/executor@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      rendezvous = "123456789012.dkr.ecr.us-east-1.amazonaws.com/rendezvous@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
  }

  expect_failures = [var.prebuilt_images]
}

run "a_start_that_parameter_store_keeps" {
  command = plan
  variables { name_prefix = "aws-class" }
  expect_failures = [var.name_prefix]
}

run "a_start_that_s3_keeps" {
  command = plan
  variables { name_prefix = "sthree-team" }
  expect_failures = [var.name_prefix]
}

run "a_region_with_other_arns" {
  command = plan
  variables { region = "us-gov-west-1" }
  expect_failures = [var.region]
}

run "tags_that_iam_takes_for_the_same" {
  command = plan
  variables { tags = { Team = "7", team = "8" } }
  expect_failures = [var.tags]
}

run "a_zone_that_exists_is_named" {
  command = plan
  variables { domain_name = "cosmic.test" }
  expect_failures = [var.zone_id]
}

run "a_zone_of_no_domain" {
  command = plan
  variables { zone_id = "Z0123456789" }
  expect_failures = [var.zone_id]
}

run "a_domain_of_no_server" {
  command = plan
  variables {
    rendezvous_mode = "none"
    domain_name     = "cosmic.test"
    create_zone     = true
  }
  expect_failures = [var.rendezvous_mode]
}

run "the_address_of_an_example" {
  command = plan

  variables {
    budget_usd   = 20
    budget_email = "you@example.org"
  }

  expect_failures = [var.budget_email]
}

# Its validation looks at image_build_args, and is not reached where that is refused.
run "a_digest_that_is_a_tag" {
  command = plan
  variables { base_image_digest = "sha256:latest" }
  expect_failures = [var.base_image_digest]
}

run "a_digest_of_another_base" {
  command = plan

  variables {
    base_image_digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    image_build_args  = { BASE_IMAGE = "debian" }
  }

  expect_failures = [var.base_image_digest]
}

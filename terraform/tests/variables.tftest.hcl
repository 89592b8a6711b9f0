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
    rendezvous_mode               = "sometimes"
    rendezvous_idle_s             = 60
    result_retention_days         = 0
    log_retention_days            = 15
    log_level                     = "verbose"
    rendezvous_port               = 80
    domain_name                   = "Example.org."
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
    var.rendezvous_mode,
    var.rendezvous_idle_s,
    var.result_retention_days,
    var.log_retention_days,
    var.log_level,
    var.rendezvous_port,
    var.domain_name,
    var.tags,
    var.budget_usd,
  ]
}

run "for_another_reason_each_of_these" {
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
  ]
}

# What a variable refuses for one more reason each. One whose validation looks at another variable is not reached where that
# one is refused, so executor_name and name_prefix are apart, as are prebuilt_images and region.
run "for_a_third_reason_each_of_these" {
  command = plan

  variables {
    name_prefix          = "test-"         # ends with a hyphen
    region               = "us-gov-west-1" # has other ARNs
    reserved_concurrency = -2
    rendezvous_port      = 65535 # leaves none for metrics
    tags                 = { project = "mine" }
    budget_usd           = 20 # and nobody to warn
  }

  expect_failures = [
    var.name_prefix,
    var.region,
    var.reserved_concurrency,
    var.rendezvous_port,
    var.tags,
    var.budget_email,
  ]
}

run "for_a_fourth_reason_each_of_these" {
  command = plan

  variables {
    name_prefix   = ""
    tags          = { for number in range(41) : "tag-${number}" => "x" } # more than AWS allows
    budget_email  = "student@example.org"                                # and no amount
    create_zone   = true                                                 # and no domain
    image_builder = "prebuilt"                                           # and no images
  }

  expect_failures = [
    var.name_prefix,
    var.tags,
    var.budget_email,
    var.create_zone,
    var.prebuilt_images,
  ]
}

run "for_a_fifth_reason_each_of_these" {
  command = plan

  variables {
    name_prefix   = "2-teams"
    tags          = { Team = "7", team = "8" } # which IAM takes for the same
    budget_usd    = 20
    budget_email  = "student"
    image_builder = "prebuilt"
    prebuilt_images = { # by digest, in a private repository
      executor   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/executor:latest"
      rendezvous = "docker.io/library/rendezvous@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
  }

  expect_failures = [
    var.name_prefix,
    var.tags,
    var.budget_email,
    var.prebuilt_images,
  ]
}

run "what_another_has_and_images_of_another_region" {
  command = plan

  variables {
    executor_name = "their-executor"
    region        = "eu-west-1"
    image_builder = "prebuilt"
    prebuilt_images = {
      executor   = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/executor@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      rendezvous = "123456789012.dkr.ecr.us-east-1.amazonaws.com/rendezvous@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
  }

  expect_failures = [var.executor_name, var.prebuilt_images]
}

run "the_name_of_another_function" {
  command = plan
  variables { executor_name = "cosmic-summarize" }
  expect_failures = [var.executor_name]
}

run "too_long_for_the_names_made_of_it" {
  command = plan
  variables { name_prefix = "a-name-that-is-far-too-long" }
  expect_failures = [var.name_prefix]
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

# The rendezvous server can be reached at its own port and nowhere else.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix         = "test"
  image_uri           = "123456789012.dkr.ecr.us-east-1.amazonaws.com/test/rendezvous:1"
  publisher_image_uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/test/executor:1"
  repository_arn      = "arn:aws:ecr:us-east-1:123456789012:repository/test/rendezvous"
  architecture        = "x86_64"
  port                = 12345
  mode                = "on-demand"
  idle_s              = 900
  domain_name         = null
  create_zone         = false
  log_retention_days  = 14
  log_level           = "INFO"
  region              = "us-east-1"
}

run "reach" {
  command = apply
  module { source = "./modules/rendezvous" }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.rendezvous[0].from_port == 12345 && aws_vpc_security_group_ingress_rule.rendezvous[0].to_port == 12345
    error_message = "Only the port for clients is open to the world; health and metrics are not."
  }

  assert {
    condition     = [for mapping in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].portMappings : mapping.containerPort] == [12345]
    error_message = "The container shows no other port."
  }
}

run "on_demand" {
  command = apply
  module { source = "./modules/rendezvous" }

  assert {
    condition     = one(values(aws_ecs_service.this)).desired_count == 0
    error_message = "Nothing runs, and nothing is billed, until an execution asks for the server."
  }

  assert {
    condition     = slice(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].command, 7, 9) == ["--idle-exit", "900"]
    error_message = "A server that executions start has to end by itself."
  }
}

run "always_on" {
  command = apply
  module { source = "./modules/rendezvous" }
  variables { mode = "always-on" }

  assert {
    condition     = one(values(aws_ecs_service.this)).desired_count == 1
    error_message = "The server runs from the apply on."
  }

  assert {
    condition     = !contains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].command, "--idle-exit")
    error_message = "A server that is always on does not end."
  }

  assert {
    condition     = one(values(aws_ecs_service.this)).name != run.on_demand.service.name
    error_message = "Another mode is another service: Terraform leaves the number of tasks of an existing one alone."
  }
}

run "a_network_too_small_for_two_subnets" {
  command = plan
  module { source = "./modules/rendezvous" }
  variables { vpc_cidr = "10.0.0.0/32" }
  expect_failures = [var.vpc_cidr]
}

run "in_a_network_that_exists" {
  command = apply
  module { source = "./modules/rendezvous" }
  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], security_group_id = "sg-1" }
  }

  assert {
    condition     = length(aws_vpc.this) + length(aws_subnet.public) + length(aws_security_group.this) + length(aws_internet_gateway.this) + length(aws_route_table.public) + length(aws_default_security_group.this) == 0
    error_message = "No network is made beside it."
  }

  assert {
    condition     = one(one(values(aws_ecs_service.this)).network_configuration).subnets == toset(["subnet-1", "subnet-2"]) && one(one(values(aws_ecs_service.this)).network_configuration).security_groups == toset(["sg-1"])
    error_message = "The server runs in it."
  }
}

run "with_roles_that_exist" {
  command = apply
  module { source = "./modules/rendezvous" }
  variables {
    agent_role_arn    = "arn:aws:iam::123456789012:role/LabRole"
    function_role_arn = "arn:aws:iam::123456789012:role/LabRole"
  }

  assert {
    condition     = length(aws_iam_role.agent) + length(aws_iam_role_policy.agent) == 0 && aws_ecs_task_definition.this.execution_role_arn == "arn:aws:iam::123456789012:role/LabRole"
    error_message = "ECS takes the role that exists."
  }
}

run "within_a_boundary" {
  command = apply
  module { source = "./modules/rendezvous" }
  variables { permissions_boundary = "arn:aws:iam::123456789012:policy/boundary" }

  assert {
    condition     = aws_iam_role.agent[0].permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "No role is made without it."
  }
}

run "in_a_zone_that_exists" {
  command = apply
  module { source = "./modules/rendezvous" }
  variables {
    domain_name = "cosmic.test"
    zone_id     = "Z0123456789"
  }

  assert {
    condition     = length(aws_route53_zone.this) == 0 && aws_route53_record.address[0].zone_id == "Z0123456789"
    error_message = "The record is made there, and no zone."
  }
}

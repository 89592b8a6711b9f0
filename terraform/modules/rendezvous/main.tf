# The rendezvous server: one smallest Fargate task with a public address, and no load balancer or NAT gateway, which
# would each cost more than the task. network.tf and address.tf hold where it runs and how it is found.

data "aws_caller_identity" "this" {}

locals {
  metrics_port = var.port + 1
  name         = "${var.name_prefix}-rendezvous"
  on_demand    = var.mode == "on-demand"

  # Another mode is another instance and another service: Terraform leaves the number of tasks of one that is there alone,
  # even when it replaces it.
  service_name = local.on_demand ? "${local.name}-on-demand" : local.name
  service_arn  = "arn:aws:ecs:${var.region}:${data.aws_caller_identity.this.account_id}:service/${local.name}/${local.service_name}"
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/ecs/${local.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_cluster" "this" {
  name = local.name
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

# The role of the ECS agent. The server itself calls no AWS service and has no role.
resource "aws_iam_role" "agent" {
  count = var.agent_role_arn == null ? 1 : 0

  name                 = "${local.name}-agent"
  description          = "Lets ECS pull the rendezvous image and write its log"
  assume_role_policy   = data.aws_iam_policy_document.assume.json
  permissions_boundary = var.permissions_boundary
}

data "aws_iam_policy_document" "agent" {
  statement {
    sid       = "PullImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [var.repository_arn]
  }

  statement {
    sid       = "LogInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # this action knows no resources
  }

  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }
}

resource "aws_iam_role_policy" "agent" {
  count = var.agent_role_arn == null ? 1 : 0

  name   = "agent"
  role   = aws_iam_role.agent[0].name
  policy = data.aws_iam_policy_document.agent.json
}

resource "aws_ecs_task_definition" "this" {
  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = var.agent_role_arn == null ? aws_iam_role.agent[0].arn : var.agent_role_arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = upper(var.architecture)
  }

  container_definitions = jsonencode([{
    name                   = "rendezvous"
    image                  = var.image_uri
    essential              = true
    cpu                    = 256
    memory                 = 512
    readonlyRootFilesystem = true

    command = concat(
      ["python", "-m", "containers.rendezvous", "--host", "0.0.0.0", "--port", tostring(var.port)],
      local.on_demand ? ["--idle-exit", tostring(var.idle_s)] : [],
    )
    environment = [
      { name = "PORT", value = tostring(var.port) },
      { name = "METRICS_PORT", value = tostring(local.metrics_port) },
    ]
    portMappings = [{ containerPort = var.port, hostPort = var.port, protocol = "tcp" }]

    # ECS ignores the HEALTHCHECK of the image. It asks at METRICS_PORT, open to this container only.
    healthCheck = {
      command     = ["CMD", "python", "-m", "containers.rendezvous.health"]
      interval    = 30
      timeout     = 5
      retries     = 3
      startPeriod = 10
    }

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = var.region
        awslogs-stream-prefix = "server"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  for_each = toset([var.mode])

  name            = local.service_name
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = local.on_demand ? 0 : 1
  launch_type     = "FARGATE"
  propagate_tags  = "SERVICE"

  # Never two servers: ranks that meet at different ones would wait for each other for ever.
  deployment_maximum_percent         = 100
  deployment_minimum_healthy_percent = 0

  network_configuration {
    subnets          = local.subnet_ids
    security_groups  = [var.network == null ? aws_security_group.this[0].id : var.network.security_group_id]
    assign_public_ip = true
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = false
  }

  lifecycle {
    ignore_changes = [
      desired_count,                 # find_rendezvous and publish_address set it
      availability_zone_rebalancing, # the embedded AWS does not report it
    ]
  }

  # The task's first state change must find the publisher listening, the image's pull a role and a way out.
  depends_on = [
    aws_cloudwatch_event_target.publisher,
    aws_lambda_permission.publisher,
    aws_iam_role_policy.agent,
    aws_route_table_association.public,
    aws_vpc_security_group_ingress_rule.rendezvous,
    aws_vpc_security_group_egress_rule.https,
  ]
}

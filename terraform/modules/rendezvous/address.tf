# How the server is found: its task's public address changes at every start, so a function writes it down each time.

locals {
  record_name = var.domain_name == null ? null : "rendezvous.${var.domain_name}"

  zone_id = (
    var.domain_name == null ? null :
    var.create_zone ? aws_route53_zone.this[0].zone_id : var.zone_id
  )
}

resource "aws_ssm_parameter" "address" {
  name        = "/${var.name_prefix}/rendezvous"
  description = "Address of the rendezvous server as ip:port, or pending while there is none"
  type        = "String"
  value       = "pending"

  lifecycle {
    ignore_changes = [value, insecure_value] # the publisher's from here on
  }
}

resource "aws_route53_zone" "this" {
  count = var.domain_name != null && var.create_zone ? 1 : 0

  name          = var.domain_name
  force_destroy = true
}

resource "aws_route53_record" "address" {
  count = var.domain_name == null ? 0 : 1

  zone_id = local.zone_id
  name    = local.record_name
  type    = "A"
  ttl     = 10
  records = ["192.0.2.1"] # an address that is nobody's (RFC 5737)

  lifecycle {
    ignore_changes = [records]
  }
}

data "aws_iam_policy_document" "publisher" {
  statement {
    sid       = "KeepParameter"
    actions   = ["ssm:GetParameter", "ssm:PutParameter"]
    resources = [aws_ssm_parameter.address.arn]
  }

  statement {
    sid       = "ReadTaskAddress"
    actions   = ["ec2:DescribeNetworkInterfaces"]
    resources = ["*"] # this action knows no resources
  }

  dynamic "statement" {
    for_each = local.on_demand ? [local.service_arn] : []

    content {
      sid       = "LetEndedServerRest"
      actions   = ["ecs:UpdateService"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.domain_name == null ? [] : [local.zone_id]

    content {
      sid       = "KeepRecord"
      actions   = ["route53:ChangeResourceRecordSets"]
      resources = ["arn:aws:route53:::hostedzone/${statement.value}"]

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
        values   = [local.record_name]
      }
    }
  }
}

module "publisher" {
  source = "../function"

  name               = "${var.name_prefix}-publish-address"
  description        = "Writes the rendezvous task's public address down when the task starts or stops"
  image_uri          = var.publisher_image_uri
  image_build        = var.publisher_image_build
  handler            = "containers.executor.handlers.publish_address.handler"
  architecture       = var.architecture
  memory_mb          = 256
  timeout_s          = 60
  policy             = data.aws_iam_policy_document.publisher.json
  log_retention_days = var.log_retention_days

  role_arn             = var.function_role_arn
  permissions_boundary = var.permissions_boundary

  environment = merge(
    {
      RENDEZVOUS_PARAMETER = aws_ssm_parameter.address.name
      RENDEZVOUS_PORT      = tostring(var.port)
      VPC_ID               = local.vpc_id
      LOG_LEVEL            = var.log_level
    },
    local.on_demand ? { ON_DEMAND = "1", ECS_CLUSTER = local.name, ECS_SERVICE = local.service_name } : {},
    var.domain_name == null ? {} : {
      HOSTED_ZONE_ID = local.zone_id
      RECORD_NAME    = local.record_name
    },
  )
}

resource "aws_cloudwatch_event_rule" "task_state" {
  name        = "${local.name}-task"
  description = "The rendezvous task runs or has stopped"

  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      clusterArn = [aws_ecs_cluster.this.arn]
      group      = ["service:${local.service_name}"]
      lastStatus = ["RUNNING", "STOPPED"]
    }
  })
}

resource "aws_cloudwatch_event_target" "publisher" {
  rule = aws_cloudwatch_event_rule.task_state.name
  arn  = module.publisher.arn
}

resource "aws_lambda_permission" "publisher" {
  statement_id  = "task-state"
  action        = "lambda:InvokeFunction"
  function_name = module.publisher.name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.task_state.arn
}

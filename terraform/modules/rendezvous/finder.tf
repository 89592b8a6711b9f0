# How an execution finds the server, or has it started: a function that the state machine calls until there is an address.

data "aws_iam_policy_document" "finder" {
  statement {
    sid       = "ReadAddress"
    actions   = ["ssm:GetParameter"]
    resources = [aws_ssm_parameter.address.arn]
  }

  statement {
    sid       = "StartServer"
    actions   = ["ecs:UpdateService"]
    resources = [local.service_arn]
  }
}

module "finder" {
  source = "../function"

  name               = "${var.name_prefix}-find-rendezvous"
  description        = "Finds the rendezvous server for an execution, or has it started"
  image_uri          = var.publisher_image_uri
  image_build        = var.publisher_image_build
  handler            = "containers.executor.handlers.find_rendezvous.handler"
  architecture       = var.architecture
  memory_mb          = 256
  timeout_s          = 30
  policy             = data.aws_iam_policy_document.finder.json
  log_retention_days = var.log_retention_days

  role_arn             = var.function_role_arn
  permissions_boundary = var.permissions_boundary

  environment = {
    RENDEZVOUS_PARAMETER = aws_ssm_parameter.address.name
    ECS_CLUSTER          = local.name
    ECS_SERVICE          = local.service_name
    LOG_LEVEL            = var.log_level
  }
}

# The three functions of the state machine, from one image.

locals {
  names = {
    for key in keys(local.functions) : key => key == "execute" && var.execute_name != null ? var.execute_name : "${var.name_prefix}-${key}"
  }

  common = {
    STATE_BUCKET = var.bucket
    LOG_LEVEL    = var.log_level
  }

  functions = {
    initialize = {
      description          = "Checks an execution's input and writes the ranks' manifest"
      memory_mb            = 512
      timeout_s            = 60
      ephemeral_storage_mb = 512
      reserved_concurrency = -1
      environment = merge(
        local.common,
        { EXECUTE_EPHEMERAL_STORAGE_MB = tostring(var.ephemeral_storage_mb) },
        var.rendezvous ? {} : { NO_RENDEZVOUS = "1" },
        var.reserved_concurrency < 0 ? {} : { EXECUTE_RESERVED_CONCURRENCY = tostring(var.reserved_concurrency) },
      )
    }
    execute = {
      description          = "Runs the script of one rank"
      memory_mb            = var.memory_mb
      timeout_s            = var.timeout_s
      ephemeral_storage_mb = var.ephemeral_storage_mb
      reserved_concurrency = var.reserved_concurrency
      # Threads that wait sleep: spinning burns the share of a processor that the memory size buys. The image tells a rank
      # whether stored results are those of the same code.
      environment = merge(local.common, { OMP_WAIT_POLICY = "PASSIVE", IMAGE = var.image_uri })
    }
    summarize = {
      description          = "Accepts or refuses an execution and combines its results"
      memory_mb            = 1769 # one whole processor
      timeout_s            = 300
      ephemeral_storage_mb = 512
      reserved_concurrency = -1
      environment          = local.common
    }
  }
}

module "function" {
  source   = "../function"
  for_each = local.functions

  name                 = local.names[each.key]
  description          = each.value.description
  image_uri            = var.image_uri
  image_build          = var.image_build
  handler              = "containers.executor.handlers.${each.key}.handler"
  architecture         = var.architecture
  memory_mb            = each.value.memory_mb
  timeout_s            = each.value.timeout_s
  ephemeral_storage_mb = each.value.ephemeral_storage_mb
  reserved_concurrency = each.value.reserved_concurrency
  environment          = each.value.environment
  policy               = local.policies[each.key]
  role_arn             = var.role_arn
  permissions_boundary = var.permissions_boundary
  log_retention_days   = var.log_retention_days
}

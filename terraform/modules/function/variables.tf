variable "name" {
  description = "Name of the function."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,64}$", var.name))
    error_message = "name has to be 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "description" {
  description = "What the function does, in a sentence."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.description) <= 256
    error_message = "description can have 256 characters at most."
  }
}

variable "image_uri" {
  description = "URI of the executor image."
  type        = string
  nullable    = false
}

variable "handler" {
  description = "Handler as a dotted Python name; it is the container's command."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)+$", var.handler))
    error_message = "handler has to be a dotted Python name such as package.module.handler."
  }
}

variable "architecture" {
  description = "Processor architecture: x86_64 or arm64."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture has to be x86_64 or arm64."
  }
}

variable "memory_mb" {
  description = "Memory in MB."
  type        = number
  nullable    = false

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb has to be a whole number from 128 to 10240."
  }
}

variable "timeout_s" {
  description = "Time limit in seconds."
  type        = number
  nullable    = false

  validation {
    condition     = var.timeout_s >= 1 && var.timeout_s <= 900 && floor(var.timeout_s) == var.timeout_s
    error_message = "timeout_s has to be a whole number from 1 to 900, the most that Lambda allows."
  }
}

variable "ephemeral_storage_mb" {
  description = "Size of /tmp in MB."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.ephemeral_storage_mb >= 512 && var.ephemeral_storage_mb <= 10240 && floor(var.ephemeral_storage_mb) == var.ephemeral_storage_mb
    error_message = "ephemeral_storage_mb has to be a whole number from 512 to 10240."
  }
}

variable "reserved_concurrency" {
  description = "Most invocations at the same time; -1 for no limit of its own."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = (var.reserved_concurrency == -1 || var.reserved_concurrency >= 1) && floor(var.reserved_concurrency) == var.reserved_concurrency
    error_message = "reserved_concurrency has to be -1 or a whole number of at least 1."
  }
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
  nullable    = false
}

variable "policy" {
  description = "IAM policy (JSON) of what the function may do beside writing its log."
  type        = string
  nullable    = false

  validation {
    condition     = can(jsondecode(var.policy).Statement)
    error_message = "policy has to be the JSON of an IAM policy."
  }
}

variable "log_retention_days" {
  description = "Days that the log is kept."
  type        = number
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days has to be a period that CloudWatch offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, …"
  }
}

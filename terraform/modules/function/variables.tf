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
}

variable "memory_mb" {
  description = "Memory in MB."
  type        = number
  nullable    = false
}

variable "timeout_s" {
  description = "Time limit in seconds."
  type        = number
  nullable    = false
}

variable "ephemeral_storage_mb" {
  description = "Size of /tmp in MB."
  type        = number
  default     = 512
  nullable    = false
}

variable "reserved_concurrency" {
  description = "Most invocations at the same time; -1 for no limit of its own."
  type        = number
  default     = -1
  nullable    = false
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
}

variable "role_arn" {
  description = "ARN of a role that exists, for the function to have; null for a role of its own."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of the function's own role; null for none."
  type        = string
  default     = null
}

variable "image_build" {
  description = "What names the build of the image: Lambda looks the image's tag up again when it differs. null for an image by digest."
  type        = string
  default     = null
}

variable "name_prefix" {
  description = "Start of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix has to be 2 to 20 lower case letters, digits and hyphens, starting with a letter and not ending with a hyphen."
  }
}

variable "execute_name" {
  description = "Name of the function that runs the ranks; null for <name_prefix>-execute."
  type        = string
  default     = null
}

variable "image_uri" {
  description = "URI of the executor image."
  type        = string
  nullable    = false
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

variable "bucket" {
  description = "Name of the deployment's bucket."
  type        = string
  nullable    = false
}

variable "bucket_arn" {
  description = "ARN of the deployment's bucket."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:s3:::", var.bucket_arn))
    error_message = "bucket_arn has to be the ARN of a bucket."
  }
}

variable "extra_buckets" {
  description = "Names of further buckets that executions may use."
  type        = set(string)
  nullable    = false

  validation {
    condition     = alltrue([for name in var.extra_buckets : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", name))])
    error_message = "extra_buckets has to hold bucket names, without s3:// and without keys."
  }
}

variable "memory_mb" {
  description = "Memory of a rank in MB."
  type        = number
  nullable    = false

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb has to be a whole number from 128 to 10240."
  }
}

variable "timeout_s" {
  description = "Time limit of a rank in seconds."
  type        = number
  nullable    = false

  validation {
    condition     = var.timeout_s >= 1 && var.timeout_s <= 900 && floor(var.timeout_s) == var.timeout_s
    error_message = "timeout_s has to be a whole number from 1 to 900, the most that Lambda allows."
  }
}

variable "ephemeral_storage_mb" {
  description = "Size of a rank's /tmp in MB."
  type        = number
  nullable    = false

  validation {
    condition     = var.ephemeral_storage_mb >= 512 && var.ephemeral_storage_mb <= 10240 && floor(var.ephemeral_storage_mb) == var.ephemeral_storage_mb
    error_message = "ephemeral_storage_mb has to be a whole number from 512 to 10240."
  }
}

variable "reserved_concurrency" {
  description = "Most ranks at the same time; -1 for no limit of its own."
  type        = number
  nullable    = false

  validation {
    condition     = (var.reserved_concurrency == -1 || var.reserved_concurrency >= 1) && floor(var.reserved_concurrency) == var.reserved_concurrency
    error_message = "reserved_concurrency has to be -1 or a whole number of at least 1."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days has to be a period that CloudWatch offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, …"
  }
}

variable "log_level" {
  description = "Least severe level that the handlers log."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level has to be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "name_prefix" {
  description = "Start of every name."
  type        = string
}

variable "image_uri" {
  description = "URI of the executor image."
  type        = string
}

variable "architecture" {
  description = "Processor architecture: x86_64 or arm64."
  type        = string
}

variable "bucket" {
  description = "Name of the deployment's bucket."
  type        = string
}

variable "bucket_arn" {
  description = "ARN of the deployment's bucket."
  type        = string
}

variable "extra_buckets" {
  description = "Names of further buckets that executions may use."
  type        = set(string)
}

variable "memory_mb" {
  description = "Memory of a rank in MB."
  type        = number
}

variable "timeout_s" {
  description = "Time limit of a rank in seconds."
  type        = number
}

variable "ephemeral_storage_mb" {
  description = "Size of a rank's /tmp in MB."
  type        = number
}

variable "reserved_concurrency" {
  description = "Most ranks at the same time; -1 for no limit of its own."
  type        = number
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
}

variable "log_level" {
  description = "Least severe level that the handlers log."
  type        = string
}

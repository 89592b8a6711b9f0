variable "name" {
  description = "Name of the function."
  type        = string
}

variable "description" {
  description = "What the function does, in a sentence."
  type        = string
}

variable "image_uri" {
  description = "URI of the executor image."
  type        = string
}

variable "handler" {
  description = "Handler as a dotted Python name; it is the container's command."
  type        = string
}

variable "architecture" {
  description = "Processor architecture: x86_64 or arm64."
  type        = string
}

variable "memory_mb" {
  description = "Memory in MB."
  type        = number
}

variable "timeout_s" {
  description = "Time limit in seconds."
  type        = number
}

variable "ephemeral_storage_mb" {
  description = "Size of /tmp in MB."
  type        = number
  default     = 512
}

variable "reserved_concurrency" {
  description = "Most invocations at the same time; -1 for no limit of its own."
  type        = number
  default     = -1
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
}

variable "policy" {
  description = "IAM policy (JSON) of what the function may do beside writing its log."
  type        = string
}

variable "log_retention_days" {
  description = "Days that the log is kept."
  type        = number
}

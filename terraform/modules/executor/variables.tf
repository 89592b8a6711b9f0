variable "name_prefix" {
  description = "Start of every name."
  type        = string
  nullable    = false
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
}

variable "memory_mb" {
  description = "Memory of a rank in MB."
  type        = number
  nullable    = false
}

variable "timeout_s" {
  description = "Time limit of a rank in seconds."
  type        = number
  nullable    = false
}

variable "ephemeral_storage_mb" {
  description = "Size of a rank's /tmp in MB."
  type        = number
  nullable    = false
}

variable "reserved_concurrency" {
  description = "Most ranks at the same time; -1 for no limit of its own."
  type        = number
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  nullable    = false
}

variable "log_level" {
  description = "Least severe level that the handlers log."
  type        = string
  nullable    = false
}

variable "rendezvous" {
  description = "Whether there is a rendezvous server; without one, executions that need it are refused."
  type        = bool
  default     = true
  nullable    = false
}

variable "role_arn" {
  description = "ARN of a role that exists, for all three functions; null for a role of its own for each."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of roles that are made here; null for none."
  type        = string
  default     = null
}

variable "image_build" {
  description = "What names the build of the functions' image: Lambda looks the image's tag up again when it differs. null for an image by digest."
  type        = string
  default     = null
}

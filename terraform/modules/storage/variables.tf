variable "name" {
  description = "Name of the bucket."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "name has to be 3 to 63 lower case letters, digits and hyphens; with dots the bucket's TLS certificate would not match."
  }
}

variable "lifecycle_rules" {
  description = "Whether S3 deletes old results, messages left behind and uploads that were not completed. Applying this takes 55 s."
  type        = bool
  default     = true
  nullable    = false
}

variable "result_retention_days" {
  description = "Days that the state and the default results of executions are kept."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.result_retention_days >= 1 && floor(var.result_retention_days) == var.result_retention_days
    error_message = "result_retention_days has to be a whole number of at least 1."
  }
}

variable "name_prefix" {
  description = "Start of every name."
  type        = string
  nullable    = false
}

variable "definition" {
  description = "Path of the state machine's template."
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

variable "function_arns" {
  description = "ARNs of the functions by handler; find_rendezvous is null where there is no rendezvous server."
  type = object({
    initialize      = string
    find_rendezvous = optional(string)
    execute         = string
    summarize       = string
  })
  nullable = false
}

variable "attempts" {
  description = "Most attempts at a world whose ranks are lost to the platform."
  type        = number
  nullable    = false
}

variable "initialize_timeout_s" {
  description = "Time limit of initialize in seconds."
  type        = number
  nullable    = false
}

variable "find_rendezvous_timeout_s" {
  description = "Time limit of one look for the rendezvous server in seconds."
  type        = number
  nullable    = false
}

variable "execute_timeout_s" {
  description = "Time limit of a rank in seconds."
  type        = number
  nullable    = false
}

variable "summarize_timeout_s" {
  description = "Time limit of summarize in seconds."
  type        = number
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that the log is kept."
  type        = number
  nullable    = false
}

variable "region" {
  description = "Region of everything."
  type        = string
  nullable    = false
}

variable "role_arn" {
  description = "ARN of a role that exists, for the state machine; null for a role of its own."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of the state machine's own role; null for none."
  type        = string
  default     = null
}

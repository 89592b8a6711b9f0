variable "name_prefix" {
  description = "Start of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix has to be 2 to 20 lower case letters, digits and hyphens, starting with a letter and not ending with a hyphen."
  }
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
  description = "ARNs of the functions by handler."
  type = object({
    initialize      = string
    find_rendezvous = string
    execute         = string
    summarize       = string
  })
  nullable = false
}

variable "attempts" {
  description = "Most attempts at a world whose ranks are lost to the platform."
  type        = number
  nullable    = false

  validation {
    condition     = var.attempts >= 1 && floor(var.attempts) == var.attempts
    error_message = "attempts has to be a whole number of at least 1."
  }
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

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days has to be a period that CloudWatch offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, …"
  }
}

variable "region" {
  description = "Region of everything."
  type        = string
  nullable    = false
}

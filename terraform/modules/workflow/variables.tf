variable "name_prefix" {
  description = "Start of every name."
  type        = string
}

variable "definition" {
  description = "Path of the state machine's template."
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

variable "function_arns" {
  description = "ARNs of the functions by handler."
  type = object({
    initialize      = string
    find_rendezvous = string
    execute         = string
    summarize       = string
  })
}

variable "attempts" {
  description = "Most attempts at a world whose ranks are lost to the platform."
  type        = number
}

variable "initialize_timeout_s" {
  description = "Time limit of initialize in seconds."
  type        = number
}

variable "find_rendezvous_timeout_s" {
  description = "Time limit of one look for the rendezvous server in seconds."
  type        = number
}

variable "execute_timeout_s" {
  description = "Time limit of a rank in seconds."
  type        = number
}

variable "summarize_timeout_s" {
  description = "Time limit of summarize in seconds."
  type        = number
}

variable "log_retention_days" {
  description = "Days that the log is kept."
  type        = number
}

variable "region" {
  description = "Region of everything."
  type        = string
}

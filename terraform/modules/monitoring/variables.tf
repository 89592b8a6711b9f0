variable "name_prefix" {
  description = "Start of every name."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of what is shown."
  type        = string
  nullable    = false
}

variable "dashboard" {
  description = "Whether to make the dashboard and the rendezvous server's metrics."
  type        = bool
  default     = false
  nullable    = false
}

variable "function_names" {
  description = "Names of the functions by handler; execute is the one that runs ranks."
  type        = map(string)
  nullable    = false

  validation {
    condition     = contains(keys(var.function_names), "execute")
    error_message = "function_names has to name execute, the function that runs ranks."
  }
}

variable "state_machine_arn" {
  description = "ARN of the state machine."
  type        = string
  nullable    = false
}

variable "rendezvous_log_group" {
  description = "Name of the rendezvous server's log group; null where there is no server."
  type        = string
}

variable "budget_usd" {
  description = "USD a month at which to warn by e-mail; null for no budget."
  type        = number
  default     = null
}

variable "budget_email" {
  description = "Who is warned."
  type        = string
  default     = null
}

variable "budget_tag_only" {
  description = "Whether the budget counts only what carries this deployment's Project tag, which first has to be activated as a cost allocation tag; otherwise it counts the whole account."
  type        = bool
  default     = false
  nullable    = false
}

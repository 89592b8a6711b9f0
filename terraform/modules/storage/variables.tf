variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "embedded" {
  description = "Whether the target is the embedded AWS."
  type        = bool
}

variable "result_retention_days" {
  description = "Days that the state and the default results of executions are kept."
  type        = number
}

variable "name" {
  description = "Name of the bucket."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "name has to be 3 to 63 lower case letters, digits and hyphens; with dots the bucket's TLS certificate would not match."
  }
}

variable "place" {
  description = "Region and account that this is asked for, and those that the deployment was made in; they have to be the same."
  type        = object({ asked = string, made = string })
  nullable    = false

  validation {
    condition     = var.place.asked == var.place.made
    error_message = "This deployment is in ${var.place.made}, and region and credentials say ${var.place.asked}: set region back or choose the other profile with AWS_PROFILE. To move, first take it down there with `make destroy TARGET=aws`."
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
}

variable "name_prefix" {
  description = "Start of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix has to be 2 to 20 lower case letters, digits and hyphens, starting with a letter and not ending with a hyphen."
  }
}

variable "image_uri" {
  description = "URI of the rendezvous image."
  type        = string
  nullable    = false
}

variable "publisher_image_uri" {
  description = "URI of the executor image, which holds the handler that publishes the address."
  type        = string
  nullable    = false
}

variable "architecture" {
  description = "Processor architecture: x86_64 or arm64."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture has to be x86_64 or arm64."
  }
}

variable "port" {
  description = "TCP port of the server."
  type        = number
  nullable    = false

  validation {
    condition     = var.port >= 1024 && var.port <= 65534 && floor(var.port) == var.port
    error_message = "port has to be a whole number from 1024 to 65534."
  }
}

variable "mode" {
  description = "on-demand: executions start the server, which ends when it is idle; always-on: it runs all the time."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["on-demand", "always-on"], var.mode)
    error_message = "mode has to be on-demand or always-on."
  }
}

variable "idle_s" {
  description = "Seconds without a client after which a server that was started on demand ends."
  type        = number
}

variable "vpc_cidr" {
  description = "Address range of the network, split into two subnets."
  type        = string
  default     = "10.42.0.0/24"
  nullable    = false

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 1, 1))
    error_message = "vpc_cidr has to be an IPv4 range such as 10.42.0.0/24."
  }
}

variable "domain_name" {
  description = "Domain below which to keep a record of the server's address; null for none."
  type        = string
}

variable "create_zone" {
  description = "Whether to create the domain's hosted zone."
  type        = bool
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days has to be a period that CloudWatch offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, …"
  }
}

variable "log_level" {
  description = "Least severe level that the publisher logs."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level has to be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "repository_arn" {
  description = "ARN of the repository of the rendezvous image."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of everything."
  type        = string
  nullable    = false
}

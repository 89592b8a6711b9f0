variable "name_prefix" {
  description = "Start of every name."
  type        = string
  nullable    = false
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
}

variable "port" {
  description = "TCP port of the server."
  type        = number
  nullable    = false
}

variable "mode" {
  description = "on-demand: executions start the server, which ends when it is idle; always-on: it runs all the time."
  type        = string
  nullable    = false
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
}

variable "log_level" {
  description = "Least severe level that the publisher logs."
  type        = string
  nullable    = false
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

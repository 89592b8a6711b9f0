variable "name_prefix" {
  description = "Start of every name."
  type        = string
}

variable "image_uri" {
  description = "URI of the rendezvous image."
  type        = string
}

variable "publisher_image_uri" {
  description = "URI of the executor image, which holds the handler that publishes the address."
  type        = string
}

variable "architecture" {
  description = "Processor architecture: x86_64 or arm64."
  type        = string
}

variable "port" {
  description = "TCP port of the server."
  type        = number
}

variable "mode" {
  description = "on-demand: executions start the server, which ends when it is idle; always-on: it runs all the time."
  type        = string
}

variable "idle_s" {
  description = "Seconds without a client after which a server that was started on demand ends."
  type        = number
}

variable "vpc_cidr" {
  description = "Address range of the network, split into two subnets."
  type        = string
  default     = "10.42.0.0/24"

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
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
}

variable "log_level" {
  description = "Least severe level that the publisher logs."
  type        = string
}

variable "repository_arn" {
  description = "ARN of the repository of the rendezvous image."
  type        = string
}

variable "region" {
  description = "Region of everything."
  type        = string
}

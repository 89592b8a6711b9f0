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

variable "zone_id" {
  description = "Id of the domain's hosted zone where it is not created."
  type        = string
  default     = null
}

variable "network" {
  description = "A network that exists, for the server to run in: subnets with a way to the internet, and a security group that lets the server's port in and HTTPS out; null for a network of its own."
  type        = object({ vpc_id = string, subnet_ids = list(string), security_group_id = string })
  default     = null
}

variable "agent_role_arn" {
  description = "ARN of a role that exists, with which ECS pulls the image and writes the log; null for a role of its own."
  type        = string
  default     = null
}

variable "function_role_arn" {
  description = "ARN of a role that exists, for the functions that find the server and publish its address; null for roles of their own."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of roles that are made here; null for none."
  type        = string
  default     = null
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

variable "publisher_image_build" {
  description = "What names the build of the functions' image: Lambda looks the image's tag up again when it differs. null for an image by digest."
  type        = string
  default     = null
}

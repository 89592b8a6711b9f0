variable "name_prefix" {
  description = "Start of the repositories' names."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the repositories."
  type        = string
  nullable    = false
}

variable "root" {
  description = "The repository's folder, which is the build context of both images."
  type        = string
}

variable "builder" {
  description = "Who builds the images: docker, codebuild, or nobody (prebuilt)."
  type        = string
  nullable    = false
}

variable "prebuilt_images" {
  description = "URI by digest of each image in a private ECR repository; null unless prebuilt."
  type        = object({ executor = string, rendezvous = string })
}

variable "build_args" {
  description = "Values of the Dockerfiles' arguments."
  type        = map(string)
  nullable    = false
}

variable "architecture" {
  description = "Processor architecture to build for: x86_64 or arm64."
  type        = string
  nullable    = false
}

variable "bucket" {
  description = "Bucket through which the source reaches CodeBuild, below builds/."
  type        = string
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that CodeBuild's log is kept."
  type        = number
  nullable    = false
}

variable "rendezvous" {
  description = "Whether there is a rendezvous server, which has an image of its own."
  type        = bool
  default     = true
  nullable    = false
}

variable "build_role_arn" {
  description = "ARN of a role that exists, for CodeBuild; null for a role of its own."
  type        = string
  default     = null
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of CodeBuild's own role; null for none."
  type        = string
  default     = null
}

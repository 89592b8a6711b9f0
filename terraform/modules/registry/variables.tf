variable "name_prefix" {
  description = "Start of the repositories' names."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix has to be 2 to 20 lower case letters, digits and hyphens, starting with a letter and not ending with a hyphen."
  }
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

  validation {
    condition     = contains(["docker", "codebuild", "prebuilt"], var.builder)
    error_message = "builder has to be docker, codebuild or prebuilt."
  }
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

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture has to be x86_64 or arm64."
  }
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

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days has to be a period that CloudWatch offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, …"
  }
}

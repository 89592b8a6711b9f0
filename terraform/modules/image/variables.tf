variable "name" {
  description = "Folder below containers/ with the image's Dockerfile."
  type        = string
  nullable    = false
}

variable "root" {
  description = "The repository's folder, which is the build context."
  type        = string
  nullable    = false
}

variable "repository_url" {
  description = "Registry repository that the image is pushed to, without a tag."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the repository."
  type        = string
  nullable    = false
}

variable "architecture" {
  description = "Processor architecture to build for: x86_64 or arm64."
  type        = string
  nullable    = false
}

variable "build_args" {
  description = "Values of the Dockerfile's arguments."
  type        = map(string)
  nullable    = false
}

variable "builder" {
  description = "Who builds: docker or codebuild."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["docker", "codebuild"], var.builder)
    error_message = "builder has to be docker or codebuild."
  }
}

variable "codebuild_project" {
  description = "Name of the CodeBuild project; empty with docker."
  type        = string
  default     = ""
}

variable "source_bucket" {
  description = "Bucket through which the build context reaches CodeBuild; empty with docker."
  type        = string
  default     = ""
}

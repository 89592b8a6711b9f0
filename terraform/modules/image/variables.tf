variable "name" {
  description = "Folder below containers/ with the image's Dockerfile."
  type        = string
}

variable "root" {
  description = "The repository's folder, which is the build context."
  type        = string
}

variable "repository_url" {
  description = "Registry repository that the image is pushed to, without a tag."
  type        = string
}

variable "region" {
  description = "Region of the repository."
  type        = string
}

variable "architecture" {
  description = "Processor architecture to build for: x86_64 or arm64."
  type        = string
}

variable "build_args" {
  description = "Values of the Dockerfile's arguments."
  type        = map(string)
}

variable "builder" {
  description = "Who builds: docker or codebuild."
  type        = string
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

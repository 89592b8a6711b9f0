variable "name_prefix" {
  description = "Start of the repositories' names."
  type        = string
}

variable "region" {
  description = "Region of the repositories."
  type        = string
}

variable "root" {
  description = "The repository's folder, which is the build context of both images."
  type        = string
}

variable "builder" {
  description = "Who builds the images: docker, codebuild, or nobody (prebuilt)."
  type        = string
}

variable "prebuilt_images" {
  description = "URI by digest of each image in a private ECR repository; null unless prebuilt."
  type        = object({ executor = string, rendezvous = string })
}

variable "build_args" {
  description = "Values of the Dockerfiles' arguments."
  type        = map(string)
}

variable "architecture" {
  description = "Processor architecture to build for: x86_64 or arm64."
  type        = string
}

variable "bucket" {
  description = "Bucket through which the source reaches CodeBuild, below builds/."
  type        = string
}

variable "log_retention_days" {
  description = "Days that CodeBuild's log is kept."
  type        = number
}

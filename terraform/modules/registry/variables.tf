variable "name_prefix" {
  description = "Start of the repositories' names."
  type        = string
}

variable "region" {
  description = "Region of the repositories."
  type        = string
}

variable "build_images" {
  description = "Whether to build the images with Docker and push them."
  type        = bool
}

variable "image_tag" {
  description = "Tag to deploy when the images are not built here."
  type        = string
}

variable "architecture" {
  description = "Processor architecture to build for: x86_64 or arm64."
  type        = string
}

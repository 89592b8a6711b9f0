output "image_uris" {
  description = "URI of the image to deploy, by container: by digest if it is prebuilt, else by a tag that names its content and that nobody can overwrite."
  # The digest of a tag is not looked up: an image that is gone would stop every plan, and a destroy.
  value = {
    for name in local.images : name => (
      contains(local.built, name)
      ? "${aws_ecr_repository.this[name].repository_url}:${module.image[name].tag}"
      : var.prebuilt_images[name]
    )
  }

  # A function cannot be made of an image that Lambda may not pull.
  depends_on = [aws_ecr_repository_policy.this]
}

output "builds" {
  description = "What names the build of an image, by container, and differs when the same content was built again; null if it is prebuilt."
  value       = { for name in local.images : name => contains(local.built, name) ? module.image[name].build : null }
}

output "repository_arns" {
  description = "ARN of the image's repository, by container."
  value = {
    for name in local.images : name => (
      contains(local.built, name) ? aws_ecr_repository.this[name].arn : local.prebuilt_arns[name]
    )
  }
}

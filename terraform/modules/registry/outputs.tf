output "image_uris" {
  description = "URI of the image to deploy, by digest, by container."
  value = {
    for name in local.images : name => (
      contains(local.built, name)
      ? "${aws_ecr_repository.this[name].repository_url}@${data.aws_ecr_image.built[name].image_digest}"
      : var.prebuilt_images[name]
    )
  }

  # A function cannot be made of an image that Lambda may not pull.
  depends_on = [aws_ecr_repository_policy.this]
}

output "repository_arns" {
  description = "ARN of the image's repository, by container."
  value = {
    for name in local.images : name => (
      contains(local.built, name) ? aws_ecr_repository.this[name].arn : local.prebuilt_arns[name]
    )
  }
}

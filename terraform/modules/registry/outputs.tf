output "image_uris" {
  description = "URI of the image to deploy, by container: a digest when it was built here, the tag otherwise."
  value = {
    for name, repository in aws_ecr_repository.this : name => (
      var.build_images
      ? "${repository.repository_url}@${data.aws_ecr_image.built[name].image_digest}"
      : "${repository.repository_url}:${var.image_tag}"
    )
  }
}

output "repository_arns" {
  description = "ARN of the repository, by container."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.arn }
}

output "tag" {
  description = "Tag that names the content; known when the image is in the repository."
  value       = terraform_data.this.output
}

output "files" {
  description = "Paths of the files in the build context, which decide together with the Dockerfile whether it is built anew."
  value       = local.files
}

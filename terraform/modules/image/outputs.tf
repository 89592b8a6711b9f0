output "tag" {
  description = "Tag that names the content; known when the image is in the repository."
  value       = terraform_data.this.output
}

output "build" {
  description = "Differs for every build, also for one of the same content that is made because the image was gone."
  value       = terraform_data.this.id
}

output "files" {
  description = "Paths of the files in the build context, which decide together with the Dockerfile whether it is built anew."
  value       = local.files
}

# Keeps the state in S3 instead of in terraform/terraform.tfstate, so that several people can deploy, one at a time.
# Copy this file to terraform/backend.tf; docs/deploy.md has how to make the bucket.
terraform {
  backend "s3" {
    bucket       = "a-bucket-of-your-own"
    key          = "cosmic/terraform.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true # needs Terraform 1.10 or OpenTofu 1.10
  }
}

# The bucket is private, encrypted and reached over TLS only.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                  = "a-bucket"
  embedded              = false
  result_retention_days = 30
}

run "on_aws" {
  command = plan
  module { source = "./modules/storage" }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "Public access has to be blocked in all four ways."
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy
    error_message = "A destroy has to take the bucket with everything in it."
  }

  assert {
    condition     = one(data.aws_iam_policy_document.tls_only.statement).effect == "Deny" && one(one(data.aws_iam_policy_document.tls_only.statement).condition).variable == "aws:SecureTransport"
    error_message = "Requests without TLS have to be denied."
  }

  assert {
    condition     = length(aws_s3_bucket_policy.this) == 1 && length(aws_s3_bucket_lifecycle_configuration.this) == 1
    error_message = "On AWS the bucket has a policy and lifecycle rules."
  }
}

run "embedded" {
  command = plan
  module { source = "./modules/storage" }
  variables { embedded = true }

  assert {
    condition     = length(aws_s3_bucket_policy.this) == 0 && length(aws_s3_bucket_lifecycle_configuration.this) == 0
    error_message = "The embedded AWS speaks plain HTTP and takes a minute for lifecycle rules."
  }
}

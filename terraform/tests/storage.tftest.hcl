# The bucket is private, encrypted and reached over TLS only.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                  = "a-bucket"
  place                 = { asked = "us-east-1 of account 1", made = "us-east-1 of account 1" }
  result_retention_days = 30
}

run "as_it_should_be" {
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
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.this[0].rule : one(rule.filter[*].prefix) => one(rule.expiration[*].days) if length(rule.expiration) == 1 } == { "executions/" = 30, "fmi/" = 1 }
    error_message = "What executions leave and what the S3 channel of fmi leaves is deleted."
  }

  assert {
    condition     = one([for rule in aws_s3_bucket_lifecycle_configuration.this[0].rule : one(rule.abort_incomplete_multipart_upload).days_after_initiation if length(rule.abort_incomplete_multipart_upload) == 1]) == 1
    error_message = "Parts of uploads that were not completed are billed until they are deleted."
  }

  assert {
    condition     = one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced"
    error_message = "Access control lists have no say."
  }
}

run "without_waiting" {
  command = plan
  module { source = "./modules/storage" }
  variables { lifecycle_rules = false }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this) == 0
    error_message = "The rules are what takes 55 s."
  }
}

run "each_of_these_is_refused" {
  command = plan
  module { source = "./modules/storage" }

  variables {
    name  = "My.Bucket"
    place = { asked = "us-east-1 of account 2", made = "us-east-1 of account 1" }
  }

  expect_failures = [
    var.name,
    var.place,
  ]
}

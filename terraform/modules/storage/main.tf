# The deployment's bucket: private, encrypted, reached over TLS only, gone with everything in it on destroy.

resource "aws_s3_bucket" "this" {
  bucket        = var.name
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# Not on the embedded AWS, which speaks plain HTTP, and only on this machine.
data "aws_iam_policy_document" "tls_only" {
  statement {
    sid       = "DenyWithoutTLS"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  count = var.embedded ? 0 : 1

  bucket = aws_s3_bucket.this.id
  policy = data.aws_iam_policy_document.tls_only.json

  # S3 refuses both at once with "conflicting conditional operation".
  depends_on = [aws_s3_bucket_public_access_block.this]
}

# Not on the embedded AWS: the provider waits about 55 s for the emulator to agree.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  count = var.embedded ? 0 : 1

  bucket = aws_s3_bucket.this.id

  rule {
    id     = "expire-executions"
    status = "Enabled"

    filter {
      prefix = "executions/"
    }

    expiration {
      days = var.result_retention_days
    }
  }

  rule {
    id     = "abort-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

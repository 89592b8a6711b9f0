# The deployment's bucket: private, encrypted, reached over TLS only, gone with everything in it on destroy. It is not
# versioned: deleted results would go on being billed, and a destroy would have to find their versions.

resource "aws_s3_bucket" "this" {
  bucket        = var.name
  force_destroy = true
}

# No access control lists: whoever writes an object, it is the bucket owner's, and policies alone decide.
resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
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
  bucket = aws_s3_bucket.this.id
  policy = data.aws_iam_policy_document.tls_only.json

  # S3 refuses both at once with "conflicting conditional operation".
  depends_on = [aws_s3_bucket_public_access_block.this]
}

# The provider takes 55 s for this one, on any S3: it waits until ten looks in a row, 5 s apart, found the same rules.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  count = var.lifecycle_rules ? 1 : 0

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

  # Messages of the S3 channel of fmi (fmi/channels/storage/s3_store.py) that a world left behind when it died.
  rule {
    id     = "expire-messages"
    status = "Enabled"

    filter {
      prefix = "fmi/"
    }

    expiration {
      days = 1
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

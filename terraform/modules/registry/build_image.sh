#!/bin/sh
# Build one image and push it to ECR. Called by Terraform, which sets the variables and the repository as the
# working directory; see main.tf beside this file.
set -eu

fail() {
  echo "$1" >&2
  exit 1
}

# The AWS CLI where there is one, else boto3, which the repository's own environment has.
registry_password() {
  if command -v aws >/dev/null; then
    aws ecr get-login-password --region "$AWS_REGION"
  else
    python3 - <<'PYTHON' || fail "Cannot log in to ECR: install the AWS CLI, or run terraform with .venv/bin first on PATH."
import base64, boto3
token = boto3.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
print(base64.b64decode(token).decode().partition(":")[2])
PYTHON
  fi
}

docker info >/dev/null 2>&1 ||
  fail "No Docker engine answers: start Docker, or set build_images = false and push the images another way."

registry_password | docker login --username AWS --password-stdin "${REPOSITORY_URL%%/*}"

# Without --provenance=false the push is an image index, which Lambda refuses.
docker build --provenance=false --platform "$PLATFORM" --file "$DOCKERFILE" --tag "$REPOSITORY_URL:$IMAGE_TAG" .
docker push "$REPOSITORY_URL:$IMAGE_TAG"

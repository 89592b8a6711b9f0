#!/bin/sh
# Build one image and push it, unless its tag is in the repository already. Called by Terraform, which sets the variables
# and the repository as the working directory; see main.tf beside this file.
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
import base64, boto3, os
# boto3 does not read AWS_REGION by itself.
token = boto3.client("ecr", region_name=os.environ["AWS_REGION"]).get_authorization_token()["authorizationData"][0]["authorizationToken"]
print(base64.b64decode(token).decode().partition(":")[2])
PYTHON
  fi
}

docker info >/dev/null 2>&1 ||
  fail "No Docker engine answers: start Docker, or set image_builder to \"codebuild\" or \"prebuilt\"."

# Terraform runs two of these at once, and the keychain of macOS refuses one of two who write the same login.
log_in() {
  for pause in 1 2 4 0; do
    registry_password | docker login --username AWS --password-stdin "${REPOSITORY_URL%%/*}" && return
    sleep "$pause"
  done
  fail "Docker cannot log in to ${REPOSITORY_URL%%/*}: its lines above say why."
}

insecure=
case $REPOSITORY_URL in
*.dkr.ecr.*) log_in ;;
127.0.0.1:* | localhost:*) insecure=--insecure ;;
esac

image=$REPOSITORY_URL:$IMAGE_TAG
# shellcheck disable=SC2086 - one word or none
if docker manifest inspect $insecure "$image" >/dev/null 2>&1; then
  echo "$image is there already"
  exit 0
fi

set -- --platform "$PLATFORM" --file "$DOCKERFILE" --tag "$image"
while IFS= read -r argument; do
  [ -z "$argument" ] || set -- "$@" --build-arg "$argument"
done <<ARGUMENTS
$BUILD_ARGS
ARGUMENTS
# With provenance the push is an image index, which Lambda refuses; engines before 23 know neither.
if docker build --help | grep -q -e --provenance; then
  set -- --provenance=false "$@"
fi
# DOCKER_BUILD_OPTIONS is for engines with needs of their own, such as --network=host.
# shellcheck disable=SC2086 - words on purpose
DOCKER_BUILDKIT=1 docker build ${DOCKER_BUILD_OPTIONS:-} "$@" . ||
  fail "The image $DOCKERFILE could not be built: the engine's last lines above say why. If public.ecr.aws answered with 403, \
an old login there has expired: docker logout public.ecr.aws"
docker push "$image" ||
  fail "The image could not be pushed to $REPOSITORY_URL."

# One image of this repository: a tag that names its content, and its build where that tag is not in the repository yet.
# It uses no AWS resources of its own, so that it can be tried against any registry.

locals {
  folder     = "${var.root}/containers/${var.name}"
  dockerfile = "containers/${var.name}/Dockerfile"

  # The build context, read from the file that Docker reads. A line is a comment, "*", "!path", or what to leave out.
  lines    = [for line in split("\n", file("${local.folder}/Dockerfile.dockerignore")) : trimspace(line)]
  rules    = [for line in local.lines : line if line != "" && line != "*" && !startswith(line, "#")]
  taken    = [for rule in local.rules : trimprefix(rule, "!") if startswith(rule, "!")]
  left_out = [for rule in local.rules : rule if !startswith(rule, "!")]

  # Not fileset(root, "**/..."): that would look through virtual environments and whatever else lies in the tree.
  patterns = [
    for rule in local.left_out :
    "^${replace(replace(replace(replace(rule, ".", "\\."), "**/", "<any>"), "*", "[^/]*"), "<any>", "(.*/)?")}(/.*)?$"
  ]
  candidates = flatten([for path in local.taken : [tolist(fileset(var.root, path)), tolist(fileset(var.root, "${path}/**"))]])
  files = sort(distinct([
    for file in local.candidates : file if !anytrue([for pattern in local.patterns : can(regex(pattern, file))])
  ]))

  # Everything that an image is made of. Whether a registry has it already is then a question of its tag.
  content = concat(
    [var.architecture, jsonencode(var.build_args), filesha256("${var.root}/${local.dockerfile}")],
    [for file in local.files : "${file} ${filesha256("${var.root}/${file}")}"],
  )
  tag = substr(sha256(join("\n", local.content)), 0, 24)

  programs = {
    docker    = "${abspath(path.module)}/build_with_docker.sh"
    codebuild = "${abspath(path.module)}/build_with_codebuild.py"
  }
}

resource "terraform_data" "this" {
  # Known only after the build, unlike triggers_replace: what needs the image waits for it.
  input            = local.tag
  triggers_replace = [var.repository_url, local.tag]

  provisioner "local-exec" {
    # By a variable: the shell must not take a path apart that has a space in it.
    command     = "\"$PROGRAM\""
    working_dir = var.root

    environment = {
      PROGRAM        = local.programs[var.builder]
      AWS_REGION     = var.region
      REPOSITORY_URL = var.repository_url
      IMAGE_TAG      = local.tag
      PLATFORM       = { x86_64 = "linux/amd64", arm64 = "linux/arm64" }[var.architecture]
      DOCKERFILE     = local.dockerfile
      BUILD_ARGS     = join("\n", [for name, value in var.build_args : "${name}=${value}"])

      CODEBUILD_PROJECT = var.codebuild_project
      SOURCE_BUCKET     = var.source_bucket
      CONTEXT           = join("\n", concat([local.dockerfile, "${local.dockerfile}.dockerignore"], local.files))
    }
  }
}

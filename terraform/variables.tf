variable "name_prefix" {
  description = "Start of every name, so that several deployments can live in one account."
  type        = string
  default     = "cosmic"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name_prefix))
    error_message = "name_prefix has to be 2 to 20 lower case letters, digits and hyphens, starting with a letter and not ending with a hyphen."
  }

  # The parameter and the bucket carry it at their start, where AWS keeps these for itself.
  validation {
    condition     = !can(regex("^(aws|ssm|xn--|sthree-|amzn-s3-demo-)", var.name_prefix))
    error_message = "name_prefix cannot start with aws, ssm, xn--, sthree- or amzn-s3-demo-, which AWS keeps for itself: put something of yours before it."
  }
}

variable "region" {
  description = "AWS region of everything."
  type        = string
  default     = "us-east-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "region has to be a region's code, such as us-east-1."
  }

  # There, ARNs and registries are called otherwise (aws-cn, amazonaws.com.cn), and there is no price for anything.
  validation {
    condition     = !can(regex("^(cn|us-gov|us-iso[a-z]*|eu-isoe)-", var.region))
    error_message = "region cannot be one of China, of governments or isolated, which are apart from the rest of AWS: choose another, such as us-east-1."
  }
}

variable "tags" {
  description = "Tags on everything, beside Project and ManagedBy."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[\\w .:/=+@-]{1,128}$", key)) && can(regex("^[\\w .:/=+@-]{0,256}$", value)) && !startswith(lower(key), "aws:")])
    error_message = "tags has to hold keys of 1 to 128 and values of up to 256 letters, digits, spaces and _ . : / = + @ -, and no key that starts with aws:."
  }

  validation {
    condition     = length(setintersection([for key in keys(var.tags) : lower(key)], ["project", "managedby", "name"])) == 0
    error_message = "tags cannot hold Project, ManagedBy or Name: those are set here."
  }

  validation {
    condition     = length(distinct([for key in keys(var.tags) : lower(key)])) == length(var.tags)
    error_message = "tags cannot hold a key twice in upper and lower case, which IAM takes for the same."
  }

  validation {
    condition     = length(var.tags) <= 40
    error_message = "tags can hold 40 tags at most; AWS allows 50 on a resource."
  }
}

variable "embedded" {
  description = "Whether the target is the embedded AWS of this repository: no images are built, and buckets are addressed by path."
  type        = bool
  default     = false
  nullable    = false
}

variable "image_builder" {
  description = "Who builds the container images: docker (the engine of this machine), codebuild (AWS, for who has no Docker), or prebuilt (nobody: they are prebuilt_images)."
  type        = string
  default     = "docker"
  nullable    = false

  validation {
    condition     = contains(["docker", "codebuild", "prebuilt"], var.image_builder)
    error_message = "image_builder has to be docker, codebuild or prebuilt."
  }
}

variable "prebuilt_images" {
  description = "With image_builder = \"prebuilt\": the images, each <account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<digest>."
  type        = object({ executor = string, rendezvous = string })
  default     = null

  validation {
    condition     = (var.prebuilt_images != null) == (var.image_builder == "prebuilt")
    error_message = "prebuilt_images has to be set if, and only if, image_builder is prebuilt."
  }

  validation {
    condition = alltrue([
      for uri in values(coalesce(var.prebuilt_images, {})) :
      can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", uri))
    ])
    error_message = "prebuilt_images has to name images of private ECR repositories, which are all that Lambda runs, by digest: <account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<64 hexadecimal digits>."
  }

  validation {
    condition     = alltrue([for uri in values(coalesce(var.prebuilt_images, {})) : strcontains(uri, ".dkr.ecr.${var.region}.")])
    error_message = "prebuilt_images has to name images in the deployment's region (${var.region}): Lambda runs no others, so copy them there."
  }
}

variable "image_build_args" {
  description = "Arguments of both Dockerfiles, such as BASE_IMAGE (pin it by digest), PIP_INDEX_URL or TORCH_INDEX_URL (a mirror); without spaces in the values."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name, value in var.image_build_args : can(regex("^[A-Z_]+$", name)) && can(regex("^[^[:space:]]+$", value))])
    error_message = "image_build_args has to map names in upper case to values without spaces."
  }
}

variable "base_image_digest" {
  description = "Digest of the base of both images, public.ecr.aws/docker/library/python:3.11-slim-bookworm, for builds that can be repeated; docs/images.md has the command that prints it. null for the newest."
  type        = string
  default     = null

  validation {
    condition     = var.base_image_digest == null || can(regex("^sha256:[0-9a-f]{64}$", var.base_image_digest))
    error_message = "base_image_digest has to be sha256: and 64 hexadecimal digits, as `docker buildx imagetools inspect` prints it."
  }

  validation {
    condition     = var.base_image_digest == null || !contains(keys(var.image_build_args), "BASE_IMAGE")
    error_message = "base_image_digest is of the usual base, and image_build_args names another BASE_IMAGE: set one of them, with its digest in the latter."
  }
}

variable "architecture" {
  description = "Processor architecture of functions and task: x86_64 or arm64 (cheaper; building it on an Intel machine needs emulation)."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture has to be x86_64 or arm64."
  }
}

variable "executor_name" {
  description = "Name of the function that runs the ranks, and after /aws/lambda/ of its log group; null for <name_prefix>-execute. The course's helper scripts look for cosmic-executor."
  type        = string
  default     = null

  validation {
    condition     = var.executor_name == null || try(startswith(var.executor_name, "${var.name_prefix}-") && can(regex("^[a-z0-9-]{1,63}[a-z0-9]$", var.executor_name)), false)
    error_message = "executor_name has to start with name_prefix and a hyphen, so that deployments do not meet, and to be at most 64 lower case letters, digits and hyphens that do not end with a hyphen."
  }

  validation {
    condition     = var.executor_name == null || !contains([for name in ["initialize", "summarize", "find-rendezvous", "publish-address"] : "${var.name_prefix}-${name}"], coalesce(var.executor_name, "-"))
    error_message = "executor_name cannot be the name of another function of the deployment."
  }
}

variable "executor_memory_mb" {
  description = "Memory of a rank in MB; its share of processors grows with it, one for each 1,769 MB. New accounts are limited to 3008."
  type        = number
  default     = 3008
  nullable    = false

  validation {
    condition     = var.executor_memory_mb >= 128 && var.executor_memory_mb <= 10240 && floor(var.executor_memory_mb) == var.executor_memory_mb
    error_message = "executor_memory_mb has to be a whole number from 128 to 10240."
  }
}

variable "executor_timeout_s" {
  description = "Time limit of a rank in seconds."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.executor_timeout_s >= 1 && var.executor_timeout_s <= 900 && floor(var.executor_timeout_s) == var.executor_timeout_s
    error_message = "executor_timeout_s has to be a whole number from 1 to 900, the most that Lambda allows."
  }
}

variable "executor_ephemeral_storage_mb" {
  description = "Size of a rank's /tmp in MB, where bundle and data are downloaded to; 512 MB are free."
  type        = number
  default     = 2048
  nullable    = false

  validation {
    condition     = var.executor_ephemeral_storage_mb >= 512 && var.executor_ephemeral_storage_mb <= 10240 && floor(var.executor_ephemeral_storage_mb) == var.executor_ephemeral_storage_mb
    error_message = "executor_ephemeral_storage_mb has to be a whole number from 512 to 10240."
  }
}

variable "reserved_concurrency" {
  description = "Most ranks that may run at the same time, taken out of the account's quota; -1 for no limit of its own."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = (var.reserved_concurrency == -1 || var.reserved_concurrency >= 1) && floor(var.reserved_concurrency) == var.reserved_concurrency
    error_message = "reserved_concurrency has to be -1 or a whole number of at least 1."
  }
}

variable "world_attempts" {
  description = "Most attempts at a world whose ranks are lost to the platform; each is paid for. A script's own error is never tried again."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.world_attempts >= 1 && var.world_attempts <= 5 && floor(var.world_attempts) == var.world_attempts
    error_message = "world_attempts has to be a whole number from 1 to 5."
  }
}

variable "extra_buckets" {
  description = "Names of buckets beside the deployment's own that executions may read from and write results to."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.extra_buckets : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", name))])
    error_message = "extra_buckets has to hold bucket names, without s3:// and without keys."
  }
}

variable "result_retention_days" {
  description = "Days after which S3 deletes what executions leave below executions/; results under a result_path of their own are kept."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.result_retention_days >= 1 && floor(var.result_retention_days) == var.result_retention_days
    error_message = "result_retention_days has to be a whole number of at least 1."
  }
}

variable "lifecycle_rules" {
  description = "Whether S3 deletes old results, messages that worlds left behind and uploads that were not completed. Applying this takes 55 s."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days has to be a period that CloudWatch offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, …"
  }
}

variable "log_level" {
  description = "Least severe level that the handlers log."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level has to be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "rendezvous_port" {
  description = "TCP port of the rendezvous server; the next one serves its health and metrics, inside its task only."
  type        = number
  default     = 10000
  nullable    = false

  validation {
    condition     = var.rendezvous_port >= 1024 && var.rendezvous_port <= 65534 && floor(var.rendezvous_port) == var.rendezvous_port
    error_message = "rendezvous_port has to be a whole number from 1024 to 65534; the server has its health and metrics at the next port."
  }
}

variable "rendezvous_mode" {
  description = "on-demand: executions start the rendezvous server, which ends after a quarter of an hour without clients; always-on: it runs, and is billed, from apply to destroy; none: there is no server, no network and no task, for single ranks and for worlds whose ranks talk through S3 only."
  type        = string
  default     = "on-demand"
  nullable    = false

  validation {
    condition     = contains(["on-demand", "always-on", "none"], var.rendezvous_mode)
    error_message = "rendezvous_mode has to be on-demand, always-on or none."
  }

  validation {
    condition     = var.rendezvous_mode != "none" || (var.domain_name == null && var.existing_network == null)
    error_message = "rendezvous_mode is none, and domain_name and existing_network are for the rendezvous server: leave them out, or choose another mode."
  }
}

variable "rendezvous_idle_s" {
  description = "Seconds without a client after which a server that was started on demand ends. The default is the longest that a rank can live, so that a connection lost late in a world is made again."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.rendezvous_idle_s >= 300 && var.rendezvous_idle_s <= 86400 && floor(var.rendezvous_idle_s) == var.rendezvous_idle_s
    error_message = "rendezvous_idle_s has to be a whole number from 300, for which a client may wait, to 86400, a day."
  }
}

variable "domain_name" {
  description = "Domain below which the rendezvous server is also reachable, as rendezvous.<domain_name>; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.domain_name == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "domain_name has to be a domain such as example.org, in lower case and without a dot at its end."
  }
}

variable "create_zone" {
  description = "Whether to create the hosted zone of domain_name; if false it has to exist, and is zone_id."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.create_zone || var.domain_name != null
    error_message = "create_zone needs a domain_name."
  }
}

variable "zone_id" {
  description = "Id of the hosted zone of domain_name, where it exists already. It is given, not looked up, so that a destroy succeeds when somebody has deleted the zone."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || can(regex("^[A-Z0-9]{1,32}$", var.zone_id))
    error_message = "zone_id has to be the id of a hosted zone, such as Z0123456789ABCDEFGHIJ, without /hostedzone/."
  }

  validation {
    condition     = (var.zone_id != null) == (var.domain_name != null && !var.create_zone)
    error_message = "zone_id has to be set if, and only if, domain_name is and create_zone is not. It is printed by `aws route53 list-hosted-zones-by-name --dns-name DOMAIN --query 'HostedZones[0].Id'`, after /hostedzone/."
  }
}

variable "existing_roles" {
  description = "ARNs of roles that exist, for an account in which none can be made: functions (all Lambda functions), rendezvous (with which ECS pulls the server's image and writes its log), state_machine, build (CodeBuild). What is null has a role made for it. docs/permissions.md lists what each has to allow."
  type = object({
    functions     = optional(string)
    rendezvous    = optional(string)
    state_machine = optional(string)
    build         = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for arn in values(var.existing_roles) : can(regex("^arn:aws:iam::[0-9]{12}:role/[\\w+=,.@/-]+$", arn)) if arn != null])
    error_message = "existing_roles has to hold ARNs of roles, such as arn:aws:iam::123456789012:role/LabRole."
  }
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary that every role made here gets, for an account in which no role may be made without; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:aws:iam::([0-9]{12}|aws):policy/[\\w+=,.@/-]+$", var.permissions_boundary))
    error_message = "permissions_boundary has to be the ARN of a policy, such as arn:aws:iam::123456789012:policy/boundary."
  }
}

variable "existing_network" {
  description = "A network that exists, for the rendezvous server, for an account in which none can be made: subnets with a route to an internet gateway, and a security group that lets TCP to rendezvous_port in from anywhere and to port 443 out. null for a network of its own."
  type        = object({ vpc_id = string, subnet_ids = list(string), security_group_id = string })
  default     = null

  validation {
    condition = var.existing_network == null || try(
      startswith(var.existing_network.vpc_id, "vpc-") && startswith(var.existing_network.security_group_id, "sg-") &&
      length(var.existing_network.subnet_ids) > 0 && alltrue([for id in var.existing_network.subnet_ids : startswith(id, "subnet-")]),
      false,
    )
    error_message = "existing_network has to hold the ids of a VPC (vpc-...), of at least one subnet (subnet-...) and of a security group (sg-...)."
  }
}

variable "dashboard" {
  description = "Whether to make a CloudWatch dashboard and four metrics of the rendezvous server. Three dashboards and ten such metrics are free in an account; beyond that 3 USD a dashboard and 0.30 USD a metric and month."
  type        = bool
  default     = false
  nullable    = false
}

variable "budget_usd" {
  description = "USD a month at which AWS Budgets warns by e-mail: at 80 % spent, and when 100 % is forecast. It does not stop anything and costs nothing. null for no budget."
  type        = number
  default     = null

  validation {
    condition     = var.budget_usd == null || try(var.budget_usd > 0, false)
    error_message = "budget_usd has to be more than 0."
  }
}

variable "budget_email" {
  description = "Who is warned when budget_usd is reached."
  type        = string
  default     = null

  validation {
    condition     = var.budget_email == null || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.budget_email))
    error_message = "budget_email has to be an e-mail address."
  }

  validation {
    condition     = var.budget_email == null || !can(regex("@(.*\\.)?example\\.(com|net|org|edu)$", lower(var.budget_email)))
    error_message = "budget_email is still the one of an example, which nobody reads: set it to your own address."
  }

  validation {
    condition     = (var.budget_email == null) == (var.budget_usd == null)
    error_message = "budget_usd and budget_email belong together: set both or neither."
  }
}

variable "budget_tag_only" {
  description = "Whether the budget counts only what carries this deployment's Project tag, for an account that others use too. The tag first has to be activated as a cost allocation tag, or nothing is counted."
  type        = bool
  default     = false
  nullable    = false
}

# A network of the server's own, unless it is given one. The ranks are not in it: they come over the internet, as hole
# punching needs.

locals {
  own_network = var.network == null ? 1 : 0

  vpc_id     = var.network == null ? aws_vpc.this[0].id : var.network.vpc_id
  subnet_ids = var.network == null ? tolist(aws_subnet.public[*].id) : var.network.subnet_ids
}

# Fargate does not run in the Local Zones and Wavelength Zones that an account may have opted in to.
data "aws_availability_zones" "this" {
  count = local.own_network

  state = "available"

  filter {
    name   = "zone-type"
    values = ["availability-zone"]
  }
}

resource "aws_vpc" "this" {
  count = local.own_network

  cidr_block = var.vpc_cidr

  tags = { Name = local.name }
}

resource "aws_internet_gateway" "this" {
  count = local.own_network

  vpc_id = aws_vpc.this[0].id

  tags = { Name = local.name }
}

# Two zones, so that the task can start when one has no capacity left.
resource "aws_subnet" "public" {
  count = 2 * local.own_network

  vpc_id            = aws_vpc.this[0].id
  cidr_block        = cidrsubnet(var.vpc_cidr, 1, count.index)
  availability_zone = data.aws_availability_zones.this[0].names[count.index]

  tags = { Name = "${local.name}-${count.index}" }

  lifecycle {
    ignore_changes = [availability_zone] # AWS may add a zone, and name it before these
  }
}

resource "aws_route_table" "public" {
  count = local.own_network

  vpc_id = aws_vpc.this[0].id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this[0].id
  }

  tags = { Name = local.name }
}

resource "aws_route_table_association" "public" {
  count = 2 * local.own_network

  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public[0].id
}

# Without any rule, so that nothing can be started in this network by accident and be reachable.
resource "aws_default_security_group" "this" {
  count = local.own_network

  vpc_id = aws_vpc.this[0].id

  tags = { Name = "${local.name}-unused" }
}

resource "aws_security_group" "this" {
  count = local.own_network

  name        = local.name
  description = "Rendezvous server: its port from anywhere, HTTPS to anywhere"
  vpc_id      = aws_vpc.this[0].id

  tags = { Name = local.name }
}

# Lambda functions outside a VPC come from addresses that nobody knows in advance. The server only tells two clients
# with the same unguessable name each other's address; see docs on security.
resource "aws_vpc_security_group_ingress_rule" "rendezvous" {
  count = local.own_network

  security_group_id = aws_security_group.this[0].id
  description       = "TCPunch clients"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = var.port
  to_port           = var.port
}

resource "aws_vpc_security_group_egress_rule" "https" {
  count = local.own_network

  security_group_id = aws_security_group.this[0].id
  description       = "ECR and CloudWatch Logs"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

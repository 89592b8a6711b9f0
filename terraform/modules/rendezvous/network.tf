# A network of the server's own. The ranks are not in it: they come over the internet, as hole punching needs.

# Fargate does not run in the Local Zones and Wavelength Zones that an account may have opted in to.
data "aws_availability_zones" "this" {
  state = "available"

  filter {
    name   = "zone-type"
    values = ["availability-zone"]
  }
}

resource "aws_vpc" "this" {
  cidr_block = var.vpc_cidr

  tags = { Name = local.name }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = local.name }
}

# Two zones, so that the task can start when one has no capacity left.
resource "aws_subnet" "public" {
  count = 2

  vpc_id            = aws_vpc.this.id
  cidr_block        = cidrsubnet(var.vpc_cidr, 1, count.index)
  availability_zone = data.aws_availability_zones.this.names[count.index]

  tags = { Name = "${local.name}-${count.index}" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }

  tags = { Name = local.name }
}

resource "aws_route_table_association" "public" {
  count = 2

  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

# Without any rule, so that nothing can be started in this network by accident and be reachable.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = "${local.name}-unused" }
}

resource "aws_security_group" "this" {
  name        = local.name
  description = "Rendezvous server: its port from anywhere, HTTPS to anywhere"
  vpc_id      = aws_vpc.this.id

  tags = { Name = local.name }
}

# Lambda functions outside a VPC come from addresses that nobody knows in advance. The server only tells two clients
# with the same unguessable name each other's address; see docs on security.
resource "aws_vpc_security_group_ingress_rule" "rendezvous" {
  security_group_id = aws_security_group.this.id
  description       = "TCPunch clients"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = var.port
  to_port           = var.port
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.this.id
  description       = "ECR and CloudWatch Logs"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

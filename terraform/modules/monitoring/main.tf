# What there is to see: a CloudWatch dashboard, fed by metrics that AWS writes anyway and by four of the rendezvous
# server's own. budget.tf has the alarm on money.

locals {
  names = values(var.function_names)

  # Metric → the field of the server's log line that holds it. An account has ten custom metrics free of charge.
  rendezvous_metrics = {
    Connections = "connections"
    Pairs       = "pairs"
    Refused     = "refused"
    TimedOut    = "timed_out"
  }

  rendezvous = var.rendezvous_log_group != null

  charts = concat([
    { title = "Invocations", stat = "Sum", metrics = [for name in local.names : ["AWS/Lambda", "Invocations", "FunctionName", name]] },
    {
      title = "Errors and throttles", stat = "Sum"
      metrics = concat(
        [for name in local.names : ["AWS/Lambda", "Errors", "FunctionName", name]],
        [["AWS/Lambda", "Throttles", "FunctionName", var.function_names["execute"]]],
      )
    },
    { title = "Duration (ms, longest)", stat = "Maximum", metrics = [for name in local.names : ["AWS/Lambda", "Duration", "FunctionName", name]] },
    {
      title   = "Ranks at the same time", stat = "Maximum"
      metrics = [["AWS/Lambda", "ConcurrentExecutions", "FunctionName", var.function_names["execute"]]]
    },
    {
      title = "Executions", stat = "Sum"
      metrics = [
        for metric in ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"] :
        ["AWS/States", metric, "StateMachineArn", var.state_machine_arn]
      ]
    },
    ], local.rendezvous ? [
    { title = "Rendezvous", stat = "Sum", metrics = [for metric in keys(local.rendezvous_metrics) : [var.name_prefix, metric]] },
  ] : [])
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  dashboard_name = var.name_prefix
  dashboard_body = jsonencode({
    widgets = [
      for index, chart in local.charts : {
        type   = "metric"
        x      = 8 * (index % 3)
        y      = 6 * floor(index / 3)
        width  = 8
        height = 6
        properties = {
          title   = chart.title
          stat    = chart.stat
          metrics = chart.metrics
          region  = var.region
          view    = "timeSeries"
          period  = 60
        }
      }
    ]
  })
}

# The server logs what it counted once a minute, and nothing when nobody came.
resource "aws_cloudwatch_log_metric_filter" "rendezvous" {
  for_each = var.dashboard && local.rendezvous ? local.rendezvous_metrics : {}

  name           = "${var.name_prefix}-${each.value}"
  log_group_name = var.rendezvous_log_group
  pattern        = "{ $.event = \"figures\" }"

  metric_transformation {
    namespace = var.name_prefix
    name      = each.key
    value     = "$.${each.value}"
    unit      = "Count"
  }
}

"""The query language of CloudWatch Logs Insights, over rows in memory; moto_patches/insights.py serves it."""

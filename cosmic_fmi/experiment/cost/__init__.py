"""What an execution costs.

bill.py         lines, from what was used and the prices     prices.py      prices.json
price_list.py   prices.json from the AWS Pricing API         published.py   the figures of the paper
"""

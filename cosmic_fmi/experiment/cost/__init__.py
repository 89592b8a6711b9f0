"""What an execution costs.

bill.py            lines, from what was used and the prices     prices.py      reads prices.json
price_list.py      prices from the AWS Pricing API              price_refresh.py   writes prices.json
published.py       figures of the papers and the course
"""

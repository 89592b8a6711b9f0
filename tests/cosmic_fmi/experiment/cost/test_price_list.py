"""`cosmic-fmi prices` against a local HTTP endpoint that answers as the Pricing API does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cosmic_fmi.cli.experiments import prices as refresh_prices
from cosmic_fmi.experiment.cost.price_list import QUERIES, Query
from cosmic_fmi.experiment.cost.prices import PRICES, UNITS, load_prices

PREFIX = {"us-east-1": "", "eu-central-1": "EUC1-"}


def product(region: str, query: Query, usd: float, usage: str | None = None) -> dict[str, Any]:
    """A product as GetProducts has it, with a free tier before the paid one and a cheaper one after it."""
    tiers = [("0", "4000", 0.0), ("4000", "100000", usd), ("100000", "Inf", usd / 2)]
    dimensions = {
        f"SKU.JRTCKXETXF.{index}": {
            "unit": "Requests",
            "beginRange": begin,
            "endRange": end,
            "pricePerUnit": {"USD": f"{price:.10f}"},
        }
        for index, (begin, end, price) in enumerate(tiers)
    }
    attributes = {
        **query.attributes,
        "servicecode": query.service,
        "usagetype": f"{PREFIX[region]}{usage or query.usage}",
    }
    if not query.anywhere:
        attributes["regionCode"] = region
    return {
        "product": {"sku": "SKU", "productFamily": "Any", "attributes": attributes},
        "serviceCode": query.service,
        "terms": {"OnDemand": {"SKU.JRTCKXETXF": {"priceDimensions": dimensions, "sku": "SKU"}}},
        "version": "20260905000000",
    }


class PricingApi:
    """Products by what the filters of a request match, two a page."""

    def __init__(self) -> None:
        self.products: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        for region in PREFIX:
            for name, query in QUERIES.items():
                for key, part in (query if isinstance(query, dict) else {"x86_64": query}).items():
                    if not (part.anywhere and region != "us-east-1"):
                        self.products.append(product(region, part, self.price(region, name, key)))
                    # What a match on anything but the whole end of the usage type would take instead.
                    self.products.append(product(region, part, 9.0, usage=f"{part.usage}-Provisioned"))

    @staticmethod
    def price(region: str, name: str, architecture: str) -> float:
        units = 2 if name == "ec2_vcpu_hour" else 1
        if name == "route53_zone_month":
            region = "us-east-1"
        prices: float = getattr(load_prices(region, architecture), name)
        return prices * units * 1.25

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(body)
        matching = [
            item
            for item in self.products
            if item["serviceCode"] == body["ServiceCode"]
            and all(
                item["product"]["attributes"].get(one["Field"]) == one["Value"] for one in body["Filters"]
            )
        ]
        start = int(body.get("NextToken") or 0)
        page = {
            "FormatVersion": "aws_v1",
            "PriceList": [json.dumps(item) for item in matching[start : start + 2]],
        }
        return page | ({"NextToken": str(start + 2)} if start + 2 < len(matching) else {})


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[PricingApi]:
    made = PricingApi()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["X-Amz-Target"] == "AWSPriceListService.GetProducts"
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps(made.answer(body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.json"
    path.write_text(PRICES.read_text())
    return path


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_every_price_of_a_region_is_written(
    api: PricingApi, file: Path, architecture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refresh_prices.main(["--file", str(file), "--region", "us-east-1", "eu-central-1"]) == 0
    for region in PREFIX:
        before, after = load_prices(region, architecture), load_prices(region, architecture, file)
        for name in UNITS:
            assert getattr(after, name) == pytest.approx(getattr(before, name) * 1.25, rel=1e-3), name
        assert after.as_of > before.as_of
    assert load_prices("us-west-2", architecture, file) == load_prices("us-west-2", architecture)
    assert "us-east-1 lambda_request: 2e-07 -> 2.5e-07" in capsys.readouterr().out
    assert any("NextToken" in request for request in api.requests)


def test_a_price_that_is_missing_leaves_the_file_as_it_was(
    api: PricingApi, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api.products = [item for item in api.products if item["serviceCode"] != "AmazonStates"]
    before = file.read_bytes()
    assert refresh_prices.main(["--file", str(file), "--region", "us-east-1"]) == 1
    assert "no price for stepfunctions_transition" in capsys.readouterr().out
    assert file.read_bytes() == before


def test_two_prices_for_one_thing_are_an_error(
    api: PricingApi, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = QUERIES["lambda_request"]
    assert isinstance(query, Query)
    api.products.append(product("us-east-1", query, 0.5))
    assert refresh_prices.main(["--file", str(file), "--region", "us-east-1"]) == 1
    assert "2 different prices" in capsys.readouterr().out


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        refresh_prices.main(["--help"])
    assert "--region ap-south-1" in capsys.readouterr().out

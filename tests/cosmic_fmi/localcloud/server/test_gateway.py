"""Who may ask the embedded AWS for anything."""

import socket
import stat
from urllib.parse import urlsplit

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError

from cosmic_fmi.localcloud import EmbeddedAWS
from tests.cosmic_fmi.localcloud.conftest import client


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("sts", "get_caller_identity"),
        ("s3", "list_buckets"),
        ("lambda", "list_functions"),
        ("ecs", "list_clusters"),
    ],
)
def test_another_key_is_refused_in_the_service_s_own_format(
    cloud: EmbeddedAWS, service: str, call: str
) -> None:
    stranger = boto3.Session("test", "test", region_name="us-east-1")
    with pytest.raises(ClientError, match="access key id is not the embedded AWS's") as caught:
        getattr(stranger.client(service, endpoint_url=cloud.endpoint_url), call)()  # type: ignore[call-overload]
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_only_who_has_the_key_is_obeyed(cloud: EmbeddedAWS) -> None:
    assert stat.S_IMODE((cloud.state_dir / "localcloud.json").stat().st_mode) == 0o600
    page = {
        "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters",
        "Origin": "https://example.org",
    }
    for method, path, headers in [
        ("POST", "/_localcloud/stop-functions", {}),
        (
            "POST",
            "/",
            {**page, "Authorization": "AWS4-HMAC-SHA256 Credential=x/1/us-east-1/ecs/aws4_request"},
        ),
        ("OPTIONS", "/", {**page, "Access-Control-Request-Method": "POST"}),
        ("GET", "/?X-Amz-Credential=x", {}),
    ]:
        answer = urllib3.request(method, f"{cloud.endpoint_url}{path}", headers=headers, body="{}")
        assert answer.status == 403
        assert "cosmic-fmi local status --env" in answer.data.decode()
        assert "Access-Control-Allow-Origin" not in answer.headers
    s3 = client(cloud, "s3")
    s3.create_bucket(Bucket="presigned")
    url = s3.generate_presigned_url("list_objects", Params={"Bucket": "presigned"})
    assert urllib3.request("GET", url).status == 200


def test_a_client_that_stalls_keeps_nobody_waiting(cloud: EmbeddedAWS) -> None:
    s3 = client(cloud, "s3")
    s3.create_bucket(Bucket="stalled")
    target = urlsplit(s3.generate_presigned_url("put_object", Params={"Bucket": "stalled", "Key": "k"}))
    form = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": "100",
        "Expect": "100-continue",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": target.netloc, **form}.items())
    with socket.create_connection((target.hostname, target.port), timeout=10) as stalled:
        stalled.sendall(f"PUT {target.path}?{target.query} HTTP/1.1\r\n{head}\r\n".encode())
        assert stalled.recv(100).startswith(b"HTTP/1.1 100"), "the request has arrived"
        url = s3.generate_presigned_url("list_objects", Params={"Bucket": "stalled"})
        assert urllib3.request("GET", url, timeout=10, retries=False).status == 200

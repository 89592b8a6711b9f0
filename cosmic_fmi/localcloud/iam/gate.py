"""What stands before moto: every request is read, its caller found, and its permissions checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from moto.s3.models import s3_backends

from cosmic_fmi.localcloud.iam.authority import AccessDeniedError, Authority
from cosmic_fmi.localcloud.iam.calls import Call, UnknownOperationError, call_of, credential_of, replace_body
from cosmic_fmi.localcloud.iam.needs import OBJECT, UnmappedError, deletions, keys_to_delete, needs_of
from cosmic_fmi.localcloud.iam.principals import PARTITION, Principal
from cosmic_fmi.localcloud.iam.refusals import Refusal, access_denied
from cosmic_fmi.localcloud.moto.backends import ACCOUNT

Application = Callable[..., Iterable[bytes]]


class Gate:
    """Checks requests against `authority`."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def principal(self, environ: dict[str, Any]) -> Principal | None:
        """Who signed the request; None for a key that the embedded AWS did not give."""
        credential = credential_of(environ)
        return self._authority.sessions.principal(credential.access_key) if credential else None

    def refusal(self, environ: dict[str, Any], principal: Principal) -> Refusal | None:
        """AWS's refusal; None for what the caller may do."""
        credential = credential_of(environ)
        if not self._authority.enforce or credential is None:
            return None
        try:
            call = call_of(environ, credential)
        except UnknownOperationError as error:
            unknown = Call(credential.service, "", credential.region, "query")
            return access_denied(unknown, f"{error} is no operation that AWS has", environ["REQUEST_METHOD"])
        try:
            self._check(call, principal)
        except (AccessDeniedError, UnmappedError) as error:
            return access_denied(call, str(error), environ["REQUEST_METHOD"])
        return None

    def instead_of(self, moto: Application, environ: dict[str, Any], principal: Principal) -> Application:
        """Who answers an allowed request: moto, but where it does not know what depends on the caller."""
        credential = credential_of(environ)
        if credential is None or not self._authority.enforce:
            return moto
        if credential.service == "sts" and call_of(environ, credential).operation == "GetCallerIdentity":
            return partial(_answer_identity, principal)
        deletes = {"delete", "delete="} & set(environ.get("QUERY_STRING", "").split("&"))
        if credential.service == "s3" and environ["REQUEST_METHOD"] == "POST" and deletes:
            call = call_of(environ, credential)
            refused = self._refused_keys(call, principal)
            return _Deletion(call, refused, moto) if refused else moto
        return moto

    def _check(self, call: Call, principal: Principal) -> None:
        for need in needs_of(call):
            self._authority.check(principal, need.action, need.resource, call.region, need.context)
        if call.service == "s3" and call.operation in ("GetObject", "HeadObject"):
            self._check_existence(call, principal)

    def _check_existence(self, call: Call, principal: Principal) -> None:
        """Who may not list a bucket does not learn that an object is missing."""
        bucket = s3_backends[ACCOUNT][PARTITION].buckets.get(call.parameters["Bucket"])
        if bucket is not None and call.parameters["Key"] not in bucket.keys:
            self._authority.check(
                principal,
                "s3:ListBucket",
                f"arn:aws:s3:::{call.parameters['Bucket']}",
                call.region,
                {"s3:prefix": call.parameters["Key"]},
            )

    def _refused_keys(self, call: Call, principal: Principal) -> dict[str, str]:
        """Key → AWS's refusal."""
        refused = {}
        for key, action in deletions(call.parameters["body"]):
            try:
                resource = f"arn:aws:s3:::{call.parameters['Bucket']}/{key}"
                self._authority.check(principal, action, resource, call.region)
            except AccessDeniedError as error:
                refused[key] = str(error)
        return refused


class _Deletion:
    """Lets moto delete what may be deleted, and adds an error for each of the others."""

    def __init__(self, call: Call, refused: dict[str, str], moto: Application) -> None:
        self._call = call
        self._refused = refused
        self._moto = moto

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = self._call.parameters["body"]
        kept = OBJECT.sub(
            lambda found: "" if keys_to_delete(found[0])[0] in self._refused else found[0], body
        )
        errors = "".join(
            f"<Error><Key>{escape(key)}</Key><Code>AccessDenied</Code><Message>{escape(why)}</Message></Error>"
            for key, why in self._refused.items()
        )
        answer = "<DeleteResult></DeleteResult>"
        if "<Object>" in kept:
            replace_body(environ, kept.encode())
            environ.pop("HTTP_CONTENT_MD5", None)
            answer = b"".join(self._moto(environ, lambda *_: None)).decode()
        content = answer.replace("</DeleteResult>", f"{errors}</DeleteResult>").encode()
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(content)))]
        start_response("200 OK", headers)
        return [content]


def _answer_identity(
    principal: Principal, _environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """STS's answer to who asks who they are; moto knows its own users only."""
    body = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>{principal.arn}</Arn><UserId>{principal.owner.rpartition('/')[2]}</UserId>"
        f"<Account>{ACCOUNT}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId/></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    )
    content = body.encode()
    start_response("200 OK", [("Content-Type", "text/xml"), ("Content-Length", str(len(content)))])
    return [content]

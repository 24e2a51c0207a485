"""What Schemathesis holds each answer of the API against, beside its own checks.

No write without a role: an operation whose x-capability the caller's role lacks answers 401 or 403, whatever was sent.
The role is that of the token in GATEPOST_TOKEN; its capabilities come from GATEPOST_CAPABILITIES.
"""

import os

import schemathesis

HAS = set(os.environ["GATEPOST_CAPABILITIES"].split(","))


@schemathesis.check
def no_call_without_its_capability(ctx, response, case):
    wanted = case.operation.definition.raw.get("x-capability")
    allowed = wanted in ("open", "signed-in") or wanted in HAS
    if not allowed and response.status_code not in (400, 401, 403, 404, 405, 413, 414):
        raise AssertionError(
            f"{case.method} {case.path} takes {wanted}, which this role lacks, and was answered {response.status_code}"
        )


@schemathesis.check
def a_problem_is_a_problem_document(ctx, response, case):
    if response.status_code < 400:
        return
    kind = "".join(response.headers.get("content-type", []))
    if case.path.startswith("/api/v1") and not kind.startswith("application/problem+json"):
        raise AssertionError(f"{response.status_code} comes as {kind!r}, not as a problem document")

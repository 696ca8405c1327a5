"""Every operation of the OpenAPI document survives whatever is sent to it (`bench/fuzz_api.py` is the long run)."""

import pytest

from tests.api.fuzzing import Tally, fuzz
from tests.personalization.shop import ADA, inside, views

CASES_EACH = 12


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stocked_shop")
def test_no_operation_fails_and_each_can_succeed() -> None:
    from access.scopes import SCOPE_NAMES
    from access.services import create_key
    from audit.services.exports import queue_export
    from audit.services.sequencing import sequence
    from config.wsgi import application
    from consents.services.requests import open_request
    from experiments.services.designs import create_experiment
    from experiments.services.lifecycle import start

    create_experiment("button", data={}, actor="staff:mo")
    start("button", actor="staff:mo")
    views(inside(ADA), "desk")
    _, secret = create_key(kind="sk", name="server", scopes=sorted(SCOPE_NAMES))
    _, publishable = create_key(kind="pk", name="page")
    request = open_request("user:ada", kind="access", regime="gdpr", actor="staff:mo")
    sequence()
    export = queue_export(format="jsonl", declared={}, actor="staff:mo")
    tally, ids = Tally(), {"request_id": str(request.pk), "export_id": str(export.pk)}

    for _, result in fuzz(application, secret=secret, publishable=publishable, each=CASES_EACH, ids=ids):
        tally = result

    assert tally.wrong == []
    # No worker writes the export here; `tests/audit` takes the file of one.
    never_good = [name for name in tally.never_good if not name.endswith("/file")]
    assert never_good == [], [tally.last.get(name) for name in never_good]
    assert tally.cases >= CASES_EACH * len(tally.statuses) * 0.5

"""CouchDB's reader: what dbfleet does not send, and what it sends changes nothing.

On the stand-in some of what is refused here does not exist. On a real CouchDB, which has it:
pytest tests/engines/test_couchdb_reader.py --url couchdb://user:password@host:5984/prefix
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet.adapter import Adapter
from dbfleet.engines.couchdb.reader import check
from dbfleet.errors import AuthFailed, DbfleetError, StatementError
from dbfleet.fleet import READER, Fleet
from dbfleet.target import Target
from tests.engines.hostile import passed, same_to_both, shop

pytestmark = pytest.mark.engines("couchdb")

HOSTILE = "/{p}orders/_design/hostile"
DESIGN = """PUT /{p}orders/_design/hostile {"language": "javascript",
"views": {"by_status": {"map": "function (doc) { emit(doc.status, 1) }", "reduce": "_count"}},
"updates": {"touch": "function (doc, req) { return [{_id: 'hostile', touched: true}, 'done'] }"},
"shows": {"one": "function (doc, req) { return 'shown' }"},
"lists": {"all": "function (head, req) { send('listed') }"},
"rewrites": [{"from": "/touch", "to": "_update/touch", "method": "*"}]}"""

REFUSED = (
    # documents and databases
    "PUT /{p}hostile", "DELETE /{p}orders", 'PUT /{p}orders/hostile {"a": 1}', 'POST /{p}orders {"a": 1}',
    'POST /{p}orders/_bulk_docs {"docs": [{"_id": "hostile"}]}', "DELETE /{p}orders/1?rev=1-x", "COPY /{p}orders/1",
    'POST /{p}orders/_bulk_docs {"docs": [{"_id": "hostile", "_rev": "1-a"}], "new_edits": false}',
    'PUT /{p}orders/_local/hostile {"a": 1}', "DELETE /{p}orders/_local/hostile", 'PUT /{p}orders/1/file {"a": 1}',
    'POST /{p}orders/_purge {"1": ["1-x"]}', "POST /{p}orders/_compact", "POST /{p}orders/_view_cleanup",
    "POST /{p}orders/_ensure_full_commit", 'PUT /{p}orders/_security {"admins": {"names": ["x"]}}',
    'POST /{p}orders/_index {"index": {"fields": ["status"]}}', "DELETE /{p}orders/_index/_design/x/json/y",
    'POST /{p}orders/_index/_bulk_delete {"docids": ["_design/hostile"]}', "PUT /{p}orders/_revs_limit 1",
    "PUT /{p}orders/_purged_infos_limit 1", "POST /{p}orders/_sync_shards", 'POST /{p}orders/_missing {"1": []}',
    'PUT /{p}orders/_design/other {"views": {}}', "DELETE " + HOSTILE, "COPY " + HOSTILE,
    # functions that store documents, by whatever method and way
    f"POST {HOSTILE}/_update/touch", f"PUT {HOSTILE}/_update/touch/1 {{}}", f"GET {HOSTILE}/_update/touch",
    f"HEAD {HOSTILE}/_update/touch", f"GET {HOSTILE}/_update/touch/1", f"get {HOSTILE}/_update/touch",
    f"GET {HOSTILE}/%5Fupdate/touch", f"GET {HOSTILE}/%5fupdate/touch",
    "GET /{p}orders/%5Fdesign/hostile/_update/touch",
    "GET /{p}orders/_design%2Fhostile/_update/touch", "GET /{p}orders//_design/hostile/_update/touch",
    "GET //{p}orders/_design/hostile/_update/touch", "GET /{p}orders/./_design/hostile/_update/touch",
    "GET /{p}orders/1/../_design/hostile/_update/touch", "GET /{p}orders/1/%2E%2E/_design/hostile/_update/touch",
    f"GET {HOSTILE}/_view/../_update/touch", f"GET {HOSTILE}/_view/by_status/../../_update/touch",
    f"GET {HOSTILE}/_view/%2e%2e/_update/touch", f"GET {HOSTILE}//_update/touch",
    "GET /{p}orders/_design//hostile/_update/touch", "GET /{p}orders/_partition/x/_design/hostile/_update/touch",
    f"GET {HOSTILE}/_rewrite/touch", f"GET {HOSTILE}/_show/one", f"GET {HOSTILE}/_list/all/by_status",
    f"GET {HOSTILE}/file/../_update/touch", "GET /{p}orders/_local/../_design/hostile/_update/touch",
    # the server
    'POST /_replicate {"source": "http://127.0.0.1:1/x", "target": "{p}orders"}', "POST /_restart", "POST /_compact",
    'PUT /_node/_local/_config/hostile/a "b"', "DELETE /_node/_local/_config/couchdb/uuid", "GET /_node/_local/_config",
    "GET /_node/_local/_config/admins", "GET /_node/_local/_stats", "GET /%5Fnode/_local/_config",
    "GET /{p}orders/../_node/_local/_config", "GET //_node/_local/_config", "GET /_users/_all_docs?include_docs=true",
    "GET /_users", "GET /%5Fusers/_all_docs",
    'PUT /_users/org.couchdb.user:x {"name": "x", "roles": [], "type": "user"}',
    "GET /_replicator/_all_docs", 'POST /_replicator {"source": "a", "target": "b"}', "GET /_active_tasks",
    "GET /_scheduler/jobs", "GET /_scheduler/docs", "GET /_db_updates", "GET /_global_changes", "GET /_reshard",
    'POST /_cluster_setup {"action": "finish_cluster"}', 'POST /_session {"name": "x", "password": "y"}',
    "DELETE /_session", "GET /_utils/", "GET /_uuids", 'POST /_search_analyze {"analyzer": "standard", "text": "a"}',
    # several at once, of which one is refused
    'GET /{p}orders/1\nPUT /{p}orders/hostile {"a": 1}', f"GET /{{p}}orders/1\nGET {HOSTILE}/_update/touch",
    '_users {"selector": {}}', 'orders/_bulk_docs {"docs": []}',
)  # fmt: skip

HARMLESS = {
    "GET /": "reads", "GET /_up": "reads", "GET /_session": "reads", "GET /_all_dbs": "reads",
    "GET /{p}orders": "reads",
    "HEAD /{p}orders": "reads", "GET /{p}orders/": "reads", "GET /{p}orders/1": "reads", "HEAD /{p}orders/1": "reads",
    "GET /{p}orders/1?revs=true": "reads", "GET /{p}orders/_all_docs?limit=2": "reads",
    "GET /{p}orders/%5Fall_docs?limit=2": "reads", 'POST /{p}orders/_all_docs {"keys": ["1"]}': "reads",
    "GET /{p}orders/_changes?limit=2": "reads", "GET /{p}orders/_index": "reads", "GET /{p}orders/_security": "reads",
    'POST /{p}orders/_find {"selector": {"status": "paid"}}': "reads",
    'POST /{p}orders/_explain {"selector": {"status": "paid"}}': "reads",
    'POST /{p}orders/_bulk_get {"docs": [{"id": "1"}]}': "reads", 'POST /{p}orders/_revs_diff {"1": ["1-x"]}': "reads",
    f"GET {HOSTILE}": "reads", f"GET {HOSTILE}/_view/by_status?group=true": "reads; the server builds its index",
    f"GET {HOSTILE}/_info": "reads", 'orders {"status": "paid"}': "reads",
}  # fmt: skip


def asked(adapter: Adapter, method: str, path: str, body: object = None) -> Any:
    return adapter._session.json(method, path, body)  # type: ignore[attr-defined]


def prefix(target: Target) -> str:
    return target.database or ""


def state(owner: Adapter) -> object:
    """Every database with its counts, its number of changes and its rights; the configuration, where there is one."""
    found = []
    for name in asked(owner, "GET", "/_all_dbs"):
        info = asked(owner, "GET", f"/{name.replace('/', '%2F')}")
        changes = str(info["update_seq"]).partition("-")[0]
        found.append((name, info["doc_count"], info.get("doc_del_count"), changes, info.get("purge_seq")))
        found.append((name, asked(owner, "GET", f"/{name.replace('/', '%2F')}/_security")))
    try:
        found.append(("configuration", asked(owner, "GET", "/_node/_local/_config")))
    except DbfleetError:
        pass  # the stand-in has none
    return found


@pytest.fixture
def world(fleet: Fleet, target: Target) -> Iterator[Adapter]:
    """The target with data, and with functions on the server that write. Gives its owner."""
    with shop(fleet, target), fleet.connect(target) as owner:
        owner.query(DESIGN.replace("{p}", prefix(target)))
        yield owner


def test_no_request_of_a_reader_changes_anything(fleet: Fleet, target: Target, world: Adapter) -> None:
    texts = {text: text.replace("{p}", prefix(target)) for text in (*REFUSED, *HARMLESS)}
    assert sorted(passed(fleet, target, texts, state)) == sorted(HARMLESS)


def test_what_is_refused_is_not_sent(fleet: Fleet, target: Target, world: Adapter) -> None:
    """As far as it is one request: a server that knows nothing of it proves nothing."""
    for text in REFUSED:
        method, _, rest = text.partition(" ")
        if method.isupper() and "\n" not in text:
            with pytest.raises(StatementError, match="not for reading only"):
                check(target.name, method, rest.partition(" ")[0].replace("{p}", prefix(target)))


def test_the_reader_reads_everything(fleet: Fleet, target: Target, world: Adapter) -> None:
    same_to_both(fleet, target)
    with fleet.connect(fleet.reader(target)) as reader:
        assert reader.identity() == world.identity()  # type: ignore[attr-defined]
        assert reader.extras("orders") == world.extras("orders")  # type: ignore[attr-defined]


def test_the_reader_reads_collections_that_were_made_after_it(
    fleet: Fleet, target: Target, adapter: Adapter, name: str
) -> None:
    asked(adapter, "PUT", f"/{prefix(target)}{name}")
    asked(adapter, "PUT", f"/{prefix(target)}{name}/a%2F%5Fupdate", {"v": "x"})
    try:
        with fleet.connect(fleet.reader(target)) as reader:
            schema = reader.describe(name)
            assert [row[schema.names.index("v")] for batch in reader.scan(schema) for row in batch] == ["x"]
            reader.query(f"GET /{prefix(target)}{name}/a%2F%5Fupdate")
    finally:
        adapter.drop(name)


def test_a_document_whose_id_begins_with_what_is_refused_elsewhere_is_read(target: Target) -> None:
    for path in ("/orders/a_update", "/orders/1/_update", "/a%2Fb/_all_docs/queries", "/orders/_partition/x"):
        check(target.name, "POST" if path.endswith("queries") else "GET", path)


def test_the_account_gets_its_password_back(fleet: Fleet, target: Target, adapter: Adapter) -> None:
    if not target.managed:
        pytest.skip("undeclared by the spec")
    adapter.make_reader(READER, "Another4Password")  # type: ignore[attr-defined]
    with pytest.raises(AuthFailed), fleet.connect(fleet.reader(target)):
        pass
    adapter.make_reader(READER, fleet.secret("ro"))  # type: ignore[attr-defined]
    with fleet.connect(fleet.reader(target)) as reader:
        assert asked(reader, "GET", "/_session")["userCtx"]["name"] == READER

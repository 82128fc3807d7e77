"""MongoDB's reader: what the role `read` refuses, on the real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.engines.mongodb.adapter import MongodbAdapter
from dbfleet.errors import StatementError, Unsupported
from dbfleet.fleet import READER, Fleet
from dbfleet.target import Target
from tests.engines.hostile import passed, same_to_both, shop

pytestmark = pytest.mark.engines("mongodb")

MAP = 'map: "function() { emit(1, 1) }", reduce: "function(k, v) { return 1 }"'
REFUSED = (
    # documents
    "db.orders.insertOne({_id: 1000001})", "db.orders.insertMany([{_id: 1000001}, {_id: 1000002}])",
    "db.orders.updateOne({}, {$set: {a: 1}})", "db.orders.updateMany({}, {$set: {a: 1}})",
    "db.orders.updateOne({_id: 1000001}, {$set: {a: 1}}, {upsert: true})", "db.orders.replaceOne({}, {a: 1})",
    "db.orders.deleteOne({})", "db.orders.deleteMany({})", "db.orders.findOneAndUpdate({}, {$set: {a: 1}})",
    "db.orders.findOneAndReplace({}, {a: 1})", "db.orders.findOneAndDelete({})",
    "db.orders.bulkWrite([{insertOne: {document: {_id: 1000001}}}])",
    "db.runCommand({insert: 'orders', documents: [{_id: 1000001}]})",
    "db.runCommand({update: 'orders', updates: [{q: {}, u: {$set: {a: 1}}}]})",
    "db.runCommand({delete: 'orders', deletes: [{q: {}, limit: 0}]})",
    "db.runCommand({findAndModify: 'orders', query: {}, remove: true})",
    "db.adminCommand({bulkWrite: 1, ops: [{insert: 0, document: {a: 1}}], nsInfo: [{ns: 'dbfleet.orders'}]})",
    "db.new_collection.insertOne({a: 1})", "db.getCollection('_dbfleet').deleteMany({})", "db.paid.insertOne({a: 1})",
    "db.getCollection('system.js').insertOne({_id: 'g'})", "db.getCollection('system.views').deleteMany({})",
    # aggregations and the like that write
    "db.orders.aggregate([{$out: 'x'}])", "db.orders.aggregate([{$out: {db: 'elsewhere', coll: 'x'}}])",
    "db.orders.aggregate([{$merge: {into: 'x'}}])", "db.orders.aggregate([{$merge: {into: 'orders', on: '_id'}}])",
    "db.orders.aggregate([{$merge: {into: {db: 'elsewhere', coll: 'things'}}}])",
    "db.orders.aggregate([{$facet: {a: [{$out: 'x'}]}}])",
    "db.orders.aggregate([{$lookup: {from: 'customers', pipeline: [{$out: 'x'}], as: 'c'}}])",
    "db.orders.aggregate([{$unionWith: {coll: 'customers', pipeline: [{$out: 'x'}]}}])",
    f"db.runCommand({{mapReduce: 'orders', {MAP}, out: 'x'}})",
    f"db.runCommand({{mapReduce: 'orders', {MAP}, out: {{merge: 'x'}}}})",
    "db.runCommand({explain: {insert: 'orders', documents: [{_id: 1000001}]}})",
    "db.runCommand({explain: {delete: 'orders', deletes: [{q: {}, limit: 0}]}, verbosity: 'executionStats'})",
    "db.runCommand({explain: {aggregate: 'orders', pipeline: [{$out: 'x'}], cursor: {}}, verbosity: 'executionStats'})",
    # collections, indexes and databases
    "db.orders.drop()", "db.dropDatabase()", "db.createCollection('x')", "db.createView('x', 'orders', [])",
    "db.orders.createIndex({status: 1})", "db.orders.dropIndexes()", "db.orders.dropIndex('by_status')",
    "db.orders.renameCollection('x')", "db.adminCommand({renameCollection: 'dbfleet.orders', to: 'dbfleet.x'})",
    "db.runCommand({collMod: 'orders', validator: {a: 1}})", "db.runCommand({convertToCapped: 'orders', size: 4096})",
    "db.runCommand({cloneCollectionAsCapped: 'orders', toCollection: 'x', size: 4096})",
    "db.runCommand({compact: 'orders'})", "db.runCommand({reIndex: 'orders'})", "db.orders.validate()",
    "db.runCommand({validate: 'orders', repair: true})", "db.runCommand({planCacheClear: 'orders'})",
    "db.runCommand({planCacheSetFilter: 'orders', query: {}, indexes: []})",
    "db.runCommand({createSearchIndexes: 'orders', indexes: []})", "db.runCommand({profile: 2})",
    "db.runCommand({setIndexCommitQuorum: 'orders', indexNames: ['a'], commitQuorum: 1})",
    # other databases
    "db.getSiblingDB('elsewhere').things.find()", "db.getSiblingDB('elsewhere').things.insertOne({a: 1})",
    "db.getSiblingDB('elsewhere').dropDatabase()", "db.getSiblingDB('dbfleet_ro').x.insertOne({a: 1})",
    "use elsewhere\ndb.things.find()", "use elsewhere\ndb.things.deleteMany({})",
    "db.orders.aggregate([{$lookup: {from: {db: 'elsewhere', coll: 'things'}, pipeline: [], as: 'x'}}])",
    "db.getSiblingDB('admin').getCollection('system.users').find()",
    "db.getSiblingDB('admin').getCollection('system.users').updateOne({}, {$set: {roles: []}})",
    "db.getSiblingDB('local').getCollection('startup_log').find()",
    "db.getSiblingDB('config').getCollection('system.sessions').find()", "db.getCollection('system.profile').find()",
    # users
    "db.adminCommand({createUser: 'x', pwd: 'x', roles: ['root']})",
    "db.runCommand({createUser: 'x', pwd: 'x', roles: []})",
    "db.adminCommand({updateUser: 'dbfleet_ro', pwd: 'y'})",
    "db.adminCommand({updateUser: 'dbfleet_ro', roles: ['root']})",
    "db.adminCommand({updateUser: 'dbfleet_ro', customData: {a: 1}})", "db.adminCommand({dropUser: 'dbfleet_ro'})",
    "db.adminCommand({grantRolesToUser: 'dbfleet_ro', roles: ['root']})", "db.adminCommand({usersInfo: 1})",
    "db.runCommand({createRole: 'x', privileges: [], roles: ['dbOwner']})", "db.adminCommand({rolesInfo: 1})",
    "db.adminCommand({invalidateUserCache: 1})",
    # the server, and what others do there
    "db.adminCommand({shutdown: 1})", "db.adminCommand({fsync: 1})", "db.adminCommand({fsync: 1, lock: true})",
    "db.adminCommand({fsyncUnlock: 1})", "db.adminCommand({setParameter: 1, logLevel: 1})",
    "db.adminCommand({getParameter: '*'})", "db.adminCommand({setFeatureCompatibilityVersion: '6.0'})",
    "db.adminCommand({logRotate: 1})", "db.adminCommand({getLog: 'global'})", "db.adminCommand({replSetInitiate: {}})",
    "db.adminCommand({replSetGetConfig: 1})", "db.adminCommand({applyOps: []})",
    "db.adminCommand({dropConnections: 1, hostAndPort: []})", "db.adminCommand({getCmdLineOpts: 1})",
    "db.adminCommand({setDefaultRWConcern: 1, defaultReadConcern: {level: 'local'}})",
    "db.adminCommand({configureFailPoint: 'x', mode: 'off'})", "db.adminCommand({top: 1})",
    "db.adminCommand({serverStatus: 1})", "db.adminCommand({hostInfo: 1})", "db.adminCommand({connPoolStats: 1})",
    "db.adminCommand({lockInfo: 1})", "db.adminCommand({rotateCertificates: 1})", "db.currentOp()", "db.killOp(1)",
    "db.adminCommand({aggregate: 1, pipeline: [{$currentOp: {allUsers: true}}], cursor: {}})",
    "db.adminCommand({killAllSessions: []})", "db.adminCommand({killAllSessions: [{user: 'dbfleet', db: 'admin'}]})",
    "db.adminCommand({killAllSessionsByPattern: [{users: [{user: 'dbfleet', db: 'admin'}]}]})",
    "db.orders.aggregate([{$listSessions: {allUsers: true}}])",
    "db.aggregate([{$listLocalSessions: {allUsers: true}}])",
    "db.runCommand({eval: 'db.orders.drop()'})", "db.orders.aggregate([{$indexStats: {}}])",
    # JavaScript
    "db.orders.find({$where: 'db.orders.drop() || true'})",
    "db.orders.find({$where: \"load('/etc/passwd')\"})", "db.orders.find({$where: \"ls('/')\"})",
    "db.orders.find({$where: \"run('touch', '/tmp/hostile')\"})",
)  # fmt: skip

READS = (
    "db.orders.find({status: 'paid'}).limit(3)", "db.orders.aggregate([{$unionWith: 'customers'}, {$limit: 1}])",
    "db.paid.find().limit(1)", "db.getCollection('system.js').find()", "db.orders.getIndexes()", "db.orders.stats()",
    "db.orders.aggregate([{$collStats: {count: {}}}])", "db.orders.aggregate([{$planCacheStats: {}}])",
    "db.runCommand({dbHash: 1})", "db.runCommand({dbStats: 1})",
    "db.runCommand({explain: {find: 'orders'}})", "show dbs",
    "db.runCommand({ping: 1})", "db.runCommand({listCommands: 1})",
)  # fmt: skip
SESSION = (
    "use elsewhere", "db.runCommand({startSession: 1})", "db.runCommand({endSessions: []})",
    "db.runCommand({killSessions: []})", "db.runCommand({refreshSessions: []})",
    "db.aggregate([{$listLocalSessions: {}}])",
    "db.adminCommand({aggregate: 1, pipeline: [{$currentOp: {allUsers: false}}], cursor: {}})",
    "db.adminCommand({connectionStatus: 1})", "db.runCommand({logout: 1})",
)  # fmt: skip
SCRIPTS = (
    "db.orders.find({$where: 'sleep(1) || true'}).limit(1)",
    "db.orders.find({$where: \"this.constructor.constructor('return 1')() == 1\"}).limit(1)",
    "db.orders.aggregate([{$set: {a: {$function: {body: 'function() { return 1 }', args: [], lang: 'js'}}}}])",
    f"db.runCommand({{mapReduce: 'orders', {MAP}, out: {{inline: 1}}}})",
)  # fmt: skip
HARMLESS = {
    **dict.fromkeys(READS, "reads"),
    **dict.fromkeys(SCRIPTS, "takes the server's time (told in the guard's note), and reaches documents alone"),
    "db.adminCommand({usersInfo: 'dbfleet_ro', showCredentials: true})": "shows the reader's own login",
    **dict.fromkeys(SESSION, "of one's own session"),
}


def state(owner: Adapter) -> object:
    """Every database with its collections, their options, indexes and documents; users, roles and settings."""
    client = owner._client  # type: ignore[attr-defined]
    found: list[object] = [client.admin.command("getParameter", "*"), client.dbfleet.command("profile", -1)]
    for database in sorted({*client.list_database_names()} - {"local", "config"}):
        entries = sorted(client[database].list_collections(), key=lambda entry: entry["name"])
        found.append(entries)
        for entry in entries:
            name = entry["name"]
            if entry["type"] == "collection" and name not in ("system.views", "system.version"):
                collection = client[database][name]
                found += [sorted(map(str, collection.list_indexes())), list(collection.find().sort("_id"))]
    return [_without_clocks(each) for each in found]


def _without_clocks(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_clocks(item) for key, item in value.items() if key not in ("operationTime", "$clusterTime")
        }
    return value


@pytest.fixture
def world(fleet: Fleet, target: Target) -> Iterator[MongodbAdapter]:
    """The target with data, a view, an index, a function of the server's, and another database. Gives its owner."""
    with shop(fleet, target), fleet.connect(target) as owner:
        assert isinstance(owner, MongodbAdapter)
        client, database = owner._client, owner._database
        database.command("create", "paid", viewOn="orders", pipeline=[{"$match": {"status": "paid"}}])
        database.orders.create_index("status", name="by_status")
        database["system.js"].insert_one({"_id": "hostile", "value": 1})
        client.elsewhere.things.insert_one({"_id": 1})
        try:
            yield owner
        finally:
            database.paid.drop()
            database["system.js"].delete_one({"_id": "hostile"})
            client.drop_database("elsewhere")


def test_no_statement_of_a_reader_changes_anything(fleet: Fleet, target: Target, world: MongodbAdapter) -> None:
    assert sorted(passed(fleet, target, {text: text for text in (*REFUSED, *HARMLESS)}, state)) == sorted(HARMLESS)


def test_the_reader_reads_everything(fleet: Fleet, target: Target, world: MongodbAdapter) -> None:
    same_to_both(fleet, target)
    with fleet.connect(fleet.reader(target)) as reader:
        assert isinstance(reader, MongodbAdapter)
        assert reader.identity() == world.identity()
        assert reader.left() == world.left() == ("functions of the server: hostile",)
        assert reader.extras("orders") == world.extras("orders")


def test_the_reader_reads_collections_that_were_made_after_it(
    fleet: Fleet, target: Target, adapter: MongodbAdapter, name: str
) -> None:
    adapter._database[name].insert_one({"_id": 1, "v": "x"})
    try:
        with fleet.connect(fleet.reader(target)) as reader:
            assert [*reader.scan(reader.describe(name))] == [[(1, "x")]]
    finally:
        adapter.drop(name)


def test_a_reader_ends_no_cursor_and_reads_none_of_another(fleet: Fleet, target: Target, world: MongodbAdapter) -> None:
    cursor = world._database.orders.find(batch_size=2)
    next(cursor)
    with fleet.connect(fleet.reader(target)) as reader:
        for command in ("{killCursors: 'orders', cursors: [Long(%d)]}", "{getMore: Long(%d), collection: 'orders'}"):
            with pytest.raises(StatementError):
                reader.query(f"db.runCommand({command % cursor.cursor_id})")
    assert len([*cursor]) == world.count("orders") - 1


def test_a_statement_of_a_reader_is_cancelled(fleet: Fleet, target: Target) -> None:
    outcome: list[BaseException] = []
    with fleet.connect(fleet.reader(target)) as reader:
        assert isinstance(reader, MongodbAdapter)

        def run() -> None:
            try:
                reader.query(reader.spec.examples["slow"])
            except BaseException as exc:
                outcome.append(exc)

        thread = threading.Thread(target=run)
        thread.start()
        while thread.is_alive():
            reader.cancel()
            thread.join(0.1)
        assert isinstance(outcome[0], StatementError)


def test_the_account_loses_what_it_was_given_besides(fleet: Fleet, target: Target, adapter: MongodbAdapter) -> None:
    users = adapter._client.admin
    (before,) = users.command("usersInfo", READER)["users"]
    assert before["roles"] == [{"role": "read", "db": target.database}]
    users.command("grantRolesToUser", READER, roles=["root"])
    adapter.make_reader(READER, fleet.secret("ro"))
    assert users.command("usersInfo", READER)["users"] == [before]


def test_a_user_without_the_right_to_make_accounts_makes_none(fleet: Fleet, target: Target) -> None:
    with fleet.connect(fleet.reader(target)) as reader, pytest.raises(StatementError, match="not authorized"):
        reader.make_reader("dbfleet_x", "Some4Password")  # type: ignore[attr-defined]


def test_somebodys_server_is_not_read_only_by_itself(fleet: Fleet, target: Target) -> None:
    with pytest.raises(Unsupported, match="not enforced"):
        fleet.reader(fleet.target(target.url(reveal=True)))


def test_an_account_that_may_do_more_is_none_for_reading_only(target: Target) -> None:
    with pytest.raises(Unsupported, match=r"not enforced: .*may do more than read"):
        registry.connect(target.with_(read_only=True))

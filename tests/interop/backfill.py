"""`tributary backfill` from a fake of Morph's API (fake_morph.py) into a real tributaryd, as a user runs it.

Each function below is one promise of docs/backfill.md, with an owner and a fake of its own.
"""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

import harness
from fake_morph import KEY, SECRET, FakeMorph, hang_up, not_json, say_nothing, status

DEAL, CONTACT, STAGE = "crmOpportunity", "genericContact", "crmStage"
OK, ERROR, USAGE, UNAVAILABLE, REFUSED = 0, 1, 2, 4, 5
PRINTED = []  # everything that any run has printed


class World:
    """One owner's part of the server, a fake of the source for it, and the command between them."""

    server = None
    owners = 0

    def __init__(self, **fake):
        World.owners += 1
        self.owner = f"acme-{World.owners}"
        self.morph = FakeMorph(owner=self.owner, **fake)

    def __enter__(self):
        self.morph.__enter__()
        return self

    def __exit__(self, *error):
        self.morph.__exit__(*error)
        assert self.morph.refused == 0 or error[0], "a request had not the right headers"

    def post(self, body, owner=None):
        code, answer = self.server.post(body, owner=owner or self.owner)
        assert code == 200, answer

    def environment(self):
        return {**os.environ, "TRIBUTARY_ADDRESS": self.server.grpc, "TRIBUTARY_CONNECTOR": "hubspot",
                "TRIBUTARY_OWNER": self.owner, "TRIBUTARY_MORPH_URL": self.morph.url,
                "TRIBUTARY_RETRY_WAIT": "1ms", "MORPH_API_KEY": KEY, "MORPH_API_SECRET": SECRET}

    def start(self, *words, **environment):
        return subprocess.Popen([harness.BINARIES / "bin" / "tributary", *words], text=True,
                                env={**self.environment(), **environment}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def tributary(self, *words, code=OK, **environment):
        """Runs it; what it printed. Fails unless it exits with `code`."""
        process = self.start(*words, **environment)
        out, err = process.communicate(timeout=120)
        PRINTED.extend((out, err))
        assert process.returncode == code, f"{words} exited with {process.returncode}:\n{out}\n{err}"
        self.err = err
        return out

    def backfill(self, *words, code=OK, **environment):
        return self.tributary("backfill", *words, code=code, **environment)

    def held(self, model):
        """What the server has, by id, as the source would write it."""
        lines = self.tributary("list", model, "--output=source").splitlines()
        return {resource["id"]: plain(resource) for resource in map(json.loads, lines)}

    def head(self):
        return int(json.loads(self.tributary("status", "--output=json")).get("headRevision", 0))

    def assert_equal(self, *models):
        for model in models:
            listed = {key: plain(value) for key, value in self.morph.resources[model].items()}
            held = self.held(model)
            assert held == listed, f"{model}: held {held}\nlisted {listed}"


def plain(resource):
    return {key: value for key, value in resource.items() if value not in (None, [])}


def deals(world, count):
    for i in range(count):
        world.morph.put(DEAL, f"deal-{i}", {"name": f"Deal {i}", "amount": i + 0.5})


def fill(world):
    """Some of everything, over several pages."""
    world.morph.page_size_max = 7
    deals(world, 30)
    for resource_id in ("default::won", "a/b%2Fc", "x=y&z", "{\"e\":1}", "ü ☃", "006Ak00000QxT1b"):
        world.morph.put(STAGE, resource_id, {"name": resource_id, "type": "won"})
        world.morph.put(CONTACT, resource_id, {"firstName": "\"quoted\" \\ and \n broken", "região": [1, None]})


def equals_what_the_source_has():
    with World() as world:
        fill(world)
        out = world.backfill("--model=opportunity,stage", "--model", "contact")
        assert "opportunities: 30 listed: APPLIED 30\n" in out, out
        world.assert_equal(DEAL, STAGE, CONTACT)
        assert any("cursor=at%3D7%26%2F%2B%25%20%C3%BC" in path for path in world.morph.requests)


def twice_changes_nothing():
    with World() as world:
        fill(world)
        world.backfill("--model=opportunity", "--model=contact")
        head = world.head()
        out = world.backfill("--model=opportunity", "--model=contact", "--delete_missing")
        assert "opportunities: 30 listed: UNCHANGED 30\n  missing: 0 of 30\n" in out, out
        assert world.head() == head


def repairs_what_webhooks_missed_and_rewinds_nothing():
    with World() as world:
        deals(world, 5)
        older, newer = "2025-05-01T00:00:00.000Z", "2025-07-01T00:00:00.000Z"
        world.post(harness.event(DEAL, "deal-0", {"name": "older"}, "updated", older))
        world.post(harness.event(DEAL, "deal-1", {"name": "newer"}, "updated", newer))
        out = world.backfill("--model=opportunity")
        assert "5 listed: APPLIED 4 SUPERSEDED 1" in out, out
        held = world.held(DEAL)
        assert held["deal-0"]["fields"]["name"] == "Deal 0", held
        assert held["deal-1"]["fields"]["name"] == "newer", held


def all_models_that_the_connector_lists():
    with World() as world:
        fill(world)
        out = world.backfill("--model=all")
        assert "contacts: 6 listed" in out and "companies: not listed by this connector\n" in out, out
        world.assert_equal(DEAL, STAGE, CONTACT)
        assert not any("widgetCardView" in path or "customField" in path for path in world.morph.requests)
        # Asked for by name it is an error.
        world.backfill("--model=company", code=REFUSED)
        assert "CONNECTOR::OPERATION::NOT_FOUND" in world.err, world.err


def an_api_that_misbehaves_is_asked_again():
    with World() as world:
        fill(world)
        world.morph.fields[DEAL] = []
        world.morph.misbehave(status(503), status(429, retry_after=1), hang_up, status(500), say_nothing,
                              not_json, status(502, "<html>"))
        begun = time.monotonic()
        world.backfill("--model=opportunity", "--retries=8")
        assert time.monotonic() - begun >= 1, "Retry-After was not waited for"
        for said in ("HTTP 503", "HTTP 429", "not a page of a list", "again in"):
            assert said in world.err, world.err
        world.assert_equal(DEAL)


def a_page_that_fails_ends_its_model_and_deletes_nothing():
    with World() as world:
        fill(world)
        world.backfill("--model=opportunity")
        gone = world.morph.remove(DEAL, "deal-29")
        world.morph.put(DEAL, "deal-0", {"name": "changed"}, "2025-08-01T00:00:00.000Z")

        def before_page(_, number):
            if number == 2:
                world.morph.misbehave(*[status(500)] * 3)  # each attempt at the next one
        world.morph.before_page = before_page
        out = world.backfill("--model=opportunity,contact", "--retries=2", "--delete_missing", "--yes",
                             code=UNAVAILABLE)
        assert "missing: not looked for, as the list could not be read to its end" in out, out
        assert "contacts: 6 listed" in out, "the next model is as good as ever"
        held = world.held(DEAL)
        assert gone["id"] in held and held["deal-0"]["fields"]["name"] == "changed", held


def refusals_are_not_tried_again():
    with World() as world:
        deals(world, 1)
        world.morph.fields[DEAL] = []
        body = json.dumps({"error": {"code": "MORPH::CONNECTION::NOT_FOUND", "message": f"no {SECRET} \u001b[31m"}})
        world.morph.misbehave(status(404, body), status(403, "nonsense"))
        world.backfill("--model=opportunity", code=REFUSED)
        assert len(world.morph.requests) == 2, world.morph.requests
        assert "MORPH::CONNECTION::NOT_FOUND: no [secret]" in world.err and "HTTP 403" in world.err, world.err
        assert "\u001b" not in world.err, world.err


def lists_without_an_end_are_left():
    with World() as world:
        fill(world)
        world.backfill("--model=opportunity")
        world.morph.remove(DEAL, "deal-3")
        # The same page for ever.
        world.morph.next_of = lambda model, number, cursor: cursor if number < 2 else "at=7&/+% ü"
        out = world.backfill("--model=opportunity", "--delete_missing", code=ERROR)
        assert "has no end: the cursor at=7&/+% ü came before" in world.err, world.err
        assert "missing: not looked for" in out, out
        # An ever new name for the same page.
        names = iter(range(1000000))
        world.morph.next_of = lambda *_: f"at=0&{next(names)}"
        world.backfill("--model=opportunity", code=ERROR)
        assert "pages brought nothing new" in world.err, world.err
        # Nothing, and again nothing.
        world.morph.next_of = lambda model, number, cursor: cursor or f"at={number * 7 + 7}&"
        out = world.backfill("--model=opportunity", "--delete_missing", code=REFUSED)
        assert "as the list does not say where it ends" in out, out
        assert "deal-3" in world.held(DEAL)
        # Nothing, and a next page that is this one: that is an end.
        world.morph.next_of = lambda model, number, cursor: cursor or "at=70&"
        out = world.backfill("--model=opportunity", "--delete_missing")
        assert "missing: 1 of 30, deleted: APPLIED 1" in out, out
        world.assert_equal(DEAL)


def what_is_listed_twice_is_taken_once():
    with World() as world:
        world.morph.page_size_max = 2
        deals(world, 4)
        entries = list(world.morph.resources[DEAL].values())
        world.morph.resources[DEAL] = [entries[0], entries[1], entries[1], None, entries[2], entries[2], entries[3]]
        head = world.head()
        out = world.backfill("--model=opportunity", "--delete_missing")
        assert "opportunities: 6 listed:" in out and "APPLIED 4" in out and "missing: 0 of 4" in out, out
        assert world.head() == head + 4


def deletes_what_is_gone_and_not_what_came_meanwhile():
    with World() as world:
        fill(world)
        world.backfill("--model=opportunity")
        for gone in ("deal-2", "deal-28", "deal-29"):
            world.morph.remove(DEAL, gone)

        def before_page(_, number):
            if number != 3:
                return
            # Made when its page had been read already.
            world.post(harness.event(DEAL, "new", {"name": "New"}, "created", "2025-05-01T00:00:00.000Z"))
            # Of this one the last that was heard changed nothing, but it was heard.
            world.post(harness.event(DEAL, "deal-28", {"name": "Deal 28", "amount": 28.5}, "updated"))
        world.morph.before_page = before_page
        out = world.backfill("--model=opportunity", "--delete_missing")
        assert "missing: 2 of 31, deleted: APPLIED 2\n" in out, out
        held = world.held(DEAL)
        assert "new" in held and "deal-28" in held, held
        assert "deal-2" not in held and "deal-29" not in held, held
        world.morph.before_page = None
        out = world.backfill("--model=opportunity", "--delete_missing")
        assert "missing: 2 of 29, deleted: APPLIED 2\n" in out, out
        world.assert_equal(DEAL)


def of_another_owner_or_model_nothing_is_deleted():
    with World() as world:
        fill(world)
        world.post(harness.event(DEAL, "other", {"name": "Other"}), owner="globex")
        world.post(harness.event(STAGE, "other", {"name": "Other", "type": "open"}))
        world.backfill("--model=opportunity", "--delete_missing")
        assert "other" in world.held(STAGE)
        assert "other" in world.tributary("list", "opportunities", "--owner=globex")


def more_than_a_fifth_is_not_deleted_without_a_word():
    with World() as world:
        fill(world)
        world.backfill("--model=opportunity")
        for i in range(7):
            world.morph.remove(DEAL, f"deal-{i}")
        head = world.head()
        out = world.backfill("--model=opportunity", "--delete_missing", code=REFUSED)
        assert "missing: 7 of 30; as they are more than a fifth, only --yes deletes them" in out, out
        assert world.head() == head
        world.morph.put(DEAL, "deal-0", {"name": "back"}, "2025-08-01T00:00:00.000Z")
        world.backfill("--model=opportunity", "--delete_missing")  # six of thirty is a fifth
        world.assert_equal(DEAL)
        world.morph.resources[DEAL].clear()
        world.backfill("--model=opportunity", "--delete_missing", code=REFUSED)
        out = world.backfill("--model=opportunity", "--delete_missing", "--yes")
        assert "deleted: APPLIED 24" in out, out
        assert world.held(DEAL) == {}


def what_was_restored_comes_back():
    with World() as world:
        deals(world, 3)
        world.backfill("--model=opportunity")
        # Deleted, and restored with the time that it had: no webhook told of that.
        world.post({"event": f"{DEAL}::deleted", "data": {"model": DEAL, "id": "deal-1"}})
        assert "deal-1" not in world.held(DEAL)
        out = world.backfill("--model=opportunity")
        assert "3 listed: APPLIED 1 UNCHANGED 2" in out, out
        world.assert_equal(DEAL)
        # So too after a backfill has deleted it.
        deal = world.morph.remove(DEAL, "deal-1")
        world.backfill("--model=opportunity", "--delete_missing", "--yes")
        assert "deal-1" not in world.held(DEAL)
        world.morph.resources[DEAL]["deal-1"] = deal
        world.backfill("--model=opportunity")
        world.assert_equal(DEAL)
        head = world.head()
        assert "3 listed: UNCHANGED 3" in world.backfill("--model=opportunity")
        assert world.head() == head


def a_dry_run_changes_nothing():
    with World() as world:
        fill(world)
        world.backfill("--model=opportunity")
        world.morph.remove(DEAL, "deal-3")
        world.morph.put(DEAL, "new", {"name": "New"})
        world.morph.fields[DEAL] = [{"key": "tier", "name": "Tier", "type": "text"}]
        head = world.head()
        out = world.backfill("--model=opportunity", "--delete_missing", "--dry_run")
        assert out == "opportunities: 30 listed\n  fields: 1 declared\n  missing: 1 of 30, would be deleted\n", out
        assert world.head() == head


def fields_are_declared_as_the_source_has_them():
    with World() as world:
        deals(world, 1)
        world.morph.put(DEAL, "deal-0", {"name": "Deal", "tier": "gold", "score": 7})
        world.post(harness.event(DEAL, "deal-9", {"name": "Deal", "tier": "discovered before"}))
        tier = {"key": "tier", "name": "Tier", "description": "", "type": "select", "format": None, "unit": 5,
                "optionSource": "static", "options": [{"value": "gold", "name": "Gold", "rank": 1}],
                "isRequired": False, "isCustom": True, "unheardOf": {},
                "remote": {"key": "hs_tier", "metadata": {"propType": "enumeration"}}}
        world.morph.page_size_max = 2
        world.morph.fields[DEAL] = [
            tier, {"key": "score", "name": "Score", "type": "number", "options": [{"value": "1", "name": "One"}]},
            {"key": "amount", "name": "Amount", "type": "number"},  # the model's own
            {"key": "when", "name": "When", "type": "fortnight"}, {"key": "long", "name": "x" * 251, "type": "text"}]
        out = world.backfill("--model=opportunity", code=REFUSED)
        assert "  fields: 2 declared, 2 left out, 1 refused\n" in out, out
        assert "refused: crmOpportunity.long: " in out and "at most 250" in out, out

        def fields(key):
            line = world.tributary("get", "field_definition", f"{DEAL}.{key}", "--output=jsonl")
            return json.loads(line)["fields"]
        declared = fields("tier")
        assert declared["origin"] == "ORIGIN_DECLARED" and declared["type"] == "TYPE_SELECT", declared
        assert declared["options"] == [{"value": "gold", "name": "Gold"}], declared
        assert declared["remote"] == {"key": "hs_tier", "metadata": {"propType": "enumeration"}}, declared
        assert declared["isRequired"] is False and "unit" not in declared and "format" not in declared, declared
        assert "options" not in fields("score"), fields("score")
        head = world.head()
        del world.morph.fields[DEAL][-1]
        assert "fields: 2 unchanged, 2 left out\n" in world.backfill("--model=opportunity")
        assert world.head() == head
        tier["name"] = "Level"
        del tier["options"], tier["description"]
        assert "fields: 1 changed, 1 unchanged, 2 left out\n" in world.backfill("--model=opportunity")
        assert fields("tier")["name"] == "Level" and "options" not in fields("tier")


def what_the_server_refuses_is_told():
    with World() as world:
        deals(world, 2)
        world.morph.resources[DEAL]["odd"] = {"object": "resource", "model": CONTACT, "id": "odd", "fields": {}}
        world.morph.resources[DEAL]["none"] = {"object": "resource", "model": DEAL, "fields": {"name": "No id"}}
        out = world.backfill("--model=opportunity", "--delete_missing", code=REFUSED)
        assert "4 listed: APPLIED 2 REJECTED 2\n" in out and "  refused: odd: " in out, out
        assert "as some of what was listed has no id" in out, out


def numbers_and_texts_come_as_they_are():
    with World() as world:
        world.morph.put(DEAL, "1", {"name": "ü ☃ \u0007", "amount": 18499.9, "big": 12345678901234567890123,
                                    "tiny": 1e-7, "nested": {"a": [True, None, "x"]}})
        world.morph.resources[DEAL]["1"]["id"] = 7782342274025937895  # a number for an id
        world.backfill("--model=opportunity", "--delete_missing")
        (held,) = world.held(DEAL).values()
        assert held["id"] == "7782342274025937895", held
        assert held["fields"]["big"] == "12345678901234567890123", held
        assert held["fields"]["nested"] == {"a": [True, None, "x"]} and held["fields"]["tiny"] == 1e-7, held


def the_command_line_is_checked():
    with World() as world:
        for words, environment, said in (
                ([], {}, "which model?"),
                (["--model=opportunitty"], {}, "did you mean"),
                (["--model=card_view"], {}, "not listed by the source"),
                (["--model=all,stage"], {}, "all, or some"),
                (["--model=stage", "--owner="], {}, "--owner must be given"),
                (["--model=stage"], {"MORPH_API_SECRET": ""}, "MORPH_API_KEY and MORPH_API_SECRET"),
                (["--model=stage"], {"MORPH_API_KEY": "a\nb: c"}, "control characters"),
                (["--model=stage", "--morph_url=http://example.com"], {}, "must be https"),
                (["--model=stage", f"--morph_url=https://u:{SECRET}@example.com"], {}, "must be https"),
                (["--model=stage", "--morph_page_size=0"], {}, "--morph_page_size"),
                (["--model=stage", "--retry_wait=soon"], {}, "--retry_wait=soon")):
            world.backfill(*words, code=USAGE, **environment)
            assert said in world.err, world.err
        assert not world.morph.requests


def without_a_server_nothing_is_asked_of_the_source():
    with World() as world:
        deals(world, 1)
        world.backfill("--model=opportunity", "--address=127.0.0.1:1", "--timeout=300ms", code=UNAVAILABLE)
        assert "Is the server running?" in world.err, world.err
        assert not world.morph.requests, world.morph.requests


def a_certificate_that_nobody_vouches_for_is_refused():
    with tempfile.TemporaryDirectory(prefix="tributary-tls-") as folder:
        pem = pathlib.Path(folder) / "pem"
        harness.run([harness.need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout",
                     pem, "-out", f"{pem}.crt", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
        pem.write_text(pem.read_text() + pathlib.Path(f"{pem}.crt").read_text())
        with World(certificate=pem) as world:
            deals(world, 1)
            world.backfill("--model=opportunity", code=REFUSED)
            assert "certificate" in world.err, world.err
            assert not world.morph.requests


def ctrl_c_ends_it_and_what_was_read_is_kept():
    with World() as world:
        fill(world)
        reached, ended = threading.Event(), threading.Event()

        def before_page(_, number):
            if number == 2:
                reached.set()
                ended.wait(60)
        world.morph.before_page = before_page
        process = world.start("backfill", "--model=opportunity", "--delete_missing", "--yes")
        assert reached.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        ended.set()
        assert process.returncode == 130, f"{process.returncode}\n{out}\n{err}"
        world.morph.before_page = None
        world.backfill("--model=opportunity")
        world.assert_equal(DEAL)


def no_secret_is_ever_printed():
    with World() as world:
        world.tributary("help", "backfill")
    for text in PRINTED:
        assert SECRET not in text and KEY not in text, text


PROMISES = [
    equals_what_the_source_has, twice_changes_nothing, repairs_what_webhooks_missed_and_rewinds_nothing,
    all_models_that_the_connector_lists, an_api_that_misbehaves_is_asked_again,
    a_page_that_fails_ends_its_model_and_deletes_nothing, refusals_are_not_tried_again,
    lists_without_an_end_are_left, what_is_listed_twice_is_taken_once,
    deletes_what_is_gone_and_not_what_came_meanwhile, of_another_owner_or_model_nothing_is_deleted,
    more_than_a_fifth_is_not_deleted_without_a_word, what_was_restored_comes_back, a_dry_run_changes_nothing,
    fields_are_declared_as_the_source_has_them, what_the_server_refuses_is_told,
    numbers_and_texts_come_as_they_are, the_command_line_is_checked,
    without_a_server_nothing_is_asked_of_the_source, a_certificate_that_nobody_vouches_for_is_refused,
    ctrl_c_ends_it_and_what_was_read_is_kept, no_secret_is_ever_printed]


def main():
    with harness.Server() as World.server:
        for promise in PROMISES:
            promise()
            print(f"ok: {promise.__name__.replace('_', ' ')}")


if __name__ == "__main__":
    main()

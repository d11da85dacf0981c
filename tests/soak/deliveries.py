"""Makes the webhooks of a soak, for every model that there is, from its descriptor and the rules in it.

Nothing here knows a model by name. What is made: resources with references, some of which hold the resource itself;
values out of their contract; deletes in every form; times that are distinct, tied, missing or not to be believed; custom
fields; the same again under the same key and under another one; a key that comes again with other content; and garbage.
"""

import collections
import dataclasses
import datetime
import json

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)

# What is to become of a webhook: JUDGED is on record with the verdict that the order of versions gives it, PARKED and
# REJECTED with that one, REFUSED not at all.
JUDGED, PARKED, REJECTED, REFUSED = "judged", "parked", "rejected", "refused"

# How many of a hundred are ...
TWICE = 6           # sent twice under one key
ANOTHER_KEY = 1     # sent again under another key
REUSED_KEY = 1      # followed by another one under the same key
LOST = 2            # cut off before the answer is read, and sent again
GARBAGE = 8
BROKEN = 5          # out of their contract somewhere
EMBEDDING = 6       # of references: hold the resource itself
DELETED = 8
TIED = 5            # at the time of the one before it of the same resource
UNTIMED = 25        # without a time that counts, of one resource in five


@dataclasses.dataclass(eq=False)
class Delivery:
    """One webhook. `time` is that of its version, in microseconds; None: that of its receipt."""
    scope: tuple
    key: str
    request: bytes
    fate: str = JUDGED
    time: int = None
    statuses: tuple = (200,)
    times_sent: int = 1
    loses_answer: bool = False


# A field of a message: its key in the source's JSON; `kind`, and what it is of: a model, a message, texts or lengths.
Field = collections.namedtuple("Field", "key required repeated kind of")


def enum_text(enum, value):
    """As the source has it: STATUS_IN_PROGRESS is inProgress."""
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    first, *rest = value.name.removeprefix(prefix).lower().split("_")
    return first + "".join(word.capitalize() for word in rest)


def request(body, scope, key, method="POST", path="/webhooks", kind="application/json", without=(), more=()):
    """A whole HTTP request."""
    connector, owner = scope
    headers = [("host", "localhost"), ("content-type", kind), ("x-connector-id", connector), ("x-owner-id", owner),
               ("x-idempotency-key", key), ("content-length", str(len(body)))]
    lines = [f"{method} {path} HTTP/1.1"] + [f"{n}: {v}" for n, v in headers if n not in without] + list(more)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Maker:
    def __init__(self, models, annotations, deliveries, random):
        self.models = [model for model in models if not model.rule.defines_custom_fields]
        self.by_name = {model.name: model for model in self.models}
        self.annotations = annotations
        self.random = random
        # Enough of everything that one resource gets some ten deliveries, and one field many values.
        scopes = max(4, min(60, deliveries // 500))
        self.scopes = [(("hubspot", "attio", "pipedrive")[i % 3], f"owner-{i}") for i in range(scopes)]
        self.ids = [self._id(i) for i in range(max(3, deliveries // (scopes * len(self.models) * 10)))]
        self.clock = 0
        self.keys = 0
        self.last_time = {}
        self.plans = {}
        self.made = collections.Counter()

    def make(self, count):
        """`count` deliveries, in the order of their times."""
        made = []
        while len(made) < count:
            if self._chance(GARBAGE):
                made.append(self._garbage())
            else:
                made += self._of_resource()
        for delivery in made:
            delivery.times_sent = 2 if self._chance(TWICE) else 1
            delivery.loses_answer = self._chance(LOST)
        return made[:count]

    # --- Deliveries of resources

    def _of_resource(self):
        scope, model, key = self._scope(), self.random.choice(self.models), self._key()
        which = self.random.randrange(len(self.ids))
        of = (scope, model.name, which)
        trigger = "deleted" if self._chance(DELETED) else self.random.choice(("created", "updated", "updated"))
        time = self._time(of, untimed=which % 5 == 0 and self._chance(UNTIMED))
        body = self._body(model, which, scope, trigger, time)
        first = Delivery(scope, key, request(body, scope, key), time=time)
        made = [first]
        if self._chance(ANOTHER_KEY):
            other = self._key()
            made.append(Delivery(scope, other, request(body, scope, other), time=time))
            self.made["the same under another key"] += 1
        elif self._chance(REUSED_KEY) and time is not None:
            later = self._time(of, distinct=True)
            body = self._body(model, which, scope, trigger, later)
            made.append(Delivery(scope, key, request(body, scope, key), time=later))
            self.made["a key with other content"] += 1
        return made

    def _body(self, model, which, scope, trigger, time):
        data = {"object": "resource", "model": model.name, "id": self.ids[which]}
        if trigger == "deleted":
            self.made["deletes"] += 1
            data.update(self.random.choice((lambda: {"object": "resourceRef"}, lambda: {"fields": {}},
                                            lambda: {"fields": self._fields(model, scope, 0)}))())
        else:
            data["fields"] = self._fields(model, scope, 0)
            if self._chance(BROKEN):
                self._break(data["fields"])
            data["createdAt"] = self._text(self.random.randrange(10**12))
            if self._chance(20):
                data["rawResource"] = self._json(0)
        if time is not None:
            data["updatedAt"] = self._text(time)
        else:
            data["updatedAt"] = self.random.choice((None, "soon", "2199-01-01T00:00:00Z"))
            if self._chance(50):
                del data["updatedAt"]
        if data["id"].isdigit() and self._chance(20):
            data["id"] = int(data["id"])
        event = {"event": f"{model.name}::{trigger}", "data": data}
        try:
            return json.dumps(event, ensure_ascii=self._chance(50)).encode()
        except UnicodeEncodeError:  # half a surrogate pair can only be sent escaped
            return json.dumps(event).encode()

    def _fields(self, model, scope, depth):
        fields = self._message(model.fields, scope, depth)
        for key, make in CUSTOM:
            if self._chance(20):
                fields[key] = make(self)
        return fields

    def _message(self, descriptor, scope, depth):
        made = {}
        for field in self._plan(descriptor):
            if field.required or self._chance(65):
                made[field.key] = self._field(field, scope, depth)
        return made

    def _field(self, field, scope, depth):
        if field.kind == "map":
            return {self._word(): self.random.choice((self._word(), 7.5, ["a", "b"])) for _ in range(self._few())}
        if not field.repeated:
            return self._value(field, scope, depth)
        values = [self._value(field, scope, depth) for _ in range(self._few())]
        return values + [None] if field.kind == "reference" and self._chance(5) else values

    def _value(self, field, scope, depth):
        if field.kind == "reference":
            return self._reference(field.of, scope, depth)
        if field.kind == "time":
            return self._text(self.random.randrange(10**12))
        if field.kind == "message":
            return self._message(field.of, scope, depth)
        if field.kind == "enum":
            return self.random.choice(field.of)
        if field.kind == "string":
            return self._string(field.of)
        if field.kind == "bool":
            return self._chance(50)
        number = self.random.randrange(100000)
        return number / 8 if field.kind == "double" and self._chance(50) else number

    def _plan(self, descriptor):
        """The fields of a message, as far as it matters here."""
        if descriptor.full_name not in self.plans:
            self.plans[descriptor.full_name] = [self._planned(field) for field in descriptor.fields]
        return self.plans[descriptor.full_name]

    def _planned(self, field):
        rule = field.GetOptions().Extensions[self.annotations.field]
        kind, of = "number", None
        if rule.ref:
            kind, of = "reference", rule.ref
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            kind = "map"
        elif field.message_type is not None:
            is_time = field.message_type.full_name == "google.protobuf.Timestamp"
            kind, of = "time" if is_time else "message", field.message_type
        elif field.enum_type is not None:
            kind, of = "enum", [enum_text(field.enum_type, value) for value in field.enum_type.values if value.number]
        elif field.type == field.TYPE_STRING:
            kind, of = "string", (bool(rule.format), rule.min_length, rule.max_length)
        elif field.type == field.TYPE_BOOL:
            kind = "bool"
        elif field.type == field.TYPE_DOUBLE:
            kind = "double"
        return Field(rule.source_name or field.json_name, rule.required, field.label == field.LABEL_REPEATED, kind, of)

    def _reference(self, model, scope, depth):
        reference = {"object": "resourceRef", "model": model, "id": self.random.choice(self.ids)}
        target = self.by_name.get(model)
        if target is not None and depth < 2 and self._chance(EMBEDDING):
            self.made["embedded resources"] += 1
            reference["object"] = "resource"
            reference["fields"] = self._fields(target, scope, depth + 1)
            if self._chance(50):  # else its time is that of the delivery
                # Between the seconds of deliveries, and no other's.
                self.clock += 1
                reference["updatedAt"] = self._text(self.random.randrange(self.clock) * 10**6 + self.clock % 999999 + 1)
        return reference

    def _string(self, rule):
        is_email, min_length, max_length = rule
        if is_email:
            return f"{self._word()}@{self._word()}.example"
        text = self._word() if self._chance(90) else "Ünï ‮ \U0001F680 " + self._word() * 20
        return text[:max_length or len(text)].ljust(min_length, "x")

    def _break(self, fields):
        if fields:
            self.made["values out of their contract"] += 1
            fields[self.random.choice(list(fields))] = self.random.choice(
                (None, "", -1, 10**30, "x" * 3000, [], {}, True, "soon", [[1]], {"id": ""}, "\ud800", 1e308))

    # --- Garbage

    def _garbage(self):
        make = self.random.choice(GARBAGE_KINDS)
        self.made["garbage"] += 1
        return make(self, self._scope(), self._key())

    def event(self, scope, **changes):
        """A body that is in order but for `changes` of its data."""
        model = self.random.choice(self.models)
        data = {"object": "resource", "model": model.name, "id": self.random.choice(self.ids),
                "fields": self._fields(model, scope, 1), **changes}
        return {"event": f"{model.name}::updated", "data": data}

    # --- Small things

    def _time(self, of, untimed=False, distinct=False):
        if untimed:
            self.made["without a time"] += 1
            return None
        if not distinct and of in self.last_time and self._chance(TIED):
            self.made["tied times"] += 1
            return self.last_time[of]
        self.clock += 1
        self.last_time[of] = self.clock * 10**6
        return self.last_time[of]

    def _text(self, micros):
        time = START + datetime.timedelta(microseconds=micros)
        text = time.isoformat(timespec="microseconds")
        return text if self._chance(30) else text.replace("+00:00", "Z")

    def _id(self, i):
        return (str(20451188301 + i), f"default::{i}", f'{{"n":{i}}}', f"é/+= {i}", f"006Ak00000Q{i}")[i % 5]

    def _json(self, depth):
        kinds = (lambda: self._word(), lambda: self.random.randrange(1000), lambda: None, lambda: self._chance(50))
        if depth < 3 and self._chance(50):
            return {self._word(): self._json(depth + 1) for _ in range(self._few())}
        return self.random.choice(kinds)()

    def _word(self):
        return self.random.choice(WORDS) + str(self.random.randrange(1000))

    def _few(self):
        return self.random.randrange(4)

    def _scope(self):
        return self.random.choice(self.scopes)

    def _key(self):
        self.keys += 1
        return f"key-{self.keys}"

    def _chance(self, percent):
        return self.random.random() * 100 < percent


WORDS = ("north", "quay", "fleet", "Inès", "won", "deal", "o'brien", "%20", "渋谷", "null", "true", "line\nbreak")

# Keys that no model defines. The values of all but one have one type, so that it does not matter which of them comes
# first.
CUSTOM = (
    ("mixed", lambda m: m.random.choice((m._word(), 7, True, [m._word()]))),
    ("region", lambda m: m._word()),
    ("deal size", lambda m: m.random.randrange(10**6)),
    ("4d1c0a7be2f94c7c", lambda m: m._chance(50)),
    ("first.seen", lambda m: m._text(m.random.randrange(10**12))),
    ("favourite_topics", lambda m: [m._word(), m._word()]),
    ("blob", lambda m: {"deep": m._json(0)}),
    ("nothing", lambda m: None),
)


def _refused(status, *more_statuses, **changes):
    def make(maker, scope, key):
        body = json.dumps(maker.event(scope)).encode()
        return Delivery(scope, key, request(body, scope, key, **changes), REFUSED, statuses=(status, *more_statuses))
    return make


def _too_large(_, scope, key):
    body = b'{"event":"' + b"x" * 1100000 + b'"}'
    return Delivery(scope, key, request(body, scope, key), REFUSED, statuses=(413,))


def _raw(body, fate, *statuses):
    return lambda _, scope, key: Delivery(scope, key, request(body, scope, key), fate, statuses=statuses)


def _changed(change, fate, *statuses):
    def make(maker, scope, key):
        event = maker.event(scope)
        change(event)
        return Delivery(scope, key, request(json.dumps(event).encode(), scope, key), fate, statuses=statuses)
    return make


# Card views are answered 200 with cards, whatever the verdict; so is what was parked before and comes again.
GARBAGE_KINDS = (
    [_raw(body, REJECTED, 400) for body in (b"", b"{", b"\x00\xff\xfe", b'{"event":}', b"[1,,2]", b"{} {}", b"\xff" * 500)] +
    [_raw(body, REJECTED, 422) for body in (b"[]", b"7", b"{}", b'{"event":"crm","data":{"id":"1"}}')] +
    [_changed(lambda event: event["data"].pop("id"), REJECTED, 422, 200),
     _changed(lambda event: event["data"].update(id={}), REJECTED, 422, 200),
     _changed(lambda event: event["data"].update(model="somethingElse"), REJECTED, 422, 200),
     _changed(lambda event: event.update(data=None), REJECTED, 422, 200),
     _changed(lambda event: event.update(event="nobodyKnows::updated", data={"id": "1"}), PARKED, 202, 200),
     _changed(lambda event: event.update(event="customField::updated", data={"id": "1"}), PARKED, 202, 200),
     _changed(lambda event: event.update(event=event["event"].replace("updated", "moved")), PARKED, 202, 200),
     _refused(400, without=("x-owner-id",)), _refused(400, without=("x-idempotency-key",)),
     _refused(400, without=("x-connector-id",)), _refused(400, more=("x-owner-id: another",)),
     _refused(400, more=("x-conector-id: another",)), _refused(415, kind="text/plain"),
     _refused(415, kind="application/json; charset=latin1"), _refused(404, path="/nothing"),
     _refused(405, method="PUT"), _too_large])

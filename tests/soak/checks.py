"""What must be so after a soak. Each check returns what is wrong, the first of it at least; nothing is as it should be."""

import collections

import deliveries
import watching

VERDICTS = ("APPLIED", "UNCHANGED", "DUPLICATE", "SUPERSEDED", "PARKED", "REJECTED")
SHOWN = 5


def verdict_of(record):
    return record.DESCRIPTOR.fields_by_name["verdict"].enum_type.values_by_number[record.verdict].name[len("VERDICT_"):]


class Books:
    """The ledger beside what was sent: which records are of which deliveries.

    A record is known by its key, but for the few keys that came with two contents: there by the time of its version.
    """

    def __init__(self, made, sender, ledger):
        self.ledger = ledger
        self.verdicts = {number: verdict_of(record) for number, record in ledger.items()}
        self.sent_under = collections.defaultdict(list)
        for delivery in made:
            self.sent_under[delivery.scope, delivery.key].append(delivery)
        self.answers_under = collections.defaultdict(list)
        for answer in sender.answers:
            self.answers_under[answer.delivery.scope, answer.delivery.key].append(answer)
        self.unanswered = sender.unanswered
        self.records_under = collections.defaultdict(list)
        for number, record in sorted(ledger.items()):
            self.records_under[(record.connector_id, record.owner_id), record.idempotency_key].append(number)

    def accepted(self):
        """The number in the ledger of each delivery that was judged, for its first receipt."""
        numbers = {}
        for name, sent in self.sent_under.items():
            for number in self.records_under[name]:
                if self.verdicts[number] in ("DUPLICATE", "PARKED", "REJECTED"):
                    continue
                micros = self.ledger[number].version_time.ToMicroseconds() - int(deliveries.START.timestamp()) * 10**6
                of = sent if len(sent) == 1 else [delivery for delivery in sent if delivery.time == micros]
                if len(of) == 1:
                    numbers.setdefault(of[0], number)
        return numbers


def adds_up(books):
    """Each answer is on record as it was given, and nothing else is but deliveries whose answer was lost; what was
    accepted is so once, under whatever number of attempts."""
    wrong = []
    if sorted(books.ledger) != list(range(1, len(books.ledger) + 1)):
        wrong.append(f"the {len(books.ledger)} numbers in the ledger are not gap-free")
    for name in books.records_under.keys() - books.sent_under.keys():
        wrong.append(f"{name} is on record and was never sent")
    for name, sent in books.sent_under.items():
        wrong += [f"{name}: {fault}" for fault in _faults_of(books, name, sent)]
    return wrong


def _faults_of(books, name, sent):
    numbers = books.records_under[name]
    answers = books.answers_under[name]
    for answer in answers:
        if answer.status not in answer.delivery.statuses:
            yield f"answered {answer.status}, not {answer.delivery.statuses}"
        if answer.number == 0:
            continue
        if answer.number not in numbers:
            yield f"answered as delivery {answer.number}, which is not on record"
        elif books.verdicts[answer.number] != answer.verdict:
            yield f"delivery {answer.number} was answered {answer.verdict} and is {books.verdicts[answer.number]}"
        elif answer.revision and books.ledger[answer.number].revision != answer.revision:
            yield f"delivery {answer.number} was answered revision {answer.revision}"
    answered = [answer.number for answer in answers if answer.number]
    if len(set(answered)) != len(answered):
        yield f"two answers name one delivery: {answered}"
    lost = sum(books.unanswered[delivery] for delivery in sent)
    if not 0 <= len(numbers) - len(answered) <= lost:
        yield f"{len(numbers)} on record, {len(answered)} answered, and only {lost} whose answer was lost"
    yield from _faults_of_fate(books, numbers, sent)


def _faults_of_fate(books, numbers, sent):
    verdicts = collections.Counter(books.verdicts[number] for number in numbers)
    fate = sent[0].fate
    first = sum(count for verdict, count in verdicts.items() if verdict != "DUPLICATE")
    if fate == deliveries.REFUSED:
        if numbers:
            yield f"refused, and on record as {dict(verdicts)}"
    elif fate == deliveries.REJECTED:
        if verdicts.keys() - {"REJECTED"} or not numbers:
            yield f"garbage on record as {dict(verdicts)}"
    elif first != len(sent):
        yield f"{len(sent)} deliveries, of which {first} were taken: {dict(verdicts)}"
    elif fate == deliveries.PARKED and verdicts["PARKED"] != 1:
        yield f"an unknown model or trigger on record as {dict(verdicts)}"
    elif fate == deliveries.JUDGED and verdicts.keys() & {"PARKED", "REJECTED"}:
        yield f"a good delivery on record as {dict(verdicts)}"


def same_state(held, clean):
    """Two servers hold the same: all of it but revisions, and when and in which order something was first seen here."""
    wrong = [f"{key} is only in {'the clean run' if key in clean else 'the soak'}" for key in held.keys() ^ clean.keys()]
    for key in held.keys() & clean.keys():
        if _comparable(held[key]) != _comparable(clean[key]):
            wrong.append(f"{key} differs:\n{held[key]}--- from the clean run's\n{clean[key]}")
    return wrong


def _comparable(resource):
    copy = type(resource)()
    copy.CopyFrom(resource)
    copy.ClearField("revision")
    # What the server makes by itself, from the first value of a key, is of the time of that, and of its type.
    if "observed_types" in copy.fields.DESCRIPTOR.fields_by_name:
        copy.ClearField("created_at")
        copy.ClearField("updated_at")
        copy.fields.observed_types.sort()
        if len(copy.fields.observed_types) > 1:
            copy.fields.ClearField("type")
    return copy


def holds_the_list(watcher, listed):
    """Who applied every change holds exactly what a List shows."""
    wrong = list(watcher.faults)
    for key in sorted(watcher.held.keys() ^ listed.keys()):
        wrong.append(f"{key} is {'held, and not listed' if key in watcher.held else 'listed, and not held'}")
    wrong += [f"{key} is held as\n{watcher.held[key]}--- and listed as\n{listed[key]}"
              for key in watcher.held.keys() & listed.keys() if watcher.held[key] != listed[key]]
    return wrong


def saw_every_revision(watcher, books, head):
    """Each revision was told once and in order, with the type that what was there before asks for, and the delivery that
    the ledger names. Only the deletion of what was not there is told to nobody."""
    wrong = []
    made = {record.revision: number for number, record in books.ledger.items() if books.verdicts[number] == "APPLIED"}
    alive = set()
    at = 0
    for change in [*watcher.seen, watching.Seen(head + 1, None, None, None)]:
        for hidden in range(at + 1, change.revision):
            record = books.ledger.get(made.get(hidden, 0))
            if record is None or not record.event.endswith("::deleted") or _key(record) in alive:
                wrong.append(f"revision {hidden} was not told")
        at = change.revision
        if change.type is None:
            break
        if (change.type == watching.CREATED) == (change.key in alive):
            wrong.append(f"revision {at} of {change.key} came as type {change.type}")
        alive.discard(change.key) if change.type == watching.DELETED else alive.add(change.key)
        if at in made and (str(made[at]) != change.delivery_id or _key(books.ledger[made[at]]) != change.key):
            wrong.append(f"revision {at} is of delivery {made[at]}, and was told as {change}")
    return wrong


def _key(record):
    return record.model, record.connector_id, record.owner_id, record.resource_id


def replays_change_nothing(before, after, ledger, counts, skipped):
    """A replay of everything on record makes no revision, and leaves open what was."""
    wrong = []
    if before != after:
        wrong.append(f"the head went from {before} to {after}")
    empty = sum(not record.has_body and record.body_bytes == 0 for record in ledger.values())
    if sum(counts.values()) + empty != len(ledger) or skipped != empty:
        wrong.append(f"{sum(counts.values())} replays, {skipped} without a body, {empty} of an empty one; on record {len(ledger)}")
    for (verdict, again), count in counts.items():
        same = verdict in ("DUPLICATE", "PARKED", "REJECTED")
        if again != verdict if same else again not in ("UNCHANGED", "SUPERSEDED"):
            wrong.append(f"{count} times {verdict} became {again}")
    return wrong

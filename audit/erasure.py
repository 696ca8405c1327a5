"""Access and erasure of a shopper's data on the audit log, registered with `common.privacy`."""

from collections.abc import Iterator

from audit import selectors, services
from common.privacy import Export, Holding, Person, Store


def erase(person: Person) -> int:
    """Destroy the keys and details of all the person's ids."""
    return sum(services.destroy_subject(subject) for subject in person.subjects)


def export(person: Person) -> Export:
    """Return the events about the person, with their details."""
    rows = [
        {
            "at": entry.at,
            "action": entry.action,
            "object": entry.object,
            "data": entry.data,
            "detail": selectors.read_detail(entry.id),
        }
        for subject in person.subjects
        for entry in selectors.entries_about(subject)
    ]
    return {"audit_events": rows}


def discover(person: Person) -> Iterator[Holding]:
    """Yield the keys and the details of all the person's ids."""
    keys, details = selectors.traces_of(person.subjects)
    yield Holding("keys of pseudonyms and details", ("key",), keys)
    yield Holding("encrypted details", ("detail",), details)


NOTE = "The events stay, so that the log can be verified; nobody can tell any more whom they are about."
STORE = Store(name="audit", erase=erase, export=export, discover=discover, last=True, is_log=True, note=NOTE)

"""``wheelhouse keys create | list | revoke``: API keys, in the database or through a running server."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from wheelhouse.cli.options import Database, Server, asking_the_server, settings_for

if TYPE_CHECKING:
    from wheelhouse.service.keys import KeyRing


def register(app: App) -> None:
    """Add the commands."""
    group = App(name="keys", help="Make, list and revoke API keys.")
    group.command(create)
    group.command(list_keys, name="list")
    group.command(revoke)
    app.command(group)


def create(
    *,
    role: Annotated[Literal["reader", "trader", "admin"], Parameter(help="What the key may do.")],
    name: Annotated[str, Parameter(help="Whose key it is, for the list.")] = "",
    database: Database = None,
    server: Server = None,
) -> int:
    """Make a key and print it once, as the last word."""
    if server is not None:
        from wheelhouse.cli.remote import call

        made = call(server, "POST", "/v1/keys", {"role": role, "name": name})
        _print(f"{made['role']} key {made['id']}: {made['key']}")
        return 0
    from wheelhouse.service.keys import parse_role

    with _keys(database) as ring:
        record, key = ring.create(name=name, role=parse_role(role))
    _print(f"{record.role} key {record.id}: {key}")
    return 0


def list_keys(*, database: Database = None, server: Server = None) -> int:
    """List all keys ever made, without their secrets."""
    if server is not None:
        from wheelhouse.cli.remote import call

        rows = [
            (key["id"], key["role"], key["name"], key["created_at"], key["revoked_at"])
            for key in call(server, "GET", "/v1/keys?limit=10000")["keys"]
        ]
    else:
        with _keys(database) as ring:
            rows = [
                (
                    key.id,
                    key.role,
                    key.name,
                    key.created_at.isoformat(),
                    key.revoked_at.isoformat() if key.revoked_at else None,
                )
                for key in ring.list()
            ]
    for key_id, role, name, created, revoked in rows:
        _print("\t".join((key_id, role, name or "-", created, f"revoked {revoked}" if revoked else "active")))
    return 0


def revoke(key_id: str, /, *, database: Database = None, server: Server = None) -> int:
    """End a key at once."""
    if server is not None:
        from wheelhouse.cli.remote import call

        call(server, "DELETE", f"/v1/keys/{key_id}")
    else:
        with _keys(database) as ring:
            ring.revoke(key_id)
    _print(f"revoked {key_id}")
    return 0


@contextmanager
def _keys(database: str | None) -> "Iterator[KeyRing]":
    from wheelhouse.service.keys import KeyRing
    from wheelhouse.store.opening import open_store

    with asking_the_server():
        store = open_store(settings_for(database).database_url)
    try:
        yield KeyRing(store)
    finally:
        store.close()


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")

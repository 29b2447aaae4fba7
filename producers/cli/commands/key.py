"""`key`: makes a key for `serve`."""

import click

from producers.web.keys import Role, new_key


@click.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([str(role) for role in Role]),
    required=True,
    help="viewer reads; operator also submits and steers; admin also purges, and sets rates and weights.",
)
@click.option("--org", "orgs", multiple=True, metavar="GUID", help="Only this organization; repeatable.")
def command(name: str, role: str, orgs: tuple[str, ...]) -> int:
    """Make a key for `serve`; prints it once on stdout, and its line for SERVE_KEYS_FILE on stderr.

    The file holds no key, only what a key is recognized by. NAME is recorded with what the key does.

    Example: bulk-activate key ci-pipeline --role operator 2>> keys
    """
    made = new_key(name, Role(role), orgs)
    click.echo(made.line, err=True)
    click.echo(made.secret)
    return 0

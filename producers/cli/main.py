"""The `bulk-activate` command. Subcommands are imported on use, so that `--help` is fast."""

import io
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final, NoReturn

import click
from click.shell_completion import CompletionItem

from worker.core.errors import BadInputError, BulkActivateError, UnreachableError
from worker.core.visible import visible
from worker.process import streams
from worker.process.confine import confine

_COMMANDS: Final = {
    "run": ("run", "The whole job on this machine: no service needed."),
    "demo": ("demo", "See it work: `run` against a simulator."),
    "plan": ("plan", "Read and check a list; nothing is stored or sent."),
    "submit": ("submit", "Enqueue a list for the workers."),
    "status": ("status", "The report of a job."),
    "list": ("listing", "Jobs, newest first."),
    "results": ("results", "What happened to each id, a row each."),
    "report": ("report", "The report as a page to read, print and file."),
    "verify": ("verify", "Recount a job from its per-id record."),
    "pause": ("control:pause", "Stop sending for a job, for now."),
    "resume": ("control:resume", "Go on with a paused job."),
    "cancel": ("control:cancel", "End a job; ids not sent stay so."),
    "retry": ("retry", "A child job of the ids that did not succeed."),
    "purge": ("purge", "Remove a job that rests."),
    "doctor": ("worker_side:doctor", "Check Redis, workers, credential and API."),
    "set-rate": ("rate", "Change how fast all workers may send for an organization."),
    "serve": ("serve", "Serve the HTTP API."),
    "key": ("key", "Make a key for `serve`."),
    "worker": ("worker_side:worker", "Start Celery workers."),
    "metrics": ("worker_side:metrics", "Serve numbers for Prometheus."),
    "simulator": ("worker_side:simulator", "Serve the stand-in for the API."),
}


class _Commands(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[name][0].partition(":")
        found = getattr(import_module(f"producers.cli.commands.{module}"), attribute or "command")
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            near = get_close_matches(args[0], _COMMANDS, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else "--help lists those that there are"
            raise click.UsageError(f"no command {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # click's own method would import every command.
        names = [
            CompletionItem(name, help=words)
            for name, (_, words) in _COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return names if not incomplete.startswith("-") else super().shell_complete(ctx, incomplete)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in _COMMANDS.items()])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bulk-activation-worker", prog_name="bulk-activate")
def cli() -> None:
    """Activate API tokens of VMware Cloud Services in bulk, and prove what happened to each.

    Try it: bulk-activate demo
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command line and exits with one of the documented exit codes."""
    confine()
    streams.run(lambda: _exit_code(arguments))


def _exit_code(arguments: list[str] | None) -> int:
    try:
        code: Any = cli.main(args=arguments, prog_name="bulk-activate", standalone_mode=False)
        return int(code or 0)
    except BulkActivateError as error:
        hint = " (`bulk-activate doctor` looks further)" if isinstance(error, UnreachableError) else ""
        click.echo(f"Error: {visible(str(error))}{hint}", err=True)
        return error.exit_code
    except OSError as error:
        if error.filename is None:
            raise
        # Permission denied on a file or folder that the user named.
        click.echo(f"Error: cannot use {visible(str(error.filename))} ({error.strerror})", err=True)
        return BadInputError.exit_code
    except click.ClickException as error:
        # Arguments may have been pasted with control characters.
        written = io.StringIO()
        error.show(written)
        click.echo("\n".join(map(visible, written.getvalue().split("\n"))), nl=False, err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return 130


if __name__ == "__main__":
    main()

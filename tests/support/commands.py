"""Run a featx command within the test's process."""

from click.testing import CliRunner

from featx.cli import main

# Options for a network that needs milliseconds for an image.
NETWORK = ("--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32", "--device", "cpu")


def featx(*arguments, code=0, **options):
    """Return what a command ends with, which must be that exit status; its other exceptions are raised.

    The options are those of click's test runner, such as `input="text"` and `color=True`.
    """
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], **options)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result

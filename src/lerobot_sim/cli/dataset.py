"""`lerobot-sim dataset VERB`: finds the verb's module, and imports nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module

VERBS: Mapping[str, tuple[str, str]] = {
    "info": ("dataset_info", "what is in a dataset"),
    "show": ("dataset_show", "a contact sheet: episodes by moments, in one PNG"),
    "check": ("dataset_check", "a table of verdicts over every part; --repair mends a damaged end"),
    "compact": ("dataset_compact", "as few files as can be; in place or into another folder"),
    "delete": ("dataset_delete", "without some episodes"),
    "edit-task": ("dataset_edit_task", "other words for what is done"),
    "merge": ("dataset_merge", "several datasets as one"),
    "split": ("dataset_split", "one dataset as several: train and val, or by episodes"),
    "push": ("dataset_push", "to the Hugging Face hub, with a card"),
    "pull": ("dataset_pull", "from the Hugging Face hub, checked"),
    "export": ("dataset_export", "to HDF5 in robomimic's layout, or to NumPy files"),
    "import": ("dataset_import_", "from robomimic's and LIBERO's HDF5 files, or from an export"),
}
"""Name -> (module in this folder, one line of help)."""

_HELP = """usage: lerobot-sim dataset VERB [options]

Look at, check, mend and rearrange LeRobot datasets (format v3), ours or another's.

verbs:
{verbs}

start here:
  lerobot-sim dataset info outputs/dataset            what is in it
  lerobot-sim dataset check outputs/dataset           is it whole?
  lerobot-sim dataset VERB --help                     what a verb takes

Every verb takes --json (one JSON object on standard output) and --debug (full tracebacks)."""


def usage() -> str:
    """The help over all verbs."""
    return _HELP.format(verbs="\n".join(f"  {name:<11}{about}" for name, (_, about) in VERBS.items()))


def main(argv: Sequence[str]) -> int:
    """Runs one verb and returns its exit code."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if argv[0] not in VERBS:
        from .failures import no_such_command

        return no_such_command(argv[0], VERBS, kind="verb", listing="lerobot-sim dataset --help")
    return import_module(f"{__package__}.{VERBS[argv[0]][0]}").main(argv[1:])

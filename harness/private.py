"""Variables that are nobody else's business: credentials, and the files through which a CI job is steered. Near side.

Knows names only. Must not look at a value, and is no protection: code that runs as the user finds what the user can.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_PREFIXES = ("GITHUB_", "ACTIONS_", "RUNNER_", "CI_", "SSH_", "GPG_", "TWINE_", "UV_PUBLISH_")
_WORDS = re.compile(
    r"(?:^|_)(?:TOKENS?|PAT|SECRETS?|PASS|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH|COOKIE|KEY|APIKEY)(?:$|_)"
)


def is_private(name: str) -> bool:
    """Whether a variable looks like a credential, or steers the job that the suite runs in."""
    return name.startswith(_PREFIXES) or _WORDS.search(name.upper()) is not None


def public(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables without the private ones."""
    return {name: value for name, value in variables.items() if not is_private(name)}

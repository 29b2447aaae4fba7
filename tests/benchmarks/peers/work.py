"""What all peers have in common: the batches, the address, the credential."""

import argparse
import uuid
from typing import Final

ORG: Final = "6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f"
BODY_HEADERS: Final = {"Authorization": "Bearer an-access-token", "Content-Type": "application/json"}
TIMEOUT: Final = 30.0
_BATCH: Final = 15


def activate_url(api_url: str) -> str:
    return f"{api_url}/csp/gateway/am/api/orgs/{ORG}/api-tokens/activate"


def new_batch() -> list[str]:
    return [str(uuid.uuid4()) for _ in range(_BATCH)]


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that the asyncio scripts share."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--url", required=True, help="of the API")
    made.add_argument("--batches", type=int, required=True)
    made.add_argument("--rate", type=float, required=True, help="requests per second, as its user believes")
    return made

"""What an error of the credential means for the job that met it."""

from worker.api.credentials import CredentialRejectedError
from worker.api.tokens import NotOwnerError
from worker.core.job import ReasonCode
from worker.core.reason import Reason
from worker.core.retrying.action import Halt


def credential_fault(error: CredentialRejectedError | NotOwnerError) -> Halt:
    """A rejected credential pauses the job; one that is no owner's fails it."""
    if isinstance(error, NotOwnerError):
        return Halt(ReasonCode.ORGANIZATION_FORBIDDEN, Reason("NOT_OWNER", str(error)))
    return Halt(ReasonCode.CREDENTIAL_REJECTED, Reason("CREDENTIAL_REJECTED", str(error)))

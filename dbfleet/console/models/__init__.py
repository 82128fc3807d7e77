"""The tables of the control database.

    work     Schedule → Job → Part, and the journal of a copy
    chain    Entry, the chain of all that was asked and found; Receipt, which lists what an entry holds
    watch    TargetState and Sample, the fleet's health; Pulse, who is alive
    access   Grant, Token, LoginLink, LoginAttempt; SavedQuery, Asked; Budget
    notice   Channel, Maintenance, Notice

Moments are the control database's own clock (`clock_timestamp()`), never a worker's.
"""

from dbfleet.console.models.access import (
    ROLES,
    Asked,
    Budget,
    Grant,
    LoginAttempt,
    LoginLink,
    SavedQuery,
    Token,
)
from dbfleet.console.models.chain import Entry, Receipt
from dbfleet.console.models.notice import Channel, Maintenance, Notice
from dbfleet.console.models.watch import Pulse, Sample, TargetState
from dbfleet.console.models.work import CopyJournal, Job, Part, Schedule

__all__ = [
    "ROLES",
    "Asked",
    "Budget",
    "Channel",
    "CopyJournal",
    "Entry",
    "Grant",
    "Job",
    "LoginAttempt",
    "LoginLink",
    "Maintenance",
    "Notice",
    "Part",
    "Pulse",
    "Receipt",
    "Sample",
    "SavedQuery",
    "Schedule",
    "TargetState",
    "Token",
]

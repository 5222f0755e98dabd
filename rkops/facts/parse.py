"""From the agent's JSON to frozen facts."""

import msgspec

from rkops.core.errors import AgentReplyError
from rkops.facts.board import BoardFacts

SCHEMA = 1
_DECODER = msgspec.json.Decoder(BoardFacts)


def parse_facts(payload: bytes, *, board: str = "") -> BoardFacts:
    """Read a probe reply.

    Raises:
        AgentReplyError: the reply is not what this rkops understands; the message names the field.
    """
    try:
        facts = _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise AgentReplyError(
            f"the probe's reply does not fit: {exc}",
            board=board,
            hint="rkops and its agent disagree; please report this with rkops --debug doctor",
        ) from exc
    if facts.schema != SCHEMA:
        raise AgentReplyError(
            f"the probe speaks schema {facts.schema}, this rkops {SCHEMA}",
            board=board,
            hint="remove ~/.cache/rkops on the board and try again",
        )
    return facts

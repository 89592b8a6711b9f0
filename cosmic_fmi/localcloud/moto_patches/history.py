"""The end of an execution with too many events, which moto 5.2.5 lets go on for ever.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/bp-history-limit.html
"""

from __future__ import annotations

from moto.stepfunctions.parser.api import ExecutionFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField

from cosmic_fmi.localcloud.moto._untyped import MotoObject

EVENTS = 25_000


def install(events: int = EVENTS) -> None:
    """Let no execution enter another state once its history has room for its end only."""
    evaluate = CommonStateField._eval_body

    def evaluate_within_limit(self: MotoObject, env: MotoObject) -> None:
        if len(env.event_manager._history_event_list) >= events - 1:
            cause = f"The execution reached the maximum number of history events ({events})."
            kind = StatesErrorNameType.StatesRuntime.to_name()
            # Not raised: no state may catch it.
            env.set_error(ExecutionFailedEventDetails(error=kind, cause=cause))
            return
        evaluate(self, env)

    CommonStateField._eval_body = evaluate_within_limit

"""What moto 5.2.5 lacks in AWS Budgets, without which Terraform's provider retries for minutes.

- DescribeSubscribersForNotification, which answers whom a budget warns.
- ListTagsForResource, for the tags that CreateBudget was given.
"""

from __future__ import annotations

import json

from moto.budgets.models import BudgetsBackend
from moto.budgets.responses import BudgetsResponse

from cosmic_fmi.localcloud.moto._untyped import MotoObject


def install() -> None:
    """Put everything of this module into moto's classes."""
    create = BudgetsResponse.create_budget

    def create_with_tags(self: MotoObject) -> MotoObject:
        answer = create(self)
        budget = _budget(self.backend, self._get_param("AccountId"), self._get_param("Budget")["BudgetName"])
        budget.tags = self._get_param("ResourceTags") or []
        return answer

    BudgetsResponse.create_budget = create_with_tags
    BudgetsResponse.describe_subscribers_for_notification = _describe_subscribers
    BudgetsResponse.list_tags_for_resource = _list_tags


def _budget(backend: MotoObject, account: str, name: str) -> MotoObject:
    BudgetsBackend.describe_budget(backend, account, name)  # raises NotFoundException
    return backend.budgets[account][name]


def _describe_subscribers(self: MotoObject) -> str:
    budget = _budget(self.backend, self._get_param("AccountId"), self._get_param("BudgetName"))
    wanted = self._get_param("Notification")
    found = [
        subscriber
        for notification in budget.notifications
        if wanted.items() <= notification.details.items()
        for subscriber in notification.subscribers
    ]
    return json.dumps({"Subscribers": found})


def _list_tags(self: MotoObject) -> str:
    account, _, name = self._get_param("ResourceARN").removeprefix("arn:aws:budgets::").partition(":budget/")
    return json.dumps({"ResourceTags": _budget(self.backend, account, name).tags})
